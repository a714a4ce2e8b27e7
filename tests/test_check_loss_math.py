"""The graders of notebook 02: each accepts right answers, in any style, and names the mistake in each wrong one."""

import inspect
import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from bigmodel.check import loss_math as check


@pytest.fixture(autouse=True)
def _close_pictures():
    yield
    plt.close("all")


def said(capsys, grader, answer):
    grader(answer)
    return capsys.readouterr().out


def rows(logits, targets):
    """Logits of what came, one a row."""
    return logits[torch.arange(len(targets)), targets]


def log_sum_exp(logits):
    largest = logits.max(-1, keepdim=True).values
    return (largest + (logits - largest).exp().sum(-1, keepdim=True).log()).squeeze(-1)


def one_hot(logits, targets):
    return F.one_hot(targets, logits.shape[-1])


RIGHT = {
    check.perplexity: [
        lambda p: np.exp(-np.log(p).mean()),
        lambda p: 2 ** (-np.log2(p).mean()),
        lambda p: torch.tensor(-np.log(p)).mean().exp(),
        lambda p: math.exp(-sum(math.log(x) for x in p) / len(p)),
    ],
    check.cross_entropy: [
        lambda z, y: (log_sum_exp(z) - rows(z, y)).mean(),
        F.cross_entropy,
        lambda z, y: -rows(z.log_softmax(-1), y).mean(),
        lambda z, y: (torch.logsumexp(z.double(), -1) - rows(z.double(), y)).mean().item(),
        lambda z, y: sum(log_sum_exp(row) - row[k] for row, k in zip(z, y, strict=True)) / len(y),
    ],
    check.gradient: [
        lambda z, y: (z.softmax(-1) - one_hot(z, y)) / len(y),
        lambda z, y: (z.double().softmax(-1) - one_hot(z, y)) / len(y),
        lambda z, y: torch.func.grad(F.cross_entropy)(z, y),
    ],
    check.masked_mean: [
        lambda losses, y: losses[y != -100].mean(),
        lambda losses, y: (losses * (y != -100)).sum() / (y != -100).sum(),
        lambda losses, y: losses.where(y != -100, torch.nan).nanmean(),
    ],
    check.bits_per_character: [
        lambda nats, text: nats.sum() / math.log(2) / len(text),
        lambda nats, text: sum(nats) / (len(text) * np.log(2)),
    ],
    check.diagnosis: [
        lambda: {run: word for run, (word, _) in check.DIAGNOSES.items()},
        lambda: {run: f"{word.title()} " for run, (word, _) in check.DIAGNOSES.items()},
    ],
}


@pytest.mark.parametrize(
    ("grader", "answer"),
    [(grader, answer) for grader, answers in RIGHT.items() for answer in answers],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_right_answers_are_accepted_in_any_style(capsys, grader, answer):
    assert said(capsys, grader, answer).startswith("✓ ")


def softmax_shifted(z):
    weights = (z - z.max(-1, keepdim=True).values).exp()
    return weights / weights.sum(-1, keepdim=True)


def in_place(z, y):
    z -= z.max(-1, keepdim=True).values
    return (z.exp().sum(-1).log() - rows(z, y)).mean()


def global_maximum(z, y):
    largest = z.max()
    return (largest + (z - largest).exp().sum(-1).log() - rows(z, y)).mean()


def subtract_id(z, y):
    return (z.softmax(-1) - y.unsqueeze(1)) / len(y)


def every_target(z, y):
    p = z.softmax(-1)
    p[:, y] -= 1
    return p / len(y)


def changes_logits(z, y):
    z.copy_(z.softmax(-1))
    z[torch.arange(len(y)), y] -= 1
    return z / len(y)


def means_of_rows(losses, y):
    counts = y != -100
    return ((losses * counts).sum(1) / counts.sum(1)).mean()


WRONG = {
    check.perplexity: [
        ("1 / mean of the probabilities", lambda p: 1 / p.mean()),
        ("mean of 1/p", lambda p: (1 / p).mean()),
        ("minus is missing", lambda p: np.exp(np.log(p).mean())),
        ("base 2 and the exponential to base e", lambda p: np.exp(-np.log2(p).mean())),
        ("e goes with ln", lambda p: 2 ** (-np.log(p).mean())),
        ("sum of the surprises, not their mean", lambda p: np.exp(-np.log(p).sum())),
        ("sum of the surprises, not their mean", lambda p: 1 / p.prod()),
        ("mean surprise, in nats", lambda p: -np.log(p).mean()),
        ("mean surprise, in bits", lambda p: -np.log2(p).mean()),
        ("mean of the probabilities themselves", lambda p: p.mean()),
        ("add logarithms instead", lambda p: p.prod() and p.prod() ** (-1 / len(p))),
        ("numbers of shape (3,), expected one number", lambda p: np.exp(-np.log(p))),
        ("list of 3, expected one number", lambda p: list(p)),
        ("returned nothing", lambda p: None),
        ("'4'", lambda p: "4"),
        ("expected 4", lambda p: 5.0),
        ("number of tokens, however many", lambda p: np.exp(-np.log(p).sum() / 3)),
        ("stopped with TypeError", lambda: 4.0),
    ],
    check.cross_entropy: [
        ("minus is missing", lambda z, y: rows(z.log_softmax(-1), y).mean()),
        ("divide by N", lambda z, y: -rows(z.log_softmax(-1), y).sum()),
        ("all N · V entries", lambda z, y: -(one_hot(z, y) * z.log_softmax(-1)).mean()),
        ("number of classes", lambda z, y: -(one_hot(z, y) * z.log_softmax(-1)).sum(0).mean()),
        ("every target in every row", lambda z, y: z.logsumexp(-1).mean() - z[:, y].mean()),
        ("that is the perplexity", lambda z, y: F.cross_entropy(z, y).exp()),
        ("loss in bits", lambda z, y: -rows(z.softmax(-1), y).log2().mean()),
        ("wrong axis", lambda z, y: -rows(z.log_softmax(0), y).mean()),
        ("over all tokens", lambda z, y: -z.log_softmax(-1).mean()),
        ("logarithm of each row first", lambda z, y: -rows(z.softmax(-1), y).mean().log()),
        ("logarithm is missing", lambda z, y: -rows(z.softmax(-1), y).mean()),
        ("mean probability", lambda z, y: rows(z.softmax(-1), y).mean()),
        ("softmax stands twice", lambda z, y: F.cross_entropy(z.softmax(-1), y)),
        ("log-sum-exp of its row is missing", lambda z, y: -rows(z, y).mean()),
        ("subtract the logit of what came", lambda z, y: z.logsumexp(-1).mean()),
        ("too large for any float", lambda z, y: (z.exp().sum(-1).log() - rows(z, y)).mean()),
        ("never form it", lambda z, y: -rows(softmax_shifted(z), y).log().mean()),
        ("a small number added, a clamp", lambda z, y: -(rows(z.softmax(-1), y) + 1e-9).log().mean()),
        ("each row its own largest logit", global_maximum),
        ("changed the logits", in_place),
        ("numbers of shape (2,), expected the mean", lambda z, y: log_sum_exp(z) - rows(z, y)),
        ("returned nothing", lambda z, y: None),
        ("F.cross_entropy says", lambda z, y: F.cross_entropy(z, y) if len(z) < 3 else torch.tensor(0.0)),
    ],
    check.gradient: [
        ("points downhill", lambda z, y: (one_hot(z, y) - z.softmax(-1)) / len(y)),
        ("divided by N, here 2", lambda z, y: z.softmax(-1) - one_hot(z, y)),
        ("y − p, and not divided by N", lambda z, y: one_hot(z, y) - z.softmax(-1)),
        ("number of entries", lambda z, y: (z.softmax(-1) - one_hot(z, y)) / z.numel()),
        ("number of tokens", lambda z, y: (z.softmax(-1) - one_hot(z, y)) / z.shape[-1]),
        ("p alone", lambda z, y: z.softmax(-1) / len(y)),
        ("p alone", lambda z, y: z.softmax(-1)),
        ("derivative for p", lambda z, y: -one_hot(z, y) / z.softmax(-1) / len(y)),
        ("wrong axis", lambda z, y: (z.softmax(0) - one_hot(z, y)) / len(y)),
        ("one-hot", subtract_id),
        ("every target in every row", every_target),
        ("changed the logits", changes_logits),
        ("shape (2,), but the logits have (2, 3)", lambda z, y: rows(z.softmax(-1), y) - 1),
        ("autograd says", lambda z, y: (z.exp() / z.exp().sum(-1, keepdim=True) - one_hot(z, y)) / len(y)),
        ("autograd says", lambda z, y: (z.softmax(-1) - one_hot(z, y)) / 2),
        ("expected a tensor", lambda z, y: z.tolist()),
        ("returned nothing", lambda z, y: None),
        ("expected (0.25, -0.38, 0.12)", lambda z, y: torch.zeros(2, 3)),
    ],
    check.masked_mean: [
        ("padding is in the mean", lambda losses, y: losses.mean()),
        ("padding is in the sum", lambda losses, y: losses.sum() / (y != -100).sum()),
        ("divide by the 4 targets", lambda losses, y: (losses * (y != -100)).mean()),
        ("mean of the rows' means", means_of_rows),
        ("left out token 0", lambda losses, y: losses[y > 0].mean()),
        ("and counted the padding", lambda losses, y: losses[y != 0].mean()),
        ("that is the sum", lambda losses, y: losses[y != -100].sum()),
        ("number of rows", lambda losses, y: losses[y != -100].sum() / len(y)),
        ("wrong way round", lambda losses, y: losses[y == -100].mean()),
        ("whatever the shape", lambda losses, y: losses[y != -100].sum() / 4),
        ("expected the mean, one number", lambda losses, y: losses[y != -100]),
        ("returned nothing", lambda losses, y: None),
    ],
    check.bits_per_character: [
        ("bits a token", lambda nats, text: nats.mean() / math.log(2)),
        ("nats a character", lambda nats, text: nats.sum() / len(text)),
        ("multiplied by ln 2", lambda nats, text: nats.sum() * math.log(2) / len(text)),
        ("divided by the bytes", lambda nats, text: nats.sum() / math.log(2) / len(text.encode())),
        ("use the sum", lambda nats, text: nats.mean() / math.log(2) / len(text)),
        ("divided by the words", lambda nats, text: nats.sum() / math.log(2) / len(text.split())),
        (
            "space is a character too",
            lambda nats, text: nats.sum() / math.log(2) / sum(map(len, text.split())),
        ),
        ("all bits of the text", lambda nats, text: nats.sum() / math.log(2)),
        ("nats a token", lambda nats, text: nats.mean()),
        ("logarithm already", lambda nats, text: np.log2(nats).sum() / len(text)),
        ("turned around", lambda nats, text: len(text) * math.log(2) / nats.sum()),
        ("expected one number", lambda nats, text: nats / math.log(2) / len(text)),
        ("returned nothing", lambda nats, text: None),
    ],
    check.diagnosis: [
        ("dictionary", lambda: ["no shift"]),
        ("run 1 has no diagnosis", dict),
        ("none of the words", lambda: dict.fromkeys(range(1, 9), "leak")),
        ("run 2 is not 'no shift'", lambda: dict.fromkeys(range(1, 9), "no shift")),
        ("run 1 is not 'padding'", lambda: right_diagnosis() | {1: "padding", 5: "no shift"}),
        ("run 3 is not 'shifted twice'", lambda: right_diagnosis() | {3: "shifted twice"}),
        ("run 5 is not 'right'", lambda: right_diagnosis() | {5: "right"}),
        ("run 7 is not 'right'", lambda: right_diagnosis() | {7: "right"}),
    ],
}


def right_diagnosis():
    return {run: word for run, (word, _) in check.DIAGNOSES.items()}


@pytest.mark.parametrize(
    ("grader", "message", "answer"),
    [(grader, message, answer) for grader, cases in WRONG.items() for message, answer in cases],
    ids=lambda value: value if isinstance(value, str) else getattr(value, "__name__", None),
)
def test_each_wrong_answer_is_told_what_is_wrong_with_it(capsys, grader, message, answer):
    told = said(capsys, grader, answer)
    assert told.startswith("✗ ")
    assert message in told
    assert told.count("\n") == 1


@pytest.mark.parametrize("grader", RIGHT, ids=lambda grader: grader.__name__)
def test_a_stub_is_told_a_hint(capsys, grader):
    def stub(*arguments):
        raise NotImplementedError

    assert said(capsys, grader, stub).startswith("Not tried yet. Hint: ")


def test_every_grader_of_the_module_is_tried():
    graders = {value for _, value in inspect.getmembers(check) if hasattr(value, "__wrapped__")}
    assert graders == set(RIGHT) == set(WRONG)


def test_a_wrong_gradient_is_drawn_beside_the_right_one(capsys):
    said(capsys, check.gradient, lambda z, y: z.softmax(-1) - one_hot(z, y))
    yours, expected = plt.gcf().axes
    heights = [[bar.get_height() for bar in ax.patches] for ax in (yours, expected)]
    assert np.allclose(heights[0], 2 * np.array(heights[1]))


def test_the_cases_of_the_diagnosis_obey_the_laws_that_give_them_away():
    reasons = dict(check.DIAGNOSES.values())
    assert set(reasons) == set(check.WORDS)
    assert f"{math.log(500):.2f}" in reasons["right"]
    assert f"{math.log2(500):.2f} = log2 500" in reasons["bits"]
    assert f"{math.log(math.e + 499) - 1:.2f}" in reasons["double softmax"]
    assert f"{2000 * math.log(500):.0f}" in reasons["sum"]
