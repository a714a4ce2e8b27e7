"""Each grader of notebook 09 accepts right answers, and tells wrong ones what is wrong with them."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from bigmodel.check import transformer as check
from bigmodel.decoder import PRESETS, Decoder
from bigmodel.model import num_parameters
from bigmodel.schedule import warm_up_stable_decay


def said(capsys, grade, answer):
    grade(answer)
    return capsys.readouterr().out


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def todo(*arguments):
    raise NotImplementedError


GRADERS = [
    check.residual,
    check.parameters,
    check.learning_rate,
    check.training_flops,
    check.least_valid,
    check.copying_head,
]


@pytest.mark.parametrize("grade", GRADERS, ids=lambda grade: grade.__name__)
def test_a_stub_gets_a_hint_and_odd_answers_a_sentence(grade, capsys):
    assert said(capsys, grade, todo).startswith("Not tried yet. Hint: ")
    assert "nothing" in said(capsys, grade, lambda *arguments: None)
    odd_answers = (
        "text",
        3.25,
        math.nan,
        [],
        {},
        torch.zeros(1, 1),
        torch.zeros(0),
        np.zeros(3),
        [None, None],
    )
    for odd in odd_answers:
        verdict = said(capsys, grade, lambda *arguments, odd=odd: odd)
        assert verdict.startswith("✗ ")
        assert "Traceback" not in verdict
    assert "ZeroDivisionError" in said(capsys, grade, lambda *arguments: 1 / 0)


# The residual step


@pytest.mark.parametrize(
    "right",
    [
        lambda x, step, norm: x + step(norm(x)),
        lambda x, step, norm: torch.add(step(norm(x)), x),
        lambda x, step, norm: x.clone().add_(step(norm(x))),
    ],
)
def test_a_right_step_of_the_stream_is_accepted(capsys, right):
    assert said(capsys, check.residual, right).startswith("✓")


def in_place(x, step, norm):
    x += step(norm(x))
    return x


RESIDUAL = {
    "in place": (in_place, "in place"),
    "no addition": (lambda x, step, norm: step(norm(x)), "nothing was added"),
    "no norm": (lambda x, step, norm: x + step(x), "read x itself"),
    "post-norm": (lambda x, step, norm: norm(x + step(x)), "post-norm"),
    "both norms": (lambda x, step, norm: norm(x + step(norm(x))), "applied to the sum"),
    "norm after the step": (lambda x, step, norm: x + norm(step(x)), "after the step"),
    "the norm passed on": (lambda x, step, norm: norm(x) + step(norm(x)), "instead of x itself"),
    "the stream alone": (lambda x, step, norm: x, "without what the step adds"),
    "a subtraction": (lambda x, step, norm: x - step(norm(x)), "subtracted"),
    "a product": (lambda x, step, norm: x * step(norm(x)), "x + step(norm(x))"),
    "both side by side": (lambda x, step, norm: torch.cat([x, step(norm(x))], -1), "shape (1, 6)"),
}


@pytest.mark.parametrize("name", RESIDUAL)
def test_a_wrong_step_of_the_stream_is_told_what_is_wrong(capsys, name):
    answer, message = RESIDUAL[name]
    verdict = said(capsys, check.residual, answer)
    assert verdict.startswith("✗")
    assert message in verdict


# Parameters


def count(vocab_size, n_embd, n_layer, *, block=12, norms=2, tables=2, last=1):
    return tables * vocab_size * n_embd + n_layer * (block * n_embd**2 + norms * n_embd) + last * n_embd


@pytest.mark.parametrize("name", ["tiny", "small", "medium", "large"])
def test_the_right_count_is_that_of_the_decoder(capsys, name):
    config = PRESETS[name]
    assert count(config.vocab_size, config.n_embd, config.n_layer) == num_parameters(Decoder(config))
    assert said(capsys, check.parameters, count).startswith("✓")


PARAMETERS = {
    "tied": (lambda V, C, L: count(V, C, L, tables=1), "a matrix of its own"),
    "no tables": (lambda V, C, L: count(V, C, L, tables=0), "both missing"),
    "no norms": (lambda V, C, L: count(V, C, L, norms=0, last=0), "the norms are missing"),
    "no last norm": (lambda V, C, L: count(V, C, L, last=0), "last norm is missing"),
    "one norm in a block": (lambda V, C, L: count(V, C, L, norms=1), "two norms"),
    "norms with biases": (lambda V, C, L: count(V, C, L, norms=4, last=2), "no biases"),
    "no matrix after the heads": (lambda V, C, L: count(V, C, L, block=11), "fourth matrix"),
    "one matrix for queries, keys and values": (lambda V, C, L: count(V, C, L, block=10), "a matrix each"),
    "no attention": (lambda V, C, L: count(V, C, L, block=8), "attention is missing"),
    "no feed-forward": (lambda V, C, L: count(V, C, L, block=4), "feed-forward network is missing"),
    "feed-forward of one matrix": (lambda V, C, L: count(V, C, L, block=8) + 0 * V, "attention is missing"),
    "a narrow feed-forward": (lambda V, C, L: count(V, C, L, block=6), "4 · C numbers"),
    "biases everywhere": (lambda V, C, L: count(V, C, L, norms=13, last=2), "no biases"),
    "biases of the output": (lambda V, C, L: count(V, C, L) + V, "output layer's"),
    "learned positions": (lambda V, C, L: count(V, C, L) + 256 * C, "rotary"),
    "one block": (lambda V, C, L: count(V, C, 1), "one block of 2"),
    "everything in every block": (lambda V, C, L: L * count(V, C, 1), "only the blocks"),
    "bytes": (lambda V, C, L: 4 * count(V, C, L), "12 · C²"),
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_wrong_count_is_told_what_is_wrong(capsys, name):
    answer, message = PARAMETERS[name]
    verdict = said(capsys, check.parameters, answer)
    assert verdict.startswith("✗")
    assert message in verdict


# The learning rate


def rate(t, T, eta_0, warm_up):
    return eta_0 * (t + 1) / warm_up if t < warm_up else eta_0 * (T - t) / (T - warm_up)


@pytest.mark.parametrize(
    "right",
    [
        rate,
        lambda t, T, eta_0, warm_up: eta_0 * min((t + 1) / warm_up, (T - t) / (T - warm_up)),
        lambda t, T, eta_0, warm_up: warm_up_stable_decay(t, T, eta_0, warm_up, T - warm_up),
    ],
)
def test_a_right_learning_rate_is_accepted(capsys, right):
    assert said(capsys, check.learning_rate, right).startswith("✓")


def after(fall):
    """A learning rate that warms up rightly, and falls as it is told."""
    return lambda t, T, eta_0, warm_up: eta_0 * (t + 1) / warm_up if t < warm_up else eta_0 * fall(t, T, warm_up)


RATES = {
    "a first step of zero": (
        lambda t, T, eta_0, warm_up: eta_0 * t / warm_up if t < warm_up else rate(t, T, eta_0, warm_up),
        "t + 1",
    ),
    "no eta_0": (lambda t, T, eta_0, warm_up: rate(t, T, 1, warm_up), "not multiplied by eta_0"),
    "no warm-up": (lambda t, T, eta_0, warm_up: eta_0 * (T - t) / T, "no warm-up"),
    "falling from the start": (after(lambda t, T, warm_up: 1 - t / T), "divide by T − warm_up"),
    "constant": (after(lambda t, T, warm_up: 1), "does not fall"),
    "rising on": (after(lambda t, T, warm_up: (t + 1) / warm_up), "goes on rising"),
    "never at zero": (after(lambda t, T, warm_up: 1 - (t - warm_up) / T), "must end at T"),
    "too early": (after(lambda t, T, warm_up: (T - t - 1) / (T - warm_up)), "one step too early"),
    "T for the last step": (after(lambda t, T, warm_up: (T - 1 - t) / (T - 1 - warm_up)), "T − 1"),
    "a cosine": (
        after(lambda t, T, warm_up: (1 + math.cos(math.pi * (t - warm_up) / (T - warm_up))) / 2),
        "cosine",
    ),
    "a product": (
        lambda t, T, eta_0, warm_up: rate(t, T, eta_0, warm_up) * (min(t, warm_up - 1) + 1) / warm_up,
        "✗",
    ),
    "the fall in the warm-up": (
        lambda t, T, eta_0, warm_up: eta_0 * (T - t) / (T - warm_up) if t < T else 0,
        "belongs to the warm-up",
    ),
}


@pytest.mark.parametrize("name", RATES)
def test_a_wrong_learning_rate_is_told_what_is_wrong_and_drawn(capsys, name):
    answer, message = RATES[name]
    verdict = said(capsys, check.learning_rate, answer)
    assert verdict.startswith("✗")
    assert message in verdict
    assert len(plt.gca().lines) == 2


# FLOPs


def flops(weights, n_layer, n_embd, length, tokens, *, matrices=6, attention=12):
    return (matrices * weights + attention * n_layer * n_embd * length) * tokens


FLOPS = {
    "of one token": (lambda w, L, C, T, n: flops(w, L, C, T, 1), "multiply by the tokens"),
    "forward": (lambda w, L, C, T, n: flops(w, L, C, T, n) / 3, "only the forward"),
    "backward": (lambda w, L, C, T, n: flops(w, L, C, T, n) * 2 / 3, "only the backward"),
    "multiplications": (lambda w, L, C, T, n: flops(w, L, C, T, n) / 2, "both an addition"),
    "no attention": (lambda w, L, C, T, n: 6 * w * n, "attention is missing"),
    "one block": (lambda w, L, C, T, n: flops(w, 1, C, T, n), "one block"),
    "no matrices": (lambda w, L, C, T, n: flops(0, L, C, T, n), "matrices are missing"),
    "attention once": (lambda w, L, C, T, n: 6 * w * n + 12 * L * C * T, "multiplied by the tokens"),
    "T squared": (lambda w, L, C, T, n: flops(w, L, C, T * T, n), "not at T²"),
    "rows": (lambda w, L, C, T, n: flops(w, L, C, T, n * T), "T once more"),
    "three a weight": (lambda w, L, C, T, n: flops(w, L, C, T, n, matrices=3), "6, not 3"),
    "four times": (lambda w, L, C, T, n: flops(w, L, C, T, n) * 4, "(6 · weights"),
}


def test_the_right_flops_are_accepted(capsys):
    assert said(capsys, check.training_flops, flops).startswith("✓")


@pytest.mark.parametrize("name", FLOPS)
def test_wrong_flops_are_told_what_is_wrong(capsys, name):
    answer, message = FLOPS[name]
    verdict = said(capsys, check.training_flops, answer)
    assert verdict.startswith("✗")
    assert message in verdict


# The promise


@pytest.mark.parametrize(
    "right",
    [lambda e, n: math.exp(-e * n), lambda e, n: np.exp(-e * n), lambda e, n: torch.tensor(-e * n).exp()],
)
def test_a_right_promise_is_accepted(capsys, right):
    assert said(capsys, check.least_valid, right).startswith("✓")


PROMISES = {
    "a token": (lambda e, n: math.exp(-e), "Multiply the excess"),
    "plus": (lambda e, n: math.exp(e * n), "plus KL"),
    "linear": (lambda e, n: 1 - e * n, "weaker"),
    "the rest": (lambda e, n: 1 - math.exp(-e * n), "left over"),
    "the KL": (lambda e, n: e * n, "KL of a story itself"),
    "base 2": (lambda e, n: 2 ** (-e * n), "not with 2"),
    "divided": (lambda e, n: math.exp(-e / n), "divided by the tokens"),
    "half": (lambda e, n: math.exp(-e * n / 2), "not half"),
    "per cents": (lambda e, n: 100 * math.exp(-e * n), "per cents"),
    "a share of the floor": (lambda e, n: 1 - e, "e^(−excess · tokens)"),
}


@pytest.mark.parametrize("name", PROMISES)
def test_a_wrong_promise_is_told_what_is_wrong(capsys, name):
    answer, message = PROMISES[name]
    verdict = said(capsys, check.least_valid, answer)
    assert verdict.startswith("✗")
    assert message in verdict


# The head that copies


def best(maps, pairs, query, key, reduce=torch.mean):
    weight = torch.stack([maps[:, :, query(t), key(s)] for t, s in pairs])
    return divmod(int(reduce(weight, dim=0).argmax()), maps.shape[1])


def test_the_right_head_is_accepted(capsys):
    def right(maps, pairs):
        return best(maps, pairs, lambda t: t - 1, lambda s: s)

    assert said(capsys, check.copying_head, right).startswith("✓")
    assert said(capsys, check.copying_head, lambda m, p: torch.tensor(right(m, p))).startswith("✓")
    assert said(capsys, check.copying_head, lambda m, p: list(right(m, p))).startswith("✓")


HEADS = {
    "from the copy itself": (lambda m, p: best(m, p, lambda t: t, lambda s: s), "the place before it"),
    "after the original": (lambda m, p: best(m, p, lambda t: t - 1, lambda s: s + 1), "one place after"),
    "before the original": (lambda m, p: best(m, p, lambda t: t - 1, lambda s: s - 1), "one place before"),
    "the largest weight": (
        lambda m, p: best(m, p, lambda t: t - 1, lambda s: s, torch.amax),
        "the mean over all pairs",
    ),
    "the first pair": (lambda m, p: best(m, p[:1], lambda t: t - 1, lambda s: s), "the mean over all pairs"),
    "head before layer": (
        lambda m, p: best(m, p, lambda t: t - 1, lambda s: s)[::-1],
        "the layer comes first",
    ),
    "one number": (lambda m, p: 6, "two numbers"),
    "the head alone": (lambda m, p: (2,), "two numbers"),
    "a map": (lambda m, p: m[0, 0], "two numbers"),
    "the most attentive anywhere": (
        lambda m, p: divmod(int(m[..., 1:].amax((-1, -2)).argmax()), m.shape[1]),
        "✗",
    ),
    "turned": (lambda m, p: best(m.mT, p, lambda t: t - 1, lambda s: s), "✗"),
}


@pytest.mark.parametrize("name", HEADS)
def test_a_wrong_head_is_told_what_is_wrong(capsys, name):
    answer, message = HEADS[name]
    verdict = said(capsys, check.copying_head, answer)
    assert verdict.startswith("✗")
    assert message in verdict
