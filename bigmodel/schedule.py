"""Learning rates as plain functions of the step: no hidden state, so plotting one uses nothing up.

Each takes the step t, a number or a numpy array of them, and returns the rate itself. To hand one to
``train``, fix everything but t: ``partial(polynomial, T=300, eta_0=1.0, alpha=1)``.
"""

from typing import TypeVar

import numpy as np

Steps = TypeVar("Steps", float, np.ndarray)


def polynomial(t: Steps, T: float, eta_0: float, alpha: float) -> Steps:
    """Learning rate that falls from eta_0 to nothing over T steps: η(t) = η0 · (1 − t/T)^α.

    alpha = 0 keeps the rate constant, 1 lowers it along a straight line, and a larger alpha spends most of
    it early. Equal to ``torch.optim.lr_scheduler.PolynomialLR`` up to T, after which that one stays at 0.

    Raises:
        ValueError: t is outside 0 … T, or T or eta_0 is not above 0, or alpha is below 0.
    """
    if not T > 0:
        raise ValueError(f"T is {T}, but a schedule needs a number of steps above 0.")
    if not alpha >= 0:
        raise ValueError(f"alpha is {alpha}, but below 0 the rate would grow without bound: use 0 or more.")
    _check_rate(eta_0)
    _check_steps(t, T)
    return eta_0 * (1 - t / T) ** alpha


def constant(t: Steps, eta_0: float) -> Steps:
    """Learning rate that never changes: η(t) = η0.

    Raises:
        ValueError: t is below 0, or eta_0 is not above 0.
    """
    _check_rate(eta_0)
    _check_steps(t, np.inf)
    return eta_0 + 0 * t


def _check_rate(eta_0: float) -> None:
    if not 0 < eta_0 < np.inf:
        raise ValueError(f"eta_0 is {eta_0}, but a learning rate is a finite number above 0, such as 0.01.")


def _check_steps(t: float | np.ndarray, T: float) -> None:
    if not np.all((np.asarray(t) >= 0) & (np.asarray(t) <= T)):
        raise ValueError(f"step t = {t} is outside the schedule, which runs from 0 to T = {T}.")
