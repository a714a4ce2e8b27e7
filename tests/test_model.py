import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from bigmodel.lab import course
from bigmodel.model import (
    BagOfWords,
    BigModel,
    OneHot,
    SideBySide,
    check_ids,
    context_length,
    num_parameters,
    part_with,
)


def ids_of(seed: int, rows: int, length: int, vocab_size: int) -> torch.Tensor:
    return torch.randint(vocab_size, (rows, length), generator=torch.Generator().manual_seed(seed))


def test_the_article_s_model_has_its_ten_million_parameters():
    assert num_parameters(BigModel(1000, 5000, 1000)) == 10_006_000


def test_big_model_is_linear_relu_linear():
    torch.manual_seed(0)
    model = BigModel(7, 11, 5)
    reference = nn.Sequential(nn.Linear(7, 11), nn.ReLU(), nn.Linear(11, 5))
    reference.load_state_dict(dict(zip(reference.state_dict(), model.state_dict().values(), strict=True)))
    x = torch.randn(3, 7)
    assert torch.equal(model(x), reference(x))
    assert list(model.state_dict()) == ["encoder.weight", "encoder.bias", "decoder.weight", "decoder.bias"]


@given(length=st.integers(1, 8), context=st.integers(1, 5), seed=st.integers(0, 9))
def test_one_hot_shows_the_last_tokens_in_order(length, context, seed):
    ids = ids_of(seed, 2, length, 6)
    vectors = OneHot(6, context)(ids)
    assert vectors.shape == (2, length, context * 6)
    seen = vectors.view(2, length, context, 6).argmax(-1)
    for t in range(length):
        expected = ([0] * context + ids[0].tolist()[: t + 1])[-context:]
        assert seen[0, t].tolist() == expected
    assert torch.equal(vectors.sum(-1), torch.full((2, length), float(context)))


@given(length=st.integers(1, 6), context=st.integers(1, 5))
def test_vectors_side_by_side_are_those_of_the_last_tokens_and_the_notebook_s(length, context):
    cells = course.load_notebook(course.find("05"))["cells"]
    listing = next(course.source(cell) for cell in cells if cell["id"] == "side-by-side")
    names = {"nn": nn, "F": nn.functional, "torch": torch}
    exec(listing, names)
    vectors = torch.randn(2, length, 3)
    beside = SideBySide(context)(vectors)
    assert torch.equal(beside, names["SideBySide"](context)(vectors))
    for t in range(length):
        rows = [vectors[:, s] if s >= 0 else torch.zeros(2, 3) for s in range(t - context + 1, t + 1)]
        assert torch.equal(beside[:, t], torch.cat(rows, dim=-1))


@given(length=st.integers(1, 8), context=st.integers(1, 5))
def test_bag_of_words_is_the_mean_of_the_one_hots(length, context):
    ids = ids_of(1, 3, length, 6)
    expected = OneHot(6, context)(ids).view(3, length, context, 6).mean(2)
    assert torch.equal(BagOfWords(6, context)(ids), expected)


@given(context=st.integers(1, 4), position=st.integers(0, 6))
def test_a_position_depends_on_its_last_tokens_and_no_others(context, position):
    torch.manual_seed(0)
    model = nn.Sequential(OneHot(9, context), BigModel(9 * context, 16, 9))
    ids = ids_of(0, 1, 7, 9)
    changed = ids.clone()
    changed[0, position] = (ids[0, position] + 1) % 9
    moved = (model(ids) != model(changed)).any(-1)[0].tolist()
    assert moved == [position <= t < position + context for t in range(7)]


def test_a_model_says_how_much_it_sees():
    assert context_length(nn.Sequential(OneHot(10, context=3), BigModel(30, 4, 10))) == 3
    assert context_length(nn.Linear(2, 2)) is None


def test_what_a_part_offers_is_found_inside_of_wrappers():
    reader = OneHot(10)
    assert part_with(nn.Sequential(nn.Sequential(reader), nn.ReLU()), "vocab_size") is reader
    assert part_with(nn.ReLU(), "vocab_size") is None


def test_ids_of_any_shape_are_checked_where_they_are_made():
    check_ids(torch.arange(5), vocab_size=5)
    check_ids(torch.zeros(0, 3, dtype=torch.long), vocab_size=5)


def test_an_id_outside_the_vocabulary_fails_in_a_forward_too():
    with pytest.raises(RuntimeError, match="index 5 is out of bounds"):
        OneHot(5)(torch.tensor([[5]]))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: BigModel(0, 5, 5), "input_size is 0"),
        (lambda: BigModel(4, 5, 6)(torch.zeros(2, 3)), "3 components, but this BigModel reads 4"),
        (lambda: check_ids(torch.tensor([4, 5]), 5), "id 5 is outside the vocabulary of 5"),
        (lambda: check_ids(torch.tensor([[-1]]), 5), "id -1 is outside"),
        (lambda: OneHot(5)(torch.tensor([1, 2])), r"shape \(2,\)"),
        (lambda: OneHot(5)(torch.zeros(1, 2)), "whole numbers"),
        (lambda: OneHot(5, context=0), "context 0"),
        (lambda: BagOfWords(0, 1), "vocab_size 0"),
    ],
)
def test_bad_input_gets_one_clear_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
