import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from bigmodel.attention import (
    Attention,
    attention_weights,
    causal_mask,
    check_mask,
    cos_sin,
    rotate,
)

sizes = st.integers(1, 6)
few = settings(max_examples=30)


def normal(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def random_mask(seed, T, S):
    """Half of the keys at random, and one at least for each query."""
    generator = torch.Generator().manual_seed(seed)
    mask = torch.rand(T, S, generator=generator) < 0.5
    mask[torch.arange(T), torch.randint(S, (T,), generator=generator)] = True
    return mask


def attention(n_embd=24, n_head=3, seed=0, **settings):
    torch.manual_seed(seed)
    return Attention(n_embd, n_head, **settings).requires_grad_(False)


def turned(T, head_size=8, first=0):
    return cos_sin(torch.arange(first, first + T), head_size)


# Masks


def test_a_causal_mask_allows_the_past_and_oneself():
    assert causal_mask(3).tolist() == [[True, False, False], [True, True, False], [True, True, True]]
    assert causal_mask(2, 4).tolist() == [[True, True, True, False], [True, True, True, True]]


@few
@given(T=sizes, more=st.integers(0, 5))
def test_fewer_queries_are_the_last_ones(T, more):
    assert torch.equal(causal_mask(T, T + more), causal_mask(T + more)[more:])


def test_a_query_without_its_own_key_is_refused():
    with pytest.raises(ValueError, match="3 queries need at least 3 keys, each its own, but there are 2"):
        causal_mask(3, 2)


# Weights


@few
@given(T=sizes, S=sizes, D=sizes, seed=st.integers(0, 9))
def test_weights_are_a_share_of_1_and_0_where_forbidden(T, S, D, seed):
    mask = random_mask(seed, T, S)
    weights = attention_weights(normal(seed, 2, T, D), normal(seed + 1, 2, S, D), mask)
    assert weights.shape == (2, T, S)
    assert torch.allclose(weights.sum(-1), torch.ones(2, T), atol=1e-6)
    assert bool((weights >= 0).all())
    assert torch.equal(weights == 0, ~mask.expand_as(weights))


@few
@given(
    dots=st.sampled_from([(), (2,), (2, 3)]),
    T=sizes,
    S=sizes,
    D=st.integers(1, 8),
    seed=st.integers(0, 9),
    scale=st.sampled_from([0.1, 1.0, 10.0]),
)
def test_attention_is_torch_s(dots, T, S, D, seed, scale):
    q, k, v = normal(seed, *dots, T, D), normal(seed + 1, *dots, S, D), normal(seed + 2, *dots, S, 5)
    mask = random_mask(seed, T, S)
    ours = attention_weights(q * scale, k, mask) @ v
    theirs = F.scaled_dot_product_attention(q * scale, k, v, attn_mask=mask)
    assert torch.allclose(ours, theirs, atol=1e-6, rtol=1e-5)


def test_a_query_that_may_look_nowhere_is_refused():
    mask = torch.tensor([[True, False], [False, False]])
    with pytest.raises(ValueError, match="forbids some query every key: let each position look at least at itself"):
        check_mask(mask)
    check_mask(mask[:1])
    check_mask(causal_mask(3))


def test_masks_differ_from_row_to_row_of_a_batch():
    q, k = normal(0, 2, 3, 4), normal(1, 2, 3, 4)
    mask = torch.stack([causal_mask(3), torch.ones(3, 3, dtype=torch.bool)])
    weights = attention_weights(q, k, mask)
    for row in (0, 1):
        assert torch.allclose(weights[row], attention_weights(q[row], k[row], mask[row]))


# Rotary positions


@few
@given(half=st.integers(1, 5), t=st.integers(0, 100))
def test_rotating_is_multiplication_by_a_unit_complex_number(half, t):
    x = normal(t, 2 * half)
    speeds = torch.tensor([10_000 ** (-i / half) for i in range(half)])
    turned = torch.complex(x[:half], x[half:]) * torch.exp(1j * t * speeds)
    expected = torch.cat([turned.real, turned.imag])
    assert torch.allclose(rotate(x[None], torch.tensor([t]))[0], expected, atol=1e-5)


def test_positions_may_differ_from_row_to_row_and_be_shared_by_heads():
    x = normal(0, 2, 3, 4, 6)  # (B, H, T, D)
    positions = torch.tensor([[0, 1, 2, 3], [5, 6, 7, 8]])
    turned = rotate(x, positions.unsqueeze(1))
    for row in (0, 1):
        for head in range(3):
            assert torch.allclose(turned[row, head], rotate(x[row, head], positions[row]))


def test_an_odd_number_of_components_is_refused():
    with pytest.raises(ValueError, match="vectors of 5 components cannot be paired"):
        rotate(normal(0, 2, 5), torch.arange(2))


# The layer


@few
@given(
    heads=st.sampled_from([1, 2, 4]), T=sizes, S=st.none() | sizes, bias=st.booleans(), seed=st.integers(0, 5),
    causal=st.booleans(),
)  # fmt: skip
def test_attention_is_multihead_attention_with_the_same_weights(heads, T, S, bias, seed, causal):
    """Over itself, and over another sequence of S vectors."""
    ours = attention(16, heads, bias=bias, seed=seed)
    theirs = nn.MultiheadAttention(16, heads, bias=bias, batch_first=True).requires_grad_(False)
    three = ours.queries, ours.keys, ours.values
    theirs.in_proj_weight.copy_(torch.cat([layer.weight for layer in three]))
    theirs.out_proj.weight.copy_(ours.output.weight)
    if bias:
        theirs.in_proj_bias.copy_(torch.cat([layer.bias for layer in three]))
        theirs.out_proj.bias.copy_(ours.output.bias)
    x, source = normal(seed, 2, T, 16), None if S is None else normal(seed + 1, 2, S, 16)
    read = x if source is None else source
    mask = causal_mask(T) if causal and source is None else random_mask(seed, T, read.shape[1])
    y, maps = theirs(x, read, read, attn_mask=~mask, average_attn_weights=False)
    assert torch.allclose(ours(x, mask, source=source), y, atol=1e-5)
    assert torch.allclose(ours.weights(x, mask, source=source), maps, atol=1e-5)


def test_positions_of_x_do_not_turn_a_source():
    with pytest.raises(ValueError, match="leave out the rotation"):
        attention()(normal(0, 1, 3, 24), None, turned(3), source=normal(1, 1, 4, 24))


def test_heads_must_share_equally():
    with pytest.raises(ValueError, match="n_embd 24 cannot be shared by n_head 5: use a multiple of it"):
        Attention(24, 5)
    with pytest.raises(ValueError, match="n_head 4 cannot share n_kv_head 3 equally: use a divisor"):
        Attention(24, 4, n_kv_head=3)
