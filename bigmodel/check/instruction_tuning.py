"""The exercises of notebook 12: the answer's targets, its floor, LoRA, its merging, an interval, a judge."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bigmodel.check.engine import exercise

OFF = -100


def marked(ids: Sequence[int], assistant: int, end: int, first: int = 0, last: bool = True) -> list[bool]:
    """Whether each id is one of an answer: from the marker on, or one after it, with or without the end token."""
    found, inside, since = [], False, 0
    for token in ids:
        inside, since = (True, 0) if token == assistant else (inside, since + 1)
        found.append(inside and since > first and (last or token != end))
        inside = inside and token != end
    return found


def shifted(ids: Sequence[int], counts: Sequence[bool]) -> list[int]:
    """The targets of a row: each id but the first, or −100."""
    return [token if yes else OFF for token, yes in zip(ids[1:], counts[1:], strict=True)]


def by_flag(ids: list[int], assistant: int, end: int) -> list[int]:
    """Another right way: one flag, changed after each target."""
    targets, answering = [], ids[0] == assistant
    for token in ids[1:]:
        targets.append(token if answering and token != assistant else OFF)
        answering = token == assistant or (answering and token != end)
    return targets


def from_to(ids: list[int], start: int, stop: int) -> list[int]:
    """Only what stands between two places counts, the second among them."""
    return shifted(ids, [start < place <= stop for place in range(len(ids))])


# One mistake, one line or two.
# fmt: off
@exercise(
    hints=(
        "Go along the row by hand: at which id does an answer begin, and at which does it stop?",
        "Keep a variable that says whether the assistant is speaking. Its marker sets it, the end token, still a "
        "target, takes it away.",
        "for token in ids[1:]: append the token if answering, −100 if not; then answering = True after the marker and "
        "False after the end.",
    ),
    why="The model reads all of it, and is only asked to write what the assistant says.",
    cases=[
        ([1, 8, 20, 21, 9, 30, 31, 2], 9, 2),
        ([1, 8, 20, 9, 30, 2, 8, 21, 22, 9, 31, 32, 2], 9, 2),
        ([1, 6, 40, 7, 41, 3, 6, 42], 7, 3),
        ([1, 8, 9, 2, 8, 9, 33, 2], 9, 2),
    ],
    wrong={
        "the prompt counts too: −100 for what the user says": lambda ids, a, e: ids[1:],
        "nothing is shifted: the target at t is the id at t + 1":
            lambda ids, a, e: [token if yes else OFF for token, yes in
                               zip(ids[:-1], marked(ids, a, e)[:-1], strict=True)],
        "the end token is missing: without it the model never learns to stop":
            lambda ids, a, e: shifted(ids, marked(ids, a, e, last=False)),
        "the marker is a target too. You write it yourself, before the model begins":
            lambda ids, a, e: shifted(ids, marked(ids, a, e, first=-1)),
        "the first word of each answer is missing: the marker is what it is predicted from":
            lambda ids, a, e: shifted(ids, marked(ids, a, e, first=1)),
        "only the first answer counts: all of them are to": lambda ids, a, e: from_to(
            ids, ids.index(a), ids.index(e, ids.index(a))),
        "from the first answer on everything counts, the user's next turn too: the end token stops it":
            lambda ids, a, e: from_to(ids, ids.index(a), len(ids)),
        "what does not count is −100, which cross_entropy knows, and not 0, which is a token":
            lambda ids, a, e: [max(token, 0) for token in shifted(ids, marked(ids, a, e))],
    },
    also_right=[by_flag, lambda ids, a, e: torch.tensor(by_flag(ids, a, e))],
    refused=[lambda ids, a, e: [*by_flag(ids, a, e), OFF]],
)
def answer_targets(ids: list[int], assistant: int, end: int) -> list[int]:
    targets = []
    answering = False
    for token in ids[1:]:
        targets.append(token if answering else -100)
        if token == assistant:
            answering = True
        if token == end:
            answering = False
    return targets


@exercise(
    hints=(
        "How many nats is a fact worth that is one of n, all equally likely?",
        "Every fact that is named takes ln n from the story's nats.",
        "Begin with nats, and subtract math.log(n) for each n of choices.",
    ),
    why="That is the chain rule: the nats of a story are those of the facts, and of the rest when they are known.",
    cases=[(20.0, [8, 6]), (20.0, [8, 8, 2]), (10.0, [4])],
    wrong={
        "that is what the facts cost, and not what is left": lambda nats, ns: sum(map(math.log, ns)),
        "the facts were added: knowing them makes the rest less surprising":
            lambda nats, ns: nats + sum(map(math.log, ns)),
        "each of n is worth ln n nats, not n": lambda nats, ns: nats - sum(ns),
        "that is in bits. A nat is ln, math.log": lambda nats, ns: nats - sum(map(math.log2, ns)),
        "the facts come together as 8 · 6 possibilities, so their logarithms add up: not ln of the sum":
            lambda nats, ns: nats - math.log(sum(ns)),
        "nats are surprise, so nothing is divided": lambda nats, ns: nats / math.prod(ns),
        "only the first fact was taken off": lambda nats, ns: nats - math.log(ns[0]),
        "each fact has its own n: ln of the first, so many times, was taken off":
            lambda nats, ns: nats - len(ns) * math.log(ns[0]),
    },
    also_right=[lambda nats, ns: nats - math.log(math.prod(ns)),
                lambda nats, ns: nats + sum(math.log(1 / n) for n in ns)],
    refused=[lambda nats, ns: nats],
)
def answer_floor(nats: float, choices: list[int]) -> float:
    for n in choices:
        nats = nats - math.log(n)
    return nats


def spoiled(forward: Callable[..., Tensor] | None = None, **parts: Callable[[Any], Any]) -> Any:
    """The right class, but for its forward, or for what some attributes are made of."""

    def make(linear: nn.Linear, rank: int, alpha: float) -> Any:
        right: Any = LoRA.right  # type: ignore[attr-defined]
        made = type("LoRA", (right,), {"forward": forward or right.forward})(linear, rank, alpha)
        made.alpha, made.rank = alpha, rank
        for name, part in parts.items():
            value = part(made)
            delattr(made, name)
            setattr(made, name, value)
        return made

    return make


def layer(n: int, m: int) -> nn.Linear:
    """A linear layer with numbers that are always the same."""
    made = nn.Linear(n, m)
    made.weight.data = torch.arange(m * n).view(m, n) / 10.0
    made.bias.data = torch.arange(m) + 0.5
    return made


def use(answer: Any, linear: nn.Linear, rank: int, alpha: float) -> Any:
    """Make the layer, look at its beginning, and run it with numbers that are always the same."""
    with torch.random.fork_rng(devices=[]):
        made = answer(linear, rank, alpha)
    if not isinstance(made, nn.Module):
        return made
    module: Any = made
    if module.linear is not linear:
        raise AttributeError("its attribute linear is not the layer that was given")
    n, x = linear.in_features, torch.linspace(-1, 2, 2 * linear.in_features).view(2, 1, -1).requires_grad_()
    spread = module.A.std() * math.sqrt(n)
    found = {
        "the attribute scale": module.scale,
        "the shape of A": list(module.A.shape),
        "the shape of B": list(module.B.shape),
        "whether A begins with random numbers of the size 1/√n": bool(0.3 < spread < 2 if n > 50 else spread > 0),
        "whether the layer begins as the linear layer was": torch.allclose(module(x), linear(x)),
    }
    module.A.data = torch.arange(rank * n).view(rank, n) / 7 / n - 0.3
    module.B.data = torch.arange(module.B.numel()).view(module.B.shape) / 5 + 0.1
    output = module(x)
    known = [name for name, weight in module.named_parameters() if weight.requires_grad]
    found |= {
        "what the layer gives for known A and B": output[:, 0],
        "whether torch knows A and B as parameters": {"A", "B"} <= set(known),
    }
    return found | {"the gradient of x": torch.autograd.grad(output.sum(), x)[0].sum()}


@exercise(
    hints=(
        "Which way do the numbers go: n of them come in, how many are there in the middle, and how many come out?",
        "A is (rank, n) and random, B is (m, rank) and 0, both nn.Parameter. What they make of x is scaled and added.",
        "self.linear(x) + self.scale * (x @ self.A.T @ self.B.T), with self.scale = alpha / rank.",
    ),
    why="A thin bypass beside a frozen layer: that is what most fine-tuned models of the world consist of.",
    cases=[(layer(3, 2), 2, 6.0), (layer(2, 4), 1, 3.0), (layer(4, 3), 4, 2.0), (layer(100, 2), 8, 8.0)],
    drive=use,
    given=lambda linear, rank, alpha: (
        f"for a linear layer from {linear.in_features} to {linear.out_features}, rank {rank} and alpha {alpha:g}"
    ),
    wrong={
        "that is scaled by alpha: divide by rank": spoiled(scale=lambda self: self.alpha),
        "the scale is upside down: alpha / rank": spoiled(scale=lambda self: self.rank / self.alpha),
        "nothing is scaled: self.scale times what A and B make of x":
            spoiled(lambda self, x: self.linear(x) + x @ self.A.T @ self.B.T),
        "the linear layer itself is missing: the product is added to what it gives":
            spoiled(lambda self, x: self.scale * (x @ self.A.T @ self.B.T)),
        "B is to begin at 0, so that the model starts as it was":
            spoiled(B=lambda self: nn.Parameter(torch.ones_like(self.B))),
        "A is 0 at first: it begins with random numbers, and B with 0":
            spoiled(A=lambda self: nn.Parameter(torch.zeros_like(self.A))),
        "what comes out is scaled, the linear layer too: scale only the addition":
            spoiled(lambda self, x: self.scale * (self.linear(x) + x @ self.A.T @ self.B.T)),
        "torch trains parameters alone: nn.Parameter(…)":
            spoiled(A=lambda self: self.A.data, B=lambda self: self.B.data),
    },
    also_right=[
        spoiled(lambda self, x: self.linear(x) + F.linear(F.linear(x, self.A), self.B) * self.scale),
        spoiled(lambda self, x: F.linear(x, self.linear.weight + self.scale * self.B @ self.A, self.linear.bias)),
    ],
    refused=[spoiled(lambda self, x: self.linear(x).detach() + self.scale * (x @ self.A.T @ self.B.T))],
)
class LoRA(nn.Module):
    def __init__(self, linear: nn.Linear, rank: int, alpha: float) -> None:
        super().__init__()
        self.linear = linear  # W, (m, n)
        self.A = nn.Parameter(torch.randn(rank, linear.in_features) / math.sqrt(linear.in_features))
        self.B = nn.Parameter(torch.zeros(linear.out_features, rank))
        self.scale = alpha / rank

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x) + self.scale * (x @ self.A.T @ self.B.T)


def numbers(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@exercise(
    hints=(
        "Which matrix, applied to x, gives what W x and scale · B A x give together?",
        "W x + scale · B (A x) = (W + scale · B A) x: two matrices of one shape are added.",
        "weight + scale * (B @ A).",
    ),
    why="Merged, the model is a plain one: as fast as before, and nobody sees that it was fine-tuned.",
    cases=[(numbers(3, 2), numbers(1, 2) + 1, numbers(3, 1) - 1, 2.0),
           (numbers(2, 2), numbers(2, 2) + 1, numbers(2, 2) - 1, 0.5),
           (numbers(3, 4), numbers(2, 4), numbers(3, 2), 4.0)],
    wrong={
        "the scale was forgotten": lambda W, A, B, s: W + B @ A,
        "W itself was scaled: only the addition is": lambda W, A, B, s: s * (W + B @ A),
        "that is the addition alone, without W": lambda W, A, B, s: s * B @ A,
        "it is subtracted: added": lambda W, A, B, s: W - s * B @ A,
        "the scale divides: it multiplies": lambda W, A, B, s: W + B @ A / s,
        "the scale was applied twice": lambda W, A, B, s: W + s * s * B @ A,
        "W is multiplied by the product: their outputs are added, so they are": lambda W, A, B, s: W * (1 + s * B @ A),
    },
    also_right=[lambda W, A, B, s: W + s * B @ A, lambda W, A, B, s: torch.addmm(W, B, A, alpha=s),
                lambda W, A, B, s: W + torch.einsum("mr,rn->mn", B, A) * s],
    refused=[lambda W, A, B, s: (W + s * B @ A).T, lambda W, A, B, s: W],
)
def merged_weight(weight: Tensor, A: Tensor, B: Tensor, scale: float) -> Tensor:
    return weight + scale * (B @ A)


def interval(k: int, n: int, z: float = 1.96, *, middle: float = 1, extra: float = 1, outer: float = 1) -> list[float]:
    """Wilson's interval, or one with another factor at one of its parts."""
    p, below = k / n, 1 + outer * z * z / n
    centre, half = p + middle * z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + extra * z * z / (4 * n * n))
    return [(centre - half) / below, (centre + half) / below]


@exercise(
    hints=(
        "What are p, and the centre, for 8 of 10?",
        "p = successes / n, z = 1.96; then centre and half as in the formula, and both ends divided by 1 + z²/n.",
        "half = z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)); return ((centre - half) / (1 + z**2 / n), …).",
    ),
    why="40 of 40 is not certainty: the interval says how much of it the next 40 may take back.",
    cases=[(8, 10), (0, 16), (40, 40), (30, 120), (1, 3)],
    tolerance=1e-4,
    wrong={
        "that is p ± 1.96 √(p(1 − p)/n), the usual one, which gives 0 ± 0 for 0 of 16":
            lambda k, n: interval(k, n, middle=0, extra=0, outer=0),
        "both ends are to be divided by 1 + z²/n": lambda k, n: interval(k, n, outer=0),
        "the centre is p + z²/(2n), not p": lambda k, n: interval(k, n, middle=0),
        "z²/(4n²) is missing under the root": lambda k, n: interval(k, n, extra=0),
        "z²/2 is to be divided by n as well: a / 2 * n multiplies, so write a / (2 * n)":
            lambda k, n: interval(k, n, middle=n * n),
        "under the root z²/4 is divided by n², not by n": lambda k, n: interval(k, n, extra=n),
        "the whole of centre ± half is divided by 1 + z²/n, not half alone: parentheses": lambda k, n: [
            (low + high) / 2 * (1 + 1.96**2 / n) + side * (high - low) / 2 for low, high in [interval(k, n)]
            for side in (-1, 1)],
        "the high end comes second": lambda k, n: interval(k, n)[::-1],
    },
    also_right=[lambda k, n: tuple(interval(k, n)), lambda k, n: torch.tensor(interval(k, n))],
    refused=[lambda k, n: (k / n, k / n)],
)
def wilson(successes: int, n: int) -> tuple[float, float]:
    z = 1.96
    p = successes / n
    centre = p + z**2 / (2 * n)
    half = z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return (centre - half) / (1 + z**2 / n), (centre + half) / (1 + z**2 / n)


@exercise(
    hints=(
        "Of 100, 60 are right: how many does the judge pass, who passes 1 wrong one in 10, fails 1 right one in 20?",
        "passed = p (1 − misses) + (1 − p) false_passes. Solve for p.",
        "(passed − false_passes) / (1 − misses − false_passes).",
    ),
    why="Who knows how often the judge errs can take his errors out of the mean, at the price of a wider interval.",
    cases=[(0.61, 0.1, 0.05), (0.3, 0.2, 0.1), (0.9, 0.0, 0.1), (0.5, 0.25, 0.0), (0.15, 0.2, 0.1)],
    wrong={
        "that is the way there, from the truth to what the judge passes: turn it round":
            lambda s, a, b: s * (1 - b) + (1 - s) * a,
        "what is left is still to be divided, for the judge passes only a part of the right ones":
            lambda s, a, b: s - a,
        "the misses were forgotten below": lambda s, a, b: (s - a) / (1 - a),
        "the false passes were forgotten above": lambda s, a, b: s / (1 - a - b),
        "the two kinds of error are exchanged": lambda s, a, b: (s - b) / (1 - a - b),
        "a sign is turned below: both kinds of error are subtracted from 1":
            lambda s, a, b: (s - a) / (1 - b + a),
        "by chance it may come out below 0: left so, the mean over many judges is right; cut off, it is not":
            lambda s, a, b: min(1, max(0, (s - a) / (1 - a - b))),
        "nothing was taken off for the false passes below": lambda s, a, b: (s - a) / (1 - b),
    },
    refused=[lambda s, a, b: s, lambda s, a, b: abs(s - a) / (1 - a - b)],
)
def true_share(passed: float, false_passes: float, misses: float) -> float:
    return (passed - false_passes) / (1 - misses - false_passes)
