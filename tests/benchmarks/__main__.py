"""``python -m bigmodel bench``: measure one part or all, print its table, draw its picture."""

import argparse
import importlib
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bigmodel.lab.commands import BENCHMARKS


def main(arguments: Sequence[str]) -> None:
    """Measure the parts that the words name, or all."""
    words = argparse.ArgumentParser(prog="python -m bigmodel bench")
    words.add_argument("parts", nargs="*")
    words.add_argument("--folder", type=Path, required=True)
    words.add_argument("--minutes", nargs="+", type=float)
    words.add_argument("--texts", nargs="+")
    options = words.parse_args(arguments)
    chosen = {name: value for name in ("minutes", "texts") if (value := getattr(options, name))}
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
