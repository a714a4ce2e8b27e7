"""The exercises of notebook 11: the roof, one head with a cache, the cache, its bytes, speculation, int8 weights."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from bigmodel.check.engine import Function, exercise
from bigmodel.check.translation import named
from bigmodel.check.values import differing, listed, plain, written


def seeded(*shape: int, seed: int = 0) -> Tensor:
    """Numbers that are the same each time."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# One mistake, one line or two.
# fmt: off
@exercise(
    hints=(
        "How many operations does the product take for one row, and for all? How many bytes, and does the batch "
        "change that?",
        "Two times: operations / flops_a_second, and bytes / bytes_a_second. The longer one decides.",
        "max(2 * weights * rows / flops_a_second, 4 * weights / bytes_a_second)",
    ),
    why="That is the roofline: whichever of the two is slower sets the pace, and the other waits.",
    cases=[
        (1e6, 1, 1e11, 1e10), (1e6, 100, 1e11, 1e10), (1e6, 1, 1e9, 1e10), (3e6, 40, 2e11, 1e10), (2e3, 50, 1e12, 1e9)
    ],
    wrong={
        "the two go on at the same time: take the longer one, not their sum":
            lambda w, r, f, b: 2 * w * r / f + 4 * w / b,
        "the weights are read once for all rows: no rows in the bytes":
            lambda w, r, f, b: max(2 * w * r / f, 4 * w * r / b),
        "every row needs its own operations: times rows": lambda w, r, f, b: max(2 * w / f, 4 * w / b),
        "a weight takes a multiplication and an addition: 2 operations": lambda w, r, f, b: max(w * r / f, 4 * w / b),
        "a weight takes 4 bytes": lambda w, r, f, b: max(2 * w * r / f, w / b),
        "only the operations are counted": lambda w, r, f, b: 2 * w * r / f,
        "only the bytes are counted": lambda w, r, f, b: 4 * w / b,
        "the two speeds are exchanged": lambda w, r, f, b: max(2 * w * r / b, 4 * w / f),
    },
    tolerance=1e-4,
)
def least_seconds(weights: int, rows: int, flops_a_second: float, bytes_a_second: float) -> float:
    return max(2 * weights * rows / flops_a_second, 4 * weights / bytes_a_second)


def head(
    x: Tensor, keys: Tensor, values: Tensor, W_q: Tensor, W_k: Tensor, W_v: Tensor, *,
    root: Callable[[Tensor], float] = lambda keys: keys.shape[1] ** 0.5, dim: int = -1, itself: bool = True,
) -> tuple[Tensor, Tensor, Tensor]:
    """One head's step, with what can go wrong in it."""
    longer, more = torch.cat([keys, x @ W_k]), torch.cat([values, x @ W_v])
    keys, values = (longer, more) if itself else (keys, values)
    return (x @ W_q @ keys.T / root(keys)).softmax(dim) @ values, longer, more


def head_case(t: int, C: int, D: int) -> Callable[[], tuple[Tensor, ...]]:
    shapes = [(1, C), (t, D), (t, D), (C, D), (C, D), (C, D)]
    return lambda: tuple(seeded(*shape, seed=10 * t + place) for place, shape in enumerate(shapes))


@exercise(
    hints=(
        "Which keys and values are there already, and which one of each is new?",
        "torch.cat([keys, x @ W_k]) has the new key as its last row. The values likewise. Then one row of attention.",
        "scores = (x @ W_q) @ keys.T / math.sqrt(D), with the new keys; softmax(-1) @ values; return all three.",
    ),
    why="One query, all keys: the work for a token grows with the text, but no key is ever computed again.",
    cases=[head_case(2, 3, 2), head_case(4, 2, 3), head_case(1, 3, 4)],
    drive=named("what it gathers", "the table of keys", "the table of values"),
    given=lambda x, keys, *rest: f"for a token after {len(keys)} other{'s' if len(keys) > 1 else ''}",
    wrong={
        "the new token looks at itself, too: add its key and value before you look": lambda *a: head(*a, itself=False),
        "the scores are to be divided by √D": lambda *a: head(*a, root=lambda keys: 1),
        "the scores were divided by D: by its root": lambda *a: head(*a, root=lambda keys: keys.shape[1]),
        "that is the root of the number of keys: of D, the number of components":
            lambda *a: head(*a, root=lambda keys: len(keys) ** 0.5),
        "the softmax goes along the keys: softmax(-1)": lambda *a: head(*a, dim=0),
        "the new row stands first; positions go on, so it belongs last": lambda *a: (
            head(*a)[0], *(table.roll(1, 0) for table in head(*a)[1:])),
        "keys come from W_k and values from W_v: they are exchanged":
            lambda x, k, v, q, K, V: head(x, k, v, q, V, K),
        "the keys and values that come back lack the new row": lambda x, k, v, *W: (head(x, k, v, *W)[0], k, v),
    },
    refused=[lambda x, k, v, q, K, V: head(x, k, v, K, K, V)],
)
def head_step(x: Tensor, keys: Tensor, values: Tensor, W_q: Tensor, W_k: Tensor, W_v: Tensor) -> Any:
    keys = torch.cat([keys, x @ W_k])
    values = torch.cat([values, x @ W_v])
    scores = (x @ W_q) @ keys.T / math.sqrt(keys.shape[1])
    return scores.softmax(-1) @ values, keys, values


def spoiled(**methods: Any) -> Any:
    """The right cache, but for one of its methods, made when it is asked for."""
    return lambda: type("Cache", (Cache.right,), methods)()  # type: ignore[attr-defined]


def right(cache: Any) -> Any:
    """The class of which a cache is a spoiled one."""
    return type(cache).__base__


def in_front(self: Any, keys: Tensor, values: Tensor) -> Any:
    old = (self.keys, self.values) if self.length else (keys[:, :, :0], values[:, :, :0])
    self.length = 0
    return right(self).extend(self, torch.cat([keys, old[0]], 2), torch.cat([values, old[1]], 2))


def counts_calls(self: Any, keys: Tensor, values: Tensor) -> Any:
    before, found = self.length, right(self).extend(self, keys, values)
    self.length = before + 1
    return found


def used(answer: Any, reads: Sequence[int], length: int) -> dict[str, Any]:
    """Extend a cache by so many positions at a time, cut it, and extend it again; beside it stands another one."""
    cache, other = answer(), answer()
    found: dict[str, Any] = {"length at first": cache.length}
    for number, positions in enumerate(reads):
        keys, values = cache.extend(*new_positions(positions, number + 1))
        if number == 0:
            other.extend(*new_positions(3, 7))
    found |= {"the keys that extend returns, of one row": keys[0, :, :, 0], "the values": values[0, :, :, 0]}
    found["length"] = cache.length
    cache.cut(length)
    found[f"length after cut({length})"] = cache.length
    keys, values = cache.extend(*new_positions(2, 9))
    return found | {"the keys after a cut": keys[0, :, :, 0], "the values after a cut": values[0, :, :, 0]}


def new_positions(positions: int, number: int) -> tuple[Tensor, Tensor]:
    """Keys and values (2, 2, positions, 3): 11, 12 … in one head, 111, 112 … in the other; values have a half more."""
    keys = 10 * number + torch.arange(1.0, positions + 1)
    keys = torch.stack([keys, 100 + keys])[None, :, :, None].expand(2, 2, positions, 3).clone()
    return keys, keys + 0.5


@exercise(
    hints=(
        "What is to be kept between two calls of extend, and what was kept before the first?",
        "torch.cat([self.keys, keys], dim=2) puts the new positions after the old ones; cut keeps [:, :, :length].",
        "In extend: if self.length is above 0, cat both; then keep both, set self.length = keys.shape[2], return both.",
    ),
    why="The whole memory of a Transformer while it writes: every program that serves one keeps such a thing.",
    cases=[((3, 1), 2), ((1, 1, 2), 3), ((2, 2), 1)],
    drive=used,
    given=lambda reads, length: f"after {' and '.join(map(str, reads))} positions",
    wrong={
        "extend gives back the new ones alone: it must return all so far":
            spoiled(extend=lambda self, k, v: (right(self).extend(self, k, v), (k, v))[1]),
        "the new positions stand before the old: they come last": spoiled(extend=in_front),
        "length counts the calls: it must count positions": spoiled(extend=counts_calls),
        "cut does nothing": spoiled(cut=lambda self, n: None),
        "cut keeps the last positions: it must keep the first": spoiled(cut=lambda self, n: self.__dict__.update(
            keys=self.keys[:, :, -n:], values=self.values[:, :, -n:], length=n)),
        "cut takes so many positions away: it must leave so many":
            spoiled(cut=lambda self, n: right(self).cut(self, self.length - n)),
        "cut must set length, too": spoiled(
            cut=lambda self, n: self.__dict__.update(keys=self.keys[:, :, :n], values=self.values[:, :, :n])),
        "cut sets length alone: the keys and values must go as well":
            spoiled(cut=lambda self, n: self.__dict__.update(length=n)),
    },
    refused=[lambda once=[]: once[0] if once else once.append(spoiled()()) or once[0]],
)
class Cache:
    def __init__(self) -> None:
        self.keys: Any = None
        self.values: Any = None
        self.length = 0

    def extend(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        if self.length > 0:
            keys = torch.cat([self.keys, keys], dim=2)
            values = torch.cat([self.values, values], dim=2)
        self.keys, self.values = keys, values
        self.length = keys.shape[2]
        return keys, values

    def cut(self, length: int) -> None:
        self.keys = self.keys[:, :, :length]
        self.values = self.values[:, :, :length]
        self.length = length


@exercise(
    hints=(
        "What is kept for one position, in one block, of one row?",
        "A key and a value: each n_kv_head · head_size numbers, of 4 bytes.",
        "2 * n_layer * n_kv_head * head_size * tokens * rows * 4",
    ),
    why="Weights are there once; the cache grows with every token of every reader. It is what a server runs out of.",
    cases=[(3, 4, 32, 256, 1), (2, 1, 8, 10, 5), (4, 2, 16, 7, 3), (1, 3, 4, 100, 2)],
    wrong={
        "that is half: a key and a value are kept, and each number takes 4 bytes":
            lambda n, g, d, t, r: 4 * n * g * d * t * r,
        "those are the numbers: each takes 4 bytes": lambda n, g, d, t, r: 2 * n * g * d * t * r,
        "that is one block: each keeps its own": lambda n, g, d, t, r: 8 * g * d * t * r,
        "that is one head: each keeps its own": lambda n, g, d, t, r: 8 * n * d * t * r,
        "that is one row: each keeps its own": lambda n, g, d, t, r: 8 * n * g * d * t,
        "that is one position: each keeps its own": lambda n, g, d, t, r: 8 * n * g * d * r,
        "attention maps are of tokens times tokens, but they are not kept: times tokens once":
            lambda n, g, d, t, r: 8 * n * g * d * t * t * r,
        "that is double: one key and one value are kept, and each number takes 4 bytes":
            lambda n, g, d, t, r: 16 * n * g * d * t * r,
    },
)
def cache_bytes(n_layer: int, n_kv_head: int, head_size: int, tokens: int, rows: int) -> int:
    return 2 * n_layer * n_kv_head * head_size * tokens * rows * 4


P, Q = torch.tensor([0.1, 0.3, 0.6]), torch.tensor([0.5, 0.3, 0.2])
P4, Q4 = torch.tensor([0.3, 0.1, 0.35, 0.25]), torch.tensor([0.1, 0.5, 0.2, 0.2])


def scaled(numbers: Tensor) -> Tensor:
    return numbers / numbers.sum()


def summing(*names: str) -> Function:
    """How a distribution differs from the right one, for arguments of these names: what it sums to is said, too."""
    def shown(value: Any, expected: Any, *arguments: Any) -> str:
        given = listed([f"{name} = {written(each)}" for name, each in zip(names, arguments, strict=True)])
        total = float(plain(value).sum())
        odd = f", and yours sum to {written(total, 3)}, not to 1" if abs(total - 1) > 1e-3 else ""
        return differing(value, expected, f"for {given} ") + odd

    return shown


@exercise(
    hints=(
        "How often does each token come, if a draft is accepted as often as it may be? What is still missing to p?",
        "min(p, q) is there already. What p has beyond it is max(0, p − q); then make it sum to 1.",
        "left = (p - q).clamp(min=0); return left / left.sum()",
    ),
    why="Only what the draft says too seldom is made up for. That is what keeps the text the large model's own.",
    cases=[(P4, Q4), (P, Q), (Q4, P4)],
    shown=summing("p", "q"),
    wrong={
        "that is p itself. Tokens that the draft says often would come too often": lambda p, q: p,
        "that counts where q is larger, too: only what p has more": lambda p, q: scaled((p - q).abs()),
        "that is what q has more: p − q, not q − p": lambda p, q: scaled((q - p).clamp(min=0)),
        "that is p where it is larger; take off q, which has come already": lambda p, q: scaled(p * (p > q)),
        "that is what both have in common: what p has beyond it is missing": lambda p, q: scaled(torch.minimum(p, q)),
        "a softmax gives every token something; here those that q says often enough get 0":
            lambda p, q: (p - q).softmax(-1),
        "no softmax: what p has more is divided by its sum, so that 0 stays 0":
            lambda p, q: (p - q).clamp(min=0).softmax(-1),
    },
    refused=[lambda p, q: (p - q).clamp(min=0)],
)
def residual(p: Tensor, q: Tensor) -> Tensor:
    left = (p - q).clamp(min=0)
    return left / left.sum()


@exercise(
    hints=(
        "A token k is drafted with probability q[k]. With which is it then accepted, and what is the product?",
        "q · min(1, p / q) is min(p, q). Add up over all tokens.",
        "torch.minimum(p, q).sum(), or 1 minus half of the sum of |p − q|",
    ),
    why="How far two distributions lie apart, the total variation distance, is the share of work that is lost.",
    cases=[(P, Q), (P4, Q4), (P4, P4), (torch.tensor([0.4, 0.3, 0.2, 0.1]), torch.tensor([0.1, 0.2, 0.3, 0.4]))],
    wrong={
        "|p − q| counts every difference twice, once where p is larger and once where q is: half of it":
            lambda p, q: 1 - (p - q).abs().sum(),
        "that is the share refused: 1 minus it": lambda p, q: (p - q).abs().sum() / 2,
        "that is the chance that two draws are the same token": lambda p, q: (p * q).sum(),
        "that is 1 plus the distance: 1 minus it, or the sum of the smaller of p and q":
            lambda p, q: torch.maximum(p, q).sum(),
        "min(1, p/q) is to be weighted by q, which says how often each token is drafted":
            lambda p, q: (p / q).clamp(max=1).mean(),
        "min(1, p/q) was added up, as if each token were drafted every time: q says how often":
            lambda p, q: (p / q).clamp(max=1).sum(),
        "that is for tokens drawn from p; drafts are drawn from q": lambda p, q: (p * (p / q).clamp(max=1)).sum(),
        "that is the mean over the tokens: the sum is asked for": lambda p, q: torch.minimum(p, q).mean(),
    },
)
def acceptance(p: Tensor, q: Tensor) -> Tensor:
    return torch.minimum(p, q).sum()


def draw(probabilities: Tensor, chance: float) -> int:
    """The first token whose running sum is above the chance, a number from 0 to 1."""
    sums = probabilities.cumsum(0)
    return int((sums > chance * sums[-1]).nonzero()[0])


def verified(
    p: Tensor, q: Tensor, drafted: list[int], chances: list[float], *,
    keep: Callable[..., Any] = lambda p, q, chance: chance * q < p,
    instead: Callable[[Tensor, Tensor], Tensor] = residual.right, go_on: bool = False, both: bool = False,
) -> list[int]:
    """A round, with what can go wrong in it."""
    new: list[int] = []
    for place, token in enumerate(drafted):
        kept = keep(p[place, token], q[place, token], chances[place])
        new += [token] if kept or both else []
        new += [] if kept else [draw(instead(p[place], q[place]), chances[-1])]
        if not kept and not go_on:
            return new
    return [*new, draw(p[-1], chances[-1])]


def by_parts(answer: Function, p: Tensor, q: Tensor, drafted: list[int], chances: list[float]) -> dict[str, Any]:
    """What a round brings, so that it is seen whether the judging went wrong or the drawing."""
    *stay, last = answer(p, q, drafted, chances)
    words = " ".join(str(int(token)) for token in stay)
    return {"the number of new tokens": len(stay) + 1, "what stays of the draft": words, "what is drawn": int(last)}


def dropped(p: Tensor, q: Tensor, drafted: list[int], chances: list[float]) -> list[int]:
    new = verified(p, q, drafted, chances)
    return new if len(new) > len(drafted) else new[:-1]


PS = torch.stack([P4, torch.tensor([0.7, 0.1, 0.1, 0.1]), torch.tensor([0.2, 0.2, 0.2, 0.4])])
QS = torch.stack([Q4, torch.tensor([0.2, 0.2, 0.3, 0.3])])


@exercise(
    hints=(
        "Go through the drafted tokens one by one. What ends the round early, and what has to be drawn then?",
        "Token number i is accepted if its chance, times q, is below p. The first that is not: draw from the residual.",
        "if chances[i] * q[i, token] >= p[i, token]: add draw(residual(p[i], q[i]), chances[-1]) and return; else add "
        "the token. After the loop one more: draw(p[-1], chances[-1]).",
    ),
    why="The large model was asked once, and every token is its own, whoever proposed it.",
    cases=[
        (PS, QS, [2, 3], [0.9, 0.6, 0.55]),  # the second is refused
        (PS, QS, [1, 0], [0.5, 0.2, 0.9]),  # the first is refused
        (PS, QS, [0, 2], [0.99, 0.2, 0.7]),  # both are accepted
        (PS[:2], QS[:1], [1], [0.1, 0.1]),
        (PS, QS, [1, 3], [0.15, 0.9, 0.9]),
        (PS, QS, [1, 2], [0.19, 0.34, 0.65]),
        (PS.flip(1), QS, [0, 3], [0.3, 0.1, 0.8]),
        (PS.flip(1)[:2], QS[:1].flip(1), [2], [0.25, 0.9]),
    ],
    drive=by_parts,
    given=lambda p, q, drafted, chances: f"for drafted = {drafted} and chances = {chances}",
    wrong={
        "what is refused is drawn anew from p: that changes the distribution. From the residual":
            lambda *a: verified(*a, instead=lambda p, q: p),
        "a token is kept only where p is no less than q: where it is less, with the chance p / q":
            lambda *a: verified(*a, keep=lambda p, q, chance: p >= q),
        "the chance is compared with p: with p / q": lambda *a: verified(*a, keep=lambda p, q, chance: chance < p),
        "the ratio is upside down: p / q": lambda *a: verified(*a, keep=lambda p, q, chance: chance * p < q),
        "after the first token that is refused the round ends: those behind it continue a text that is not there":
            lambda *a: verified(*a, go_on=True),
        "if all are accepted, one more comes from the last row of p": lambda *a: verified(*a)[: len(a[2])],
        "where a token is refused, one from the residual takes its place": dropped,
        "the refused token is kept as well: the one that is drawn takes its place": lambda *a: verified(*a, both=True),
    },
    also_right=[verified],
    refused=[lambda *a: verified(*a, instead=lambda p, q: residual.right(q, p))],
    equal={
        "if chances[place] * q[place, token] > p[place, token]:":
            "differs where chance · q equals p, which has no probability",
    },
)
def verify(p: Tensor, q: Tensor, drafted: list[int], chances: list[float]) -> list[int]:
    new: list[int] = []
    for place, token in enumerate(drafted):
        if chances[place] * q[place, token] >= p[place, token]:
            new.append(draw(residual.right(p[place], q[place]), chances[-1]))
            return new
        new.append(token)
    new.append(draw(p[-1], chances[-1]))
    return new


def longest(alpha: float, cost: float, brings: Function, takes: Function, most: int = 20) -> int:
    """The length with the highest rate, by what a round brings and what it takes."""
    rates = [brings(alpha, k) / takes(cost, k) for k in range(most + 1)]
    return rates.index(max(rates))


def brought(alpha: float, k: int) -> float:
    return sum(alpha**n for n in range(k + 1))


def taken(cost: float, k: int) -> float:
    return 1 + k * cost


@exercise(
    hints=(
        "For one k: how many tokens does a round bring, how long does it take, and so what is its rate?",
        "Make a list of the rates for k from 0 to 20. The place of the largest in the list is the answer.",
        "rates = [sum(alpha**n for n in range(k + 1)) / (1 + k * cost) for k in range(21)]; rates.index(max(rates))",
    ),
    why="The better and the cheaper the draft, the farther it may run ahead; a bad or dear one stays at home.",
    cases=[(0.7, 0.1), (0.5, 0.5), (0.9, 0.05), (0.8, 0.2), (0.95, 0.0), (0.6, 0.02), (0.3, 0.6), (1.0, 0.1)],
    wrong={
        "k drafted tokens bring up to k + 1 tokens: the powers go from 0 to k":
            lambda a, c: longest(a, c, lambda a, k: brought(a, k) - 1, taken),
        "a draft counts only if all before it were accepted: powers of alpha":
            lambda a, c: longest(a, c, lambda a, k: 1 + k * a, taken),
        "that is the most tokens a round, whatever they cost": lambda a, c: longest(a, c, brought, lambda c, k: 1),
        "that is a place in a list that begins with k = 1: places are counted from 0":
            lambda a, c: [brought(a, k) / taken(c, k) for k in range(1, 21)].index(
                max(brought(a, k) / taken(c, k) for k in range(1, 21))),
        "that is the rate: asked is the k": lambda a, c: max(brought(a, k) / taken(c, k) for k in range(21)),
        "20 is allowed, too: range(21)": lambda a, c: longest(a, c, brought, taken, 19),
        "of several that are equally good, the smallest":
            lambda a, c: max((brought(a, k) / taken(c, k), k) for k in range(21))[1],
        "0 is allowed, too: no draft at all": lambda a, c: max(1, longest(a, c, brought, taken)),
    },
)
def best_length(alpha: float, cost: float) -> int:
    rates = [sum(alpha**n for n in range(k + 1)) / (1 + k * cost) for k in range(21)]
    return rates.index(max(rates))


def rounded(weights: Tensor, largest: Tensor, whole: Callable[[Tensor], Tensor] = torch.round, steps: int = 127) -> Any:
    scales = largest / steps
    return whole(weights / scales).to(torch.int8), scales


def of_rows(weights: Tensor) -> Tensor:
    return weights.abs().amax(1, keepdim=True)


def kept(answer: Function, weights: Tensor) -> dict[str, Any]:
    """What is kept of a matrix: whole numbers, their type and the scales."""
    found = named("the table of whole numbers", "the column of scales")(answer, weights)
    whole = found["the table of whole numbers"]
    return found | {"the type of the whole numbers": str(getattr(whole, "dtype", type(whole).__name__))}


@exercise(
    hints=(
        "Which number of a row must become 127 or −127, and what is then one step worth?",
        "scales = the largest absolute value of each row, divided by 127; weights / scales, rounded, as torch.int8.",
        "scales = weights.abs().amax(dim=1, keepdim=True) / 127; (weights / scales).round().to(torch.int8), scales",
    ),
    why="A quarter of the bytes, and no weight moved by more than half a step of its row.",
    cases=[
        (torch.tensor([[1.0, -0.25, 0.6], [-4.0, 0.5, 2.3]]),),
        (seeded(3, 4),),
        (100 * seeded(2, 3, seed=1),),
    ],
    drive=kept,
    wrong={
        "one scale serves the whole matrix: each row has its own": lambda w: rounded(w, w.abs().max()),
        "a scale belongs to a row, dim=1": lambda w: rounded(w, w.abs().amax(0, keepdim=True)),
        "the largest is taken with its sign, so that a large negative number overflows: abs() first":
            lambda w: rounded(w, w.amax(1, keepdim=True)),
        "that cuts off: to the nearest whole number, round()": lambda w: rounded(w, of_rows(w), torch.trunc),
        "an int8 ends at 127, so the largest is to become 127, not 128": lambda w: rounded(w, of_rows(w), steps=128),
        "the range is −127 to 127: 255 is all of it, from end to end": lambda w: rounded(w, of_rows(w), steps=255),
        "the scale is what a step is worth: largest / 127, not 127 / largest":
            lambda w: (rounded(w, of_rows(w))[0], 127 / of_rows(w)),
        "those are still floats: .to(torch.int8) makes them take one byte each":
            lambda w: ((w / of_rows(w) * 127).round(), of_rows(w) / 127),
    },
)
def quantised(weights: Tensor) -> tuple[Tensor, Tensor]:
    scales = weights.abs().amax(dim=1, keepdim=True) / 127
    return (weights / scales).round().to(torch.int8), scales
