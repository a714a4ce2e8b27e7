"""What all graders share: from an examination of an answer to one verdict in words."""

from collections.abc import Callable
from functools import wraps
from typing import Any

Examination = Callable[..., str | None]


def grader(hint: str, why: str) -> Callable[[Examination], Callable[..., None]]:
    """Make a grader of an examination: a function of the answer that returns what is wrong with it, or None.

    Args:
        hint: what to say to a reader who has not begun (the answer raises NotImplementedError).
        why: what to say to a reader whose answer is right: one sentence on why it matters.
    """

    def decorate(examine: Examination) -> Callable[..., None]:
        @wraps(examine)
        def check(*answer: Any) -> None:
            print(verdict(examine, answer, hint, why))

        return check

    return decorate


def verdict(examine: Examination, answer: tuple[Any, ...], hint: str, why: str) -> str:
    """Say in one line what an examination found."""
    try:
        wrong = examine(*answer)
    except NotImplementedError:
        return f"Not tried yet. Hint: {hint}"
    except Exception as error:  # the reader's own code, which may fail in any way
        return f"✗ Your answer stopped with {type(error).__name__}: {error}"
    return f"✗ {wrong}" if wrong else f"✓ {why}"
