"""Laws that every committed notebook keeps, and that each of them can be broken."""

import ast
import copy
import re

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from bigmodel.lab import course

IGNORE = "nbval-ignore-output"
MACHINE = re.compile(r"/(home|root|tmp|Users|var/folders)/|[A-Z]:\\|site-packages|0x[0-9a-f]{6,}")
HOT_LINK = re.compile(r"""!\[[^\]]*\]\(\s*<?(https?:)?//|<img[^>]+src\s*=\s*["']?(https?:)?//""")
OTHER_MARKERS = re.compile(
    r"^\s*#\s*(NBVAL_\w+|PYTEST_VALIDATE_IGNORE_OUTPUT)\s*$|^(nbval-(?!ignore-output)|raises-exception)",
    re.MULTILINE,
)


def broken_laws(text):
    """Sentences about what is wrong with the text of a notebook file; none for a good one."""
    notebook = course.json.loads(text)
    cells = notebook["cells"]
    if course.dumps(course.canonical(notebook)) != text:
        yield "it is not in canonical form: python -m bigmodel regenerate"
    ids = [cell.get("id") for cell in cells]
    if None in ids or len(set(ids)) < len(ids):
        yield "its cell ids are not all there, or not unique"
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    if not code:
        yield "it has no code"
    yield from broken_laws_of_execution(code)
    yield from broken_laws_of_tags(cells, code)
    for cell in cells:
        if HOT_LINK.search(course.source(cell) + str(cell.get("outputs", ""))):
            yield f"cell {cell.get('id')} links to a picture elsewhere"


def broken_laws_of_execution(code):
    if [cell["execution_count"] for cell in code] != [*range(1, len(code) + 1)]:
        yield "its cells were not all executed once, in order: python -m bigmodel regenerate"
    for cell in code:
        for output in cell["outputs"]:
            if output["output_type"] == "error" or output.get("name") == "stderr":
                yield f"cell {cell['id']} failed, or wrote to stderr"
            text = str({kind: data for kind, data in output.get("data", output).items() if "image/" not in kind})
            if MACHINE.search(text) or str(course.ROOT) in text:
                yield f"the output of cell {cell['id']} names a place on the machine that made it"


def broken_laws_of_tags(cells, code):
    ignored = [number for number, cell in enumerate(code) if IGNORE in course.tags(cell)]
    if len(ignored) * 6 > len(code):
        yield f"the output of {len(ignored)} of {len(code)} cells is not compared; at most one in six may be"
    for number in ignored:
        if not any(re.search(r"^\s*assert\b", course.source(cell), re.MULTILINE) for cell in code[number + 1 :][:1]):
            yield f"cell {code[number]['id']} is not compared, and no cell with an assert follows it"
    for cell in code:
        if OTHER_MARKERS.search("\n".join([course.source(cell), *course.tags(cell)])):
            yield f"cell {cell['id']} has a marker that nbval knows; only the tag {IGNORE} is used"
    exercises = [number for number, cell in enumerate(cells) if "exercise" in course.tags(cell)]
    solutions = [number for number, cell in enumerate(cells) if "solution" in course.tags(cell)]
    for place, number in enumerate(exercises):
        if not solutions[place : place + 1] > [number]:
            yield f"the exercise in cell {cells[number]['id']} has no solution after it"
    yield from names_that_only_solutions_define(code)
    for number in solutions:
        if not cells[number]["metadata"].get("jupyter", {}).get("source_hidden"):
            yield f"the solution in cell {cells[number]['id']} is not hidden"


def names_that_only_solutions_define(code):
    """The learner's copy has no solution cells: nothing after them may need one."""
    stored, only_in_solutions = set(), set()
    for cell in code:
        names = [node for node in ast.walk(ast.parse(course.source(cell))) if isinstance(node, ast.Name)]
        made = {node.id for node in names if isinstance(node.ctx, ast.Store)}
        made |= set(re.findall(r"^(?:def|class) (\w+)", course.source(cell), re.MULTILINE))
        if "solution" in course.tags(cell):
            only_in_solutions |= made - stored
            continue
        stored |= made
        only_in_solutions -= made
        needed = only_in_solutions & {node.id for node in names if isinstance(node.ctx, ast.Load)}
        if needed:
            yield f"cell {cell['id']} needs {', '.join(sorted(needed))}, which only a solution defines"


@pytest.mark.parametrize("path", course.every_notebook(), ids=lambda path: path.stem)
def test_a_committed_notebook_keeps_the_laws(path):
    assert list(broken_laws(path.read_text(encoding="utf-8"))) == []


def test_there_are_notebooks_and_each_is_numbered():
    assert course.originals()
    assert sorted(course.every_notebook()) == sorted(course.NOTEBOOKS.glob("*.ipynb"))


LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)(?:#([^)]+))?\)")


@pytest.mark.parametrize("path", course.every_page(), ids=lambda path: path.stem)
def test_every_link_of_a_copy_leads_somewhere(path):
    text = course.learners_edition(path)
    cells = course.json.loads(text)["cells"] if path.suffix == ".ipynb" else [{"source": text}]
    for link, heading in LINK.findall("\n".join(course.source(c) for c in cells if c.get("cell_type") != "code")):
        target = path.parent / link
        assert target.exists(), link
        if heading:
            lines = "\n".join(course.source(cell) for cell in course.load_notebook(target)["cells"]).splitlines()
            assert heading in [line.lstrip("# ").replace(" ", "-") for line in lines if line.startswith("#")]


def test_every_figure_is_written_by_a_notebook():
    sources = [course.source(cell) for path in course.originals() for cell in course.load_notebook(path)["cells"]]
    orphans = [
        figure.name for figure in course.FIGURES.glob("[!.]*") if not any(figure.stem in text for text in sources)
    ]
    assert orphans == []


# Each law can be broken


def good():
    """The cells of a notebook that keeps every law."""
    hidden = {"jupyter": {"source_hidden": True}, "tags": ["solution"]}
    code = [new_code_cell(f"print({number})") for number in range(5)]
    code[0].metadata["tags"] = [IGNORE]
    code[1].source = "assert True"
    cells = [new_markdown_cell("# Title\n\n![line](../figures/line.svg)"), *code]
    cells += [new_code_cell("f", metadata={"tags": ["exercise"]}), new_code_cell("f", metadata=hidden)]
    for number, cell in enumerate(cells[1:], 1):
        cell.execution_count = number
        cell.outputs = [new_output("stream", name="stdout", text="0.50\n")]
    return cells


def text_of(cells):
    """The text of a notebook file, in canonical form."""
    return course.dumps(course.canonical({"cells": cells}))


def test_the_good_notebook_keeps_every_law():
    assert list(broken_laws(text_of(good()))) == []


def set_output(cells, **changes):
    cells[3].outputs = [new_output(**changes)]


BROKEN = {
    "an unexecuted cell": lambda cells: cells[2].update(execution_count=None),
    "a cell executed twice": lambda cells: [cell.update(execution_count=n) for n, cell in enumerate(cells[1:], 2)],
    "cells executed out of order": lambda cells: cells.insert(1, cells.pop(2)),
    "an error": lambda cells: set_output(cells, output_type="error", ename="E", evalue=""),
    "a warning": lambda cells: set_output(cells, output_type="stream", name="stderr", text="w"),
    "ids that are the same": lambda cells: cells[2].update(id=cells[3].id),
    "too many outputs left out": lambda cells: cells[3].metadata.update(tags=[IGNORE]),
    "an output left out, and no assert": lambda cells: cells[2].update(source="insert"),
    "an assert in words only": lambda cells: cells[2].update(source="# we assert it"),
    "a cell that is skipped": lambda cells: cells[3].metadata.update(tags=["nbval-skip"]),
    "a cell that may fail": lambda cells: cells[3].metadata.update(tags=["raises-exception"]),
    "a marker in a comment": lambda cells: cells[3].update(source="# NBVAL_IGNORE_OUTPUT\n1"),
    "an exercise without a solution": lambda cells: cells.pop(),
    "a solution before its exercise": lambda cells: cells.insert(5, cells.pop()),
    "two exercises, one solution": lambda cells: cells.insert(6, copy.deepcopy(cells[6])),
    "a solution in view": lambda cells: cells[7].metadata.pop("jupyter"),
    "a cell that needs a solution": lambda cells: (
        cells[7].update(source="answer = 1"),
        cells.append(new_code_cell("answer + 1", execution_count=8)),
    ),
    "a folder of this machine": lambda cells: set_output(cells, output_type="stream", text=f"{course.ROOT}/a.py"),
    "a home": lambda cells: set_output(cells, output_type="stream", text="/home/ada/runs"),
    "a home on Windows": lambda cells: set_output(cells, output_type="stream", text="C:\\Users\\ada"),
    "an address": lambda cells: set_output(cells, output_type="display_data", data={"text/plain": "<A at 0x7f12ab3>"}),
    "a picture from elsewhere": lambda cells: cells[0].update(source="![x](https://example.org/x.png)"),
    "a picture from elsewhere in HTML": lambda cells: cells[0].update(source="<img width=3 src='//example.org/x'>"),
    "no code": lambda cells: cells.__delitem__(slice(1, None)),
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_law_can_be_broken(name):
    cells = good()
    BROKEN[name](cells)
    assert list(broken_laws(text_of(cells))) != []


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace('"name": "python3"', '"name": "mine"'),
        lambda text: text.replace('"metadata": {}', '"metadata": {"collapsed": true}', 1),
        lambda text: text.replace(" \n", "\n").rstrip("\n"),
        lambda text: re.sub(r'   "id": "[^"]*",\n', "", text, count=1),
    ],
)
def test_a_file_that_is_not_in_canonical_form_is_found(change):
    changed = change(text_of(good()))
    assert changed != text_of(good())
    assert list(broken_laws(changed)) != []
