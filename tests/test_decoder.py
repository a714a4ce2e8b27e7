import math
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from bigmodel.decoder import PRESETS, Config, Decoder
from bigmodel.model import context_length, num_parameters

SHAPES = [
    Config(vocab_size=50, context=32, n_layer=2, n_head=2, n_embd=16),
    Config(
        vocab_size=50, context=32, n_layer=3, n_head=1, n_embd=12, position="learned", tied=True, bias=True
    ),
    Config(vocab_size=50, context=32, n_layer=1, n_head=4, n_embd=16, tied=True),
    Config(
        vocab_size=50, context=32, n_layer=2, n_head=4, n_embd=12, n_kv_head=2, head_size=6, hidden_size=20,
        norm="rms", feed_forward="swiglu", rotary_base=500.0, qk_norm=True, qkv_bias=True,
    ),
]  # fmt: skip


def drawn(config: Config, seed: int = 0) -> Decoder:
    """A Decoder in which no weight is 0, as after some training."""
    torch.manual_seed(seed)
    decoder = Decoder(config)
    for parameter in decoder.parameters():
        nn.init.normal_(parameter, mean=1.0 if parameter.ndim == 1 else 0.0, std=0.3)
    return decoder


def ids_of(batch_size: int, length: int, vocab_size: int = 50) -> torch.Tensor:
    return torch.randint(vocab_size, (batch_size, length), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("config", SHAPES)
def test_a_new_decoder_finds_all_tokens_about_equally_probable(config):
    torch.manual_seed(0)
    logits = Decoder(config)(ids_of(4, 20))
    assert logits.shape == (4, 20, 50)
    loss = F.cross_entropy(logits.flatten(0, 1), ids_of(4, 20).flatten())
    if config.tied:
        assert loss < math.log(50) + 1.0
    else:
        assert loss.item() == pytest.approx(math.log(50), abs=1e-6)


@pytest.mark.parametrize("config", SHAPES)
def test_parameters_and_flops_are_those_of_the_formula(config):
    decoder = drawn(config)
    if config.head_size is None:
        block = 12 * config.n_embd**2 + 2 * config.n_embd + (11 * config.n_embd if config.bias else 0)
    else:  # queries and output, keys and values, three matrices of SwiGLU; norms, biases of q, k, v, head norms
        block = 2 * 24 * 12 + 2 * 12 * 12 + 3 * 20 * 12 + 2 * 12 + (24 + 12 + 12) + 2 * 6
    embeddings = config.vocab_size * config.n_embd * (1 if config.tied else 2)
    embeddings += config.context * config.n_embd if config.position == "learned" else 0
    norm = config.n_embd * (2 if config.bias else 1)
    assert num_parameters(decoder) == config.n_layer * block + embeddings + norm
    with FlopCounterMode(display=False) as counter:
        decoder(ids_of(3, 20)).sum().backward()
    assert counter.get_total_flops() == 3 * 20 * decoder.flops_per_token(20)


def test_gpt2_has_the_parameters_of_gpt2():
    with torch.device("meta"):
        assert num_parameters(Decoder(PRESETS["gpt2"])) == 124_439_808


def gpt2_weights(peer: nn.Module) -> dict[str, torch.Tensor]:
    """The weights of transformers' GPT-2 under our names; its linear layers hold their matrices transposed."""
    names = {
        "ln_1": "attention_norm",
        "attn.c_proj": "attention.output",
        "ln_2": "feed_forward_norm",
        "mlp.c_fc": "feed_forward.up",
        "mlp.c_proj": "feed_forward.down",
    }
    weights = {
        "embedding.weight": peer.wte.weight,
        "unembedding.weight": peer.wte.weight,
        "position_embedding.weight": peer.wpe.weight,
        "norm.weight": peer.ln_f.weight,
        "norm.bias": peer.ln_f.bias,
    }
    for layer, block in enumerate(peer.h):
        joint = block.attn.c_attn
        for part, weight, bias in zip(
            ("queries", "keys", "values"), joint.weight.T.chunk(3), joint.bias.chunk(3), strict=True
        ):
            weights[f"blocks.{layer}.attention.{part}.weight"] = weight
            weights[f"blocks.{layer}.attention.{part}.bias"] = bias
        for theirs, ours in names.items():
            module = block.get_submodule(theirs)
            turned = module.weight if "ln" in theirs else module.weight.T
            weights |= {
                f"blocks.{layer}.{ours}.weight": turned,
                f"blocks.{layer}.{ours}.bias": module.bias,
            }
    return weights


def test_with_the_weights_of_a_gpt2_it_gives_its_logits():
    import transformers  # takes seconds, and only this test needs it

    config = replace(PRESETS["gpt2"], vocab_size=99, context=64, n_layer=3, n_head=4, n_embd=32)
    torch.manual_seed(0)
    peer = transformers.GPT2LMHeadModel(
        transformers.GPT2Config(vocab_size=99, n_positions=64, n_layer=3, n_head=4, n_embd=32)
    ).eval()
    for parameter in peer.parameters():
        nn.init.normal_(parameter, std=0.3)
    decoder = Decoder(config)
    decoder.load_state_dict(gpt2_weights(peer.transformer))
    ids = ids_of(3, 50, 99)
    with torch.no_grad():
        theirs = peer(ids).logits
        assert torch.allclose(decoder(ids), theirs, rtol=1e-5, atol=1e-5 * theirs.abs().max().item())


NAMES = {
    "model.embed_tokens": "embedding", "lm_head": "unembedding", "model.norm": "norm", "model.layers": "blocks",
    "self_attn.q_proj": "attention.queries", "self_attn.k_proj": "attention.keys",
    "self_attn.v_proj": "attention.values", "self_attn.o_proj": "attention.output",
    "self_attn.q_norm": "attention.query_norm", "self_attn.k_norm": "attention.key_norm",
    "mlp.gate_proj": "feed_forward.gate", "mlp.up_proj": "feed_forward.up", "mlp.down_proj": "feed_forward.down",
    "input_layernorm": "attention_norm", "post_attention_layernorm": "feed_forward_norm",
}  # fmt: skip


@pytest.mark.parametrize(
    ("family", "ours", "theirs"),
    [
        ("Llama", {}, {}),
        ("Llama", {"bias": True}, {"attention_bias": True, "mlp_bias": True}),
        (
            "Qwen2",
            {"qkv_bias": True, "tied": True, "head_size": None},
            {"tie_word_embeddings": True, "head_dim": 8},
        ),
        ("Qwen3", {"qk_norm": True}, {}),
    ],
)
def test_with_the_weights_of_a_llama_or_a_qwen_it_gives_its_logits(family, ours, theirs):
    import transformers

    shape = {"norm": "rms", "feed_forward": "swiglu", "rotary_base": 500.0, "eps": 1e-3}
    heads = {"n_head": 4, "n_kv_head": 2, "head_size": 12, "n_embd": 32, "hidden_size": 44}
    config = Config(**{"vocab_size": 99, "context": 64, "n_layer": 2} | shape | heads | ours)
    settings = {
        "vocab_size": 99, "max_position_embeddings": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 12, "hidden_size": 32, "intermediate_size": 44, "rms_norm_eps": 1e-3,
        "rope_parameters": {"rope_type": "default", "rope_theta": 500.0},
    }  # fmt: skip
    torch.manual_seed(0)
    peer_config = getattr(transformers, f"{family}Config")(**settings | theirs)
    peer = getattr(transformers, f"{family}ForCausalLM")(peer_config).eval()
    for parameter in peer.parameters():
        nn.init.normal_(parameter, std=0.3)
    weights = {}
    for name, weight in peer.state_dict().items():
        for old, new in NAMES.items():
            name = name.replace(old, new)
        weights[name] = weight
    decoder, ids = Decoder(config), ids_of(3, 50, 99)
    decoder.load_state_dict(weights)
    with torch.no_grad():
        expected = peer(ids).logits
        assert torch.allclose(decoder(ids), expected, rtol=1e-5, atol=1e-5 * expected.abs().max().item())


@pytest.mark.parametrize("config", SHAPES)
@pytest.mark.parametrize("padded", [False, True])
def test_the_forward_is_one_graph(config, padded):
    torch._dynamo.reset()
    padding = torch.arange(9).expand(2, 9) < 3 if padded else None
    found = torch._dynamo.explain(drawn(config))(ids_of(2, 9), padding)
    assert (found.graph_count, found.graph_break_count) == (1, 0), found.break_reasons


def test_compiled_it_gives_the_same_logits():
    decoder, ids = drawn(SHAPES[3]), ids_of(2, 9)
    torch._dynamo.reset()
    compiled = torch.compile(decoder, fullgraph=True, backend="aot_eager")  # inductor takes a minute here
    assert torch.allclose(compiled(ids), decoder(ids), atol=1e-5)
    compiled(ids).sum().backward()
    assert all(parameter.grad is not None for parameter in decoder.parameters())


@pytest.mark.parametrize("config", SHAPES)
def test_attention_maps_are_those_that_the_forward_uses(config):
    decoder, ids = drawn(config), ids_of(2, 9)
    maps = decoder.attention_maps(ids)
    assert maps.shape == (config.n_layer, 2, config.n_head, 9, 9)
    assert torch.allclose(maps.sum(-1), torch.ones(maps.shape[:-1]), atol=1e-6)
    assert torch.equal(maps, maps.tril())
    # Put together by hand from the maps, the last block gives what the model gives.
    x, mask, rotation = decoder._read(ids)
    for block in decoder.blocks[:-1]:
        x = block(x, mask, rotation)
    last = decoder.blocks[-1]
    _, _, values = last.attention.split(last.attention_norm(x), rotation)
    values = values.repeat_interleave(config.n_head // values.shape[1], dim=1)
    x = x + last.attention.output((maps[-1] @ values).transpose(1, 2).flatten(2))
    x = x + last.feed_forward(last.feed_forward_norm(x))
    assert torch.allclose(decoder.unembedding(decoder.norm(x)), decoder(ids), atol=1e-5)


def test_learned_positions_reach_as_far_as_the_context_and_no_further():
    decoder = drawn(SHAPES[1])
    assert context_length(decoder) == 32
    decoder(ids_of(1, 32))
    with pytest.raises(ValueError, match=r"33 tokens are more than the context of 32: show the model the last 32"):
        decoder(ids_of(1, 33))


def test_a_cache_counts_towards_the_context():
    decoder = drawn(SHAPES[0])
    cache = decoder.new_cache(1)
    decoder(ids_of(1, 30), cache=cache)
    with pytest.raises(ValueError, match=r"33 tokens are more than the context of 32"):
        decoder(ids_of(1, 3), cache=cache)
    assert decoder(ids_of(1, 2), cache=cache).shape == (1, 2, 50)  # the refused ones left no trace


@pytest.mark.parametrize(
    ("ids", "error", "message"),
    [
        (torch.tensor([[50]]), IndexError, "out of range"),
        (torch.tensor([[-1]]), IndexError, "out of range"),
        (torch.tensor([1, 2]), ValueError, r"shape \(2,\), but a model reads a batch of rows"),
        (torch.tensor([[1.0]]), ValueError, "whole numbers"),
    ],
)
def test_ids_that_are_none_are_refused(ids, error, message):
    with pytest.raises(error, match=message):
        Decoder(SHAPES[0])(ids)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"vocab_size": 0}, "vocab_size is 0"),
        ({"context": -1}, "context is -1"),
        ({"n_layer": 0}, "n_layer is 0"),
        ({"n_head": 3}, "n_embd 128 cannot be shared by n_head 3"),
        ({"n_embd": 12}, "heads of 3 components cannot be rotated in pairs"),
        ({"position": "absolute"}, 'position is "absolute", but a Decoder knows rotary and learned'),
        ({"norm": "batch"}, 'norm is "batch"'),
        ({"feed_forward": "relu"}, 'feed_forward is "relu"'),
        ({"n_kv_head": 3}, "n_head 4 cannot share n_kv_head 3 equally"),
        ({"n_kv_head": 0}, "n_kv_head is 0"),
        ({"head_size": 7}, "heads of 7 components cannot be rotated in pairs"),
        ({"hidden_size": 0}, "hidden_size is 0"),
        ({"rotary_base": 0.0}, "rotary_base is 0.0"),
        ({"eps": float("nan")}, "eps is nan"),
    ],
)
def test_a_configuration_that_makes_no_decoder_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Config(**{"vocab_size": 50} | wrong)
