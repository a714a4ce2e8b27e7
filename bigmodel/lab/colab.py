"""The notebooks as Colab opens them: the learner's, below a first cell that installs the package, and nothing else.

They live on a branch of their own, named as BRANCH says, which a workflow of the repository writes anew.
"""

import json
import re
from pathlib import Path

from bigmodel.lab.course import NOTEBOOKS, Notebook, dumps, learners_edition, originals, source, write

BRANCH = "colab"
OPEN = "https://colab.research.google.com/github/{repository}/blob/" + BRANCH + "/{name}.ipynb"
LINK = re.compile(r"\]\((start|\d\d_\w+)\.(ipynb|md)(#[^)]*)?\)")


def address(name: str, repository: str) -> str:
    """Where Colab opens the notebook of this name from the repository OWNER/NAME on GitHub."""
    return OPEN.format(repository=repository, name=name)


def edition(original: Path, repository: str) -> str:
    """The text of a notebook for Colab; its links to other notebooks open those in Colab too."""

    def absolute(link: re.Match[str]) -> str:
        if link[2] == "ipynb" and link[1] != "start":
            return f"]({address(link[1], repository)})"
        page = f"{BRANCH}/README" if link[1] == "start" else f"main/notebooks/{link[1]}"  # links to all; or prose
        return f"](https://github.com/{repository}/blob/{page}.md)"

    notebook = json.loads(learners_edition(original))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = LINK.sub(absolute, source(cell)).splitlines(keepends=True)
    command = f"%pip install --quiet git+https://github.com/{repository}"
    install: Notebook = {
        "cell_type": "code", "execution_count": None, "id": "install", "metadata": {}, "outputs": [],
        "source": ["# Colab has no bigmodel yet: this brings it, once a session.\n", command],
    }  # fmt: skip
    return dumps({**notebook, "cells": [install, *notebook["cells"]]})


def write_editions(repository: str, folder: Path) -> list[Path]:
    """Write every notebook for Colab, and a page that links to them; returns the notebooks.

    Raises:
        ValueError: ``repository`` is not OWNER/NAME, or the folder is that of the originals, or there are none.
    """
    if not originals():
        raise ValueError(f"there are no notebooks in {NOTEBOOKS}: clone the whole repository and start there.")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        raise ValueError(f"{repository!r} is not a repository on GitHub: write OWNER/NAME.")
    if folder.resolve() == NOTEBOOKS.resolve():
        raise ValueError(f"{folder} holds the originals: choose another folder.")
    lines = ["# The course's notebooks in Colab", ""]
    for original in originals():
        write(folder / original.name, edition(original, repository))
        lines.append(f"- [{original.stem}]({address(original.stem, repository)})")
    write(folder / "README.md", "\n".join(lines) + "\n")
    return [folder / original.name for original in originals()]
