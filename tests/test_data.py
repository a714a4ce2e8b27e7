from itertools import chain, islice

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bigmodel.data import IGNORE_INDEX, batches, join, rows, windows, without_idle_columns
from bigmodel.tokenizer import CharacterTokenizer

TOKENIZER = CharacterTokenizer.train("the key is in the attic")


@given(tokens=st.integers(2, 60), length=st.integers(1, 12), stride=st.integers(1, 12))
def test_each_target_is_the_token_after_its_input(tokens, length, stride):
    ids = torch.randperm(tokens, generator=torch.Generator().manual_seed(0))
    if tokens < length + 1:
        with pytest.raises(ValueError, match=f"the text has {tokens} tokens"):
            windows(ids, length, stride)
        return
    inputs, targets = windows(ids, length, stride).tensors
    follows = dict(zip(ids[:-1].tolist(), ids[1:].tolist(), strict=True))
    assert [follows[i] for i in inputs.flatten().tolist()] == targets.flatten().tolist()
    assert inputs.shape == targets.shape == ((tokens - 1 - length) // stride + 1, length)


def test_windows_without_stride_do_not_overlap():
    inputs, _ = windows(range(10), length=3).tensors
    assert inputs.tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]


def test_rows_hold_whole_texts_from_start_to_end_and_hide_their_padding():
    inputs, targets = rows(["key", "the attic"], TOKENIZER).tensors
    key = TOKENIZER.encode("key")
    assert inputs[0, :4].tolist() == [TOKENIZER.start, *key]
    assert targets[0, :4].tolist() == [*key, TOKENIZER.end]
    assert set(inputs[0, 4:].tolist()) == {TOKENIZER.padding}
    assert set(targets[0, 4:].tolist()) == {IGNORE_INDEX}
    assert targets[1, -1] == TOKENIZER.end


def test_joined_texts_each_begin_and_end():
    ids = join(["key", "attic"], TOKENIZER)
    assert ids.count(TOKENIZER.start) == ids.count(TOKENIZER.end) == 2
    assert TOKENIZER.decode(ids) == "keyattic"


@given(size=st.integers(1, 40), batch_size=st.integers(1, 12), first=st.integers(0, 30))
def test_batches_from_any_step_are_those_of_an_unbroken_run(size, batch_size, first):
    data = windows(range(size + 1), length=1)
    unbroken = islice(batches(data, batch_size, seed=3), first, first + 5)
    for (a, b), (c, d) in zip(unbroken, batches(data, batch_size, 3, first), strict=False):
        assert torch.equal(a, c)
        assert torch.equal(b, d)


def test_an_epoch_shows_every_row_once_in_a_new_order():
    data = windows(range(13), length=1)  # 12 rows
    seen = [inputs.flatten().tolist() for inputs, _ in islice(batches(data, 4, seed=0), 6)]
    first, second = [*chain(*seen[:3])], [*chain(*seen[3:])]
    assert sorted(first) == sorted(second) == list(range(12))
    assert first != second


def test_processes_share_each_batch_and_miss_nothing():
    data = windows(range(14), length=1)  # 13 rows
    whole = islice(batches(data, 6, seed=0), 5)
    shares = [islice(batches(data, 2, seed=0, rank=rank, world_size=3), 5) for rank in range(3)]
    for (inputs, _), *parts in zip(whole, *shares, strict=True):
        assert torch.equal(inputs, torch.cat([own for own, _ in parts]))
    with pytest.raises(ValueError, match="1 rows cannot be shared by 2 processes"):
        next(batches(windows([1, 2], 1), 1, seed=0, world_size=2))


def test_seeds_and_epochs_do_not_share_orders():
    data = windows(range(101), length=1)
    epoch_1_of_seed_0 = next(batches(data, 100, seed=0, first=1))[0].tolist()
    epoch_0_of_seed_1 = next(batches(data, 100, seed=1))[0].tolist()
    assert epoch_1_of_seed_0 != epoch_0_of_seed_1


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: windows([1, 2, 3], length=0), "window of 0 tokens"),
        (lambda: windows([[1, 2], [3, 4]], length=1), r"shape \(2, 2\)"),
        (lambda: rows([], TOKENIZER), "no texts"),
        (lambda: next(batches(windows([1, 2], 1), 0, 0)), "batch_size is 0"),
    ],
)
def test_bad_input_gets_one_clear_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


def test_columns_in_which_nothing_counts_are_cut_off():
    inputs, targets = rows(["a", "bb", "a longer text"], TOKENIZER).tensors
    short = without_idle_columns(inputs[:2], targets[:2])
    assert [part.shape for part in short] == [(2, 3), (2, 3)]  # two characters and the end
    assert torch.equal(short[1], targets[:2, :3])
    assert without_idle_columns(inputs, targets)[0].shape == inputs.shape
    nothing = torch.full((3, 4), IGNORE_INDEX)
    assert without_idle_columns(nothing, nothing)[1].shape == (3, 4)  # nothing counts, so nothing is last
