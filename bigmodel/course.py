"""The course's notebooks: the learner's copies, executing, pages of HTML, canonical form.

A notebook is the plain dictionary that its JSON file holds. The originals in ``notebooks/`` are what the
tests run; learners work on copies in ``my-notebooks/``, without the solutions, which nothing overwrites.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bigmodel.environment import ROOT, child_environment
from bigmodel.files import write_whole

NOTEBOOKS = ROOT / "notebooks"
COPIES = ROOT / "my-notebooks"
FIGURES = ROOT / "figures"
KEPT_METADATA = ("jupyter", "slideshow", "tags")
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}

WIDGET = "application/vnd.jupyter.widget-view+json"

Notebook = dict[str, Any]


def originals() -> list[Path]:
    """The course's notebooks, in reading order."""
    return sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))


def find(name: str) -> Path:
    """The original that a number (3, 03), a name (03_pretraining, pretraining) or a path means.

    Raises ValueError when there is none.
    """
    word = Path(name).name.removesuffix(".ipynb")
    for path in originals():
        number, _, title = path.stem.partition("_")
        if word in (path.stem, title) or (word.isdecimal() and int(word) == int(number)):
            return path
    choices = ", ".join(path.stem for path in originals()) or "none yet"
    raise ValueError(f"there is no notebook {name!r}; the notebooks are: {choices}.")


def read(path: Path) -> Notebook:
    """A notebook file as a dictionary; ValueError when it is not one."""
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        notebook["cells"]
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{path} is not a notebook: it may have been saved half-way.") from None
    return dict(notebook)


def dumps(notebook: Notebook) -> str:
    """The text of a notebook file: the format's own layout, keys in a fixed order."""
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def write(path: Path, text: str) -> None:
    """Write a text file whole, and the folder for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text.encode())


def source(cell: Notebook) -> str:
    """A cell's source as one string; files may hold it as a list of lines."""
    text = cell["source"]
    return text if isinstance(text, str) else "".join(text)


def tags(cell: Notebook) -> list[str]:
    """A cell's tags."""
    return list(cell.get("metadata", {}).get("tags", []))


# The learner's copies


def learners_edition(notebook: Notebook) -> Notebook:
    """The notebook without its cells tagged ``solution``."""
    return {**notebook, "cells": [cell for cell in notebook["cells"] if "solution" not in tags(cell)]}


def make_copies() -> list[Path]:
    """Make the learner's copies that do not exist yet, and return those; none is ever overwritten.

    The pages that notebooks link to, such as that of terms, are copied beside them.
    """
    new = [p for p in [*NOTEBOOKS.glob("*.md"), *originals()] if not (COPIES / p.name).exists()]
    for path in new:
        is_page = path.suffix == ".md"
        text = path.read_text(encoding="utf-8") if is_page else dumps(learners_edition(read(path)))
        write(COPIES / path.name, text)
    return [COPIES / path.name for path in new]


def reset(name: str) -> tuple[Path, Path | None]:
    """Bring a learner's copy back to the original; returns it, and where the old one lies now, if any."""
    original = find(name)
    copy, kept = COPIES / original.name, None
    if copy.exists():
        kept = free_name(copy)
        copy.rename(kept)
    write(copy, dumps(learners_edition(read(original))))
    return copy, kept


def free_name(path: Path) -> Path:
    """A name beside the file that is not taken: 03_pretraining.before-1.ipynb, and so on."""
    number = 1
    while (other := path.with_name(f"{path.stem}.before-{number}{path.suffix}")).exists():
        number += 1
    return other


# Executing


def kernel_environment() -> dict[str, str]:
    """The environment variables of a headless kernel: pictures for sliders, no progress bars."""
    return {**child_environment(), "BIGMODEL_STATIC": "1", "TQDM_DISABLE": "1"}


def kernel_manager() -> type:
    """The class that starts kernels of the Python that runs this, whatever kernels the reader has registered."""
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from traitlets import default

    class ThisPython(KernelSpecManager):
        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
            argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
            return KernelSpec(argv=argv, display_name="Python 3", language="python")

    class Manager(AsyncKernelManager):
        @default("kernel_spec_manager")
        def this_python(self) -> KernelSpecManager:
            return ThisPython()

    return Manager


def execute(
    notebook: Notebook,
    folder: Path,
    environment: dict[str, str],
    after_cell: Callable[[], object] = lambda: None,
) -> tuple[Notebook, str | None]:
    """Execute a notebook in a folder; returns it with its outputs, and one sentence if a cell failed."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, DeadKernelError

    node = nbformat.reads(dumps(without_outputs(canonical(notebook))), as_version=4)
    client = NotebookClient(
        node, kernel_manager_class=kernel_manager(), timeout=None, record_timing=False, store_widget_state=False,
        on_cell_complete=lambda cell, cell_index: after_cell(),
    )  # fmt: skip
    failure = None
    try:
        client.execute(env=environment, cwd=str(folder), stderr=subprocess.DEVNULL)
    except CellExecutionError as error:
        failure = f"code cell {failed_cell(node)} raised {error.ename}: {error.evalue}"
    except DeadKernelError:
        failure = f"code cell {failed_cell(node)}: the kernel died, perhaps for want of memory"
    return json.loads(nbformat.writes(node)), failure


def without_outputs(notebook: Notebook) -> Notebook:
    """The notebook as if it had never been run."""
    empty: Notebook = {"outputs": [], "execution_count": None}
    cells = [{**cell, **empty} if cell["cell_type"] == "code" else cell for cell in notebook["cells"]]
    return {**notebook, "cells": cells}


def failed_cell(notebook: Notebook) -> int:
    """The number of the last code cell that ran, counting code cells from 1."""
    return max([cell.get("execution_count") or 0 for cell in notebook["cells"]], default=0)


def run(name: str, page: Path | None = None) -> tuple[Path, Path, str | None]:
    """Execute the learner's copy, or the original where there is none, and write it as a page of HTML.

    Returns the notebook that ran, the page, and one sentence if a cell failed. The files that the
    notebook writes lie where they do when it is run in JupyterLab: in ``my-notebooks/``.
    """
    from tqdm import tqdm

    original = find(name)
    copy = COPIES / original.name
    path = copy if copy.exists() else original
    page = page or COPIES / f"{path.stem}.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    notebook = read(path)
    number = sum(cell["cell_type"] == "code" for cell in notebook["cells"])
    COPIES.mkdir(exist_ok=True)
    with tqdm(total=number, desc=path.stem, unit="cell") as bar:
        executed, failure = execute(notebook, COPIES, kernel_environment(), bar.update)
    from bigmodel.page import html

    write(page, html(executed, title=path.stem, folder=path.parent))
    return path, page, failure


# The authors' side


def canonical(notebook: Notebook) -> Notebook:
    """The notebook in the one form that is committed: no timings, no widget state, fixed metadata.

    Cell ids are kept, since translations hang on them; cells without one are given one.
    """
    cells: list[Notebook] = []
    taken: set[str] = set()
    for cell in notebook["cells"]:
        name = cell.get("id") or fresh_id(cell, taken)
        taken.add(name)
        cells.append(canonical_cell(cell, name))
    return {"cells": cells, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}


def fresh_id(cell: Notebook, taken: set[str]) -> str:
    """An id for a cell that has none, from its source."""
    text = source(cell)
    while (name := hashlib.sha256(text.encode()).hexdigest()[:8]) in taken:
        text += "again"
    return name


def canonical_cell(cell: Notebook, name: str) -> Notebook:
    """One cell in canonical form."""
    metadata = {key: cell["metadata"][key] for key in KEPT_METADATA if key in cell.get("metadata", {})}
    result = {
        "cell_type": cell["cell_type"],
        "id": name,
        "metadata": metadata,
        "source": source(cell).splitlines(keepends=True),
    }
    if "attachments" in cell:
        result["attachments"] = cell["attachments"]
    if cell["cell_type"] == "code":
        result["execution_count"] = cell.get("execution_count")
        result["outputs"] = canonical_outputs(cell.get("outputs", []))
    return result


def canonical_outputs(outputs: list[Notebook]) -> list[Notebook]:
    """Outputs without what differs from run to run: how a stream was cut, widget models, colours."""
    result: list[Notebook] = []
    for output in outputs:
        output = dict(output)
        if output["output_type"] == "stream":
            before = result[-1] if result else {}
            if before.get("name") == output["name"] and before["output_type"] == "stream":
                output["text"] = joined(before["text"]) + joined(output["text"])
                result.pop()
            output["text"] = re.sub(r"^.*\r(?=[^\n])", "", joined(output["text"]), flags=re.MULTILINE)
            output["text"] = output["text"].splitlines(keepends=True)
        if output["output_type"] == "error":
            output["traceback"] = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in output["traceback"]]
        if "data" in output:
            output["data"] = {
                kind: lines(kind, value) for kind, value in output["data"].items() if kind != WIDGET
            }
            if not output["data"]:
                continue
        result.append(output)
    return result


def joined(text: str | list[str]) -> str:
    """A multi-line string of the format, as one string."""
    return text if isinstance(text, str) else "".join(text)


def lines(kind: str, value: Any) -> Any:
    """The data of an output as files hold it: text as a list of lines, pictures as they are."""
    is_text = kind.startswith("text/") or kind in ("application/javascript", "image/svg+xml")
    return joined(value).splitlines(keepends=True) if is_text else value


def regenerate(path: Path) -> tuple[bool, str | None]:
    """Execute a notebook as the tests do and write it in canonical form, with the figures that it draws.

    Cells whose output no test compares (timings, say) keep the one they had if nothing else has changed, so
    that doing it twice changes no byte. Returns whether a byte of it changed, and one sentence if a cell
    failed, when nothing is written.
    """
    environment = {**kernel_environment(), "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment["IPYTHONDIR"] = str(folder / ".ipython")
        before = read(path)
        executed, failure = execute(before, folder, environment)
        if failure:
            return False, failure
        after = canonical(executed)
        same = compared(after) == compared(before)
        text = dumps(canonical(before) if same else after)
        figures = sorted((folder / "figures").glob("*.svg"))
        changed = replace_if_new(path, text)
        for figure in figures:
            changed |= replace_if_new(FIGURES / figure.name, figure.read_text(encoding="utf-8"))
    return changed, None


def compared(notebook: Notebook) -> list[Notebook]:
    """The cells in canonical form, without the outputs that legitimately differ from run to run."""
    cells = canonical(notebook)["cells"]
    return [cell | {"outputs": []} if "nbval-ignore-output" in tags(cell) else cell for cell in cells]


def replace_if_new(path: Path, text: str) -> bool:
    """Write a file unless it holds that text already; returns whether it was written."""
    if path.exists() and path.read_bytes() == text.encode():
        return False
    write(path, text)
    return True
