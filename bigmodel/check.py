"""The exercises' graders: hand one your function, and it says what is right, or what is wrong, with an example.

Each grader is a function of your answer. It prints one verdict: not tried yet, with a hint; wrong, with a
counter-example; or ✓, with the reason why it matters.
"""

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
            print(_verdict(examine, answer, hint, why))

        return check

    return decorate


def _verdict(examine: Examination, answer: tuple[Any, ...], hint: str, why: str) -> str:
    try:
        wrong = examine(*answer)
    except NotImplementedError:
        return f"Not tried yet. Hint: {hint}"
    except Exception as error:  # the reader's own code, which may fail in any way
        return f"✗ Your answer stopped with {type(error).__name__}: {error}"
    return f"✗ {wrong}" if wrong else f"✓ {why}"
