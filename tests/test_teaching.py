"""Lesson plans speak of what is there, and slides show a notebook without a network."""

import builtins
import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from bigmodel.lab import course, page, slides
from bigmodel.lab.exercises import Original, step
from bigmodel.lab.grade import asked_in

PLANS = sorted(slides.PLANS.glob("[0-9][0-9]_*.md"))
every_plan = pytest.mark.parametrize("plan", PLANS, ids=lambda path: path.stem)


def shown(notebook):
    """All that a notebook says, its outputs too."""
    parts = [course.source(cell) for cell in notebook["cells"]]
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            parts += ["".join(output.get("text", "")), "".join(output.get("data", {}).get("text/plain", ""))]
    return "\n".join(parts).replace("−", "-")


def test_every_plan_has_its_notebook_and_stands_in_the_index():
    assert [plan.stem for plan in PLANS] == [path.stem for path in course.originals()][: len(PLANS)]
    index = (slides.PLANS / "index.md").read_text(encoding="utf-8")
    assert [plan.name for plan in PLANS] == re.findall(r"\((\d\d_\w+\.md)\)", index)


@every_plan
def test_a_plan_names_headings_exercises_and_numbers_that_its_notebook_has(plan):
    text = plan.read_text(encoding="utf-8")
    original = course.find(plan.stem)
    notebook = course.load_notebook(original)
    headings = {slides.words_of(part.title) for part in page.sections(notebook, original.parent)}
    bold = set(re.findall(r"\*\*(.+?)\*\*", text)) - {"What they take home"}
    assert {name for name in bold if slides.words_of(name) not in headings} == set()
    assert set(re.findall(r"`(\w+)`", text.partition("## Homework")[2])) == set(asked_in(original))
    said = shown(notebook)
    assert {number for number in re.findall(r"\d+\.\d+", text) if number not in said} == set()


@every_plan
def test_the_minutes_of_a_plan_add_up_and_its_notes_reach_the_slides(plan):
    text = plan.read_text(encoding="utf-8")
    rows = slides.lesson(text)
    assert text.partition("\n")[0].endswith(f": a lesson of {sum(minutes for minutes, _, _ in rows)} minutes")
    assert len(rows) == text.count("\n| ") - 1
    original = course.find(plan.stem)
    made = slides.slides(course.load_notebook(original), original.parent, slides.notes(plan))
    assert sum(len(slide.notes) for slide in made) == len(rows)


PICTURE = new_output("display_data", {"image/png": "iVBORw0KGgo=", "text/plain": "<Figure>"})
LONG = "\n".join(f"x_{number} = {number}" for number in range(30))


@pytest.fixture
def lecture(tmp_path):
    """A small notebook."""
    cells = [
        new_markdown_cell("# A & B\n\nBegin.\n\n## One `idea`\n\nWith $x^2$.\n\n```\n# no heading\n```"),
        new_code_cell("import torch"),
        new_code_cell("draw()", outputs=[PICTURE]),
        new_code_cell(LONG.replace("x", "y")),
        new_markdown_cell("What it shows."),
        new_code_cell(LONG),
        new_code_cell("print('<b>')", outputs=[new_output("stream", text="<b>\n")]),
        new_code_cell("check.one(mine)", outputs=[new_output("stream", text="Not tried yet.")]),
        new_markdown_cell("## Solutions"),
        new_code_cell("secret = 1", metadata={"tags": ["solution"]}),
    ]
    nbformat.write(new_notebook(cells=cells), tmp_path / "01_lecture.ipynb")
    return tmp_path / "01_lecture.ipynb"


def test_a_slide_begins_at_each_heading_and_where_prose_follows_code(lecture):
    made = slides.slides(course.load_notebook(lecture), lecture.parent, {"one idea": ["Say so."]})
    found = [(slide.title, slide.level, "".join(kind[0] for kind, _ in slide.parts), slide.notes) for slide in made]
    assert found == [
        ("A &amp; B", 1, "p", []),
        ("One <code>idea</code>", 2, "pcoc", ["Say so."]),
        ("One <code>idea</code>", 0, "pcco", []),
        ("Solutions", 2, "", []),
    ]


def test_slides_are_one_page_that_needs_no_network(lecture, tmp_path):
    assert slides.write_slides(lecture, tmp_path / "page.html") == 4
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "data:image/png;base64,iVBORw0KGgo=" in text
    assert "<msup>" in text
    assert "<summary>30 lines of code</summary>" in text
    assert "&lt;b&gt;" in text
    assert "secret" not in text
    assert "Not tried yet" not in text
    assert re.findall(r"(?:src|href)=.?https?:", text) == []


@pytest.mark.parametrize("path", course.originals(), ids=lambda path: path.stem)
def test_what_grading_executes_defines_every_name_that_a_solution_needs(path):
    notebook = course.load_notebook(path)
    original = Original(notebook)
    solutions = [course.source(cell) for cell in notebook["cells"] if "solution" in course.tags(cell)]
    own = [step(source, f"solution {number}") for number, source in enumerate(solutions)]
    for asked in original.asked:
        solution = next(source for source in solutions if f"check.{asked.exercise}(" in source)
        answers = {asked.stub: step(f"{original.stubs[asked.stub].code}\n\n\n{solution}", asked.stub)}
        steps = original.needed(asked, answers, own)
        reads, writes = (set().union(*(getattr(each, kind) for each in steps)) for kind in ("reads", "writes"))
        assert {name for name in reads - writes if not hasattr(builtins, name)} == set(), asked.exercise
