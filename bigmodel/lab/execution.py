"""Executing notebooks without a browser, for a reader's page and for what authors commit."""

import asyncio
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbconvert.preprocessors import ClearOutputPreprocessor, CoalesceStreamsPreprocessor
from tqdm import tqdm

from bigmodel.lab.course import COPIES, FIGURES, Notebook, canonical, dumps, find, load_notebook, tags, write
from bigmodel.lab.environment import child_environment
from bigmodel.lab.page import html


class Client(NotebookClient):
    """nbclient's, from which Ctrl-C raises KeyboardInterrupt."""

    async def async_start_new_kernel(self, **options: Any) -> None:
        # nbclient would take the kernel away on Ctrl-C and stumble over its absence.
        with suppress(NotImplementedError):  # Windows, where nothing was put in the way
            asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)
        await super().async_start_new_kernel(**options)


def kernel_environment() -> dict[str, str]:
    """The environment variables of a headless kernel: pictures for sliders, no progress bars."""
    return {**child_environment(), "BIGMODEL_STATIC": "1", "TQDM_DISABLE": "1"}


def execute(
    notebook: Notebook, folder: Path, environment: dict[str, str], after_cell: Callable[[], object] = lambda: None
) -> tuple[Notebook, str | None]:
    """Execute a notebook in a folder; returns it with its outputs, and one sentence if a cell failed."""
    node = nbformat.reads(dumps(canonical(notebook)), as_version=4)
    node, _ = ClearOutputPreprocessor().preprocess(node, {})
    # This Python, whatever kernels the reader has registered.
    kernel = AsyncKernelManager(kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
    client = Client(
        node, km=kernel, timeout=None, record_timing=False, store_widget_state=False,
        on_cell_executed=lambda cell, cell_index, execute_reply: after_cell(),
    )  # fmt: skip
    failure = None
    try:
        client.execute(env=environment, cwd=str(folder), stderr=subprocess.DEVNULL, cleanup_kc=True)
    except CellExecutionError as error:
        failure = f"code cell {failed_cell(node)} raised {error.ename}: {error.evalue}"
    except DeadKernelError:
        failure = f"code cell {failed_cell(node)}: the kernel died, perhaps for want of memory"
    node, _ = CoalesceStreamsPreprocessor().preprocess(node, {})
    return json.loads(nbformat.writes(node)), failure


def failed_cell(notebook: Notebook) -> int:
    """The number of the last code cell that ran, counting code cells from 1."""
    return max([cell.get("execution_count") or 0 for cell in notebook["cells"]], default=0)


def run(name: str, page: Path | None = None) -> tuple[Path, Path, str | None]:
    """Execute the learner's copy, or the original where there is none, and write it as a page of HTML.

    Returns the notebook that ran, the page, and one sentence if a cell failed. The files that the
    notebook writes lie where they do when it is run in JupyterLab: in ``my-notebooks/``.
    """
    original = find(name)
    copy = COPIES / original.name
    path = copy if copy.exists() else original
    page = page or COPIES / f"{path.stem}.html"
    notebook = load_notebook(path)
    number = sum(cell["cell_type"] == "code" for cell in notebook["cells"])
    COPIES.mkdir(exist_ok=True)
    with tqdm(total=number, desc=path.stem, unit="cell") as bar:
        executed, failure = execute(notebook, COPIES, kernel_environment(), bar.update)
    write(page, html(executed, title=path.stem, folder=path.parent))
    return path, page, failure


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
        before = canonical(load_notebook(path))
        executed, failure = execute(before, folder, environment)
        if failure:
            return False, failure
        after = canonical(executed)
        changed = write(path, dumps(before if compared(after) == compared(before) else after))
        for figure in sorted((folder / "figures").glob("*.svg")):
            changed |= write(FIGURES / figure.name, figure.read_text(encoding="utf-8"))
    return changed, None


def compared(notebook: Notebook) -> list[Notebook]:
    """The cells without the outputs that legitimately differ from run to run."""
    return [cell | {"outputs": []} if "nbval-ignore-output" in tags(cell) else cell for cell in notebook["cells"]]
