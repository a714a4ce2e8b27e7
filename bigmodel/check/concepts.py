"""The exercises of notebook 01: parameters, softmax, the loss of guessing, one-hot, greedy, four decoders."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from bigmodel.check.engine import examined, exercise
from bigmodel.check.values import written


@exercise(
    hints=(
        "What does one Linear layer need to make m numbers of n? Count its weights, then its biases.",
        "A layer from n numbers to m has n · m weights and m biases. BigModel has two layers, and ReLU has none.",
        "The encoder has input_size · hidden_size + hidden_size; the decoder is counted in the same way.",
    ),
    why="You can now tell whether a model fits into memory before you build it.",
    cases=[(4, 3, 5), (3, 2, 3), (7, 11, 2), (1000, 5000, 1000)],
    wrong={
        "the biases are missing, one for each number that comes out of a layer": lambda n, h, m: n * h + h * m,
        "that is the encoder alone; the decoder has parameters too": lambda n, h, m: n * h + h,
        "that is the decoder alone; the encoder has parameters too": lambda n, h, m: h * m + m,
        "a bias belongs to each number that comes out of a layer, not to each that goes in": (
            lambda n, h, m: n * h + n + h * m + h
        ),
        "the biases of the decoder are missing, one for each output": lambda n, h, m: n * h + h + h * m,
        "the biases of the encoder are missing, one for each hidden number": lambda n, h, m: n * h + h * m + m,
        "a layer has not one bias, but one for each number that comes out of it": (
            lambda n, h, m: n * h + 1 + h * m + 1
        ),
        "the layers stand one after the other: their weights are added, not multiplied": lambda n, h, m: n * h * m,
        "every input is joined to every hidden number by a weight of its own: multiply": lambda n, h, m: n + h + m,
        "ReLU has no parameters": lambda n, h, m: n * h + h + h * m + m + h,
    },
    also_right=[lambda n, h, m: float((n + 1) * h + (h + 1) * m)],
)
def count_parameters(input_size: int, hidden_size: int, output_size: int) -> int:
    encoder = input_size * hidden_size + hidden_size
    decoder = hidden_size * output_size + output_size
    return encoder + decoder


def divided(powers: list[float]) -> list[float]:
    """Numbers that sum to 1."""
    return [power / sum(powers) for power in powers]


def soft(logits: Sequence[float]) -> list[float]:
    """Softmax, from its definition."""
    return divided([math.exp(logit) for logit in logits])


@exercise(
    hints=(
        "Logits may be negative, probabilities may not. What makes every number positive and keeps their order?",
        "Raise e to each logit with math.exp, then divide each power by the sum of them all.",
        "powers = [math.exp(logit) for logit in logits], and the result is a list of power / sum(powers).",
    ),
    why="Every language model ends in these two lines: positive numbers in the order of the logits, summing to 1.",
    cases=[([2.0, 1.0, 0.0],), ([0.0, 0.0, 0.0, 0.0],), ([-1.0, 3.0, 0.5],), ([0.5],)],
    wrong={
        "these are the powers of e; they still have to be divided by their sum": lambda z: [math.exp(x) for x in z],
        "these are the logarithms of the probabilities": lambda z: [math.log(p) for p in soft(z)],
        "the sign is turned: the highest logit must get the most": lambda z: soft([-x for x in z]),
        "divide by the sum of the powers, not by the largest": lambda z: [math.exp(x - max(z)) for x in z],
        "divide by the sum of the powers, not by their number": lambda z: [math.exp(x) / len(z) for x in z],
        "the base is e = 2.718…, not 2: use math.exp": lambda z: divided([2**x for x in z]),
        "that is the sigmoid, which looks at each logit alone": lambda z: [1 / (1 + math.exp(-x)) for x in z],
        "that gives all to the best; softmax leaves a share to each": lambda z: [float(x == max(z)) for x in z],
        "softmax was applied twice": lambda z: soft(soft(z)),
        "rounded probabilities no longer sum to 1: do not round": lambda z: [round(p, 2) for p in soft(z)],
        "raise e to each logit before you divide by the sum": lambda z: [x / sum(z) for x in z],
        "the probabilities are sorted: each must stay at the place of its logit": (
            lambda z: sorted(soft(z), reverse=True)
        ),
        "the probabilities are sorted, the smallest first: each must stay at the place of its logit": (
            lambda z: sorted(soft(z))
        ),
    },
    also_right=[
        lambda z: torch.softmax(torch.tensor(z), 0),
        lambda z: np.exp(z) / np.exp(z).sum(),
        lambda z: tuple(soft([x - max(z) for x in z])),
    ],
    refused=[
        lambda z: [1 / len(z)] * len(z),
        lambda z: soft(z)[0],
        lambda z: soft(z)[:-1],
        lambda z: "0.67 0.24 0.09",
        lambda z: torch.softmax(torch.tensor([z]), -1),
        lambda z: [math.exp(x) / 0 for x in z],
    ],
)
def softmax(logits: list[float]) -> list[float]:
    powers = [math.exp(logit) for logit in logits]
    total = sum(powers)
    return [power / total for power in powers]


@exercise(
    hints=(
        "What probability does each of vocab_size equal tokens get, and how surprised is one who sees it?",
        "The loss is the surprise at the right token, −ln p, and p is the same for all.",
        "p = 1 / vocab_size, and the loss is −math.log(p).",
    ),
    why="A model that has learned nothing starts at this loss; one that starts far above it is broken.",
    cases=[(5,), (1000,), (50257,)],
    wrong={
        "the minus is missing: the logarithm of a probability is negative, surprise is not": lambda V: math.log(1 / V),
        "that is in bits. A nat uses the natural logarithm, math.log": math.log2,
        "that is the logarithm to base 10; the loss uses the natural one, math.log": math.log10,
        "that is the probability of the right token; the loss is the surprise at it, −ln p": lambda V: 1 / V,
        "the surprise at the right token is −ln p, not −p ln p: it is met every time": lambda V: math.log(V) / V,
        "the loss is the mean over the tokens of a text, not a sum over the vocabulary": lambda V: V * math.log(V),
        "that is the share of wrong guesses; the loss is the surprise, −ln p": lambda V: 1 - 1 / V,
        "that is how many tokens there are to choose from; the loss is its logarithm": lambda V: V,
        "that is the loss of guessing among 1000 tokens: use the argument": lambda V: math.log(1000),
    },
    also_right=[lambda V: -torch.log(torch.tensor(1 / V)), lambda V: np.log([V])],
    refused=[lambda V: 6.9, lambda V: [math.log(V)] * 2, lambda V: math.inf, lambda V: str(math.log(V))],
)
def uniform_loss(vocab_size: int) -> float:
    return -math.log(1 / vocab_size)


def at(place: int, size: int, number: float = 1) -> list[float]:
    """Zeros, with a number at a place."""
    return [number if other == place else 0 for other in range(size)]


@exercise(
    hints=(
        "How long is the list, and how many of its numbers are not 0?",
        "Begin with vocab_size zeros, then put a 1 at the place of the token; places are counted from 0.",
        "vector = [0] * vocab_size, then vector[token] = 1.",
    ),
    why="This is all that a model is told about a token: which one it is, and nothing about what it means.",
    cases=[(2, 5), (0, 3), (3, 4)],
    wrong={
        "places are counted from 0, so that id 0 is the first": lambda token, V: at(token - 1, V),
        "the 1 is one place too far: the place is the id itself": lambda token, V: at(token + 1, V),
        "the number at the place is 1 for every token; the id only says where": lambda token, V: at(token, V, token),
        "the 1 is missing": lambda token, V: [0] * V,
        "exactly one number is 1": lambda token, V: [1] * V,
        "exactly one number is 1, and here it is all up to the token": (
            lambda token, V: [1] * (token + 1) + [0] * (V - token - 1)
        ),
        "0 and 1 are exchanged": lambda token, V: [1 - x for x in at(token, V)],
        "the place is counted from the end": lambda token, V: at(token, V)[::-1],
        "the list ends at the token: it needs a number for each of the vocabulary": (
            lambda token, V: at(token, token + 1)
        ),
        "one number too many: ids go from 0 to vocab_size − 1": lambda token, V: at(token, V + 1),
    },
    also_right=[
        lambda token, V: torch.eye(V)[token],
        lambda token, V: np.eye(V)[token],
        lambda token, V: [place == token for place in range(V)],
    ],
    refused=[lambda token, V: token, lambda token, V: torch.eye(V)[[token]], lambda token, V: [0][token]],
)
def one_hot(token: int, vocab_size: int) -> list[int]:
    vector = [0] * vocab_size
    vector[token] = 1
    return vector


def largest(p: list[float], places: range) -> int:
    """The place of the largest among some places."""
    return max(places, key=lambda place: p[place], default=0)


@exercise(
    hints=(
        "Is a token chosen by its probability, or by the place at which that stands?",
        "Look for the largest probability, and return its place in the list, counted from 0.",
        "max(probabilities) is the largest, and a list's index() finds the place of a number.",
    ),
    why="A model chooses ids, not probabilities; only tokenizer.decode makes text of them.",
    cases=[
        ([0.1, 0.6, 0.2, 0.02, 0.08],),
        ([0.7, 0.06, 0.24],),
        ([0.2, 0.12, 0.18, 0.1, 0.4],),
        ([0.11, 0.3, 0.14, 0.35, 0.1],),
        ([1.0],),
    ],
    wrong={
        "that is the probability itself; asked for is its place in the list, the id": max,
        "ids are counted from 0": lambda p: p.index(max(p)) + 1,
        "that counts from the end of the list; ids are counted from its beginning, from 0": (
            lambda p: p.index(max(p)) - len(p)
        ),
        "counted from the right: count from the left, from 0": lambda p: len(p) - 1 - p.index(max(p)),
        "that is the least probable token": lambda p: p.index(min(p)),
        "that is the last place of a sorted list: sorting loses which probability is whose": (
            lambda p: sorted(p).index(max(p))
        ),
        "the last place was never looked at": lambda p: largest(p, range(len(p) - 1)),
        "place 0 was never looked at": lambda p: largest(p, range(1, len(p))),
        "a larger one comes later: that is only the first that is larger than its neighbour": (
            lambda p: next((i for i in range(len(p) - 1) if p[i] > p[i + 1]), len(p) - 1)
        ),
        "0 each time: the answer does not depend on the probabilities": lambda p: 0,
    },
    also_right=[np.argmax, lambda p: torch.tensor(p).argmax(), lambda p: p.index(max(p))],
    refused=[lambda p: 1, lambda p: " key", lambda p: p.sort() or len(p) - 1],
    equal={"if probability >= probabilities[best]:": "of two that are equal either will do"},
)
def greedy(probabilities: list[float]) -> int:
    best = 0
    for token, probability in enumerate(probabilities):
        if probability > probabilities[best]:
            best = token
    return best


SENSES = ("output layer", "tokenizer.decode", "encoder–decoder", "decoder-only")
OVERHEARD = {
    "A": ("encoder–decoder", "it writes in one language what another part has read in a second language"),
    "B": ("output layer", "BigModel's attribute `decoder` is its last Linear: 5000 · 1000 + 1000 parameters"),
    "C": ("tokenizer.decode", "it makes text of ids, and a character may need several of them"),
    "D": ("decoder-only", "the whole model is one part, and it goes on from what it is given"),
}
DECODERS = {letter: sense for letter, (sense, _) in OVERHEARD.items()}


def name(sense: Any) -> str:
    """A name as it is compared: the dash that keyboards have counts as the other one."""
    return str(sense).strip().lower().replace("-", "–")


@examined(
    hints=(
        "What goes in, and what comes out, of the thing that each sentence speaks of?",
        "The four names are those of the text above: output layer, tokenizer.decode, encoder–decoder, decoder-only.",
        'Return a dictionary with all four letters, {"A": "…", "B": "…", "C": "…", "D": "…"}; each name is used once.',
    ),
    why="Whenever you read 'decoder' from now on, you can ask which of the four is meant.",
    right=lambda: DECODERS,
    also_right=[lambda: DECODERS | {"A": " Encoder-Decoder "}],
    wrong={
        "A does not speak of the output layer": lambda: DECODERS | {"A": "output layer"},
        "A does not speak of the decoder-only": lambda: DECODERS | {"A": "decoder-only", "D": "encoder–decoder"},
        "5000 · 1000 + 1000": lambda: DECODERS | {"B": "decoder-only"},
        "it makes text of ids": lambda: DECODERS | {"C": "output layer"},
        "the whole model is one part": lambda: DECODERS | {"D": "encoder-decoder"},
        "'the last layer' is none of the four names": lambda: DECODERS | {"B": "the last layer"},
        "the letter B is missing": lambda: {"A": "encoder–decoder"},
        "expected a dictionary": lambda: list(DECODERS.values()),
    },
)
def which_decoder(answer: Callable[[], Any]) -> str | None:
    found = answer()
    if not isinstance(found, dict):
        return f"expected a dictionary with the letters A to D, but your answer is {written(found)}."
    for letter, (sense, reason) in OVERHEARD.items():
        if letter not in found:
            return f"the letter {letter} is missing from your dictionary."
        if name(found[letter]) not in map(name, SENSES):
            return f"{letter}: {written(found[letter])} is none of the four names: {', '.join(SENSES)}."
        if name(found[letter]) != name(sense):
            return f"{letter} does not speak of the {found[letter]}. Look again: {reason}."
    return None
