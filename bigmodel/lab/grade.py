"""Judging a class: a folder of notebooks becomes a table, student by exercise, as CSV and as a page.

Each notebook is judged by `bigmodel.lab.grade_one` in a process of its own, shut off where the system can do that.
"""

import csv
import io
import json
import os
import re
import time
from collections import Counter
from collections.abc import Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bigmodel.lab import course, isolation, page
from bigmodel.lab.exercises import Original, code_cells

UNTRIED, UNKNOWN = "–", "?"  # marks beside ✓ and ✗: not tried; it could not be judged
MEMORY = 2 * 2**30  # bytes that judging an exercise may take
START = 60  # seconds that a notebook may take besides its exercises


@dataclass
class Graded:
    """What came of one notebook of one student."""

    student: str
    original: Path  # the course's notebook that it belongs to
    path: Path
    marks: dict[str, str] = field(default_factory=dict)  # exercise → ✓, ✗, UNTRIED, UNKNOWN
    texts: dict[str, str] = field(default_factory=dict)  # exercise → the sentence of the check
    look: dict[str, list[str]] = field(default_factory=dict)  # exercise → what in its code a teacher should look at
    note: str = ""  # what is to be said about the notebook
    seconds: float = 0.0


# Whose is what


def find_notebooks(folder: Path) -> tuple[list[Graded], list[str]]:
    """What a folder holds: one notebook a student and original, the newest; and a sentence for each file ignored."""
    found: dict[tuple[str, Path], Graded] = {}
    ids = {path: Original(course.load_notebook(path)).stubs.keys() for path in course.originals()}
    files = [path for path in folder.rglob("*") if path.is_file() and not hidden(path.relative_to(folder))]
    notebooks = [path for path in files if path.suffix == ".ipynb"]
    others = len(files) - len(notebooks)
    ignored = [f"files that are no notebooks: {others}"] if others else []
    for path in sorted(notebooks, key=lambda path: (path.stat().st_mtime, path.name)):
        name, original = path.relative_to(folder).as_posix(), belongs_to(path, ids)
        if original is None:
            ignored.append(f"{name}: no notebook of this course")
            continue
        key = (student_of(path, folder, original), original)
        if key in found:
            ignored.append(f"{found[key].path.relative_to(folder).as_posix()}: {name} is newer")
        found[key] = Graded(*key, path)
    return sorted(found.values(), key=lambda each: (each.student.casefold(), each.original)), ignored


def hidden(path: Path) -> bool:
    """Whether a system or an editor made a file, and no student."""
    return any(part.startswith((".", "__")) for part in path.parts)


def belongs_to(path: Path, ids: Mapping[Path, Set[str]]) -> Path | None:
    """The original with which a notebook shares the most exercise cells, or else the one whose number its name has."""
    try:
        theirs = code_cells(course.load_notebook(path)).keys()
        best = max(ids, key=lambda original: len(ids[original] & theirs))
        if ids[best] & theirs:
            return best
    except (ValueError, AttributeError):  # no notebook, which will be said
        pass
    number = re.search(r"(?<!\d)\d\d(?!\d)", path.stem)
    return next((original for original in ids if number and original.stem.startswith(number[0])), None)


def student_of(path: Path, folder: Path, original: Path) -> str:
    """Whose a notebook is: the folder in which it lies, or its name without the notebook's own."""
    parts = path.relative_to(folder).parts
    if len(parts) > 1:
        return parts[0]
    number, _, title = original.stem.partition("_")
    rest = re.sub(rf"(?<!\d){number}(?!\d)|{title}", " ", path.stem)
    return re.sub(r"[\s_()-]+", " ", rest).strip() or path.stem


# Judging


def asked_in(original: Path) -> list[str]:
    """The exercises of a notebook of the course, in order."""
    return [each.exercise for each in Original(course.load_notebook(original)).asked]


def judge_all(found: list[Graded], folder: Path, seconds: int, shut: bool) -> list[Graded]:
    """Judge notebooks, some at a time, and say of each when it is done."""
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        return list(pool.map(partial(judge, folder=folder, seconds=seconds, shut=shut), found))


def judge(handed: Graded, folder: Path, seconds: int, shut: bool) -> Graded:
    """Judge one notebook; whatever is wrong with it is said in its own row."""
    begun, asked = time.monotonic(), asked_in(handed.original)
    try:
        judge_exercises(handed, folder, seconds, shut, len(asked))
        handed.note = "" if handed.marks.keys() >= set(asked) else "it could not be judged to its end"
    except Exception as error:  # this row only
        handed.note = f"it could not be judged: {one_line(str(error))}"
    handed.marks = {name: handed.marks.get(name, UNKNOWN) for name in asked}
    handed.seconds = time.monotonic() - begun
    solved = list(handed.marks.values()).count("✓")
    print(f"{handed.student}  {handed.original.stem}  {solved} of {len(asked)}  {handed.seconds:.0f} s", flush=True)
    return handed


def judge_exercises(handed: Graded, folder: Path, seconds: int, shut: bool, number: int) -> None:
    """Have a process of its own judge a notebook, and take down what it reports of each exercise."""
    notebook = course.load_notebook(handed.path)
    code = [cell | {"outputs": []} for cell in notebook["cells"] if cell.get("cell_type") == "code"]
    limits = {"seconds": seconds, "memory": MEMORY, "files": isolation.FILES}
    job = {"original": course.load_notebook(handed.original), "notebook": {"cells": code}, "limits": limits}
    words, time_allowed = ["-m", "bigmodel.lab.grade_one"], START + seconds * number
    for line in isolation.run(words, json.dumps(job).encode(), shut, folder, time_allowed).splitlines():
        said = json.loads(line)
        name = said["exercise"]
        handed.marks[name] = said["mark"] or UNTRIED
        handed.texts[name] = one_line(said["text"])
        handed.look[name] = said["look"]


def one_line(text: str) -> str:
    """A text as one line, and not too long."""
    return " ".join(text.split())[:1000]


# The table


def columns(graded: list[Graded]) -> list[tuple[Path, str]]:
    """The exercises of every notebook that somebody handed in, in the course's order."""
    return [(original, name) for original in sorted({each.original for each in graded}) for name in asked_in(original)]


def rows(graded: list[Graded]) -> dict[str, dict[Path, Graded]]:
    """Each student's notebooks."""
    table: dict[str, dict[Path, Graded]] = {}
    for each in graded:
        table.setdefault(each.student, {})[each.original] = each
    return table


def as_csv(graded: list[Graded]) -> str:
    """The table for a spreadsheet, in which nothing that a student wrote becomes a formula.

    It begins with the mark without which spreadsheets take UTF-8 for something else.
    """
    heads, text = columns(graded), io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["student", *(f"{path.stem[:2]} {name}" for path, name in heads), "solved", "of", "look at", "notes"]
    )
    for student, own in rows(graded).items():
        marks = [own[path].marks.get(name, "") if path in own else "" for path, name in heads]
        look = [f"{name} ({', '.join(words)})" for each in own.values() for name, words in each.look.items() if words]
        notes = [f"{each.original.stem[:2]}: {each.note}" for each in own.values() if each.note]
        line = [student, *marks, marks.count("✓"), len(heads), "; ".join(look), "; ".join(notes)]
        writer.writerow([f"'{cell}" if str(cell)[:1] in ("=", "+", "-", "@") else cell for cell in line])
    return "\ufeff" + text.getvalue()


def sentences(graded: list[Graded]) -> dict[tuple[Path, str], Counter[str]]:
    """What went wrong, by exercise: each sentence, and how often it was said."""
    found = {head: Counter[str]() for head in columns(graded)}
    for each in graded:
        for name, mark in each.marks.items():
            found[each.original, name].update([each.texts[name]] if mark == "✗" else [])
    return {head: said for head, said in found.items() if said}


def as_page(graded: list[Graded], ignored: list[str], title: str, shut: bool) -> str:
    """The table as a page that needs no network."""
    heads = columns(graded)
    notebooks = [(path.stem, [name for other, name in heads if other == path]) for path in dict(heads)]
    solved = [sum(each.marks.get(name) == "✓" for each in graded if each.original == path) for path, name in heads]
    asked = [sum(each.original == path for each in graded) for path, _ in heads]
    return page.filled(
        "grades.html.j2", title=title, shut=shut, ignored=ignored, heads=heads, notebooks=notebooks, rows=rows(graded),
        solved=list(zip(solved, asked, strict=True)), sentences=sentences(graded),
        seconds=sum(each.seconds for each in graded),
    )  # fmt: skip
