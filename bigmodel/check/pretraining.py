"""The exercises of notebook 03: windows, the training loop in four parts, counting steps, momentum, unigram."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from bigmodel import plot
from bigmodel.check.engine import exercise
from bigmodel.check.values import plain, same

# One mistake, one line or two; a blank line within what belongs to an exercise, two between exercises.
# fmt: off
Ids = Sequence[int]
torch.optim.SGD([torch.zeros(1)], lr=1.0)  # the first optimizer imports much of torch: not in the time of an answer
Batch = tuple[Tensor, Tensor]

def cut(ids: Ids, starts: Any, length: int, later: int = 1) -> tuple[list[Any], list[Any]]:
    """Windows from these starts, and the same windows some tokens later."""
    return [ids[s : s + length] for s in starts], [ids[s + later : s + later + length] for s in starts]

def starts(ids: Ids, length: int) -> range:
    return range(0, len(ids) - length, length)

@exercise(
    hints=("Where does each window start, and how many tokens after its last one must there still be?",
           "One window starts every `length` tokens: range(0, len(ids) - length, length).",
           "For each start: ids[start : start + length] is the input, ids[start + 1 : start + length + 1] the target."),
    why="Text labels itself: every token is the target of the one before it, and no human had to write a label.",
    cases=[
        ([5, 6, 7, 8, 9], 2), ([5, 6, 7, 8], 2), ([3, 1, 4, 1, 5, 9, 2], 3), ([*range(20)], 4), ([7, 8], 1),
        ([2, 7, 1, 8, 2, 8, 1], 2),
    ],
    wrong={
        "the pairs are right, but two lists are asked for: all inputs, then all targets":
            lambda ids, n: [list(pair) for pair in zip(*cut(ids, starts(ids, n), n), strict=True)],
        "targets equal the inputs. A model would learn to repeat what it sees: move the targets one token on":
            lambda ids, n: cut(ids, starts(ids, n), n, 0),
        "inputs and targets have changed places: the target is the token that comes later":
            lambda ids, n: cut(ids, starts(ids, n), n)[::-1],
        "the windows overlap: the next one starts `length` tokens later, not 1":
            lambda ids, n: cut(ids, range(len(ids) - n), n),
        "the last window is missing: its last target is the last id": lambda ids, n: cut(ids, starts(ids, n)[:-1], n),
        "the last window is cut short: leave out one that is not whole, or whose last target is missing":
            lambda ids, n: cut(ids, range(0, len(ids), n), n),
        "the last window lacks its last target: leave it out":
            lambda ids, n: cut(ids, range(0, len(ids) - n + 1, n), n),
    },
)
def make_windows(ids: Ids, length: int) -> tuple[list[Ids], list[Ids]]:
    inputs, targets = [], []
    for start in range(0, len(ids) - length, length):
        inputs.append(ids[start : start + length])
        targets.append(ids[start + 1 : start + length + 1])
    return inputs, targets


# The training loop, part by part. The model of the checks is a table: a row of three logits for each of three tokens.

class Watched(torch.optim.SGD):
    """SGD that writes down what it is told."""

    def __init__(self, model: nn.Module, lr: float, momentum: float) -> None:
        super().__init__(model.parameters(), lr=lr, momentum=momentum)
        self.calls: list[str] = []
        for parameter in model.parameters():
            parameter.register_hook(lambda gradient: self.calls.append("backward"))

    def zero_grad(self, set_to_none: bool = True) -> None:
        self.calls.append("zero_grad")
        super().zero_grad(set_to_none)

    def step(self, closure: Any = None) -> Any:
        self.calls.append("step")
        return super().step(closure)

def table(lr: float, momentum: float = 0.0) -> tuple[nn.Module, Watched]:
    """A model of nine weights, ids (B, T) → logits (B, T, 3), and its optimizer."""
    model = nn.Embedding.from_pretrained(torch.tensor([[1.0, -1, 0], [0.5, 2, -0.5], [0, 1, -1]]), freeze=False)
    return model, Watched(model, lr, momentum)

def pairs(text: str) -> Batch:
    """The inputs and targets of rows of ids, "0121 2201" → (2, 3) and (2, 3)."""
    ids = torch.tensor([[int(token) for token in row] for row in text.split()])
    return ids[:, :-1].clone(), ids[:, 1:].clone()

def rows(model: nn.Module) -> dict[str, Tensor]:
    """The weights, a row a token."""
    weights = next(model.parameters()).detach().clone()
    return {f"row {i} of the weights afterwards": row for i, row in enumerate(weights)}

def after_steps(answer: Callable[..., Any], texts: Sequence[str], rate: float, momentum: float) -> Any:
    """What some calls of a training step leave behind: their losses, the weights, and why nothing moved."""
    model, optimizer = table(rate, momentum)
    before = rows(model)
    losses = [answer(model, optimizer, *pairs(text)) for text in texts]
    heavy = any(isinstance(loss, Tensor) and loss.requires_grad for loss in losses)
    return {
        "the loss that you return": losses[0] if len(losses) == 1 else losses, **rows(model),
        "the loss": "a tensor that remembers its step" if heavy else "a number",
        "calls": " ".join(optimizer.calls) if same(rows(model), before, 0) else "",
    }

def mean_loss(model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(model(inputs).transpose(1, 2), targets)

def like(change: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A loss made of flat logits (N, V) and flat targets (N,)."""
    return lambda model, x, y: change(model(x).flatten(0, 1), y.flatten())

def step_with(
    order: str = "zero_grad backward step", loss_of: Callable[..., Tensor] = mean_loss,
    said: Callable[..., Any] = lambda loss, *_: loss.item(),
) -> Callable[..., Any]:
    """A training step with its calls in this order, this loss, and this answer."""
    def answer(model: nn.Module, optimizer: torch.optim.Optimizer, inputs: Tensor, targets: Tensor) -> Any:
        loss = loss_of(model, inputs, targets)
        for call in order.split():
            getattr(loss if call == "backward" else optimizer, call)()
        return said(loss, model, inputs, targets)
    return answer

@exercise(
    hints=("Which five things happen in a step, in which order? The circle above names them.",
           "F.cross_entropy(logits.flatten(0, 1), targets.flatten()) is the loss. Gradients: emptied before "
           "backward().",
           "logits and loss as above; optimizer.zero_grad(), loss.backward(), optimizer.step(); return loss.item()."),
    why="These lines train every model of this course, and, on more machines, every language model you know.",
    cases=[(["0121 2201"], 0.5, 0.0), (["0121 2201", "1102 0021"], 0.5, 0.0), (["2012", "1201", "1122"], 1.5, 0.9)],
    drive=after_steps,
    wrong={
        "the gradient of the step before was added to this one's: optimizer.zero_grad() is missing":
            step_with("backward step"),
        "the weights have not moved: optimizer.step() is missing. Such a loss stays where it began":
            step_with("zero_grad backward"),
        "the weights have not moved, for there was no gradient to step along: loss.backward() is missing":
            step_with("zero_grad step"),
        "zero_grad() stands between backward() and step(), so that the step finds no gradient: it belongs before":
            step_with("backward zero_grad step"),
        "cross_entropy takes the softmax itself: give it logits":
            step_with(loss_of=like(lambda z, y: F.cross_entropy(z.softmax(-1), y))),
        "that is the sum over the tokens: take the mean":
            step_with(loss_of=like(lambda z, y: F.cross_entropy(z, y, reduction="sum"))),
        "that is a second shift: `targets` are one token later already, so compare each position with its own":
            step_with(loss_of=lambda model, x, y: mean_loss(model, x[:, :-1], y[:, 1:])),
        "the model was asked to repeat what it sees: compare the logits with `targets`, not with `inputs`":
            step_with(loss_of=lambda model, x, y: mean_loss(model, x, x)),
        "it is a tensor, which keeps its whole step in memory for as long as you keep it: return loss.item()":
            step_with(said=lambda loss, *_: loss),
    },
    also_right=[step_with("backward step zero_grad"), step_with(said=lambda loss, *_: loss.detach())],
)
def training_step(model: nn.Module, optimizer: torch.optim.Optimizer, inputs: Tensor, targets: Tensor) -> float:
    logits = model(inputs)  # (B, T, V)
    loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


one_step: Callable[..., float] = training_step.right  # the plain function under the exercise

def after_an_epoch(answer: Callable[..., Any], texts: Sequence[str], rate: float) -> Any:
    """What one pass through a DataLoader leaves behind."""
    model, optimizer = table(rate)
    batches: Any = [pairs(text) for text in texts]
    losses = answer(model, optimizer, DataLoader(batches, batch_size=None))
    return {"your list": [plain(loss).item() for loss in losses], **rows(model)}

def epoch(order: Callable[[Any], Any], step: Callable[..., Any] = one_step) -> Callable[..., Any]:
    """An epoch with batches as ``order`` makes them of the loader."""
    return lambda model, optimizer, loader: [step(model, optimizer, *batch) for batch in order(loader)]

def emptied_once(model: nn.Module, optimizer: Any, loader: Any) -> list[float]:
    optimizer.zero_grad()
    return epoch(list, step_with("backward step"))(model, optimizer, loader)

@exercise(
    hints=("What does a `for` loop over the loader hand you at each turn?",
           "Call training_step on each batch, and put the loss that it returns into a list.",
           "for inputs, targets in loader: losses.append(training_step(model, optimizer, inputs, targets))"),
    why="One pass through the data is an epoch. A hundred of them, and that is the whole classic program.",
    cases=[(["0121 2201", "1102 0021", "2211 0102"], 0.5), (["2012", "1201"], 1.5), (["10", "21", "02", "11"], 1.0)],
    drive=after_an_epoch,
    wrong={
        "it ended after the first batch: the return has to stand after the loop": epoch(lambda loader: [*loader][:1]),
        "the last batch is missing": epoch(lambda loader: [*loader][:-1]),
        "every step took the first batch: next(iter(loader)) begins anew at each call":
            epoch(lambda loader: [next(iter(loader))] * len(loader)),
        "that is more than one pass: an epoch meets every batch once": epoch(lambda loader: [*loader, *loader]),
        "gradients were emptied once, before the loop, and add up from batch to batch: empty them at each step":
            emptied_once,
        "the list is of the losses after each update":
            epoch(list, step_with(said=lambda loss, *batch: mean_loss(*batch).item())),
    },
    also_right=[epoch(list, step_with(said=lambda loss, *_: loss))],
)
def train_epoch(model: nn.Module, optimizer: torch.optim.Optimizer, loader: Any) -> list[float]:
    losses = []
    for inputs, targets in loader:
        losses.append(one_step(model, optimizer, inputs, targets))
    return losses


def gave_up(losses: Sequence[float], patience: int, last: bool = False) -> tuple[int, int]:
    """The number of the best loss by then, and the number at which it gave up, or the last one."""
    best = 0
    for number, loss in enumerate(losses):
        if loss < losses[best] or (last and loss == losses[best]):
            best = number
        elif number - best >= patience:
            return best, number
    return best, len(losses) - 1

def in_a_row(losses: Sequence[float], patience: int, forgets: bool = True) -> int:
    """Counts losses above the one before; or all that are not below the best, in a row or not."""
    best = worse = 0
    for number in range(1, len(losses)):
        no_better = losses[number] >= losses[number - 1 if forgets else best]
        worse = worse + no_better if no_better or not forgets else 0
        best = number if losses[number] < losses[best] else best
        if worse >= patience:
            break
    return best

def draw_stop(yours: Any, expected: Any) -> None:
    """Mark both choices on an axis of measurements."""
    ax = plot.axes("The number that you return beside the right one", "number of the measurement", "", height=1.8)
    for value, label, colour, marker in ((expected, "right", plot.GREEN, "o"), (yours, "yours", plot.RED, "x")):
        ax.plot(plain(value).item(), 0, marker, color=colour, markersize=13, fillstyle="none", label=label)
    ax.set_yticks([])
    ax.legend(ncols=2)

@exercise(
    hints=("Which two things must you remember while you read the losses one after the other?",
           "Keep the number of the best loss so far; you give up when the number you are at, minus it, reaches "
           "patience.",
           "for number, loss in enumerate(losses): a lower loss is the best; else break if number - best >= patience"),
    why="The fresh loss chooses the moment, so it is no longer quite fresh: a final claim needs a third text.",
    cases=[
        ([6.9, 5.0, 4.0, 4.2, 4.5, 4.9, 3.0], 2), ([6.9, 5.0, 5.2, 5.1, 4.0, 4.3, 4.4, 4.6], 3),
        ([6.9, 5.0, 5.3, 5.4, 3.0, 2.0], 2), ([6.9, 5.0, 5.4, 5.3, 5.2, 4.0], 3), ([6.0, 5.0, 4.0, 3.0], 2),
        ([6.0, 5.0, 5.5, 4.0, 4.5, 3.0], 2), ([3.0, 4.0, 5.0], 1), ([6.9, 5.0, 5.0, 5.0, 4.0], 2),
        ([6.0, 5.0, 4.0, 4.5], 3), ([5.0, 4.999, 4.998], 2), ([6.0, 7.0, 5.0, 5.1, 4.0, 4.2, 3.0, 4.0], 2),
        ([5.0, 5.0, 6.0, 6.5], 2),
    ],
    draw=draw_stop,
    wrong={
        "that is where you gave up. Return the best before it, whose weights are kept": lambda x, p: gave_up(x, p)[1],
        "that is the loss itself: asked for is its number in the list": lambda x, p: x[gave_up(x, p)[0]],
        "that is the best of all, the future included. You may not look further than where you give up":
            lambda x, p: int(np.argmin(x)),
        "that gives up one measurement too early: `patience` in a row are allowed to be no better":
            lambda x, p: gave_up(x, p - 1)[0],
        "that gives up one measurement too late": lambda x, p: gave_up(x, p + 1)[0],
        "each loss was compared with the one before it; compare it with the best so far": in_a_row,
        "the count never starts anew: after a new best there are `patience` chances again":
            lambda x, p: in_a_row(x, p, forgets=False),
        "of equals the first is kept: not below the best is no improvement": lambda x, p: gave_up(x, p, last=True)[0],
    },
    also_right=[lambda x, p: np.argmin(x[: gave_up(x, p)[1] + 1])],
    refused=[lambda x, p: gave_up([round(loss, 2) for loss in x], p)[0]],
)
def early_stop(losses: Sequence[float], patience: int) -> int:
    best = 0
    for number, loss in enumerate(losses):
        if loss < losses[best]:
            best = number
        elif number - best >= patience:
            break
    return best


def snapshot(model: nn.Module) -> dict[str, Tensor]:
    """A copy of all weights, which training does not change."""
    return {name: weights.clone() for name, weights in model.state_dict().items()}

def after_a_loop(
    answer: Callable[..., Any], fresh_losses: Sequence[float], steps: int, every: int, patience: int
) -> Any:
    """What a training leaves behind whose loss on fresh text, after each number of updates, is laid down."""
    model, optimizer = table(0.5)
    texts = ["0121 2201", "1102 0021", "2211 0102", "1010 2121"]
    stream = iter([pairs(texts[(number + steps) % len(texts)]) for number in range(3 * steps + 3)])
    measure = lambda model: fresh_losses[optimizer.calls.count("step")]  # noqa: E731
    losses, measured = answer(model, optimizer, stream, measure, steps, every, patience)
    lists = {"the measured losses": measured, "the training losses": losses}
    return {**{name: [plain(loss).item() for loss in found] for name, found in lists.items()}, **rows(model)}

def loop_with(
    first: bool = True, better: Callable[[float, list[float]], bool] = lambda new, old: new < min(old),
    is_over: Callable[[int, int], bool] = lambda since, patience: since >= patience, back: bool = True,
    longer: int = 0,
) -> Callable[..., Any]:
    """A training loop with one thing in it otherwise than it should be."""
    def answer(
        model: nn.Module, optimizer: Any, stream: Iterator[Batch], measure: Any, steps: int, every: int, patience: int
    ) -> tuple[list[float], list[float]]:
        losses: list[float] = []
        measured, kept, since = [measure(model)][: first], snapshot(model), 0
        for step in range(1, steps + 1 + longer):
            losses.append(one_step(model, optimizer, *next(stream)))
            if step % every == 0:
                now = measure(model)
                since = 0 if not measured or better(now, measured) else since + 1
                kept = kept if since else snapshot(model)
                measured.append(now)
                if is_over(since, patience):
                    break
        model.load_state_dict(kept if back else model.state_dict())
        return losses, measured
    return answer

RISING = [6.9, 6.5, 6.0, 5.5, 5.0, 5.1, 5.2, 5.1, 5.3, 5.2, 5.4, 5.5, 5.6, 5.7, 5.8, 5.9, 6.0, 6.1, 6.2]
FRESH = [6.9, 6.5, 6.0, 5.5, 5.0, 5.2, 5.3, 4.8, 5.1, 5.0, 4.9, 5.6, 6.1, 6.0, 3.0, 2.0, 1.0, 3.0, 2.5, 2.0]

@exercise(
    hints=("Three things are kept while the loop runs: which? And what is done with one of them when it has ended?",
           "After every `every` steps: measure; if it is the lowest take a snapshot, else ask whether it is enough.",
           "if measured[-1] < measured[best]: best = len(measured) - 1, and a snapshot; elif len(measured) - 1 - best"
           " >= patience: break. After the loop: model.load_state_dict(kept)."),
    why="Whoever trains a model for weeks runs this loop; the rest of their program is plumbing around it.",
    cases=[
        (RISING, 16, 2, 2), (FRESH, 16, 2, 2), (FRESH, 7, 2, 3), (FRESH, 12, 3, 1),
        ([6.0, 5.0, 5.0, 5.0, 4.0, 3.0], 5, 1, 2), ([6.0, 5.0, 5.5, 4.0, 4.5, 4.6, 3.0, 2.0], 7, 1, 2),
        ([6.0, 7.0, 6.5, 6.6, 6.7, 2.0, 1.0], 6, 1, 4), ([5.0, 6.0, 4.0, 4.5, 3.5, 3.6, 3.7, 1.0, 1.0], 8, 1, 2),
    ],
    drive=after_a_loop,
    wrong={
        "the weights are those of the end, not the best: load the best back; and a state dict that was not copied "
        "goes on changing": loop_with(back=False),
        "it never gives up": loop_with(is_over=lambda since, patience: False),
        "it gives up one measurement too early": loop_with(is_over=lambda since, patience: since >= patience - 1),
        "it gives up one measurement too late": loop_with(is_over=lambda since, patience: since > patience),
        "each measurement was compared with the one before; compare it with the best so far":
            loop_with(better=lambda new, old: new < old[-1]),
        "of equals the first is kept: not below the best is no improvement":
            loop_with(better=lambda new, old: new <= min(old)),
        "the measurement before the first step is missing: it says where the training began": loop_with(first=False),
        "it ends one step too early: after the last one there is a measurement too": loop_with(longer=-1),
    },
    also_right=[lambda *a: list(loop_with(is_over=lambda since, patience: since == patience)(*a))],
)
def training_loop(
    model: nn.Module, optimizer: torch.optim.Optimizer, stream: Iterator[Batch], measure: Callable[[nn.Module], float],
    steps: int, every: int, patience: int,
) -> tuple[list[float], list[float]]:
    losses, measured = [], [measure(model)]
    best, kept = 0, snapshot(model)
    for step in range(1, steps + 1):
        inputs, targets = next(stream)
        losses.append(one_step(model, optimizer, inputs, targets))
        if step % every == 0:
            measured.append(measure(model))
            if measured[-1] < measured[best]:
                best, kept = len(measured) - 1, snapshot(model)
            elif len(measured) - 1 - best >= patience:
                break
    model.load_state_dict(kept)
    return losses, measured


def up(a: int, b: int) -> int:
    return -(-a // b)

@exercise(
    hints=("How many batches does ONE epoch have, and what becomes of the rest?",
           "examples / batch_size, rounded up, or down where the rest is dropped; then times the epochs.",
           "full, rest = divmod(examples, batch_size); one more batch if there is a rest and it is not dropped."),
    why="Steps times seconds a step is the first thing to know of any training, before it is started.",
    cases=[
        (10, 4, 1, False), (10, 4, 3, False), (10, 4, 3, True), (12, 4, 2, False), (12, 4, 2, True), (3, 4, 5, False),
        (3, 4, 5, True), (17, 5, 2, False), (323, 32, 100, False), (9, 4, 2, False),
    ],
    wrong={
        "nobody takes a part of a step: round the batches of an epoch, up, or down where the rest is dropped":
            lambda n, b, e, drop: n / b * e,
        "where nothing is left over there is no batch beyond the full ones":
            lambda n, b, e, drop: (n // b + (not drop)) * e,
        "the last examples of an epoch make a smaller batch, which is a step too, unless it is dropped":
            lambda n, b, e, drop: n // b * e,
        "with drop_last the rest of an epoch is dropped, so it makes no step": lambda n, b, e, drop: up(n, b) * e,
        "drop_last is turned round: True drops the smaller batch":
            lambda n, b, e, drop: (up(n, b) if drop else n // b) * e,
        "no batch reaches over the end of an epoch: round in each epoch, then multiply":
            lambda n, b, e, drop: n * e // b if drop else up(n * e, b),
    },
)
def count_steps(examples: int, batch_size: int, epochs: int, drop_last: bool) -> int:
    full, rest = divmod(examples, batch_size)
    if rest > 0 and not drop_last:
        full = full + 1
    return full * epochs


@exercise(
    hints=("Which of the two is renewed first, and which of them does the step go along?",
           "The old velocity counts beta times, and the whole gradient is added; the step is rate times the new "
           "velocity.",
           "velocity = beta * velocity + gradient, then weight = weight - rate * velocity; return both."),
    why="So does torch.optim.SGD(momentum=beta): where gradients agree, steps grow up to 1/(1 − beta) times.",
    cases=[
        (1.0, 0.5, 2.0, 0.1, 0.9), (1.0, 0.5, 2.0, 0.3, 0.9), (3.0, 2.0, -1.0, 0.2, 0.0),
        (torch.tensor([1.0, -2.0]), torch.tensor([0.4, 0.3]), torch.tensor([1.0, 4.0]), 0.5, 0.6),
    ],
    wrong={
        "the step goes up: subtract it": lambda w, v, g, r, b: (w + r * (b * v + g), b * v + g),
        "the step used the old velocity: renew it first": lambda w, v, g, r, b: (w - r * v, b * v + g),
        "the step used the gradient alone: it goes along the velocity": lambda w, v, g, r, b: (w - r * g, b * v + g),
        "(1 − beta) · gradient makes it an average; here the whole gradient is added":
            lambda w, v, g, r, b: (w - r * (b * v + (1 - b) * g), b * v + (1 - b) * g),
        "the rate stands in the velocity: then a new rate works late. Keep it in the step":
            lambda w, v, g, r, b: (w - (b * v + r * g), b * v + r * g),
        "beta shortens the old velocity, not the new gradient": lambda w, v, g, r, b: (w - r * (v + b * g), v + b * g),
        "that is Nesterov's momentum, which looks one step ahead; here the plain one is asked for":
            lambda w, v, g, r, b: (w - r * (g + b * (b * v + g)), b * v + g),
    },
)
def momentum_step(weight: Any, velocity: Any, gradient: Any, rate: float, beta: float) -> tuple[Any, Any]:
    velocity = beta * velocity + gradient
    weight = weight - rate * velocity
    return weight, velocity


def shares(ids: Ids, size: int, imagined: float = 1.0) -> np.ndarray:
    counts = np.bincount(ids, minlength=size) + imagined
    return counts / counts.sum()

def surprise(p: np.ndarray) -> float:
    with np.errstate(divide="ignore"):
        return float(-np.log(p).mean())

@exercise(
    hints=("Which text is counted, and over which tokens is the mean taken?",
           "Count the training ids, add 1 to each of vocab_size counts, divide by their sum; look the fresh ids up.",
           "counts = [1] * vocab_size; + 1 for each training id; then the mean of -math.log(counts[i] / sum(counts))."),
    why="A rung that needs no model: a training that is not below it has learned less than a table of counts.",
    cases=[
        ([0, 0, 0, 1], [0, 0, 1], 2), ([3, 1, 3, 2, 3], [3, 3, 0, 1], 5),
        ([1, 1, 2, 0, 1, 1], [2, 2, 1, 1, 1, 0, 2], 4), ([3, 1, 3, 2, 3], [3, 3, 0, 1], 6),
    ],
    wrong={
        "that is the sum over the fresh tokens: take the mean":
            lambda ids, fresh, V: surprise(shares(ids, V)[fresh]) * len(fresh),
        "that is the mean over the training tokens: take it over the fresh ones":
            lambda ids, fresh, V: surprise(shares(ids, V)[ids]),
        "that is the mean over the vocabulary: take it over the fresh tokens":
            lambda ids, fresh, V: surprise(shares(ids, V)),
        "the counts are of the fresh text itself, which may only be tested on":
            lambda ids, fresh, V: surprise(shares(fresh, V)[fresh]),
        "the fresh text was counted too, and it may only be tested on":
            lambda ids, fresh, V: surprise(shares([*ids, *fresh], V)[fresh]),
        "the shares do not add up to 1: divide by the sum of the counts, with the ones that were added":
            lambda ids, fresh, V: surprise(shares(ids, V)[fresh] * (len(ids) + V) / len(ids)),
        "1 is missing from each count, so that an unseen token has probability 0":
            lambda ids, fresh, V: surprise(shares(ids, V, 0)[fresh]),
    },
)
def unigram_loss(training_ids: Ids, fresh_ids: Ids, vocab_size: int) -> float:
    counts = [1] * vocab_size
    for token in training_ids:
        counts[token] = counts[token] + 1
    surprises = []
    for token in fresh_ids:
        surprises.append(-math.log(counts[token] / sum(counts)))
    return sum(surprises) / len(surprises)
