"""What each word of ``python -m bigmodel`` does; every function returns the exit status, None for 0.

Only the standard library is imported at the top: parts of this run before anything is installed.
"""

import os
import sys
import time
from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bigmodel import course, environment

if TYPE_CHECKING:
    import torch
    from torch import nn

    from bigmodel.tokenizer import Tokenizer

STOPPED = 130
VOCAB_SIZE = 1000
VALIDATION_TOKENS = 4096
BENCHMARKS = ("loss", "ingredients", "floor", "training", "sampling", "tokenizer", "course", "scaling")


def lab(options: Namespace) -> int:
    """Open JupyterLab on the first notebook, in the learner's copies or among the originals."""
    notebooks = course.originals()
    if not notebooks:
        raise ValueError(
            f"there are no notebooks in {course.NOTEBOOKS}: clone the whole repository and start there."
        )
    folder = course.NOTEBOOKS if options.originals else course.COPIES
    if not options.originals:
        for path in course.make_copies():
            print(f"Your copy: {path.parent.name}/{path.name}")
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder.parent}"]
    command += [f"--LabApp.default_url=/lab/tree/{folder.name}/{notebooks[0].name}", "--log-level=WARN"]
    # Lab would ask about news and look for updates; a course that works offline does neither.
    command += [f"--LabApp.app_settings_dir={Path(__file__).parent / 'jupyterlab'}"]
    command += ["--no-browser"] if options.no_browser else []
    command += [f"--ServerApp.port={options.port}"] if options.port else []
    command += ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    print("Starting JupyterLab; press Ctrl-C here twice to stop it.", flush=True)
    return environment.call(command)


def test(options: Namespace) -> int:
    """Run pytest at the root of the repository, as pyproject.toml configures it."""
    os.chdir(environment.ROOT)
    return environment.call([sys.executable, "-m", "pytest", *options.pytest])


def bench(options: Namespace) -> int:
    """Measure bigmodel beside its peers; the benchmarks are programs beside the tests, and no tests."""
    folder = options.folder.expanduser().resolve()
    if not (environment.ROOT / "tests" / "benchmarks").exists():
        raise ValueError(f"there are no benchmarks in {environment.ROOT}: clone the whole repository.")
    os.chdir(environment.ROOT / "tests")
    return environment.call([sys.executable, "-m", "benchmarks", *options.parts, "--folder", folder])


def run(options: Namespace) -> int:
    """Execute one notebook and write its page, or list the notebooks."""
    if options.notebook is None:
        list_notebooks()
        return 0
    start = time.monotonic()
    notebook, page, failure = course.run(options.notebook, options.to)
    kind = "your copy" if notebook.parent == course.COPIES else "the original"
    print(f"{notebook.stem} ({kind}), {time.monotonic() - start:.0f} s: {page}")
    if failure:
        print(f"{notebook.stem}: {failure}", file=sys.stderr)
    return 1 if failure else 0


def list_notebooks() -> None:
    """Print each notebook's number and name."""
    for path in course.originals():
        mine = "   (you have a copy)" if (course.COPIES / path.name).exists() else ""
        print(f"{path.stem}{mine}")


def reset(options: Namespace) -> None:
    """Bring one notebook back."""
    copy, kept = course.reset(options.notebook)
    print(f"{copy} is the original again." + (f" What you had: {kept}" if kept else ""))


def regenerate(options: Namespace) -> int:
    """Execute notebooks and write them in canonical form."""
    paths = [course.find(name) for name in options.notebooks] or course.originals()
    status = 0
    for path in paths:
        start = time.monotonic()
        changed, failure = course.regenerate(path)
        result = failure or ("rewritten" if changed else "unchanged")
        print(f"{path.stem}: {result}, {time.monotonic() - start:.1f} s", flush=True)
        status = 1 if failure else status
    return status


def pretrain(options: Namespace) -> int:
    """Pretrain a BigModel or a Decoder on text and write it as a run."""
    import torch

    from bigmodel import text
    from bigmodel.checkpoint import save_run
    from bigmodel.data import windows
    from bigmodel.model import num_parameters
    from bigmodel.schedule import polynomial
    from bigmodel.train import evaluate, train

    name = options.text.expanduser().resolve().stem if options.text else "docs"
    folder = options.folder or Path("runs") / name
    print(f"Reading {options.text or 'the Python documentation'}", flush=True)
    training, fresh = text.split(
        text.load(options.text) if options.text else text.python_docs(), seed=options.seed
    )
    print(f"Training the tokenizer on {len(training):,} characters", flush=True)
    tokenizer = train_tokenizer(options.tokenizer, training, options.vocab_size)
    torch.manual_seed(options.seed)
    plan = (plan_decoder if options.model == "decoder" else plan_big_model)(options, tokenizer.vocab_size)
    data = windows(tokenizer.encode(training), plan.window)
    folder.mkdir(parents=True, exist_ok=True)
    print(
        f"Pretraining {num_parameters(plan.model):,} parameters on {data.tensors[0].numel():,} tokens",
        flush=True,
    )
    history = train(
        plan.model, data, steps=options.steps, optimizer=plan.optimizer, batch_size=options.batch_size, clip=1.0,
        learning_rate=partial(
            polynomial, T=options.steps, eta_0=options.learning_rate or plan.learning_rate, alpha=1.0
        ),
        seed=options.seed, checkpoint=folder / "checkpoint.pth",
    )  # fmt: skip
    save_run(folder, plan.model, tokenizer)
    if history.interrupted:
        print(
            f"\nStopped at step {len(history.losses)} of {options.steps}: the same command goes on.",
            file=sys.stderr,
        )
        return STOPPED
    unseen = windows(tokenizer.encode(fresh), plan.window)[: VALIDATION_TOKENS // plan.window]
    loss = evaluate(plan.model, torch.utils.data.TensorDataset(*unseen))
    print(f"Loss on text it has not seen: {loss:.2f} nats a token. Now try:")
    print(f'  python -m bigmodel generate --run {folder} --prompt "{opening(fresh)}"')
    return 0


class Plan(NamedTuple):
    """What the two kinds of model do differently in ``pretrain``; window counts the tokens in a piece of text."""

    model: "nn.Module"
    optimizer: Callable[..., "torch.optim.Optimizer"]
    learning_rate: float
    window: int


def plan_big_model(options: Namespace, vocab_size: int) -> Plan:
    """A BigModel that sees the last few tokens."""
    import torch
    from torch import nn

    from bigmodel.model import BigModel, OneHot

    context = options.context or 3
    reader = OneHot(vocab_size, context)
    big_model = BigModel(vocab_size * context, options.hidden_size, vocab_size)
    return Plan(nn.Sequential(reader, big_model), torch.optim.AdamW, 0.01, window=16)


def plan_decoder(options: Namespace, vocab_size: int) -> Plan:
    """A small Decoder that sees all tokens of its context."""
    from bigmodel.decoder import PRESETS, Decoder
    from bigmodel.optimizer import MuonAdamW

    context = options.context or 64
    decoder = Decoder(replace(PRESETS["tiny"], vocab_size=vocab_size, context=context))
    return Plan(decoder, partial(MuonAdamW, blocks=decoder.blocks), 0.03, window=context)


def opening(text: str) -> str:
    """The first word of a text that has letters only, to begin with; its first character where there is none."""
    return next((word for word in text.split() if word.isalpha() and len(word) < 20), text.strip()[:1])


def train_tokenizer(kind: str, training: str, vocab_size: int | None) -> "Tokenizer":
    """Train the tokenizer that a word names; without a size, as many tokens as the text gives, up to VOCAB_SIZE."""
    from bigmodel import tokenizer

    if kind == "bpe":
        if vocab_size is not None:
            return tokenizer.BytePairTokenizer.train(training, vocab_size)
        room = VOCAB_SIZE - tokenizer.SMALLEST
        return tokenizer.BytePairTokenizer(
            tokenizer.learn_merges(tokenizer.count_pieces(training, tokenizer.CHUNKS), room)
        )
    other = tokenizer.CharacterTokenizer if kind == "characters" else tokenizer.WordTokenizer
    return other.train(training, vocab_size or min(VOCAB_SIZE, other.train(training).vocab_size))


def generate(options: Namespace) -> None:
    """Stream the text that a run's model writes."""
    from bigmodel.checkpoint import load_run
    from bigmodel.generate import Sampling, stream

    run = load_run(options.run or latest_run())
    sampling = Sampling(options.temperature, options.top_k, options.top_p, options.seed)
    pieces = stream(run.model, run.tokenizer, options.prompt, options.length, sampling)
    print(options.prompt, end="", flush=True)
    for piece in pieces:
        print(piece, end="", flush=True)
    print()


def latest_run() -> Path:
    """The run in ``runs/`` that was written last; FileNotFoundError when there is none."""
    configs = sorted(Path("runs").glob("*/config.json"), key=lambda path: path.stat().st_mtime)
    if not configs:
        raise FileNotFoundError("there is no run in runs/ yet: make one with `python -m bigmodel pretrain`.")
    return configs[-1].parent
