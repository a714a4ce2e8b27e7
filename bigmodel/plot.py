"""The course's pictures: one house style. Each function draws numbers that it is given and returns the Axes."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from bigmodel.train import History

# The colours of Okabe and Ito (2008), told apart by colour-blind readers too.
INK, GREY, BLUE, ORANGE, GREEN, RED, PURPLE, SKY, YELLOW = (
    "#1a1a1a",
    "#8a8a8a",
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#d55e00",
    "#cc79a7",
    "#56b4e9",
    "#f0e442",
)
CYCLE = (BLUE, RED, GREEN, PURPLE, ORANGE, SKY)

# Each rung of the loss ladder keeps its colour through the whole course.
RUNGS = {
    "uniform": GREY,
    "unigram": ORANGE,
    "bigram": SKY,
    "BigModel": BLUE,
    "BigModel, several tokens": PURPLE,
    "Transformer": GREEN,
    "floor": RED,
}

STYLE: dict[Any, Any] = {
    "figure.dpi": 110,
    "figure.constrained_layout.use": True,
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.prop_cycle": plt.cycler(color=CYCLE),
    "grid.color": "#e6e6e6",
    "lines.linewidth": 1.8,
    "legend.frameon": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "svg.hashsalt": "bigmodel",
    "svg.fonttype": "path",
}


def axes(title: str, x: str, y: str, width: float = 7.5, height: float = 3.8) -> Axes:
    """Start a picture: a title that says what it shows, and what each axis measures, with its unit."""
    with mpl.rc_context(STYLE):
        _, ax = plt.subplots(figsize=(width, height))
        ax.set(title=title, xlabel=x, ylabel=y)
    return ax


def panels(titles: Sequence[str], x: str, y: str, width: float = 9.0, height: float = 3.6) -> list[Axes]:
    """Start several pictures side by side that share their axes, for comparing."""
    with mpl.rc_context(STYLE):
        _, row = plt.subplots(
            1, len(titles), figsize=(width, height), sharex=True, sharey=True, squeeze=False
        )
        for ax, title in zip(row[0], titles, strict=True):
            ax.set(title=title, xlabel=x)
        row[0, 0].set_ylabel(y)
    return list(row[0])


def ladder(ax: Axes, rungs: Mapping[str, float]) -> Axes:
    """Draw known losses as level lines across a picture, each labelled at its right end.

    Args:
        rungs: name → loss in nats a token; the names in RUNGS have colours of their own, and the floor is dashed.
    """
    for name, loss in rungs.items():
        colour = RUNGS.get(name, INK)
        ax.axhline(loss, color=colour, linewidth=1.4, linestyle="--" if name == "floor" else "-", alpha=0.9)
        label(ax, 1.0, loss, f" {name} {loss:.2f}", colour)
    return ax


def label(ax: Axes, x: float, y: float, text: str, colour: str) -> None:
    """Write beside a line what it is, at height y of the data and at x from 0 (left edge) to 1 (right edge)."""
    ax.text(x, y, text, color=colour, va="center", ha="left", fontsize=10, transform=ax.get_yaxis_transform())


def losses(history: History, title: str, rungs: Mapping[str, float] | None = None, smooth: int = 20) -> Axes:
    """Draw a training: the loss of each batch, its running mean, the validation loss, and the rungs that apply."""
    ax = axes(title, "step", "loss (nats a token)")
    steps = np.arange(len(history.losses))
    ax.plot(steps, history.losses, color=SKY, linewidth=0.8, alpha=0.5)
    ax.plot(
        steps, running_mean(history.losses, smooth), color=BLUE, label=f"training, mean of {smooth} batches"
    )
    if history.validation_losses:
        ax.plot(
            history.validation_steps,
            history.validation_losses,
            "o-",
            color=INK,
            markersize=4,
            label="validation",
        )
    ax.legend(loc="upper right")
    return ladder(ax, rungs or {})


def running_mean(values: Sequence[float], width: int) -> np.ndarray:
    """Mean of each value with up to ``width`` − 1 before it: as long as the values, and never looking ahead."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - width, 0)
    return (sums[ends] - sums[starts]) / (ends - starts)


def save(ax: Axes, name: str, folder: str | Path = "figures") -> None:
    """Write the picture of these axes to ``figures/NAME.svg``, the same bytes for the same picture."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    figure = ax.get_figure(root=True)
    assert figure is not None, "axes always belong to a figure"
    with mpl.rc_context(STYLE):
        figure.savefig(Path(folder) / f"{name}.svg", metadata={"Date": None})


def play(picture: Callable[..., Any], **choices: Sequence[Any]) -> None:
    """Let the reader move a slider for each argument of ``picture``; else draw the first choice of each, once.

    Nothing can move in tests, in print and on a web page: they set BIGMODEL_STATIC.
    """
    if os.environ.get("BIGMODEL_STATIC"):
        picture(**{name: values[0] for name, values in choices.items()})
        return
    import ipywidgets

    sliders = {
        name: ipywidgets.SelectionSlider(options=values, value=values[0], continuous_update=False)
        for name, values in choices.items()
    }
    ipywidgets.interact(picture, **sliders)
