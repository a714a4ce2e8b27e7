"""``pretrain``: a model of one's own, from a shell, in the time that it is given."""

import json
import math
import sys
import time
from argparse import Namespace
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import nn
from torch.utils.data import TensorDataset
from tqdm import tqdm

from bigmodel import text
from bigmodel import tokenizer as tokenizers
from bigmodel.checkpoint import Checkpoint, load_run, save_run
from bigmodel.data import windows
from bigmodel.decoder import PRESETS, Decoder
from bigmodel.display import progress_bar
from bigmodel.generate import Sampling, generate
from bigmodel.lab.course import write
from bigmodel.lab.plan import Clock, Plan, bytes_read, measured, planned, seconds_a_step
from bigmodel.model import BigModel, OneHot, num_parameters
from bigmodel.optimizer import MuonAdamW
from bigmodel.schedule import polynomial
from bigmodel.tokenizer import Tokenizer
from bigmodel.train import Validation, evaluate, train

CHECKPOINT = "checkpoint.pth"
STOPPED = 130
VOCAB_SIZE = 1000
MEASUREMENTS = 12  # of unseen text, in a training
JUDGED = 65_536  # unseen tokens, at most, that the result is measured on
# What decides how a pretraining goes.
SETTINGS = (
    "text", "model", "minutes", "steps", "tokenizer", "vocab_size", "context", "hidden_size", "batch_size",
    "learning_rate", "seed",
)  # fmt: skip


def pretrain(options: Namespace) -> int:
    """Pretrain a Decoder or a BigModel on text, and leave in the run what unseen text cost least with."""
    began = time.perf_counter()
    check(options)
    folder = options.folder or Path("runs") / (options.text.expanduser().resolve().stem if options.text else "docs")
    plan = kept_plan(options, folder)
    if options.model == "decoder" and options.steps is None:
        job = in_minutes(options, folder, plan, began)
    else:
        job = in_steps(options, folder)
    return carry_out(job, options, folder)


def check(options: Namespace) -> None:
    """Refuse what does not apply.

    Raises:
        ValueError: an option is of another kind of model, or two contradict each other.
    """
    if options.model == "decoder" and options.hidden_size:
        raise ValueError("--hidden-size is that of a bigmodel: leave it out, or add --model bigmodel.")
    if options.minutes and options.model == "bigmodel":
        raise ValueError("--minutes is for a decoder, which is planned for them: give a bigmodel --steps instead.")
    if options.minutes and options.steps:
        raise ValueError("--minutes and --steps both say how long to train: give one of them.")


def kept_plan(options: Namespace, folder: Path) -> Plan | None:
    """The plan that a run was begun with, if one lies in its folder; write the settings there otherwise.

    Raises:
        ValueError: a pretraining with other settings lies there.
    """
    path, now = folder / "settings.json", settings(options)
    before = json.loads(path.read_bytes()) if path.exists() and (folder / CHECKPOINT).exists() else now
    different = [name for name in now if before.get(name) != now[name]]
    if different:
        raise ValueError(
            f"{folder} holds a pretraining with {described(before, different)}, and this one has "
            f"{described(now, different)}: give this one a folder of its own with --folder, or delete {folder}."
        )
    if "plan" in before:
        return Plan(**before["plan"])
    write(path, json.dumps(now, indent=2) + "\n")
    return None


def settings(options: Namespace) -> dict[str, Any]:
    """What was typed, as it is kept beside a run."""
    path = str(options.text.expanduser().resolve()) if options.text else None
    return {name: getattr(options, name) for name in SETTINGS} | {"text": path}


def described(settings: dict[str, Any], names: list[str]) -> str:
    """Settings as they are typed."""
    words = {name: "text" if name == "text" else f"--{name.replace('_', '-')}" for name in names}
    return ", ".join(
        f"the usual {words[name]}" if settings.get(name) is None else f"{words[name]} {settings[name]}"
        for name in names
    )


@dataclass(frozen=True)
class Unseen:
    """Text that is kept aside: some of it is watched in training, the rest judges the result."""

    watched: TensorDataset
    judged: TensorDataset
    tokens_a_character: float
    opening: str

    @classmethod
    def of(cls, fresh: str, tokenizer: Tokenizer, window: int, watched: int) -> "Unseen":
        """Lay unseen text out in windows, about so many tokens of them to watch."""
        fresh = fresh[: 8 * (watched + JUDGED)]
        ids = tokenizer.encode(fresh)
        inputs, targets = windows(ids, min(window, len(ids) - 1)).tensors
        every = max(2, len(inputs) * window // watched)
        judged = [place for place in range(len(inputs)) if place % every or len(inputs) < 32][: JUDGED // window]
        return cls(
            TensorDataset(inputs[::every], targets[::every]), TensorDataset(inputs[judged], targets[judged]),
            len(ids) / len(fresh), opening(fresh),
        )  # fmt: skip


@dataclass(frozen=True)
class Job:
    """Everything that a pretraining needs."""

    model: nn.Module
    tokenizer: Tokenizer
    data: TensorDataset
    unseen: Unseen
    optimizer: Callable[..., torch.optim.Optimizer]
    learning_rate: Callable[[int], float]
    share: Callable[[int], float]  # of all that is to be done, after so many steps
    steps: int
    every: int  # steps from one look at unseen text to the next
    batch_size: int
    precision: str = "float32"


def in_minutes(options: Namespace, folder: Path, plan: Plan | None, began: float) -> Job:
    """A Decoder that is planned for the time."""
    seconds = 60 * (options.minutes or 1)
    if plan is None:
        say("Measuring this machine")
        precision, yardstick = measured()
        at_most = bytes_read(seconds, yardstick)
    else:
        at_most = plan.at_most
    say(f"Reading {options.text or 'the Python documentation'}")
    size = text.size(options.text) if options.text else 0
    whole = text.load(options.text, at_most) if options.text else text.python_docs()
    training, fresh = text.split(whole, seed=options.seed)
    if plan is None:
        plan = planned(seconds, len(training), precision, yardstick, at_most)
        plan = replace(plan, **{name: getattr(options, name) for name in FREE if getattr(options, name)})
    tokenizer = train_tokenizer(options.tokenizer, training, options.vocab_size, plan.vocab_size)
    ids = torch.tensor(tokenizer.encode(training))  # (tokens,)
    torch.manual_seed(options.seed)
    model = Decoder(plan.config(tokenizer.vocab_size))
    step = seconds_a_step(model.config, plan.batch_size, plan.precision)
    if plan.seconds == 0:
        left = seconds * 0.97 - 0.5 - (time.perf_counter() - began)
        if left < seconds / 4:
            raise ValueError(
                f"--minutes {options.minutes or 1:g} is used up: reading and planning took "
                f"{time.perf_counter() - began:.0f} seconds. Give at least {4 * (time.perf_counter() - began) / 120:.1f}."
            )
        plan = replace(plan, seconds=left)
        write(folder / "settings.json", json.dumps(settings(options) | {"plan": asdict(plan)}, indent=2) + "\n")
    steps = plan.seconds / step
    clock = Clock(plan.seconds, plan.learning_rate, Checkpoint(folder / CHECKPOINT).history())
    say(
        f"Text: {len(whole):,} characters{f' from all over its {size:,} bytes' if size > at_most else ''}, a tenth of "
        f"them kept aside; {tokenizer.vocab_size:,} tokens of {len(training) / len(ids):.1f} characters.\n"
        f"Model: a Decoder of {plan.n_layer} layers of {plan.n_embd}, {num_parameters(model):,} parameters, which sees "
        f"{plan.context} tokens.\n"
        f"Time: {plan.seconds:.0f} seconds in {plan.precision}, about {steps:,.0f} steps of {plan.batch_size} × "
        f"{plan.context} tokens: the text {steps * plan.batch_size * plan.context / len(ids):.1f} times."
    )
    watched = min(32_768, max(2048, int(0.015 * steps * plan.batch_size * plan.context)))
    return Job(
        model, tokenizer, windows(ids, plan.context), Unseen.of(fresh, tokenizer, plan.context, watched),
        partial(MuonAdamW, blocks=model.blocks), clock.rate, lambda _: clock.share(), sys.maxsize,
        max(1, round(steps / MEASUREMENTS)), plan.batch_size, plan.precision,
    )  # fmt: skip


FREE = ("context", "batch_size", "learning_rate")  # what is planned, unless it is typed


def in_steps(options: Namespace, folder: Path) -> Job:
    """A small Decoder that sees all tokens of its context, or a BigModel that sees the last few."""
    say(f"Reading {options.text or 'the Python documentation'}")
    training, fresh = text.split(text.load(options.text) if options.text else text.python_docs(), seed=options.seed)
    say(f"Training the tokenizer on {len(training):,} characters")
    tokenizer = train_tokenizer(options.tokenizer, training, options.vocab_size, VOCAB_SIZE)
    torch.manual_seed(options.seed)
    steps = options.steps or 1000
    if options.model == "decoder":
        window = options.context or 64
        model: nn.Module = Decoder(replace(PRESETS["tiny"], vocab_size=tokenizer.vocab_size, context=window))
        optimizer, usual = partial(MuonAdamW, blocks=model.blocks), 0.03
    else:
        context, window = options.context or 3, 16
        big_model = BigModel(tokenizer.vocab_size * context, options.hidden_size or 256, tokenizer.vocab_size)
        model = nn.Sequential(OneHot(tokenizer.vocab_size, context), big_model)
        optimizer, usual = torch.optim.AdamW, 0.01
    data = windows(tokenizer.encode(training), window)
    say(f"Pretraining {num_parameters(model):,} parameters on {data.tensors[0].numel():,} tokens")
    rate = partial(polynomial, T=steps, eta_0=options.learning_rate or usual, alpha=1.0)
    return Job(
        model, tokenizer, data, Unseen.of(fresh, tokenizer, window, 4096), optimizer, rate, lambda done: done / steps,
        steps, max(1, min(100, steps // MEASUREMENTS)), options.batch_size or 32,
    )  # fmt: skip


def carry_out(job: Job, options: Namespace, folder: Path) -> int:
    """Train, watch, and say what came of it."""
    checkpoint = Checkpoint(folder / CHECKPOINT, job.every)
    watch = Watch(job, folder, checkpoint.history().validation_losses)
    try:
        with watch.bar:
            history = train(
                job.model, job.data, steps=job.steps, learning_rate=job.learning_rate, optimizer=job.optimizer,
                batch_size=job.batch_size, clip=1.0, seed=options.seed, checkpoint=checkpoint, on_step=watch.step,
                validation=Validation(job.unseen.watched, job.every, watch.measure), precision=job.precision,
            )  # fmt: skip
    except FloatingPointError:
        raise ValueError(
            f"the loss is no longer a number with --learning-rate {job.learning_rate(0):g}: use a smaller one."
        ) from None
    watch.measure(job.model, job.unseen.watched)
    done = len(history.losses)
    if history.interrupted and not watch.over(done):
        print(f"\nStopped at step {done}, {job.share(done):.0%} of all: the same command goes on.", file=sys.stderr)
        return STOPPED
    say(verdict(job, load_run(folder).model, watch))
    say(f'Now try:\n  python -m bigmodel generate --run {folder} --prompt "{job.unseen.opening}"')
    return 0


class Watch:
    """What is seen of a pretraining while it goes; the folder of the run holds the best weights so far."""

    def __init__(self, job: Job, folder: Path, unseen: list[float]) -> None:
        self.job, self.folder = job, folder
        self.unseen = list(unseen)  # nats a character, at each look
        self.losses: deque[float] = deque(maxlen=20)
        self.began = time.perf_counter()
        self.first = job.share(0)
        self.bar = progress_bar(
            1, bar_format="{percentage:3.0f}% {bar:30} {postfix}", mininterval=0.2 if sys.stdout.isatty() else 10
        )

    def over(self, done: int) -> bool:
        """Whether the time is spent, or there is nothing more to gain."""
        return self.job.share(done) >= 1 or overfits(self.unseen)

    def step(self, done: int, loss: float) -> bool:
        """Show where the training stands after a step, and tell whether it is over."""
        self.losses.append(loss)
        share, passed = self.job.share(done), time.perf_counter() - self.began
        left = passed * (1 - share) / max(share - self.first, 1e-6)
        self.bar.set_postfix_str(f"loss {fmean(self.losses):.2f} nats a token, {left:.0f} s left", refresh=False)
        self.bar.update(min(share, 1) - self.bar.n)
        return self.over(done)

    def measure(self, model: nn.Module, data: TensorDataset) -> float:
        """Measure unseen text, in nats a character, and keep the weights if it has never cost less.

        Raises:
            ValueError: training has made the model worse than it was at the beginning.
        """
        cost = evaluate(model, data) * self.job.unseen.tokens_a_character
        if self.losses and fmean(self.losses) > 1.1 * math.log(self.job.tokenizer.vocab_size):
            raise ValueError(
                f"the text costs {fmean(self.losses):.1f} nats a token by now, and guessing costs "
                f"{math.log(self.job.tokenizer.vocab_size):.1f}: this --learning-rate destroys the model; use a "
                "smaller one."
            )
        if cost < min(self.unseen, default=math.inf):
            save_run(self.folder, model, self.job.tokenizer)
        self.unseen.append(cost)
        say(f"  unseen text: {cost:.2f} nats a character")
        if len(self.unseen) % 4 == 0:
            model.eval()
            say("  > " + " ".join(generate(model, self.job.tokenizer, self.job.unseen.opening, 40).split()))
            model.train()
        return cost


def overfits(unseen: list[float]) -> bool:
    """Whether unseen text has cost more than it once did at the last three looks, and more each time."""
    return len(unseen) > 3 and min(unseen) < unseen[-3] < unseen[-2] < unseen[-1]


def verdict(job: Job, model: nn.Module, watch: Watch) -> str:
    """What the best weights make of unseen text, beside two guesses, and what to do about it."""
    cost = evaluate(model, job.unseen.judged) * job.unseen.tokens_a_character
    uniform, unigram = guesses(job)
    found = (
        f"Unseen text costs {cost:.2f} nats a character; guessing blindly costs {uniform:.2f}, by how frequent each "
        f"token is {unigram:.2f}."
    )
    if cost > unigram:
        return f"{found}\nIt has learned little: give it more text, or more time."
    if watch.unseen[-1] > 1.01 * min(watch.unseen):
        return f"{found}\nThe text is too small for more: it was being learned by heart. More text will do better."
    return found


def guesses(job: Job) -> tuple[float, float]:
    """What unseen text costs, in nats a character, if all tokens are equally probable, and if as frequent as seen."""
    size, per = job.tokenizer.vocab_size, job.unseen.tokens_a_character
    counts = torch.bincount(job.data.tensors[1].flatten(), minlength=size) + 1.0  # (V,)
    unigram = -(counts / counts.sum()).log()[job.unseen.judged.tensors[1]].mean().item()
    return math.log(size) * per, unigram * per


def opening(text: str) -> str:
    """The first word of a text that has letters only, to begin with; its first character where there is none."""
    return next((word for word in text.split() if word.isalpha() and len(word) < 20), text.strip()[:1])


LEARNED_FROM = 4_000_000  # characters that are enough to learn byte pairs from


def train_tokenizer(kind: str, training: str, vocab_size: int | None, at_most: int) -> Tokenizer:
    """Train the tokenizer that a word names; without a size, as many tokens as the text gives, up to ``at_most``."""
    if kind == "bpe":
        if vocab_size is not None:
            return tokenizers.BytePairTokenizer.train(training, vocab_size)
        pieces = tokenizers.count_pieces(training[:LEARNED_FROM], tokenizers.CHUNKS)
        return tokenizers.BytePairTokenizer(tokenizers.learn_merges(pieces, at_most - tokenizers.SMALLEST))
    other = tokenizers.CharacterTokenizer if kind == "characters" else tokenizers.WordTokenizer
    return other.train(training, vocab_size or min(at_most, other.train(training).vocab_size))


def say(line: str) -> None:
    """A line as soon as it is known, above a bar that is moving."""
    with tqdm.external_write_mode(file=sys.stdout):
        print(line, flush=True)
