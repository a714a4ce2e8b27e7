"""Each grader of notebook 01 accepts right answers, and says of each mistake that learners make what it is."""

import math
import random

import numpy as np
import pytest
import torch

from bigmodel.check import concepts


def said(capsys, grader, answer):
    grader(answer)
    return capsys.readouterr().out


def softmax(logits):
    powers = [math.exp(logit) for logit in logits]
    return [power / sum(powers) for power in powers]


def one_hot(token, vocab_size):
    return [1 if place == token else 0 for place in range(vocab_size)]


def changes_its_argument(logits):
    result = softmax(logits)
    logits.clear()
    return result


def sorted_place(chances):
    return sorted(chances).index(max(chances))


DECODERS = {"A": "encoder–decoder", "B": "output layer", "C": "tokenizer.decode", "D": "decoder-only"}

RIGHT = [
    (concepts.count_parameters, lambda n, h, m: n * h + h + h * m + m),
    (concepts.count_parameters, lambda n, h, m: float((n + 1) * h + (h + 1) * m)),
    (concepts.softmax, softmax),
    (concepts.softmax, lambda logits: torch.softmax(torch.tensor(logits), 0)),
    (concepts.softmax, lambda logits: np.exp(logits) / np.exp(logits).sum()),
    (concepts.softmax, lambda logits: tuple(softmax([z - max(logits) for z in logits]))),
    (concepts.uniform_loss, lambda vocab_size: math.log(vocab_size)),
    (concepts.uniform_loss, lambda vocab_size: -torch.log(torch.tensor(1 / vocab_size))),
    (concepts.one_hot, one_hot),
    (concepts.one_hot, lambda token, size: torch.eye(size)[token]),
    (concepts.greedy, lambda chances: chances.index(max(chances))),
    (concepts.greedy, np.argmax),
    (concepts.greedy, lambda chances: torch.tensor(chances).argmax()),
    (concepts.which_decoder, lambda: DECODERS),
    (concepts.which_decoder, lambda: DECODERS | {"A": "Encoder-Decoder"}),
]

WRONG = [
    (concepts.count_parameters, lambda n, h, m: n * h + h * m, "biases are missing"),
    (concepts.count_parameters, lambda n, h, m: n * h + h, "encoder alone"),
    (concepts.count_parameters, lambda n, h, m: h * m + m, "decoder alone"),
    (concepts.count_parameters, lambda n, h, m: n * h + n + h * m + h, "comes *out* of a layer"),
    (concepts.count_parameters, lambda n, h, m: n * h + h + h * m, "biases of the decoder are missing"),
    (concepts.count_parameters, lambda n, h, m: n * h + h * m + m, "biases of the encoder are missing"),
    (concepts.count_parameters, lambda n, h, m: n * h + 1 + h * m + 1, "not one bias"),
    (concepts.count_parameters, lambda n, h, m: n * h * m, "added, not multiplied"),
    (concepts.count_parameters, lambda n, h, m: n + h + m, "multiply"),
    (concepts.count_parameters, lambda n, h, m: n * h + h + h * m + m + h, "ReLU has no parameters"),
    (concepts.count_parameters, lambda n, h, m: 10_006_000, "for the sizes (4, 3, 5)"),
    (concepts.count_parameters, lambda n, h, m: 35, "for the sizes (3, 2, 3)"),
    (concepts.count_parameters, lambda n, h, m: None, "is a return missing?"),
    (concepts.count_parameters, lambda n, h, m: "17", "expected a number"),
    (concepts.count_parameters, lambda n, h, m: torch.nn.Linear(n, h), "expected a number"),
    (concepts.softmax, lambda z: [math.exp(x) for x in z], "divided by their sum"),
    (concepts.softmax, lambda z: [x / sum(z) for x in z], "before you divide by the sum"),
    (concepts.softmax, lambda z: [math.exp(x) / max(map(math.exp, z)) for x in z], "not by the largest"),
    (concepts.softmax, lambda z: [math.exp(x) / len(z) for x in z], "not by their number"),
    (concepts.softmax, lambda z: softmax([-x for x in z]), "sign is turned"),
    (concepts.softmax, lambda z: [math.log(p) for p in softmax(z)], "logarithms"),
    (concepts.softmax, lambda z: [2**x / sum(2**y for y in z) for x in z], "base is e"),
    (concepts.softmax, lambda z: [1 / (1 + math.exp(-x)) for x in z], "sigmoid"),
    (concepts.softmax, lambda z: [float(x == max(z)) for x in z], "all to the best"),
    (concepts.softmax, lambda z: softmax(softmax(z)), "applied twice"),
    (concepts.softmax, lambda z: [round(p, 2) for p in softmax(z)], "Do not round"),
    (concepts.softmax, lambda z: [x - 1 for x in z], "No probability is negative"),
    (concepts.softmax, lambda z: [0.9 for _ in z], "sum to 1; yours sum to 2.70"),
    (concepts.softmax, lambda z: [1 / len(z) for _ in z], "expected [0.665, 0.245, 0.09]"),
    (concepts.softmax, lambda z: softmax(z)[0], "a list of 3 probabilities"),
    (concepts.softmax, lambda z: softmax(z)[:-1], "a list of 3 probabilities"),
    (concepts.softmax, lambda z: None, "a list of 3 probabilities"),
    (concepts.softmax, lambda z: "0.67 0.24 0.09", "a list of 3 probabilities"),
    (concepts.softmax, lambda z: torch.softmax(torch.tensor([z]), -1), "a list of 3 probabilities"),
    (concepts.softmax, lambda z: torch.softmax(torch.tensor([z]), 0), "a list of 3 probabilities"),
    (concepts.softmax, changes_its_argument, "changed the list"),
    (concepts.softmax, lambda z: [math.exp(x) / 0 for x in z], "stopped with ZeroDivisionError"),
    (concepts.uniform_loss, lambda v: math.log(1 / v), "minus is missing"),
    (concepts.uniform_loss, lambda v: math.log2(v), "bits"),
    (concepts.uniform_loss, lambda v: math.log10(v), "base 10"),
    (concepts.uniform_loss, lambda v: 1 / v, "That is the probability"),
    (concepts.uniform_loss, lambda v: math.log(v) / v, "not −p ln p"),
    (concepts.uniform_loss, lambda v: v * math.log(v), "not a sum over the vocabulary"),
    (concepts.uniform_loss, lambda v: 1 - 1 / v, "share of wrong guesses"),
    (concepts.uniform_loss, lambda v: v, "how many tokens"),
    (concepts.uniform_loss, lambda v: math.log(1000), "1000 tokens only"),
    (concepts.uniform_loss, lambda v: 6.9, "for V = 5"),
    (concepts.uniform_loss, lambda v: None, "is a return missing?"),
    (concepts.uniform_loss, lambda v: [math.log(v)] * 2, "expected a number"),
    (concepts.uniform_loss, lambda v: math.inf, "expected a number"),
    (concepts.one_hot, lambda token, size: one_hot(token - 1, size), "counted from 0"),
    (concepts.one_hot, lambda token, size: one_hot(token + 1, size), "one place too far"),
    (
        concepts.one_hot,
        lambda token, size: [token * x for x in one_hot(token, size)],
        "the id only says where",
    ),
    (concepts.one_hot, lambda token, size: [0] * size, "1 is missing"),
    (concepts.one_hot, lambda token, size: [1] * size, "Exactly one"),
    (concepts.one_hot, lambda token, size: [1] * (token + 1) + [0] * (size - token - 1), "Exactly one"),
    (concepts.one_hot, lambda token, size: [1 - x for x in one_hot(token, size)], "Exactly one"),
    (concepts.one_hot, lambda token, size: one_hot(token, size + 1), "6 numbers, expected 5"),
    (concepts.one_hot, lambda token, size: one_hot(token, size)[: token + 1], "3 numbers, expected 5"),
    (concepts.one_hot, lambda token, size: one_hot(0, size), "wrong place"),
    (concepts.one_hot, lambda token, size: one_hot(2, size), "for token 0 of 3"),
    (concepts.one_hot, lambda token, size: token, "a list of 5 numbers"),
    (concepts.one_hot, lambda token, size: None, "a list of 5 numbers"),
    (concepts.one_hot, lambda token, size: torch.eye(size)[[token]], "a list of 5 numbers"),
    (concepts.one_hot, lambda token, size: [0][token], "stopped with IndexError"),
    (concepts.greedy, max, "the probability itself"),
    (concepts.greedy, lambda p: p.index(max(p)) + 1, "counted from 0"),
    (concepts.greedy, lambda p: p.index(max(p)) - len(p), "from the end"),
    (concepts.greedy, lambda p: p.index(min(p)), "least probable"),
    (concepts.greedy, sorted_place, "sorting loses"),
    (concepts.greedy, lambda p: 1, "for [0.7, 0.1, 0.2]"),
    (concepts.greedy, lambda p: random.Random(4).choices(range(len(p)), p)[0], "nothing is drawn"),
    (concepts.greedy, lambda p: None, "is a return missing?"),
    (concepts.greedy, lambda p: " key", "expected an id"),
    (concepts.greedy, lambda p: p.sort() or len(p) - 1, "changed the list"),
    (
        concepts.which_decoder,
        lambda: DECODERS | {"A": "output layer"},
        "A does not speak of the output layer",
    ),
    (concepts.which_decoder, lambda: DECODERS | {"A": "decoder-only", "D": "encoder–decoder"}, "A does not"),
    (concepts.which_decoder, lambda: DECODERS | {"B": "decoder-only"}, "5000 · 1000 + 1000"),
    (concepts.which_decoder, lambda: DECODERS | {"C": "output layer"}, "text of ids"),
    (concepts.which_decoder, lambda: DECODERS | {"D": "encoder-decoder"}, "the whole model is one part"),
    (concepts.which_decoder, lambda: DECODERS | {"B": "the last layer"}, "none of the four names"),
    (concepts.which_decoder, lambda: {"A": "encoder–decoder"}, "letter B is missing"),
    (concepts.which_decoder, lambda: list(DECODERS.values()), "expected a dictionary"),
    (concepts.which_decoder, lambda: None, "is a return missing?"),
]


@pytest.mark.parametrize("case", range(len(RIGHT)), ids=lambda case: f"{RIGHT[case][0].__name__}-{case}")
def test_a_right_answer_is_accepted(capsys, case):
    grader, answer = RIGHT[case]
    assert said(capsys, grader, answer).startswith("✓ ")


@pytest.mark.parametrize(
    "case", range(len(WRONG)), ids=lambda case: f"{WRONG[case][0].__name__}: {WRONG[case][2]}"
)
def test_a_wrong_answer_is_told_what_is_wrong(capsys, case):
    grader, answer, words = WRONG[case]
    message = said(capsys, grader, answer)
    assert message.startswith("✗ ")
    assert words in message


@pytest.mark.parametrize(
    "grader", sorted({grader for grader, _ in RIGHT}, key=lambda grader: grader.__name__)
)
def test_a_stub_gets_a_hint(capsys, grader):
    def stub(*arguments):
        raise NotImplementedError

    assert said(capsys, grader, stub).startswith("Not tried yet. Hint: ")
