"""``python -m bigmodel bench``: measure one part or all, print its table, draw its picture."""

import argparse
import importlib
import importlib.util
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

# The parts in their order, and the packages of others that each needs.
PARTS: dict[str, tuple[str, ...]] = {
    "loss": (),
    "ingredients": (),
    "floor": (),
    "training": ("transformers",),
    "sampling": ("transformers",),
    "tokenizer": ("tokenizers",),
    "course": (),
    "scaling": (),
}


def missing(parts: Sequence[str]) -> list[str]:
    """The packages that these parts need and this environment does not have."""
    return sorted(
        {package for part in parts for package in PARTS[part] if not importlib.util.find_spec(package)}
    )


def main(arguments: Sequence[str]) -> int:
    """Measure the parts that the words name and return the exit status."""
    words = argparse.ArgumentParser(prog="python -m bigmodel bench")
    words.add_argument("parts", nargs="*", choices=list(PARTS), metavar="part")
    words.add_argument("--folder", type=Path, required=True)
    options = words.parse_args(arguments)
    parts = options.parts or list(PARTS)
    if lacking := missing(parts):
        print(
            f"python -m bigmodel bench: {' and '.join(lacking)} must be there to be measured against: "
            f"{Path(sys.executable).name} -m pip install -r tests/benchmarks/requirements.txt",
            file=sys.stderr,
        )
        return 2
    import matplotlib

    from benchmarks import measure

    matplotlib.use("agg")
    os.environ["BIGMODEL_STATIC"] = "1"  # no progress bars between the tables
    options.folder.mkdir(parents=True, exist_ok=True)
    machine = measure.machine()
    (options.folder / "machine.md").write_text(str(machine), encoding="utf-8")
    print(machine, flush=True)
    for part in parts:
        start = time.perf_counter()
        found = importlib.import_module(f"benchmarks.{part}").run(options.folder)
        (options.folder / f"{part}.md").write_text(str(found), encoding="utf-8")
        print(f"{found}\nmeasured in {time.perf_counter() - start:.0f} s\n", flush=True)
    (options.folder / "README.md").write_text(page(options.folder), encoding="utf-8")
    print(f"The pictures, and these tables, are in {options.folder}")
    return 0


def page(folder: Path) -> str:
    """The tables that lie in a folder, each with its pictures, as one page of Markdown."""
    parts = [part for part in ("machine", *PARTS) if (folder / f"{part}.md").exists()]
    sections = ["# What `python -m bigmodel bench` measured\n"]
    for part in parts:
        sections.append((folder / f"{part}.md").read_text(encoding="utf-8"))
        sections += [f"![{path.stem}]({path.name})\n" for path in sorted(folder.glob(f"{part}*.svg"))]
    return "\n".join(sections)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
