"""``python -m bigmodel bench``: measure one part or all, print its table, draw its picture."""

import argparse
import importlib
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

BENCHMARKS = ("loss", "minutes", "ingredients", "floor", "training", "sampling", "tokenizer", "course", "scaling")


def main(arguments: Sequence[str]) -> None:
    """Measure the parts that the words name, or all."""
    words = argparse.ArgumentParser(prog="python -m bigmodel bench")
    words.add_argument("parts", nargs="*", metavar="part")
    words.add_argument("--folder", type=Path, default=Path("runs/bench"))
    words.add_argument("--minutes", type=float, nargs="+", metavar="N", help="what `minutes` gives each text")
    words.add_argument(
        "--texts", nargs="+", metavar="TEXT",
        help="documentation, source, or a file; documentation:20000 is 20,000 characters to train on",
    )  # fmt: skip
    options = words.parse_args(arguments)
    for part in set(options.parts) - set(BENCHMARKS):
        words.error(f"{part!r} is not one of: {', '.join(BENCHMARKS)}")
    chosen = {name: value for name in ("minutes", "texts") if (value := getattr(options, name))}
    if chosen and options.parts != ["minutes"]:
        words.error("--minutes and --texts are for one part alone: add the word minutes, and no other.")
    import matplotlib

    from benchmarks import measure

    matplotlib.use("agg")
    os.environ["BIGMODEL_STATIC"] = "1"  # no progress bars between the tables
    options.folder.mkdir(parents=True, exist_ok=True)
    machine = measure.machine()
    (options.folder / "machine.md").write_text(str(machine), encoding="utf-8")
    print(machine, flush=True)
    for part in options.parts or BENCHMARKS:
        start = time.perf_counter()
        found = importlib.import_module(f"benchmarks.{part}").run(options.folder, **chosen)
        (options.folder / f"{part}.md").write_text(str(found), encoding="utf-8")
        print(f"{found}\nmeasured in {time.perf_counter() - start:.0f} s\n", flush=True)
    (options.folder / "README.md").write_text(page(options.folder), encoding="utf-8")
    print(f"The pictures, and these tables, are in {options.folder}")


def page(folder: Path) -> str:
    """The tables that lie in a folder, each with its pictures, as one page of Markdown."""
    parts = [part for part in ("machine", *BENCHMARKS) if (folder / f"{part}.md").exists()]
    sections = ["# What `python -m bigmodel bench` measured\n"]
    for part in parts:
        sections.append((folder / f"{part}.md").read_text(encoding="utf-8"))
        sections += [f"![{path.stem}]({path.name})\n" for path in sorted(folder.glob(f"{part}*.svg"))]
    return "\n".join(sections)


if __name__ == "__main__":
    main(sys.argv[1:])
