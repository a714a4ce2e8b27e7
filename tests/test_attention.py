import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from bigmodel.attention import (
    Attention,
    KeyValueCache,
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


@few
@given(T=sizes, D=sizes)
def test_causal_attention_is_torch_s(T, D):
    q, k, v = normal(0, 2, T, D), normal(1, 2, T, D), normal(2, 2, T, D)
    theirs = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    assert torch.allclose(attention_weights(q, k, causal_mask(T)) @ v, theirs, atol=1e-6)


def test_weights_worked_out_by_hand():
    keys = torch.tensor([[4.0, 1.0, 1.0, 1.0], [2.0, 1.0, 1.0, 1.0], [2.0, 1.0, 1.0, 1.0]]).log()
    queries = torch.tensor([[2.0, 0.0, 0.0, 0.0]])  # q · k / √4 = ln 4, ln 2, ln 2
    weights = attention_weights(queries, keys, torch.ones(1, 3, dtype=torch.bool))
    assert torch.allclose(weights, torch.tensor([[1 / 2, 1 / 4, 1 / 4]]))


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


@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_bfloat16_gives_numbers(scale):
    q, k = (scale * normal(seed, 2, 5, 8).bfloat16() for seed in (0, 1))
    weights = attention_weights(q, k, causal_mask(5))
    assert weights.dtype == torch.bfloat16
    assert bool(weights.isfinite().all())
    assert torch.allclose(weights.float().sum(-1), torch.ones(2, 5), atol=0.02)
    small = Attention(16, 2, qk_norm=True).bfloat16()
    y = small(normal(2, 1, 5, 16).bfloat16(), causal_mask(5), turned(5))
    assert y.dtype == torch.bfloat16
    assert bool(y.isfinite().all())


def test_gradients_reach_every_weight_and_are_numbers():
    layer = Attention(16, 4, n_kv_head=2, head_size=8, bias=True, qk_norm=True)
    layer(normal(0, 2, 5, 16), causal_mask(5), turned(5)).square().sum().backward()
    for name, weight in layer.named_parameters():
        assert bool(weight.grad.isfinite().all()), name
        assert bool(weight.grad.any()), name


# Rotary positions


@few
@given(half=st.integers(1, 8), t=st.integers(0, 300), s=st.integers(0, 300), shift=st.integers(-200, 200))
def test_a_score_of_rotated_vectors_depends_on_their_distance_alone(half, t, s, shift):
    q, k = normal(0, 1, 2 * half).double(), normal(1, 1, 2 * half).double()

    def score(at_q, at_k):
        return (rotate(q, torch.tensor([at_q])) @ rotate(k, torch.tensor([at_k])).T).item()

    assert abs(score(t, s) - score(t + shift, s + shift)) < 1e-3 * half


@few
@given(half=st.integers(1, 8), t=st.integers(0, 5000))
def test_rotating_keeps_lengths_and_position_0_turns_nothing(half, t):
    x = normal(t, 3, 2 * half)
    assert torch.allclose(rotate(x, torch.full((3,), t)).norm(dim=-1), x.norm(dim=-1), rtol=1e-5)
    assert torch.equal(rotate(x, torch.zeros(3, dtype=torch.long)), x)


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
    heads=st.sampled_from([1, 2, 4]),
    T=sizes,
    bias=st.booleans(),
    seed=st.integers(0, 5),
    causal=st.booleans(),
)
def test_attention_is_multihead_attention_with_the_same_weights(heads, T, bias, seed, causal):
    ours = attention(16, heads, bias=bias, seed=seed)
    theirs = nn.MultiheadAttention(16, heads, bias=bias, batch_first=True).requires_grad_(False)
    three = ours.queries, ours.keys, ours.values
    theirs.in_proj_weight.copy_(torch.cat([layer.weight for layer in three]))
    theirs.out_proj.weight.copy_(ours.output.weight)
    if bias:
        theirs.in_proj_bias.copy_(torch.cat([layer.bias for layer in three]))
        theirs.out_proj.bias.copy_(ours.output.bias)
    x, mask = normal(seed, 2, T, 16), causal_mask(T) if causal else random_mask(seed, T, T)
    y, maps = theirs(x, x, x, attn_mask=~mask, average_attn_weights=False)
    assert torch.allclose(ours(x, mask), y, atol=1e-5)
    assert torch.allclose(ours.weights(x, mask), maps, atol=1e-5)


@few
@given(T=sizes, S=sizes, bias=st.booleans(), seed=st.integers(0, 5))
def test_with_a_source_it_is_multihead_attention_over_another_sequence(T, S, bias, seed):
    ours = attention(16, 4, bias=bias, seed=seed)
    theirs = nn.MultiheadAttention(16, 4, bias=bias, batch_first=True).requires_grad_(False)
    three = ours.queries, ours.keys, ours.values
    theirs.in_proj_weight.copy_(torch.cat([layer.weight for layer in three]))
    theirs.out_proj.weight.copy_(ours.output.weight)
    if bias:
        theirs.in_proj_bias.copy_(torch.cat([layer.bias for layer in three]))
        theirs.out_proj.bias.copy_(ours.output.bias)
    x, source, mask = normal(seed, 2, T, 16), normal(seed + 1, 2, S, 16), random_mask(seed, T, S)
    y, maps = theirs(x, source, source, attn_mask=~mask, average_attn_weights=False)
    assert torch.allclose(ours(x, mask, source=source), y, atol=1e-5)
    assert torch.allclose(ours.weights(x, mask, source=source), maps, atol=1e-5)


def test_positions_of_x_do_not_turn_a_source():
    with pytest.raises(ValueError, match="leave out the rotation"):
        attention()(normal(0, 1, 3, 24), None, turned(3), source=normal(1, 1, 4, 24))


@few
@given(groups=st.sampled_from([1, 2, 4]), bias=st.booleans(), qk_norm=st.booleans())
def test_grouped_queries_are_full_attention_with_keys_and_values_repeated(groups, bias, qk_norm):
    grouped = attention(24, 4, n_kv_head=groups, head_size=8, qkv_bias=bias, qk_norm=qk_norm)
    full = attention(24, 4, head_size=8, qkv_bias=bias, qk_norm=qk_norm, seed=1)
    weights = dict(grouped.state_dict())
    for name in weights:
        if name.split(".")[0] in ("keys", "values"):
            shared = weights[name].unflatten(0, (groups, 8))
            weights[name] = shared.repeat_interleave(4 // groups, dim=0).flatten(0, 1)
    full.load_state_dict(weights)
    x, mask = normal(0, 2, 5, 24), causal_mask(5)
    assert torch.allclose(grouped(x, mask, turned(5)), full(x, mask, turned(5)), atol=1e-6)
    assert torch.allclose(grouped.weights(x, mask), full.weights(x, mask), atol=1e-6)


def test_query_key_norm_makes_scores_independent_of_length():
    layer, x, mask = attention(qk_norm=True), normal(0, 1, 5, 24), causal_mask(5)
    assert torch.allclose(layer.weights(100 * x, mask), layer.weights(x, mask), atol=1e-4)
    queries, keys, values = layer.split(x)
    for normed in (queries, keys):
        assert torch.allclose(normed.square().mean(-1), torch.ones(1, 3, 5), atol=1e-3)
    assert torch.equal(values.transpose(1, 2).flatten(2), layer.values(x))


@few
@given(rotary=st.booleans(), T=st.integers(2, 7), data=st.data())
def test_nobody_sees_the_future(rotary, T, data):
    changed_at = data.draw(st.integers(1, T - 1))
    layer, rotation = attention(), turned(T) if rotary else None
    x = normal(0, 1, T, 24)
    changed = x.clone()
    changed[:, changed_at:] += 1
    before, after = (layer(one, causal_mask(T), rotation) for one in (x, changed))
    assert torch.equal(before[:, :changed_at], after[:, :changed_at])
    assert not torch.allclose(before[:, changed_at:], after[:, changed_at:])


@few
@given(groups=st.sampled_from([1, 3]), start=st.integers(1, 6), step=st.integers(1, 3))
def test_with_a_cache_the_result_is_the_same(groups, start, step):
    layer, T = attention(n_kv_head=groups), 8
    x = normal(0, 2, T, 24)
    whole = layer(x, causal_mask(T), turned(T))
    cache = KeyValueCache(torch.empty(2, groups, 0, 8), torch.empty(2, groups, 0, 8))
    pieces, at = [], 0
    while at < T:
        end = min(T, at + (start if at == 0 else step))
        rotation = turned(end - at, first=at)
        pieces.append(layer(x[:, at:end], causal_mask(end - at, end), rotation, cache=cache))
        at = end
    assert cache.length == T
    assert torch.allclose(torch.cat(pieces, 1), whole, atol=1e-6)


def test_shifting_all_positions_changes_nothing_with_rotary():
    layer, x, mask = attention(), normal(0, 1, 6, 24), causal_mask(6)
    assert torch.allclose(layer(x, mask, turned(6)), layer(x, mask, turned(6, first=50)), atol=1e-5)


def test_without_rotary_attention_does_not_see_order_and_with_it_it_does():
    x, order = normal(0, 1, 6, 24), torch.tensor([4, 2, 0, 3, 1, 5])
    layer, here = attention(), turned(6)
    assert torch.allclose(layer(x[:, order], None), layer(x, None)[:, order], atol=1e-6)
    assert not torch.allclose(layer(x[:, order], None, here), layer(x, None, here)[:, order], atol=1e-3)


def test_heads_do_not_see_each_other():
    layer, x = attention(24, 3), normal(0, 1, 5, 24)
    maps = layer.weights(x, causal_mask(5), turned(5))
    layer.queries.weight[8:16] += 1  # the queries of head 1
    changed = layer.weights(x, causal_mask(5), turned(5))
    assert [torch.equal(maps[:, head], changed[:, head]) for head in range(3)] == [True, False, True]


def test_values_are_not_rotated():
    layer, x = attention(24, 3), normal(0, 1, 5, 24)
    values = layer.split(x, turned(5))[2]
    assert torch.equal(values, layer.values(x).unflatten(-1, (3, 8)).transpose(1, 2))


def test_heads_must_share_equally():
    with pytest.raises(ValueError, match="n_embd 24 cannot be shared by n_head 5: use a multiple of it"):
        Attention(24, 5)
    with pytest.raises(ValueError, match="n_head 4 cannot share n_kv_head 3 equally: use a divisor"):
        Attention(24, 4, n_kv_head=3)
