"""Why our recipe is fast: from the plain one to ours, an ingredient at a time, each given the same seconds."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from benchmarks import measure
from benchmarks.loss import CONTEXT, CORPORA, Curve, Recipe, ids_of, ours, plain, race, to_zero
from benchmarks.measure import Part
from bigmodel import plot
from bigmodel.data import windows
from bigmodel.decoder import Config, Decoder
from bigmodel.model import num_parameters
from bigmodel.optimizer import MuonAdamW
from bigmodel.train import train

SECONDS = 10.0  # as long as ours needs to come to where the plain recipe ends after its 2000 steps
TRIED = 20  # steps by which the time of one is judged
Maker = Callable[[int], Recipe]  # the number of steps, which the schedule has to know, gives the recipe


def chain(vocab_size: int, precision: str) -> dict[str, Maker]:
    """Each recipe is the one before it with one thing changed; its name says which."""
    wide = Config(vocab_size, CONTEXT, n_layer=4, n_head=4, n_embd=128, position="learned")

    def shaped(config: Config, steps: int) -> Recipe:
        torch.manual_seed(0)
        return replace(plain(vocab_size, steps), model=Decoder(config))

    def high_rate(steps: int) -> Recipe:
        return replace(shaped(replace(wide, position="rotary"), steps), learning_rate=to_zero(0.01, steps))

    def with_muon(steps: int) -> Recipe:
        made = high_rate(steps)
        muon = partial(MuonAdamW, blocks=made.model.blocks)
        return replace(made, optimizer=muon, learning_rate=to_zero(0.03, steps), clip=None)

    return {
        "the plain recipe": partial(plain, vocab_size),
        "+ our first weights": partial(shaped, wide),
        "+ rotary positions": partial(shaped, replace(wide, position="rotary")),
        "+ a high rate, falling to 0": high_rate,
        "+ Muon": with_muon,
        "+ 2 layers of 64, 32 rows": partial(ours, vocab_size, "float32"),
        "+ bfloat16, so bigmodel": partial(ours, vocab_size, precision),
    }


def timed(makers: Mapping[str, Maker], training: Tensor, seconds: float, tried: int) -> Iterator[Recipe]:
    """The recipes, each with as many steps as the seconds hold, judged by a few."""
    data = windows(training, CONTEXT)
    for name, make in makers.items():
        trial = make(tried)
        history = train(
            trial.model, data, steps=tried, learning_rate=trial.learning_rate, optimizer=trial.optimizer,
            batch_size=trial.batch_size, precision=trial.precision,
        )  # fmt: skip
        yield replace(make(max(tried, int(tried * seconds / history.seconds))), name=name)


def run(
    folder: Path,
    corpora: Mapping[str, Callable[[], str]] = CORPORA,
    seconds: float = SECONDS,
    slices: int = 5,
    tried: int = TRIED,
) -> Part:
    """Train by every recipe of the chain for about the same time, and draw where each ends."""
    precision = measure.fast_precision()
    rows = []
    for corpus, read in corpora.items():
        training, fresh, vocab_size = ids_of(read())
        recipes = list(timed(chain(vocab_size, precision), training, seconds, tried))
        curves = race(recipes, training, fresh, slices)
        for recipe in recipes:
            curve = curves[recipe.name]
            size = f"{num_parameters(recipe.model):,}"
            took = (f"{recipe.steps:,}", f"{curve.seconds[-1]:.1f}", f"{curve.final:.3f}")
            rows.append((corpus, recipe.name, size, *took))
        draw(curves, corpus, folder)
    header = ("text", "recipe", "parameters", "steps", "seconds", "loss")
    note = (
        f"Each recipe is the one above it with one thing changed, and has about {seconds:.0f} seconds of training: how "
        f"many steps that is was judged by {tried} of its steps. The loss is that on all the text held out, in nats a "
        "character. One seed."
    )
    return Part("Why it is fast", header, tuple(rows), (note,))


def draw(curves: Mapping[str, Curve], corpus: str, folder: Path) -> None:
    """One point a recipe, joined to the one before it, so that the longest line is the ingredient that gives most."""
    ax = plot.axes(f"What the same seconds buy: {corpus}", "loss on fresh text (nats a character)", "", height=3.2)
    losses = [curve.final for curve in curves.values()]
    for place, (before, loss) in enumerate(zip(losses[:1] + losses, losses, strict=False)):
        ax.plot([before, loss], [place, place], color=plot.BLUE)
        ax.plot(loss, place, "o", color=plot.BLUE)
        ax.text(max(before, loss), place, f"   {loss:.2f}", va="center", fontsize=9)
    ax.set_yticks(range(len(losses)), list(curves))
    ax.invert_yaxis()
    ax.margins(x=0.15)
    measure.save(ax, f"ingredients_{corpus.split()[0]}", folder)
