"""What to train in the time given: the machine is measured, and fitted laws say what pays on a text of that size."""

import math
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from statistics import median

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bigmodel.checkpoint import History
from bigmodel.decoder import Config, Decoder
from bigmodel.lab.quick import quick_next_token_loss
from bigmodel.optimizer import MuonAdamW
from bigmodel.tokenizer import SMALLEST

# What a machine is measured with: so many rows of so many tokens, and a Decoder of about the sizes that are planned.
ROWS, LENGTH = 32, 64
YARDSTICK = Config(4096, LENGTH, n_layer=2, n_head=3, n_embd=96, hidden_size=192)

# Blocks that may be planned: layers, and width C. With a hidden layer of 2 C, a layer has 8 C² weights.
SHAPES = ((2, 64), (2, 96), (3, 96), (3, 128), (4, 160), (4, 192), (4, 256), (6, 256), (6, 384))
FEWEST = 100  # steps, of however small a text

# Measured on the Python documentation, 1.9 MB, vocabulary 4096, one thread of an AMD EPYC; nats a character of unseen
# text. A model with more weights needs more steps of the yardstick until it pays, so that weights ~ steps^0.75:
#
#     steps of the yardstick in the time     2 × 96   3 × 96   2 × 128   3 × 128    weights
#     150                                     1.325    1.354    1.350                     53,000
#     400                                     1.202    1.211              1.226         111,000
#     600                                     1.164             1.168     1.156*        150,000
#
# * in a tenth more time. Of a small text, one part of the documentation, 2 × 96, by the vocabulary, and softened as
# ``soften`` does (20 kB: bytes read 6 times in overlapping windows, the other 4.3 times, one behind the other):
#
#     259 (bytes)    500    1000
#     20 kB   1.90   1.92
#     100 kB  1.66   1.62   1.56


@dataclass(frozen=True)
class Plan:
    """A pretraining of a Decoder that fits a time: its sizes, how it is fed, and for how long."""

    vocab_size: int
    context: int
    n_layer: int
    n_embd: int
    batch_size: int
    learning_rate: float
    precision: str
    epochs: float  # how often the text is read at the most: more would only teach it by heart
    at_most: int  # bytes of text that are read
    # Known once the text is encoded:
    seconds: float = 0.0  # of training
    steps: int = 0  # about so many, in these seconds
    read: float = 0.0  # how often the text is
    dropout: float = 0.0  # share of what the blocks write that is left out in each step

    @property
    def stride(self) -> int:
        """Tokens from one window to the next: they overlap where a text is read again and again."""
        return max(1, self.context // 4) if self.read > 5 else self.context

    def build(self, vocab_size: int) -> Decoder:
        """The Decoder, for as many tokens as the text gave."""
        return Decoder(
            Config(vocab_size, self.context, self.n_layer, self.n_embd // 32, self.n_embd, hidden_size=2 * self.n_embd)
        )

    def timed(self, step: float, tokens: int, left: float) -> "Plan":
        """The plan for a text of so many tokens, of which a step takes some seconds, with so many left."""
        together = self.batch_size * self.context
        steps = min(max(FEWEST, self.epochs * tokens / together), left / step)
        read = steps * together / tokens
        dropout = round(min(0.2, 0.03 * read), 2) if read > 2.5 else 0.0
        return replace(self, seconds=steps * step, steps=max(1, round(steps)), read=read, dropout=dropout)


def planned(seconds: float, size: int, precision: str, yardstick: float) -> Plan:
    """The Decoder that comes lowest in some seconds on a text of so many bytes, by what was measured above."""
    steps = 0.9 * seconds / yardstick  # the rest goes into reading
    weights = 150_000 * (steps / 600) ** 0.75
    n_layer, n_embd = min(SHAPES, key=lambda shape: abs(math.log(8 * shape[0] * shape[1] ** 2 / weights)))
    vocab_size = round(min(4096, max(SMALLEST, 4096 * (size / 1_000_000) ** 0.7)))
    rows = min(32, max(4, size // 6000))  # so that a small text gives some steps, too
    epochs = 8 * max(1, size / 100_000) ** 0.25
    at_most = max(2_000_000, int(4 * steps * ROWS * LENGTH))
    return Plan(vocab_size, LENGTH, n_layer, n_embd, rows, 0.06, precision, epochs, at_most)


def measured() -> tuple[str, float]:
    """The quicker precision on this machine, and the seconds that a step of the yardstick takes in it."""
    yardstick = Decoder(YARDSTICK)
    found = {precision: seconds_a_step(yardstick, ROWS, precision) for precision in ("float32", "bfloat16")}
    precision = min(found, key=lambda name: found[name])
    return precision, found[precision]


def seconds_a_step(model: Decoder, batch_size: int, precision: str, steps: int = 6) -> float:
    """How long one step of training takes on this machine."""
    model = deepcopy(model)
    ids = torch.zeros(batch_size, model.context, dtype=torch.long)  # (B, T)
    optimizer = hurried(model)(model.parameters(), lr=0.001)
    moments = [time.perf_counter()]
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
        for _ in range(steps):
            loss = quick_next_token_loss(model, (ids, ids))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            moments.append(time.perf_counter())
    return median(after - before for before, after in pairwise(moments[1:]))


def hurried(model: Decoder) -> Callable[..., MuonAdamW]:
    """Muon with a shorter memory, and AdamW at twice the rate: what a training of a few hundred steps gains from.

    On the Python documentation, 2 layers of 96, 160 steps: at a rate of 0.04, 1.325 nats a character with MuonAdamW as
    it is, 1.305 with three times AdamW's rate; at 0.06, 1.287 with twice the rate and a momentum of 0.85.
    """
    return partial(MuonAdamW, blocks=model.blocks, momentum=0.9, factor=2.0)


def add_dropout(decoder: Decoder, share: float) -> None:
    """Have a share of what the embedding and the parts of the blocks write left out in training.

    So the model cannot learn a text by heart so soon.
    """

    def drop(module: nn.Module, inputs: object, output: Tensor) -> Tensor:
        return F.dropout(output, share, module.training)

    parts = [part for block in decoder.blocks for part in (block.attention, block.feed_forward)]
    for part in (decoder.embedding, *parts):
        part.register_forward_hook(drop)


class Clock:
    """A learning rate that rises over a tenth of the time and then falls along a line to 0.

    It goes by the clock, not by the step: whatever else the machine does, the rate is 0 when the time is over. A step
    that was taken before the training was stopped keeps the rate that it had.
    """

    def __init__(self, seconds: float, eta_0: float, history: History) -> None:
        self.seconds, self.eta_0 = seconds, eta_0
        self.rates = list(history.rates)
        self.began = time.perf_counter() - history.seconds

    def share(self) -> float:
        """The share of the time that is spent."""
        return min(1.0, (time.perf_counter() - self.began) / self.seconds)

    def rate(self, step: int) -> float:
        """The rate of a step: what it was, or what it is now."""
        if step == len(self.rates):
            share = self.share()
            self.rates.append(self.eta_0 * max(0.001, min(1.0, (share + 0.001) / 0.1, 1 - share)))
        return self.rates[step]
