"""The course's pictures: one house style. Each function draws numbers that it is given and returns the Axes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from bigmodel.checkpoint import History

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
RUNG_COLOURS = {
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


def panels(titles: Sequence[str], x: str, y: str, width: float = 9.0, height: float = 3.6, rows: int = 1) -> list[Axes]:
    """Start several pictures that share their axes, for comparing: side by side, or in several rows."""
    columns = -(-len(titles) // rows)  # rounded up
    with mpl.rc_context(STYLE):
        _, grid = plt.subplots(rows, columns, figsize=(width, height), sharex=True, sharey=True, squeeze=False)
        for ax in grid.flat[len(titles) :]:
            ax.remove()
        for ax, title in zip(grid.flat, titles, strict=False):
            ax.set(title=title)
        for ax in grid[-1]:
            ax.set_xlabel(x)
        for ax in grid[:, 0]:
            ax.set_ylabel(y)
    return list(grid.flat[: len(titles)])


def rungs(ax: Axes, losses: Mapping[str, float]) -> Axes:
    """Draw known losses as level lines across a picture, each named and numbered at its right end.

    Args:
        losses: name → loss in nats a token; the names in RUNG_COLOURS keep their colours, and the floor is dashed.
    """
    return label_ends(ax, _level_lines(ax, losses))


def label_ends(ax: Axes, ends: Sequence[tuple[str, float, str]]) -> Axes:
    """Write right of a picture what its lines are: (text, height in the data, colour), kept from overlapping."""
    low, high = ax.get_ylim()
    gap = 0.065 * (high - low) * 3.8 / _figure(ax).get_figheight()  # a line of text
    heights: list[float] = []
    for text, y, colour in sorted(ends, key=lambda end: end[1]):
        heights.append(max(y, heights[-1] + gap) if heights else y)
        ax.text(
            1.01,
            heights[-1],
            text,
            color=colour,
            va="center",
            fontsize=10,
            transform=ax.get_yaxis_transform(),
        )
    return ax


def losses(history: History, title: str, rungs: Mapping[str, float] | None = None, smooth: int = 20) -> Axes:
    """Draw a training: the loss of each batch, its running mean, the validation loss, and the rungs that apply."""
    ax = axes(title, "step", "loss (nats a token)")
    mean = running_mean(history.losses, smooth)
    ax.plot(history.losses, color=SKY, linewidth=0.8, alpha=0.5)
    ax.plot(mean, color=BLUE)
    ends = [(f"training {mean[-1]:.2f}", float(mean[-1]), BLUE)]
    if history.validation_losses:
        ax.plot(history.validation_steps, history.validation_losses, "o-", color=INK, markersize=4)
        ends.append((f"validation {history.validation_losses[-1]:.2f}", history.validation_losses[-1], INK))
    return label_ends(ax, [*ends, *_level_lines(ax, rungs or {})])


def _level_lines(ax: Axes, rungs: Mapping[str, float]) -> list[tuple[str, float, str]]:
    ends = []
    for name, loss in rungs.items():
        colour = RUNG_COLOURS.get(name, INK)
        ax.axhline(loss, color=colour, linewidth=1.4, linestyle="--" if name == "floor" else "-", zorder=1)
        ends.append((f"{name} {loss:.2f}", loss, colour))
    return ends


def running_mean(values: Sequence[float], width: int) -> np.ndarray:
    """Mean of each value with up to ``width`` − 1 before it: as long as the values, and never looking ahead."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - width, 0)
    return (sums[ends] - sums[starts]) / (ends - starts)


# Where a name may stand beside its point: horizontal and vertical alignment, and the way to it in points.
BESIDE = (
    ("left", "center", 5, 0),
    ("right", "center", -5, 0),
    ("center", "bottom", 0, 4),
    ("center", "top", 0, -4),
    ("left", "bottom", 3, 3),
    ("right", "bottom", -3, 3),
    ("left", "top", 3, -3),
    ("right", "top", -3, -3),
)


def words(ax: Axes, xy: np.ndarray, names: Sequence[str], colours: Sequence[str]) -> Axes:
    """Draw points (N, 2), each with its name beside it where there is room.

    A name that would cover a point, another name or a text that the picture has already is left out.
    """
    points = ax.scatter(xy[:, 0], xy[:, 1], c=list(colours), s=14)
    _figure(ax).draw_without_rendering()
    dots = [Bbox.from_bounds(x - 3, y - 3, 6, 6) for x, y in ax.transData.transform(points.get_offsets())]
    taken = [text.get_window_extent() for text in ax.texts]
    for place, (name, colour) in enumerate(zip(names, colours, strict=True)):
        for ha, va, dx, dy in BESIDE:
            label = ax.annotate(name, tuple(xy[place]), (dx, dy), textcoords="offset points", ha=ha, va=va)
            label.set(color=colour, fontsize=10)
            box = label.get_window_extent()
            if box.count_overlaps([*taken, *dots[:place], *dots[place + 1 :]]) == 0:
                taken.append(box)
                break
            label.remove()
    return ax


def save(ax: Axes, name: str, folder: str | Path = "figures") -> None:
    """Write the picture of these axes to ``figures/NAME.svg``, the same bytes for the same picture."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    with mpl.rc_context({**STYLE, "figure.constrained_layout.use": False}):  # each keeps the layout it was made with
        _figure(ax).savefig(Path(folder) / f"{name}.svg", metadata={"Date": None})


def _figure(ax: Axes) -> Figure:
    figure = ax.get_figure(root=True)
    if figure is None:
        raise ValueError("these axes have no figure any more: draw the picture again.")
    return figure
