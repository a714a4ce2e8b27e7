"""What moves on the screen, progress bars and sliders, and stands still where nothing can move.

Nothing can move in tests, in print and on a web page. They set BIGMODEL_STATIC, the only environment variable
that the package reads, and it reads it here.
"""

import os
from collections.abc import Callable, Sequence
from typing import Any

from tqdm.auto import tqdm


def is_static() -> bool:
    """Whether nothing on the screen can move."""
    return bool(os.environ.get("BIGMODEL_STATIC"))


def progress_bar(total: int | None, **settings: Any) -> tqdm:
    """Start a bar that fills up to ``total``; settings are those of tqdm. Where nothing can move, there is none."""
    return tqdm(total=total, disable=is_static(), **settings)


def play(picture: Callable[..., Any], **choices: Sequence[Any]) -> None:
    """Give each argument of ``picture`` a slider over its choices, and draw anew when one is moved.

    Where nothing can move, the picture is drawn once, with the first choice of each.
    """
    if is_static():
        picture(**{name: values[0] for name, values in choices.items()})
        return
    import ipywidgets

    sliders = {
        name: ipywidgets.SelectionSlider(options=values, value=values[0], continuous_update=False)
        for name, values in choices.items()
    }
    ipywidgets.interact(picture, **sliders)
