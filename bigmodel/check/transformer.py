"""Graders of notebook 09: the residual step, parameters, the learning rate, FLOPs, valid stories, the copying head."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from bigmodel import plot
from bigmodel.check.grader import grader

Function = Callable[[Tensor], Tensor]


@grader(
    hint="normalise x, hand that to the step, and add the result to the x that you began with.",
    why="What is added can be undone by nothing that comes after: every block can still read the token itself.",
)
def residual(answer: Callable[[Tensor, Function, Function], Tensor]) -> str | None:
    x = torch.tensor([[1.0, 2.0, 4.0]])  # (1, 3)
    given = x.clone()
    value = answer(given, _double, _by_largest)
    if (wrong := _not_of_shape(value, (1, 3), "the shape of x")) is not None:
        return wrong
    if not torch.equal(given, x):
        return "x was changed in place, but others still need it, autograd among them. Write x + …, not x += …."
    expected = x + _double(_by_largest(x))
    mistakes = {
        "nothing was added to x, so the step replaces what it read": _double(_by_largest(x)),
        "the step read x itself. Normalise what it reads: step(norm(x))": x + _double(x),
        "that is post-norm, as in the paper of 2017: the norm came after the sum, and stands in the way of x itself": (
            _by_largest(x + _double(x))
        ),
        "the norm was applied to the sum as well. x itself passes untouched": _by_largest(expected),
        "the norm came after the step. It belongs before it: step(norm(x))": x + _by_largest(_double(x)),
        "the normalised x was passed on instead of x itself: add to x": _by_largest(x) + _double(_by_largest(x)),
        "x was passed on without what the step adds": x,
        "the step was subtracted: add it": x - _double(_by_largest(x)),
    }
    given_as = "for x = (1, 2, 4), a norm that divides by the largest, and a step that doubles and adds 1,"
    shown = f"{given_as} your answer is {_row(value)}"
    for sentence, wrong_value in mistakes.items():
        if _close(value, wrong_value) and not _close(value, expected):
            return f"{shown}, expected {_row(expected)}: {sentence}."
    if not _close(value, expected):
        return f"{shown}, expected {_row(expected)}: x + step(norm(x))."
    return None


@grader(
    hint="a matrix from a to b numbers has a · b weights: how many stand in a block, and how many outside?",
    why="Now you can price any Transformer before you build it: nearly all of a large one is 12 · C² for each block.",
)
def parameters(answer: Callable[[int, int, int], int]) -> str | None:
    for vocab_size, n_embd, n_layer in ((1000, 64, 2), (5, 2, 1), (1000, 96, 3), (7, 4, 5)):
        value = answer(vocab_size, n_embd, n_layer)
        if (wrong := _not_a_number(value, "the number of parameters")) is not None:
            return wrong
        expected = _parameters(vocab_size, n_embd, n_layer)
        if value != expected:
            blocks = f"{n_layer} block{'s' * (n_layer > 1)}"
            shown = f"for V = {vocab_size}, C = {n_embd} and {blocks} your answer is {value:,}"
            return f"{shown}, expected {expected:,}: {_parameters_mistake(value, vocab_size, n_embd, n_layer)}."
    return None


def _parameters(vocab_size: int, n_embd: int, n_layer: int) -> int:
    return 2 * vocab_size * n_embd + n_layer * (12 * n_embd**2 + 2 * n_embd) + n_embd


def _parameters_mistake(value: float, vocab_size: int, n_embd: int, n_layer: int) -> str:
    off = value - _parameters(vocab_size, n_embd, n_layer)
    square = n_embd**2
    mistakes = {
        "the output layer has a matrix of its own, V · C, beside the embedding's": -vocab_size * n_embd,
        "the embedding and the output layer are both missing, 2 · V · C": -2 * vocab_size * n_embd,
        "this Decoder has no biases; you counted the output layer's": vocab_size,
        "the norms are missing: two in each block and one at the end, C weights each": -(2 * n_layer + 1) * n_embd,
        "the last norm is missing, C weights after all blocks": -n_embd,
        "a block has two norms, of C weights each": -n_layer * n_embd,
        "a norm has C weights here and no biases": (2 * n_layer + 1) * n_embd,
        "attention has a fourth matrix, C · C, after the heads": -n_layer * square,
        "queries, keys and values have a matrix each: 3 · C² in a block": -2 * n_layer * square,
        "attention is missing: 4 · C² in a block": -4 * n_layer * square,
        "the feed-forward network is missing: 8 · C² in a block": -8 * n_layer * square,
        "the feed-forward network has two matrices, up to 4 · C and down again": -4 * n_layer * square,
        "the hidden layer of the feed-forward network has 4 · C numbers, not C": -6 * n_layer * square,
        "this Decoder has no biases": n_layer * 9 * n_embd + (2 * n_layer + 1) * n_embd,
        "this Decoder has no biases in its linear layers": n_layer * 9 * n_embd,
        "rotary positions have no parameters": 256 * n_embd,
    }
    for sentence, difference in mistakes.items():
        if off == difference:
            return sentence
    if n_layer > 1 and value == _parameters(vocab_size, n_embd, 1):
        return f"you counted one block of {n_layer}"
    if value == n_layer * _parameters(vocab_size, n_embd, 1):
        return "only the blocks are there several times; embedding, last norm and output layer are there once"
    return "2 · V · C, then 12 · C² + 2 · C for each block, then C for the last norm"


@grader(
    hint="below `warm_up`, the share (t + 1) / warm_up; from there on, the share (T − t) / (T − warm_up).",
    why="The first steps are short while the optimizer knows little, the last ones short so that the noise dies down.",
)
def learning_rate(answer: Callable[[int, int, float, int], float]) -> str | None:
    for t, T, eta_0, warm_up in (
        (0, 100, 0.5, 10),
        (9, 100, 0.5, 10),
        (10, 100, 0.5, 10),
        (55, 100, 0.5, 10),
        (99, 100, 0.5, 10),
        (4, 20, 2.0, 5),
        (15, 20, 2.0, 5),
        (0, 8, 1.0, 1),
    ):
        value = answer(t, T, eta_0, warm_up)
        if (wrong := _not_a_number(value, "the learning rate of step t")) is not None:
            return wrong
        expected = _learning_rate(t, T, eta_0, warm_up)
        if not math.isclose(value, expected, rel_tol=1e-6, abs_tol=1e-9):
            _draw_rates(answer)
            shown = f"for t = {t}, T = {T}, eta_0 = {eta_0:g} and warm_up = {warm_up} your answer is {value:.4g}"
            return f"{shown}, expected {expected:.4g}: {_learning_rate_mistake(value, t, T, eta_0, warm_up)}."
    return None


def _learning_rate(t: int, T: int, eta_0: float, warm_up: int) -> float:
    return eta_0 * min((t + 1) / warm_up, (T - t) / (T - warm_up))


def _learning_rate_mistake(value: float, t: int, T: int, eta_0: float, warm_up: int) -> str:
    falling = eta_0 * (T - t) / (T - warm_up)
    if t < warm_up and math.isclose(value, eta_0 * (T - t) / T):
        return "there is no warm-up: for t below warm_up the rate rises from eta_0 / warm_up to eta_0"
    mistakes = {
        "step 0 would change nothing. Let step 0 be the first to do something: t + 1": eta_0 * t / warm_up,
        "the rate rises, but is not multiplied by eta_0": (t + 1) / warm_up,
        "the fall has to start at eta_0 where the warm-up ends: divide by T − warm_up": eta_0 * (1 - t / T),
        "this step belongs to the warm-up: the fall begins at t = warm_up": falling,
        "the fall counts from the end of the warm-up, but must end at T: (T − t) / (T − warm_up)": (
            eta_0 * (1 - (t - warm_up) / T)
        ),
        "the rate does not fall: from t = warm_up on it goes down to 0 at T": eta_0,
        "the rate goes on rising after the warm-up": eta_0 * (t + 1) / warm_up,
        "the fall is one step too early: at t = warm_up the rate is still eta_0": (eta_0 * (T - t - 1) / (T - warm_up)),
        "the fall is one step too early, as if T were the last step: steps run from 0 to T − 1": (
            eta_0 * (T - 1 - t) / (T - 1 - warm_up)
        ),
        "that is a cosine: the fall asked for is a straight line": (
            eta_0 * (1 + math.cos(math.pi * (t - warm_up) / (T - warm_up))) / 2
        ),
        "both shares were multiplied. One holds before warm_up, the other from there on": (
            eta_0 * (t + 1) / warm_up * (T - t) / (T - warm_up)
        ),
    }
    for sentence, wrong in mistakes.items():
        if math.isclose(value, wrong, rel_tol=1e-6, abs_tol=1e-9):
            return sentence
    if t < warm_up:
        return "before warm_up the rate is eta_0 · (t + 1) / warm_up"
    return "from warm_up on the rate is eta_0 · (T − t) / (T − warm_up)"


@grader(
    hint="6 for each weight of a matrix, 12 · n_layer · C · T for attention: for each token, and there are how many?",
    why="FLOPs are known before the first step, so the bill is, too.",
)
def training_flops(answer: Callable[[int, int, int, int, int], float]) -> str | None:
    for weights, n_layer, n_embd, length, tokens in (
        (1000, 1, 10, 1, 1),
        (16_000, 2, 64, 100, 1000),
        (500, 3, 8, 50, 7),
    ):
        value = answer(weights, n_layer, n_embd, length, tokens)
        if (wrong := _not_a_number(value, "a number of FLOPs")) is not None:
            return wrong
        attention = n_layer * n_embd * length
        expected = (6 * weights + 12 * attention) * tokens
        if math.isclose(value, expected, rel_tol=1e-6):
            continue
        mistakes = {
            "the FLOPs of one token: multiply by the tokens": 6 * weights + 12 * attention,
            "only the forward pass. Backward takes twice as much again: 6 and 12, not 2 and 4": expected / 3,
            "only the backward pass: 6 and 12, not 4 and 8": expected * 2 / 3,
            "each weight takes an addition and a multiplication: 6, not 3": (3 * weights + 12 * attention) * tokens,
            "both an addition and a multiplication count": expected / 2,
            "attention is missing: 12 · n_layer · C · T for each token": 6 * weights * tokens,
            "attention is counted for one block, not for n_layer of them": (
                (6 * weights + 12 * n_embd * length) * tokens
            ),
            "the matrices are missing: 6 for each of their weights": 12 * attention * tokens,
            "attention has to be multiplied by the tokens too": 6 * weights * tokens + 12 * attention,
            "attention was counted T times too often: a token looks at T others, not at T²": (
                (6 * weights + 12 * attention * length) * tokens
            ),
            "the tokens were multiplied by T once more. They are all tokens, whatever rows they stand in": (
                expected * length
            ),
        }
        shown = (
            f"for {weights:,} weights, {n_layer} block{'s' * (n_layer > 1)}, C = {n_embd}, T = {length} and "
            f"{tokens:,} token{'s' * (tokens > 1)} your answer is {value:,.6g}, expected {expected:,.6g}"
        )
        for sentence, wrong_value in mistakes.items():
            if math.isclose(value, wrong_value, rel_tol=1e-6):
                return f"{shown}: {sentence}."
        return f"{shown}: (6 · weights + 12 · n_layer · C · T) · tokens."
    return None


@grader(
    hint="the KL is counted for a whole story: excess · tokens_a_story nats. Then e to minus that.",
    why="A loss, which nobody can picture, has become a promise about stories, which anybody can count.",
)
def least_valid(answer: Callable[[float, float], float]) -> str | None:
    for excess, tokens in ((0.01, 100.0), (0.0, 126.0), (0.02, 125.0), (0.2, 125.0)):
        value = answer(excess, tokens)
        if (wrong := _not_a_number(value, "a share between 0 and 1")) is not None:
            return wrong
        nats = excess * tokens
        expected = math.exp(-nats)
        if math.isclose(value, expected, rel_tol=1e-6):
            continue
        mistakes = {
            "the bound holds for a whole story. Multiply the excess by the tokens of one": math.exp(-excess),
            "e to the power of plus KL. A share is at most 1: take minus": math.exp(nats),
            "1 − KL lies below e^(−KL): a true bound, but a weaker one, and negative above 1 nat": 1 - nats,
            "that is the share that is left over: 1 − e^(−KL)": 1 - expected,
            "this is the KL of a story itself: e to the power of minus that": nats,
            "nats go with e, not with 2": 2.0**-nats,
            "the excess was divided by the tokens. It is nats a token: multiply": math.exp(-excess / tokens),
            "the root: KL counts once, not half": math.exp(-nats / 2),
            "in per cents. Leave the share a share": 100 * expected,
        }
        shown = (
            f"for an excess of {excess:g} nats a token and {tokens:g} tokens a story your answer is {value:.4g}, "
            f"expected {expected:.4g}"
        )
        for sentence, wrong_value in mistakes.items():
            if math.isclose(value, wrong_value, rel_tol=1e-6, abs_tol=1e-12):
                return f"{shown}: {sentence}."
        return f"{shown}: e^(−excess · tokens)."
    return None


@grader(
    hint="the token at place t is guessed from place t − 1: maps[layer, head, t − 1, s], averaged over the pairs.",
    why="That head is where the key's hiding place comes from: what it looks at is what the model says next.",
)
def copying_head(answer: Callable[[Tensor, Sequence[tuple[int, int]]], Any]) -> str | None:
    maps, pairs, others = _maps()
    given = maps.clone()
    value = answer(given, pairs)
    if hasattr(value, "tolist"):
        value = value.tolist()
    if value is None:
        return "your function returned nothing: end it with `return`."
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        return f"your function returned {value!r:.60}, expected two numbers: (layer, head)."
    found = tuple(int(number) for number in value)
    if found == (1, 2):
        return None
    if found in others:
        return f"your answer is layer {found[0]}, head {found[1]}, expected layer 1, head 2: {others[found]}."
    if found == (2, 1):
        return "your answer is (2, 1), expected (1, 2): the layer comes first, as in maps[layer, head]."
    return f"your answer is {found}, expected (1, 2): take the head whose mean weight over the pairs is largest."


def _maps() -> tuple[Tensor, list[tuple[int, int]], dict[tuple[int, int], str]]:
    """Maps of 3 layers of 4 heads in which one head copies, and others that wrong answers find."""
    T, pairs = 12, [(6, 2), (8, 3), (11, 5)]  # (place of the copy, place of the original)
    maps = torch.rand(3, 4, T, T, generator=torch.Generator().manual_seed(0)).tril()
    maps = 0.02 * maps / maps.sum(-1, keepdim=True)
    wanted: dict[tuple[int, int], list[tuple[int, int, float]]] = {
        (1, 2): [(t - 1, s, 0.6) for t, s in pairs],
        (0, 1): [(t, s, 0.9) for t, s in pairs],
        (2, 0): [(t - 1, s + 1, 0.8) for t, s in pairs],
        (2, 3): [(t - 1, s - 1, 0.85) for t, s in pairs],
        (0, 3): [(pairs[0][0] - 1, pairs[0][1], 0.95)],
    }
    for (layer, head), weights in wanted.items():
        for query, key, weight in weights:
            maps[layer, head, query, key] = weight
    rest = 1 - maps.sum(-1)
    maps[..., 0] += rest  # what is left over goes to the first token, as in real heads
    others = {
        (
            0,
            1,
        ): "that head looks from the copy itself. The model guesses the token at t from the place before it, t − 1",
        (
            2,
            0,
        ): "that head looks one place after the original. A head that copies looks at the original itself",
        (
            2,
            3,
        ): "that head looks one place before the original. A head that copies looks at the original itself",
        (0, 3): "that head copies once and never again. Take the mean over all pairs, not the largest weight",
    }
    return maps, pairs, others


def _double(x: Tensor) -> Tensor:
    return 2 * x + 1


def _by_largest(x: Tensor) -> Tensor:
    return x / x.amax(-1, keepdim=True)


def _not_of_shape(value: Any, shape: tuple[int, ...], what: str) -> str | None:
    """A sentence about what was returned instead of a tensor of this shape, if so."""
    if value is None:
        return "your function returned nothing: end it with `return`."
    if not isinstance(value, Tensor):
        return f"your function returned a {type(value).__name__}, expected a tensor of shape {shape}: {what}."
    if tuple(value.shape) != shape:
        return f"your answer has the shape {tuple(value.shape)}, expected {shape}: {what}."
    return None


def _not_a_number(value: Any, what: str) -> str | None:
    """A sentence about what was returned instead of a number, if so."""
    if value is None:
        return "your function returned nothing: end it with `return`."
    try:
        number = float(value)
    except (TypeError, ValueError):
        return f"your function returned a {type(value).__name__}, expected {what}: one number."
    if not math.isfinite(number):
        return f"your answer is {number}, expected {what}."
    return None


def _draw_rates(answer: Callable[[int, int, float, int], float]) -> None:
    steps = range(100)
    ax = plot.axes("yours, and the one asked for", "step t", "learning rate", height=2.4)
    ax.plot(steps, [_learning_rate(t, 100, 0.5, 10) for t in steps], color=plot.BLUE)
    ax.plot(steps, [float(answer(t, 100, 0.5, 10)) for t in steps], color=plot.RED, linestyle="--")
    plot.label_ends(ax, [("asked for", 0.02, plot.BLUE), ("yours", 0.08, plot.RED)])


def _close(value: Tensor, expected: Tensor) -> bool:
    return torch.allclose(value.detach().float(), expected.float(), atol=1e-4)


def _row(values: Tensor) -> str:
    return "(" + ", ".join(f"{value:.3g}".replace("-", "−") for value in values.flatten().tolist()) + ")"
