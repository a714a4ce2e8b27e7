"""Guesses: none made leaves no trace, one made is drawn where it belongs and compared."""

import matplotlib.pyplot as plt
import pytest

from bigmodel import plot
from bigmodel.guess import guess


@pytest.fixture
def ax():
    yield plot.axes("t", "x", "y")
    plt.close("all")


def test_without_a_guess_nothing_is_drawn_and_the_result_is_told(ax, capsys):
    none = guess("loss", None)
    none.draw(ax)
    none.compare(2.314)
    assert not ax.lines
    assert not ax.texts
    assert capsys.readouterr().out == "loss: no guess yet, put your number in place of None\nloss: it came to 2.31\n"


def test_a_guess_is_drawn_and_compared(ax, capsys):
    made = guess("parameters", 9_000_000)
    made.draw(ax)
    made.draw(ax, "x")
    made.compare(10_006_000)
    level, upright = ax.lines
    assert set(level.get_ydata()) == set(upright.get_xdata()) == {9_000_000}
    assert [text.get_text() for text in ax.texts] == ["your guess: 9,000,000"] * 2
    assert level.get_color() not in plot.CYCLE
    assert capsys.readouterr().out.endswith("parameters: you said 9,000,000, it came to 10,006,000\n")


@pytest.mark.parametrize("wrong", ["6.9", float("nan"), True, [6.9]])
def test_what_is_no_number_is_refused_with_the_mend(wrong):
    with pytest.raises(ValueError, match=r"is not a number\. Write digits alone"):
        guess("loss", wrong)
