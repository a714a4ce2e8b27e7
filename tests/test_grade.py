"""Judging a class: one small notebook with two exercises, and students who do all that students do."""

import csv
import io
import os
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from bigmodel.lab import course, environment, grade, isolation, shell
from bigmodel.lab.exercises import Original

RIGHT = "def product(A, B):\n    return A @ B"
CENTRE = "def middle(x):\n    return x - row_means(x)"


def code(id_, source, *tags):
    cell = new_code_cell(source, metadata={"tags": list(tags)} if tags else {})
    cell["id"] = id_
    return cell


def notebook(product="def product(A, B):\n    raise NotImplementedError", centre=None, *more):
    """The course's notebook with the cells of a student."""
    return new_notebook(
        cells=[
            new_markdown_cell("# A notebook"),
            code("imports", "import torch\nfrom bigmodel.check import foundations as check"),
            code("long", "import time\ntime.sleep(60)\nnumbers = []"),
            code("product-stub", product, "exercise"),
            code("product-check", "check.matrix_product(product)\nproduct = check.matrix_product.chosen(product)"),
            code("helper", "def row_means(x):\n    return product(x, torch.ones(x.shape[1], 1) / x.shape[1])"),
            *more,
            code("centre-stub", centre or "def middle(x):\n    raise NotImplementedError", "exercise"),
            code("centre-check", "check.centre(middle)"),
            code("product-solution", "print('check.matrix_product')", "solution"),
        ]
    )


FORGED = """\
print("✓")
from bigmodel.check.engine import Compared
Compared.examine = lambda self, answer: None
def product(A, B):
    return 0"""
REPLACED = """\
def product(A, B):
    return 0
check.matrix_product.right = product"""
ENDS = "import os\nos._exit(0)"
DELETES = """\
import os
for base, _, names in os.walk(CLASS):
    for name in names:
        try:
            os.remove(os.path.join(base, name))
        except OSError:
            pass
for student in ("right", "greedy"):
    try:
        os.remove(os.path.join(CLASS, f"01_{student}.ipynb"))
    except OSError:
        pass
def product(A, B):
    try:
        return open(os.path.join(CLASS, "01_greedy.ipynb")).read()
    except OSError:
        return A @ B"""
PRINTS = """\
import os
for _ in range(50):
    print("x" * 10**7)
    os.write(2, b"x" * 10**7)
def product(A, B):
    return A @ B"""
ENDLESS = """\
def product(A, B):
    while True:
        try:
            while True: pass
        except BaseException: pass"""
WRITES = "with open('big', 'wb') as file:\n    while True:\n        file.write(bytes(2**24))\n" + CENTRE
FETCHES = "import socket\nsocket.create_connection(('127.0.0.1', 9), 1)\n" + CENTRE
GREEDY = "hoard = []\nwhile True:\n    hoard.append(bytearray(2**26))"
STUDENTS = {  # the cells of each, and the marks
    "right": ((RIGHT, CENTRE), "✓✓"),
    "wrong": (("def product(A, B):\n    return A * B.T",), "✗–"),
    "endless": ((ENDLESS, CENTRE), "✗✓"),
    "deletes": ((DELETES, CENTRE), "✓✓"),
    "prints": ((PRINTS, WRITES), "✓✗"),
    "greedy": ((GREEDY, FETCHES), "✗✗"),
    "forges": ((FORGED, CENTRE), "✗✓"),
    "replaces": ((REPLACED, "middle = check.centre.right"), "✗✗"),
    "ends": ((ENDS, "def middle(x)\n    return x"), "✗✗"),
}  # fmt: skip


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """A course of one notebook."""
    folder = tmp_path_factory.mktemp("course")
    nbformat.write(notebook(), folder / "01_first.ipynb")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(course, "NOTEBOOKS", folder)
        yield folder


def handed_in(folder, students):
    for name in students:
        cells = [cell.replace("CLASS", repr(str(folder))) for cell in STUDENTS[name][0]]
        nbformat.write(notebook(*cells), folder / f"01_{name}.ipynb")
    return {path: path.read_bytes() for path in folder.iterdir()}


def marks(graded):
    return {each.student: "".join(each.marks.values()) for each in graded}


def judged(folder, shut, monkeypatch):
    monkeypatch.setattr(grade, "MEMORY", 2**30)
    found, ignored = grade.find_notebooks(folder)
    return grade.judge_all(found, folder.resolve(), 12, shut), ignored


isolated = pytest.mark.skipif(not isolation.isolates(), reason="nothing here shuts a program off (bubblewrap does)")


@isolated
def test_a_class_is_judged_and_nobody_costs_more_than_their_own_row(originals, tmp_path, monkeypatch):
    students = STUDENTS.keys() - {"right"}  # the next test has it
    before = handed_in(tmp_path, students)
    (tmp_path / "01_broken.ipynb").write_text('{"cells": [', encoding="utf-8")
    nbformat.write(new_notebook(cells=[code("other", "1 + 1")]), tmp_path / "lecture.ipynb")
    graded, ignored = judged(tmp_path, True, monkeypatch)
    assert marks(graded) == {name: STUDENTS[name][1] for name in students} | {"broken": "??"}
    assert ignored == ["lecture.ipynb: no notebook of this course"]
    assert {path: path.read_bytes() for path in before} == before
    by_name = {each.student: each for each in graded}
    assert "expected ':'" in by_name["ends"].texts["centre"]
    assert "memory" in by_name["greedy"].texts["matrix_product"].lower()
    assert by_name["replaces"].look == {
        "matrix_product": ["check.matrix_product.right"],
        "centre": ["check.centre.right"],
    }
    assert by_name["wrong"].look == {"matrix_product": [], "centre": []}

    table = list(csv.DictReader(grade.as_csv(graded).removeprefix("\ufeff").splitlines()))
    assert {row["student"]: row["01 matrix_product"] + row["01 centre"] for row in table} == marks(graded)
    page = grade.as_page(graded, ignored, "class", shut=True)
    assert "http" not in page.replace("http-equiv", "")
    assert by_name["wrong"].texts["matrix_product"].partition(":")[0] in page


def test_where_nothing_shuts_code_off_it_is_judged_all_the_same(originals, tmp_path, monkeypatch):
    handed_in(tmp_path, ["right", "greedy"])
    graded, _ = judged(tmp_path, False, monkeypatch)
    assert marks(graded) == {"right": "✓✓", "greedy": "✗✗" if sys.platform == "linux" else "✗✓"}
    assert "could read" in grade.as_page(graded, [], "class", shut=False)


def test_where_nothing_shuts_code_off_it_runs_only_if_somebody_says_so(originals, tmp_path, monkeypatch, capsys):
    handed_in(tmp_path, ["right"])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(isolation, "isolates", lambda: False)
    monkeypatch.setattr(environment, "ready", lambda requirements, exact: True)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert shell.main(["grade", "."]) == 2
    assert "--trust" in capsys.readouterr().err
    assert not Path("grades").exists()


def needed(original, theirs):
    """The code that the second exercise needs, as a student's notebook has it."""
    answers, own = original.handed_in(theirs)
    return [step.code for step in original.needed(original.asked[1], answers, own)]


def test_only_what_an_exercise_needs_is_executed():
    assert needed(Original(notebook()), notebook(RIGHT, CENTRE)) == [
        "import torch",
        "from bigmodel.check import foundations as check",
        RIGHT,
        "product = check.matrix_product.chosen(product)",
        "def row_means(x):\n    return product(x, torch.ones(x.shape[1], 1) / x.shape[1])",
        CENTRE,
    ]


def test_cells_of_their_own_are_used_where_an_exercise_needs_them():
    own = code("mine", "def two(x):\n    return x + 1 + 1")
    assert own["source"] in needed(Original(notebook()), notebook(RIGHT, "def middle(x):\n    return two(x)", own))


def test_an_answer_is_found_by_its_name_where_the_ids_are_lost():
    theirs = notebook(RIGHT, CENTRE)
    for cell in theirs["cells"]:
        del cell["id"]
    answers, _ = Original(notebook()).handed_in(theirs)
    assert RIGHT in answers["product-stub"].code
    assert CENTRE in answers["centre-stub"].code


def test_what_builds_on_a_wrong_answer_is_judged_with_the_right_one():
    original = Original(notebook())
    answers, _ = original.handed_in(notebook("def product(A, B):\n    return A", CENTRE))
    wrong, right = (
        original.built_on("product-stub", answers["product-stub"], solved).code for solved in ([], ["matrix_product"])
    )
    assert wrong.endswith("product = check.matrix_product.right")
    assert right.strip() == answers["product-stub"].code


@pytest.mark.parametrize(
    ("name", "student"),
    [
        ("ada/01_first.ipynb", "ada"),
        ("ada/week 3/homework.ipynb", "ada"),
        ("01_ada.ipynb", "ada"),
        ("01_first_ada_lovelace.ipynb", "ada lovelace"),
        ("Ada Lovelace - 01_first.ipynb", "Ada Lovelace"),
        ("adalovelace_1012_01_first-2.ipynb", "adalovelace 1012 2"),
        ("01_first.ipynb", "01_first"),
    ],
)
def test_whose_a_notebook_is(originals, tmp_path, name, student):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook(), path)
    assert [each.student for each in grade.find_notebooks(tmp_path)[0]] == [student]


def test_the_newer_of_two_counts_and_a_name_becomes_no_formula(originals, tmp_path):
    for name in ("=ada/01_first.ipynb", "=ada/old/01_first.ipynb"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        nbformat.write(notebook(), tmp_path / name)
    os.utime(tmp_path / "=ada/old/01_first.ipynb", (0, 0))
    found, ignored = grade.find_notebooks(tmp_path)
    assert [each.path.parent.name for each in found] == ["=ada"]
    assert ignored == ["=ada/old/01_first.ipynb: =ada/01_first.ipynb is newer"]
    found[0].marks = {"matrix_product": "✓", "centre": "✗"}
    assert "\n'=ada,✓,✗,1,2," in grade.as_csv(found)


def test_an_edition_has_the_solutions_only_if_asked(originals, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert shell.main(["edition", "1"]) == 0
    assert shell.main(["edition", "1", "--solutions", "--to", "mine"]) == 0
    assert capsys.readouterr().out.split() == ["edition/01_first.ipynb", "mine/01_first_solutions.ipynb"]
    assert "product-solution" not in Path("edition/01_first.ipynb").read_text(encoding="utf-8")
    assert "product-solution" in Path("mine/01_first_solutions.ipynb").read_text(encoding="utf-8")
