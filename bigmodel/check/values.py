"""Values as a check meets them: made plain, compared, put into words."""

from collections.abc import Mapping, Sequence
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
        if found.shape != wanted.shape and not (wanted.ndim == 0 and found.numel() == 1):
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
        if found.keys() != wanted.keys():
            return say("keys", given=given, value=listed(found), expected=listed(wanted))
        return next((odd for key in wanted if (odd := unlike(value[key], expected[key], f"{given}{key}: "))), None)
    if isinstance(expected, (list, tuple)) and isinstance(value, (list, tuple)):
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
        left, right = apart(value[key], expected[key])
        return say("part", given=given, part=key, value=left, expected=right)
    if not isinstance(expected, Tensor) or expected.ndim < 2:
        left, right = apart(value, expected)
        return say("values", given=given, value=left, expected=right)
    rows = list(zip(found.flatten(0, -2), wanted.flatten(0, -2), strict=True))
    row = next(row for row, pair in enumerate(rows) if not same(*pair))
    left, right = apart(*rows[row])
    place = ", ".join(str(int(i)) for i in np.unravel_index(row, expected.shape[:-1]))
    return say("row", given=given, row=place, value=left, expected=right)


def fact(value: Any, expected: Any) -> str | None:
    """What is certain about a value that is not the expected one; None if nothing is."""
    found, wanted = plain(value), plain(expected)
    if not (isinstance(found, Tensor) and isinstance(wanted, Tensor)) or found.dtype == torch.bool:
        return None
    found = found.reshape(wanted.shape)
    if found.isnan().any() and not wanted.isnan().any():
        return say("nan")
    if same(found, -wanted):
        return say("sign")
    if found.any() and any(same(found, wanted.round(decimals=digits), 1e-9) for digits in range(5)):
        return say("rounded")
    if wanted.ndim == 1 and same(found.sort().values, wanted.sort().values):
        return say("order")
    if wanted.ndim > 1 and wanted.shape[-1] == wanted.shape[-2] and same(found.mT, wanted):
        return say("transposed")
    return None


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
    if isinstance(value, nn.Module):
        return f"a {type(value).__name__}"
    text = getattr(value, "__name__", None) or repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


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
