"""How the training rate depends on parameters, batch and context, and where the time of a step goes."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from torch.profiler import ProfilerActivity, profile

from benchmarks import measure
from benchmarks.measure import Part, Spread
from benchmarks.training import PRECISIONS, Shape, trainer
from bigmodel import plot
from bigmodel.decoder import Decoder
from bigmodel.model import num_parameters
from bigmodel.optimizer import MuonAdamW

BASE = Shape(4, 4, 128)
SWEEPS: dict[str, tuple[Shape, ...]] = {
    "parameters": tuple(replace(BASE, n_embd=32 * heads, n_head=heads) for heads in (1, 2, 4, 6, 8)),
    "rows in a batch": tuple(replace(BASE, batch_size=rows) for rows in (1, 4, 16, 64)),
    "context": tuple(replace(BASE, batch_size=2048 // length, length=length) for length in (32, 128, 512)),
}
# The kinds of operations that a step consists of, and the words by which their names are known.
KINDS = {
    "matrix products": ("mm", "addmm", "bmm", "baddbmm"),
    "softmax and loss": ("softmax", "nll_loss"),
    "GELU": ("gelu",),
    "layer norm": ("layer_norm",),
    "copies": ("copy_", "cat", "clone", "stack", "embedding", "index"),
    "sums, products, roots": (
        "add",
        "sub",
        "mul",
        "div",
        "neg",
        "pow",
        "sqrt",
        "lerp",
        "sum",
        "norm",
        "adamw",
    ),
}


def our_trainer(shape: Shape, precision: str) -> Callable[[], float]:
    """One step of our Decoder with our optimizer."""
    model = Decoder(shape.config())
    return trainer(model, MuonAdamW(model.parameters(), 0.01, model.blocks), shape, precision)


def rates(shapes: tuple[Shape, ...], rounds: int) -> dict[str, list[Spread]]:
    """Tokens a second at each shape, in each precision; all of them take turns."""
    steps = {
        f"{place} {precision}": our_trainer(shape, precision)
        for place, shape in enumerate(shapes)
        for precision in PRECISIONS
    }
    turns = measure.take_turns(steps, rounds)
    return {
        precision: [
            measure.spread([shape.batch_size * shape.length / turn for turn in turns[f"{place} {precision}"]])
            for place, shape in enumerate(shapes)
        ]
        for precision in PRECISIONS
    }


def scale(quantity: str, shape: Shape) -> int:
    """Where a shape stands on the axis of a sweep."""
    if quantity == "parameters":
        return num_parameters(Decoder(shape.config()))
    return shape.length if quantity == "context" else shape.batch_size


def kind_of(operation: str) -> str:
    """The kind of an operation of torch, by its name."""
    name = operation.removeprefix("aten::").strip("_")
    for kind, words in KINDS.items():
        if name in words or (kind != "matrix products" and any(word in name for word in words)):
            return kind
    return "everything else"


def time_by_kind(step: Callable[[], object]) -> dict[str, float]:
    """The share of a step's time that each kind of operation takes."""
    step()
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        step()
    times: Counter[str] = Counter()
    for event in profiler.key_averages():
        times[kind_of(event.key)] += event.self_cpu_time_total
    return {kind: times[kind] / times.total() for kind in (*KINDS, "everything else")}


def run(folder: Path, sweeps: Mapping[str, tuple[Shape, ...]] = SWEEPS, rounds: int = 3, base: Shape = BASE) -> Part:
    """Measure each sweep and draw it; then take a step apart."""
    rows = []
    for quantity, shapes in sweeps.items():
        found = rates(shapes, rounds)
        values = [scale(quantity, shape) for shape in shapes]
        draw(quantity, values, found, folder)
        for place, value in enumerate(values):
            rows.append((quantity, f"{value:,}", *(str(found[precision][place]) for precision in PRECISIONS)))
    shares = {precision: time_by_kind(our_trainer(base, precision)) for precision in PRECISIONS}
    draw_shares(shares, folder)
    for kind in shares[PRECISIONS[0]]:
        rows.append(("time of a step", kind, *(f"{shares[precision][kind]:.0%}" for precision in PRECISIONS)))
    header = ("what", "", *(f"{precision} (tokens/s)" for precision in PRECISIONS))
    note = f"Else: {base.n_layer} layers, {base.n_embd} wide, {base.batch_size} rows of {base.length}; Muon."
    return Part("Scaling, and where the time goes", header, tuple(rows), (note,))


def draw(quantity: str, values: list[int], found: Mapping[str, list[Spread]], folder: Path) -> None:
    """Draw the rate against one quantity, both on scales of equal ratios."""
    ax = plot.axes(f"Training rate against {quantity}", quantity, "tokens a second")
    for (precision, spreads), colour in zip(found.items(), plot.CYCLE, strict=False):
        ax.plot(values, [one.median for one in spreads], "o-", color=colour, label=precision)
        ax.fill_between(values, [one.low for one in spreads], [one.high for one in spreads], color=colour, alpha=0.2)
    ax.set(xscale="log", yscale="log")
    ax.legend()
    measure.save(ax, f"scaling_{quantity.replace(' ', '_')}", folder)


def draw_shares(shares: Mapping[str, Mapping[str, float]], folder: Path) -> None:
    """Draw the time of a step, kind by kind, one bar a precision."""
    ax = plot.axes("Where the time of a step goes", "share of the time", "", height=2.4)
    colours = [*plot.CYCLE, plot.GREY]
    starts = dict.fromkeys(shares, 0.0)
    for kind, colour in zip(next(iter(shares.values())), colours, strict=True):
        for precision in shares:
            ax.barh(
                precision, shares[precision][kind], left=starts[precision], color=colour,
                label=kind if precision == PRECISIONS[0] else None,
            )  # fmt: skip
            starts[precision] += shares[precision][kind]
    ax.legend(ncols=4, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.3))
    measure.save(ax, "scaling_profile", folder)
