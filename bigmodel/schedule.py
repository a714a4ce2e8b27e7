"""Learning rates as plain functions of the step: no hidden state, so plotting one uses nothing up.

Each takes the step t, a number or a numpy array of them, and returns the rate itself. To hand one to
``train``, fix everything but t: ``partial(polynomial, T=300, eta_0=1.0, alpha=1)``.
"""

from collections.abc import Callable
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
    _check_length(T)
    _check_power(alpha)
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


def step(t: Steps, eta_0: float, every: int, factor: float) -> Steps:
    """Learning rate that falls at once, by a factor, each ``every`` steps: η(t) = η0 · factor^⌊t / every⌋.

    Equal to ``torch.optim.lr_scheduler.StepLR``.

    Raises:
        ValueError: t is below 0, every is below 1, factor is outside 0 < factor ≤ 1, or eta_0 is not above 0.
    """
    if not every >= 1:
        raise ValueError(f"every is {every}, but a rate falls each 1 step or more.")
    if not 0 < factor <= 1:
        raise ValueError(f"factor is {factor}, but a falling rate is multiplied by a number from 0 to 1.")
    _check_rate(eta_0)
    _check_steps(t, np.inf)
    return eta_0 * factor ** (t // every)


def cosine(t: Steps, T: float, eta_0: float) -> Steps:
    """Learning rate that falls along half a wave of the cosine: η(t) = η0 · (1 + cos(π t/T)) / 2.

    Spends as much in all as a straight line, η0 T/2, but more of it early. Equal to
    ``torch.optim.lr_scheduler.CosineAnnealingLR`` up to T. Source: Loshchilov and Hutter, SGDR, 2017, equation 5.

    Raises:
        ValueError: t is outside 0 … T, or T or eta_0 is not above 0.
    """
    _check_length(T)
    _check_rate(eta_0)
    _check_steps(t, T)
    return eta_0 * (1 + _number(np.cos(np.pi * t / T))) / 2


def inverse_polynomial(t: Steps, eta_0: float, beta: float, alpha: float) -> Steps:
    """The other rate that is called polynomial decay: η(t) = η0 · (1 + β t)^(−α). It has no end and never reaches 0.

    Raises:
        ValueError: t, beta or alpha is below 0, or eta_0 is not above 0.
    """
    if not 0 <= beta < np.inf:
        raise ValueError(f"beta is {beta}, but below 0 the rate would end by dividing by 0: use 0 or more.")
    _check_power(alpha)
    _check_rate(eta_0)
    _check_steps(t, np.inf)
    return eta_0 * (1 + beta * t) ** -float(alpha)


def warm_up(t: Steps, steps: int, then: Callable[[Steps], Steps]) -> Steps:
    """Put a rising line before any other schedule: ``steps`` equal steps up to its first rate, then the schedule.

    η(t) = then(0) · (t + 1) / steps for t < steps, and then(t − steps) from there on: never 0, and the schedule
    itself is not shortened.

    Raises:
        ValueError: t or steps is below 0, or what ``then`` raises.
    """
    if not steps >= 0:
        raise ValueError(f"steps is {steps}, but a warm-up takes 0 steps or more.")
    _check_steps(t, np.inf)
    after = then(_number(np.maximum(t - steps, 0)))
    return after * _number(np.minimum((t + 1) / max(steps, 1), 1))


def warm_up_stable_decay(t: Steps, T: float, eta_0: float, up: int, down: int) -> Steps:
    """Learning rate that rises for ``up`` steps, stays at eta_0, and falls to 0 along a line in the last ``down``.

    The long flat part has no fixed length: a training can be ended from any of its steps. Source: Hu et al.,
    MiniCPM, 2024, section 4.

    Raises:
        ValueError: t is outside 0 … T, eta_0 is not above 0, or up and down are below 0 or longer than T.
    """
    _check_length(T)
    if not (up >= 0 and down >= 0 and up + down <= T):
        raise ValueError(f"up = {up} and down = {down} steps do not fit: both are at least 0, and at most T = {T}.")
    _check_rate(eta_0)
    _check_steps(t, T)
    rising = (t + 1) / max(up, 1)
    falling = (T - t) / max(down, 1)
    return eta_0 * _number(np.clip(np.minimum(rising, falling), 0, 1))


def _number(value: Steps) -> Steps:
    """Give numpy's own scalars back as plain floats, which print as plain numbers."""
    return value if isinstance(value, np.ndarray) else float(value)


def _check_length(T: float) -> None:
    if not 0 < T < np.inf:
        raise ValueError(f"T is {T}, but a schedule needs a number of steps above 0.")


def _check_power(alpha: float) -> None:
    if not 0 <= alpha < np.inf:
        raise ValueError(f"alpha is {alpha}, but below 0 the rate would grow without bound: use 0 or more.")


def _check_rate(eta_0: float) -> None:
    if not 0 < eta_0 < np.inf:
        raise ValueError(f"eta_0 is {eta_0}, but a learning rate is a finite number above 0, such as 0.01.")


def _check_steps(t: float | np.ndarray, T: float) -> None:
    if not np.all((np.asarray(t) >= 0) & (np.asarray(t) <= T)):
        raise ValueError(f"step t = {t} is outside the schedule, which runs from 0 to T = {T}.")
