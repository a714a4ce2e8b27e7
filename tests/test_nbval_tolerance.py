"""Which differences between a notebook's committed output and a new one pass, and which fail."""

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from tolerance import same, tolerant

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize(
    ("reference", "new"),
    [
        ("loss 2.13", "loss 2.14"),
        ("loss 9.99 after", "loss 10.00 after"),
        ("| 0.00|", "|-0.01|".replace("|-", "| -")),
        ("-0.00", "0.00"),
        ("9.99e-05", "1.00e-04"),
        ("97.31% or 97.31 %", "97.32% or 97.30 %"),
        ("η(0)=0.50, then 0.25.", "η(0)=0.51, then 0.25."),
    ],
)
def test_one_unit_of_the_last_digit_passes(reference, new):
    assert same(reference, new)
    assert same(new, reference)


@pytest.mark.parametrize(
    ("reference", "new"),
    [
        ("loss 2.13", "loss 2.15"),
        ("loss 2.130", "loss 2.132"),
        ("0.9", "1.0"),  # one decimal is exact
        ("7", "8"),
        ("10,006,000 parameters", "10,006,001 parameters"),
        ("v2.13.0", "v2.14.0"),
        ("torch 2.13.0+cpu", "torch 2.13.1+cpu"),
        ("23.11.2026", "24.11.2026"),
        ("127.0.0.10", "127.0.0.11"),
        ("2.13", "2.130"),  # another precision is another output
        ("2.13", "-2.13"),
        ("loss 2.13", "lass 2.13"),
        ("2.13\n2.14", "2.13 2.14"),
        ("1.00e-04", "1.00e-05"),
        ("nan", "0.00"),
    ],
)
def test_every_other_difference_fails(reference, new):
    assert not same(reference, new)
    assert not same(new, reference)


def stream(text, name="stdout"):
    return nbformat.v4.new_output("stream", name=name, text=text)


def result(**data):
    return nbformat.v4.new_output("execute_result", data={"text/" + kind: text for kind, text in data.items()})


def test_outputs_of_every_kind_of_text_are_evened_out_and_others_left_to_nbval():
    for new, reference in (
        (stream("2.14"), stream("2.13")),
        (result(plain="0.50"), result(plain="0.51")),
        (result(html="<b>0.50</b>"), result(html="<b>0.51</b>")),
    ):
        assert tolerant([new], [reference]) == [reference]
        assert new != reference, "the new output itself must be left for the report"
    assert tolerant([stream("2.13", "stderr")], [stream("2.13")]) == [stream("2.13", "stderr")]


WHERE = f"""
import os
import bigmodel
print(os.path.samefile(os.path.dirname(bigmodel.__file__), {str(ROOT / "bigmodel")!r}), sorted(os.listdir()))
print(os.environ["BIGMODEL_STATIC"], os.environ["TQDM_DISABLE"], "OMP_NUM_THREADS" in os.environ)
open("mine.txt", "w").close()
"""
BLOCKED = """
import socket
try:
    socket.create_connection(("192.0.2.1", 80), timeout=5)
except OSError as error:
    print(error)
"""
CELLS = {  # source, committed output, and whether strict nbval lets it pass
    "where it runs": (WHERE, "True ['.ipython']\n1 1 True\n", True),
    "no network": (BLOCKED, "the tests reach no network, but something asked for 192.0.2.1\n", True),
    "last digit": ("print('loss 2.14')", "loss 2.13\n", True),
    "two units": ("print('loss 2.15')", "loss 2.13\n", False),
    "version": ("print('v2.14.0')", "v2.13.0\n", False),
    "less output": ("print('a')", "a\nb\n", False),
    "no output": ("", "a\n", False),
    "an error": ("1/0", "", False),
    "a warning": ("import sys; print('w', file=sys.stderr)", "", False),
    "a figure": ("import matplotlib.pyplot as plt; plt.plot([1, 2]); plt.show()", None, True),
}


def test_strict_nbval_from_end_to_end(tmp_path):
    book = nbformat.v4.new_notebook()
    for number, (code, text, _) in enumerate(CELLS.values(), 1):
        outputs = [stream(text)] if text else []
        if text is None:
            picture = {"image/png": "iVBO", "text/plain": "<Figure size 640x480 with 1 Axes>"}
            outputs = [nbformat.v4.new_output("display_data", data=picture)]
        book.cells.append(nbformat.v4.new_code_cell(code, execution_count=number, outputs=outputs))
    nbformat.write(book, tmp_path / "book.ipynb")
    options = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path), "-p", "conftest", "-n0", "-rA"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "--color=no", str(tmp_path / "book.ipynb")],
        env=environment, cwd=tmp_path, capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip
    passed = {int(number) for number in re.findall(r"^PASSED .*::Cell (\d+)", result.stdout, re.MULTILINE)}
    expected = {number for number, (_, _, passes) in enumerate(CELLS.values()) if passes}
    assert passed == expected, result.stdout + result.stderr
    assert not (tmp_path / "mine.txt").exists()
