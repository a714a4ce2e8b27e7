"""``pretrain`` and ``generate``: a model of one's own, from a shell."""

import json
import math
import sys
from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import torch
from torch import nn
from torch.utils.data import TensorDataset

from bigmodel import text
from bigmodel import tokenizer as tokenizers
from bigmodel.checkpoint import Checkpoint, load_run, save_run
from bigmodel.data import windows
from bigmodel.decoder import PRESETS, Decoder
from bigmodel.generate import Sampling, stream
from bigmodel.lab.course import write
from bigmodel.model import BigModel, OneHot, num_parameters
from bigmodel.optimizer import MuonAdamW
from bigmodel.schedule import polynomial
from bigmodel.tokenizer import Tokenizer
from bigmodel.train import evaluate, train

CHECKPOINT = "checkpoint.pth"
STOPPED = 130
VOCAB_SIZE = 1000
VALIDATION_TOKENS = 4096
# What decides how a pretraining goes.
SETTINGS = (
    "text", "model", "steps", "tokenizer", "vocab_size", "context", "hidden_size", "batch_size", "learning_rate",
    "seed",
)  # fmt: skip


def pretrain(options: Namespace) -> int:
    """Pretrain a BigModel or a Decoder on text and write it as a run."""
    if options.model == "decoder" and options.hidden_size:
        raise ValueError("--hidden-size is that of a bigmodel: leave it out for --model decoder.")
    say(f"Reading {options.text or 'the Python documentation'}")
    whole = text.load(options.text) if options.text else text.python_docs()
    training, fresh = text.split(whole, seed=options.seed)
    folder = options.folder or Path("runs") / (options.text.expanduser().resolve().stem if options.text else "docs")
    keep_settings(options, folder)
    say(f"Training the tokenizer on {len(training):,} characters")
    tokenizer = train_tokenizer(options.tokenizer, training, options.vocab_size)
    torch.manual_seed(options.seed)
    plan = make_plan(options, tokenizer.vocab_size)
    data = windows(tokenizer.encode(training), plan.window)
    say(f"Pretraining {num_parameters(plan.model):,} parameters on {data.tensors[0].numel():,} tokens")
    try:
        history = train(
            plan.model, data, steps=options.steps, optimizer=plan.optimizer, batch_size=options.batch_size, clip=1.0,
            learning_rate=partial(polynomial, T=options.steps, eta_0=plan.learning_rate, alpha=1.0),
            seed=options.seed, checkpoint=Checkpoint(folder / CHECKPOINT),
        )  # fmt: skip
    except FloatingPointError:
        raise ValueError(
            f"the loss is no longer a number with --learning-rate {plan.learning_rate:g}: use a smaller one."
        ) from None
    save_run(folder, plan.model, tokenizer)
    if history.interrupted:
        done = len(history.losses)
        print(f"\nStopped at step {done} of {options.steps}: the same command goes on.", file=sys.stderr)
        return STOPPED
    unseen = windows(tokenizer.encode(fresh), plan.window)[: VALIDATION_TOKENS // plan.window]
    loss = evaluate(plan.model, TensorDataset(*unseen))
    say(verdict(loss, fmean(history.losses[-20:]), blind=math.log(tokenizer.vocab_size)))
    say(f'Now try:\n  python -m bigmodel generate --run {folder} --prompt "{opening(fresh)}"')
    return 0


def keep_settings(options: Namespace, folder: Path) -> None:
    """Write the settings into the folder of a run.

    Raises:
        ValueError: a pretraining with other settings lies there.
    """
    path = folder / "settings.json"
    now = {name: getattr(options, name) for name in SETTINGS}
    now["text"] = str(options.text.expanduser().resolve()) if options.text else None
    before = json.loads(path.read_bytes()) if path.exists() and (folder / CHECKPOINT).exists() else now
    different = [name for name in now if before.get(name) != now[name]]
    if different:
        raise ValueError(
            f"{folder} holds a pretraining with {described(before, different)}, and this one has "
            f"{described(now, different)}: give this one a folder of its own with --folder, or delete {folder}."
        )
    write(path, json.dumps(now, indent=2) + "\n")


def described(settings: dict[str, object], names: list[str]) -> str:
    """Settings as they are typed."""
    words = {name: "text" if name == "text" else f"--{name.replace('_', '-')}" for name in names}
    return ", ".join(
        f"the usual {words[name]}" if settings.get(name) is None else f"{words[name]} {settings[name]}"
        for name in names
    )


def verdict(loss: float, training_loss: float, blind: float) -> str:
    """What the loss on fresh text means, beside that of a ``blind`` guess, which no model should exceed."""
    found = f"Loss on text it has not seen: {loss:.2f} nats a token; guessing blindly costs {blind:.2f}."
    if loss <= blind:
        return found
    if training_loss <= blind:
        return f"{found}\nIt has learned its text by heart: fewer --steps or more text will do better."
    return f"{found}\nIt has not learned: a smaller --learning-rate will do better."


class Plan(NamedTuple):
    """What the two kinds of model do differently in ``pretrain``; window counts the tokens in a piece of text."""

    model: nn.Module
    optimizer: Callable[..., torch.optim.Optimizer]
    learning_rate: float
    window: int


def make_plan(options: Namespace, vocab_size: int) -> Plan:
    """A small Decoder that sees all tokens of its context, or a BigModel that sees the last few."""
    if options.model == "decoder":
        context = options.context or 64
        decoder = Decoder(replace(PRESETS["tiny"], vocab_size=vocab_size, context=context))
        optimizer = partial(MuonAdamW, blocks=decoder.blocks)
        return Plan(decoder, optimizer, options.learning_rate or 0.03, window=context)
    context = options.context or 3
    big_model = BigModel(vocab_size * context, options.hidden_size or 256, vocab_size)
    model = nn.Sequential(OneHot(vocab_size, context), big_model)
    return Plan(model, torch.optim.AdamW, options.learning_rate or 0.01, window=16)


def opening(text: str) -> str:
    """The first word of a text that has letters only, to begin with; its first character where there is none."""
    return next((word for word in text.split() if word.isalpha() and len(word) < 20), text.strip()[:1])


def train_tokenizer(kind: str, training: str, vocab_size: int | None) -> Tokenizer:
    """Train the tokenizer that a word names; without a size, as many tokens as the text gives, up to VOCAB_SIZE."""
    if kind == "bpe":
        if vocab_size is not None:
            return tokenizers.BytePairTokenizer.train(training, vocab_size)
        room = VOCAB_SIZE - tokenizers.SMALLEST
        pieces = tokenizers.count_pieces(training, tokenizers.CHUNKS)
        return tokenizers.BytePairTokenizer(tokenizers.learn_merges(pieces, room))
    other = tokenizers.CharacterTokenizer if kind == "characters" else tokenizers.WordTokenizer
    return other.train(training, vocab_size or min(VOCAB_SIZE, other.train(training).vocab_size))


def generate(options: Namespace) -> None:
    """Stream the text that a run's model writes."""
    run = load_run(options.run or latest_run())
    sampling = Sampling(options.temperature, options.top_k, options.top_p, options.seed)
    print(options.prompt, end="", flush=True)
    for piece in stream(run.model, run.tokenizer, options.prompt, options.length, sampling):
        print(piece, end="", flush=True)
    print()


def latest_run() -> Path:
    """The run in ``runs/`` that was written last.

    Raises:
        FileNotFoundError: there is none.
    """
    configs = sorted(Path("runs").glob("*/config.json"), key=lambda path: path.stat().st_mtime)
    if not configs:
        raise FileNotFoundError("there is no run in runs/ yet: make one with `python -m bigmodel pretrain`.")
    return configs[-1].parent


def say(line: str) -> None:
    """A line as soon as it is known."""
    print(line, flush=True)
