"""Pictures beside a verdict: the reader's answer and the right one, as maps or as bars."""

from typing import Any

from bigmodel import plot
from bigmodel.check.values import plain, same


def maps(yours: Any, expected: Any) -> None:
    """Two matrices of numbers from 0 to 1; of a batch, the first in which they differ."""
    pair = [plain(each).double().nan_to_num(posinf=0, neginf=0) for each in (yours, expected)]
    pair = [each.reshape(-1, *each.shape[-2:]) for each in pair]
    place = next((place for place, two in enumerate(zip(*pair, strict=True)) if not same(*two)), 0)
    panels = plot.panels(["yours", "expected"], "looked at", "who looks", width=6, height=2.8)
    for ax, each in zip(panels, pair, strict=True):
        ax.imshow(each[place].numpy(), cmap="Blues", vmin=0, vmax=1)
        ax.grid(visible=False)


def bars(yours: Any, expected: Any) -> None:
    """Two rows of numbers; of a matrix, the first row."""
    panels = plot.panels(["yours", "expected"], "token", "", height=2.4)
    for ax, each, colour in zip(panels, (yours, expected), (plot.RED, plot.BLUE), strict=True):
        row = plain(each).double().nan_to_num(posinf=0, neginf=0)
        row = row if row.ndim == 1 else row[0]
        ax.bar(range(len(row)), row.tolist(), color=colour)
