"""The course's notebooks: finding them, the learner's copies, canonical form. Standard library only.

A notebook is the plain dictionary that its JSON file holds. The originals in ``notebooks/`` are what the
tests run; learners work on copies in ``my-notebooks/``, without solutions and outputs, which nothing overwrites.
"""

import json
import platform
import secrets
from pathlib import Path
from typing import Any

from bigmodel.files import write_whole
from bigmodel.lab.environment import ROOT

NOTEBOOKS = ROOT / "notebooks"
COPIES = ROOT / "my-notebooks"
FIGURES = ROOT / "figures"
START = "start.ipynb"  # the page that opens first
KEPT_METADATA = ("jupyter", "slideshow", "tags")
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
WIDGET = "application/vnd.jupyter.widget-view+json"
# What JupyterLab would add to a notebook that it opens, and then call it changed.
LEARNERS_METADATA = {
    "kernelspec": METADATA["kernelspec"] | {"display_name": "Python 3 (ipykernel)"},
    "language_info": {
        "codemirror_mode": {"name": "ipython", "version": 3}, "file_extension": ".py", "mimetype": "text/x-python",
        "name": "python", "nbconvert_exporter": "python", "pygments_lexer": "ipython3",
        "version": platform.python_version(),
    },
}  # fmt: skip

Notebook = dict[str, Any]


def originals() -> list[Path]:
    """The course's notebooks, in reading order, without the start page."""
    return sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))


def every_notebook() -> list[Path]:
    """The start page and the course's notebooks."""
    return [*NOTEBOOKS.glob(START), *originals()]


def every_page() -> list[Path]:
    """All that a learner gets a copy of: notebooks, and the pages that they link to."""
    return [*every_notebook(), *sorted(NOTEBOOKS.glob("*.md"))]


def find(name: str) -> Path:
    """The original that a number (3, 03), a name (03_pretraining, pretraining, start) or a path means.

    Raises:
        ValueError: there is none.
    """
    word = Path(name).name.removesuffix(".ipynb")
    for path in every_notebook():
        number, _, title = path.stem.partition("_")
        if word in (path.stem, title) or (word.isdecimal() and number.isdecimal() and int(word) == int(number)):
            return path
    choices = ", ".join(path.stem for path in originals()) or "none yet"
    raise ValueError(f"there is no notebook {name!r}; the notebooks are: {choices}.")


def load_notebook(path: Path) -> Notebook:
    """Read a notebook file.

    Raises:
        ValueError: it is not one.
    """
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        notebook["cells"]
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{path} is not a notebook: it may have been saved half-way.") from None
    return dict(notebook)


def dumps(notebook: Notebook) -> str:
    """The text of a notebook file: the format's own layout, keys in a fixed order."""
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def write(path: Path, text: str) -> bool:
    """Write a text file whole, and the folder for it, unless it holds that text; returns whether it was written."""
    if path.exists() and path.read_bytes() == text.encode():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text.encode())
    return True


def source(cell: Notebook) -> str:
    """A cell's source as one string; files may hold it as a list of lines."""
    return "".join(cell["source"])


def tags(cell: Notebook) -> list[str]:
    """A cell's tags."""
    return list(cell.get("metadata", {}).get("tags", []))


# The learner's copies


def learners_edition(original: Path) -> str:
    """The text of a learner's copy: another page as it is, a notebook without solutions and outputs, with signposts.

    There are no outputs, so that a prediction is one.
    """
    if original.suffix != ".ipynb":
        return original.read_text(encoding="utf-8")
    cells = [cell for cell in load_notebook(original)["cells"] if "solution" not in tags(cell)]
    cells = [cell | {"outputs": [], "execution_count": None} if cell["cell_type"] == "code" else cell for cell in cells]
    if original.name != START:
        cells = [signpost("way-top", links(original)), *cells, signpost("way-on", f"---\n\n{links(original)}")]
    return dumps({"cells": cells, "metadata": LEARNERS_METADATA, "nbformat": 4, "nbformat_minor": 5})


def signpost(name: str, text: str) -> Notebook:
    """A cell of prose."""
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": text.splitlines(keepends=True)}


def title(notebook: Path) -> str:
    """A notebook's heading, such as 03 · Pretraining."""
    lines = "\n".join(source(cell) for cell in load_notebook(notebook)["cells"]).splitlines()
    return next((line.removeprefix("# ") for line in lines if line.startswith("# ")), notebook.stem)


def links(original: Path) -> str:
    """Where a reader goes from a notebook: the start page, and the notebooks before and after it."""
    every = originals()
    place = every.index(original)
    back = [f"[← {title(path)}]({path.name})" for path in every[max(place - 1, 0) : place]]
    on = [f"[{title(path)} →]({path.name})" for path in every[place + 1 : place + 2]]
    return " · ".join([f"[start]({START})", *back, *(on or [f"[after the last →]({START}#After-the-last-notebook)"])])


def make_copies() -> list[Path]:
    """Make the learner's copies that do not exist yet, and return those; none is ever overwritten."""
    new = [path for path in every_page() if not (COPIES / path.name).exists()]
    for path in new:
        write(COPIES / path.name, learners_edition(path))
    return [COPIES / path.name for path in new]


def reset(name: str) -> tuple[Path, Path | None]:
    """Bring a learner's copy back to the original; returns it, and where the old one lies now, if it was another."""
    original = find(name)
    copy, kept, text = COPIES / original.name, None, learners_edition(original)
    if copy.exists() and copy.read_bytes() != text.encode():
        kept = free_name(copy)
        copy.rename(kept)
    write(copy, text)
    return copy, kept


def free_name(path: Path) -> Path:
    """A name beside the file that is not taken: 03_pretraining.before-1.ipynb, and so on."""
    number = 1
    while (other := path.with_name(f"{path.stem}.before-{number}{path.suffix}")).exists():
        number += 1
    return other


# The form that is committed


def canonical(notebook: Notebook) -> Notebook:
    """The notebook in the one form that is committed: no timings, no widget state, fixed metadata.

    Cell ids are kept, since translations hang on them; cells without one are given one.
    """
    return {
        "cells": list(map(canonical_cell, notebook["cells"])),
        "metadata": METADATA,
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def canonical_cell(cell: Notebook) -> Notebook:
    """One cell in canonical form."""
    result = {key: cell[key] for key in ("cell_type", "attachments", "execution_count") if key in cell} | {
        "id": cell.get("id") or secrets.token_hex(4),
        "metadata": {key: value for key, value in cell.get("metadata", {}).items() if key in KEPT_METADATA},
        "source": source(cell).splitlines(keepends=True),
    }
    if cell["cell_type"] == "code":
        outputs = [without_widgets(output) for output in cell.get("outputs", [])]
        result["outputs"] = [output for output in outputs if output.get("data", True)]
    return result


def without_widgets(output: Notebook) -> Notebook:
    """An output without widgets, which live in a kernel only."""
    if "data" not in output:
        return output
    return output | {"data": {kind: value for kind, value in output["data"].items() if kind != WIDGET}}
