"""The exercises of notebook 04: schedules and a loop that they drive, what is spent, fair comparisons, freezing."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bigmodel.check.engine import exercise
from bigmodel.check.values import written
from bigmodel.model import BigModel
from bigmodel.schedule import cosine, polynomial

# One mistake, one line or two; a blank line within what belongs to an exercise, two between exercises.
# fmt: off
Schedule = Callable[[int], float]
Batch = tuple[Tensor, Tensor]

@exercise(
    hints=("Which share of the steps is still to come at step t, and what does the formula do with that share?",
           "Take t / T from 1, raise what is left to the power alpha, and multiply by the first rate.",
           "return eta_0 * (1 - t / T) ** alpha"),
    why="It has no state: the same step always has the same rate, so drawing it uses nothing up.",
    cases=[(5, 10, 0.5, 2), (0, 10, 0.5, 2), (2, 8, 3.0, 1), (3, 4, 0.1, 0.5), (10, 10, 0.2, 3), (7, 20, 0.4, 0)],
    wrong={
        "it rises, because the power is taken of t/T; take it of 1 − t/T, the share that is left":
            lambda t, T, eta_0, alpha: eta_0 * (t / T) ** alpha,
        "1 − (t/T)^α falls late; the formula falls early: first subtract, then take the power":
            lambda t, T, eta_0, alpha: eta_0 * (1 - (t / T) ** alpha),
        "that is at its end at t = T − 1; the formula divides by T":
            lambda t, T, eta_0, alpha: eta_0 * (1 - t / (T - 1)) ** alpha,
        "α multiplies there; it is an exponent: ** alpha": lambda t, T, eta_0, alpha: eta_0 * (1 - t / T) * alpha,
        "the power takes in the first rate too; only 1 − t/T is raised to α":
            lambda t, T, eta_0, alpha: (eta_0 * (1 - t / T)) ** alpha,
    },
)
def decay(t: int, T: int, eta_0: float, alpha: float) -> float:
    return eta_0 * (1 - t / T) ** alpha


def line(t: int) -> float:
    return 0.8 * max(0, 1 - t / 4)

def wave(t: int) -> float:
    return cosine(min(t, 6), T=6, eta_0=0.5)

def level(t: int) -> float:
    return 0.3

FORMULAS = {"line": "0.8 · (1 − t/4)", "wave": "a cosine from 0.5 to 0 in 6 steps", "level": "the constant 0.3"}

def rates(answer: Callable[..., Any], steps: int, then: Schedule) -> Any:
    """The rates of nine steps."""
    return [answer(t, steps, then) for t in range(steps + 5)]

@exercise(
    hints=("How high is the schedule's own first rate, and in how many equal steps is it reached?",
           "For t < steps the rate is a share of then(0); afterwards the schedule runs from its own step 0.",
           "For t < steps: then(0) * (t + 1) / steps. After that: then(t - steps)."),
    why="Any schedule can be warmed up so, because none of them has a state: they compose like the functions they are.",
    cases=[(4, line), (5, wave), (2, level), (3, line)],
    drive=rates,
    given=lambda steps, then: f"for {steps} steps of warm-up before then = {FORMULAS[then.__name__]}, at t = 0, 1, 2 …",
    wrong={
        "the first step has rate 0 and is wasted: use (t + 1)/steps":
            lambda t, steps, then: then(0) * t / steps if t < steps else then(t - steps),
        "the warm-up lasts one step too long and rises above then(0): it is over at t = steps":
            lambda t, steps, then: then(0) * (t + 1) / steps if t <= steps else then(t - steps),
        "they rise in steps of 1/(steps + 1): the last step of the warm-up has to reach then(0)":
            lambda t, steps, then: then(0) * (t + 1) / (steps + 1) if t < steps else then(t - steps),
        "the schedule falls while it is warmed up: during the warm-up take its first rate, then(0)":
            lambda t, steps, then: then(t) * (t + 1) / steps if t < steps else then(t - steps),
        "after the warm-up the schedule has to begin at its own step 0: ask it for t − steps":
            lambda t, steps, then: then(0) * (t + 1) / steps if t < steps else then(t),
        "there is no warm-up: the schedule runs from the first step": lambda t, steps, then: then(t),
        "there is no rise: it waits at then(0)": lambda t, steps, then: then(max(t - steps, 0)),
    },
    also_right=[lambda t, steps, then: then(max(t - steps, 0)) * min((t + 1) / steps, 1)],
    refused=[lambda t, steps, then: 0.8 * (t + 1) / steps if t < steps else 0.8 * (1 - (t - steps) / 4)],
)
def warm_up(t: int, steps: int, then: Schedule) -> float:
    if t < steps:
        return then(0) * (t + 1) / steps
    return then(t - steps)


def cross_entropy(model: nn.Module, batch: Batch) -> Tensor:
    return F.cross_entropy(model(batch[0]).flatten(0, 1), batch[1].flatten())

def of_probabilities(model: nn.Module, batch: Batch) -> Tensor:
    return F.cross_entropy(model(batch[0]).softmax(-1).flatten(0, 1), batch[1].flatten())

def trained(answer: Callable[..., Any], texts: Sequence[Sequence[int]], schedule: Schedule, momentum: float) -> Any:
    """The losses, and the weights that the training of a table of logits left behind; each text is a batch."""
    table = torch.tensor([[0.5, -1, 0.2], [1, 0.3, -0.4], [0, 0.7, 0.1]])
    model = nn.Embedding.from_pretrained(table, freeze=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.7, momentum=momentum)
    batches = [(torch.tensor([text[:-1]]), torch.tensor([text[1:]])) for text in texts]
    found = answer(model, optimizer, batches, schedule)
    return found if found is None else {"the list that you return": found, **model.state_dict()}

def loop(
    rate_of: Callable[..., float] = lambda schedule, t: schedule(t), loss_of: Callable[..., Tensor] = cross_entropy,
    forget: bool = True, move: bool = True, only: int | None = None,
) -> Callable[..., Any]:
    """A loop with one thing in it otherwise than it should be."""
    def answer(model: nn.Module, optimizer: Any, batches: Any, schedule: Schedule) -> list[float]:
        losses = []
        for t, batch in enumerate(batches[:only]):
            optimizer.param_groups[0]["lr"] = rate_of(schedule, t)
            if forget:
                optimizer.zero_grad()
            loss = loss_of(model, batch)
            loss.backward()
            if move:
                optimizer.step()
            losses.append(loss.item())
        return losses
    return answer

def halving(t: int) -> float:
    return 2.0 * 0.5**t

def rising(t: int) -> float:
    return 0.5 + 0.25 * t

@exercise(
    hints=("At which moment of a step must the new rate stand in the optimizer, and which t is it asked for?",
           'Before optimizer.step() write schedule(t) into group["lr"] of each group; t counts the batches from 0.',
           "for t, (inputs, targets) in enumerate(batches): the rate, the loss, zero_grad, backward, step, "
           "loss.item()"),
    why="This loop trains everything that follows, and a schedule is nothing but the function that it asks.",
    cases=[
        ([[0, 1, 2], [1, 0, 2], [2, 2, 1], [0, 2, 0]], halving, 0),
        ([[2, 0, 1, 1], [0, 1, 0, 2], [1, 1, 2, 0]], rising, 0.9), ([[1, 2, 1], [2, 1, 0]], halving, 0),
    ],
    drive=trained,
    seconds=20.0,
    given=lambda texts, schedule, momentum: (
        f"for {len(texts)} batches, a schedule of {', '.join(written(schedule(t)) for t in range(len(texts)))} and "
        f"momentum {written(momentum)}"
    ),
    wrong={
        "every step had the first rate: ask schedule(t) anew at each step": loop(lambda schedule, t: schedule(0)),
        "every step had the rate that the optimizer came with: write schedule(t) into its groups":
            loop(lambda schedule, t: 0.7),
        "the schedule is one step ahead: steps are counted from 0": loop(lambda schedule, t: schedule(t + 1)),
        "the rate is written after the step, so that each step has the rate of the one before":
            loop(lambda schedule, t: schedule(t - 1) if t else 0.7),
        "the gradients add up from step to step: empty them with optimizer.zero_grad()": loop(forget=False),
        "nothing has moved: optimizer.step() is missing, or zero_grad stands between backward and step":
            loop(move=False),
        "it ended after the first batch: the return has to stand after the loop": loop(only=1),
        "softmax was taken before cross_entropy, which takes its own": loop(loss_of=of_probabilities),
    },
    refused=[lambda m, o, b, s: loop()(m, torch.optim.AdamW(m.parameters()), b, s)],
)
def fine_tune(model: nn.Module, optimizer: Any, batches: Sequence[Batch], schedule: Schedule) -> list[float]:
    losses = []
    for t, (inputs, targets) in enumerate(batches):
        for group in optimizer.param_groups:
            group["lr"] = schedule(t)
        logits = model(inputs)  # (B, T, V)
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@exercise(
    hints=("What is still to be spent at t, as a share of the total? The text above has the formula.",
           "It is (1 − t/T)^(α+1): set it to what is left of the total, 1 − share, and solve for t.",
           "Take the (α+1)-th root of 1 − share: that is 1 − t/T. Then t = T · (1 − that root)."),
    why="It tells which steps of a long training count: with α = 1, three quarters are spent in the first half.",
    cases=[(0.5, 200, 1), (0.75, 200, 3), (0.75, 100, 0), (0, 50, 2), (1, 50, 2), (0.9, 10, 0.5), (0.3, 7, 1)],
    tolerance=1e-4,
    wrong={
        "that is the share of the time, t/T; multiply by T": lambda s, T, alpha: 1 - (1 - s) ** (1 / (alpha + 1)),
        "that is how many steps are left; subtract it from T": lambda s, T, alpha: T * (1 - s) ** (1 / (alpha + 1)),
        "(1 − t/T)^(α+1) is what is left, not what is spent": lambda s, T, alpha: T * s ** (1 / (alpha + 1)),
        "that tells when the rate has fallen so far; what is left of the total has the power α + 1":
            lambda s, T, alpha: T * (1 - (1 - s) ** (1 / (alpha or 1e-9))),
        "a power is undone by its root: the exponent is 1/(α + 1)":
            lambda s, T, alpha: T * (1 - (1 - s) ** (alpha + 1)),
        "it does not depend on α, as if the rate were constant": lambda s, T, alpha: T * s,
    },
    refused=[lambda s, T, alpha: math.ceil(T * (1 - (1 - s) ** (1 / (alpha + 1))))],
)
def step_when_spent(share: float, T: int, alpha: float) -> float:
    return T * (1 - (1 - share) ** (1 / (alpha + 1)))


@exercise(
    hints=("Which part of the rate falls, and on what does it stand?",
           "The part from eta_0 down to eta_end falls, to 0; add eta_end to it. After T nothing is left of it.",
           "left = max(0, 1 - t / T), and the rate is eta_end + (eta_0 - eta_end) * left ** alpha."),
    why="A rate that ends above 0 keeps on learning to the last step, and one that stays there forgives a wrong T.",
    cases=[
        (5, 10, 0.5, 0.1, 2), (0, 10, 0.5, 0.1, 2), (8, 20, 0.5, 0.1, 1), (10, 10, 0.4, 0.2, 2),
        (11, 10, 0.5, 0.1, 0.5), (30, 20, 0.5, 0.1, 2), (3, 8, 0.1, 0.1, 3), (3, 7, 0.9, 0.3, 0),
    ],
    wrong={
        "it rises, because the power is taken of t/T; take it of 1 − t/T, the share that is left":
            lambda t, T, a, b, alpha: b + (a - b) * min(1, t / T) ** alpha,
        "1 − (t/T)^α falls late; the formula falls early: first subtract, then take the power":
            lambda t, T, a, b, alpha: b + (a - b) * (1 - min(1, t / T) ** alpha),
        "it begins at η0 + η_end; the part that falls is η0 − η_end":
            lambda t, T, a, b, alpha: b + a * max(0, 1 - t / T) ** alpha,
        "cut off at η_end, it stands still once it is there; shrink the curve instead of cutting it":
            lambda t, T, a, b, alpha: max(b, a * max(0, 1 - t / T) ** alpha),
        "it falls to 0; it should end at η_end": lambda t, T, a, b, alpha: a * max(0, 1 - t / T) ** alpha,
        "it falls from η0 − η_end to 0; add η_end again":
            lambda t, T, a, b, alpha: (a - b) * max(0, 1 - t / T) ** alpha,
        "after T the share that is left is below 0, and so is what falls: there it stays at η_end":
            lambda t, T, a, b, alpha: b + (a - b) * (1 - t / T) ** alpha,
    },
    refused=[lambda t, T, a, b, alpha: b + (a - b) * abs(1 - t / T) ** alpha],
)
def decay_to(t: int, T: int, eta_0: float, eta_end: float, alpha: float) -> float:
    left = max(0, 1 - t / T)
    return eta_end + (eta_0 - eta_end) * left**alpha


def losses(*numbers: float) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64)

@exercise(
    hints=("What is common to both settings in a seed, and what is left of it in the difference?",
           "Take the difference seed by seed; then its mean, and its standard deviation over √S, S the number of "
           "seeds.",
           "differences = theirs - ours; return differences.mean(), differences.std() / len(differences) ** 0.5"),
    why="What is common to both in a seed cancels: a small lead shows that two separate means would hide.",
    cases=[
        (losses(3.2, 3.6, 2.9, 3.4, 3.1), losses(3.1, 3.7, 2.6, 3.4, 2.9)),
        (losses(5.0, 4.0, 6.5), losses(5.5, 4.1, 6.0)),
        (losses(2.0, 2.5, 3.0, 3.5, 4.0, 9.0), losses(1.0, 2.4, 3.2, 3.1, 3.9, 8.0)),
    ],
    wrong={
        "the sign of the lead is turned: where ours is lower, theirs − ours is above 0":
            lambda a, b: ((b - a).mean(), (b - a).std() / len(a) ** 0.5),
        "the second is the spread of the differences; their mean is steadier by √S: divide by it":
            lambda a, b: ((a - b).mean(), (a - b).std()),
        "the spread is divided by S, not by S − 1: numpy's std needs ddof=1, torch's does not":
            lambda a, b: ((a - b).mean(), (a - b).std(correction=0) / len(a) ** 0.5),
        "the spread is divided by S; the standard error of a mean divides it by √S":
            lambda a, b: ((a - b).mean(), (a - b).std() / len(a)),
        "the rows are treated as unrelated, so the seeds' own ups and downs count: take differences first":
            lambda a, b: ((a - b).mean(), ((a.var() + b.var()) / len(a)) ** 0.5),
        "the difference of two spreads is not the spread of the difference: subtract seed by seed first":
            lambda a, b: ((a - b).mean(), abs(a.std() - b.std()) / len(a) ** 0.5),
    },
)
def lead(theirs: Tensor, ours: Tensor) -> tuple[Tensor, Tensor]:
    differences = theirs - ours
    return differences.mean(), differences.std() / len(differences) ** 0.5


def pairs_lost(model: BigModel) -> Tensor:
    return F.cross_entropy(model(torch.eye(6)), torch.tensor([1, 2, 3, 4, 5, 0]))

def trained_before() -> BigModel:
    """A BigModel in the middle of its life: its gradients are those of an earlier training."""
    model, generator = BigModel(6, 4, 6), torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        parameter.data = torch.rand(parameter.shape, generator=generator) - 0.3
    pairs_lost(model).backward()
    return model

def three_steps(answer: Callable[..., Any], lr: float, momentum: float, weight_decay: float) -> Any:
    """The settings of an optimizer, and how far each part of the model went with it under a schedule."""
    model = trained_before()
    start = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    optimizer = answer(model, lr, momentum, weight_decay)
    if not isinstance(optimizer, torch.optim.Optimizer):
        return optimizer
    given = dict(optimizer.param_groups[0])
    for t in range(3):
        for group in optimizer.param_groups:
            group["lr"] = polynomial(t, T=3, eta_0=lr, alpha=1)  # as a loop with a schedule does
        pairs_lost(model).backward()
        optimizer.step()
        optimizer.zero_grad()
    went = {name: (dict(model.named_parameters())[name] - start[name]).abs().max().item() for name in start}
    settings = {f"the optimizer's {name}": given.get(name) for name in ("momentum", "weight_decay", "nesterov", "lr")}
    ways = {f"the way that {name} went in three steps": way for name, way in went.items()}
    return {"the optimizer": type(optimizer).__name__, **settings, **ways}

def sgd(parameters: Any, lr: float, momentum: float, weight_decay: float, **more: Any) -> torch.optim.SGD:
    return torch.optim.SGD(parameters, lr=lr, momentum=momentum, weight_decay=weight_decay, **more)

def held_without_gradient(model: BigModel, *settings: float) -> torch.optim.SGD:
    model.encoder.requires_grad_(False)
    return sgd(model.parameters(), *settings)

def gradients_of_nothing(model: BigModel, *settings: float) -> torch.optim.SGD:
    for parameter in model.encoder.parameters():
        parameter.grad = None
        parameter.register_hook(torch.zeros_like)
    return sgd(model.parameters(), *settings)

def freed_and_chosen(model: BigModel, *settings: float) -> torch.optim.SGD:
    model.encoder.requires_grad_(False)
    return sgd([parameter for parameter in model.parameters() if parameter.requires_grad], *settings)

@exercise(
    hints=("What can an optimizer move, and how does it come to know of it?",
           "It moves the parameters that it was given, and no others: give it those of one layer.",
           "torch.optim.SGD(model.decoder.parameters(), lr=lr, …), with momentum and weight_decay handed on."),
    why="What no optimizer holds cannot move: not by momentum, not by weight decay, not by a schedule.",
    cases=[(0.1, 0.9, 0.01), (0.25, 0.5, 0.2)],
    drive=three_steps,
    wrong={
        "the optimizer holds the encoder too, and a rate of 0 for it does not last, as a schedule writes every group's":
            lambda model, *s: sgd(model.parameters(), *s),
        "that trains the encoder; the decoder is what should learn":
            lambda model, *s: sgd(model.encoder.parameters(), *s),
        "the encoder asks for no gradient any more, but the one from before is still there, and the optimizer holds it":
            held_without_gradient,
        "its gradient is 0, but weight decay moves what an optimizer holds all the same": gradients_of_nothing,
        "the decoder has a bias too": lambda model, *s: sgd([model.decoder.weight], *s),
        "the decoder has not moved: these are copies of its parameters":
            lambda model, *s: sgd([parameter.detach().clone() for parameter in model.decoder.parameters()], *s),
    },
    also_right=[freed_and_chosen],
    refused=[lambda model, *s: sgd(model.decoder.parameters(), 0.1, 0.9, 0.01)],
)
def decoder_only(model: BigModel, lr: float, momentum: float, weight_decay: float) -> torch.optim.SGD:
    return torch.optim.SGD(model.decoder.parameters(), lr=lr, momentum=momentum, weight_decay=weight_decay)
