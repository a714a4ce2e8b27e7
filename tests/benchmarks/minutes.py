"""What a minute buys: ``pretrain`` as a reader starts it, beside the small Decoder of fixed steps of before."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import measure
from benchmarks.loss import CORPORA
from benchmarks.measure import Part
from bigmodel import plot, text
from bigmodel.checkpoint import load_run
from bigmodel.data import windows
from bigmodel.train import evaluate

JUDGED = 200_000  # characters of the text kept aside


@dataclass(frozen=True)
class Outcome:
    """A command that was run: how long it took, how much memory it had at its peak, and what its model is worth."""

    plan: str
    seconds: float
    megabytes: float
    nats: float  # a character of the text kept aside


def pretrained(words: Sequence[str], source: Path, fresh: str, folder: Path) -> Outcome:
    """Run ``pretrain`` on a file as a user does, and judge its model on text that it never had."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "bigmodel", "pretrain", str(source), "--folder", str(folder), *words],
        stdout=subprocess.PIPE, text=True, encoding="utf-8",
    )  # fmt: skip
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begin
    if status:
        raise RuntimeError(f"pretrain {' '.join(words)} ended with {status}: {said}")
    run = load_run(folder)
    config = run.model.config
    nats = judged(folder, fresh)
    steps = re.search(r"about ([\d,]+) steps", said)
    plan = f"{config.n_layer} × {config.n_embd}, {run.tokenizer.vocab_size:,} tokens, {config.context} seen"
    return Outcome(plan + (f", {steps[1]} steps" if steps else ""), seconds, used.ru_maxrss / 1000, nats)


def judged(folder: Path, fresh: str) -> float:
    """Nats a character of some text, in windows as long as the run's context."""
    run = load_run(folder)
    ids = run.tokenizer.encode(fresh[:JUDGED])
    return evaluate(run.model, windows(ids, run.model.config.context)) * len(ids) / len(fresh[:JUDGED])


def fixed_steps(source: Path, fresh: str, seconds: float, folder: Path) -> list[str]:
    """The words for the small Decoder of before, with as many steps as the seconds hold, judged by 150 of them."""
    few, more = (
        pretrained(["--steps", str(steps)], source, fresh, folder / f"{steps}_steps").seconds for steps in (50, 200)
    )
    return ["--steps", str(max(1, int(50 + (seconds - few) / max(more - few, 0.1) * 150)))]


def compared(source: Path, fresh: str, minutes: float, folder: Path) -> dict[str, Outcome]:
    """The planned Decoder and that of fixed steps, in the same minutes on the same file."""
    before = fixed_steps(source, fresh, 60 * minutes, folder)
    return {
        "fixed steps": pretrained(before, source, fresh, folder / "before"),
        "bigmodel": pretrained(["--minutes", str(minutes)], source, fresh, folder / "now"),
    }


def halves(name: str) -> tuple[str, str]:
    """What is trained on and what is kept aside, of a corpus by the beginning of its name, or of a file.

    Of "documentation:20000", the first 20,000 characters are trained on, and the same text is kept aside.
    """
    name, size = name.rsplit(":", 1) if re.search(r":\d+$", name) else (name, "")
    corpus = next((read for known, read in CORPORA.items() if known.startswith(name)), None)
    training, fresh = text.split(corpus() if corpus else text.load(name))
    return training[: int(size)] if size else training, fresh


def run(folder: Path, minutes: Sequence[float] = (1.0,), texts: Sequence[str] = ("documentation", "source")) -> Part:
    """Pretrain for each time on each text, both ways."""
    rows = []
    for name in texts:
        training, fresh = halves(name)
        found: dict[str, list[float]] = {}
        for given in minutes:
            with TemporaryDirectory() as place:
                source = Path(place) / "text.txt"
                source.write_text(training, encoding="utf-8")
                outcomes = compared(source, fresh, given, Path(place))
            for recipe, outcome in outcomes.items():
                found.setdefault(recipe, []).append(outcome.nats)
                less = 1 - outcome.nats / outcomes["fixed steps"].nats
                rows.append((
                    Path(name).name, f"{given:g}", recipe, outcome.plan, f"{outcome.seconds:.0f}",
                    f"{outcome.megabytes:,.0f}", f"{outcome.nats:.3f}", f"{less:.1%}",
                ))  # fmt: skip
                print(*rows[-1], sep=", ", flush=True)  # hours may pass until the table
        draw(found, minutes, Path(name).name, folder)
    header = ("text", "minutes", "recipe", "model", "seconds", "MB at the peak", "nats a character", "less")
    note = (
        "Each row is one command from its start to its end, reading, tokenizer and start of Python included. The text "
        "kept aside is in no file that a command was given; both are judged on it by the same code."
    )
    return Part("What a minute buys", header, tuple(rows), (note,))


def draw(found: Mapping[str, Sequence[float]], minutes: Sequence[float], corpus: str, folder: Path) -> None:
    """Nats a character against minutes."""
    ax = plot.axes(f"What a minute buys: {corpus}", "minutes", "nats a character of unseen text")
    for (name, nats), colour in zip(found.items(), (plot.GREY, plot.BLUE), strict=True):
        ax.plot(minutes, nats, "o-", color=colour, label=name)
    ax.set_xscale("log")
    ax.legend()
    measure.save(ax, "minutes_" + re.sub(r"\W+", "_", corpus), folder)
