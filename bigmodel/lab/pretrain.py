"""``pretrain``: a model of one's own, from a shell, in the time that it is given."""

import json
import math
import sys
import time
from argparse import Namespace
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bigmodel import text
from bigmodel import tokenizer as tokenizers
from bigmodel.checkpoint import Checkpoint
from bigmodel.data import windows
from bigmodel.decoder import PRESETS, Decoder
from bigmodel.lab.course import write
from bigmodel.lab.plan import Clock, Plan, add_dropout, hurried, measured, planned, seconds_a_step
from bigmodel.lab.quick import quick_next_token_loss
from bigmodel.lab.watch import Unseen, Watch, say, soften
from bigmodel.model import BigModel, OneHot, num_parameters
from bigmodel.optimizer import MuonAdamW
from bigmodel.schedule import polynomial
from bigmodel.tokenizer import Tokenizer
from bigmodel.train import Validation, train

CHECKPOINT, SETTINGS_FILE = "checkpoint.pth", "settings.json"
STOPPED = 130
DOCUMENTATION = 2_000_000  # bytes, about
LOOKS = 12  # at unseen text, in a training
LEARNED_FROM = 4_000_000  # characters that are enough to learn byte pairs from
# What decides how a pretraining goes, and what of it is planned unless it is typed.
SETTINGS = (
    "text", "model", "minutes", "steps", "tokenizer", "vocab_size", "context", "hidden_size", "batch_size",
    "learning_rate", "seed",
)  # fmt: skip
PLANNED = ("vocab_size", "context", "batch_size", "learning_rate")


def pretrain(options: Namespace, began: float) -> int:
    """Pretrain a Decoder or a BigModel, and leave in the run the weights with which unseen text costs least.

    Its minutes began when ``time.perf_counter()`` was ``began``.
    """
    check(options)
    folder = options.folder or Path("runs") / (options.text.expanduser().resolve().stem if options.text else "docs")
    plan = kept(options, folder)
    if options.model == "decoder" and options.steps is None:
        watch = in_minutes(options, folder, plan, began)
    else:
        watch = in_steps(options, folder)
    if not watch.over:
        return STOPPED
    if options.steps is None:
        soften(folder, watch.unseen)
    say(watch.verdict())
    say(f'Now try:\n  python -m bigmodel generate --run {folder} --prompt "{watch.unseen.opening}"')
    return 0


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


def kept(options: Namespace, folder: Path) -> Plan | None:
    """The plan that lies in the folder of a run, if it was begun with these settings; keep them otherwise.

    Raises:
        ValueError: a pretraining with other settings lies there.
    """
    path, now = folder / SETTINGS_FILE, typed(options)
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


def typed(options: Namespace) -> dict[str, Any]:
    """The settings that were typed, as they are kept beside a run."""
    path = str(options.text.expanduser().resolve()) if options.text else None
    return {name: getattr(options, name) for name in SETTINGS} | {"text": path}


def described(settings: dict[str, Any], names: list[str]) -> str:
    """Settings as they are typed."""
    words = {name: "text" if name == "text" else f"--{name.replace('_', '-')}" for name in names}
    return ", ".join(
        f"the usual {words[name]}" if settings.get(name) is None else f"{words[name]} {settings[name]}"
        for name in names
    )


def in_minutes(options: Namespace, folder: Path, plan: Plan | None, began: float) -> Watch:
    """A Decoder that is planned for the time."""
    minutes = options.minutes or 1
    size = text.size(options.text) if options.text else DOCUMENTATION
    if plan is None:
        say("Measuring this machine")
        chosen = {name: getattr(options, name) for name in PLANNED if getattr(options, name)}
        plan = replace(planned(60 * minutes, size, *measured()), **chosen)
    training, fresh = read(options, plan.at_most)
    tokenizer = train_tokenizer(options, training, plan.vocab_size)
    ids = torch.tensor(tokenizer.encode(training))  # (tokens,)
    torch.manual_seed(options.seed)
    model = plan.build(tokenizer.vocab_size)
    if not plan.seconds:
        step = seconds_a_step(model, plan.batch_size, plan.precision)
        plan = plan.timed(step, len(ids), time_left(minutes, time.perf_counter() - began))
        write(folder / SETTINGS_FILE, json.dumps(typed(options) | {"plan": asdict(plan)}, indent=2) + "\n")
    add_dropout(model, plan.dropout)
    tokens = plan.batch_size * plan.context
    limit = ", and no oftener, or it would be learned by heart" if plan.read > 0.9 * plan.epochs else ""
    say(
        f"Text: {len(training) + len(fresh):,} characters{' from all over it' if size > plan.at_most else ''}, a tenth "
        f"of them kept aside; {tokenizer.vocab_size:,} tokens of {len(training) / len(ids):.1f} characters.\n"
        f"Model: a Decoder of {plan.n_layer} layers of {plan.n_embd}, {num_parameters(model):,} parameters, that sees "
        f"{plan.context} tokens.\n"
        f"Time: {plan.seconds:.0f} seconds in {plan.precision}, about {plan.steps:,} steps of {tokens:,} tokens: "
        f"the text {plan.read:.1f} times{limit}."
    )
    checkpoint = Checkpoint(folder / CHECKPOINT, max(1, plan.steps // LOOKS))
    clock = Clock(plan.seconds, plan.learning_rate, checkpoint.history())
    watched = min(32_768, max(2048, int(0.005 * plan.steps * tokens)))  # a look takes 1/600 of the time
    unseen = Unseen.of(fresh, ids, tokenizer, plan.context, watched)
    watch = Watch(folder, tokenizer, unseen, lambda _: clock.share(), checkpoint)
    return watched_training(
        watch, checkpoint, model=model, data=windows(ids, plan.context, plan.stride), steps=sys.maxsize,
        learning_rate=clock.rate, optimizer=hurried(model), batch_size=plan.batch_size, seed=options.seed,
        precision=plan.precision, loss=quick_next_token_loss,
    )  # fmt: skip


def time_left(minutes: float, used: float) -> float:
    """The seconds of training that are left of some minutes, but for what it takes to judge the result.

    Raises:
        ValueError: most of the minutes are used up.
    """
    left = 60 * minutes * 0.97 - used - 0.5
    if left < 15 * minutes:
        raise ValueError(
            f"--minutes {minutes:g} leaves no time for training: reading and planning alone took {used:.0f} seconds. "
            f"Give it {math.ceil(used / 15)}."
        )
    return left


def in_steps(options: Namespace, folder: Path) -> Watch:
    """A small Decoder that sees all tokens of its context, or a BigModel that sees the last few."""
    steps, batch_size = options.steps or 1000, options.batch_size or 32
    training, fresh = read(options, at_most=max(20_000_000, 256 * steps * batch_size))
    tokenizer = train_tokenizer(options, training, 1000)
    ids = torch.tensor(tokenizer.encode(training))  # (tokens,)
    torch.manual_seed(options.seed)
    vocab_size = tokenizer.vocab_size
    model: nn.Module
    optimizer: Callable[..., torch.optim.Optimizer]
    if options.model == "decoder":
        window, usual = options.context or 64, 0.03
        model = decoder = Decoder(replace(PRESETS["tiny"], vocab_size=vocab_size, context=window))
        optimizer = partial(MuonAdamW, blocks=decoder.blocks)
    else:
        context, window, usual = options.context or 3, 16, 0.01
        big_model = BigModel(vocab_size * context, options.hidden_size or 256, vocab_size)
        model = nn.Sequential(OneHot(vocab_size, context), big_model)
        optimizer = torch.optim.AdamW
    say(f"Pretraining {num_parameters(model):,} parameters on {len(ids):,} tokens")
    checkpoint = Checkpoint(folder / CHECKPOINT, max(1, min(100, steps // LOOKS)))
    unseen = Unseen.of(fresh, ids, tokenizer, window, 4096)
    watch = Watch(folder, tokenizer, unseen, lambda done: done / steps, checkpoint)
    return watched_training(
        watch, checkpoint, model=model, data=windows(ids, window), steps=steps, optimizer=optimizer, seed=options.seed,
        learning_rate=partial(polynomial, T=steps, eta_0=options.learning_rate or usual, alpha=1.0),
        batch_size=batch_size,
    )  # fmt: skip


def watched_training(watch: Watch, checkpoint: Checkpoint, **how: Any) -> Watch:
    """Train, as ``train`` is told how, until all is done, or nothing more is to be gained, or Ctrl-C is pressed."""
    validation = Validation(watch.unseen.watched, checkpoint.every, watch.look)
    try:
        with watch.bar:
            history = train(clip=1.0, checkpoint=checkpoint, on_step=watch.step, validation=validation, **how)
    except FloatingPointError:
        raise ValueError(
            "the loss is no longer a number: this --learning-rate destroys the model. Use a smaller one."
        ) from None
    done = len(history.losses)
    if done not in history.validation_steps:
        watch.look(how["model"], watch.unseen.watched)
    watch.over = watch.over or not history.interrupted
    if not watch.over:
        print(f"\nStopped at step {done}, {watch.share(done):.0%} of all: the same command goes on.", file=sys.stderr)
    return watch


def read(options: Namespace, at_most: int) -> tuple[str, str]:
    """About so many bytes of the text at the most: those to train on, and the tenth that is kept aside."""
    say(f"Reading {options.text or 'the Python documentation'}")
    whole = text.load(options.text, at_most) if options.text else text.python_docs()
    return text.split(whole, seed=options.seed)


def train_tokenizer(options: Namespace, training: str, at_most: int) -> Tokenizer:
    """Train the tokenizer that was asked for; without a size, as many tokens as the text gives, up to ``at_most``."""
    if options.tokenizer == "bpe":
        if options.vocab_size is not None:
            return tokenizers.BytePairTokenizer.train(training, options.vocab_size)
        pieces = tokenizers.count_pieces(training[:LEARNED_FROM], tokenizers.CHUNKS)
        return tokenizers.BytePairTokenizer(tokenizers.learn_merges(pieces, at_most - tokenizers.SMALLEST))
    other = {"characters": tokenizers.CharacterTokenizer, "words": tokenizers.WordTokenizer}[options.tokenizer]
    return other.train(training, options.vocab_size or min(max(1000, at_most), other.train(training).vocab_size))
