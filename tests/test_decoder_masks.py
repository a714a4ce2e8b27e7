"""The masks of the Decoder, proved by perturbation: what must not matter is changed, and nothing may move."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from bigmodel.decoder import Config, Decoder

V = 13
MANY = settings(max_examples=30)


def drawn(config: Config, seed: int) -> Decoder:
    """A Decoder in which no weight is 0: a new one has blocks that change nothing and logits of 0."""
    torch.manual_seed(seed)
    decoder = Decoder(config)
    for parameter in decoder.parameters():
        nn.init.normal_(parameter, mean=1.0 if parameter.ndim == 1 else 0.0, std=0.4)
    return decoder.eval()


@st.composite
def decoders(draw):
    n_head = draw(st.integers(1, 3))
    config = Config(
        vocab_size=V,
        context=16,
        n_layer=draw(st.integers(1, 3)),
        n_head=n_head,
        n_embd=n_head * 2 * draw(st.integers(2, 4)),
        position=draw(st.sampled_from(["rotary", "learned"])),
        tied=draw(st.booleans()),
        bias=draw(st.booleans()),
        n_kv_head=draw(st.sampled_from([None, 1])),
        norm=draw(st.sampled_from(["layer", "rms"])),
        feed_forward=draw(st.sampled_from(["gelu", "swiglu"])),
        qk_norm=draw(st.booleans()),
    )
    return drawn(config, seed=draw(st.integers(0, 1000)))


@st.composite
def texts(draw, longest=10):
    """A batch of ids (B, T)."""
    shape = draw(st.integers(1, 3)), draw(st.integers(1, longest))
    return torch.randint(V, shape, generator=torch.Generator().manual_seed(draw(st.integers(0, 1000))))


def close(found: torch.Tensor, expected: torch.Tensor) -> bool:
    scale = expected.detach().abs().max().item() + 1
    return torch.allclose(found, expected, rtol=0, atol=1e-5 * scale)


def another(ids: torch.Tensor, where: torch.Tensor, shift: int) -> torch.Tensor:
    """Other ids where a mask (B, T) is True; shift is 1 … V − 1."""
    return torch.where(where, (ids + shift) % V, ids)


# Causality


@MANY
@given(decoders(), texts(), st.data())
def test_another_token_moves_no_earlier_logit_and_its_own(decoder, ids, data):
    j = data.draw(st.integers(0, ids.shape[1] - 1))
    where = torch.zeros_like(ids, dtype=torch.bool)
    where[:, j] = True
    before, after = decoder(ids), decoder(another(ids, where, data.draw(st.integers(1, V - 1))))
    assert torch.equal(before[:, :j], after[:, :j])
    assert (before[:, j] != after[:, j]).any(-1).all()


# Padding


def laid_out(texts: list[torch.Tensor], width: int, left: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows (B, width) with each text after so much padding of its own, and what is padding."""
    ids = torch.zeros(len(texts), width, dtype=torch.long)
    padding = torch.ones(len(texts), width, dtype=torch.bool)
    for row, (text, start) in enumerate(zip(texts, left, strict=True)):
        ids[row, start : start + len(text)] = text
        padding[row, start : start + len(text)] = False
    return ids, padding


@st.composite
def rows_of_texts(draw):
    """Texts of different lengths; as one batch of ids, with padding left, right or both; and what is padding."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 1000)))
    lengths = draw(st.lists(st.integers(1, 8), min_size=1, max_size=4))
    told = [torch.randint(V, (length,), generator=generator) for length in lengths]
    width = max(lengths) + draw(st.integers(0, 6))
    left = [draw(st.integers(0, width - length)) for length in lengths]
    return told, *laid_out(told, width, left)


@MANY
@given(decoders(), rows_of_texts())
def test_a_padded_text_is_read_as_if_alone(decoder, told_ids_padding):
    told, ids, padding = told_ids_padding
    logits = decoder(ids, padding=padding)
    for row, text in enumerate(told):
        assert close(logits[row, ~padding[row]], decoder(text[None])[0])


@MANY
@given(decoders(), rows_of_texts(), st.sampled_from([torch.float32, torch.bfloat16]))
def test_padding_makes_no_nan_forwards_or_backwards(decoder, told_ids_padding, precision):
    _, ids, padding = told_ids_padding
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == torch.bfloat16):
        logits = decoder(ids, padding=padding)
    assert logits.isfinite().all()
    logits[~padding].float().logsumexp(-1).sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in decoder.parameters())


@MANY
@given(decoders(), texts())
def test_a_row_of_nothing_but_padding_is_no_nan_and_disturbs_nobody(decoder, ids):
    both = torch.cat([torch.zeros_like(ids), ids])
    padding = torch.arange(len(both))[:, None].expand_as(both) < len(ids)
    logits = decoder(both, padding=padding)
    assert logits.isfinite().all()
    assert close(logits[len(ids) :], decoder(ids))


@MANY
@given(decoders(), texts())
def test_bfloat16_is_near_float32(decoder, ids):
    with torch.autocast("cpu", torch.bfloat16):
        rough = decoder(ids).float()
    exact = decoder(ids)
    assert (rough - exact).norm() < 0.2 * exact.norm()


# The cache


@st.composite
def cuts(draw, length):
    """Where a text of this length is cut: a list of ends that rises to the length."""
    return sorted({*draw(st.lists(st.integers(1, length), max_size=3)), length})


def in_pieces(decoder, ids, ends, padding=None):
    """The logits of ids read piece by piece with a cache, (B, T, V)."""
    cache, found, start = decoder.new_cache(len(ids)), [], 0
    with torch.no_grad():
        for end in ends:
            seen = None if padding is None else padding[:, :end]
            found.append(decoder(ids[:, start:end], padding=seen, cache=cache))
            start = end
    return torch.cat(found, dim=1)


@MANY
@given(decoders(), texts(), st.data())
def test_with_a_cache_the_logits_are_those_without(decoder, ids, data):
    ends = data.draw(cuts(ids.shape[1]))
    assert close(in_pieces(decoder, ids, ends), decoder(ids).detach())


@MANY
@given(decoders(), rows_of_texts(), st.data())
def test_with_a_cache_and_padding_a_text_is_read_as_if_alone(decoder, told_ids_padding, data):
    told, ids, padding = told_ids_padding
    logits = in_pieces(decoder, ids, data.draw(cuts(ids.shape[1])), padding)
    assert logits.isfinite().all()
    for row, text in enumerate(told):
        assert close(logits[row, ~padding[row]], decoder(text[None])[0].detach())


# What is refused


@pytest.mark.parametrize(
    "padding",
    [
        torch.zeros(2, 5),  # numbers
        torch.zeros(2, 5, dtype=torch.int64),
        torch.zeros(2, 4, dtype=torch.bool),  # too short
        torch.zeros(2, 6, dtype=torch.bool),  # too long
        torch.zeros(1, 5, dtype=torch.bool),  # too few rows
        torch.zeros(5, dtype=torch.bool),  # one row for all
    ],
)
def test_padding_that_does_not_fit_is_refused(padding):
    decoder = drawn(Config(V, context=16, n_layer=1, n_head=2, n_embd=8), seed=0)
    with pytest.raises(ValueError, match=r"padding is torch\..*each of 5 positions in 2 rows: torch.bool of shape"):
        decoder(torch.zeros(2, 5, dtype=torch.long), padding=padding)


def test_with_a_cache_padding_is_said_for_all_positions_so_far():
    decoder = drawn(Config(V, context=16, n_layer=1, n_head=2, n_embd=8), seed=0)
    cache = decoder.new_cache(2)
    ids = torch.zeros(2, 5, dtype=torch.long)
    decoder(ids, padding=torch.zeros(2, 5, dtype=torch.bool), cache=cache)
    with pytest.raises(ValueError, match="each of 6 positions in 2 rows"):
        decoder(ids[:, :1], padding=torch.zeros(2, 1, dtype=torch.bool), cache=cache)


def test_too_long_a_text_is_refused_with_padding_too():
    decoder = drawn(Config(V, context=4, n_layer=1, n_head=2, n_embd=8), seed=0)
    ids = torch.zeros(1, 5, dtype=torch.long)
    with pytest.raises(ValueError, match="5 tokens are more than the context of 4"):
        decoder(ids, padding=ids == 0)
