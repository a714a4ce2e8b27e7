"""What a screen can show and paper cannot: progress bars, sliders, tokens in colour.

Nothing can move in tests, in print and on a web page. They set BIGMODEL_STATIC, the only environment variable
that the package reads, and it reads it here.
"""

import html
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from tqdm import tqdm


def is_static() -> bool:
    """Whether nothing on the screen can move."""
    return bool(os.environ.get("BIGMODEL_STATIC"))


def progress_bar(total: int | None, hidden: bool = False, **settings: Any) -> tqdm:
    """Start a bar of text that fills up to ``total``; settings are those of tqdm.

    Where nothing can move there is none, and none inside another one: a sweep of trainings has one bar, not fifty.
    It is text rather than a widget, so that a notebook that was saved shows it the next day.
    """
    inside = bool(getattr(tqdm, "_instances", ()))
    screen = sys.stderr if sys.stderr.isatty() else sys.stdout  # a notebook shows stderr in red
    return tqdm(total=total, disable=is_static() or hidden or inside, file=screen, **settings)


def play(picture: Callable[..., Any], **choices: Sequence[Any]) -> None:
    """Give each argument of ``picture`` a slider over its choices, and draw anew when one is moved.

    The first choice of each is where its slider begins; numbers are put in order along it. Where nothing can move,
    the picture is drawn once, with these.
    """
    first = {name: values[0] for name, values in choices.items()}
    if is_static():
        picture(**first)
        return
    import ipywidgets

    sliders = {
        name: ipywidgets.SelectionSlider(
            options=along(values),
            value=values[0],
            description=name.replace("_", " "),
            continuous_update=False,
            style={"description_width": f"{max(map(len, choices)) + 1}ch"},
            layout={"width": "36em", "max_width": "98%"},
        )
        for name, values in choices.items()
    }
    ipywidgets.interact(picture, **sliders)


def along(values: Sequence[Any]) -> list[Any]:
    """The values as they lie along a slider, each once: numbers from small to large, others as they come."""
    once = list(dict.fromkeys(values))
    return sorted(once) if all(isinstance(value, int | float) for value in once) else once


# Pale enough for dark letters on them, which both are set: so they read alike on a light page and on a dark one.
BACKGROUNDS = ("#bfe0f5", "#fbe3a6", "#bfe8d4", "#f3cde0")
TOKEN = '<code style="background:{}; color:#1a1a1a; padding:1px 2px; border-radius:3px">{}</code>'


class Boundaries:
    """Tokens in a row, each in another colour than its neighbours; where there is no colour, between bars.

    A notebook shows an object of this class by itself, if it is the last line of a cell, or with `display`.
    `names` are the tokens as they are to be read: those of `tokenizer.tokens`. A line ends after a token that ends
    with ⏎.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)

    def __repr__(self) -> str:
        return "|".join(self.names).replace("⏎|", "⏎\n")

    def _repr_html_(self) -> str:
        coloured = [
            TOKEN.format(BACKGROUNDS[place % len(BACKGROUNDS)], html.escape(name))
            for place, name in enumerate(self.names)
        ]
        return f'<div style="line-height:1.8">{" ".join(coloured).replace("⏎</code>", "⏎</code><br>")}</div>'
