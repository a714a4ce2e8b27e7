"""Making the environment: tried in temporary folders, with an installer that installs nothing."""

import ast
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from bigmodel import environment

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout that pins two packages, and an environment of its own in which this Python seems to run."""
    (tmp_path / "requirements.txt").write_text(
        "# tested with\nalpha==1.0\nbeta==2.0\n\n-e .\n", encoding="utf-8"
    )
    (tmp_path / "pyproject.toml").write_text('[project]\ndependencies = ["alpha>=1"]\n', encoding="utf-8")
    (tmp_path / ".venv").mkdir()
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(environment, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    return tmp_path


@pytest.fixture
def packages(monkeypatch):
    """The packages that seem to be installed: name → version."""
    found: dict[str, str] = {}

    def version(name):
        if name not in found:
            raise environment.metadata.PackageNotFoundError(name)
        return found[name]

    monkeypatch.setattr(environment.metadata, "version", version)
    return found


@pytest.fixture
def pip(monkeypatch, packages):
    """A pip that notes its arguments and then does what ``pip.effect`` says; by default all goes well."""

    class Pip:
        def __init__(self):
            self.calls = []

        def effect(self, arguments):
            if "-r" in arguments:
                packages.update(alpha="1.0", beta="2.0")
            return 0, []

        def __call__(self, what, arguments):
            self.calls.append(arguments)
            return self.effect(arguments)

    pip = Pip()
    monkeypatch.setattr(environment, "pip", pip)
    monkeypatch.setattr(environment, "takes_cpu_wheel", lambda: False)
    return pip


def test_this_environment_is_ready():
    assert environment.missing() == []
    assert environment.ready()
    assert environment.ready(exact=False)


def test_pins_and_needs_are_those_of_the_files():
    assert environment.pins()["torch"] == "2.13.0"
    assert set(environment.needed()) < set(environment.pins())
    assert {"torch", "numpy", "tqdm", "safetensors"} <= set(environment.needed())


def test_a_local_version_counts_as_the_version(checkout, packages):
    packages.update(alpha="1.0+cpu", beta="2.0")
    assert environment.missing() == []


def test_what_is_missing_or_of_another_version_is_named(checkout, packages):
    packages.update(alpha="1.0.1")
    assert environment.missing() == ["alpha==1.0", "beta==2.0"]
    assert not environment.ready()


def test_an_environment_made_by_hand_is_used_as_it_is(checkout, packages):
    packages.update(alpha="1.0", beta="2.0")
    assert environment.ready()


def test_other_versions_will_do_where_the_tests_are_not_run(checkout, packages):
    packages.update(alpha="1.5")
    assert environment.ready(exact=False)
    assert not environment.ready(exact=True)


def test_an_installation_ends_with_a_stamp_and_is_then_ready(checkout, pip):
    environment.install()
    assert environment.ready()
    assert environment.stamp_file().read_text(encoding="utf-8") == environment.stamp()


@pytest.mark.parametrize("name", ["requirements.txt", "pyproject.toml"])
def test_changed_requirements_are_installed_again(checkout, pip, name):
    environment.install()
    with (checkout / name).open("a", encoding="utf-8") as file:
        file.write("\n# changed\n")
    assert not environment.ready()
    environment.install()
    assert environment.ready()


@pytest.mark.parametrize("how", [KeyboardInterrupt, SystemExit, MemoryError])
def test_an_installation_that_is_cut_short_is_completed_by_the_next(checkout, packages, pip, how):
    def cut_short(arguments):
        packages.update(alpha="1.0", beta="2.0")  # every pin is there, but not all that they need
        raise how

    good, pip.effect = pip.effect, cut_short
    with pytest.raises(how):
        environment.install()
    assert not environment.ready()
    assert not environment.ready(exact=False)
    pip.effect = good
    environment.install()
    assert environment.ready()


def test_a_failing_pip_is_reported_with_its_last_words(checkout, pip):
    pip.effect = lambda arguments: (
        1,
        ["Collecting alpha", "ERROR: No matching distribution found for alpha==1.0"],
    )
    with pytest.raises(
        environment.SetupError, match=r"No matching distribution found for alpha(.|\n)*Start again"
    ):
        environment.install()
    assert not environment.ready()


def test_a_pip_that_lies_is_not_believed(checkout, pip):
    pip.effect = lambda arguments: (0, [])
    with pytest.raises(environment.SetupError, match=r"still missing: alpha==1\.0, beta==2\.0"):
        environment.install()
    assert not environment.ready()


def test_pip_itself_is_installed_where_a_start_was_killed_before_it_was(checkout, pip, monkeypatch):
    monkeypatch.setattr(environment.util, "find_spec", lambda name: None)
    environment.install()
    assert pip.calls[0] == ["-m", "ensurepip"]


@pytest.mark.parametrize("reachable", [True, False])
def test_without_a_gpu_linux_takes_the_small_torch_first_if_it_can(checkout, pip, monkeypatch, reachable):
    (checkout / "requirements.txt").write_text("alpha==1.0\ntorch==2.13.0\n", encoding="utf-8")
    monkeypatch.setattr(environment, "takes_cpu_wheel", lambda: True)
    found = []

    def effect(arguments):
        found.append(arguments)
        environment.metadata.version = {"alpha": "1.0", "torch": "2.13.0"}.__getitem__
        return (0 if reachable or "-r" in arguments else 1), []

    pip.effect = effect
    environment.install()
    assert "torch==2.13.0" in found[0]
    assert environment.CPU_WHEELS in found[0]
    assert found[1][-2:] == ["-r", str(checkout / "requirements.txt")]
    assert environment.ready()


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


def test_the_environment_is_made_once_and_the_same_words_go_on_inside(checkout, monkeypatch):
    python, made, called = environment.venv_python(), [], []

    def run(command, **options):
        made.append(command)
        python.parent.mkdir()
        python.touch()
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(environment.subprocess, "run", run)
    monkeypatch.setattr(environment, "call", lambda command: called.append(command) or 7)
    assert environment.enter(["run", "03"]) == 7
    assert environment.enter(["run", "03"]) == 7
    assert [command[1:] for command in made] == [["-m", "venv", "--clear", str(checkout / ".venv")]]
    assert called == 2 * [[python, "-X", "utf8", "-m", "bigmodel", "run", "03"]]


def test_an_environment_that_cannot_be_made_says_why(checkout, monkeypatch):
    failed = subprocess.CompletedProcess([], 1, "", "ensurepip is not available.\napt install python3-venv")
    monkeypatch.setattr(environment.subprocess, "run", lambda command, **options: failed)
    with pytest.raises(environment.SetupError, match=r"could not be made: .*apt install python3-venv"):
        environment.enter([])


def test_a_broken_environment_does_not_start_itself_for_ever(checkout, monkeypatch):
    python = environment.venv_python()
    python.parent.mkdir()
    python.touch()
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(environment.SetupError, match="delete that folder"):
        environment.enter([])


def test_programs_import_this_checkout_and_speak_utf8(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    code = "import bigmodel, sys; print(bigmodel.__file__, sys.flags.utf8_mode)"
    child = subprocess.run(
        [sys.executable, "-c", code],
        env=environment.child_environment(),
        cwd="/",
        capture_output=True,
        text=True,
    )
    assert child.stdout.split() == [str(ROOT / "bigmodel" / "__init__.py"), "1"]


def test_call_returns_the_exit_status():
    assert environment.call([sys.executable, "-c", "raise SystemExit(3)"]) == 3


@pytest.mark.skipif(sys.platform == "win32", reason="signals of this kind are POSIX's")
def test_ctrl_c_is_left_to_the_program_that_was_called():
    child = "import os, signal, sys, time; signal.signal(signal.SIGINT, lambda *_: sys.exit(5)); "
    child += "os.killpg(0, signal.SIGINT); time.sleep(60)"
    code = f"import sys; from bigmodel.environment import call; sys.exit(call([sys.executable, '-c', {child!r}]))"
    assert subprocess.run([sys.executable, "-c", code], start_new_session=True).returncode == 5


@pytest.mark.skipif(sys.platform == "win32", reason="signals of this kind are POSIX's")
def test_a_killed_program_has_the_shells_exit_status():
    assert environment.call([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"]) == 137


@pytest.mark.parametrize("name", ["__init__.py", "__main__.py"])
def test_what_old_pythons_read_parses_there(name):
    source = (ROOT / "bigmodel" / name).read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 6))


def test_nothing_is_imported_before_the_version_is_known():
    source = (ROOT / "bigmodel" / "__main__.py").read_text(encoding="utf-8")
    docstring, imported, refusal = ast.parse(source).body[:3]
    assert isinstance(docstring, ast.Expr)
    assert ast.unparse(imported) == "import sys"
    assert isinstance(refusal, ast.If)


@pytest.mark.parametrize("version", [(3, 6, 15), (3, 10, 13), (3, 15, 0), (4, 0, 0)])
def test_other_pythons_are_told_so_in_one_sentence(monkeypatch, version):
    monkeypatch.setattr(sys, "version_info", version)
    monkeypatch.setattr(sys, "version", ".".join(map(str, version)) + " (main)")
    with pytest.raises(SystemExit, match=r"^bigmodel needs Python 3\.11, .* this is Python \d+\.\d+\.\d+\.$"):
        runpy.run_path(str(ROOT / "bigmodel" / "__main__.py"))


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 12, 5), (3, 14, 1)])
def test_the_pythons_that_the_pins_serve_are_accepted(monkeypatch, version):
    monkeypatch.setattr(sys, "version_info", version)
    runpy.run_path(str(ROOT / "bigmodel" / "__main__.py"))


def test_until_the_environment_exists_only_the_standard_library_is_imported():
    code = "import sys; from bigmodel import shell; print(*{name.partition('.')[0] for name in sys.modules})"
    # -S: without site-packages, as in a bare Python
    child = subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert child.returncode == 0, child.stderr
    assert set(child.stdout.split()) - set(sys.stdlib_module_names) <= {
        "bigmodel",
        "__main__",
        "sitecustomize",
    }
