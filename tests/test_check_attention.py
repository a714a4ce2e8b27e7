"""Each grader of notebook 07 accepts right answers, and tells wrong ones what is wrong with them."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from bigmodel.attention import attention_weights, rotate
from bigmodel.check import attention as check


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
    check.recent_average,
    check.weights_of,
    check.rotated,
    check.join_heads,
    check.looked_at,
    check.one_word_back,
]


@pytest.mark.parametrize("grade", GRADERS, ids=lambda grade: grade.__name__)
def test_a_stub_gets_a_hint_and_odd_answers_a_sentence(grade, capsys):
    assert said(capsys, grade, todo).startswith("Not tried yet. Hint: ")
    assert "nothing" in said(capsys, grade, lambda *arguments: None)
    odd_answers = (
        "text",
        3.5,
        [],
        {},
        torch.zeros(1, 1),
        torch.zeros(0),
        np.zeros(3),
        [None, None],
        [1, 2, 3],
    )
    for odd in odd_answers:
        assert said(capsys, grade, lambda *arguments, odd=odd: odd).startswith("✗ ")
    assert "ZeroDivisionError" in said(capsys, grade, lambda *arguments: 1 / 0)


def test_wrong_weights_are_drawn_beside_the_right_ones(capsys):
    check.recent_average(lambda T, w: torch.eye(T))
    yours, expected = plt.gcf().axes
    assert np.array_equal(yours.images[0].get_array(), np.eye(5))
    assert expected.images[0].get_array()[4].tolist() == pytest.approx([0, 0, 1 / 3, 1 / 3, 1 / 3])


# An average of the last few


def window_by_loop(T, w):
    weights = torch.zeros(T, T)
    for t in range(T):
        first = max(0, t - w + 1)
        weights[t, first : t + 1] = 1 / (t + 1 - first)
    return weights


def window_by_distance(T, w):
    back = torch.arange(T).unsqueeze(1) - torch.arange(T)
    seen = ((back >= 0) & (back < w)).double()
    return seen / seen.sum(-1, keepdim=True)


def window(low, high, divide=lambda seen: seen / seen.sum(1, keepdim=True)):
    """Equal weights on positions from low(w) to high(w) back, both included."""

    def answer(T, w):
        back = torch.arange(T).unsqueeze(1) - torch.arange(T)
        return divide(((back >= low(w)) & (back <= high(w))).float()).nan_to_num()

    return answer


RECENT = [
    (window(lambda w: 0, lambda w: 99), "average over the whole past"),
    (window(lambda w: 0, lambda w: w - 1, lambda seen: seen), "Divide each row by its sum"),
    (
        lambda T, w: window(lambda w: 0, lambda w: w - 1, lambda seen: seen / w)(T, w),
        "there are fewer than w",
    ),
    (window(lambda w: 0, lambda w: w), "w + 1 positions"),
    (window(lambda w: 0, lambda w: w - 2), "w − 1 positions"),
    (window(lambda w: 1, lambda w: w - 1), "the own position is missing"),
    (window(lambda w: 1, lambda w: w), "stands one too far back"),
    (window(lambda w: 1 - w, lambda w: 0), "looks ahead"),
    (window(lambda w: 0, lambda w: w - 1, lambda seen: seen / seen.sum(0)), "columns sum to 1"),
    (window(lambda w: 1 - w, lambda w: w - 1), "both sides"),
    (window(lambda w: -99, lambda w: 99), "the future too"),
    (lambda T, w: window_by_loop(T, w)[-1], "shape (5,), expected (5, 5)"),
    (lambda T, w: window_by_loop(T, w).tolist(), "a list, expected a tensor"),
    (lambda T, w: window_by_loop(T, 3), "for T = 4 and w = 1 row"),
    (
        lambda T, w: torch.softmax(window(lambda w: 0, lambda w: w - 1, lambda s: s)(T, w), -1),
        "each row sums to 1",
    ),
]


@pytest.mark.parametrize("answer", [window_by_loop, window_by_distance])
def test_an_average_of_the_last_few_is_accepted(answer, capsys):
    assert said(capsys, check.recent_average, answer).startswith("✓ ")


@pytest.mark.parametrize(("answer", "sentence"), RECENT)
def test_a_wrong_average_is_told_why(answer, sentence, capsys):
    assert sentence in said(capsys, check.recent_average, answer)


# Attention weights


def weights_by_loop(queries, keys, mask):
    weights = torch.zeros(*queries.shape[:-1], keys.shape[-2])
    for t in range(queries.shape[-2]):
        seen = mask[t].nonzero()[:, 0]
        scores = (queries[..., t : t + 1, :] * keys[..., seen, :]).sum(-1) / queries.shape[-1] ** 0.5
        weights[..., t, seen] = torch.softmax(scores, -1)
    return weights


def weights_with_a_large_number(queries, keys, mask):
    scores = queries @ keys.mT / math.sqrt(keys.shape[-1])
    return torch.softmax(torch.where(mask, scores, -1e30), -1)


def soft(scores, mask, dim=-1):
    return torch.softmax(scores.masked_fill(~mask, -torch.inf), dim)


def by_exp(q, k, m):
    powers = (q @ k.mT / q.shape[-1] ** 0.5).exp() * m
    return powers / powers.sum(-1, keepdim=True)


def in_place(q, k, m):
    q /= q.shape[-1] ** 0.5
    return soft(q @ k.mT, m)


WEIGHTS = [
    (lambda q, k, m: soft(q @ k.mT, m), "not divided by √D"),
    (lambda q, k, m: soft(q @ k.mT / q.shape[-1], m), "Divide by its square root"),
    (lambda q, k, m: soft(q @ k.mT / len(q) ** 0.5, m), "divided by √T"),
    (lambda q, k, m: soft(q @ k.mT * q.shape[-1] ** 0.5, m), "multiplied by √D"),
    (lambda q, k, m: soft(q @ k.mT / 2, m, -2), "softmax ran over the queries"),
    (lambda q, k, m: soft((q @ k.mT / 2).flatten(), m.flatten(), 0).view_as(m), "everything at once"),
    (lambda q, k, m: soft(q @ k.mT / 2, ~m), "the other way round"),
    (lambda q, k, m: torch.softmax(q @ k.mT / 2, -1) * m, "the mask came after the softmax"),
    (lambda q, k, m: torch.softmax(q @ k.mT / 2 * m, -1), "e⁰ = 1"),
    (lambda q, k, m: torch.softmax(q @ k.mT / 2 + m, -1), "added as a number"),
    (lambda q, k, m: torch.softmax(q @ k.mT / 2, -1), "the mask was not used"),
    (lambda q, k, m: soft(q @ k.mT, m) / 2, "division by √D after it"),
    (lambda q, k, m: (q @ k.mT / 2).masked_fill(~m, -torch.inf), "these are scores. A softmax"),
    (lambda q, k, m: q @ k.mT / 2, "these are scores without a mask"),
    (lambda q, k, m: torch.log_softmax((q @ k.mT / 2).masked_fill(~m, -torch.inf), -1), "log-weights"),
    (lambda q, k, m: soft(k @ q.mT / 2, m), "each key chose among the queries"),
    (lambda q, k, m: soft(q @ k.transpose(0, 1) / q.shape[-1] ** 0.5, m), "swaps the last two dimensions"),
    (lambda q, k, m: soft(q @ k.mT / 2, m), "three queries and keys are right"),
    (
        lambda q, k, m: soft(q @ k.mT / q.shape[-1] ** 0.5, torch.ones(q.shape[-2], k.shape[-2]).tril() > 0),
        "are not",
    ),
    (by_exp, "infinite"),
    (in_place, "changed in place"),
    (lambda q, k, m: attention_weights(q, k, m) @ k, "shape (3, 4), expected (3, 3)"),
    (lambda q, k, m: attention_weights(q, k, m).numpy(), "ndarray, expected a tensor"),
    (lambda q, k, m: soft(q * k, m), "RuntimeError"),
]


@pytest.mark.parametrize("answer", [attention_weights, weights_by_loop, weights_with_a_large_number])
def test_attention_weights_are_accepted(answer, capsys):
    assert said(capsys, check.weights_of, answer).startswith("✓ ")


@pytest.mark.parametrize(("answer", "sentence"), WEIGHTS)
def test_wrong_weights_are_told_why(answer, sentence, capsys):
    assert sentence in said(capsys, check.weights_of, answer)


# Rotary positions


def rotated_by_complex_numbers(vectors, positions):
    half = vectors.shape[-1] // 2
    angles = positions.unsqueeze(-1) * 10_000 ** (-torch.arange(half) / half)
    turned = torch.complex(vectors[:, :half], vectors[:, half:]) * torch.polar(
        torch.ones(angles.shape), angles
    )
    return torch.cat([turned.real, turned.imag], -1)


def rotated_by_loop(vectors, positions):
    half, turned = vectors.shape[-1] // 2, vectors.clone()
    for t in range(len(vectors)):
        for i in range(half):
            angle = positions[t].item() * 10_000 ** (-2 * i / (2 * half))
            x, y = vectors[t, i].item(), vectors[t, i + half].item()
            turned[t, i] = x * math.cos(angle) - y * math.sin(angle)
            turned[t, i + half] = x * math.sin(angle) + y * math.cos(angle)
    return turned


def turn(angles=None, combine=None):
    """A rotation by angles(positions (T, 1), D), its halves combined in some way."""

    def answer(vectors, positions):
        D = vectors.shape[-1]
        at = positions.unsqueeze(-1).float()
        theta = angles(at, D) if angles else at * 10_000 ** (-torch.arange(0, D, 2) / D)
        x, y = vectors.chunk(2, -1)
        parts = combine or (lambda x, y, c, s: (x * c - y * s, x * s + y * c))
        return torch.cat(parts(x, y, theta.cos(), theta.sin()), -1)

    return answer


def overwritten(x, y, c, s):
    x = x * c - y * s
    return x, x * s + y * c


def pairs_beside_each_other(vectors, positions):
    x, y = vectors[:, ::2], vectors[:, 1::2]
    theta = positions.unsqueeze(-1) * 10_000 ** (-torch.arange(0, vectors.shape[-1], 2) / vectors.shape[-1])
    pairs = [x * theta.cos() - y * theta.sin(), x * theta.sin() + y * theta.cos()]
    return torch.stack(pairs, -1).flatten(-2)


def turned_in_place(vectors, positions):
    vectors.copy_(rotate(vectors, positions))
    return vectors


ROTATED = [
    (turn(combine=lambda x, y, c, s: (x * c + y * s, y * c - x * s)), "the other way round"),
    (turn(combine=lambda x, y, c, s: (x * s - y * c, x * c + y * s)), "sine and cosine were exchanged"),
    (turn(combine=lambda x, y, c, s: (x * c - y * s, x * s - y * c)), "both coordinates have a minus"),
    (turn(combine=lambda x, y, c, s: (x * c + y * s, x * s + y * c)), "the minus is missing"),
    (turn(combine=overwritten), "Both need the old x"),
    (lambda vectors, positions: vectors, "nothing was turned"),
    (lambda v, p: rotate(v, torch.arange(len(v))), "by its place in the row"),
    (lambda v, p: rotate(v, p + 1), "counted from 1"),
    (pairs_beside_each_other, "components 2i and 2i + 1 were paired"),
    (lambda v, p: rotate(v, p).view(len(v), 2, -1).mT.flatten(1), "side by side"),
    (turn(lambda at, D: at * torch.ones(D // 2)), "one speed"),
    (turn(lambda at, D: at * 10_000 ** (-torch.arange(D // 2) / D)), "expected −2i/D"),
    (turn(lambda at, D: at * 10_000 ** (-2 * torch.arange(0, D, 2) / D)), "there twice"),
    (turn(lambda at, D: at * 10_000 ** (torch.arange(0, D, 2) / D)), "more slowly"),
    (turn(lambda at, D: at * 10_000 ** (-torch.arange(0, D, 2) / (D // 2))), "✗"),
    (turn(lambda at, D: (at * 10_000 ** (-torch.arange(0, D, 2) / D)).deg2rad()), "degrees"),
    (turn(lambda at, D: at * 1000 ** (-torch.arange(0, D, 2) / D)), "by other angles"),
    (lambda v, p: 2 * rotate(v, p), "changes no length"),
    (turned_in_place, "changed in place"),
    (lambda v, p: rotate(v, p)[:, : v.shape[1] // 2], "shape (3, 1), expected (3, 2)"),
    (lambda v, p: rotate(v, p).tolist(), "a list, expected a tensor"),
]


@pytest.mark.parametrize("answer", [rotate, rotated_by_complex_numbers, rotated_by_loop, turn()])
def test_rotated_vectors_are_accepted(answer, capsys):
    assert said(capsys, check.rotated, answer).startswith("✓ ")


@pytest.mark.parametrize(("answer", "sentence"), ROTATED)
def test_a_wrong_rotation_is_told_why(answer, sentence, capsys):
    assert sentence in said(capsys, check.rotated, answer)


# Heads


def joined_by_cat(heads):
    return torch.cat([heads[:, head] for head in range(heads.shape[1])], -1)


def width(heads):
    return heads.shape[0], heads.shape[2], heads.shape[1] * heads.shape[3]


JOINED = [
    (lambda heads: heads.reshape(width(heads)), "reshape alone"),
    (lambda heads: heads.view(width(heads)), "reshape alone"),
    (lambda heads: heads.permute(0, 2, 3, 1).flatten(2), "alternate"),
    (lambda heads: joined_by_cat(heads.flip(1)), "the last head comes first"),
    (lambda heads: heads.transpose(2, 3).reshape(width(heads)), "the wrong two dimensions"),
    (lambda heads: joined_by_cat(heads.flip(2)), "side by side, head 0 first"),
    (lambda heads: heads.mean(1), "shape (1, 3, 2), expected (1, 3, 4)"),
    (lambda heads: heads.transpose(1, 2), "shape (1, 3, 2, 2)"),
    (lambda heads: heads.flatten(1), "shape (1, 12)"),
    (lambda heads: heads.transpose(1, 2).view(width(heads)), "RuntimeError"),
    (lambda heads: joined_by_cat(heads).mul_(1).numpy(), "ndarray"),
    (lambda heads: joined_by_cat(heads.add_(1)), "in place"),
    (lambda heads: heads.permute(2, 0, 1, 3).reshape(width(heads)), "the batch was swapped too"),
]


@pytest.mark.parametrize(
    "answer",
    [
        joined_by_cat,
        lambda h: h.permute(0, 2, 1, 3).contiguous().view(width(h)),
        lambda h: h.mT.flatten(1, 2).mT,
    ],
)
def test_joined_heads_are_accepted(answer, capsys):
    assert said(capsys, check.join_heads, answer).startswith("✓ ")


@pytest.mark.parametrize(("answer", "sentence"), JOINED)
def test_wrongly_joined_heads_are_told_why(answer, sentence, capsys):
    assert sentence in said(capsys, check.join_heads, answer)


# Reading a map


def look(choose):
    return lambda weights, words: [words[place] for place in choose(weights).tolist()]


LOOKED = [
    (look(lambda w: w[:, 0].argmax(-1)), "the first position can look at itself only"),
    (look(lambda w: w[:, :, -1].argmax(-1)), "the last column"),
    (look(lambda w: w[:, -1].argmin(-1)), "looked at least"),
    (look(lambda w: w.sum(1).argmax(-1)), "added up over all positions"),
    (look(lambda w: w.mean(1).argmax(-1)), "added up over all positions"),
    (look(lambda w: w.flatten(1).argmax(-1) % w.shape[-1]), "the largest of the map"),
    (look(lambda w: w[:, -1].mean(0).argmax(-1).expand(len(w))), "the heads were averaged"),
    (lambda weights, words: weights[:, -1].argmax(-1), "expected a list"),
    (lambda weights, words: weights[:, -1].argmax(-1).tolist(), "expected words"),
    (lambda weights, words: words[weights.mean(0)[-1].argmax()], "expected a list with one word"),
    (look(lambda w: w[0].argmax(-1)), "one for each head"),
    (look(lambda w: w[:, -2].argmax(-1)), "row −1 of each head"),
    (lambda weights, words: [words[-1]] * len(weights), "✗"),
]


@pytest.mark.parametrize(
    "answer",
    [
        look(lambda w: w[:, -1].argmax(-1)),
        lambda weights, words: tuple(max(zip(row[-1].tolist(), words, strict=True))[1] for row in weights),
    ],
)
def test_the_words_looked_at_are_accepted(answer, capsys):
    assert said(capsys, check.looked_at, answer).startswith("✓ ")


@pytest.mark.parametrize(("answer", "sentence"), LOOKED)
def test_wrong_words_are_told_why(answer, sentence, capsys):
    assert sentence in said(capsys, check.looked_at, answer)


# One word back


def constant(length, turned=0.0, key=None):
    """A long vector as the key, and as the query the same, turned by some positions beforehand."""

    def answer(D):
        k = torch.full((D,), length) if key is None else key(D)
        return rotate(k[None], torch.tensor([turned]))[0], k

    return answer


def key_turned_forward(D):
    query = torch.full((D,), 10.0)
    return query, rotate(query[None], torch.tensor([1]))[0]


def by_the_fastest_pair(D):
    query, key = torch.zeros(D), torch.zeros(D)
    query[0], query[1], query[2], query[3] = (60.0,) * 4
    return rotate(query[None], torch.tensor([-1]))[0], query + key


BACK = [
    (constant(10.0), "it looks at itself"),
    (constant(10.0, 1), "it looks at itself"),
    (constant(10.0, -2), "it looks 2 back"),
    (constant(1.0, -1), "not sharp enough"),
    (constant(3.0, -1), "not sharp enough"),
    (constant(0.0, -1), "one of the two is 0"),
    (lambda D: (torch.full((24, D), 10.0), torch.full((24, D), 10.0)), "shape (24, 64), expected (64,)"),
    (lambda D: torch.full((D,), 10.0), "a Tensor, expected two tensors"),
    (lambda D: (torch.full((D,), torch.inf), torch.ones(D)), "infinite"),
    (lambda D: (-torch.full((D,), 10.0), torch.full((D,), 10.0)), "back most, expected 1"),
    (lambda D: ([10.0] * D, [10.0] * D), "a list, expected a tensor"),
    (lambda D: constant(10.0, -1)(D)[::-1], "it looks at itself"),
]


@pytest.mark.parametrize(
    "answer",
    [constant(10.0, -1), constant(20.0, -1.0), key_turned_forward, by_the_fastest_pair],
)
def test_a_head_that_looks_one_back_is_accepted(answer, capsys):
    assert said(capsys, check.one_word_back, answer).startswith("✓ ")


@pytest.mark.parametrize(("answer", "sentence"), BACK)
def test_a_head_that_looks_elsewhere_is_told_where(answer, sentence, capsys):
    assert sentence in said(capsys, check.one_word_back, answer)
