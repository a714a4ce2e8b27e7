"""Values as a check meets them: made plain, compared, put into words."""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bigmodel.check.speech import say


def plain(value: Any) -> Any:
    """A value in the form in which any right way of writing it is equal: numbers and their lists as one tensor."""
    if isinstance(value, nn.Module):
        return plain(dict(value.state_dict()))
    if isinstance(value, torch.optim.Optimizer):
        return plain([{k: v for k, v in group.items() if k != "params"} for group in value.param_groups])
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "biufc":
        value = torch.from_numpy(np.array(value))
    if isinstance(value, Tensor):
        value = value.detach().to_dense() if value.is_sparse else value.detach()
        return value.clone() if value.dtype == torch.bool or value.is_complex() else value.double()
    if isinstance(value, (bool, int, float)):
        return torch.tensor(value, dtype=torch.bool if isinstance(value, bool) else torch.float64)
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, range)):
        items = [plain(item) for item in value]
        alike = {(item.shape, item.dtype) if isinstance(item, Tensor) else None for item in items}
        return torch.stack(items) if len(alike) == 1 and None not in alike else items or torch.zeros(0).double()
    return value


def same(a: Any, b: Any, tolerance: float = 1e-5) -> bool:
    """Whether two plain values are equal but for rounding; tolerance 0 asks for every bit."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        if a.numel() == b.numel() == 1 and b.ndim == 0:
            a = a.reshape(())
        if a.shape != b.shape or a.is_complex() != b.is_complex():
            return False
        if a.dtype == torch.bool or b.dtype == torch.bool or not b.numel():
            return bool((a == b).all())
        finite = b[b.isfinite()].abs()
        scale = min(1.0, finite.max().item()) if finite.numel() else 1.0
        return torch.allclose(a, b, rtol=tolerance, atol=tolerance * scale, equal_nan=True)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() >= b.keys() and all(same(a[key], b[key], tolerance) for key in b)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(x, y, tolerance) for x, y in zip(a, b, strict=True))
    try:
        return bool(type(a) is type(b) and (a is b or a == b))
    except Exception:  # an == of somebody's own
        return False


def unlike(value: Any, expected: Any, given: str) -> str | None:
    """A sentence about what was returned instead of such a thing as is expected; None for such a thing."""
    found, wanted = plain(value), plain(expected)
    if value is None and expected is not None:
        return say("nothing", given=given)
    if isinstance(wanted, Tensor) and isinstance(found, Tensor):
        whole = all(isinstance(each, (list, tuple)) for each in (value, expected)) and short(value, expected)
        if found.shape != wanted.shape and not (wanted.ndim == 0 and found.numel() == 1) and not whole:
            if wanted.ndim == 0 or found.ndim == 0:
                return say("kind", given=given, value=described(value), expected=described(expected))
            return say("shape", given=given, value=tuple(found.shape), expected=tuple(wanted.shape))
        kinds = dtype_of(value), dtype_of(expected)
        # Only tensors have a type that matters; in Python 1, 1.0 and, in a list, True are equal.
        strict = all(isinstance(each, (Tensor, np.ndarray)) for each in (value, expected))
        if kinds[0] != kinds[1] and (strict or "booleans" in kinds):
            return say("dtype", given=given, value=kinds[0], expected=kinds[1])
        return None
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        if missing := [key for key in wanted if key not in found]:
            return say("no key", given=given, name=written(missing[0]))
        if more := [key for key in found if key not in wanted]:
            return say("more keys", given=given, name=written(more[0]))
        return next((odd for key in wanted if (odd := unlike(value[key], expected[key], f"{given}{key}: "))), None)
    if isinstance(expected, (list, tuple)) and isinstance(value, (list, tuple)):
        if len(value) != len(expected) and short(value, expected):
            return None  # both are shown whole
        if len(value) != len(expected):
            return say("number of", given=given, value=len(value), expected=len(expected))
        for place, (one, other) in enumerate(zip(value, expected, strict=True)):
            if unlike(one, other, given):
                return say("item", given=given, place=place, value=described(one), expected=described(other))
        return None
    if type(found) is not type(wanted) and not (callable(found) and callable(wanted)):
        return say("kind", given=given, value=described(value), expected=described(expected))
    return None


def dtype_of(value: Any) -> str:
    if isinstance(value, (list, tuple)) and any(isinstance(item, bool) for item in value):
        return "numbers"
    dtype = plain(value).dtype if not isinstance(value, (Tensor, np.ndarray)) else torch.as_tensor(value).dtype
    if dtype == torch.bool:
        return "booleans"
    return "complex numbers" if dtype.is_complex else "floats" if dtype.is_floating_point else "whole numbers"


def differing(value: Any, expected: Any, given: str) -> str:
    """Where the two differ first, as a reader would write it: of tensors with rows, in the first row that does."""
    found, wanted = plain(value), plain(expected)
    if isinstance(wanted, Mapping):
        key = next(key for key in wanted if not same(found[key], wanted[key]))
        if not short(value[key], expected[key]):
            return differing(value[key], expected[key], f"{given}{key}: ")
        left, right = apart(value[key], expected[key])
        return say("part", given=given, part=key, value=left, expected=right)
    rowless = not isinstance(expected, Tensor) or expected.ndim < 2
    if isinstance(wanted, (Tensor, list)) and rowless and not short(value, expected):
        spots = (spot for spot, pair in enumerate(zip(found, wanted, strict=False)) if not same(*pair))
        if (spot := next(spots, None)) is not None:
            left, right = apart(value[spot], expected[spot])
            return say("item", given=given, place=spot, value=cut(left, 100), expected=cut(right, 100))
    if rowless:
        left, right = apart(value, expected)
        return say("values", given=given, value=left, expected=right)
    rows = list(zip(found.flatten(0, -2), wanted.flatten(0, -2), strict=True))
    row = next(row for row, pair in enumerate(rows) if not same(*pair))
    left, right = apart(*rows[row])
    place = ", ".join(str(int(i)) for i in np.unravel_index(row, expected.shape[:-1]))
    return say("row", given=given, row=place, value=left, expected=right)


ALWAYS: dict[str, Callable[[Any, Any], bool]] = {
    "sign": lambda found, wanted: same(found, -wanted),
    "order": lambda found, wanted: same(*(in_order(each) for each in (found, wanted))),
    "transposed": lambda found, wanted: found.ndim > 1 and same(found.mT, wanted),
    "shape only": lambda found, wanted: same(found.flatten(), wanted.flatten()),
    "no last": lambda found, wanted: len(found) > 0 and same(found, wanted[:-1]),
    "no first": lambda found, wanted: len(found) > 0 and same(found, wanted[1:]),
}


def in_order(values: Any) -> Any:
    """Values that stand in a row, sorted."""
    return sorted(values) if isinstance(values, list) or values.ndim != 1 else values.sort().values


def certain(pairs: Sequence[tuple[Any, Any]], case: int) -> str | None:
    """What is certain in all cases of (value, expected), of which one is shown; None if nothing is."""
    both = [(plain(value), plain(expected)) for value, expected in pairs]
    if all(isinstance(each, Mapping) for pair in both for each in pair):
        part = next((key for key, right in both[case][1].items() if not same(both[case][0].get(key), right)), None)
        both = [(found.get(part), wanted.get(part)) for found, wanted in both]
    if any(isinstance(each, Tensor) and each.dtype == torch.float64 and each.isnan().any() for each in both[case]):
        return say("nan")
    for sentence, holds in ALWAYS.items():
        with suppress(Exception):  # what cannot be negated, or sorted, or cut
            if all(holds(*pair) for pair in both):
                return say(sentence)
    return relation(both)


MADE: dict[str, Callable[[Tensor], Tensor]] = {
    "the logarithm of": torch.log, "e to the power of": torch.exp, "1 divided by": torch.reciprocal,
    "1 minus": lambda x: 1 - x, "the square of": torch.square, "the root of": torch.sqrt,
}  # fmt: skip
CONSTANTS = {"ln 2": math.log(2), "1 / ln 2": 1 / math.log(2), "1 / ln 10": 1 / math.log(10)}


def relation(both: Sequence[tuple[Any, ...]]) -> str | None:
    """How an answer's numbers follow from the expected ones, in the same way in all cases; None if they do not."""
    if not all(isinstance(each, Tensor) and each.dtype == torch.float64 for pair in both for each in pair):
        return None
    found, wanted = (torch.cat([pair[side].flatten() for pair in both]) for side in (0, 1))
    if len(found) != len(wanted) or len(wanted.unique()) < 3:
        return None
    if found.any() and any(same(found, wanted.round(decimals=digits), 1e-9) for digits in range(5)):
        return say("rounded")
    for how, make in MADE.items():
        if same(found, make(wanted)):
            return say("made", how=how)
    more, times = (found - wanted).mean(), (wanted @ found) / (wanted @ wanted)
    if torch.allclose(found - wanted, more.expand_as(found), rtol=1e-4, atol=0):
        return say("more" if more > 0 else "less", value=written(abs(more)))
    if found.any() and torch.allclose(found, times * wanted, rtol=1e-5, atol=0):
        known = next((f" = {name}" for name, constant in CONSTANTS.items() if abs(times / constant - 1) < 1e-5), "")
        return say("times", value=written(times) + known)
    return None


def short(*values: Any) -> bool:
    """Whether values can be shown whole."""
    return sum(len(written(value)) for value in values) <= 120


def cut(text: str, room: int) -> str:
    """A text that is not longer than there is room."""
    return text if len(text) <= room else f"{text[: room - 1]}…"


def apart(value: Any, expected: Any) -> tuple[str, str]:
    """Both as a reader writes them, with as many digits as it takes to tell them apart."""
    pairs = [(written(value, digits), written(expected, digits)) for digits in (3, 4, 6, 9)]
    return next((pair for pair in pairs if pair[0] != pair[1]), pairs[-1])


def written(value: Any, digits: int = 4) -> str:
    """(0.25, 0, −inf): a value as a reader writes it; a large tensor by its shape."""
    if (isinstance(value, Tensor) and value.ndim == 0) or isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        text = f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.{digits}g}"
        return text.replace("-", "−")
    if isinstance(value, int) and not isinstance(value, bool):
        return (f"{value:,}" if abs(value) >= 10_000 else str(value)).replace("-", "−")
    if isinstance(value, np.ndarray):
        value = torch.from_numpy(value) if value.dtype.kind in "biufc" else value.tolist()
    if isinstance(value, Tensor):
        if value.numel() > 24 or value.ndim > 2:
            return f"of shape {tuple(value.shape)}"
        return f"({', '.join(written(item, digits) for item in value)})"
    if isinstance(value, (list, tuple)):
        text = ", ".join(written(item, digits) for item in value[:24]) + (", …" if len(value) > 24 else "")
        return f"[{text}]" if isinstance(value, list) else f"({text})"
    text = getattr(value, "__name__", None) or repr(value)
    if " object at 0x" in text or (isinstance(value, nn.Module) and "__repr__" not in vars(type(value))):
        return f"a {type(value).__name__}"
    return cut(text, 100)


def described(value: Any) -> str:
    """What kind of thing it is: a tensor by its shape, what is short as it stands."""
    if isinstance(value, (Tensor, np.ndarray)):
        kind = "a tensor" if isinstance(value, Tensor) else "an array"
        return f"{kind} of shape {tuple(value.shape)}" if value.ndim else "one number"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return "one number"
    if isinstance(value, (list, tuple)):
        return f"a {type(value).__name__} of {len(value)}"
    return "nothing" if value is None else f"a {type(value).__name__}, {written(value)}"


def listed(words: Mapping[Any, Any] | Sequence[Any]) -> str:
    """a, b and c."""
    names = [str(word) for word in words]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
