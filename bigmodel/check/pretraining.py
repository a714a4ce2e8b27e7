"""Graders of notebook 03: windows, one step of training, stopping in time, counting steps, momentum, unigram."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bigmodel.check.grader import grader

# ---------------------------------------------------------------------------------------------------------
# Windows
# ---------------------------------------------------------------------------------------------------------


@grader(
    hint="one window starts every `length` tokens: range(0, len(ids) - length, length).",
    why="Text labels itself: every token is the target of the one before it, and no human had to write a label.",
)
def make_windows(answer: Callable[..., Any]) -> str | None:
    for ids, length in [
        ([5, 6, 7, 8, 9], 2),
        ([5, 6, 7, 8], 2),
        ([3, 1, 4, 1, 5, 9, 2], 3),
        (list(range(20)), 4),
        ([7, 8], 1),
    ]:
        wrong = _wrong_windows(answer(list(ids), length), ids, length)
        if wrong:
            return f"With ids = {ids} and length = {length}: {wrong}"
    return None


def _wrong_windows(given: Any, ids: list[int], length: int) -> str | None:
    if not isinstance(given, tuple | list) or len(given) != 2:
        return f"your function returned {_short(given)}, but two lists are asked for: return inputs, targets."
    try:
        inputs, targets = ([[int(token) for token in window] for window in windows] for windows in map(_plain, given))
    except (TypeError, ValueError):
        return f"each of the two must be a list of windows, and each window a list of ids; yours are {_short(given)}."
    starts = range(0, len(ids) - length, length)
    good_inputs = [ids[start : start + length] for start in starts]
    good_targets = [ids[start + 1 : start + length + 1] for start in starts]
    if (inputs, targets) == (good_inputs, good_targets):
        return None
    if [inputs, targets] == [list(pair) for pair in zip(good_inputs, good_targets, strict=True)]:
        return "the pairs are right, but two lists are asked for: all inputs, then all targets."
    if any(len(window) != length for window in [*inputs, *targets]):
        window = next(window for window in [*inputs, *targets] if len(window) != length)
        return (
            f"{window} has {len(window)} tokens instead of {length}: "
            "leave out a window at the end that is not whole, or has no last target."
        )
    if len(inputs) != len(targets):
        return f"there are {len(inputs)} windows of inputs, but {len(targets)} of targets: they come in pairs."
    if targets == inputs:
        return "targets equal the inputs. A model would learn to repeat what it sees; move the targets one token on."
    if inputs == good_targets and targets == good_inputs:
        return "inputs and targets have changed places: the target is the token that comes later."
    if inputs == [ids[start : start + length] for start in range(len(ids) - length)] and length > 1:
        return f"your windows overlap ({inputs[0]}, {inputs[1]}): the next one starts {length} tokens later, not 1."
    if inputs == good_inputs:
        number = next(n for n in range(len(inputs)) if targets[n] != good_targets[n])
        return (
            f"the targets of {inputs[number]} are {good_targets[number]}, one token later, "
            f"and yours are {targets[number]}."
        )
    if inputs == good_inputs[: len(inputs)] and len(inputs) < len(good_inputs):
        return f"the last window is missing: {good_inputs[-1]} has all its targets, {good_targets[-1]}."
    return f"the inputs are {good_inputs}, and yours are {_short(inputs)}."


# ---------------------------------------------------------------------------------------------------------
# One step of training
# ---------------------------------------------------------------------------------------------------------


class _Watched(torch.optim.SGD):
    """SGD that writes down when it is told to forget gradients and to take a step."""

    def __init__(self, parameters: Any, lr: float) -> None:
        super().__init__(parameters, lr=lr)
        self.events: list[str] = []
        for parameter in self.param_groups[0]["params"][:1]:
            parameter.register_hook(lambda gradient: self.events.append("backward"))

    def zero_grad(self, set_to_none: bool = True) -> None:
        self.events.append("zero_grad")
        super().zero_grad(set_to_none)

    def step(self, closure: Any = None) -> Any:
        self.events.append("step")
        return super().step(closure)


@grader(
    hint="logits = model(inputs), then the loss of both flattened, zero_grad, backward, step, and return loss.item().",
    why="These lines train every model of this course, and, on more machines, every language model you know.",
)
def training_step(answer: Callable[..., Any]) -> str | None:
    generator = torch.Generator().manual_seed(0)
    drawn = [torch.randint(5, (3, 4), generator=generator) for _ in range(4)]
    right_model, right_optimizer = _tiny(torch.optim.SGD)
    model, optimizer = _tiny(_Watched)
    for number, (inputs, targets) in enumerate([(drawn[0], drawn[1]), (drawn[2], drawn[3])]):
        before = right_model(inputs).detach()
        right = _right_step(right_model, right_optimizer, inputs, targets)
        optimizer.events.clear()
        given = answer(model, optimizer, inputs.clone(), targets.clone())
        moved = max(
            (a - b).abs().max().item() for a, b in zip(right_model.parameters(), model.parameters(), strict=True)
        )
        wrong = _wrong_loss(given, right, before, targets, right_model(inputs).detach())
        wrong = wrong or (_wrong_events(optimizer.events, number, moved) if moved > 1e-5 else None)
        if wrong:
            return wrong
    return None


def _tiny(optimizer: Callable[..., torch.optim.Optimizer]) -> tuple[nn.Module, Any]:
    generator = torch.Generator().manual_seed(1)
    model = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 5))  # ids (B, T) → logits (B, T, 5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return model, optimizer(model.parameters(), lr=0.5)


def _right_step(model: nn.Module, optimizer: torch.optim.Optimizer, inputs: Tensor, targets: Tensor) -> float:
    loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def _wrong_loss(given: Any, right: float, before: Tensor, targets: Tensor, after: Tensor) -> str | None:
    if given is None:
        return "Your function returned nothing: end it with return loss.item()."
    if isinstance(given, Tensor):
        return (
            "Your function returned a tensor. It would keep the whole step in memory for as long as you keep the "
            "loss: return loss.item()."
        )
    if isinstance(given, bool) or not isinstance(given, float | int | np.floating):
        return f"The loss must be a number, and yours is {_short(given)}: return loss.item()."
    if math.isclose(given, right, rel_tol=1e-4):
        return None
    flat, wanted = before.flatten(0, 1), targets.flatten()
    guesses = {
        F.cross_entropy(flat.softmax(-1), wanted).item(): "cross_entropy takes the softmax itself: give it logits",
        F.cross_entropy(flat, wanted, reduction="sum").item(): "that is the sum over the tokens: take the mean",
        F.cross_entropy(after.flatten(0, 1), wanted).item(): "that is the loss after the update",
        F.nll_loss(flat, wanted).item(): "nll_loss wants log-probabilities, and was given logits: use cross_entropy",
        F.nll_loss(
            flat.softmax(-1), wanted
        ).item(): "nll_loss wants log-probabilities, not probabilities: use cross_entropy",
        F.cross_entropy(before[:, -1], targets[:, -1]).item(): "that is the loss of the last position only: "
        "every position is a lesson",
    }
    for loss, reason in guesses.items():
        if math.isclose(given, loss, rel_tol=1e-4):
            return f"On a batch whose loss is {right:.3f} you returned {given:.3f}: {reason}."
    return f"On a batch whose loss is {right:.3f} you returned {given:.3f}: is it cross_entropy(logits, targets)?"


def _wrong_events(events: list[str], number: int, moved: float) -> str:
    if "step" not in events:
        return "The weights have not moved: optimizer.step() is missing. Such a loss stays where it began."
    if "backward" not in events:
        return "There was no gradient to step along: loss.backward() is missing."
    backward, step = events.index("backward"), events.index("step")
    if step < backward:
        return "step() came before backward(): it used the gradients of the batch before, or none."
    if "zero_grad" in events[backward:step]:
        return "zero_grad() stands between backward() and step(), so the step finds no gradient: it belongs before."
    if number == 1 and "zero_grad" not in events:
        return (
            "The first step was right, the second was not: its gradient was added to that of the first, because "
            "optimizer.zero_grad() is missing."
        )
    if events.count("step") > 1 or events.count("backward") > 1:
        return f"One call is one update, but yours did {', '.join(events)}."
    return f"The loss is right, but after your step a weight is {moved:.3f} off: is the gradient that of the mean loss?"


# ---------------------------------------------------------------------------------------------------------
# Stopping in time
# ---------------------------------------------------------------------------------------------------------


@grader(
    hint="keep the number of the best loss so far; stop when number − best reaches patience.",
    why="The fresh loss chooses the moment, so it is no longer quite fresh: a final claim needs a third text.",
)
def early_stop(answer: Callable[..., Any]) -> str | None:
    from bigmodel import plot  # only here: drawing is for a wrong answer

    for losses, patience in [
        ([6.9, 5.0, 4.0, 4.2, 4.5, 4.9, 5.2], 2),
        ([6.9, 5.0, 5.2, 5.1, 4.0, 4.3, 4.4, 4.6], 3),
        ([6.9, 5.0, 5.3, 5.4, 3.0, 2.0], 2),
        ([6.9, 5.0, 5.4, 5.3, 5.2, 4.0], 3),
        ([6.0, 5.0, 4.0, 3.0], 2),
        ([6.0, 5.0, 5.5, 4.0, 4.5, 3.0], 2),
        ([3.0, 4.0, 5.0], 1),
        ([6.9, 5.0, 5.0, 5.0, 4.0], 2),
    ]:
        given = answer(list(losses), patience)
        right, looked = _early_stop(losses, patience)
        wrong = _wrong_stop(given, right, looked, losses, patience)
        if wrong:
            _draw_stop(plot, losses, given, right)
            return f"With losses {losses} and patience {patience}: {wrong}"
    return None


def _early_stop(losses: Sequence[float], patience: int) -> tuple[int, int]:
    """The number of the best loss, and the number of the last one that was looked at."""
    best = 0
    for number, loss in enumerate(losses):
        if loss < losses[best]:
            best = number
        elif number - best >= patience:
            return best, number
    return best, len(losses) - 1


def _wrong_stop(given: Any, right: int, looked: int, losses: list[float], patience: int) -> str | None:
    if given is None:
        return "your function returned nothing: return the number of the best loss."
    if isinstance(given, Tensor | np.generic) and np.ndim(given) == 0:
        given = given.item()
    if isinstance(given, bool) or not isinstance(given, int | float):
        return f"the number of a loss is asked for, and yours is {_short(given)}."
    if given == right and isinstance(given, int):
        return None
    if isinstance(given, float):
        return f"{given} is a loss; its number in the list is asked for, here {right}."
    if given == looked and given != right:
        return f"{given} is where you gave up. Return the best before it, number {right}: those weights are kept."
    if not 0 <= given < len(losses):
        return f"there is no loss number {given}: they count from 0 to {len(losses) - 1}."
    if given == right + 1:
        return f"you returned {given}, one more than {right}: numbers count from 0."
    if given > looked:
        return (
            f"number {given} comes after you should have given up: numbers {right + 1} to {looked} are {patience} "
            f"in a row not below {losses[right]}. The future may not be looked at."
        )
    if losses[given] > losses[right]:
        return (
            f"you returned {given}, but number {right} is better ({losses[right]} against {losses[given]}), and came "
            f"before {patience} in a row were not below the best: each new best starts the count anew."
        )
    return f"you returned {given}, and the best that may be seen is number {right}; of equals, keep the first."


def _draw_stop(plot: Any, losses: list[float], given: Any, right: int) -> None:
    ax = plot.axes("Your choice beside the right one", "number of the measurement", "validation loss", height=2.6)
    ax.plot(losses, "o-", color=plot.INK, markersize=4)
    ax.plot(right, losses[right], "o", color=plot.GREEN, markersize=14, fillstyle="none", label="right")
    if isinstance(given, int) and 0 <= given < len(losses):
        ax.plot(given, losses[given], "x", color=plot.RED, markersize=12, label="yours")
    ax.legend()


# ---------------------------------------------------------------------------------------------------------
# Counting steps
# ---------------------------------------------------------------------------------------------------------


@grader(
    hint="first the batches of one epoch: examples / batch_size, rounded up, or down where the rest is dropped.",
    why="Steps times seconds a step is the first thing to know of any training, before it is started.",
)
def count_steps(answer: Callable[..., Any]) -> str | None:
    for examples, batch_size, epochs, drop_last in [
        (10, 4, 1, False),
        (10, 4, 3, False),
        (10, 4, 3, True),
        (12, 4, 2, False),
        (12, 4, 2, True),
        (3, 4, 5, False),
    ]:
        given = answer(examples, batch_size, epochs, drop_last)
        full, rest = divmod(examples, batch_size)
        right = (full if drop_last else full + bool(rest)) * epochs
        if isinstance(given, int) and not isinstance(given, bool) and given == right:
            continue
        case = (
            f"{examples} examples in batches of {batch_size}, {epochs} epochs, drop_last={drop_last}: "
            f"{right} steps, and you said {_short(given)}."
        )
        return f"{case} {_why_steps(given, examples, batch_size, epochs, drop_last, right)}"
    return None


def _why_steps(given: Any, examples: int, batch_size: int, epochs: int, drop_last: bool, right: int) -> str:
    if isinstance(given, bool) or not isinstance(given, int | float):
        return "A number of steps is a whole number: return one."
    if given == right:
        return "A number of steps is a whole number: use // or math.ceil rather than /."
    if given == examples / batch_size * epochs and given != int(given):
        return "Nobody takes a part of a step: round the batches of an epoch, up, or down where the rest is dropped."
    full, up = examples // batch_size, math.ceil(examples / batch_size)
    if given == examples * epochs:
        return "That counts examples; a step takes a whole batch of them."
    if epochs > 1 and given in (full, up):
        return "That is one epoch: multiply by the epochs."
    if given == (full + 1) * epochs and examples % batch_size == 0:
        return "There is no rest here, so no batch beyond the full ones."
    if not drop_last and given == full * epochs:
        return f"The last {examples % batch_size} examples of an epoch make a smaller batch, which is a step too."
    if drop_last and given == up * epochs:
        return "The rest of an epoch is dropped, so it makes no step."
    if given in (math.ceil(examples * epochs / batch_size), examples * epochs // batch_size):
        return "No batch reaches over the end of an epoch: round in each epoch, then multiply."
    return "Count the batches of one epoch, then multiply by the epochs."


# ---------------------------------------------------------------------------------------------------------
# Momentum
# ---------------------------------------------------------------------------------------------------------


@grader(
    hint="velocity = beta * velocity + gradient, then weight = weight − rate * velocity; return both.",
    why="So does torch.optim.SGD(momentum=beta): where gradients agree, steps grow up to 1/(1 − beta) times.",
)
def momentum_step(answer: Callable[..., Any]) -> str | None:
    weight, velocity, gradient, rate, beta = 1.0, 0.5, 2.0, 0.1, 0.9
    given = answer(weight, velocity, gradient, rate, beta)
    case = "With weight 1, velocity 0.5, gradient 2, rate 0.1 and beta 0.9"
    if not isinstance(given, tuple | list) or len(given) != 2:
        return f"{case}, your function returned {_short(given)}: return the new weight and the new velocity."
    try:
        pair = (float(given[0]), float(given[1]))
    except (TypeError, ValueError):
        return f"{case}, your function returned {_short(given)}, but two numbers are asked for."
    if not _near(pair, _momentum(weight, velocity, gradient, rate, beta)):
        return (
            f"{case}, the new weight is 0.755 and the new velocity 2.45; yours are {pair[0]:.4g} and {pair[1]:.4g}. "
            f"{_why_momentum(pair)}"
        )
    kept = torch.tensor([1.0, -2.0])
    result = answer(kept, torch.zeros(2), torch.tensor([1.0, 4.0]), 0.5, 0.9)
    if not torch.equal(kept, torch.tensor([1.0, -2.0])):
        return "Your function changed the weight that it was given: write weight = weight − …, not weight -= …"
    if not torch.allclose(torch.as_tensor(result[0]), torch.tensor([0.5, -4.0])):
        return f"For the weights [1, −2] the result is [0.5, −4], and yours is {_short(result[0])}: each by itself."
    for _ in range(2):
        pair = answer(*pair, gradient, rate, 0.0)
    if not _near((float(pair[0]), float(pair[1])), (0.755 - 0.4, 2.0)):
        return "With beta = 0 nothing of the past is left, and this is plain SGD: weight − rate · gradient."
    return None


def _momentum(weight: float, velocity: float, gradient: float, rate: float, beta: float) -> tuple[float, float]:
    velocity = beta * velocity + gradient
    return weight - rate * velocity, velocity


def _near(pair: tuple[float, float], right: tuple[float, float]) -> bool:
    return all(math.isclose(a, b, rel_tol=1e-5, abs_tol=1e-7) for a, b in zip(pair, right, strict=True))


def _why_momentum(pair: tuple[float, float]) -> str:
    reasons = {
        (2.45, 0.755): "They have changed places: first the weight.",
        (1.245, 2.45): "The step goes up: subtract it.",
        (0.95, 2.45): "The step used the old velocity: renew it first.",
        (0.8, 2.45): "The step used the gradient alone: it goes along the velocity.",
        (0.935, 0.65): "(1 − beta) · gradient makes it an average; torch's SGD adds the whole gradient.",
        (0.355, 0.65): "(1 − beta) · gradient makes it an average; torch's SGD adds the whole gradient.",
        (
            0.35,
            0.65,
        ): "The rate stands in the velocity: then a new rate works late. torch's SGD keeps it in the step.",
        (
            0.77,
            2.3,
        ): "That is beta · gradient + velocity: beta shortens the old velocity, not the new gradient.",
        (0.75, 2.5): "Nothing was forgotten: the old velocity counts beta times.",
        (
            0.5795,
            2.45,
        ): "That is Nesterov's momentum, which looks one step ahead; here the plain one is asked for.",
        (0.8, 2.0): "That is plain SGD: the old velocity is missing.",
    }
    return next(
        (reason for known, reason in reasons.items() if _near(pair, known)),
        "velocity = beta · velocity + gradient.",
    )


# ---------------------------------------------------------------------------------------------------------
# Unigram
# ---------------------------------------------------------------------------------------------------------


@grader(
    hint="counts of the training ids, 1 added to each, divided by their sum; then the mean of −ln over the fresh.",
    why="A rung that needs no model: a training that is not below it has learned less than a table of counts.",
)
def unigram_loss(answer: Callable[..., Any]) -> str | None:
    for training, fresh, size in [([0, 0, 0, 1], [0, 0, 1], 2), ([3, 1, 3, 2, 3], [3, 3, 0, 1], 5)]:
        given = answer(list(training), list(fresh), size)
        if isinstance(given, Tensor | np.generic) and np.ndim(given) == 0:
            given = given.item()
        case = f"With training_ids = {training}, fresh_ids = {fresh} and vocab_size = {size}"
        if isinstance(given, bool) or not isinstance(given, int | float):
            return f"{case}, one number is asked for, and yours is {_short(given)}."
        right = _unigram(training, fresh, size)
        if not math.isclose(given, right, rel_tol=1e-5):
            reason = _why_unigram(given, training, fresh, size)
            return f"{case}, the loss is {right:.4f}, and yours is {given:.4f}. {reason}"
    return None


def _unigram(training: list[int], fresh: list[int], size: int, imagined: float = 1.0) -> float:
    counts = np.bincount(training, minlength=size) + imagined
    return float(-np.log(counts / counts.sum())[fresh].mean())


def _why_unigram(given: float, training: list[int], fresh: list[int], size: int) -> str:
    right, tokens = _unigram(training, fresh, size), len(fresh)
    counts = np.bincount(training, minlength=size) + 1
    shares = counts / counts.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        guesses = {
            right / math.log(2): "That is in bits: use the natural logarithm.",
            right / math.log(10): "That is a logarithm to base 10: use the natural one.",
            -right: "A surprise is −ln p: the sign is missing.",
            right * tokens: "That is the sum over the fresh tokens: take the mean.",
            math.exp(right): "That is the perplexity, e to the loss.",
            float(-(shares * np.log(shares)).sum()): "That weighs each token by its share in the training text: "
            "take the mean over the fresh tokens.",
            float(-np.log(shares).mean()): "That is the mean over the vocabulary: take it over the fresh tokens.",
            float(-np.log(shares[fresh].mean())): "That is −ln of the mean probability; the loss is the mean of −ln.",
            _unigram(fresh, fresh, size): "The counts are of the fresh text itself, which may only be tested on.",
            float(
                -np.log(counts / len(training))[fresh].mean()
            ): "The shares do not add up to 1: divide by the sum of the counts with the ones added.",
            _unigram(training, fresh, size, 0.0): "Add 1 to each count, or an unseen token costs infinity.",
        }
    if given == math.inf:
        return "A token that was never counted got probability 0: add 1 to each count."
    return next(
        (reason for loss, reason in guesses.items() if math.isclose(given, loss, rel_tol=1e-5)),
        "It is the mean of −ln(share) over the fresh tokens, each count with 1 added.",
    )


def _plain(windows: Any) -> Any:
    return windows.tolist() if isinstance(windows, Tensor | np.ndarray) else windows


def _short(value: Any) -> str:
    words = repr(value)
    return words if len(words) <= 80 else f"{words[:77]}..."
