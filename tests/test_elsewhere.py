"""The course away from this checkout: installed from a wheel, opened in Colab, checked by the files for GitHub."""

import json
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell

from bigmodel.lab import colab, course

ROOT = Path(__file__).resolve().parent.parent


# A wheel


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A Python for which bigmodel is what a wheel holds and nothing else, and an empty folder to work in."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"  # building leaves files behind
    shutil.copytree(ROOT / "bigmodel", source / "bigmodel", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*build, "--wheel-dir", folder, source], check=True, capture_output=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    python = folder / "venv" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    asked = "import sysconfig; print(sysconfig.get_path('purelib'))"
    library = Path(subprocess.check_output([python, "-c", asked], text=True).strip())
    (wheel,) = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(library)
    # what it depends on is that of the tests; a .pth file inside it, such as our own checkout's, is not followed
    (library / "others.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    (folder / "elsewhere").mkdir()
    return python, folder / "elsewhere"


def start(installed, *words):
    """Run that Python, with nothing of this checkout in its environment."""
    python, folder = installed
    environment = {
        "PATH": "",
        "BIGMODEL_STATIC": "1",
        "SYSTEMROOT": "C:\\Windows",
        "MPLBACKEND": "agg",
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.run(
        [python, *words], cwd=folder, capture_output=True, text=True, encoding="utf-8", env=environment
    )


def test_a_wheel_carries_what_notebooks_import_the_pretrained_model_and_the_settings_of_jupyterlab(installed):
    imports = {
        line
        for path in course.originals()
        for cell in course.load_notebook(path)["cells"]
        if cell["cell_type"] == "code"
        for line in course.source(cell).splitlines()
        if re.match(r"(from|import) bigmodel", line) and not line.endswith("(")
    }
    assert len(imports) > 30
    code = """
import bigmodel, pathlib
from bigmodel.checkpoint import PRETRAINED, load_run
from bigmodel.generate import generate
run = load_run(PRETRAINED)
print(bigmodel.__file__)
print(*pathlib.Path(bigmodel.__file__).parent.glob("lab/jupyterlab/*"))
print(generate(run.model, run.tokenizer, "Once upon a", 5))
"""
    done = start(installed, "-c", "\n".join(sorted(imports)) + code)
    assert done.returncode == 0, done.stderr
    where, settings, text = done.stdout.splitlines()
    assert str(installed[1].parent) in where  # the wheel, and not this checkout
    assert {Path(name).name for name in settings.split()} == {
        path.name for path in (ROOT / "bigmodel" / "lab" / "jupyterlab").iterdir()
    }
    assert text.startswith("Once upon a time")


def test_a_notebook_opened_elsewhere_is_carried_by_the_readers_own_engine(installed):
    """With the wheel alone, and with right answers in place of the stubs of the notebook in which autograd is built."""
    original = course.find("foundations")
    solutions = [cell for cell in course.load_notebook(original)["cells"] if "solution" in course.tags(cell)]
    answers = "\n".join(map(course.source, solutions)).replace("_solution", "")
    answers = "\n".join(line for line in answers.splitlines() if not line.startswith("check."))
    notebook = json.loads(course.learners_edition(original))
    for cell in notebook["cells"]:
        cell["source"] = answers if "exercise" in course.tags(cell) else cell["source"]
    end = "assert isinstance(c, Value)\nassert max(abs(a - b) for a, b in zip(engine_losses, losses)) < 1e-4"
    notebook["cells"].append(new_code_cell(end))
    path = installed[1] / original.name
    path.write_text(course.dumps(notebook), encoding="utf-8")
    done = start(installed, "-m", "nbconvert", "--to", "notebook", "--inplace", "--execute", path.name)
    assert done.returncode == 0, done.stderr
    said = str([cell.get("outputs") for cell in course.load_notebook(path)["cells"]])
    assert (said.count("is yours."), said.count("✓")) == (6, 8)


def test_without_the_repository_the_course_is_not_opened_but_said_to_be_missing(installed):
    done = start(installed, "-m", "bigmodel", "colab", "ada/bigmodel", "--to", "here")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "clone the whole repository" in done.stderr


# Colab


def test_colab_gets_every_notebook_without_solutions_below_a_cell_that_installs(tmp_path):
    written = colab.write_editions("ada/course", tmp_path)
    assert [path.name for path in written] == [path.name for path in course.originals()]
    page = (tmp_path / "README.md").read_text(encoding="utf-8")
    for path in written:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        first, *others = notebook.cells
        assert first.source.endswith("%pip install --quiet git+https://github.com/ada/course")
        assert not any("solution" in course.tags(cell) for cell in others)
        assert f"https://colab.research.google.com/github/ada/course/blob/colab/{path.name}" in page


def test_links_between_notebooks_lead_from_colab_to_colab(tmp_path):
    (path,) = (path for path in colab.write_editions("ada/course", tmp_path) if path.stem == "01_concepts")
    text = path.read_text(encoding="utf-8")
    assert "https://colab.research.google.com/github/ada/course/blob/colab/02_loss_math.ipynb" in text
    assert "https://github.com/ada/course/blob/main/notebooks/00_notation_and_terms.md" in text
    assert not colab.LINK.search(text)
    assert "](start.ipynb" not in text


@pytest.mark.parametrize("repository", ["bigmodel", "https://github.com/ada/course", "", "a/b/c"])
def test_what_is_no_repository_is_refused(tmp_path, repository):
    with pytest.raises(ValueError, match="OWNER/NAME"):
        colab.write_editions(repository, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_originals_are_never_written_over():
    with pytest.raises(ValueError, match="originals"):
        colab.write_editions("ada/course", course.NOTEBOOKS)


# Files for GitHub


def test_the_matrix_runs_every_python_that_the_package_allows_on_three_systems():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == ">=3.11,<3.15"
    workflow = (ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8")
    assert 'python: ["3.11", "3.12", "3.13", "3.14"]' in workflow
    assert "os: [ubuntu-latest, macos-latest, windows-latest]" in workflow


def test_the_devcontainer_prepares_the_environment_by_a_command_that_exists():
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    for name in ("postCreateCommand", "postAttachCommand"):
        assert container[name].startswith("python -m bigmodel")
