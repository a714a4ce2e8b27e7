"""What to train in the time given: the machine is measured, and a fitted law says how large a model pays."""

import time
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from statistics import median

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bigmodel.checkpoint import History
from bigmodel.decoder import Config, Decoder
from bigmodel.lab.quick_loss import quick_next_token_loss
from bigmodel.optimizer import MuonAdamW

# What a machine is measured with: so many rows of so many tokens, and a Decoder of about the sizes that are planned.
ROWS, LENGTH = 32, 64
YARDSTICK = Config(4096, LENGTH, n_layer=2, n_head=3, n_embd=96, hidden_size=192)


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
    dropout: float  # share of what the blocks write that is left out in each step
    epochs: float  # how often the text is read at the most: more would only teach it by heart
    at_most: int  # bytes of text that are read
    seconds: float = 0.0  # of training; 0 until what comes before it is done

    def build(self, vocab_size: int) -> Decoder:
        """The Decoder, for as many tokens as the text gave."""
        decoder = Decoder(
            Config(vocab_size, self.context, self.n_layer, self.n_embd // 32, self.n_embd, hidden_size=2 * self.n_embd)
        )
        if self.dropout:
            parts = [part for block in decoder.blocks for part in (block.attention, block.feed_forward)]
            for part in (decoder.embedding, *parts):
                part.register_forward_hook(partial(drop, share=self.dropout))
        return decoder


def drop(module: nn.Module, inputs: object, output: Tensor, share: float) -> Tensor:
    """Leave out a share of what a part of the model writes, in training: it cannot learn a text by heart so soon."""
    return F.dropout(output, share, module.training)


def seconds_a_step(model: Decoder, batch_size: int, precision: str, steps: int = 4) -> float:
    """How long one step of training takes on this machine."""
    model = deepcopy(model)
    ids = torch.zeros(batch_size, model.context, dtype=torch.long)  # (B, T)
    optimizer = MuonAdamW(model.parameters(), 0.001, model.blocks)
    moments = [time.perf_counter()]
    for _ in range(steps):
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            loss = quick_next_token_loss(model, (ids, ids))
        optimizer.zero_grad()
        loss.backward()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            optimizer.step()
        moments.append(time.perf_counter())
    return median(after - before for before, after in pairwise(moments[1:]))


def measured() -> tuple[str, float]:
    """The quicker precision on this machine, and the seconds that a step of the yardstick takes in it."""
    yardstick = Decoder(YARDSTICK)
    found = {precision: seconds_a_step(yardstick, ROWS, precision) for precision in ("float32", "bfloat16")}
    precision = min(found, key=lambda name: found[name])
    return precision, found[precision]


def planned(seconds: float, size: int, precision: str, yardstick: float) -> Plan:
    """The Decoder that comes lowest in some seconds on a text of so many bytes."""
    steps = seconds / yardstick
    n_layer, n_embd = (2, 96) if steps < 600 else (3, 128)
    vocab_size = 4096 if size > 1_000_000 else 2048 if size > 300_000 else 1000
    epochs = 0.7 * steps * ROWS * LENGTH * 3 / size
    dropout = min(0.3, max(0.0, 0.1 * (epochs - 1.5)))
    at_most = max(2_000_000, int(3 * steps * ROWS * LENGTH))
    return Plan(vocab_size, 64, n_layer, n_embd, ROWS, 0.04, precision, dropout, 12.0, at_most)


class Clock:
    """A learning rate that rises over a twentieth of the time and then falls along a line to 0.

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
            self.rates.append(self.eta_0 * max(0.001, min(1.0, (share + 0.001) / 0.05, 1 - share)))
        return self.rates[step]
