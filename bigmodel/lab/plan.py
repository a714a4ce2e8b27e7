"""What to train in the time given: the machine is measured, and a fitted law says how large a model pays."""

import time
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

import torch

from bigmodel.checkpoint import History
from bigmodel.decoder import Config, Decoder
from bigmodel.lab.quick_loss import quick_next_token_loss
from bigmodel.optimizer import MuonAdamW

# What a machine is measured with: so many rows of so many tokens, and a Decoder of about the sizes that are planned.
ROWS, LENGTH = 16, 64
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
    at_most: int  # bytes of text that are read
    seconds: float = 0.0  # of training; 0 until what comes before it is done

    def config(self, vocab_size: int) -> Config:
        """The Decoder to build, for as many tokens as the text gave."""
        return Config(
            vocab_size, self.context, self.n_layer, self.n_embd // 32, self.n_embd, hidden_size=2 * self.n_embd
        )  # fmt: skip


def seconds_a_step(config: Config, batch_size: int, precision: str, steps: int = 6) -> float:
    """How long one step of training takes on this machine."""
    with torch.random.fork_rng(devices=[]):
        model = Decoder(config)
        ids = torch.randint(config.vocab_size, (batch_size, config.context))  # (B, T)
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
    found = {precision: seconds_a_step(YARDSTICK, ROWS, precision) for precision in ("float32", "bfloat16")}
    precision = min(found, key=lambda name: found[name])
    return precision, found[precision]


def planned(seconds: float, size: int, precision: str, yardstick: float) -> Plan:
    """The Decoder that comes lowest in some seconds on a text of so many bytes."""
    steps = seconds / yardstick
    n_layer, n_embd = (2, 96) if steps < 4000 else (3, 128)
    vocab_size = 2048 if size > 300_000 else 1000
    at_most = max(2_000_000, int(2 * steps * ROWS * LENGTH))
    return Plan(vocab_size, 64, n_layer, n_embd, ROWS, 0.04, precision, at_most)


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
