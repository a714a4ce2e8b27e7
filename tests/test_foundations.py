"""Notebook 00 is carried by the reader's own engine: with right answers in place of the stubs, nothing else changes."""

import json

import matplotlib.pyplot as plt
import pytest

from bigmodel.lab import course

CELLS = json.loads((course.NOTEBOOKS / "00_foundations.ipynb").read_text(encoding="utf-8"))["cells"]
STUBS = [cell for cell in CELLS if "exercise" in cell["metadata"].get("tags", [])]
SOLUTIONS = [cell for cell in CELLS if "solution" in cell["metadata"].get("tags", [])]


def answered():
    """The reader's code cells, with a right answer in each stub."""
    answers = "\n".join("".join(cell["source"]) for cell in SOLUTIONS).replace("_solution", "")
    lines = [line for line in answers.splitlines() if not line.startswith("check.")]
    for cell in CELLS[: CELLS.index(SOLUTIONS[0])]:
        if cell["cell_type"] == "code":
            yield "\n".join(lines) if cell in STUBS else "".join(cell["source"])


@pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive")
def test_the_readers_engine_carries_the_notebook(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    space = {}
    for source in answered():
        exec(source, space)
        plt.close("all")
    said = capsys.readouterr().out
    assert said.count("is yours.") == 6
    assert said.count("✓") == 8
    assert isinstance(space["c"], space["Value"])  # not the package's
    assert space["engine_losses"] == pytest.approx(space["losses"], abs=1e-4)
