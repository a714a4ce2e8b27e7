"""Judging a class: a folder of notebooks becomes a table, student by exercise, as CSV and as a page.

Each notebook is judged by `bigmodel.lab.grade_one` in a process of its own. What that reports is data to be read with
care, since a student's code runs in the same process: lines that do not bear this run's token are dropped, a verdict
that comes twice is none, and words are cut, cleaned and escaped.
"""

import csv
import io
import json
import os
import re
import secrets
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import Any

from jinja2 import Environment, FileSystemLoader

from bigmodel.lab import course, isolation
from bigmodel.lab.grade_one import Original
from bigmodel.lab.isolation import Limits

LARGEST = 50 * 2**20  # bytes of a notebook file
UNTRIED, UNKNOWN = "–", "?"
WORDS = [sys.executable, "-m", "bigmodel.lab.grade_one"]
TEMPLATES = Path(__file__).parent / "templates"


@dataclass
class Graded:
    """What came of one notebook of one student.

    Args:
        student: whose it is.
        original: the course's notebook that it belongs to.
        path: the file.
        marks: exercise → ✓, ✗, – for one that was not tried, ? for one that could not be judged.
        texts: exercise → the sentence of the check.
        look: exercise → what in its code a teacher should look at.
        notes: what is to be said about the notebook.
        seconds: that it took.
    """

    student: str
    original: Path
    path: Path
    marks: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    look: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0


# Whose is what


def find_notebooks(folder: Path) -> tuple[list[Graded], list[str]]:
    """What a folder holds: one notebook a student and original, the newest; and a sentence for each file ignored.

    A notebook belongs to the original with which it shares the most exercise cells, by their ids, and if there is none
    to the one whose number its name holds. It belongs to the student after whom its folder is named, or else its file.
    """
    found: dict[tuple[str, Path], Graded] = {}
    ignored, others = [], 0
    ids = {path: set(Original(course.load_notebook(path)).stubs) for path in course.originals()}
    for path in sorted(files_in(folder), key=lambda path: (path.stat().st_mtime, path.name)):
        name = path.relative_to(folder).as_posix()
        others += path.suffix != ".ipynb"
        if path.suffix != ".ipynb":
            continue
        if (original := belongs_to(path, ids)) is None:
            ignored.append(f"{name}: no notebook of this course")
            continue
        key = (student_of(path, folder, original), original)
        if key in found:
            ignored.append(f"{found[key].path.relative_to(folder).as_posix()}: {name} is newer")
        found[key] = Graded(*key, path)
    ignored += [f"files that are no notebooks: {others}"] if others else []
    return sorted(found.values(), key=lambda each: (each.student.casefold(), each.original)), ignored


def files_in(folder: Path) -> Iterator[Path]:
    """The files of a folder and the folders below it, but for hidden ones and links that lead out of it."""
    for base, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__")))
        for path in (Path(base, name) for name in sorted(names) if not name.startswith(".")):
            if path.is_file() and path.resolve().is_relative_to(folder.resolve()):
                yield path


def belongs_to(path: Path, ids: dict[Path, set[str]]) -> Path | None:
    """The original of a student's notebook, or None."""
    notebook = read(path)
    if notebook is not None:
        theirs = set(code_ids(notebook))
        best = max(ids, key=lambda original: len(ids[original] & theirs), default=None)
        if best is not None and ids[best] & theirs:
            return best
    number = re.search(r"(?<!\d)\d\d(?!\d)", path.stem)
    return next((original for original in ids if number and original.stem.startswith(number[0])), None)


def read(path: Path) -> dict[str, Any] | None:
    """A student's notebook, or None where the file is no notebook."""
    try:
        if path.stat().st_size > LARGEST:
            return None
        notebook = json.loads(path.read_bytes())
        return notebook if all(isinstance(cell, dict) for cell in notebook["cells"]) else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def code_ids(notebook: dict[str, Any]) -> list[str]:
    """The ids of a notebook's code cells."""
    return [str(cell["id"]) for cell in notebook["cells"] if cell.get("cell_type") == "code" and "id" in cell]


def student_of(path: Path, folder: Path, original: Path) -> str:
    """Whose a notebook is: the folder in which it lies, or its name without the notebook's own."""
    parts = path.relative_to(folder).parts
    if len(parts) > 1:
        return parts[0]
    number, _, title = original.stem.partition("_")
    rest = re.sub(rf"(?<!\d){number}(?!\d)|{title}", " ", path.stem)
    return re.sub(r"[\s_()-]+", " ", rest).strip() or path.stem


# Judging


def judge(handed: Graded, limits: Limits, shut: bool, hidden: Path, stop: Event) -> None:
    """Judge one notebook; a process that is stopped is started again without what stopped it, while time is left."""
    begun = time.monotonic()
    notebook, original = read(handed.path), course.load_notebook(handed.original)
    if notebook is None:
        handed.notes.append("the file is no notebook: it may have been saved half-way, or be too large")
        return
    light = {"cells": [without_outputs(cell) for cell in notebook["cells"] if cell.get("cell_type") == "code"]}
    asked, stopped = asked_in(handed.original), list[str]()
    for _ in range(len(asked) + 1):
        left = replace(limits, seconds=limits.seconds - (time.monotonic() - begun))
        job = {"original": original, "notebook": light, "marks": handed.marks, "stopped": stopped}
        reports = Reports(handed, asked, stopped)
        sent = reports.job(job, limits, "" if shut else str(hidden))
        reports.reason = isolation.watch(WORDS, sent, left, reports.hear, shut, hidden, stop)
        if reports.is_done():
            return
        if time.monotonic() - begun > limits.seconds or stop.is_set():
            break
    handed.notes.append(f"not all of it was judged in {limits.seconds:.0f} seconds")


def asked_in(original: Path) -> dict[str, str]:
    """The exercises of a notebook of the course, in order, each with the id of its stub."""
    return {each.exercise: each.stub for each in Original(course.load_notebook(original)).asked}


def without_outputs(cell: dict[str, Any]) -> dict[str, Any]:
    """What of a cell is read."""
    return {key: cell[key] for key in ("cell_type", "id", "source", "metadata") if key in cell}


class Reports:
    """What one process says about one notebook, taken down with care."""

    def __init__(self, handed: Graded, asked: dict[str, str], stopped: list[str]) -> None:
        self.handed, self.asked, self.stopped = handed, asked, stopped
        self.token = secrets.token_hex(16)
        self.reason: str | None = None
        self.at: list[str] = []
        self.cell = ""
        self.heard: set[str] = set()
        self.done = self.tampered = False

    def job(self, job: dict[str, Any], limits: Limits, hidden: str) -> bytes:
        """What the process reads; ``hidden`` is the folder that it must keep itself from, if nothing else does."""
        more = {"token": self.token, "memory": limits.memory, "files": limits.files, "hidden": hidden}
        return json.dumps(job | more).encode()

    def hear(self, line: bytes) -> None:
        """Take down one line; what does not bear the token, or is not as it should be, is dropped."""
        token, _, text = line.decode(errors="replace").partition(" ")
        if not secrets.compare_digest(token.encode(), self.token.encode()):
            return
        said = json.loads(text)
        if "notes" in said and not self.handed.notes:
            self.handed.notes += [clean(note) for note in said["notes"]]
        if "look" in said and not self.handed.look:
            self.handed.look |= {name: [clean(word) for word in said["look"].get(name, [])] for name in self.asked}
        if "at" in said:
            self.at = [name for name in said["at"] if name in self.asked]
            self.cell = said["cell"] if said["cell"] in self.asked.values() else ""
        self.done |= "done" in said
        self.tampered |= "tampered" in said
        if said.get("exercise") in self.asked:
            self.take(said["exercise"], said)

    def take(self, exercise: str, said: dict[str, Any]) -> None:
        """Take down a verdict; the second one for the same exercise shows that somebody else speaks, too."""
        self.tampered |= exercise in self.heard
        self.heard.add(exercise)
        self.handed.marks[exercise] = said["mark"] if said["mark"] in ("✓", "✗") else UNTRIED
        self.handed.texts[exercise] = clean(said["text"])

    def is_done(self) -> bool:
        """Whether all is judged; if not, what stopped it is written down, so that it is left out the next time."""
        if self.done and not self.tampered:
            return True
        if self.tampered:
            self.write_down("it changes the checks themselves, or reports in their name: look at the code.")
        elif self.at:
            self.write_down(f"{self.reason or 'it ended the whole process'}, and was stopped.")
        else:
            self.handed.notes.append(f"could not be judged: {self.reason or 'the process ended'}")
        return not self.at

    def write_down(self, why: str) -> None:
        """Put a sentence to what was being judged."""
        for exercise in self.at:
            self.handed.marks[exercise], self.handed.texts[exercise] = "✗", why
        self.stopped += [self.cell] if self.cell and self.cell not in self.stopped else []


def clean(text: Any) -> str:
    """Words that came from a student's process: of one line, and not too many."""
    return re.sub(r"[\x00-\x1f\x7f]+", " ", str(text))[:1000].strip()


def judge_all(found: list[Graded], folder: Path, limits: Limits, shut: bool, at_once: int) -> list[Graded]:
    """Judge notebooks, some at a time, and say of each when it is done."""

    stop = Event()

    def one(handed: Graded) -> Graded:
        begun = time.monotonic()
        try:
            judge(handed, limits, shut, folder, stop)
        except Exception as error:  # this row only
            handed.notes.append(f"could not be judged: {clean(f'{type(error).__name__}: {error}')}")
        handed.marks = {name: handed.marks.get(name, UNKNOWN) for name in asked_in(handed.original)}
        handed.seconds = time.monotonic() - begun
        solved = list(handed.marks.values()).count("✓")
        print(f"{handed.student}  {handed.original.stem}  {solved} of {len(handed.marks)}  {handed.seconds:.0f} s",
              flush=True)  # fmt: skip
        return handed

    with ThreadPoolExecutor(at_once) as pool:
        try:
            return list(pool.map(one, found))
        except BaseException:  # Ctrl-C does not reach those at work
            stop.set()
            raise


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
        notes = [f"{each.original.stem[:2]}: {note}" for each in own.values() for note in each.notes]
        line = [student, *marks, marks.count("✓"), len(heads), "; ".join(look), "; ".join(notes)]
        writer.writerow([f"'{cell}" if str(cell)[:1] in ("=", "+", "-", "@") else cell for cell in line])
    return "\ufeff" + text.getvalue()


def sentences(graded: list[Graded]) -> dict[tuple[Path, str], Counter[str]]:
    """What went wrong, by exercise: each sentence, and how often it was said."""
    found: dict[tuple[Path, str], Counter[str]] = {}
    for each in graded:
        for exercise, text in each.texts.items():
            if each.marks[exercise] == "✗":
                found.setdefault((each.original, exercise), Counter())[text] += 1
    return {head: found[head] for head in columns(graded) if head in found}


def as_page(graded: list[Graded], ignored: list[str], title: str, shut: bool) -> str:
    """The table as a page that needs no network."""
    heads = columns(graded)
    notebooks = [(path.stem, [name for other, name in heads if other == path]) for path in dict(heads)]
    solved = [sum(each.marks.get(name) == "✓" for each in graded if each.original == path) for path, name in heads]
    asked = [sum(each.original == path for each in graded) for path, _ in heads]
    templates = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return templates.get_template("grades.html.j2").render(
        title=title, shut=shut, ignored=ignored, heads=heads, notebooks=notebooks, rows=rows(graded),
        solved=list(zip(solved, asked, strict=True)), sentences=sentences(graded),
        seconds=sum(each.seconds for each in graded),
    )  # fmt: skip
