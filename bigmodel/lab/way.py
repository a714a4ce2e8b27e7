"""Where a learner is: which exercises are solved, where they left off, and what comes next."""

import html
import json
import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from bigmodel.check.progress import solved
from bigmodel.check.speech import in_notebook
from bigmodel.display import is_static
from bigmodel.lab import course

CELL = "where-you-are"  # the cell of the start page that shows the way
PARTS = {0: "From a text to a model that writes", 6: "The model that the world uses", 10: "What is done with it"}
ROW = '<div style="display:grid; grid-template-columns:repeat(auto-fill, minmax(15em, 1fr)); gap:.6em">{}</div>'
CARD = (
    '<div style="padding:.5em .8em; border-radius:8px; border:1px solid #8a8a8a; border-left:6px solid {colour}">'
    "{link}<br>{dots}{here}</div>"
)
SOLVED, BEGUN, UNTOUCHED = "#009e73", "#0072b2", "#8a8a8a"


@dataclass(frozen=True)
class Lesson:
    """A notebook, as a learner stands to it: ``opened`` is when their copy was last saved, 0 for an untouched one."""

    notebook: Path
    title: str
    exercises: tuple[str, ...]
    solved: tuple[str, ...]
    opened: float

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to solve."""
        return bool(self.solved) and len(self.solved) == len(self.exercises)

    @property
    def dots(self) -> str:
        """●●○○○ 2 of 5"""
        dots = "".join("●" if name in self.solved else "○" for name in self.exercises)
        return f"{dots} {len(self.solved)} of {len(self.exercises)}"


def lessons(copies: Path) -> list[Lesson]:
    """Every notebook, and what a learner whose copies lie in this folder has made of it."""
    return [lesson(path, copies, solved(copies)) for path in course.originals()]


def lesson(original: Path, copies: Path, progress: dict[str, Any]) -> Lesson:
    """One notebook; its exercises are those that have a solution in the original."""
    cells = course.load_notebook(original)["cells"]
    solutions = "\n".join(course.source(cell) for cell in cells if "solution" in course.tags(cell))
    exercises = tuple(dict.fromkeys(re.findall(r"^check\.(\w+)\(", solutions, re.MULTILINE)))
    own = progress.get(original.stem.partition("_")[2])
    entries = own if isinstance(own, dict) else {}  # somebody may have written something else into it
    done = tuple(name for name in exercises if isinstance(entries.get(name), dict) and entries[name].get("solved"))
    return Lesson(original, course.title(original), exercises, done, opened(original, copies / original.name))


def opened(original: Path, copy: Path) -> float:
    """When a learner's copy was last saved, if anything in it was run or changed; 0 otherwise."""
    if not copy.exists():
        return 0.0
    try:
        cells = course.load_notebook(copy)["cells"]
    except ValueError:  # saved half-way; the notebook itself will say so
        return copy.stat().st_mtime
    pristine = json.loads(course.learners_edition(original))["cells"]
    touched = any(cell.get("execution_count") for cell in cells)
    touched |= [course.source(cell) for cell in cells] != [course.source(cell) for cell in pristine]
    return copy.stat().st_mtime if touched else 0.0


def place_of(way: list[Lesson]) -> tuple[Lesson, str]:
    """The notebook to open now, and why."""
    last = max(way, key=lambda each: each.opened)
    if not last.opened:
        return way[0], "Begin with"
    following = way[way.index(last) + 1 :]
    if last.is_done and following:
        return following[0], f"All of {last.title} is solved. Go on with"
    return last, "You left off in"


def as_text(way: list[Lesson]) -> str:
    """The way for a terminal, for print and for tests."""
    width = max(len(each.title) for each in way)
    place, why = place_of(way)
    number = sum(len(each.solved) for each in way), sum(len(each.exercises) for each in way)
    rows = [f"{each.title:<{width}}  {each.dots}".rstrip() for each in way]
    return "\n".join([*rows, "", f"{number[0]} of {number[1]} exercises solved. {why} {place.title}."])


def as_html(way: list[Lesson]) -> str:
    """The way as cards that link to the notebooks, a row a part; its colours are readable on light and on dark."""
    place, why = place_of(way)
    shown = f'<p style="font-size:1.15em">{html.escape(why)} {link(place)}.</p>'
    for first, following in pairwise([*PARTS, 100]):
        cards = [card(each, here=each is place) for each in way if first <= int(each.notebook.stem[:2]) < following]
        if cards:
            shown += f'<p style="margin:1em 0 .4em"><b>{PARTS[first]}</b></p>{ROW.format("".join(cards))}'
    return shown


def link(each: Lesson) -> str:
    """A link to a notebook."""
    return f'<a href="{html.escape(each.notebook.name)}"><b>{html.escape(each.title)}</b></a>'


def card(each: Lesson, here: bool) -> str:
    """One notebook: its name, a dot an exercise, and a colour for solved, begun and untouched."""
    colour = SOLVED if each.is_done else BEGUN if each.opened else UNTOUCHED
    return CARD.format(colour=colour, link=link(each), dots=each.dots, here=" <b>← here</b>" if here else "")


def show() -> None:
    """Show where the reader of this notebook is: in a notebook with links, elsewhere as text."""
    way = lessons(Path())
    if is_static() or not in_notebook():
        print(as_text(way))
        return
    from IPython.display import HTML, display

    display(HTML(as_html(way)))


def refresh(page: Path) -> None:
    """Bring what the start page shows up to date, before it is opened; all else in it is left as it is."""
    notebook = course.load_notebook(page)
    cell = next((cell for cell in notebook["cells"] if cell.get("id") == CELL), None)
    if cell is None:  # the reader has taken it away
        return
    data = {"text/html": as_html(lessons(page.parent)).splitlines(keepends=True), "text/plain": ["the way"]}
    cell["outputs"] = [{"output_type": "display_data", "metadata": {}, "data": data}]
    if course.write(page, course.dumps(notebook)):
        import nbformat
        from nbformat.sign import NotebookNotary

        NotebookNotary().sign(nbformat.read(page, as_version=4))  # or JupyterLab would not trust it
