"""The learner's copies, executing, and canonical form: on small notebooks in temporary folders."""

import json
import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from bigmodel.lab import course, execution, way


def code(source, *tags, outputs=(), count=None, **metadata):
    metadata = {**metadata, **({"tags": list(tags)} if tags else {})}
    return new_code_cell(source, metadata=metadata, outputs=list(outputs), execution_count=count)


def write(path, *cells):
    path.parent.mkdir(exist_ok=True)
    nbformat.write(new_notebook(cells=list(cells)), path)
    return path


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Folders of its own for the course: two notebooks, one of them with a solution."""
    monkeypatch.setattr(course, "NOTEBOOKS", tmp_path / "notebooks")
    for module in (course, execution):
        monkeypatch.setattr(module, "COPIES", tmp_path / "my-notebooks")
    monkeypatch.setattr(execution, "FIGURES", tmp_path / "figures")
    write(tmp_path / "notebooks" / "01_first.ipynb", code("1 + 1"), code("2 + 2", "solution"), code("3 + 3"))
    write(tmp_path / "notebooks" / "12_last_one.ipynb", code("print('last')"))
    return tmp_path


def sources(path):
    return [course.source(cell) for cell in course.load_notebook(path)["cells"]]


@pytest.mark.parametrize("name", ["1", "01", "first", "01_first.ipynb", "notebooks/01_first.ipynb"])
def test_a_notebook_is_found_by_number_and_by_name(folders, name):
    assert course.find(name) == folders / "notebooks" / "01_first.ipynb"


@pytest.mark.parametrize("name", ["2", "fir", "", "-1", "¹"])
def test_an_unknown_notebook_is_refused_with_those_there_are(folders, name):
    with pytest.raises(ValueError, match=re.escape(f"{name!r}; the notebooks are: 01_first, 12_last_one.")):
        course.find(name)


def own(path):
    """The sources of a copy, without the signposts at both ends."""
    first, *between, last = sources(path)
    assert first.startswith("[start](start.ipynb)")
    assert last.endswith(first) or "after the last" in first
    return between


def test_copies_leave_out_solutions_and_outputs_and_nothing_else(folders):
    shown = new_output("stream", name="stdout", text="2\n")
    cells = [new_markdown_cell("# 01 · First"), code("1 + 1", outputs=[shown], count=7), code("2 + 2", "solution")]
    original = write(course.NOTEBOOKS / "01_first.ipynb", *cells)
    before = original.read_bytes()
    course.make_copies()
    assert original.read_bytes() == before
    cells = course.load_notebook(course.COPIES / "01_first.ipynb")["cells"]
    assert [course.source(cell) for cell in cells[1:-1]] == ["# 01 · First", "1 + 1"]
    assert (cells[2]["outputs"], cells[2]["execution_count"]) == ([], None)
    nbformat.validate(nbformat.read(course.COPIES / "01_first.ipynb", as_version=4))


def test_signposts_lead_on_and_back_and_say_where_to_go_after_the_last(folders):
    write(course.NOTEBOOKS / "01_first.ipynb", new_markdown_cell("# 01 · First"), code("1"))
    write(course.NOTEBOOKS / "02_next.ipynb", new_markdown_cell("Words\n\n# 02 · Next"), code("1"))
    first, second, last = (course.links(path) for path in course.originals())
    assert first == "[start](start.ipynb) · [02 · Next →](02_next.ipynb)"
    assert second == "[start](start.ipynb) · [← 01 · First](01_first.ipynb) · [12_last_one →](12_last_one.ipynb)"
    assert last == (
        "[start](start.ipynb) · [← 02 · Next](02_next.ipynb) · [after the last →](start.ipynb#After-the-last-notebook)"
    )


def test_copies_are_never_overwritten_and_new_notebooks_and_pages_are_added(folders):
    assert [path.name for path in course.make_copies()] == ["01_first.ipynb", "12_last_one.ipynb"]
    mine = write(course.COPIES / "01_first.ipynb", code("mine"))
    write(course.NOTEBOOKS / "02_new.ipynb", code("new"))
    (course.NOTEBOOKS / "00_terms.md").write_text("# Terms · 术语\n", encoding="utf-8")
    write(course.NOTEBOOKS / "start.ipynb", code("way"))
    assert [path.name for path in course.make_copies()] == ["start.ipynb", "02_new.ipynb", "00_terms.md"]
    assert (course.COPIES / "00_terms.md").read_text(encoding="utf-8") == "# Terms · 术语\n"
    assert course.make_copies() == []
    assert sources(mine) == ["mine"]


def test_reset_brings_back_the_original_and_keeps_every_older_one(folders):
    course.make_copies()
    for number in (1, 2):
        write(course.COPIES / "01_first.ipynb", code(f"mine {number}"))
        copy, kept = course.reset("01")
        assert own(copy) == ["1 + 1", "3 + 3"]
        assert kept.name == f"01_first.before-{number}.ipynb"
        assert sources(kept) == [f"mine {number}"]
    assert sources(course.COPIES / "01_first.before-1.ipynb") == ["mine 1"]


def test_reset_keeps_nothing_where_nothing_was_changed(folders):
    for _ in range(2):
        copy, kept = course.reset("last_one")
        assert copy.exists()
        assert kept is None
    assert [path.name for path in course.COPIES.iterdir()] == ["12_last_one.ipynb"]


# Where a learner is


@pytest.fixture
def way_folder(folders):
    """A course of two notebooks, three exercises and one, and its copies."""
    checks = [code(f"def {name}_solution(): ...\n\n\ncheck.{name}({name}_solution)", "solution") for name in "abc"]
    write(folders / "notebooks" / "01_first.ipynb", new_markdown_cell("# 01 · First"), code("1 + 1"), *checks)
    write(folders / "notebooks" / "02_next.ipynb", new_markdown_cell("# 02 · Next & on"), code("2"), checks[1])
    (folders / "notebooks" / "12_last_one.ipynb").unlink()
    write(folders / "notebooks" / "start.ipynb", new_markdown_cell("# Start"), code("way.show()"))
    course.make_copies()
    return folders / "my-notebooks"


def remember(folder, **progress):
    (folder / "progress.json").write_text(json.dumps(progress), encoding="utf-8")


SOLVED = {"hints": 0, "tries": 1, "solved": True}


def test_who_has_not_begun_is_sent_to_the_first_notebook(way_folder):
    found = way.lessons(way_folder)
    assert [(each.title, len(each.exercises), each.solved) for each in found] == [
        ("01 · First", 3, ()), ("02 · Next & on", 1, ()),
    ]  # fmt: skip
    assert way.as_text(found).splitlines() == [
        "01 · First      ○○○ 0 of 3",
        "02 · Next & on  ○ 0 of 1",
        "",
        "0 of 4 exercises solved. Begin with 01 · First.",
    ]


def test_what_was_solved_counts_and_what_was_saved_last_is_where_one_left_off(way_folder):
    remember(way_folder, first={"b": SOLVED, "c": SOLVED | {"solved": False}}, other={"a": SOLVED})
    copy = way_folder / "01_first.ipynb"
    notebook = course.load_notebook(copy)
    notebook["cells"][2]["execution_count"] = 1
    copy.write_text(course.dumps(notebook), encoding="utf-8")
    text = way.as_text(way.lessons(way_folder))
    assert "○●○ 1 of 3" in text
    assert text.endswith("1 of 4 exercises solved. You left off in 01 · First.")
    remember(way_folder, first=dict.fromkeys("abc", SOLVED))
    assert way.as_text(way.lessons(way_folder)).endswith("All of 01 · First is solved. Go on with 02 · Next & on.")


@pytest.mark.parametrize("broken", ["", "[]", '{"first": 3}', '{"first": {"a": 1}}'])
def test_progress_that_somebody_else_has_written_is_no_progress(way_folder, broken):
    (way_folder / "progress.json").write_text(broken, encoding="utf-8")
    assert "0 of 3" in way.as_text(way.lessons(way_folder))


def test_a_copy_that_was_saved_half_way_stops_nobody(way_folder):
    (way_folder / "02_next.ipynb").write_text('{"cells": [', encoding="utf-8")
    assert "You left off in 02 · Next & on" in way.as_text(way.lessons(way_folder))


def test_the_start_page_opens_with_links_up_to_date_and_is_otherwise_the_readers(way_folder, monkeypatch):
    monkeypatch.setattr("nbformat.sign.NotebookNotary.sign", lambda notary, notebook: None)
    page = way_folder / "start.ipynb"
    notebook = course.load_notebook(page)
    notebook["cells"][1]["id"] = way.CELL
    notebook["cells"].append({"cell_type": "markdown", "id": "mine", "metadata": {}, "source": ["my note"]})
    page.write_text(course.dumps(notebook), encoding="utf-8")
    way.refresh(page)
    shown = "".join(course.load_notebook(page)["cells"][1]["outputs"][0]["data"]["text/html"])
    assert '<a href="02_next.ipynb"><b>02 · Next &amp; on</b></a>' in shown
    assert "Begin with" in shown
    assert sources(page) == ["# Start", "way.show()", "my note"]
    first = page.read_bytes()
    way.refresh(page)
    assert page.read_bytes() == first
    nbformat.validate(nbformat.read(page, as_version=4))


def test_a_start_page_without_its_cell_is_left_alone(way_folder):
    before = (way_folder / "start.ipynb").read_bytes()
    way.refresh(way_folder / "start.ipynb")
    assert (way_folder / "start.ipynb").read_bytes() == before


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"cells": []'])
def test_what_is_not_a_notebook_is_refused_in_one_sentence(folders, text):
    path = folders / "notebooks" / "01_first.ipynb"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"01_first\.ipynb is not a notebook"):
        course.load_notebook(path)


# Canonical form

MESSY = {
    "cells": [
        {"cell_type": "markdown", "id": "kept", "metadata": {"collapsed": True}, "source": ["a\n", "b"]},
        {
            "cell_type": "code",
            "execution_count": 3,
            "metadata": {"execution": {"iopub.status.busy": "2026"}, "tags": ["solution"], "jupyter": {}},
            "source": "1",
            "outputs": [
                {"output_type": "stream", "name": "stdout", "text": ["a\n"]},
                {"output_type": "display_data", "metadata": {}, "data": {course.WIDGET: {}}},
                {
                    "output_type": "display_data",
                    "metadata": {},
                    "data": {course.WIDGET: {}, "text/plain": ["x"]},
                },
            ],
        },
        {"cell_type": "code", "execution_count": None, "metadata": {}, "source": "1", "outputs": []},
    ],
    "metadata": {"kernelspec": {"name": "my-kernel"}, "widgets": {"state": {}}},
    "nbformat": 4,
    "nbformat_minor": 4,
}


def test_canonical_form_keeps_what_a_reader_sees_and_drops_what_differs_from_run_to_run(tmp_path):
    before = json.dumps(MESSY)
    result = course.canonical(MESSY)
    assert json.dumps(MESSY) == before
    first, second, third = result["cells"]
    assert first == {"cell_type": "markdown", "id": "kept", "metadata": {}, "source": ["a\n", "b"]}
    assert second["metadata"] == {"tags": ["solution"], "jupyter": {}}
    assert [output.get("data", output.get("text")) for output in second["outputs"]] == [
        ["a\n"],
        {"text/plain": ["x"]},
    ]
    assert second["id"] != third["id"]
    assert result["metadata"] == course.METADATA
    assert course.canonical(json.loads(course.dumps(result))) == result
    # Jupyter itself lays out a file like this.
    (tmp_path / "a.ipynb").write_text(course.dumps(result), encoding="utf-8")
    notebook = nbformat.read(tmp_path / "a.ipynb", as_version=4)
    nbformat.validate(notebook)
    nbformat.write(notebook, tmp_path / "b.ipynb")
    assert (tmp_path / "b.ipynb").read_text(encoding="utf-8") == course.dumps(result)


# Executing

DRAWS = """
import os, pathlib
print("10 %\\r", end="", flush=True)
pathlib.Path("figures").mkdir()
pathlib.Path("figures/line.svg").write_text("<svg/>")
print(os.environ["BIGMODEL_STATIC"], os.environ["TQDM_DISABLE"], "OMP_NUM_THREADS" in os.environ, sorted(os.listdir()))
"""
PICTURE = """
from IPython.display import Image, Math, display
display(Math("x^2"))
Image(bytes.fromhex("89504e470d0a1a0a"), format="png")
"""


def test_regenerating_twice_changes_no_byte_and_updates_the_figures(folders):
    path = write(folders / "notebooks" / "01_first.ipynb", new_markdown_cell("Title"), code(DRAWS), code(PICTURE))
    ids = [cell["id"] for cell in course.load_notebook(path)["cells"]]
    assert execution.regenerate(path) == (True, None)
    first = path.read_bytes()
    assert execution.regenerate(path) == (False, None)
    assert path.read_bytes() == first
    assert (execution.FIGURES / "line.svg").read_text(encoding="utf-8") == "<svg/>"
    cells = course.load_notebook(path)["cells"]
    assert [cell["id"] for cell in cells] == ids
    assert cells[1]["outputs"][0]["text"] == ["1 1 True ['.ipython', 'figures']\n"]
    assert [cell["execution_count"] for cell in cells[1:]] == [1, 2]
    assert sorted(p.name for p in path.parent.iterdir()) == ["01_first.ipynb", "12_last_one.ipynb"]


def test_outputs_that_no_test_compares_stay_until_something_else_changes(folders):
    clock = code("import time\nprint(time.time_ns())", "nbval-ignore-output")
    path = write(folders / "notebooks" / "01_first.ipynb", clock, code("print(1)"))
    assert execution.regenerate(path) == (True, None)
    first = path.read_bytes()
    assert execution.regenerate(path) == (False, None)
    assert path.read_bytes() == first
    path.write_text(path.read_text(encoding="utf-8").replace("print(1)", "print(2)"), encoding="utf-8")
    assert execution.regenerate(path) == (True, None)
    old, new = (json.loads(content)["cells"][0]["outputs"] for content in (first, path.read_bytes()))
    assert old != new


def test_a_notebook_that_fails_is_not_written(folders):
    path = write(folders / "notebooks" / "01_first.ipynb", code("1"), code("raise KeyError('where')"))
    before = path.read_bytes()
    assert execution.regenerate(path) == (False, "code cell 2 raised KeyError: 'where'")
    assert path.read_bytes() == before
