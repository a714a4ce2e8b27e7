"""The commands as they are typed: what each does, and the one line and exit status of wrong input."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from bigmodel.checkpoint import load_run
from bigmodel.lab import course, environment, generate, pretrain, shell, watch

ROOT = Path(__file__).resolve().parent.parent
TEXT = "\n\n".join(f"The fox number {number} sat by the harbour and counted {number * 7} boats" for number in range(60))
SMALL = ["--model", "bigmodel", "--hidden-size", "8", "--context", "2", "--batch-size", "2"]
posix = pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent to one program there")


def add_notebook(folder, name, *sources):
    folder.mkdir(exist_ok=True)
    nbformat.write(new_notebook(cells=[new_code_cell(source) for source in sources]), folder / f"{name}.ipynb")


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout of its own, with two notebooks, in which commands really run."""
    shutil.copytree(ROOT / "bigmodel", tmp_path / "bigmodel", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "tests").mkdir()
    add_notebook(tmp_path / "notebooks", "01_concepts", "print('read')")
    add_notebook(tmp_path / "notebooks", "03_pretraining", "import time; time.sleep(60)")
    add_notebook(tmp_path / "notebooks", "start", "print('way')")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def start(*words, **options):
    """Start a command in the folder where we are, as a user does."""
    return subprocess.Popen(
        [sys.executable, "-m", "bigmodel", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, encoding="utf-8", **options,
    )  # fmt: skip


def finish(process):
    """Wait for a command: its exit status, what it wrote, and what it complained of."""
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def fetched(url):
    """What a server answers, which says its address a moment before it listens."""
    for _ in range(100):
        try:
            with urlopen(url) as answer:
                return answer.read()
        except URLError:
            time.sleep(0.1)
    pytest.fail(f"nothing answers at {url}")


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Commands in this very process, for a course in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(course, "NOTEBOOKS", tmp_path / "notebooks")
    monkeypatch.setattr(environment, "ready", lambda requirements, exact: True)
    add_notebook(tmp_path / "notebooks", "01_concepts", "1 + 1")


@pytest.fixture
def quick_machine(monkeypatch):
    """A machine that has been measured already."""
    monkeypatch.setattr(pretrain, "measured", lambda: ("float32", 0.05))


def exit_status(*words):
    try:
        return shell.main(words)
    except SystemExit as stop:
        return stop.code


# Wrong input


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("lba", "lba"),
        ("--prot 3", "python -m bigmodel lab: unrecognized arguments: --prot 3. Try: python -m bigmodel lab --help"),
        ("lab --port 70000", "argument --port: '70000' is not a port, 1 to 65535"),
        ("bench", "there are no benchmarks in"),
        ("run 99", "there is no notebook '99'; the notebooks are: 01_concepts."),
        ("run 01 03", "unrecognized arguments: 03"),
        ("reset", "the following arguments are required: notebook"),
        ("pretrain --steps 1.5", "argument --steps: '1.5' is not a whole number of at least 1"),
        ("pretrain --steps", "argument --steps: expected one argument"),
        ("pretrain --step 3", "unrecognized arguments: --step. Try: python -m bigmodel pretrain --help"),
        ("pretrain --learning-rate nan", "argument --learning-rate: 'nan' is not a number above 0"),
        ("pretrain --seed -1", "argument --seed: '-1' is not a whole number of at least 0"),
        ("pretrain --tokenizer bep", "argument --tokenizer: invalid choice: 'bep'"),
        ("pretrain fox --hidden-size 8", "--hidden-size is that of a bigmodel"),
        ("pretrain fox --model bigmodel --minutes 1", "give a bigmodel --steps instead"),
        ("pretrain fox --minutes 1 --steps 9", "give one of them"),
        ("pretrain fox --minutes 0", "argument --minutes: '0' is not a number above 0"),
        ("pretrain fox --minutes 0.001", "--minutes 0.001 leaves no time for training"),
        ("pretrain fox --learning-rate 1e30 --steps 9", "this --learning-rate destroys the model. Use a smaller one"),
        ("pretrain fox --learning-rate 100 --steps 50", "this --learning-rate destroys the model. Use a smaller one"),
        ("pretrain fox --vocab-size 3", "3"),
        ("pretrain fox --folder fox", "fox"),
        ("pretrain nowhere.txt", "nowhere.txt"),
        ("pretrain short", "short"),
        ("grade nowhere", "there is no folder nowhere"),
        ("grade . --seconds 0", "argument --seconds: '0' is not a whole number of at least 1"),
        ("slides 99", "there is no notebook '99'"),
        ("generate", "there is no run in runs/ yet: make one with `python -m bigmodel pretrain`"),
        ("generate --run nowhere", "there is no run at nowhere"),
        ("generate --temperature 0", "is not a number above 0 (for the most probable token every time, use --top-k 1)"),
        ("generate --top-p 1.5", "argument --top-p: '1.5' is not a number above 0, at most 1"),
        ("generate fox", "unrecognized arguments: fox: the text to continue is given as --prompt 'fox'"),
    ],
)  # fmt: skip
def test_wrong_input_gets_one_line_and_exit_status_2(capsys, monkeypatch, elsewhere, quick_machine, words, said):
    monkeypatch.setattr(environment, "ROOT", Path.cwd())
    Path("short").write_text("a", encoding="utf-8")
    Path("fox").write_text(TEXT, encoding="utf-8")
    assert exit_status(*words.split()) == 2
    error = capsys.readouterr().err
    assert error.startswith("python -m bigmodel")
    assert said in error
    assert error.count("\n") == 1


def test_a_file_that_cannot_be_written_is_named(capsys, elsewhere):
    Path("page").touch()
    assert exit_status("run", "01", "--to", "page/below.html") == 2
    assert "page" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    "name",
    ["", "lab", "test", "bench", "run", "reset", "progress", "pretrain", "generate", "chat", "regenerate", "grade",
     "slides", "edition", "colab", "book"],
)  # fmt: skip
def test_help_explains_and_gives_examples(capsys, name):
    assert exit_status(*name.split(), "--help") == 0
    text = capsys.readouterr().out
    assert "python -m bigmodel" in text
    assert not name or "examples:" in text


# Notebooks


@posix
def test_lab_opens_the_start_page_with_the_contents_beside_it_and_asks_nothing_of_the_network(checkout):
    overrides = json.loads((ROOT / "bigmodel/lab/jupyterlab/overrides.json").read_text(encoding="utf-8"))
    process = start("--no-browser", start_new_session=True)
    try:
        copies = [process.stdout.readline() for _ in range(3)]
        assert copies == [
            "Your copy: my-notebooks/start.ipynb\n",
            "Your copy: my-notebooks/01_concepts.ipynb\n",
            "Your copy: my-notebooks/03_pretraining.ipynb\n",
        ]
        address = next(
            found for line in process.stderr if (found := re.search(r"(http://localhost\S+?)/lab(\S*)", line))
        )
        assert address[2].startswith("/tree/my-notebooks/start.ipynb?token=")
        token = address[2].partition("?")[2]
        for plugin, wanted in overrides.items():  # each is a setting that JupyterLab knows, and takes
            schema = json.loads(fetched(f"{address[1]}/lab/api/settings/{plugin}?{token}"))["schema"]["properties"]
            assert {name: schema[name]["default"] for name in wanted} == wanted
        assert fetched(f"{address[1]}/lab/extensions/bigmodel/static/look.css?{token}")
        window = json.loads(fetched(f"{address[1]}/lab/api/workspaces/default?{token}"))["data"]
        assert window["layout-restorer:data"]["left"]["current"] == "@jupyterlab/toc:plugin"
    finally:
        while process.poll() is None:  # Ctrl-C twice, as our own first line says
            os.killpg(process.pid, signal.SIGINT)
            time.sleep(0.2)
        process.communicate()


def test_run_lists_executes_and_fails_in_a_sentence(checkout):
    add_notebook(checkout / "my-notebooks", "01_concepts", "print('mine')")
    assert finish(start("run"))[:2] == (0, "01_concepts   (you have a copy)\n03_pretraining\n")
    status, out, _ = finish(start("run", "concepts", "--to", "page.html"))
    assert (status, out.startswith("01_concepts (your copy), ")) == (0, True)
    assert "mine" in Path("page.html").read_text(encoding="utf-8")
    add_notebook(checkout / "notebooks", "03_pretraining", "'so far'", "1/0")
    status, _, err = finish(start("run", "3"))
    assert status == 1
    assert err.endswith("03_pretraining: code cell 2 raised ZeroDivisionError: division by zero\n")
    assert "so far" in Path("my-notebooks/03_pretraining.html").read_text(encoding="utf-8")


def test_threads_that_wait_leave_the_core_to_others_unless_the_reader_says_otherwise(checkout, monkeypatch):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    add_notebook(checkout / "notebooks", "01_concepts", "import os; print(os.environ['OMP_WAIT_POLICY'].lower())")
    assert finish(start("run", "01", "--to", "page.html"))[0] == 0
    assert "passive" in Path("page.html").read_text(encoding="utf-8")
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    environment.share_cores()
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"


@posix
def test_ctrl_c_ends_run_with_one_sentence_and_130(checkout):
    add_notebook(checkout / "notebooks", "03_pretraining", "open('begun', 'w').close()\nimport time; time.sleep(60)")
    process = start("run", "03")
    while not Path("my-notebooks/begun").exists():
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    status, _, err = finish(process)
    assert status == 130
    assert err.endswith("\nStopped. python -m bigmodel run 03 starts again.\n")
    assert "Traceback" not in err


def test_regenerate_goes_on_after_a_failure_and_ends_with_1(checkout):
    add_notebook(checkout / "notebooks", "01_concepts", "1/0")
    add_notebook(checkout / "notebooks", "03_pretraining", "1 + 1")
    status, out, _ = finish(start("regenerate"))
    start_page, first, second = out.splitlines()
    assert status == 1
    assert start_page.startswith("start: rewritten")
    assert first.startswith("01_concepts: code cell 1 raised ZeroDivisionError")
    assert second.startswith("03_pretraining: rewritten")


def test_progress_says_what_is_solved(capsys, elsewhere, monkeypatch):
    monkeypatch.setattr(course, "COPIES", Path.cwd() / "my-notebooks")
    assert exit_status("progress") == 0
    assert capsys.readouterr().out.endswith("0 of 0 exercises solved. Begin with 01_concepts.\n")


def test_reset_works_before_anything_is_installed(checkout):
    (checkout / "requirements.txt").write_text("no-such-package==1.0\n", encoding="utf-8")
    assert finish(start("reset", "03"))[0] == 0
    assert Path("my-notebooks/03_pretraining.ipynb").exists()


def test_a_reader_who_has_seen_enough_is_no_error(checkout):
    """``python -m bigmodel run | head -0``"""
    process = start("run")
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait() == 0


# Tests and benchmarks


def test_test_gives_every_word_to_pytest(checkout):
    (checkout / "test_here.py").write_text("def test_a(): pass\ndef test_b(): assert 0\n", encoding="utf-8")
    options = ["--rootdir=.", "-p", "no:cacheprovider", "-q", "test_here.py"]
    assert finish(start("test", "-k", "test_a", *options))[0] == 0
    assert "python -m bigmodel test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_bench_gives_every_word_to_the_benchmarks(checkout):
    """A tiny benchmark in place of the real ones, which take minutes."""
    bench = checkout / "tests" / "benchmarks"
    bench.mkdir()
    (bench / "__main__.py").write_text("import os, sys; print(sys.argv[1:], os.getcwd())", encoding="utf-8")
    for words in ([], ["loss", "floor", "--folder", "here"]):
        status, out, _ = finish(start("bench", *words))
        assert (status, out.strip()) == (0, f"{words} {checkout}")


# pretrain and generate


@pytest.mark.parametrize("kind", ["bpe", "characters", "words"])
def test_text_is_pretrained_on_and_written(capsys, elsewhere, kind):
    Path("fox.txt").write_text(TEXT, encoding="utf-8")
    assert exit_status("pretrain", "fox.txt", "--tokenizer", kind, "--steps", "3", *SMALL) == 0
    assert "generate --run runs/fox" in capsys.readouterr().out.replace("\\", "/")
    words = ["generate", "--prompt", "The fox", "--length", "12", "--seed", "1"]
    assert exit_status(*words) == 0
    written = capsys.readouterr().out
    assert written.startswith("The fox")
    assert exit_status(*words, "--run", "runs/fox") == 0
    assert capsys.readouterr().out == written


def test_a_decoder_is_pretrained_and_writes_beyond_its_context(capsys, elsewhere):
    Path("fox.txt").write_text(TEXT, encoding="utf-8")
    words = ["pretrain", "fox.txt", "--steps", "3", "--context", "8"]
    assert exit_status(*words, "--tokenizer", "characters") == 0
    assert load_run("runs/fox").model.context == 8
    capsys.readouterr()
    assert exit_status("generate", "--prompt", "The fox", "--length", "40") == 0
    assert capsys.readouterr().out.startswith("The fox")


def test_other_settings_for_a_run_that_exists_are_named_and_so_is_the_way_out(capsys, elsewhere):
    Path("fox.txt").write_text(TEXT, encoding="utf-8")
    assert exit_status("pretrain", "fox.txt", "--steps", "3", *SMALL) == 0
    capsys.readouterr()
    assert exit_status("pretrain", "fox.txt", "--steps", "5", *SMALL, "--learning-rate", "0.1") == 2
    said = capsys.readouterr().err.replace("\\", "/")
    assert "runs/fox holds a pretraining with --steps 3, the usual --learning-rate, and this one has" in said
    assert "--steps 5, --learning-rate 0.1: give this one a folder of its own with --folder" in said
    assert exit_status("pretrain", "fox.txt", "--steps", "5", *SMALL, "--folder", "runs/other") == 0


def test_a_decoder_is_planned_for_the_time_and_says_how_it_stands_beside_guessing(capsys, elsewhere, quick_machine):
    Path("fox.txt").write_text(TEXT, encoding="utf-8")
    assert exit_status("pretrain", "fox.txt", "--minutes", "0.3", "--context", "16") == 0
    said = capsys.readouterr().out
    costs = re.search(r"Unseen text: (\S+) nats .*uniform (\S+), unigram (\S+)\)", said).groups()
    assert sorted(costs, key=float) == [costs[0], costs[2], costs[1]]
    assert load_run("runs/fox").model.context == 16


def test_a_time_that_was_interrupted_goes_on_with_its_plan(capsys, elsewhere, quick_machine, monkeypatch):
    Path("fox.txt").write_text(TEXT, encoding="utf-8")
    words = ["pretrain", "fox.txt", "--minutes", "0.3"]
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    with monkeypatch.context() as interrupting:
        interrupting.setattr(watch.Watch, "step", lambda self, done, loss: signal.raise_signal(signal.SIGINT))
        assert exit_status(*words) == 130
    signal.signal(signal.SIGINT, handler)
    assert "Stopped at step 1," in capsys.readouterr().err
    plan = json.loads(Path("runs/fox/settings.json").read_bytes())["plan"]
    assert exit_status(*words) == 0
    assert "Measuring" not in capsys.readouterr().out
    assert json.loads(Path("runs/fox/settings.json").read_bytes())["plan"] == plan


@posix
def test_ctrl_c_ends_pretraining_with_130_and_the_same_command_goes_on(checkout):
    Path("fox.txt").write_text(TEXT, encoding="utf-8")
    words = ["pretrain", "fox.txt", "--steps", "600", *SMALL]
    process = start(*words)
    while not Path("runs/fox/checkpoint.pth").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    status, _, err = finish(process)
    assert status == 130, err
    (stopped,) = re.findall(r"Stopped at step (\d+), \d+% of all: the same command goes on\.\n$", err)
    assert 0 < int(stopped) < 600
    assert finish(start(*words))[0] == 0


def test_the_run_written_last_is_the_default(elsewhere):
    for name, moment in {"old": 1, "new": 3, "middle": 2}.items():
        config = Path("runs") / name / "config.json"
        config.parent.mkdir(parents=True)
        config.touch()
        os.utime(config, (moment, moment))
    assert generate.latest_run() == Path("runs/new")
