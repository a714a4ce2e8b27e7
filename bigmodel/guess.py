"""Predict before you run: a number that the reader guesses, which the next picture shows and the result answers."""

import math
from dataclasses import dataclass
from typing import Any, Literal

from matplotlib.axes import Axes

from bigmodel.plot import INK, YELLOW

PEN: dict[str, Any] = {
    "color": YELLOW,
    "linewidth": 6,
    "alpha": 0.8,
    "zorder": 0.8,
}  # no rung has this colour
LABEL = {"facecolor": YELLOW, "edgecolor": "none", "pad": 2}


@dataclass(frozen=True)
class Guess:
    """What the reader expects of a number; ``value`` is None until they have said it."""

    name: str
    value: float | None

    def draw(self, ax: Axes, axis: Literal["x", "y"] = "y") -> None:
        """Draw the guess as if with a marker pen, at its height or at its place on the x axis; without one, nothing."""
        if self.value is None:
            return
        if axis == "y":
            ax.axhline(self.value, **PEN)
            x, y, scale = 0.01, self.value, ax.get_yaxis_transform()
        else:
            ax.axvline(self.value, **PEN)
            x, y, scale = self.value, 0.97, ax.get_xaxis_transform()
        text = f"your guess: {self.value:,}"
        side = "left" if axis == "y" else "center"
        ax.text(x, y, text, transform=scale, ha=side, va="center", fontsize=10, color=INK, bbox=LABEL, zorder=5)

    def compare(self, result: float) -> None:
        """Print the guess beside what came out."""
        said = "" if self.value is None else f"you said {self.value:,}, "
        print(f"{self.name}: {said}it came to {_short(result)}")


def guess(name: str, value: float | None) -> Guess:
    """Take the reader's guess of a number, or None as long as there is none, and print which it is.

    Raises:
        ValueError: the guess is no number.
    """
    if value is None:
        print(f"{name}: no guess yet, put your number in place of None")
    elif type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError(f"{name}: {value!r} is not a number. Write digits alone, such as 6.9, or None for no guess.")
    else:
        print(f"{name}: your guess is {value:,}")
    return Guess(name, value)


def _short(number: float) -> str:
    if number == int(number):
        return f"{int(number):,}"
    return f"{number:,.2f}" if abs(number) >= 0.1 else f"{number:.2g}"
