"""Making the environment: real starts of small checkouts, whose packages are tiny wheels in a folder."""

import ast
import os
import runpy
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from bigmodel.lab import environment

ROOT = Path(__file__).resolve().parent.parent
posix = pytest.mark.skipif(sys.platform == "win32", reason="signals of this kind are POSIX's")


def make_wheel(folder, name, version, code):
    """A package of one module that says ``code``."""
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", code)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A checkout whose learners need one package, and whose tests need a pytest that says its words and ends with 7."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "bigmodel", folder / "bigmodel", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("tests", "notebooks", "wheels"):
        (folder / name).mkdir()
    (folder / "notebooks" / "01_concepts.ipynb").write_text('{"cells": []}', encoding="utf-8")
    (folder / "requirements.txt").write_text("# tested with\nalpha==1.0\n", encoding="utf-8")
    (folder / "tests" / "requirements.txt").write_text("pytest==99.0\n", encoding="utf-8")
    make_wheel(folder / "wheels", "alpha", "1.0", "")
    return folder


def python_of(checkout):
    return checkout / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def start(checkout, *words, python=sys.executable):
    """Start a command as a user does; pip finds what lies in the folder of wheels, and nothing else."""
    # pip reaches no network in any case
    own = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(checkout / "wheels"), "PIP_CONFIG_FILE": os.devnull}
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    return subprocess.run(
        [python, "-m", "bigmodel", *words], cwd=checkout, env=variables | own,
        capture_output=True, text=True, encoding="utf-8", timeout=120,
    )  # fmt: skip


def test_an_environment_is_made_filled_and_completed(checkout):
    """The whole life of one, in order: first start, next start, tests, and both installations cut short."""
    first = start(checkout, "run")
    assert (first.returncode, first.stdout) == (0, "01_concepts\n"), first.stderr
    python = python_of(checkout)
    assert "Installing requirements.txt" in first.stderr
    assert start(checkout, "run").stderr == ""

    failed = start(checkout, "test", "-k", "x")  # there is no such pytest yet
    assert failed.returncode == 2
    assert "No matching distribution found for pytest==99.0" in failed.stderr
    assert failed.stderr.endswith(
        "python -m bigmodel test: pip failed, for the reason that it gives above. Start again to continue.\n"
    )
    assert start(checkout, "run").stderr == ""  # learners need not wait for that

    make_wheel(checkout / "wheels", "pytest", "99.0", "import sys; print(sys.argv[1:]); sys.exit(7)")
    tests = start(checkout, "test", "-k", "x", "--maxfail=1", "notebooks")
    assert (tests.returncode, tests.stdout) == (7, "['-k', 'x', '--maxfail=1', 'notebooks']\n"), tests.stderr
    assert start(checkout, "test", python=python).stderr == ""

    for requirements in ("requirements.txt", "tests/requirements.txt"):
        mark = checkout / ".venv" / f"unfinished-{(checkout / requirements).parent.name}-requirements.txt"
        mark.touch()  # all pins are there, but not all that they need
        again = start(checkout, "test")
        assert f"Installing {requirements}" in again.stderr
        assert not mark.exists()

    make_wheel(checkout / "wheels", "alpha", "2.0", "")
    (checkout / "requirements.txt").write_text("alpha==2.0\n", encoding="utf-8")
    assert start(checkout, "run").stderr == ""  # any version will do
    assert "Installing requirements.txt" in start(checkout, "test").stderr


def test_a_broken_environment_does_not_start_itself_for_ever(checkout, monkeypatch):
    python = python_of(checkout)
    monkeypatch.setattr(environment, "VENV", checkout / ".venv")
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(ValueError, match="delete that folder"):
        environment.enter([])


def test_a_local_version_counts_as_the_version(monkeypatch):
    monkeypatch.setattr(environment.metadata, "version", lambda name: "2.13.0+cpu")
    assert environment.installed("torch") == "2.13.0"


@pytest.mark.parametrize(
    ("system", "machine", "driver", "there", "expected"),
    [
        ("linux", "x86_64", None, None, True),
        ("linux", "x86_64", "/usr/bin/nvidia-smi", None, False),
        ("linux", "x86_64", None, "2.13.0", False),
        ("linux", "aarch64", None, None, False),
        ("darwin", "arm64", None, None, False),
        ("win32", "AMD64", None, None, False),
    ],
)
def test_who_takes_the_small_torch(monkeypatch, system, machine, driver, there, expected):
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(environment.platform, "machine", lambda: machine)
    monkeypatch.setattr(environment.shutil, "which", lambda name: driver)
    monkeypatch.setattr(environment.Path, "exists", lambda path: False)
    monkeypatch.setattr(environment, "installed", lambda name: there)
    assert environment.takes_cpu_wheel() is expected


def test_both_lists_of_what_is_needed_name_the_same_packages():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    for listed, requirements in (
        (project["dependencies"] + extras["lab"], environment.LEARNING),
        (extras["book"], environment.BOOK),
        (extras["test"], environment.TESTING),
    ):
        assert {name.partition(">")[0] for name in listed} == environment.pins(requirements).keys()
    assert {"torch", "jupyter", "matplotlib", "numpy", "nbval"} <= environment.pins(environment.LEARNING).keys()


def test_call_returns_the_exit_status_and_imports_this_checkout():
    right = f"bigmodel.__file__.startswith({str(ROOT)!r}) and sys.flags.utf8_mode"
    code = f"import bigmodel, sys; sys.exit(3 if {right} else 4)"
    assert environment.call([sys.executable, "-c", code]) == 3


@posix
def test_ctrl_c_is_left_to_the_program_that_was_called():
    child = "import os, signal, sys, time; signal.signal(signal.SIGINT, lambda *_: sys.exit(5)); "
    child += "os.killpg(0, signal.SIGINT); time.sleep(60)"
    code = f"import sys; from bigmodel.lab.environment import call; sys.exit(call([sys.executable, '-c', {child!r}]))"
    assert subprocess.run([sys.executable, "-c", code], start_new_session=True).returncode == 5


@posix
def test_a_killed_program_has_the_shells_exit_status():
    assert environment.call([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"]) == 137


# Before the environment is there


@pytest.mark.parametrize("name", ["__init__.py", "__main__.py"])
def test_what_old_pythons_read_parses_there(name):
    ast.parse((ROOT / "bigmodel" / name).read_text(encoding="utf-8"), feature_version=(3, 6))


@pytest.mark.parametrize("version", [(3, 6, 15), (3, 10, 13), (3, 15, 0), (4, 0, 0)])
def test_other_pythons_are_told_so_in_one_sentence(monkeypatch, version):
    monkeypatch.setattr(sys, "version_info", version)
    monkeypatch.setattr(sys, "version", ".".join(map(str, version)) + " (main)")
    with pytest.raises(SystemExit, match=r"^bigmodel needs Python 3\.11, .* this is Python \d+\.\d+\.\d+\.$"):
        runpy.run_path(str(ROOT / "bigmodel" / "__main__.py"))


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 14, 1)])
def test_the_pythons_that_the_pins_serve_are_accepted(monkeypatch, version):
    monkeypatch.setattr(sys, "version_info", version)
    runpy.run_path(str(ROOT / "bigmodel" / "__main__.py"))


def test_until_the_environment_exists_only_the_standard_library_is_imported():
    code = "import sys; from bigmodel.lab import shell; print(*{name.partition('.')[0] for name in sys.modules})"
    # -S: without site-packages, as in a bare Python
    child = subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert child.returncode == 0, child.stderr
    others = set(child.stdout.split()) - set(sys.stdlib_module_names)
    assert others <= {"bigmodel", "__main__", "sitecustomize"}
