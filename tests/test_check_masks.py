"""Each grader of notebook 08 accepts right answers, and tells wrong ones what is wrong with them."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from bigmodel.attention import causal_mask
from bigmodel.check import masks as check


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
    check.last_may_look,
    check.looks_ahead,
    check.may_look,
    check.answer_targets,
    check.packed,
    check.positions_of,
]


@pytest.mark.parametrize("grade", GRADERS, ids=lambda grade: grade.__name__)
def test_a_stub_gets_a_hint_and_odd_answers_a_sentence(grade, capsys):
    assert said(capsys, grade, todo).startswith("Not tried yet. Hint: ")
    assert "nothing" in said(capsys, grade, lambda *arguments: None)
    odd_ones = ("text", 3.5, [], {}, torch.zeros(1, 1), torch.zeros(0), np.zeros(3), [None, None, None], True)
    for odd in odd_ones:
        assert said(capsys, grade, lambda *arguments, odd=odd: odd).startswith("✗ ")
    assert "ZeroDivisionError" in said(capsys, grade, lambda *arguments: 1 / 0)


def test_a_wrong_mask_is_drawn_beside_the_right_one(capsys):
    check.last_may_look(lambda queries, keys: full(queries, keys).tril())
    yours, expected = (ax.images[0].get_array() for ax in plt.gcf().axes)
    assert np.array_equal(yours, np.tri(3, 5))
    assert np.array_equal(expected, np.tri(3, 5, 2))


# A causal mask for a text that goes on


def full(queries, keys):
    return torch.ones(queries, keys, dtype=torch.bool)


def last_by_loop(queries, keys):
    return torch.tensor([[j <= keys - queries + t for j in range(keys)] for t in range(queries)])


LAST = [
    (lambda q, k: full(q, k).tril(), "the diagonal moves right"),
    (lambda q, k: full(q, k).tril(k - q + 1), "one key ahead"),
    (lambda q, k: full(q, k).tril(k - q - 1), "no query may look at itself"),
    (lambda q, k: full(q, k).triu(k - q + 1), "other way round"),
    (lambda q, k: full(q, k).triu(k - q), "tril, not triu"),
    (full, "nothing is forbidden"),
    (lambda q, k: full(k, k).tril(), "keep the last rows"),
    (lambda q, k: full(k, q).tril(), "expected (3, 5)"),
    (lambda q, k: torch.zeros(q, k).masked_fill(~causal_mask(q, k), -torch.inf), "expected torch.bool"),
    (lambda q, k: causal_mask(q, k).int(), "expected torch.bool"),
    (lambda q, k: causal_mask(q, k).tolist(), "a list, expected a tensor"),
    (lambda q, k: causal_mask(q, k).numpy(), "ndarray, expected a tensor"),
    (lambda q, k: full(q, k).tril(2), "for 3 queries and 3 keys"),
    (lambda q, k: causal_mask(q, k) & full(q, k).triu(1), "query 0 may not look at key 0, and it should"),
]


@pytest.mark.parametrize("answer", [causal_mask, last_by_loop, lambda q, k: causal_mask(k)[-q:]])
def test_a_causal_mask_is_accepted(answer, capsys):
    assert said(capsys, check.last_may_look, answer).startswith("✓ ")


@pytest.mark.parametrize(("answer", "sentence"), LAST)
def test_a_wrong_causal_mask_is_told_why(answer, sentence, capsys):
    assert sentence in said(capsys, check.last_may_look, answer)


# Leaks


def perturbed(model, ids, places=None, change=lambda token: (token + 1) % 1000):
    before = model(ids[None])[0]
    moved = torch.zeros(len(ids), len(ids), dtype=torch.double)
    for j in places or range(len(ids)):
        changed = ids.clone()
        changed[j] = change(ids[j])
        moved[:, j] = (model(changed[None])[0] - before).abs().amax(-1)
    return moved


def ahead(moved, threshold=0.0):
    t, j = torch.nonzero(moved > threshold, as_tuple=True)
    return max([0, *(j - t).tolist()])


def ahead_by_batch(model, ids):
    """All changes in one batch, with random other ids."""
    n = len(ids)
    changed = ids.repeat(n, 1)
    changed[range(n), range(n)] = (ids + 77) % 1000
    return ahead((model(changed) - model(ids[None])).abs().sum(-1).T)


def ahead_and_unclamped(model, ids):
    t, j = torch.nonzero(perturbed(model, ids), as_tuple=True)
    return int((j - t).max()) if len(t) else 0


def ahead_and_stops(model, ids):
    t, j = torch.nonzero(perturbed(model, ids), as_tuple=True)
    return max(0, int((j - t).max()))


def ahead_in_place(model, ids):
    before, farthest = model(ids[None])[0], 0
    for j in range(len(ids)):
        ids[j] = (ids[j] + 1) % 1000
        moved = (model(ids[None])[0] - before).abs().amax(-1)
        farthest = max([farthest, *(j - t for t in range(len(ids)) if moved[t] > 0)])
    return farthest


def nearest_leak(model, ids):
    t, j = torch.nonzero(perturbed(model, ids).triu(1), as_tuple=True)
    return min((j - t).tolist(), default=0)


def first_token_only(model, ids):
    return ahead(perturbed(model, ids, places=[0]))


LEAKS = [
    (lambda model, ids: bool(perturbed(model, ids).triu(1).any()), "say how many tokens ahead"),
    (lambda model, ids: float(ahead(perturbed(model, ids))), "expected a whole number"),
    (lambda model, ids: ahead(perturbed(model, ids).T), "how far it looks back"),
    (lambda model, ids: ahead(perturbed(model, ids)) + 1, "so do not count from 1"),
    (lambda model, ids: ahead(perturbed(model, ids), threshold=1e-8), "not with a tolerance"),
    (lambda model, ids: ahead(perturbed(model, ids, places=[len(ids) - 1])), "Change every token"),
    (first_token_only, "expected 1"),
    (lambda model, ids: int((perturbed(model, ids).triu(1) > 0).sum()), "not how many pairs"),
    (nearest_leak, "expected 7"),
    (ahead_and_unclamped, "below 0 is the past"),
    (ahead_and_stops, "Nothing moves: return 0"),
    (ahead_in_place, "changed in place"),
    (lambda model, ids: 0, "expected 1"),
    (lambda model, ids: len(ids) - 1, "expected 0"),
]


@pytest.mark.parametrize(
    "answer",
    [
        lambda model, ids: ahead(perturbed(model, ids)),
        ahead_by_batch,
        lambda m, i: torch.tensor(ahead_by_batch(m, i)),
    ],
)
def test_a_finder_of_leaks_is_accepted(answer, capsys):
    assert said(capsys, check.looks_ahead, answer).startswith("✓ ")


@pytest.mark.parametrize(("answer", "sentence"), LEAKS)
def test_a_wrong_finder_of_leaks_is_told_why(answer, sentence, capsys):
    assert sentence in said(capsys, check.looks_ahead, answer)


# Padding


def square(padding):
    return full(padding.shape[1], padding.shape[1])


def padded(padding):
    return square(padding).tril() & ~padding[:, None, :] | square(padding).tril().triu()


def padded_by_loop(padding):
    size = padding.shape[1]
    return torch.tensor(
        [[[t == j or (j < t and not row[j]) for j in range(size)] for t in range(size)] for row in padding]
    )


def eye(padding):
    return torch.eye(padding.shape[1], dtype=torch.bool)


def padded_in_place(padding):
    return square(padding).tril() & padding.logical_not_()[:, None, :] | eye(padding)


PADDED = [
    (lambda p: square(p).tril() & ~p[:, None, :] & ~p[:, :, None], "the rows of padding are empty"),
    (lambda p: square(p).tril() & ~p[:, None, :] | p[:, :, None], "the rows of padding look everywhere"),
    (lambda p: square(p).tril() & ~p[:, None, :], "some row is empty"),
    (lambda p: ~p[:, None, :] & square(p) | eye(p), "the future is in view"),
    (lambda p: square(p).tril().expand(len(p), -1, -1), "words look at padding"),
    (lambda p: square(p).tril() & ~p[:, :, None] | eye(p), "rows instead of its columns"),
    (lambda p: square(p).tril() & p[:, None, :] | eye(p), "kept the padding and hid the words"),
    (lambda p: square(p).tril() & ~p[:, None, :] & ~p[:, :, None] | eye(p), "only keys count"),
    (
        lambda p: square(p).tril() & (~p[:, None, :] | p[:, :, None]) | eye(p),
        "padding's rows look at everything",
    ),
    (lambda p: square(p).tril() | ~p[:, None, :], "& belongs"),
    (lambda p: ~padded(p), "other way round"),
    (lambda p: padded(p)[:, None], "right for several heads"),
    (lambda p: padded(p)[0], "expected (2, 4, 4)"),
    (lambda p: padded(p).float(), "expected torch.bool"),
    (padded_in_place, "changed in place"),
    (lambda p: square(p).tril() & ~p | eye(p), "must match the size"),
    (lambda p: square(p).tril(1) & ~p[:, None, :] | eye(p), "query 1 may look at key 2, and it must not"),
]


@pytest.mark.parametrize("answer", [padded, padded_by_loop])
def test_a_padded_mask_is_accepted(answer, capsys):
    assert said(capsys, check.may_look, answer).startswith("✓ ")


@pytest.mark.parametrize(("answer", "sentence"), PADDED)
def test_a_wrong_padded_mask_is_told_why(answer, sentence, capsys):
    assert sentence in said(capsys, check.may_look, answer)


# Targets for the answer alone


def targets_of(ids, n, fill=-100):
    targets = ids[1:].clone()
    targets[: n - 1] = fill
    return targets


def targets_by_where(ids, n):
    places = torch.arange(1, len(ids))
    return torch.where(places < n, -100, ids[1:])


def targets_in_place(ids, n):
    targets = ids[1:]
    targets[: n - 1] = -100
    return targets


def hidden_by_value(ids, n):
    return ids[1:].masked_fill(torch.isin(ids[1:], ids[:n]), -100)


TARGETS = [
    (lambda ids, n: targets_of(ids, n + 1), "one place too many"),
    (lambda ids, n: targets_of(ids, n - 1), "one place too few"),
    (lambda ids, n: ids[1:].clone(), "nothing is off"),
    (lambda ids, n: targets_of(ids, n, fill=0), "0 is the id of a token"),
    (lambda ids, n: torch.where(torch.arange(len(ids)) < n, -100, ids), "one target less"),
    (lambda ids, n: torch.where(torch.arange(len(ids)) < n, -100, ids)[:-1], "not shifted"),
    (lambda ids, n: torch.where(torch.arange(len(ids)) < n - 1, -100, ids)[:-1], "not shifted"),
    (
        lambda ids, n: torch.where(torch.arange(1, len(ids)) < n, ids[1:], -100),
        "the prompt counts. It is the other way",
    ),
    (lambda ids, n: ids[n:], "expected (4,): a target for each input"),
    (targets_in_place, "ids[1:] is a view"),
    (hidden_by_value, "not because they stand in it"),
    (lambda ids, n: targets_of(ids, n).float(), "whole numbers"),
    (lambda ids, n: targets_of(ids, n).tolist(), "a list, expected a tensor"),
    (lambda ids, n: targets_of(ids, n, fill=-1), "then −100 on the first"),
    (
        lambda ids, n: torch.where(torch.arange(1, len(ids)) < n, -100, ids[1:])[:-1],
        "a target for each input",
    ),
]


@pytest.mark.parametrize("answer", [targets_of, targets_by_where])
def test_targets_of_an_answer_are_accepted(answer, capsys):
    assert said(capsys, check.answer_targets, answer).startswith("✓ ")


@pytest.mark.parametrize(("answer", "sentence"), TARGETS)
def test_wrong_targets_are_told_why(answer, sentence, capsys):
    assert sentence in said(capsys, check.answer_targets, answer)


# Packing


def same(number):
    return number[:, None] == number


def packed_by_loop(number):
    return torch.tensor([[i == j and s <= t for s, j in enumerate(number)] for t, i in enumerate(number)])


PACKED = [
    (same, "the future is in view"),
    (lambda n: full(len(n), len(n)).tril(), "the second text looks at the first"),
    (lambda n: same(n) | full(len(n), len(n)).tril(), "& belongs"),
    (lambda n: ~same(n) & full(len(n), len(n)).tril(), "the other texts"),
    (
        lambda n: full(len(n), len(n)).tril() & ((n == n[0])[:, None] == (n == n[0])),
        "the others must be, too",
    ),
    (lambda n: same(n) & full(len(n), len(n)).tril(-1), "no position may look at itself"),
    (lambda n: ~(same(n) & full(len(n), len(n)).tril()), "other way round"),
    (lambda n: (same(n) & full(len(n), len(n)).tril()).float(), "expected torch.bool"),
    (lambda n: same(n) & full(len(n), len(n)).triu(), "query 0 may look at key 1, and it must not"),
    (
        lambda n: torch.block_diag(*[full(c, c).tril() for c in n.unique(return_counts=True)[1]]),
        "may not look at key 0, and it should",
    ),
]


@pytest.mark.parametrize(
    "answer",
    [
        packed_by_loop,
        lambda n: same(n) & full(len(n), len(n)).tril(),
        lambda n: torch.block_diag(
            *[torch.ones(c, c).tril() for c in n.unique_consecutive(return_counts=True)[1]]
        ).bool(),
    ],
)
def test_a_packed_mask_is_accepted(answer, capsys):
    assert said(capsys, check.packed, answer).startswith("✓ ")


@pytest.mark.parametrize(("answer", "sentence"), PACKED)
def test_a_wrong_packed_mask_is_told_why(answer, sentence, capsys):
    assert sentence in said(capsys, check.packed, answer)


# Positions


def positions_by_loop(padding):
    rows = []
    for row in padding.tolist():
        seen = 0
        rows.append([])
        for is_padding in row:
            rows[-1].append(min(seen, len(row) - 1))
            seen += not is_padding
    return torch.tensor(rows)


def counted(padding):
    return (~padding).cumsum(1)


def places(padding):
    return torch.arange(padding.shape[1]).expand_as(padding)


POSITIONS = [
    (places, "the padding was counted as well"),
    (counted, "count from 0"),
    (lambda p: counted(p) - 1, "no table has a row below 0"),
    (lambda p: (p.cumsum(1) - 1).clamp(min=0), "you counted the padding"),
    (lambda p: (places(p) - p.sum(1, keepdim=True)).clamp(min=0), "to the right of it"),
    (lambda p: (counted(p.flip(1)).flip(1) - 1).clamp(min=0), "count from the right"),
    (lambda p: (counted(p) - 1).clamp(min=0).float(), "whole numbers"),
    (lambda p: (counted(p) - 1).clamp(min=0)[0], "expected (1, 5)"),
    (lambda p: (counted(p) - 1).masked_fill(p, 999), "has no position 999"),
    (lambda p: ((~p).cumsum(0) - 1).clamp(min=0), "how many real tokens stand before each"),
    (lambda p: (counted(p) - 1).clamp(min=0).tolist(), "a list, expected a tensor"),
    (lambda p: ~p, "whole numbers"),
]


@pytest.mark.parametrize(
    "answer",
    [
        positions_by_loop,
        lambda p: (counted(p) - 1).clamp(min=0),
        lambda p: (counted(p) - 1).masked_fill(p, 1 if p.shape[1] > 1 else 0),
    ],
)
def test_positions_are_accepted(answer, capsys):
    assert said(capsys, check.positions_of, answer).startswith("✓ ")


@pytest.mark.parametrize(("answer", "sentence"), POSITIONS)
def test_wrong_positions_are_told_why(answer, sentence, capsys):
    assert sentence in said(capsys, check.positions_of, answer)
