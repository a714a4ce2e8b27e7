"""Time to the same loss: the recipe that GPT tutorials give for a laptop, and ours, on characters of real text."""

import math
import sysconfig
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from benchmarks import measure
from benchmarks.measure import Part
from bigmodel import plot, text
from bigmodel.checkpoint import Checkpoint
from bigmodel.data import windows
from bigmodel.decoder import Config, Decoder
from bigmodel.model import num_parameters
from bigmodel.optimizer import MuonAdamW
from bigmodel.schedule import polynomial, warm_up
from bigmodel.train import evaluate, train

CONTEXT = 64  # both see, and are judged on, windows of so many characters
OUR_STEPS = 300
SLICES = 10  # both trainings are cut into so many pieces, which take turns


@dataclass(frozen=True)
class Recipe:
    """A way of training: the model, its optimizer, and how it is fed."""

    name: str
    model: Decoder
    optimizer: Callable[..., torch.optim.Optimizer]
    learning_rate: Callable[[int], float]
    steps: int
    batch_size: int
    precision: str
    clip: float | None = None


def plain(vocab_size: int, steps: int) -> Recipe:
    """What tutorials give for a laptop: 4 layers, 128 wide, first weights of 0.02, AdamW at 1e-3 with cosine."""
    torch.manual_seed(0)
    model = Decoder(Config(vocab_size, CONTEXT, n_layer=4, n_head=4, n_embd=128, position="learned", tied=True))
    initialise_as_gpt2(model)
    return Recipe(
        "plain recipe", model, AdamWOfTutorials, partial(cosine_with_floor, T=steps, up=steps // 20), steps,
        batch_size=12, precision="float32", clip=1.0,
    )  # fmt: skip


def ours(vocab_size: int, precision: str, steps: int) -> Recipe:
    """The course's: a smaller Decoder sees text sooner, and Muon at a high rate, falling to 0, learns more of it."""
    torch.manual_seed(0)
    model = Decoder(Config(vocab_size, CONTEXT, n_layer=2, n_head=2, n_embd=64))
    muon = partial(MuonAdamW, blocks=model.blocks)
    return Recipe("bigmodel", model, muon, to_zero(0.06, steps), steps, batch_size=32, precision=precision)


def to_zero(eta_0: float, steps: int) -> Callable[[int], float]:
    """The learning rate rises for a thirtieth of the steps to eta_0, and falls along a line to 0."""
    return partial(warm_up, steps=max(1, steps // 30), then=partial(polynomial, T=steps, eta_0=eta_0, alpha=1))


@torch.no_grad()
def initialise_as_gpt2(decoder: Decoder) -> None:
    """All matrices of standard deviation 0.02, those that write to the residual stream smaller."""
    for module in decoder.modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)
    for block in decoder.blocks:
        for matrix in (block.attention.output.weight, block.feed_forward.down.weight):
            nn.init.normal_(matrix, std=0.02 / math.sqrt(2 * len(decoder.blocks)))


class AdamWOfTutorials(torch.optim.AdamW):
    """AdamW with a weight decay of 0.1 for matrices, and none for the rest."""

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float) -> None:
        parameters = list(parameters)
        groups = [
            {"params": [one for one in parameters if one.ndim >= 2], "weight_decay": 0.1},
            {"params": [one for one in parameters if one.ndim < 2], "weight_decay": 0.0},
        ]
        super().__init__(groups, lr=lr, betas=(0.9, 0.99))


def cosine_with_floor(t: int, T: int, up: int, eta_0: float = 1e-3, floor: float = 1e-4) -> float:
    """Rise along a line for ``up`` steps, then fall along half a wave from eta_0 to the floor at T."""
    if t < up:
        return eta_0 * (t + 1) / up
    return floor + (eta_0 - floor) * (1 + math.cos(math.pi * (t - up) / (T - up))) / 2


def standard_library() -> str:
    """The source code of Python's standard library: text that no setting of our recipe was tried on."""
    sources = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
    return "\n\n".join(source.read_text(encoding="utf-8", errors="replace") for source in sources)


def ids_of(content: str) -> tuple[Tensor, Tensor, int]:
    """Characters as ids: those for training, those held out (whole paragraphs), and how many there are."""
    known = {character: number for number, character in enumerate(sorted(set(content)))}
    training, fresh = (torch.tensor([known[one] for one in half]) for half in text.split(content))
    return training, fresh, len(known)


@dataclass(frozen=True)
class Curve:
    """A training as it was measured: seconds since its start and loss on fresh text, after each slice."""

    seconds: tuple[float, ...]
    losses: tuple[float, ...]
    final: float  # on all of the fresh text
    steps: int

    def milliseconds_a_step(self) -> measure.Spread:
        ends = [0.0, *self.seconds]
        slices = [end - start for start, end in pairwise(ends)]
        return measure.spread([1000 * one * len(slices) / self.steps for one in slices])


def race(recipes: Sequence[Recipe], training: Tensor, fresh: Tensor, slices: int = SLICES) -> dict[str, Curve]:
    """Train by all recipes, a slice of each in turn, and measure the loss on fresh text after each slice."""
    data, unseen = windows(training, CONTEXT), windows(fresh, CONTEXT)
    some = TensorDataset(*unseen[:: max(1, len(unseen) // 128)])
    points: dict[str, list[tuple[float, float]]] = {recipe.name: [] for recipe in recipes}
    with tempfile.TemporaryDirectory() as folder:
        for part in range(1, slices + 1):
            for recipe in recipes:
                history = train(
                    recipe.model, data, steps=recipe.steps * part // slices, learning_rate=recipe.learning_rate,
                    optimizer=recipe.optimizer, batch_size=recipe.batch_size, clip=recipe.clip,
                    precision=recipe.precision,
                    checkpoint=Checkpoint(Path(folder) / f"{recipe.name}.pth", every=recipe.steps),
                )  # fmt: skip
                points[recipe.name].append((history.seconds, evaluate(recipe.model, some)))
    return {
        recipe.name: Curve(*zip(*points[recipe.name], strict=True), evaluate(recipe.model, unseen), recipe.steps)
        for recipe in recipes
    }


CORPORA: dict[str, Callable[[], str]] = {
    "documentation": text.python_docs,
    "source code, kept aside": lambda: standard_library()[:2_500_000],
}


def run(
    folder: Path, corpora: Mapping[str, Callable[[], str]] = CORPORA, share: float = 1.0, slices: int = SLICES
) -> Part:
    """Race both recipes on each text; with ``share``, over that share of their steps only."""
    precision = measure.fast_precision()
    rows = []
    for corpus, read in corpora.items():
        training, fresh, vocab_size = ids_of(read())
        recipes = [plain(vocab_size, int(2000 * share)), ours(vocab_size, precision, int(OUR_STEPS * share))]
        curves = race(recipes, training, fresh, slices)
        theirs = curves["plain recipe"]
        for recipe in recipes:
            curve = curves[recipe.name]
            times = f"1/{theirs.seconds[-1] / curve.seconds[-1]:.1f}" if curve.final <= theirs.final else "not reached"
            rows.append(
                (
                    corpus, recipe.name, f"{num_parameters(recipe.model):,}",
                    f"{recipe.steps * recipe.batch_size * CONTEXT:,}", str(curve.milliseconds_a_step()),
                    f"{curve.final:.3f}", f"{curve.seconds[-1]:.1f}", times,
                )
            )  # fmt: skip
        draw(curves, corpus, folder)
    header = (
        "text", "recipe", "parameters", "characters seen", "ms/step", "loss", "seconds", "of the plain recipe's time",
    )  # fmt: skip
    return Part("Time to the same loss", header, tuple(rows), NOTES)


def draw(curves: Mapping[str, Curve], corpus: str, folder: Path) -> None:
    """Loss against seconds, for both, down to where the plain recipe ends."""
    ax = plot.axes(f"Time to the same loss: {corpus}", "seconds of training", "loss on fresh text (nats a character)")
    for (name, curve), colour in zip(curves.items(), (plot.GREY, plot.BLUE), strict=True):
        ax.plot(curve.seconds, curve.losses, "o-", color=colour, markersize=3, label=name)
    ax.axhline(curves["plain recipe"].losses[-1], color=plot.GREY, linewidth=1, linestyle="--")
    ax.set_xscale("log")
    ax.legend()
    measure.save(ax, f"loss_{corpus.split()[0]}", folder)


NOTES = (
    f"Both are trained by the same loop, in {SLICES} slices that take turns, and judged by the same code on all the "
    f"text held out, in windows of {CONTEXT} characters. Seconds are those of training alone, to the end of each "
    "recipe's schedule. The time is held against the plain recipe's only where our loss is no higher.",
    "No setting was chosen on the source code; its docstrings are in the documentation too, its code is not.",
)
