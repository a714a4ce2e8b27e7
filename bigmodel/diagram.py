"""Pictures of how things are connected: what flows through a model, where attention looks, how tokens merge.

A flow is a list of steps, read like the code that it shows. Every length is in inches, so that letters fit boxes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Circle, FancyArrowPatch, Rectangle
from matplotlib.text import Text
from matplotlib.textpath import TextPath
from matplotlib.transforms import Bbox

from bigmodel.plot import BLUE, CYCLE, GREY, INK, STYLE
from bigmodel.tokenizer import readable

LETTERS, LINE, GAP = (
    11,
    0.2,
    0.45,
)  # size of letters in points; height of a line of them, and length of an arrow
LINES: dict[str, Any] = {"color": INK, "linewidth": 1.4, "zorder": 1}
ARROW: dict[str, Any] = {**LINES, "arrowstyle": "-|>", "mutation_scale": 14, "shrinkA": 0, "shrinkB": 0}


@dataclass(frozen=True)
class Box:
    """A step with a name. ``gives`` stands at the arrow that leaves it; several ``colours`` are stripes."""

    name: str
    gives: str = ""
    colours: Sequence[str] = ()


@dataclass(frozen=True)
class Skip:
    """Steps whose result is added to what they read: a skip connection leads around them."""

    steps: Sequence["Step"]
    gives: str = ""


@dataclass(frozen=True)
class Beside:
    """Boxes that all read the same, side by side; what they give is joined."""

    boxes: Sequence[Box]
    gives: str = ""


@dataclass(frozen=True)
class Frame:
    """Steps with a frame around them, and its name."""

    name: str
    steps: Sequence["Step"]


Step = Box | Skip | Beside | Frame


def flow(title: str, takes: str, steps: Sequence[Step], down: bool = False) -> Axes:
    """Draw steps one after the other, from left to right or from the top down.

    Args:
        takes: what the first step reads, written at the arrow into it; the last step's ``gives`` leaves the picture.
    """
    pen = _Pen(_canvas(title), down, takes)
    for step in steps:
        pen.draw(step)
    pen.arrow()
    return _fit(pen.ax)


def loop(title: str, boxes: Sequence[Box], inside: str = "") -> Axes:
    """Draw boxes in a circle that leads back to the first, clockwise from the top; ``inside`` stands in its middle."""
    ax = _canvas(title)
    radius = max(1.1, 0.33 * len(boxes))
    turns = np.arange(len(boxes)) * 2 * np.pi / len(boxes)
    centres = [(1.6 * radius * np.sin(turn), radius * np.cos(turn)) for turn in turns]
    drawn = [_box(ax, box, x, y) for box, (x, y) in zip(boxes, centres, strict=True)]
    for i, box in enumerate(boxes):
        j, half = (i + 1) % len(boxes), turns[i] + np.pi / len(boxes)
        bend = {
            "connectionstyle": f"arc3,rad=-{1.1 / max(len(boxes), 4)}",
            "patchA": drawn[i],
            "patchB": drawn[j],
        }
        ax.add_patch(FancyArrowPatch(centres[i], centres[j], **ARROW | bend | {"shrinkA": 3, "shrinkB": 3}))
        side = "left" if np.sin(half) > 0.1 else "right" if np.sin(half) < -0.1 else "center"
        _write(ax, 1.66 * radius * np.sin(half), 1.1 * radius * np.cos(half), box.gives, side)
    _write(ax, 0, 0, inside)
    return _fit(ax)


class _Pen:
    """Draws steps along a line: ``along`` it grows with every step, ``across`` it 0 is the middle."""

    def __init__(self, ax: Axes, down: bool, takes: str) -> None:
        self.ax, self.down = ax, down
        self.along, self.label, self.widest = 0.0, takes, 0.0

    def draw(self, step: Step) -> None:
        if isinstance(step, Box):
            length, across = self.size(step)
            self.arrow()
            _box(self.ax, step, *self.at(self.along + length / 2, 0))
            self.moved(length, across / 2, step.gives)
        elif isinstance(step, Skip):
            self.skip(step)
        elif isinstance(step, Beside):
            self.beside(step)
        else:
            self.frame(step)

    def skip(self, step: Skip) -> None:
        start, widest, self.widest = self.along + 0.12, self.widest, 0.0
        for inner in step.steps:
            self.draw(inner)
        around = -self.widest - 0.25
        self.arrow()
        plus = self.along + 0.13
        self.ax.add_patch(Circle(self.at(start, 0), 0.04, color=INK, zorder=3))
        self.ax.add_patch(Circle(self.at(plus, 0), 0.13, facecolor="white", edgecolor=INK, zorder=3))
        _write(self.ax, *self.at(plus, 0), "+")
        self.line((start, 0), (start, around), (plus, around), (plus, -0.13), head=True)
        self.moved(0.26, max(widest, -around), step.gives)

    def beside(self, step: Beside) -> None:
        sizes = [self.size(box) for box in step.boxes]
        length = max(along for along, _ in sizes)
        room = max(across for _, across in sizes) + 0.25
        if self.down:
            room = max(room, *(2 * _width(box.gives) + 0.25 for box in step.boxes))
        stub = max(self.gap(box.gives) if box.gives else 0.12 for box in step.boxes)
        self.arrow(head=False)
        first = self.along + 0.32
        last = first + length + stub
        for i, (box, (along, _)) in enumerate(zip(step.boxes, sizes, strict=True)):
            across = ((len(step.boxes) - 1) / 2 - i) * room * (-1 if self.down else 1)
            begin, end = first + (length - along) / 2, first + (length + along) / 2
            self.line((self.along, 0), (begin, across), head=True)
            _box(self.ax, box, *self.at((begin + end) / 2, across))
            self.line((end, across), (last, across), (last + 0.32, 0))
            self.text((end + last) / 2, across, box.gives)
        self.moved(last + 0.32 - self.along, len(sizes) * room / 2, step.gives)

    def frame(self, step: Frame) -> None:
        self.line((self.along, 0), (self.along + 0.3, 0))
        self.along, widest, self.widest = self.along + 0.3, self.widest, 0.0
        start = self.along - 0.15
        for inner in step.steps:
            self.draw(inner)
        self.line((self.along, 0), (self.along + 0.15, 0))
        self.moved(0.15, 0, self.label)
        side = self.widest + 0.2
        (x0, y0), (x1, y1) = self.at(start, -side), self.at(self.along, side)
        self.ax.plot([x0, x1, x1, x0, x0], [y0, y0, y1, y1, y0], color=GREY, linestyle="--", linewidth=1.2)
        if self.down:
            _write(self.ax, x1 + 0.1, (y0 + y1) / 2, step.name, "left")
        else:
            _write(self.ax, x0, max(y0, y1) + LINE, step.name, "left")
        self.widest = max(widest, side)

    def arrow(self, head: bool = True) -> None:
        gap = self.gap(self.label)
        self.line((self.along, 0), (self.along + gap, 0), head=head)
        self.text(self.along + gap / 2, 0, self.label)
        self.moved(gap, 0.1 + _width(self.label) if self.down else 0.1 + LINE * _lines(self.label), "")

    def line(self, *points: tuple[float, float], head: bool = False) -> None:
        xy = np.array([self.at(*point) for point in points])
        self.ax.plot(*(xy[:-1] if head else xy).T, **LINES)
        if head:
            self.ax.add_patch(FancyArrowPatch(*xy[-2:], **ARROW))

    def text(self, along: float, across: float, text: str) -> None:
        x, y = self.at(along, across)
        if self.down:
            _write(self.ax, x + 0.1, y, text, "left")
        else:
            _write(self.ax, x, y + 0.1 + LINE * _lines(text) / 2, text)

    def moved(self, length: float, across: float, label: str) -> None:
        self.along, self.label, self.widest = self.along + length, label, max(self.widest, across)

    def at(self, along: float, across: float) -> tuple[float, float]:
        return (across, -along) if self.down else (along, across)

    def gap(self, text: str) -> float:
        return max(GAP, LINE * _lines(text) + 0.25 if self.down else _width(text) + 0.2)

    def size(self, box: Box) -> tuple[float, float]:
        width, height = _size(box)
        return (height, width) if self.down else (width, height)


def arrows(
    title: str,
    words: Sequence[str],
    weights: np.ndarray,
    keys: Sequence[str] | None = None,
    only: int | None = None,
) -> Axes:
    """Draw attention as arrows from each word, above, to the words that it looks at, below.

    Args:
        weights: (words, keys), each row summing to 1; the wider and darker an arrow, the larger its weight. Under each
            word stands its largest. Weights under 0.02 are not drawn.
        keys: the words that are looked at, if they are others.
        only: the place of one word, to draw its arrows alone, each with its weight at its head.
    """
    rows, seen = np.asarray(weights), words if keys is None else keys
    ax = _canvas(title)
    room = max(0.5, *(_width(word) + 0.2 for word in [*words, *seen]))
    for x, word in enumerate(seen):
        _write(ax, x * room, 0, word)
    for i, word in enumerate(words):
        colour = GREY if only not in (None, i) else CYCLE[i % len(CYCLE)] if only is None else BLUE
        _write(ax, i * room, 2, word).set_color(colour)
        if only is None:
            _write(ax, i * room, 1.76, f"{rows[i].max():.2f}", size=10)
        for x, weight in enumerate(rows[i]):
            if only in (None, i) and weight >= 0.02:
                look = {"color": colour, "linewidth": 0.8 + 4 * weight, "alpha": 0.15 + 0.85 * weight}
                ends = (i * room, 1.62 if only is None else 1.84), (x * room, 0.17)
                ax.add_patch(FancyArrowPatch(*ends, **ARROW | look | {"mutation_scale": 8 + 8 * weight}))
                if only is not None:
                    _write(ax, x * room, -0.22, f"{weight:.2f}", size=10).set_color(colour)
    return _fit(ax)


def merge_tree(title: str, tokens: Sequence[Any], merges: Sequence[tuple[Any, Any]]) -> Axes:
    """Draw how byte-pair encoding joins a word, from the bottom up: each row is the merge whose number it has.

    The earliest of ``merges`` whose pair stands in the word comes first. What is left in the end is coloured.

    Args:
        tokens: what the word starts as, bytes or texts, such as ``["s", "h", "e"]``.
        merges: pairs of tokens, in the order in which they were learned.
    """
    ax, order = _canvas(title), list(merges)
    room = max(_size(Box(_name(token)))[0] for token in tokens) + 0.15
    nodes = [(token, x * room, 0.0) for x, token in enumerate(tokens)]
    edge, y = -max(0.7, room), 0.0
    _write(ax, edge, 0, "start", "right")
    while pairs := {(left[0], right[0]) for left, right in pairwise(nodes)} & set(order):
        pair, y = min(pairs, key=order.index), y + 0.65
        _write(ax, edge, y, f"merge {order.index(pair) + 1}", "right")
        place = 0
        while place < len(nodes) - 1:
            (left, x0, y0), (right, x1, y1) = nodes[place : place + 2]
            if (left, right) == pair:
                ax.plot([x0, x0, x1, x1], [y0, y, y, y1], **LINES)
                _box(ax, Box(_name(left)), x0, y0)
                _box(ax, Box(_name(right)), x1, y1)
                nodes[place : place + 2] = [(left + right, (x0 + x1) / 2, y)]
            place += 1
    for token, x, height in nodes:
        _box(ax, Box(_name(token), colours=[BLUE]), x, height)
    return _fit(ax)


def _name(token: bytes | str) -> str:
    return readable(token if isinstance(token, bytes) else token.encode())


def _canvas(title: str) -> Axes:
    with mpl.rc_context(STYLE):
        figure = plt.figure(figsize=(10, 10), layout="none")
        ax = figure.add_axes((0, 0, 1, 1), xlim=(0, 10), ylim=(0, 10), autoscale_on=False)
        ax.set_title(title)
        ax.axis("off")
    return ax


def _fit(ax: Axes) -> Axes:
    """Make the figure as large as what is drawn on it: one unit, one inch."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    drawn = [artist.get_window_extent() for artist in [*ax.patches, *ax.lines, *ax.texts]]
    inches = Bbox.union(drawn).transformed(ax.transData.inverted()).padded(0.1)
    x0, y0, x1, y1 = inches.extents
    x1 = max(x1, x0 + _width(ax.get_title(loc="left"), 12) + 0.2)
    ax.set_title(ax.get_title(loc="left"), loc="left", x=0.1 / (x1 - x0), fontsize=12)
    figure.set_size_inches(x1 - x0, y1 - y0 + 0.35)
    ax.set(xlim=(x0, x1), ylim=(y0, y1), position=(0, 0, 1, (y1 - y0) / (y1 - y0 + 0.35)))
    return ax


def _box(ax: Axes, box: Box, x: float, y: float) -> Rectangle:
    width, height = _size(box)
    left, foot = x - width / 2, y - height / 2
    stripe = width / max(len(box.colours), 1)
    for i, colour in enumerate(box.colours or [GREY]):
        pale = 1 - (1 - np.array(to_rgb(colour))) * (0.4 if box.colours else 0.12)
        ax.add_patch(Rectangle((left + i * stripe, foot), stripe, height, facecolor=pale, zorder=2))
    edge = box.colours[0] if len(box.colours) == 1 else INK
    outline = Rectangle((left, foot), width, height, fill=False, edgecolor=edge, linewidth=1.4, zorder=3)
    ax.add_patch(outline)
    _write(ax, x, y, box.name)
    return outline


def _write(ax: Axes, x: float, y: float, text: str, side: str = "center", size: float = LETTERS) -> Text:
    foot = y - 0.045 - LINE / 2 * (_lines(text) - 1)  # letters stand on it, so that words in a row are level
    style: dict[str, Any] = {"va": "baseline", "linespacing": 1.25, "color": INK, "zorder": 4}
    return ax.text(x, foot, text, ha=side, fontsize=size, **style)


def _size(box: Box) -> tuple[float, float]:
    return max(0.55, _width(box.name) + 0.18), LINE * _lines(box.name) + 0.22


def _lines(text: str) -> int:
    return text.count("\n") + 1 if text else 0


def _width(text: str, size: float = LETTERS) -> float:
    """Width of the longest line in inches, and a bar's, since a blank has no outline to measure."""
    return max(TextPath((0, 0), f"{line}|", size=size).get_extents().x1 / 72 for line in text.split("\n"))
