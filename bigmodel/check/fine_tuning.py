"""Graders of notebook 04: schedules, what they spend, fair comparisons, and freezing."""

import copy
import math
import numbers
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from bigmodel.check.grader import grader
from bigmodel.model import BigModel
from bigmodel.schedule import constant, cosine, polynomial


@grader(
    hint="scale the falling part: it goes from η0 − η_end down to 0, and stands on top of η_end.",
    why="A rate that ends above 0 keeps on learning to the last step; with η_end = 0 it is the article's formula.",
)
def decay_to(answer: Callable[..., Any]) -> str | None:
    """Examine a function (t, T, eta_0, eta_end, alpha) → η_end + (η0 − η_end)(1 − t/T)^α."""
    settings = {"T": 10, "eta_0": 0.5, "eta_end": 0.1, "alpha": 2}
    call = "At t = 5, T = 10, eta_0 = 0.5, eta_end = 0.1, alpha = 2"
    wrong = _not_a_number(rate := answer(5, **settings), call)
    if wrong:
        return wrong
    if not math.isclose(again := answer(5, **settings), rate):
        return (
            f"{call} it returns {rate:.4g}, and asked again {again:.4g}: a schedule has no memory, the step alone "
            "decides."
        )
    for formula, words in _WRONG_DECAYS:
        if all(math.isclose(answer(t, **settings), formula(t, **settings)) for t in (5, 8)):
            return f"{call} the rate is 0.2, and yours is {rate:.4g}: {words}"
    for t, expected in ((5, 0.2), (0, 0.5), (2, 0.356), (10, 0.1)):
        if not math.isclose(rate := answer(t, **settings), expected, abs_tol=1e-9):
            return f"{call.replace('5', str(t), 1)} the rate is {expected}, and yours is {rate:.4g}."
    if not math.isclose(rate := answer(5, 10, 0.1, 0.1, 3), 0.1):
        return f"With eta_end = eta_0 = 0.1 nothing falls: every rate is 0.1, and yours at t = 5 is {rate:.4g}."
    if not math.isclose(rate := answer(7, 7, 0.5, 0.1, 0), 0.5):
        return f"With alpha = 0 the rate stays at eta_0 to the end: 0.5 at t = T = 7, and yours is {rate:.4g}."
    return _wrong_on_arrays(answer, settings) or _wrong_outside(answer, settings)


_WRONG_DECAYS: list[tuple[Callable[..., float], str]] = [
    (
        lambda t, T, eta_0, eta_end, alpha: eta_end + (eta_0 - eta_end) * (t / T) ** alpha,
        "it rises, because α is applied to t/T; apply it to 1 − t/T, the share that is left.",
    ),
    (
        lambda t, T, eta_0, eta_end, alpha: eta_end + (eta_0 - eta_end) * (1 - (t / T) ** alpha),
        "1 − (t/T)^α falls late; the formula falls early, (1 − t/T)^α: first subtract, then take the power.",
    ),
    (
        lambda t, T, eta_0, eta_end, alpha: eta_end + eta_0 * (1 - t / T) ** alpha,
        "it begins at η0 + η_end; the part that falls is η0 − η_end.",
    ),
    (
        lambda t, T, eta_0, eta_end, alpha: max(eta_end, eta_0 * (1 - t / T) ** alpha),
        "cut off at η_end, it stands still once it is there; shrink the curve instead of cutting it.",
    ),
    (
        lambda t, T, eta_0, eta_end, alpha: eta_0 * (1 - t / T) ** alpha,
        "it falls to 0; it should end at η_end.",
    ),
    (
        lambda t, T, eta_0, eta_end, alpha: (eta_0 - eta_end) * (1 - t / T) ** alpha,
        "it falls from η0 − η_end to 0; add η_end again.",
    ),
    (
        lambda t, T, eta_0, eta_end, alpha: eta_end + (eta_0 - eta_end) * (1 - t / (T - 1)) ** alpha,
        "it is at its end at t = T − 1; the formula divides by T.",
    ),
    (
        lambda t, T, eta_0, eta_end, alpha: eta_end + (eta_0 - eta_end) * (1 - (t + 1) / T) ** alpha,
        "it is one step ahead: at t = 0 the rate is still η0.",
    ),
    (
        lambda t, T, eta_0, eta_end, alpha: eta_end + (eta_0 - eta_end) * (1 - t // T) ** alpha,
        "t // T is whole-number division, 0 until the last step; use t / T.",
    ),
    (
        lambda t, T, eta_0, eta_end, alpha: eta_end + (eta_0 - eta_end) * (1 - t / T) * alpha,
        "α multiplies there; it is an exponent: ** alpha.",
    ),
    (
        lambda t, T, eta_0, eta_end, alpha: (eta_end + (eta_0 - eta_end) * (1 - t / T)) ** alpha,
        "the power takes in η0 and η_end too; only 1 − t/T is raised to α.",
    ),
]


def _wrong_on_arrays(answer: Callable[..., Any], settings: dict[str, float]) -> str | None:
    t = np.arange(11)
    expected = [answer(int(step), **settings) for step in t]
    try:
        rates = answer(t, **settings)
    except Exception as error:
        return (
            f"It works for one step, but an array of steps stops it ({type(error).__name__}: {error}). Use arithmetic "
            "that numpy knows, and np.any or np.all where you compare."
        )
    if np.shape(rates) != (11,) or not np.allclose(rates, expected):
        return f"For the array of steps 0 … 10 it should return the 11 rates of its steps, and it returns {rates!r}."
    if not np.array_equal(t, np.arange(11)):
        return "It changes the array of steps that it is given: work on a copy, or write it as one formula."
    return None


def _wrong_outside(answer: Callable[..., Any], settings: dict[str, float]) -> str | None:
    for t, alpha in ((11, 0.5), (11, 1), (-1, 1), (np.array([3, 11]), 1)):
        try:
            rate = answer(t, **{**settings, "alpha": alpha})
        except ValueError:
            continue
        kind = " (a complex number)" if isinstance(rate, complex) else ""
        return (
            f"At t = {t} of T = 10 with alpha = {alpha} it returns {rate}{kind}, but there is no such step: "
            "raise ValueError unless 0 ≤ t ≤ T."
        )
    return None


@grader(
    hint="what is still to be spent at t is (1 − t/T)^(α+1) of the total; set it to 1 − share and solve for t.",
    why="It tells which steps of a long training count: with α = 1, three quarters are spent in the first half.",
)
def step_when_spent(answer: Callable[..., Any]) -> str | None:
    """Examine a function (share, T, alpha) → the time t at which this share of the total is spent."""
    call = "share = 0.5, T = 200, alpha = 1"
    wrong = _not_a_number(t := answer(0.5, 200, 1), call)
    if wrong:
        return wrong
    for formula, words in _WRONG_SPENT:
        if math.isclose(t, formula(0.5, 200, 1)) and math.isclose(answer(0.75, 200, 3), formula(0.75, 200, 3)):
            return f"{words} At {call} the answer is {200 * (1 - 0.5**0.5):.1f}, and yours is {t:.4g}."
    for share, T, alpha in (
        (0.5, 100, 0),
        (0.75, 100, 1),
        (0.5, 200, 1),
        (0.75, 200, 3),
        (0, 50, 2),
        (1, 50, 2),
        (0.9, 10, 0.5),
    ):
        expected = T * (1 - (1 - share) ** (1 / (alpha + 1)))
        t = answer(share, T, alpha)
        if t == round(t) and 0 < abs(t - expected) < 1:
            return f"It is rounded: at {call} the exact time is {expected:.1f}, between two steps. Return that."
        if not math.isclose(t, expected, rel_tol=1e-4, abs_tol=1e-6):
            return f"At share = {share}, T = {T}, alpha = {alpha} the answer is {expected:.4g}, and yours is {t:.4g}."
    return None


_WRONG_SPENT: list[tuple[Callable[..., float], str]] = [
    (
        lambda share, T, alpha: 1 - (1 - share) ** (1 / (alpha + 1)),
        "That is the share of the time, t/T; multiply by T.",
    ),
    (
        lambda share, T, alpha: T * (1 - share) ** (1 / (alpha + 1)),
        "That is how many steps are left; subtract it from T.",
    ),
    (
        lambda share, T, alpha: T * share ** (1 / (alpha + 1)),
        "It uses the share that is spent; (1 − t/T)^(α+1) is what is left, so set it to 1 − share.",
    ),
    (
        lambda share, T, alpha: T * (1 - share ** (1 / (alpha + 1))),
        "It mixes up the share that is spent with the share that is left: inside the root stands 1 − share.",
    ),
    (
        lambda share, T, alpha: T * (1 - (1 - share) ** (1 / alpha)),
        "It takes the α-th root, which tells when the rate has fallen; what is left of the total has the power α + 1.",
    ),
    (
        lambda share, T, alpha: T * (1 - (1 - share) ** (alpha + 1)),
        "To undo the power α + 1, take the root: the exponent is 1/(α + 1).",
    ),
    (
        lambda share, T, alpha: T * share / (alpha + 1),
        "It spends in proportion to time, but the rate falls: more is spent early.",
    ),
    (
        lambda share, T, alpha: T * share,
        "It does not depend on α, as if the rate were constant.",
    ),
]


@grader(
    hint="an optimizer moves what it was given: give it model.decoder.parameters().",
    why="What no optimizer holds cannot move: not by momentum, not by weight decay, not by a schedule.",
)
def decoder_only(answer: Callable[..., Any]) -> str | None:
    """Examine a function (model, lr, momentum, weight_decay) → an SGD that trains the decoder of a BigModel alone."""
    model = _trained_a_little()
    before = copy.deepcopy(model.state_dict())
    optimizer = answer(model, 0.1, 0.9, 0.01)
    if not isinstance(optimizer, torch.optim.SGD):
        return f"It should return the optimizer, a torch.optim.SGD, and it returns {_kind(optimizer)}."
    if any(not torch.equal(value, before[name]) for name, value in model.state_dict().items()):
        return "It changes the weights before any training: only choose what the optimizer holds."
    asked = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}
    decoder = {id(parameter) for parameter in model.decoder.parameters()}
    groups = [group for group in optimizer.param_groups if {id(p) for p in group["params"]} & decoder]
    for name, value in asked.items():
        if groups and groups[0][name] != value:
            return f"The decoder should be trained with {name} = {value}, and yours has {name} = {groups[0][name]}."
    for step in range(3):
        for group in optimizer.param_groups:
            group["lr"] = polynomial(step, T=3, eta_0=0.1, alpha=1)  # as train() does
        optimizer.zero_grad()
        _loss(model).backward()
        optimizer.step()
    return _what_moved(model, before, optimizer)


def _what_moved(model: BigModel, before: dict[str, torch.Tensor], optimizer: torch.optim.Optimizer) -> str | None:
    moved = {name: (value - before[name]).abs().max().item() for name, value in model.state_dict().items()}
    for name in ("decoder.weight", "decoder.bias"):
        if moved[name] == 0:
            return f"After three steps {name} has not moved at all: the decoder is what should learn."
    for name in ("encoder.weight", "encoder.bias"):
        if moved[name] == 0:
            continue
        held = {id(p): group for group in optimizer.param_groups for p in group["params"]}
        parameter = dict(model.named_parameters())[name]
        if id(parameter) not in held:
            return f"{name} moved by {moved[name]:.2g} in three steps, though no optimizer holds it: leave it alone."
        if not parameter.requires_grad:
            reason = (
                "it asks for no gradient any more, but the one that it had from before stays, and the optimizer still "
                "holds it: leave it out"
            )
        elif len(optimizer.param_groups) > 1:
            reason = (
                "a group of its own with rate 0 does not last, since a schedule writes the rate of every group at "
                "every step: leave it out"
            )
        elif parameter.grad is not None and not parameter.grad.any():
            reason = "its gradient is 0, but weight decay and momentum move it all the same: leave it out"
        else:
            reason = "the optimizer holds it: leave it out"
        return f"{name} moved by {moved[name]:.2g} in three steps: {reason}."
    return None


def _trained_a_little() -> BigModel:
    """A BigModel in the middle of its life: its gradients are those of an earlier training."""
    generator = torch.Generator().manual_seed(0)
    model = BigModel(6, 4, 6)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.rand(parameter.shape, generator=generator) - 0.3)
    _loss(model).backward()
    return model


def _loss(model: BigModel) -> torch.Tensor:
    return F.cross_entropy(model(torch.eye(6)), torch.tensor([1, 2, 3, 4, 5, 0]))


@grader(
    hint="take the difference seed by seed; the mean of the differences, and their standard deviation over √S.",
    why="What is common to both in a seed cancels: a small lead shows that two separate means would hide.",
)
def lead(answer: Callable[..., Any]) -> str | None:
    """Examine a function (theirs, ours), losses by seed → mean of theirs − ours, and its standard error."""
    theirs = torch.tensor([3.2, 3.6, 2.9, 3.4, 3.1, 3.8, 3.0, 3.3], dtype=torch.float64)
    ours = theirs - torch.tensor([0.1, 0.2, 0.1, 0.0, 0.2, 0.1, 0.0, 0.1], dtype=torch.float64)
    result = answer(theirs, ours)
    if not isinstance(result, tuple | list) or len(result) != 2:
        return f"It should return two numbers, the mean lead and its standard error, and it returns {_kind(result)}."
    mean, error = (float(value) for value in result)
    if math.isclose(mean, -0.1, rel_tol=1e-6):
        return "The sign is turned round: in the example ours is lower, so its lead, theirs − ours, is 0.1, not −0.1."
    if not math.isclose(mean, 0.1, rel_tol=1e-6):
        return f"In the example ours is lower by 0.1 on average, and your mean lead is {mean:.4g}."
    differences = theirs - ours
    deviation = differences.std().item()
    right = deviation / 8**0.5
    between = math.sqrt((theirs.var() / 8 + ours.var() / 8).item())
    of_all = differences.std(correction=0).item()
    of_both = abs(theirs.std() - ours.std()).item()
    turned = "The difference of two spreads is not the spread of the difference: subtract seed by seed first."
    wrong = [
        (
            deviation,
            "That is the spread of the differences; the mean of 8 of them is steadier by √8: divide by it.",
        ),
        (
            of_all / 8**0.5,
            "The spread is divided by S, not by S − 1: numpy's std needs ddof=1, torch's does not.",
        ),
        (of_all, "That is the spread with S instead of S − 1, and not yet divided by √S."),
        (deviation / 8, "The spread is divided by S; the standard error of a mean divides it by √S."),
        (
            deviation / 7**0.5,
            "It divides by √(S − 1); S − 1 belongs inside the standard deviation, √S outside.",
        ),
        (deviation**2 / 8, "That is the square of the standard error: take the root."),
        (
            between,
            "The rows are treated as unrelated, so the seeds' own ups and downs count: take differences first.",
        ),
        (of_both / 8**0.5, turned),
        (of_both, turned),
    ]
    for value, words in wrong:
        if math.isclose(error, value, rel_tol=1e-6):
            return f"{words} In the example the standard error is {right:.4f}, and yours is {error:.4f}."
    if not math.isclose(error, right, rel_tol=1e-6):
        return f"In the example the standard error of the mean lead is {right:.4f}, and yours is {error:.4f}."
    mean, error = (float(value) for value in answer(theirs[:4].float(), ours[:4].float()))
    if not math.isclose(error, differences[:4].std().item() / 2, rel_tol=1e-3):
        right = differences[:4].std().item() / 2
        return f"With four seeds instead of eight it is {right:.4f}, and yours is {error:.4f}: count the seeds."
    return None


@grader(
    hint="for t < steps: schedule(0) · (t + 1)/steps; after that schedule(t − steps), which begins at its own step 0.",
    why="Any schedule can be warmed up so, because none of them has a state: they compose like the functions they are.",
)
def warmed(answer: Callable[..., Any]) -> str | None:
    """Examine a function (schedule, steps) → a schedule that first rises in equal steps to schedule(0)."""
    line = partial(polynomial, T=4, eta_0=0.8, alpha=1)
    schedule = answer(line, 4)
    if not callable(schedule):
        return f"It should return a schedule, a function of the step t, and it returns {_kind(schedule)}."
    expected = [0.2, 0.4, 0.6, 0.8, 0.8, 0.6, 0.4, 0.2, 0.0]
    case = "For the line 0.8 · (1 − t/4) with 4 steps of warm-up,"
    try:
        rates = [float(schedule(t)) for t in range(9)]
    except ValueError as error:
        return (
            f"{case} it stops with “{error}”. The warm-up comes before the schedule: after it, ask for "
            "schedule(t − steps), and during it only for schedule(0)."
        )
    if not np.allclose(rates, expected):
        shown = [round(rate, 3) for rate in rates]
        return f"{case} the rates are {expected}, and yours are {shown}: {_wrong_warm_up(rates)}"
    again = [float(schedule(t)) for t in range(9)]
    if not np.allclose(again, expected):
        return "Asked a second time, it gives other rates: let it depend on t alone, and keep no count of its own."
    backwards = [float(answer(line, 4)(t)) for t in (6, 2, 0)]
    if not np.allclose(backwards, [0.4, 0.6, 0.2]):
        return "Asked for the steps 6, 2, 0 in this order, it gives other rates: let it depend on t alone."
    wave = answer(partial(cosine, T=10, eta_0=0.5), 5)
    if not math.isclose(float(wave(10)), 0.25) or not math.isclose(float(wave(1)), 0.2):
        return "It is right for the line, and wrong for a cosine: use the schedule that it is given, not its formula."
    flat = answer(partial(constant, eta_0=0.3), 2)
    if not math.isclose(float(flat(0)), 0.15):
        return f"A constant 0.3 with 2 steps of warm-up begins at 0.15, and yours at {float(flat(0)):.4g}."
    return None


def _wrong_warm_up(rates: list[float]) -> str:
    if rates[0] == 0:
        return "the first step has rate 0 and is wasted; use (t + 1)/steps."
    if np.allclose(rates[:4], [0.8, 0.6, 0.4, 0.2]):
        return "there is no warm-up in them."
    if rates[3] > 0.8 + 1e-9:
        return "they rise above the schedule's first rate: the last step of the warm-up is schedule(0)."
    if np.allclose(rates[:4], [0.16, 0.32, 0.48, 0.64]):
        return "they rise in steps of 1/(steps + 1), so the warm-up is one step too long: divide t + 1 by steps."
    if not np.allclose(rates[:4], [0.2, 0.4, 0.6, 0.8]):
        return "the warm-up is not the line up to schedule(0): do not let the schedule fall while it rises."
    return "after the warm-up the schedule begins at its own step 0: ask it for t − steps."


def _not_a_number(value: Any, call: str) -> str | None:
    """What to say where a function should have returned one real number."""
    if isinstance(value, numbers.Real) or (isinstance(value, np.ndarray | torch.Tensor) and value.ndim == 0):
        return None
    return f"At {call} it should return one number, and it returns {_kind(value)}."


def _kind(value: Any) -> str:
    if value is None:
        return "None (is there a return?)"
    return f"{value!r}" if isinstance(value, complex) else f"a {type(value).__name__}"
