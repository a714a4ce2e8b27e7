"""How near to the floor a minute brings a new Decoder: the small world's entropy is known, so this can be said."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import TensorDataset

from benchmarks import measure
from benchmarks.measure import Part
from bigmodel import world
from bigmodel.data import rows
from bigmodel.decoder import Config, Decoder
from bigmodel.ladder import excess, rungs
from bigmodel.model import num_parameters
from bigmodel.optimizer import MuonAdamW
from bigmodel.schedule import warm_up_stable_decay
from bigmodel.tokenizer import Tokenizer, WordTokenizer
from bigmodel.train import train
from bigmodel.world.telling import WORLD

SECONDS = 60.0
FRESH_SEED = 12  # of the stories that it is measured on
EASY = WORLD.restrict(frames=1)  # each beat is told in one sentence; what happens is as free as ever


@dataclass(frozen=True)
class Recipe:
    """A Decoder, and how it is trained.

    Attributes:
        neighbours: so many tokens before each give it a share of their vectors.
        easy: the share of the steps that reads the easy stories, before all others.
    """

    n_layer: int
    n_head: int
    n_embd: int
    batch_size: int
    eta_0: float
    neighbours: int = 0
    easy: float = 0.0


RECIPES = {
    "two layers": Recipe(2, 6, 96, 16, 0.02),
    "two layers, neighbours": Recipe(2, 6, 96, 16, 0.02, neighbours=3),
    "one layer, neighbours": Recipe(1, 2, 128, 16, 0.08, neighbours=3),
    "one layer, neighbours, easy stories first": Recipe(1, 2, 128, 16, 0.08, neighbours=3, easy=0.25),
}


class Neighbours(nn.Module):
    """An embedding in which each token's vector has a learned share of those before it: ids (B, T) → (B, T, C)."""

    def __init__(self, embedding: nn.Embedding, neighbours: int) -> None:
        super().__init__()
        self.embedding = embedding
        shares = torch.zeros(neighbours, embedding.embedding_dim)
        shares[0] = 0.3
        self.shares = nn.Parameter(shares)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embedding(ids)  # (B, T, C)
        together = x
        for back, share in enumerate(self.shares, start=1):
            together = together + share * F.pad(x[:, :-back], (0, 0, back, 0))
        return together


def decoder_of(recipe: Recipe, vocab_size: int) -> Decoder:
    """A new Decoder; one with neighbours is trained and judged, but writes nothing: its cache would miss them."""
    torch.manual_seed(0)
    sizes = {"n_layer": recipe.n_layer, "n_head": recipe.n_head, "n_embd": recipe.n_embd}
    decoder = Decoder(Config(vocab_size, **sizes))
    if recipe.neighbours:
        decoder.embedding = Neighbours(decoder.embedding, recipe.neighbours)
    return decoder


def pretrain(
    decoder: Decoder, recipe: Recipe, easy: TensorDataset, hard: TensorDataset, steps: int, precision: str
) -> float:
    """Train on whole stories, one a row, the easy ones first, and return the seconds that it took."""
    optimizer = MuonAdamW(decoder.parameters(), recipe.eta_0, blocks=decoder.blocks)
    first, seconds = round(recipe.easy * steps), 0.0
    for data, begin, end in ((easy, 0, first), (hard, first, steps)):

        def rate(step: int, begin: int = begin) -> float:
            return warm_up_stable_decay(begin + step, steps, recipe.eta_0, steps // 20, steps - steps // 20)

        if end > begin:
            history = train(
                decoder, data, steps=end - begin, batch_size=recipe.batch_size, learning_rate=rate,
                optimizer=lambda weights, lr: optimizer, clip=1.0, precision=precision,
            )  # fmt: skip
            seconds += history.seconds
    return seconds


def steps_in(seconds: float, recipe: Recipe, data: TensorDataset, vocab_size: int, precision: str) -> int:
    """How many steps this machine makes in so many seconds, judged by 40."""
    decoder = decoder_of(recipe, vocab_size)
    pretrain(decoder, recipe, data, data, 5, precision)  # a first training loads much besides
    begin = time.perf_counter()
    pretrain(decoder, recipe, data, data, 40, precision)
    return max(1, round(40 * seconds / (time.perf_counter() - begin)))


def stories(number: int, seed: int, tokenizer: Tokenizer, easy: bool = False) -> TensorDataset:
    """So many stories of the world, or of its easy part, one a row."""
    return rows(world.stories(number, seed=seed, world=EASY if easy else WORLD), tokenizer)


def run(folder: Path, seconds: float = SECONDS, fresh: int = 400, recipes: Mapping[str, Recipe] = RECIPES) -> Part:
    """Train each recipe for as long on stories that it has not read, and measure its excess over the floor."""
    tokenizer = WordTokenizer.train(world.text(2000, seed=0), vocab_size=1000)
    V, floor, precision = tokenizer.vocab_size, rungs(tokenizer)["floor"], measure.fast_precision()
    few, found = stories(200, 3, tokenizer), []
    for name, recipe in recipes.items():
        steps = steps_in(seconds, recipe, few, V, precision)
        easy, hard = round(recipe.easy * steps), steps - round(recipe.easy * steps)
        decoder = decoder_of(recipe, V)
        took = pretrain(
            decoder, recipe, stories(max(1, easy) * recipe.batch_size, 5, tokenizer, easy=True),
            stories(hard * recipe.batch_size, 7, tokenizer), steps, precision,
        )  # fmt: skip
        above = excess(decoder, tokenizer, stories=fresh, seed=FRESH_SEED)
        found.append((
            name, f"{num_parameters(decoder):,}", f"{steps * recipe.batch_size:,}", f"{took:.0f}",
            f"{above.mean / floor:.1%} ± {above.standard_error / floor:.1%}",
            f"{math.exp(-above.mean / floor * world.entropy()):.0%}",
        ))  # fmt: skip
    header = ("Decoder", "parameters", "stories read", "seconds", "above the floor", "stories whole, at least")
    notes = (
        f"In {precision}. Measured on {fresh} stories that none of them has read; the stories to train on are drawn "
        "before the clock starts. Whole, at least: e to the minus excess of a story, as notebook 09 derives it.",
    )
    return Part("A new Decoder on the small world", header, tuple(found), notes)
