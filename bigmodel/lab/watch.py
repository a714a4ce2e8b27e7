"""What is seen of a pretraining as it goes: unseen text, in nats a character, and a sample now and then."""

import math
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset
from tqdm import tqdm

from bigmodel.checkpoint import Checkpoint, load_run, save_run
from bigmodel.data import windows
from bigmodel.display import progress_bar
from bigmodel.generate import generate
from bigmodel.tokenizer import Tokenizer
from bigmodel.train import evaluate


@dataclass(frozen=True)
class Unseen:
    """Text that is kept aside: some of it is watched in training, the rest judges the result.

    All costs are in nats a character, which is fair between all tokenizers; ``uniform`` and ``unigram`` are those of
    two guesses, that all tokens are equally probable, and that each is as frequent as in training.
    """

    watched: TensorDataset
    judged: TensorDataset
    tokens_a_character: float
    uniform: float
    unigram: float
    opening: str

    @classmethod
    def of(cls, fresh: str, seen: Tensor, tokenizer: Tokenizer, window: int, watched: int) -> "Unseen":
        """Lay unseen text out in windows: about so many tokens to watch, and four times as many to judge by."""
        fresh = fresh[: 40 * watched]
        ids = tokenizer.encode(fresh)
        inputs, targets = windows(ids, min(window, len(ids) - 1)).tensors
        every = max(2, len(inputs) * window // watched)
        # Of a very short text, the same windows serve for both.
        judged = [place for place in range(len(inputs)) if place % every or len(inputs) < 16]
        judged = judged[: max(1, 4 * watched // window)]
        counts = torch.bincount(seen, minlength=tokenizer.vocab_size) + 1.0  # (V,)
        unigram = -(counts / counts.sum()).log()[targets[judged]].mean().item()
        share = len(ids) / len(fresh)
        return cls(
            TensorDataset(inputs[::every], targets[::every]), TensorDataset(inputs[judged], targets[judged]), share,
            uniform=math.log(tokenizer.vocab_size) * share, unigram=unigram * share, opening=opening(fresh),
        )  # fmt: skip

    def cost(self, model: nn.Module, data: TensorDataset) -> float:
        """What a model pays for some of it."""
        return evaluate(model, data) * self.tokens_a_character


def opening(text: str) -> str:
    """The first word of a text that has letters only, to begin with; its first character where there is none."""
    return next((word for word in text.split() if word.isalpha() and len(word) < 20), text.strip()[:1])


class Watch:
    """Keeps the best weights in the folder of the run, shows where the training stands, and says when it is over.

    Args:
        folder: where the run is written.
        tokenizer: that of the model.
        unseen: the text that is kept aside.
        share: of all that there is to do, how much is done after so many steps.
        checkpoint: where a training that was stopped has left what unseen text had cost.
    """

    def __init__(
        self, folder: Path, tokenizer: Tokenizer, unseen: Unseen, share: Callable[[int], float], checkpoint: Checkpoint
    ) -> None:
        self.folder, self.tokenizer, self.unseen, self.share = folder, tokenizer, unseen, share
        self.costs = checkpoint.history().validation_losses  # nats a character, at each look
        self.losses: deque[float] = deque(maxlen=20)  # nats a token, of the last steps
        self.over = False  # all is done, or nothing more is to be gained
        self.began, self.first = time.perf_counter(), share(0)
        often = 0.2 if sys.stdout.isatty() else 30  # a file needs no animation
        self.bar = progress_bar(1, bar_format="{percentage:3.0f} % {bar:30} {postfix}", mininterval=often)

    def step(self, done: int, loss: float) -> bool:
        """Show where the training stands after a step, and tell whether it is over."""
        self.losses.append(loss)
        share, passed = self.share(done), time.perf_counter() - self.began
        left = passed * (1 - share) / max(share - self.first, 1e-6)
        self.bar.set_postfix_str(f"loss {fmean(self.losses):.2f} nats a token, {left:.0f} s left", refresh=False)
        self.bar.update(min(share, 1) - self.bar.n)
        self.over = share >= 1 or overfits(self.costs)
        return self.over

    def look(self, model: nn.Module, data: TensorDataset) -> float:
        """Measure some unseen text, in nats a character, and keep the weights if it has never cost less.

        Raises:
            ValueError: training makes the model worse than guessing.
        """
        guess = math.log(self.tokenizer.vocab_size)
        if self.losses and fmean(self.losses) > 1.1 * guess:
            raise ValueError(
                f"the text that it trains on costs {fmean(self.losses):.1f} nats a token by now, and a blind guess "
                f"{guess:.1f}: this --learning-rate destroys the model. Use a smaller one."
            )
        cost = self.unseen.cost(model, data)
        if cost < min(self.costs, default=math.inf):
            save_run(self.folder, model, self.tokenizer)
        self.costs.append(cost)
        say(f"{time.perf_counter() - self.began:5.0f} s: unseen text costs {cost:.2f} nats a character")
        if len(self.costs) % 4 == 0:
            say(f"        {sample(model, self.tokenizer, self.unseen.opening)}")
        return cost

    def verdict(self) -> str:
        """What unseen text costs the best weights, beside two guesses, and why where it is much."""
        cost = self.unseen.cost(load_run(self.folder).model, self.unseen.judged)
        uniform, unigram = self.unseen.uniform, self.unseen.unigram
        found = f"Unseen text: {cost:.2f} nats a character (uniform {uniform:.2f}, unigram {unigram:.2f})."
        if cost > unigram:
            return f"{found}\nIt has not learned more than how frequent each token is: give it more text, or more time."
        if self.costs[-1] > 1.01 * min(self.costs):
            return f"{found}\nThe text is too small for more: it was being learned by heart. More text will do better."
        return found


def sample(model: nn.Module, tokenizer: Tokenizer, prompt: str) -> str:
    """Some words that the model writes as it is now, on one line."""
    training = model.training
    text = generate(model.eval(), tokenizer, prompt, 30)
    model.train(training)
    return " ".join(text.split())


def overfits(costs: list[float]) -> bool:
    """Whether unseen text has cost more at each of the last three looks, and more than it once did."""
    return len(costs) > 3 and min(costs) < costs[-3] < costs[-2] < costs[-1]


@torch.no_grad()
def soften(folder: Path, unseen: Unseen) -> None:
    """Make the model of a run less sure of itself, for as long as the watched text gets cheaper by it.

    A model that has read a small text many times is surer than it should be; one temperature mends much of that. On
    100 kB of documentation, unseen text falls from 1.62 nats a character to 1.56, and text from elsewhere from 2.10
    to 1.98. Source: Guo et al. 2017 (temperature scaling).
    """
    run = load_run(folder)
    *_, last = (layer for layer in run.model.modules() if isinstance(layer, nn.Linear))  # it gives the logits
    best, sharp = math.inf, last.weight.clone()
    for share in (0.93**times for times in range(12)):
        last.weight.copy_(sharp * share)
        cost = unseen.cost(run.model, unseen.watched)
        if cost >= best:
            return
        best = cost
        save_run(folder, run.model, run.tokenizer)


def say(line: str) -> None:
    """A line as soon as it is known, above a bar that is moving."""
    with tqdm.external_write_mode(file=sys.stdout):
        print(line, flush=True)
