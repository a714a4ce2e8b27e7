"""Sampling: tokens a second with a cache and a draft, beside ``generate`` of transformers with the same weights."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks import measure
from benchmarks.measure import Part
from bigmodel.decoder import PRESETS, Config, Decoder
from bigmodel.generate import Sampling, draw_rows, next_logits
from bigmodel.model import num_parameters


@dataclass(frozen=True)
class Setting:
    """How many rows are continued side by side, from how many tokens, by how many."""

    batch_size: int
    prompt: int = 16
    length: int = 100


SETTINGS = (Setting(1), Setting(32))
# GPT-2's own architecture (learned positions, tied, biases), so that both can have the same weights.
MODEL = replace(PRESETS["gpt2"], vocab_size=1000, context=256, n_layer=4, n_head=4, n_embd=128)
AHEAD = 5  # tokens that a draft model writes before the large one looks at them


def peer_of(config: Config) -> nn.Module:
    """GPT-2 of transformers in this shape, with first weights that tell tokens apart."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=config.vocab_size, n_positions=config.context, n_layer=config.n_layer,
            n_head=config.n_head, n_embd=config.n_embd, initializer_range=0.2, bos_token_id=1, eos_token_id=2,
        )
    ).eval()  # fmt: skip


def pair_of(config: Config) -> tuple[nn.Module, nn.Module]:
    """A GPT-2 in which only the first block does anything, and its draft, which is that block: each draft is right."""
    large, draft = peer_of(config), peer_of(replace(config, n_layer=1))
    weights = large.state_dict()
    draft.load_state_dict({name: weights[name] for name in draft.state_dict()})
    for block in large.transformer.h[1:]:
        nn.init.zeros_(block.attn.c_proj.weight)
        nn.init.zeros_(block.mlp.c_proj.weight)
    return large, draft


def decoder_of(peer: nn.Module, config: Config) -> Decoder:
    """Our Decoder with the weights of a GPT-2 of transformers, which keeps its matrices transposed."""
    decoder = Decoder(config).eval()
    names = {
        "transformer.": "", "wte.": "embedding.", "wpe.": "position_embedding.", "ln_f.": "norm.", "h.": "blocks.",
        "ln_1.": "attention_norm.", "ln_2.": "feed_forward_norm.", "attn.c_attn.": "attention.joint.",
        "attn.c_proj.": "attention.output.", "mlp.c_fc.": "feed_forward.up.", "mlp.c_proj.": "feed_forward.down.",
        "lm_head.": "unembedding.",
    }  # fmt: skip
    weights = {}
    for name, weight in peer.state_dict().items():
        for theirs, ours in names.items():
            name = name.replace(theirs, ours)
        transposed = weight.ndim == 2 and name.startswith("blocks.")
        weight = weight.T if transposed else weight
        parts = weight.chunk(3) if "joint" in name else [weight]
        for part, share in zip(("queries", "keys", "values"), parts, strict=False):
            weights[name.replace("joint", part)] = share
    decoder.load_state_dict(weights)
    return decoder


def with_cache(model: Decoder, ids: Tensor, length: int) -> Tensor:
    """The most probable token, again and again, as the course samples: (B, length)."""
    return torch.stack(list(draw_rows(model, ids, length, Sampling(top_k=1))), dim=1)


@torch.no_grad()
def without_cache(model: Decoder, ids: Tensor, length: int) -> Tensor:
    """The same, everything read anew for each token: (B, length)."""
    rows = ids
    for _ in range(length):
        rows = torch.cat([rows, next_logits(model, rows).argmax(-1, keepdim=True)], dim=1)
    return rows[:, ids.shape[1] :]


@torch.inference_mode()
def with_draft(model: Decoder, draft: Decoder, ids: Tensor, length: int) -> Tensor:
    """The same for one row, a draft model's tokens judged several in one call, as notebook 11 does: (1, length)."""
    rows, caches = ids, (model.new_cache(1), draft.new_cache(1))
    while rows.shape[1] < ids.shape[1] + length:
        known, ahead = rows.shape[1], rows
        for _ in range(AHEAD):
            logits = draft(ahead[:, caches[1][0].length :], cache=caches[1])
            ahead = torch.cat([ahead, logits[:, -1:].argmax(-1)], dim=1)
        said = model(ahead[:, caches[0][0].length :], cache=caches[0])[:, -AHEAD - 1 :].argmax(-1)  # (1, AHEAD + 1)
        agreed = int((said[0, :-1] == ahead[0, known:]).long().cumprod(0).sum())
        rows = torch.cat([ahead[:, : known + agreed], said[:, agreed : agreed + 1]], dim=1)
        for layer in (*caches[0], *caches[1]):
            layer.length = min(layer.length, rows.shape[1] - 1)  # what was refused is forgotten
    return rows[:, ids.shape[1] : ids.shape[1] + length]


@torch.no_grad()
def by_transformers(model: nn.Module, ids: Tensor, length: int, draft: nn.Module | None = None) -> Tensor:
    """The same, by ``generate`` of transformers with its cache, and with a draft if it is given one: (B, length)."""
    assisted = {}
    if draft is not None:
        settings = {"num_assistant_tokens": AHEAD, "num_assistant_tokens_schedule": "constant"}
        draft.generation_config.update(**settings, assistant_confidence_threshold=0.0)
        assisted = {"assistant_model": draft}
    written = model.generate(
        ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=length, min_new_tokens=length,
        pad_token_id=0, eos_token_id=None, use_cache=True, **assisted,
    )  # fmt: skip
    return written[:, ids.shape[1] :]


def check_equal(ours: Tensor, others: Tensor, whose: str) -> None:
    """Raise AssertionError unless both wrote the same tokens, number for number."""
    if not torch.equal(ours, others):
        row, place = (ours != others).nonzero()[0].tolist()
        raise AssertionError(f"with the cache, token {place} of row {row} is another than {whose}.")


def measure_setting(config: Config, setting: Setting, rounds: int) -> tuple[dict[str, list[float]], tuple[int, int]]:
    """Tokens a second of each way, turn by turn; and how many bytes cache and weights take."""
    peer = peer_of(config)
    decoder = decoder_of(peer, config)
    modern = Decoder(replace(config, position="rotary", tied=False, bias=False)).eval()
    shape = (setting.batch_size, setting.prompt)
    ids = torch.randint(3, config.vocab_size, shape, generator=torch.Generator().manual_seed(0))  # (B, T)
    written = with_cache(decoder, ids, setting.length)
    check_equal(written, without_cache(decoder, ids, setting.length), "without it")
    check_equal(written, by_transformers(peer, ids, setting.length), "that of transformers")
    check_equal(with_cache(modern, ids, setting.length), without_cache(modern, ids, setting.length), "without it")
    ways: dict[str, Callable[[], Tensor]] = {
        "bigmodel": partial(with_cache, decoder, ids, setting.length),
        "bigmodel, rotary": partial(with_cache, modern, ids, setting.length),
        "bigmodel without cache": partial(without_cache, decoder, ids, setting.length),
        "transformers": partial(by_transformers, peer, ids, setting.length),
    }
    if setting.batch_size == 1:
        ways |= ways_with_a_draft(config, ids, setting.length)
    turns = measure.take_turns({name: partial(measure.seconds, way) for name, way in ways.items()}, rounds)
    tokens = setting.batch_size * setting.length
    rates = {name: [tokens / turn for turn in case] for name, case in turns.items()}
    return rates, (bytes_of_cache(decoder, setting.batch_size), bytes_of_weights(decoder))


def ways_with_a_draft(config: Config, ids: Tensor, length: int) -> dict[str, Callable[[], Tensor]]:
    """Speculation, ours and that of transformers, with weights of which every draft is accepted."""
    large, small = pair_of(config)
    model, draft = decoder_of(large, config), decoder_of(small, replace(config, n_layer=1))
    written = with_draft(model, draft, ids, length)
    check_equal(written, with_cache(model, ids, length), "without a draft")
    check_equal(written, by_transformers(large, ids, length, small), "that of transformers")
    return {
        "bigmodel, speculation": partial(with_draft, model, draft, ids, length),
        "transformers, assisted": partial(by_transformers, large, ids, length, small),
    }


def bytes_of_cache(model: Decoder, batch_size: int) -> int:
    """What the keys and values of all layers take for a whole context, as they lie in memory."""
    layers = model.new_cache(batch_size)
    with torch.inference_mode():
        model(torch.zeros(batch_size, model.context, dtype=torch.long), cache=layers)
    return sum(part.untyped_storage().nbytes() for layer in layers for part in (layer.keys, layer.values))


def bytes_of_weights(model: nn.Module) -> int:
    """What the parameters take, as they lie in memory; tied ones lie there once."""
    return sum(parameter.untyped_storage().nbytes() for parameter in set(model.parameters()))


def run(folder: Path, config: Config = MODEL, settings: tuple[Setting, ...] = SETTINGS, rounds: int = 4) -> Part:
    """Measure all ways of sampling, at each batch size."""
    rows, notes = [], []
    for setting in settings:
        rates, (cache, weights) = measure_setting(config, setting, rounds)
        batch = f"batch {setting.batch_size}"
        for name, rate in rates.items():
            beside = str(measure.ratio(rates["bigmodel"], rate))
            rows.append((batch, name, str(measure.spread(rate)), beside))
        counted = 2 * config.n_layer * setting.batch_size * config.context * config.n_embd * 4
        notes.append(
            f"{batch}: the cache takes {cache / 2**20:.2f} MiB (2 · layers · rows · context · C · 4 bytes is "
            f"{counted / 2**20:.2f}), the weights {weights / 2**20:.2f} MiB."
        )
        ax = measure.bars(
            f"Sampling, {batch}",
            "tokens a second",
            {name: measure.spread(rate) for name, rate in rates.items()},
        )
        measure.save(ax, f"sampling_batch_{setting.batch_size}", folder)
    first = settings[0]
    notes.append(
        f"Greedy, {first.length} tokens after {first.prompt}, {num_parameters(Decoder(config)):,} parameters. The "
        "tokens were compared in this run: with and without cache, and with those of transformers, all equal."
    )
    notes.append(
        f"Speculation: one block of the {config.n_layer} is the draft and writes {AHEAD} tokens ahead; the other "
        "blocks add nothing here, so that every draft is accepted: the most that there is to gain."
    )
    return Part("Sampling", ("batch", "way", "tokens/s", "bigmodel ÷ it"), tuple(rows), tuple(notes))
