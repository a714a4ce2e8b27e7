"""Training rate: tokens a second of one step, forward, backward and update, beside GPT-2 of transformers and torch."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks import measure
from benchmarks.measure import Part
from bigmodel.decoder import Config, Decoder
from bigmodel.model import num_parameters
from bigmodel.optimizer import MuonAdamW

PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True)
class Shape:
    """A model's shape, and how many rows of how many tokens one step sees."""

    n_layer: int
    n_head: int
    n_embd: int
    batch_size: int = 16
    length: int = 128
    vocab_size: int = 1000

    def config(self) -> Config:
        return Config(self.vocab_size, self.length, self.n_layer, self.n_head, self.n_embd)


SHAPES = (Shape(4, 4, 128), Shape(4, 6, 192), Shape(6, 6, 384))  # about 1, 2 and 11 million parameters


class TorchDecoder(nn.Module):
    """What torch has for a decoder-only model: its TransformerEncoder with a causal mask. ids (B, T) → (B, T, V)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.embedding = nn.Embedding(shape.vocab_size, shape.n_embd)
        self.positions = nn.Embedding(shape.length, shape.n_embd)
        layer = nn.TransformerEncoderLayer(
            shape.n_embd, shape.n_head, 4 * shape.n_embd, dropout=0.0, activation="gelu", batch_first=True,
            norm_first=True,
        )  # fmt: skip
        self.blocks = nn.TransformerEncoder(layer, shape.n_layer, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(shape.n_embd)
        self.unembedding = nn.Linear(shape.n_embd, shape.vocab_size, bias=False)
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(shape.length))

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embedding(ids) + self.positions.weight[: ids.shape[1]]  # (B, T, C)
        return self.unembedding(self.norm(self.blocks(x, mask=self.mask, is_causal=True)))


def gpt2(shape: Shape) -> nn.Module:
    """GPT-2 of transformers, in this shape, without dropout."""
    from transformers import GPT2Config, GPT2LMHeadModel

    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=shape.vocab_size, n_positions=shape.length, n_layer=shape.n_layer, n_head=shape.n_head,
            n_embd=shape.n_embd, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, use_cache=False, bos_token_id=None,
            eos_token_id=None,
        )
    )  # fmt: skip


def trainer(model: nn.Module, optimizer: torch.optim.Optimizer, shape: Shape, precision: str) -> Callable[[], float]:
    """A function that makes one step of training and returns its seconds."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(shape.vocab_size, (shape.batch_size, shape.length), generator=generator)  # (B, T)

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            output = model(ids)
            logits = output if isinstance(output, Tensor) else output.logits  # (B, T, V)
            loss = F.cross_entropy(logits.flatten(0, 1), ids.flatten())
        optimizer.zero_grad()
        loss.backward()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):  # as train() does
            optimizer.step()

    return partial(measure.seconds, step)


def cases(shape: Shape) -> dict[str, Callable[[], float]]:
    """One step of each model in each precision, AdamW for all; ours with Muon besides."""
    found = {}
    for precision in PRECISIONS:
        ours, muon = Decoder(shape.config()), Decoder(shape.config())
        models = {
            "bigmodel": (ours, torch.optim.AdamW(ours.parameters(), fused=True)),
            "bigmodel, Muon": (muon, MuonAdamW(muon.parameters(), 0.01, muon.blocks)),
        }
        for name, peer in {"transformers": gpt2(shape), "torch": TorchDecoder(shape)}.items():
            models[name] = (peer, torch.optim.AdamW(peer.parameters()))
        for name, (model, optimizer) in models.items():
            found[f"{name}, {precision}"] = trainer(model, optimizer, shape, precision)
    return found


def run(folder: Path, shapes: tuple[Shape, ...] = SHAPES, rounds: int = 4) -> Part:
    """Measure all models in all shapes."""
    limits = {name: measure.product_rate(getattr(torch, name)).median for name in PRECISIONS}
    rows = []
    for shape in shapes:
        decoder = Decoder(shape.config())
        millions = f"{num_parameters(decoder) / 1e6:.1f} M"
        tokens = shape.batch_size * shape.length
        turns = measure.take_turns(cases(shape), rounds)
        rates = {name: [tokens / turn for turn in case] for name, case in turns.items()}
        for name, rate in rates.items():
            operations = measure.spread(rate).median * decoder.flops_per_token(shape.length)
            share = operations / limits[name.rpartition(", ")[2]]
            beside = str(measure.ratio(rates["bigmodel, bfloat16"], rate))
            rows.append((millions, name, str(measure.spread(rate)), f"{share:.0%}", beside))
        ax = measure.bars(
            f"Training, {millions} parameters", "tokens a second",
            {name: measure.spread(rate) for name, rate in rates.items()},
        )  # fmt: skip
        measure.save(ax, f"training_{num_parameters(decoder) // 1000}k", folder)
    header = ("size", "model", "tokens/s", "of the product rate", "bigmodel, bfloat16 ÷ it")
    notes = (
        f"One step of {shapes[0].batch_size} rows of {shapes[0].length} tokens: forward, backward and update. "
        "Muon is our recipe's optimizer; all others are updated by AdamW. The share counts our Decoder's operations "
        "for every model, and holds them against the matrix products of the same precision, measured before.",
    )
    return Part("Training rate", header, tuple(rows), notes)
