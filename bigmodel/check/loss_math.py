"""Graders of notebook 02: perplexity, stable cross-entropy, its gradient, padding, bits per character, diagnosis."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from bigmodel import plot
from bigmodel.check.grader import grader

LN_2 = math.log(2)


@grader(
    hint="three steps: the surprise of each token, their mean, and e to the power of it.",
    why="Perplexity is the loss for people: the number of equally likely tokens that would be as hard to guess among.",
)
def perplexity(answer: Callable[[np.ndarray], float]) -> str | None:
    p = np.array([1 / 2, 1 / 4, 1 / 8])
    value, wrong = _number(answer(p.copy()))
    if value is None:
        return wrong
    nats = float(-np.log(p).mean())
    given = "for the probabilities 1/2, 1/4, 1/8"
    mistakes = {
        "that is 1 / mean of the probabilities. Take the mean of the surprises: the one 1/8 must count in full": (
            1 / p.mean()
        ),
        "that is the mean of 1/p. Take the mean of −ln p first, and the exponential once, at the end": ((1 / p).mean()),
        "the minus is missing: the logarithm of a probability is negative, so a surprise is −ln p": math.exp(-nats),
        "you took the logarithm to base 2 and the exponential to base e: e goes with ln, 2 with log2": math.exp(
            nats / LN_2
        ),
        "you took ln, and then 2 to the power of it: e goes with ln, 2 with log2": 2**nats,
        "that is the sum of the surprises, not their mean: it would grow with the length of the text": math.exp(
            3 * nats
        ),
        "that is the mean surprise, in nats. Perplexity is e to the power of it": nats,
        "that is the mean surprise, in bits. Perplexity is 2 to the power of it": nats / LN_2,
        "that is the mean of the probabilities themselves": p.mean(),
    }
    if (sentence := _compare(value, math.exp(nats), mistakes, given)) is not None:
        return sentence
    short, wrong = _number(answer(np.array([1 / 2, 1 / 10])))
    if short is None or not math.isclose(short, math.sqrt(20), rel_tol=1e-5):
        return (
            f"for the probabilities 1/2, 1/10 your answer is {_shown(short, wrong)}, expected 4.472. Divide by the "
            "number of tokens, however many there are."
        )
    long, wrong = _number(answer(np.full(2000, 0.5)))
    if long is None or not math.isclose(long, 2, rel_tol=1e-6):
        return (
            f"for 2000 tokens of probability 0.5 your answer is {_shown(long, wrong)}, expected 2.00. The product of "
            "so many probabilities is 0 for a computer: add logarithms instead."
        )
    return None


@grader(
    hint="log-sum-exp of each row, minus the logit of its target. Subtract the row's largest logit before exp.",
    why="Every language model is trained on these few operations, and they hold at any size of the logits.",
)
def cross_entropy(answer: Callable[[Tensor, Tensor], Tensor]) -> str | None:
    logits = torch.tensor([[math.log(4), math.log(2), math.log(2)], [0.0, 0.0, math.log(2)]])  # (2, 3)
    targets = torch.tensor([1, 2])
    before = logits.clone()
    value, wrong = _number(answer(logits, targets), "the mean over both rows, one number")
    if not torch.equal(logits, before):
        return (
            "your function changed the logits that it was given: an in-place operation such as `logits -= …` "
            "writes into the caller's tensor. Write `logits = logits - …`."
        )
    if value is None:
        return wrong
    p = logits.softmax(-1)
    log_p, across = p.log(), logits.softmax(0)
    rows = torch.arange(2)
    right = -log_p[rows, targets].mean().item()
    mistakes = {
        "the minus is missing: the logarithm of a probability is negative, and a loss is not": -right,
        "that is the sum over the rows: divide by N, here 2": 2 * right,
        "you divided by all N · V entries: the sum over classes is a sum, the mean is over the N rows": right / 3,
        "you divided by the number of classes: the mean is over the N rows": 2 * right / 3,
        "`[:, targets]` takes every target in every row: use `[torch.arange(N), targets]`": (
            logits.logsumexp(-1).mean().item() - logits[:, targets].mean().item()
        ),
        "that is the perplexity: the loss is its logarithm": math.exp(right),
        "that is the loss in bits: you took log2, the loss of this course is in nats, with ln": right / LN_2,
        "softmax went over the wrong axis: each row, not each column, must sum to 1 (dim=-1)": (
            -across[rows, targets].log().mean().item()
        ),
        "that is −ln p averaged over all tokens: only the token that came counts": -log_p.mean().item(),
        "that is −ln of the mean probability: take the logarithm of each row first, then the mean": (
            -math.log(p[rows, targets].mean().item())
        ),
        "that is the mean of −p: the logarithm is missing": -p[rows, targets].mean().item(),
        "that is the mean probability of what came: its surprise is −ln p": p[rows, targets].mean().item(),
        "softmax stands twice: these are logits, and log-sum-exp is all the softmax that they need": (
            F.cross_entropy(p, targets).item()
        ),
        "that is −z of what came: the log-sum-exp of its row is missing": (-logits[rows, targets].mean().item()),
        "that is the log-sum-exp alone: subtract the logit of what came": logits.logsumexp(-1).mean().item(),
    }
    given = "for the logits (ln 4, ln 2, ln 2) and (0, 0, ln 2) with the targets 1 and 2"
    return _compare(value, right, mistakes, given) or _stable(answer)


def _stable(answer: Callable[[Tensor, Tensor], Tensor]) -> str | None:
    far, _ = _number(answer(torch.tensor([[1e4, 0.0, 0.0]]), torch.tensor([1])))
    rare, _ = _number(answer(torch.tensor([[0.0, -200.0, 0.0]]), torch.tensor([1])))
    if rare is not None and math.isinf(rare):
        return (
            f"for the logits (0, −200, 0) and target 1 your answer is inf, expected {200 + LN_2:.2f}. The probability "
            "is rounded to 0 before its logarithm is taken: never form it, use log-sum-exp minus the logit."
        )
    if far is None or not 0 <= far < math.inf:
        return (
            f"for the logits (10000, 0, 0) and target 1 your answer is {_shown(far)}, expected 10000. e to the power "
            "of 10000 is too large for any float: subtract the row's largest logit before exp."
        )
    if not math.isclose(far, 1e4, rel_tol=1e-6):
        return (
            f"for the logits (10000, 0, 0) and target 1 your answer is {far:.2f}, expected 10000. Something keeps "
            "the probability away from 0 (a small number added, a clamp): it hides how wrong the model is."
        )
    apart = torch.tensor([[1000.0, 999.0, 998.0], [-1000.0, -999.0, -998.0]])
    expected = F.cross_entropy(apart, torch.tensor([0, 2])).item()
    value, _ = _number(answer(apart, torch.tensor([0, 2])))
    if value is None or not math.isclose(value, expected, abs_tol=1e-3):
        return (
            f"for the rows (1000, 999, 998) and (−1000, −999, −998) your answer is {_shown(value)}, expected "
            f"{expected:.2f}. Subtract from each row its own largest logit, not the largest of all."
        )
    return _same_at_random(answer)


def _same_at_random(answer: Callable[[Tensor, Tensor], Tensor]) -> str | None:
    logits = 5 * torch.randn(7, 11, generator=torch.Generator().manual_seed(0))
    targets = torch.arange(7)
    value, wrong = _number(answer(logits, targets))
    expected = F.cross_entropy(logits, targets).item()
    if value is None or not math.isclose(value, expected, rel_tol=1e-4):
        return (
            f"for 7 random rows over 11 tokens your answer is {_shown(value, wrong)}, F.cross_entropy says "
            f"{expected:.4f}. Does it hold for any number of rows and tokens?"
        )
    return None


@grader(
    hint="softmax of each row; subtract 1 at the target; divide by the number of rows.",
    why="This one line is where all learning starts: everything that backpropagation carries back began as p − y.",
)
def gradient(answer: Callable[[Tensor, Tensor], Tensor]) -> str | None:
    logits = torch.tensor([[math.log(4), math.log(2), math.log(2)], [0.0, 0.0, 0.0]])  # (2, 3)
    targets = torch.tensor([1, 2])
    before = logits.clone()
    value = answer(logits, targets)
    if not torch.equal(logits, before):
        return "your function changed the logits that it was given: work on a copy, such as their softmax."
    if (wrong := _wrong_tensor(value, (2, 3))) is not None:
        return wrong
    p, y = logits.softmax(-1), F.one_hot(targets, 3)
    right = (p - y) / 2
    every_target = (p - y.amax(0)) / 2
    mistakes = {
        "`[:, targets]` takes every target in every row: use `[torch.arange(N), targets]`": every_target,
        "this is y − p: it points downhill. The gradient points uphill, p − y, and the optimizer subtracts it": (y - p)
        / 2,
        "the loss is the mean over the rows, so each row's gradient is divided by N, here 2": p - y,
        "this is y − p, and not divided by N: the gradient of the mean loss is (p − y) / N": y - p,
        "you divided by the number of entries: the mean is over the N rows alone, here 2": (p - y) / 6,
        "you divided by the number of tokens: the mean is over the N rows, here 2": (p - y) / 3,
        "this is p alone: at the target subtract 1": p / 2,
        "this is p alone: at the target subtract 1, then divide by N": p,
        "this is the derivative for p, −1/p at the target: carry it on through softmax, to the logits": (-y / p / 2),
        "softmax went over the wrong axis: each row must sum to 1 (dim=-1)": (logits.softmax(0) - y) / 2,
        "y is the id of the target here: it must be one-hot, 1 at the target and 0 elsewhere": (
            p - targets.unsqueeze(1)
        )
        / 2,
    }
    for sentence, mistaken in mistakes.items():
        if torch.allclose(value.float(), mistaken.float(), atol=1e-5):
            _draw(value, right)
            return f"{sentence}. For the first row your answer is {_row(value)}, expected {_row(right)}."
    if not torch.allclose(value.float(), right, atol=1e-5):
        _draw(value, right)
        return (
            f"for the logits (ln 4, ln 2, ln 2) and (0, 0, 0) with the targets 1 and 2 your first row is "
            f"{_row(value)}, expected {_row(right)}: (p − y) / N with p = (0.5, 0.25, 0.25)."
        )
    return _gradient_elsewhere(answer)


def _gradient_elsewhere(answer: Callable[[Tensor, Tensor], Tensor]) -> str | None:
    for name, logits in {
        "logits of 1000": torch.tensor([[1000.0, 999.0, 998.0, 0.0]]),
        "5 random rows over 4 tokens": torch.randn(5, 4, generator=torch.Generator().manual_seed(0)),
    }.items():
        targets = torch.arange(len(logits)) % 4
        leaf = logits.clone().requires_grad_()
        expected = torch.autograd.grad(F.cross_entropy(leaf, targets), leaf)[0]
        value = answer(logits, targets)
        if (wrong := _wrong_tensor(value, tuple(logits.shape))) is not None:
            return wrong
        if not torch.allclose(value.float(), expected, atol=1e-5):
            return (
                f"for {name} your first row is {_row(value)}, autograd says {_row(expected)}. Use torch.softmax, "
                "which subtracts the largest logit, and divide by the number of rows."
            )
    return None


@grader(
    hint="choose the losses whose target is not −100, then take their mean.",
    why="Padding is easy to guess: count it, and the loss looks better the more of it there is.",
)
def masked_mean(answer: Callable[[Tensor, Tensor], Tensor]) -> str | None:
    losses = torch.tensor([[1.0, 2.0, 3.0], [4.0, 9.0, 9.0]])  # (2, 3)
    targets = torch.tensor([[5, 0, 7], [3, -100, -100]])
    value, wrong = _number(answer(losses.clone(), targets.clone()), "the mean, one number")
    if value is None:
        return wrong
    mistakes = {
        "the padding is in the mean: the two losses of 9 belong to no token": 28 / 6,
        "the padding is in the sum: 9 + 9 belong to no token": 28 / 4,
        "you counted the padding in the number of tokens: divide by the 4 targets that count, not by 6": 10 / 6,
        "that is the mean of the rows' means: a short row would count as much as a long one": 3.0,
        "you left out token 0 as well: only −100 marks what does not count": 8 / 3,
        "you left out token 0, and counted the padding": 26 / 5,
        "that is the sum: divide by the number of targets that count, here 4": 10.0,
        "you divided by the number of rows: divide by the number of targets that count, here 4": 5.0,
        "you kept the padding and left out the tokens: the mask is the wrong way round": 9.0,
    }
    given = "for the losses (1, 2, 3), (4, 9, 9) with the targets (5, 0, 7), (3, −100, −100)"
    if (sentence := _compare(value, 2.5, mistakes, given)) is not None:
        return sentence
    value, wrong = _number(answer(torch.tensor([[2.0], [4.0]]), torch.tensor([[1], [2]])))
    if value is None or not math.isclose(value, 3.0, rel_tol=1e-5):
        return (
            f"for the losses 2 and 4, both of which count, your answer is {_shown(value, wrong)}, expected 3.00. "
            "Count the targets that are not −100, whatever the shape."
        )
    return None


@grader(
    hint="add up the nats of all tokens, turn nats into bits, divide by len(text).",
    why="A token is whatever the tokenizer says; a character is the same for everyone. "
    "Only so can two tokenizers be compared.",
)
def bits_per_character(answer: Callable[[np.ndarray, str], float]) -> str | None:
    nats, text = np.array([1.0, 2.0, 4.0, 3.0, 2.0]) * LN_2, "a key é 钥匙"  # 12 bits, 10 characters
    value, wrong = _number(answer(nats.copy(), text))
    if value is None:
        return wrong
    characters, size = len(text), len(text.encode())
    mistakes = {
        "that is bits a token: add the tokens' surprises up, and divide by the characters": 12 / 5,
        "that is nats a character: one bit is ln 2 nats, so divide by ln 2": 12 * LN_2 / characters,
        "you multiplied by ln 2: a bit is 0.69 nats, so there are more bits than nats. Divide": (
            12 * LN_2**2 / characters
        ),
        "you divided by the bytes: é has two bytes and 钥 three, but each is one character": 12 / size,
        "that is the mean over tokens, divided by the characters once more: use the sum": 12 / 5 / characters,
        "you divided by the words: use len(text), the number of characters": 12 / len(text.split()),
        "a space is a character too: use len(text)": 12 / len(text.replace(" ", "")),
        "that is all bits of the text: divide by its characters": 12.0,
        "that is nats a token: add them up, turn them into bits, divide by the characters": 12 * LN_2 / 5,
        "you took log2 of each surprise: it is a logarithm already. Divide by ln 2": (
            float(np.log2(nats).sum()) / characters
        ),
        "that is turned around, characters per bit": characters / 12,
    }
    given = f"for five tokens of 1, 2, 4, 3 and 2 bits and the {characters} characters of {text!r}"
    return _compare(value, 12 / characters, mistakes, given)


WORDS = ("right", "no shift", "shifted twice", "double softmax", "sum", "padding", "bits", "minus")

DIAGNOSES = {
    1: ("no shift", "it ends at 0.04, far below the floor of 0.90: it reads the answer in its own input"),
    2: ("bits", "it starts at 8.97 = log2 500, where ln 500 = 6.21"),
    3: (
        "double softmax",
        "it starts at ln 500 and stays there: with softmax twice no loss is under ln(e + 499) − 1 = 5.22",
    ),
    4: ("sum", "it starts at 12429 = 2000 · 6.21: one ln 500 for each of the 2000 tokens of a batch"),
    5: (
        "padding",
        "2.21 is under the bigram rung of 2.90, which a model of one token cannot pass: something easy is in its mean",
    ),
    6: ("right", "from uniform, 6.21, to just above bigram, 2.90: all that one token of context allows"),
    7: (
        "shifted twice",
        "it stays between unigram, 4.80, and bigram, 2.90: one token tells less about the token after next",
    ),
    8: ("minus", "a surprise is never negative: without the minus the model learns to be as wrong as it can"),
}


@grader(
    hint="start with what needs no training: which first loss does a model have that knows nothing?",
    why="You can now tell from two numbers what others search for over days.",
)
def diagnosis(answer: Callable[[], Mapping[int, str]]) -> str | None:
    said: Any = answer()
    if not isinstance(said, Mapping):
        return f"return a dictionary from the number of the run to a word, not {type(said).__name__}."
    if missing := [run for run in DIAGNOSES if run not in said]:
        return f"run {missing[0]} has no diagnosis yet: the keys are the numbers 1 to 8."
    for run, (word, reason) in DIAGNOSES.items():
        if str(said[run]).strip().lower() not in WORDS:
            return f"run {run}: {said[run]!r} is none of the words {', '.join(WORDS)}."
        if str(said[run]).strip().lower() != word:
            return f"run {run} is not {said[run]!r}. Look again: {reason}."
    return None


def _number(value: Any, expected: str = "one number") -> tuple[float | None, str]:
    """A number out of whatever was returned, or a sentence about what is wrong with it."""
    if value is None:
        return None, "your function returned nothing: end it with `return`."
    if isinstance(value, (bool, str)):
        return None, f"your function returned {value!r}, expected {expected}."
    shape = tuple(getattr(value, "shape", ()))
    if any(size != 1 for size in shape) or isinstance(value, (list, tuple)):
        return (
            None,
            f"your function returned {_kind(value)}, expected {expected}: take the mean at the end.",
        )
    try:
        return float(value), ""
    except (TypeError, ValueError):
        return None, f"your function returned {_kind(value)}, expected {expected}."


def _kind(value: Any) -> str:
    shape = getattr(value, "shape", None)
    if shape is not None:
        return f"numbers of shape {tuple(shape)}"
    return f"a {type(value).__name__} of {len(value)}" if hasattr(value, "__len__") else type(value).__name__


def _compare(value: float, right: float, mistakes: Mapping[str, float], given: str) -> str | None:
    """None where the value is right; else which mistake has this very value, and where it shows."""
    if math.isclose(value, right, rel_tol=1e-5):
        return None
    numbers = f"{given[0].upper()}{given[1:]} your answer is {value:.4g}, expected {right:.4g}"
    for sentence, mistaken in mistakes.items():
        if math.isclose(value, mistaken, rel_tol=1e-4):
            return f"{sentence}. {numbers}."
    return f"{numbers[0].lower()}{numbers[1:]}."


def _wrong_tensor(value: Any, shape: tuple[int, ...]) -> str | None:
    if not isinstance(value, Tensor):
        kind = "nothing" if value is None else _kind(value)
        return f"your function returned {kind}, expected a tensor of shape {shape}, one number for each logit."
    if tuple(value.shape) != shape:
        return f"your gradient has the shape {tuple(value.shape)}, but the logits have {shape}: one number for each."
    return None


def _shown(value: float | None, wrong: str = "not a number") -> str:
    return (wrong or "not a number") if value is None else f"{value:.4g}"


def _row(value: Tensor) -> str:
    return "(" + ", ".join(f"{x:.2f}" for x in value[0].tolist()) + ")"


def _draw(yours: Tensor, expected: Tensor) -> None:
    """Put the reader's gradient beside the right one, a bar for each logit."""
    places = np.arange(expected.numel())
    for ax, numbers, colour in zip(
        plot.panels(["yours", "expected"], "logit", "gradient", height=2.4),
        (yours, expected),
        (plot.RED, plot.BLUE),
        strict=True,
    ):
        ax.bar(places, numbers.detach().float().flatten().numpy(), color=colour)
