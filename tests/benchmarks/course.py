"""The course itself: how long each notebook takes, what it imports, and how soon the first text is written."""

import ast
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nbformat.v4 import new_code_cell

from benchmarks import measure
from benchmarks.measure import Part
from bigmodel import plot
from bigmodel.lab import course, execution

FIRST_TEXT = (
    ("pretrain", "--folder", "run"),
    ("generate", "--run", "run", "--prompt", "The function", "--length", "100"),
)


# In a notebook's last cell. Linux also counts for a process what it was as a copy of its parent, but not in VmHWM;
# macOS counts bytes, and Windows has no such count.
PEAK = """\
import sys
if sys.platform == "linux":
    lines = open("/proc/self/status").read().splitlines()
    print(*[int(line.split()[1]) // 2**10 for line in lines if line.startswith("VmHWM")])
elif sys.platform == "darwin":
    import resource
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 2**20)
else:
    print(0)
"""


def code_of(path: Path) -> str:
    """All code of a notebook, as one program."""
    cells = course.load_notebook(path)["cells"]
    return "\n".join(course.source(cell) for cell in cells if cell["cell_type"] == "code")


def imports_of(code: str) -> str:
    """The import statements of a program, as a program."""
    nodes = ast.walk(ast.parse(code))
    return "\n".join(ast.unparse(node) for node in nodes if isinstance(node, ast.Import | ast.ImportFrom))


def unused_imports(code: str) -> list[str]:
    """The names that a program imports and never uses."""
    tree = ast.parse(code)
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {(alias.asname or alias.name).split(".")[0] for node in imports for alias in node.names}
    return sorted(names - {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)})


def python_seconds(arguments: Sequence[str], folder: Path) -> float:
    """How long a Python of its own takes, from its start to its end; raises CalledProcessError if it fails."""
    command = [sys.executable, *arguments]
    environment = execution.kernel_environment()
    return measure.seconds(
        lambda: subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    )


@dataclass(frozen=True)
class Row:
    """What one notebook took; ``imports`` are the seconds of its imports alone, ``unused`` those for nothing."""

    name: str
    seconds: float
    imports: float
    mebibytes: int  # the most memory that its kernel ever held
    unused: str


def measure_notebook(path: Path, folder: Path) -> Row:
    """Execute a notebook in a folder, with one more cell at its end that asks how much memory it took."""
    code, notebook = code_of(path), course.load_notebook(path)
    imports = python_seconds(["-c", imports_of(code)], folder)
    notebook["cells"].append(new_code_cell(PEAK))
    start = time.perf_counter()
    executed, failure = execution.execute(notebook, folder, execution.kernel_environment())
    seconds = time.perf_counter() - start
    if failure:
        raise ValueError(f"{path.stem}: {failure}")
    (said,) = executed["cells"][-1]["outputs"]
    return Row(path.stem, seconds, imports, int("".join(said["text"])), ", ".join(unused_imports(code)) or "nothing")


def run(
    folder: Path, notebooks: Sequence[Path] | None = None, first_text: Sequence[Sequence[str]] = FIRST_TEXT
) -> Part:
    """Execute the notebooks one at a time, in order and in one folder; then pretrain from nothing and write."""
    paths = course.originals() if notebooks is None else notebooks
    with tempfile.TemporaryDirectory() as place:
        found = [measure_notebook(path, Path(place)) for path in paths]
        writing = [python_seconds(["-m", "bigmodel", *words], Path(place)) for words in first_text]
    rows = [(row.name, f"{row.seconds:.1f}", f"{row.imports:.1f}", f"{row.mebibytes:,}", row.unused) for row in found]
    rows.append(("all notebooks", f"{sum(row.seconds for row in found):.1f}", "", "", ""))
    for words, seconds in zip(first_text, writing, strict=True):
        rows.append((f"python -m bigmodel {words[0]}", f"{seconds:.1f}", "", "", ""))
    rows.append(("first text of a model of one's own", f"{sum(writing):.1f}", "", "", ""))
    ax = plot.axes("Seconds of each notebook", "seconds", "", height=1 + 0.3 * len(found))
    names = [row.name for row in found]
    ax.barh(names, [row.seconds for row in found], color=plot.BLUE, label="whole")
    ax.barh(names, [row.imports for row in found], color=plot.GREY, label="imports")
    ax.invert_yaxis()
    ax.legend()
    measure.save(ax, "course", folder)
    header = ("what", "seconds", "of which imports", "most memory, MiB", "imported for nothing")
    return Part("The course", header, tuple(rows), NOTES)


NOTES = (
    "Measured once, one program at a time, each in a Python of its own. The imports are those of a fresh Python, its "
    "start included. The first text is that of the two commands, with an environment that is already there.",
)
