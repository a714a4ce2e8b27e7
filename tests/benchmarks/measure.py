"""Taking turns, medians and quartiles, tables and pictures, and the machine that all of it was measured on."""

import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from bigmodel import plot

Result = TypeVar("Result")


@dataclass(frozen=True)
class Spread:
    """The middle of several measurements, and the quartiles on both sides of it."""

    low: float
    median: float
    high: float

    def __str__(self) -> str:
        if self.low == self.high:
            return figure(self.median)
        return f"{figure(self.median)} ({figure(self.low)} – {figure(self.high)})"


@dataclass(frozen=True)
class Part:
    """What a part of the benchmarks found: a table, and sentences below it."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        paragraphs = [f"## {self.title}", table(self.header, self.rows), *self.notes]
        return "\n\n".join(paragraphs) + "\n"


def spread(values: Sequence[float]) -> Spread:
    """The quartiles of some measurements."""
    low, median, high = np.quantile(values, [0.25, 0.5, 0.75])
    return Spread(float(low), float(median), float(high))


def take_turns(cases: Mapping[str, Callable[[], Result]], rounds: int) -> dict[str, list[Result]]:
    """Call every case once a round, one after the other, and return what each gave, by its name.

    What disturbs the machine for a while disturbs all cases alike. A round before the first warms caches up, and
    does not count.
    """
    for action in cases.values():
        action()
    results: dict[str, list[Result]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, action in cases.items():
            results[name].append(action())
    return results


def seconds(action: Callable[[], object]) -> float:
    """How long an action takes, in seconds of the clock on the wall."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Quartiles of ours ÷ theirs, turn by turn: both of a turn had the same machine."""
    return spread([a / b for a, b in zip(ours, theirs, strict=True)])


def figure(value: float) -> str:
    """A number with three digits that count, and a comma at each thousand."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.{2 if value < 10 else 1}f}" if value >= 0.1 else f"{value:.2g}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown whose columns stand straight in a terminal too; numbers to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [
        " | ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in (header, *rows)
    ]
    rule = "-|-".join("-" * width for width in widths)
    return "\n".join(f"| {line} |" for line in [lines[0], rule, *lines[1:]])


def save(ax: Axes, name: str, folder: Path) -> None:
    """Write the picture to FOLDER/NAME.svg, and let go of it."""
    plot.save(ax, name, folder)
    plt.close("all")


def bars(title: str, x: str, values: Mapping[str, Spread]) -> Axes:
    """Draw one bar a case, with its quartiles and its median in figures."""
    ax = plot.axes(title, x, "", height=0.9 + 0.36 * len(values))
    for place, (name, value) in enumerate(values.items()):
        ax.barh(place, value.median, color=plot.BLUE if name.startswith("bigmodel") else plot.GREY)
        ax.plot([value.low, value.high], [place, place], color=plot.INK)
        ax.text(value.high, place, f"  {figure(value.median)}", va="center", fontsize=9)
    ax.set_yticks(range(len(values)), values)
    ax.invert_yaxis()
    ax.margins(x=0.12)
    ax.grid(visible=False, axis="y")
    return ax


def product_rate(dtype: torch.dtype, size: int = 1024, rounds: int = 7) -> Spread:
    """Floating-point operations a second of a product of two square matrices: the limit of all that is below."""
    left, right = (torch.randn(size, size).to(dtype) for _ in range(2))
    turns = take_turns({"product": lambda: seconds(lambda: left @ right)}, rounds)["product"]
    return spread([2 * size**3 / turn for turn in turns])


def fast_precision() -> str:
    """The precision in which this processor trains sooner: "bfloat16" where its products are faster in it."""
    rates = {dtype: product_rate(dtype, rounds=3).median for dtype in (torch.float32, torch.bfloat16)}
    return "bfloat16" if rates[torch.bfloat16] > 1.2 * rates[torch.float32] else "float32"


def machine() -> Part:
    """Describe the machine that this runs on."""
    rates = {name: product_rate(getattr(torch, name)) for name in ("float32", "bfloat16")}
    facts = {
        "processor": processor(),
        "cores, and threads that torch uses": f"{os.cpu_count()}, {torch.get_num_threads()}",
        "busy before we began (load average)": load(),
        "system, Python, torch": f"{platform.system()}, {platform.python_version()}, {torch.__version__}",
        "widest vector instructions": torch.backends.cpu.get_cpu_capability(),
        "bfloat16 in hardware": "yes" if torch.cpu._is_avx512_bf16_supported() else "not known of",
        **{f"matrix product, {name}": f"{rate.median / 1e9:,.0f} GFLOP/s" for name, rate in rates.items()},
    }
    return Part("The machine", ("", ""), tuple(facts.items()))


def processor() -> str:
    """The name that the processor gives itself, where the system tells."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text(encoding="utf-8").splitlines() if facts.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def load() -> str:
    """How many programs wanted a core in the last minute, where the system tells."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "not known"
