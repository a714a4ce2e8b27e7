"""The commands as they are typed: what each does, and the one line and exit status of wrong input."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from bigmodel import commands, course, environment, shell
from bigmodel.checkpoint import load_run

ROOT = Path(__file__).resolve().parent.parent
TEXT = "\n\n".join(
    f"The fox number {number} sat by the harbour and counted {number * 7} boats" for number in range(60)
)
SMALL = ["--hidden-size", "8", "--context", "2", "--batch-size", "2"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """A working folder and course folders of its own, with two notebooks."""
    monkeypatch.chdir(tmp_path)
    for name, folder in {"NOTEBOOKS": "notebooks", "COPIES": "my-notebooks", "FIGURES": "figures"}.items():
        monkeypatch.setattr(course, name, tmp_path / folder)
    monkeypatch.setattr(environment, "ready", lambda exact=True: True)
    (tmp_path / "notebooks").mkdir()
    for name in ("03_pretraining", "01_concepts"):
        nbformat.write(new_notebook(cells=[new_code_cell("1 + 1")]), tmp_path / "notebooks" / f"{name}.ipynb")


@pytest.fixture
def called(monkeypatch):
    """The programs that would have been started; each "returns" 5."""
    commands_called = []
    monkeypatch.setattr(
        environment, "call", lambda command: commands_called.append(list(map(str, command))) or 5
    )
    return commands_called


def exit_status(*words):
    try:
        return shell.main(words)
    except SystemExit as stop:
        return stop.code


# Wrong input


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("lba", "'lba' is not one of: lab, test, bench, run, reset, pretrain, generate, regenerate"),
        ("--prot 3", "unrecognized arguments: --prot 3"),
        ("lab --port http", "argument --port: 'http' is not a port, 1 to 65535"),
        ("lab --port 70000", "argument --port: '70000' is not a port, 1 to 65535"),
        ("lab extra", "unrecognized arguments: extra"),
        ("run 99", "there is no notebook '99'; the notebooks are: 01_concepts, 03_pretraining"),
        ("run 01 03", "unrecognized arguments: 03"),
        ("reset", "the following arguments are required: notebook"),
        ("reset concept", "there is no notebook 'concept'; the notebooks are: 01_concepts, 03_pretraining"),
        ("regenerate 01 2", "there is no notebook '2'"),
        ("pretrain --steps -3", "argument --steps: '-3' is not a whole number of at least 1"),
        ("pretrain --steps 0", "argument --steps: '0' is not a whole number of at least 1"),
        ("pretrain --steps 1.5", "argument --steps: '1.5' is not a whole number of at least 1"),
        ("pretrain --steps", "argument --steps: expected one argument"),
        ("pretrain --step 3", "unrecognized arguments: --step"),
        ("pretrain --learning-rate nan", "argument --learning-rate: 'nan' is not a number above 0"),
        ("pretrain --learning-rate inf", "argument --learning-rate: 'inf' is not a number above 0"),
        ("pretrain --seed -1", "argument --seed: '-1' is not a whole number of at least 0"),
        ("pretrain --tokenizer bep", "'bep' is not one of: bpe, characters, words"),
        ("pretrain nowhere.txt", "nowhere.txt"),
        ("pretrain binary", "binary"),
        ("pretrain empty", "empty"),
        ("pretrain short", "short"),
        ("pretrain fox --vocab-size 3", "3"),
        ("pretrain fox --folder fox", "fox"),
        ("generate", "there is no run in runs/ yet: make one with `python -m bigmodel pretrain`"),
        ("generate --run nowhere", "there is no run at nowhere"),
        ("generate --run notebooks", "config.json"),
        ("generate --temperature 0", "argument --temperature: '0' is not a number above 0"),
        ("generate --top-p 1.5", "argument --top-p: '1.5' is not a number above 0, at most 1"),
        ("generate --top-k 0", "argument --top-k: '0' is not a whole number of at least 1"),
        ("generate --length -1", "argument --length: '-1' is not a whole number of at least 1"),
        ("generate fox", "unrecognized arguments: fox"),
    ],
)
def test_wrong_input_gets_one_line_and_exit_status_2(capsys, called, words, said):
    Path("binary").write_bytes(bytes(range(256)))
    Path("empty").touch()
    Path("short").write_text("a", encoding="utf-8")
    Path("fox").write_text(TEXT, encoding="utf-8")
    assert exit_status(*words.split()) == 2
    error = capsys.readouterr().err
    assert error.startswith("python -m bigmodel")
    assert said in error
    assert error.count("\n") == 1
    assert called == []


def test_a_folder_that_cannot_be_written_is_named(capsys, monkeypatch):
    def refuse(*arguments, **options):
        raise PermissionError(13, "Permission denied", "my-notebooks")

    monkeypatch.setattr(course, "make_copies", refuse)
    assert exit_status() == 2
    assert capsys.readouterr().err == "python -m bigmodel lab: my-notebooks: Permission denied.\n"


def test_a_checkout_without_notebooks_says_so(capsys):
    for path in course.originals():
        path.unlink()
    assert exit_status() == 2
    assert "clone the whole repository" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [[], *[[name] for name in ("lab", "test", "run", "reset", "pretrain", "generate")]]
)
def test_help_explains_and_gives_examples(capsys, words):
    assert exit_status(*words, "--help") == 0
    text = capsys.readouterr().out
    assert "python -m bigmodel" in text
    assert not words or "examples:" in text


# The environment first


def test_without_an_environment_every_word_goes_on_inside(monkeypatch):
    entered = []
    monkeypatch.setattr(environment, "ready", lambda exact=True: False)
    monkeypatch.setattr(environment, "inside_venv", lambda: False)
    monkeypatch.setattr(environment, "enter", lambda words: entered.append(list(words)) or 9)
    for words in (
        [],
        ["--no-browser"],
        ["test", "-k", "x"],
        ["run", "03"],
        ["pretrain", "--steps", "3"],
        ["generate"],
    ):
        assert exit_status(*words) == 9
        assert entered.pop() == words


def test_inside_an_unfinished_environment_the_installation_comes_first(monkeypatch, called):
    order = []
    monkeypatch.setattr(environment, "ready", lambda exact=True: False)
    monkeypatch.setattr(environment, "inside_venv", lambda: True)
    monkeypatch.setattr(environment, "install", lambda: order.append(list(called)))
    assert exit_status("test") == 5
    assert order == [[]]


def test_a_failing_installation_is_said_in_words(monkeypatch, capsys):
    def fail():
        raise environment.SetupError("no network.")

    monkeypatch.setattr(environment, "ready", lambda exact=True: False)
    monkeypatch.setattr(environment, "inside_venv", lambda: True)
    monkeypatch.setattr(environment, "install", fail)
    assert exit_status("run") == 2
    assert capsys.readouterr().err == "python -m bigmodel run: no network.\n"


def test_reset_needs_no_environment(monkeypatch):
    monkeypatch.setattr(environment, "ready", lambda exact=True: pytest.fail("asked"))
    assert exit_status("reset", "03") == 0


# lab and test


def test_lab_opens_the_first_notebook_in_the_learners_folder(called):
    assert exit_status() == 5
    (command,) = called
    assert command[:3] == [sys.executable, "-m", "jupyterlab"]
    assert f"--ServerApp.root_dir={course.COPIES.parent}" in command
    assert "--LabApp.default_url=/lab/tree/my-notebooks/01_concepts.ipynb" in command
    assert (course.COPIES / "03_pretraining.ipynb").exists()
    assert "--no-browser" not in command


def test_lab_asks_nothing_of_the_network(called):
    """A course that works offline neither fetches news, nor asks whether to, nor looks for updates."""
    exit_status()
    (folder,) = (
        word.partition("=")[2] for word in called[0] if word.startswith("--LabApp.app_settings_dir=")
    )
    settings = json.loads(Path(folder, "overrides.json").read_text(encoding="utf-8"))
    assert settings["@jupyterlab/apputils-extension:notification"] == {
        "checkForUpdates": False,
        "fetchNews": "false",
    }


def test_lab_passes_on_its_options(called):
    exit_status("--no-browser", "--port", "9000")
    exit_status("lab", "--port", "9000", "--no-browser")
    for command in called:
        assert "--no-browser" in command
        assert "--ServerApp.port=9000" in command


def test_authors_open_the_originals_and_make_no_copies(called):
    exit_status("--originals")
    assert "--LabApp.default_url=/lab/tree/notebooks/01_concepts.ipynb" in called[0]
    assert not course.COPIES.exists()


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="there is no root here")
@pytest.mark.parametrize(("user", "allowed"), [(0, True), (1000, False)])
def test_root_may_start_lab(called, monkeypatch, user, allowed):
    monkeypatch.setattr(os, "geteuid", lambda: user)
    exit_status()
    assert ("--allow-root" in called[0]) is allowed


def test_test_passes_every_word_and_the_exit_status(called):
    assert exit_status("test", "-k", "x", "--maxfail=1", "notebooks") == 5
    assert called == [[sys.executable, "-m", "pytest", "-k", "x", "--maxfail=1", "notebooks"]]
    assert Path.cwd() == ROOT


def test_ci_runs_the_test_command():
    assert "python -m bigmodel test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


# run, reset, regenerate


def test_run_without_a_number_lists_the_notebooks(capsys):
    course.make_copies()
    (course.COPIES / "03_pretraining.ipynb").unlink()
    assert exit_status("run") == 0
    assert capsys.readouterr().out.splitlines() == ["01_concepts   (you have a copy)", "03_pretraining"]


def test_run_says_what_ran_and_where_the_page_lies(capsys):
    assert exit_status("run", "03", "--to", "page.html") == 0
    assert "03_pretraining (the original)" in capsys.readouterr().out
    assert Path("page.html").exists()


def test_run_of_a_notebook_that_fails_ends_with_1_and_one_sentence(capsys):
    nbformat.write(new_notebook(cells=[new_code_cell("1/0")]), course.NOTEBOOKS / "03_pretraining.ipynb")
    assert exit_status("run", "03") == 1
    error = capsys.readouterr().err
    assert error.endswith("03_pretraining: code cell 1 raised ZeroDivisionError: division by zero\n")
    assert (course.COPIES / "03_pretraining.html").exists()


def test_regenerate_goes_on_after_a_failure_and_ends_with_1(capsys):
    nbformat.write(new_notebook(cells=[new_code_cell("1/0")]), course.NOTEBOOKS / "01_concepts.ipynb")
    assert exit_status("regenerate") == 1
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("01_concepts: code cell 1 raised ZeroDivisionError")
    assert second.startswith("03_pretraining: rewritten")


# pretrain and generate


@pytest.mark.parametrize("kind", ["bpe", "characters", "words"])
def test_text_is_pretrained_on_and_written(capsys, kind):
    Path("fox.txt").write_text(TEXT, encoding="utf-8")
    assert exit_status("pretrain", "fox.txt", "--tokenizer", kind, "--steps", "3", *SMALL) == 0
    assert "generate --run runs/fox" in capsys.readouterr().out.replace("\\", "/")
    assert exit_status("generate", "--prompt", "The fox", "--length", "12", "--seed", "1") == 0
    written = capsys.readouterr().out
    assert written.startswith("The fox")
    assert (
        exit_status("generate", "--run", "runs/fox", "--prompt", "The fox", "--length", "12", "--seed", "1")
        == 0
    )
    assert capsys.readouterr().out == written


def test_a_decoder_is_pretrained_and_writes_beyond_its_context(capsys):
    Path("fox.txt").write_text(TEXT, encoding="utf-8")
    words = ["pretrain", "fox.txt", "--model", "decoder", "--steps", "3", "--context", "8"]
    assert exit_status(*words, "--tokenizer", "characters") == 0
    assert load_run("runs/fox").model.context == 8
    capsys.readouterr()
    assert exit_status("generate", "--prompt", "The fox", "--length", "40") == 0
    assert capsys.readouterr().out.startswith("The fox")


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent to one program there")
def test_ctrl_c_ends_with_130_and_the_same_command_goes_on(tmp_path):
    Path("fox.txt").write_text(TEXT, encoding="utf-8")
    code = """
import os, signal, sys
from bigmodel import shell, train
from bigmodel.checkpoint import load_run
whole = train._update
def update(*arguments):
    if arguments[-1] == int(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGINT)
    return whole(*arguments)
train._update = update
sys.exit(shell.main(sys.argv[2:]))
"""
    words = ["pretrain", "fox.txt", "--steps", "9", *SMALL]

    def start(interrupted_at, folder):
        command = [sys.executable, "-c", code, str(interrupted_at), *words, "--folder", folder]
        return subprocess.run(command, capture_output=True, text=True, encoding="utf-8")

    stopped = start(4, "mine")
    assert stopped.returncode == 130, stopped.stderr
    assert stopped.stderr.strip().splitlines() == ["Stopped at step 5 of 9: the same command goes on."]
    assert start(-1, "mine").returncode == start(-1, "other").returncode == 0
    assert Path("mine/big_model.pth").read_bytes() == Path("other/big_model.pth").read_bytes()


def test_a_reader_who_has_seen_enough_is_no_error():
    """``python -m bigmodel run | head -0``"""
    process = subprocess.Popen(
        [sys.executable, "-m", "bigmodel", "run"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 0


def test_the_run_written_last_is_the_default():
    for name, time in {"old": 1, "new": 3, "middle": 2}.items():
        config = Path("runs") / name / "config.json"
        config.parent.mkdir(parents=True)
        config.touch()
        os.utime(config, (time, time))
    assert commands.latest_run() == Path("runs/new")
