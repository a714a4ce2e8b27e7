"""A notebook as slides: one page that needs no network, with its pictures, and with what to say from the lesson plan.

A slide begins at each heading and each question, and where prose follows on code: it holds a few sentences, the code
that they speak of and what that prints or draws. Long code is folded. Solutions are left out.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from bigmodel.lab import course, page
from bigmodel.lab.environment import ROOT
from bigmodel.lab.exercises import check_of

PLANS = ROOT / "site" / "teaching"
FOLDED = {"code": 12, "picture": 6}  # lines from which on code is folded, alone and above a picture
BEGINS = re.compile(r'(?=<h[1-6] data-title="">|<p><strong>(?:Predict|On paper|By hand|Pen and paper|Before you run))')


@dataclass
class Slide:
    """One slide."""

    title: str  # the heading under which it stands, as HTML
    level: int  # of that heading; 0 for a slide that continues
    parts: list[tuple[str, str]] = field(default_factory=list)  # in order: prose, code or output, and its HTML
    notes: list[str] = field(default_factory=list)  # what to say

    def has(self, kind: str) -> bool:
        """Whether it holds a piece of this kind."""
        return any(each == kind for each, _ in self.parts)


def write_slides(original: Path, to: Path) -> int:
    """Write the slides of a notebook; returns how many they are."""
    made = slides(course.load_notebook(original), original.parent, notes(PLANS / f"{original.stem}.md"))
    course.write(to, page.filled("slides.html.j2", title=original.stem, slides=made, colours=page.colours()))
    return len(made)


def slides(notebook: course.Notebook, folder: Path, said: dict[str, list[str]]) -> list[Slide]:
    """The slides of a notebook; ``said`` is what to say under a heading."""
    cells = [cell for cell in notebook["cells"] if not is_for_the_reader(cell)]
    _, *marked = page.MARK.split(page.body(notebook | {"cells": cells}, folder))
    made = [Slide("", 0)]
    for (kind, text), (next_kind, after) in pairwise([*zip(marked[::2], marked[1::2], strict=True), ("", "")]):
        if kind == "prose":
            for level, title, words in passages(text):
                if level or made[-1].parts:
                    made.append(Slide(title or made[-1].title, level, notes=said.get(words_of(title), [])))
                made[-1].parts += [(kind, words)] if words else []
        elif kind == "code":
            shown = next_kind == "output"
            text = folded(text, shown and "<img" in after)
            if made[-1].has("output") and (shown or "<details>" not in text):
                made.append(Slide(made[-1].title, 0))
            made[-1].parts.append((kind, text))
        else:
            made[-1].parts.append((kind, text))
    return [slide for slide in made if slide.parts or slide.level]


def passages(prose: str) -> Iterator[tuple[int, str, str]]:
    """Prose cut at headings and questions: the level or 0, the heading's words, what stands there."""
    for text in filter(str.strip, BEGINS.split(prose)):
        heading = page.HEADING.match(text)
        yield (int(heading[1]), heading[2], text[heading.end() :].strip()) if heading else (0, "", text.strip())


def folded(code: str, pictured: bool) -> str:
    """Code, folded where it is long, above a picture sooner."""
    lines = code.count("\n", 0, code.find("</pre>"))
    if lines < FOLDED["picture" if pictured else "code"]:
        return code
    return f"<details><summary>{lines} lines of code</summary>{code}</details>"


def words_of(heading: str) -> str:
    """A heading as it is compared: without marks and capitals."""
    return re.sub(r"[*`_$\\]", "", page.plain(heading)).strip().casefold()


def is_for_the_reader(cell: course.Notebook) -> bool:
    """Whether a cell is of no use on a slide: a solution, imports alone, or the check of an exercise."""
    if cell["cell_type"] != "code":
        return False
    statements = ast.parse(course.source(cell)).body
    imports = all(isinstance(node, ast.Import | ast.ImportFrom) for node in statements)
    return "solution" in course.tags(cell) or imports or any(check_of(node) for node in statements)


# The lesson plan


def notes(plan: Path) -> dict[str, list[str]]:
    """What a lesson plan says under which heading of the notebook; {} where there is no plan."""
    found: dict[str, list[str]] = {}
    for minutes, heading, ask in lesson(plan.read_text(encoding="utf-8")) if plan.exists() else []:
        found.setdefault(words_of(heading), []).append(page.prose(f"**{minutes} minutes.** {ask}"))
    return found


def lesson(plan: str) -> list[tuple[int, str, str]]:
    """The rows of a plan's table: minutes, the heading under which to run cells, what to do and to ask."""
    rows = re.findall(r"(?m)^\| *(\d+) *\| *\*\*(.+?)\*\* *\| *(.+?) *\|$", plan)
    return [(int(minutes), heading, ask) for minutes, heading, ask in rows]
