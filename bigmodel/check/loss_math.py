"""The exercises of notebook 02: perplexity, the loss and its gradient built by hand, diagnosis, bits, padding."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from bigmodel.check.engine import examined, exercise
from bigmodel.check.pictures import bars
from bigmodel.check.values import written

# One mistake, one line or two; a blank line within what belongs to an exercise, two between exercises.
# fmt: off
LN_2 = math.log(2)

@exercise(
    hints=("How surprised was the model at each token, and what do you take of all these numbers?",
           "Three steps: the surprise of each token, −ln p; the mean of them all; and e to the power of it.",
           "surprises = -np.log(probabilities), and the result is np.exp of their mean()."),
    why="Perplexity is the loss for people: the number of equally likely tokens that would be as hard to guess among.",
    cases=[
        (np.array([1 / 2, 1 / 4, 1 / 10]),), (np.array([0.5, 0.5, 0.01]),), (np.array([0.5, 0.001]),),
        (np.array([0.3]),), (np.full(2000, 0.5),),
    ],
    wrong={
        "that is 1 / mean of the probabilities. Take the mean of the surprises: the smallest must count in full":
            lambda p: 1 / p.mean(),
        "that is the mean of 1/p. Take the mean of −ln p first, and the exponential once, at the end":
            lambda p: (1 / p).mean(),
        "the minus is missing: the logarithm of a probability is negative, so a surprise is −ln p":
            lambda p: np.exp(np.log(p).mean()),
        "the logarithm is to base 2 and the exponential to base e: e goes with ln, 2 with log2":
            lambda p: np.exp(-np.log2(p).mean()),
        "that is e to the sum of the surprises, not to their mean: it would grow with the length of the text":
            lambda p: torch.tensor(-np.log(p).sum()).exp(),
        "that is the mean surprise, in nats. Perplexity is e to the power of it": lambda p: -np.log(p).mean(),
        "the product of so many probabilities is 0 for a computer: add logarithms instead":
            lambda p: torch.tensor(p).prod() ** (-1 / len(p)),
    },
)
def perplexity(probabilities: np.ndarray) -> float:
    surprises = -np.log(probabilities)
    return float(np.exp(surprises.mean()))


def came(logits: Tensor, targets: Tensor) -> Tensor:
    """What stands at the target of each row."""
    return logits[torch.arange(len(targets)), targets]

def batch(N: int, V: int, seed: int) -> tuple[Tensor, Tensor]:
    """Random logits and targets."""
    generator = torch.Generator().manual_seed(seed)
    return 5 * torch.randn(N, V, generator=generator), torch.randint(V, (N,), generator=generator)

PENCIL = (  # powers (4, 2, 1, 1), (1, 1, 1, 2) and (1, 5, 2, 2): N = 3 and V = 4, and neither is 2
    torch.tensor([[4.0, 2.0, 1.0, 1.0], [1.0, 1.0, 1.0, 2.0], [1.0, 5.0, 2.0, 2.0]]).log(),
    torch.tensor([2, 3, 0]),
)
FAR_APART = (torch.tensor([[120.0, 119.0, 118.0], [-120.0, -119.0, -118.0]]), torch.tensor([0, 2]))

def given_batch(logits: Tensor, targets: Tensor) -> str:
    if torch.equal(logits, PENCIL[0]):
        return "for the logits (ln 4, ln 2, 0, 0), (0, 0, 0, ln 2), (0, ln 5, ln 2, ln 2) and the targets 2, 3, 0"
    if logits.numel() > 6:
        return f"for random logits of shape {tuple(logits.shape)}"
    rows = ", ".join(written(row) for row in logits)
    return f"for the logits {rows} and the targets {written(targets)}"

@exercise(
    hints=("Which two numbers does the surprise of one row consist of, and what do you take over the rows?",
           "Log-sum-exp of each row, with its own largest logit taken out before exp, minus the logit of its target.",
           "largest = logits.max(-1, keepdim=True).values, and of what came logits[torch.arange(len(targets)), "
           "targets]."),
    why="Every language model is trained on these few operations, and they hold at any size of the logits.",
    cases=[
        PENCIL, batch(7, 11, seed=0), batch(1, 5, seed=1), (torch.tensor([[0.0, -200.0, 0.0]]), torch.tensor([1])),
        (torch.tensor([[10_000.0, 0.0, 0.0]]), torch.tensor([1])), FAR_APART,
    ],
    given=given_batch,
    tolerance=1e-4,  # float32 beside float64, at logits of 120
    wrong={
        "that is the sum over the rows: divide by N": lambda z, y: F.cross_entropy(z, y, reduction="sum"),
        "`[:, targets]` takes every target in every row: use `[torch.arange(N), targets]`":
            lambda z, y: z.logsumexp(-1).mean() - z[:, y].mean(),
        "one surprise a row: take their mean": lambda z, y: F.cross_entropy(z, y, reduction="none"),
        "softmax went over the wrong axis: each row, not each column, must sum to 1":
            lambda z, y: -came(z.log_softmax(0), y).mean(),
        "softmax stands twice: these are logits, and log-sum-exp is all the softmax that they need":
            lambda z, y: F.cross_entropy(z.softmax(-1), y),
        "the largest logit is taken out before exp, and not put back after log":
            lambda z, y: ((z - z.max(-1, keepdim=True).values).exp().sum(-1).log() - came(z, y)).mean(),
        "e to the power of 10000 is too large for any float: subtract the row's largest logit before exp":
            lambda z, y: (z.exp().sum(-1).log() - came(z, y)).mean(),
        "the probability is rounded to 0 before its logarithm is taken: never form it, use log-sum-exp minus the logit":
            lambda z, y: -came(z.softmax(-1), y).log().mean(),
        "something keeps the probability away from 0 (a small number added, a clamp): it hides how wrong the model is":
            lambda z, y: -came(z.softmax(-1), y).clamp(min=1e-9).log().mean(),
    },
    also_right=[lambda z, y: (torch.logsumexp(z.double(), -1) - came(z.double(), y)).mean().item()],
    refused=[lambda z, y: -(came(z.softmax(-1), y) + 1e-12).log().mean()],
)
def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    largest = logits.max(-1, keepdim=True).values  # (N, 1)
    powers = torch.exp(logits - largest)  # (N, V)
    log_sum_exp = largest[:, 0] + torch.log(powers.sum(-1))  # (N,)
    of_what_came = logits[torch.arange(len(targets)), targets]  # (N,)
    return (log_sum_exp - of_what_came).mean()


def p_minus_y(z: Tensor, y: Tensor) -> Tensor:
    """What the model said minus what came."""
    return z.softmax(-1) - one_hot(z, y)

def one_hot(z: Tensor, y: Tensor) -> Tensor:
    return F.one_hot(y, z.shape[1])

def autograd(z: Tensor, y: Tensor) -> Tensor:
    return torch.autograd.grad(F.cross_entropy(z, y), z)[0]

@exercise(
    hints=("What did the model say about each token, what came, and what share of the mean has one row?",
           "Softmax of each row; 1 less at its target; all of it divided by the number of rows.",
           "p = torch.softmax(logits, -1) and y = F.one_hot(targets, logits.shape[-1]) have the same shape."),
    why="This one line is where all learning starts: everything that backpropagation carries back began as p − y.",
    cases=[
        PENCIL, batch(5, 4, seed=2), batch(2, 6, seed=3), (torch.tensor([[1000.0, 999.0, 998.0]]), torch.tensor([0])),
    ],
    given=given_batch,
    draw=bars,
    wrong={
        "`[:, targets]` takes every target in every row: use `[torch.arange(N), targets]`":
            lambda z, y: (z.softmax(-1) - one_hot(z, y).amax(0)) / len(z),
        "this is y − p: it points downhill. The gradient points uphill, and the optimizer subtracts it":
            lambda z, y: -p_minus_y(z, y) / len(z),
        "the loss is the mean over the rows, so each row's gradient is divided by N": p_minus_y,
        "this is p alone, divided by N: at the target subtract 1": lambda z, y: z.softmax(-1) / len(z),
        "this is p alone: at the target subtract 1, then divide by N": lambda z, y: z.softmax(-1),
        "softmax went over the wrong axis: each row must sum to 1":
            lambda z, y: (z.softmax(0) - one_hot(z, y)) / len(z),
        "y is the id of the target here: it must be one-hot, 1 at the target and 0 elsewhere":
            lambda z, y: (z.softmax(-1) - y.unsqueeze(1)) / len(z),
        "e to the power of a large logit is infinite: torch.softmax subtracts the largest first":
            lambda z, y: (z.exp() / z.exp().sum(-1, keepdim=True) - one_hot(z, y)) / len(z),
    },
    also_right=[lambda z, y: autograd(z.clone().requires_grad_(), y)],
)
def gradient(logits: Tensor, targets: Tensor) -> Tensor:
    p = torch.softmax(logits, -1)  # (N, V)
    y = F.one_hot(targets, logits.shape[-1])  # (N, V)
    return (p - y) / len(targets)


def two_batches(answer: Callable[[], Any], *batches: tuple[Tensor, Tensor]) -> dict[str, Any]:
    """What one loss says of several batches: the loss, then the gradient, twice."""
    loss, found = answer(), {}
    for name, (logits, targets) in zip(("the first", "a second"), batches, strict=True):
        found[f"the loss of {name} batch"] = loss.forward(logits, targets)
        found[f"the gradient of {name} batch"] = slopes = loss.gradient()
        if isinstance(slopes, (list, tuple, np.ndarray)):
            raise TypeError("the gradient is no tensor, and logits.backward takes nothing else")
        found[f"the gradient of {name} batch, asked again"] = loss.gradient()
    return found

def keeping(forward: Any = None, back: Any = None, once: bool = False) -> Callable[[], Any]:
    """A loss with one thing changed."""
    class Loss:
        def forward(self, z: Tensor, y: Tensor) -> Any:
            if not (once and hasattr(self, "z")):
                self.z, self.y = z, y
            return (forward or F.cross_entropy)(z, y)

        def gradient(self) -> Any:
            return (back or gradient.right)(self.z, self.y)
    return Loss

@exercise(
    hints=("gradient() is called without arguments. From where does it know the logits?",
           "forward stores what gradient will need, anew each time, as self.logits and self.targets.",
           "After storing, forward returns cross_entropy(logits, targets); gradient returns that of what was stored."),
    why="A forward that remembers and a gradient that uses it: each operation inside PyTorch is such a pair.",
    cases=[(batch(4, 5, seed=4), batch(4, 5, seed=5)), (batch(2, 6, seed=6), batch(7, 6, seed=7))],
    drive=two_batches,
    wrong={
        "it is still that of the first batch: forward has to remember anew each time": keeping(once=True),
        "that is the sum over the rows, not their mean": keeping(lambda z, y: F.cross_entropy(z, y, reduction="sum")),
        "each row's gradient is divided by N, as the loss is": keeping(back=p_minus_y),
        "that is y − p; the gradient points uphill, p − y": keeping(back=lambda z, y: -gradient.right(z, y)),
    },
    refused=[keeping(back=lambda z, y: gradient.right(z, y).tolist())],
)
class CrossEntropy:
    """The loss of a batch, and its gradient by the logits, worked out by hand."""

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        self.logits, self.targets = logits, targets
        return cross_entropy.right(logits, targets)

    def gradient(self) -> Tensor:
        return gradient.right(self.logits, self.targets)


LOSSES = (
    torch.tensor([[1.0, 3.0, 2.0, 6.0], [4.0, 9.0, 9.0, 9.0]]),  # 5 count, 3 do not; 2 rows, 4 columns
    torch.tensor([[5, 0, 7, 2], [3, -100, -100, -100]]),
)

@exercise(
    hints=("Which of the losses belong to a token, and how many are they?",
           "Choose the losses whose target is not −100, then take the mean of these alone.",
           "losses[targets != -100] is a row of those that count."),
    why="Padding is easy to guess: count it, and the loss looks better the more of it there is.",
    cases=[
        LOSSES, (torch.tensor([[2.0], [4.0]]), torch.tensor([[1], [2]])),
        (torch.tensor([[7.0, 1.0, 5.0]]), torch.tensor([[-100, 4, 0]])),
    ],
    wrong={
        "the padding is in the mean: the losses at −100 belong to no token": lambda x, y: x.mean(),
        "the padding is counted in the number of tokens: divide by how many targets count":
            lambda x, y: x[y != -100].sum() / y.numel(),
        "that is the mean of the rows' means: a short row would count as much as a long one":
            lambda x, y: ((x * (y != -100)).sum(1) / (y != -100).sum(1)).mean(),
        "one mean a row: a mean over all that count is asked for":
            lambda x, y: (x * (y != -100)).sum(1) / (y != -100).sum(1),
        "token 0 was left out as well: only −100 marks what does not count": lambda x, y: x[y > 0].mean(),
        "that is the sum: divide by the number of targets that count": lambda x, y: x[y != -100].sum(),
        "the mask is the wrong way round: it kept the padding": lambda x, y: x[y == -100].mean(),
    },
    refused=[lambda x, y: x[y != -100].median()],
)
def masked_mean(losses: Tensor, targets: Tensor) -> Tensor:
    return losses[targets != -100].mean()


TOLD = np.array([1.0, 2.0, 4.0, 3.0, 2.0]) * LN_2, "a key é 钥匙"  # 12 bits; 10 characters, 15 bytes, 4 words

@exercise(
    hints=("How many bits is the whole text worth, and how many characters share them?",
           "Add up the nats of all tokens, turn nats into bits, and divide by the number of characters.",
           "One bit is ln 2 nats, so divide the sum by math.log(2), and then by len(text)."),
    why="A token is whatever the tokenizer says; a character is the same for everyone. "
    "Only so can two tokenizers be compared.",
    cases=[TOLD, (np.array([3.0]), "the"), (np.array([0.5, 1.5, 0.25]), "to be")],
    given=lambda nats, text: f"for surprises of {written(nats / LN_2)} bits and the {len(text)} characters of {text!r}",
    wrong={
        "that is bits a token: add the tokens' surprises up, and divide by the characters":
            lambda nats, text: nats.mean() / LN_2,
        "that is nats a character: one bit is ln 2 nats, so divide by ln 2": lambda nats, text: nats.sum() / len(text),
        "that is multiplied by ln 2: a bit is 0.69 nats, so there are more bits than nats. Divide":
            lambda nats, text: nats.sum() * LN_2 / len(text),
        "that is divided by the bytes: é has two bytes and 钥 three, but each is one character":
            lambda nats, text: nats.sum() / LN_2 / len(text.encode()),
        "that is the mean over tokens, divided by the characters once more: use the sum":
            lambda nats, text: nats.mean() / LN_2 / len(text),
        "that is divided by the words: use len(text), the number of characters":
            lambda nats, text: nats.sum() / LN_2 / len(text.split()),
        "that is all bits of the text: divide by its characters": lambda nats, text: nats.sum() / LN_2,
    },
)
def bits_per_character(nats: np.ndarray, text: str) -> float:
    bits = nats.sum() / math.log(2)
    return float(bits / len(text))


WORDS = ("right", "no shift", "shifted twice", "double softmax", "sum", "padding", "bits", "minus")
DIAGNOSES = {
    1: ("no shift", "it ends at 0.04, far below the floor of 0.90: it reads the answer in its own input"),
    2: ("bits", "it starts at 8.97 = log2 500, where ln 500 = 6.21"),
    3: (
        "double softmax",
        "it starts at ln 500 and stays there: with softmax twice no loss is under ln(e + 499) − 1 = 5.22",
    ),
    4: ("sum", "it starts at 12429 = 2000 · 6.21: one ln 500 for each of the 2000 tokens of a batch"),
    5: (
        "padding",
        "2.21 is under the bigram rung of 2.90, which a model of one token cannot pass: something easy is in its mean",
    ),
    6: ("right", "from uniform, 6.21, to just above bigram, 2.90: all that one token of context allows"),
    7: (
        "shifted twice",
        "it stays between unigram, 4.80, and bigram, 2.90: one token tells less about the token after next",
    ),
    8: ("minus", "a surprise is never negative: without the minus the model learns to be as wrong as it can"),
}
ANSWERS = {run: word for run, (word, _) in DIAGNOSES.items()}

def swapped(one: int, other: int) -> Callable[[], dict[int, str]]:
    """The right diagnoses, two of them exchanged."""
    return lambda: ANSWERS | {one: ANSWERS[other], other: ANSWERS[one]}

@examined(
    hints=("Which first loss does a model have that knows nothing, in nats, in bits, as a sum?",
           "First sort out who starts at another number than ln 500 = 6.21. Then hold the last losses against the "
           "rungs.",
           "Starts: 2, 4, 8. Far under the floor: 1. Under a rung that one token cannot pass: 5. Hardly moved: 3."),
    why="You can now tell from two numbers what others search for over days.",
    right=lambda: ANSWERS,
    also_right=[lambda: {run: f" {word.upper()}" for run, word in ANSWERS.items()}],
    wrong={
        "one token tells less about the token after next": lambda: ANSWERS | {7: "right"},
        "it reads the answer in its own input": swapped(1, 5),
        "it starts at 8.97 = log2 500": swapped(2, 3),
        "with softmax twice no loss is under": swapped(3, 4),
        "something easy is in its mean": swapped(5, 6),
        "as wrong as it can": lambda: ANSWERS | {8: "no shift"},
        "'fine' is none of the words": lambda: ANSWERS | {6: "fine"},
        "expected a dictionary": lambda: list(ANSWERS.values()),
    },
)
def diagnosis(answer: Callable[[], Any]) -> str | None:
    said = answer()
    if not isinstance(said, dict):
        return f"expected a dictionary from the number of the run to a word, but your answer is {written(said)}."
    for run, (word, reason) in DIAGNOSES.items():
        if run not in said:
            return f"the run {run} has no diagnosis yet: the keys are the numbers 1 to 8."
        found = str(said[run]).strip().lower()
        if found not in WORDS:
            return f"run {run}: {said[run]!r} is none of the words {', '.join(WORDS)}."
        if found != word:
            return f"run {run} is not {said[run]!r}. Look again: {reason}."
    return None
