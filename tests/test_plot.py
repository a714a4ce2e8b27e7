from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pytest

from bigmodel import display, plot
from bigmodel.checkpoint import History


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


HISTORY = History(losses=[5.0, 4.0, 3.0, 2.5], validation_steps=[0, 2, 4], validation_losses=[5.1, 4.1, 3.3])


def test_a_loss_picture_draws_the_numbers_it_was_given():
    ax = plot.losses(HISTORY, "it falls", {"uniform": 5.0, "floor": 1.5}, smooth=2)
    raw, mean, validation, uniform, floor = ax.get_lines()
    assert raw.get_ydata().tolist() == HISTORY.losses
    assert mean.get_ydata().tolist() == [5.0, 4.5, 3.5, 2.75]
    assert validation.get_xydata().tolist() == [[0, 5.1], [2, 4.1], [4, 3.3]]
    assert (uniform.get_ydata()[0], floor.get_ydata()[0]) == (5.0, 1.5)
    assert ax.get_title(loc="left") == "it falls"


def test_the_floor_is_the_only_dashed_rung_and_rungs_keep_their_colours():
    ax = plot.rungs(plot.axes("t", "x", "y"), dict.fromkeys(plot.RUNG_COLOURS, 1.0))
    styles = [(line.get_color(), line.get_linestyle()) for line in ax.get_lines()]
    assert styles == [(colour, "--" if name == "floor" else "-") for name, colour in plot.RUNG_COLOURS.items()]


def test_labels_at_the_right_end_do_not_overlap():
    ax = plot.axes("t", "x", "y")
    ax.plot([0, 1], [0, 5])
    plot.label_ends(ax, [("a", 2.0, "k"), ("b", 2.01, "k"), ("c", 2.02, "k"), ("d", 4.0, "k")])
    ax.figure.canvas.draw()
    boxes = sorted((text.get_window_extent() for text in ax.texts), key=lambda box: box.y0)
    assert all(low.y1 <= high.y0 for low, high in pairwise(boxes))


def test_running_mean_never_looks_ahead():
    values = np.arange(10.0)
    assert plot.running_mean(values, 3).tolist() == [0, 0.5, *[v - 1.0 for v in range(2, 10)]]


def test_the_same_picture_is_saved_as_the_same_bytes(tmp_path):
    for folder in ("a", "b"):
        plot.save(plot.losses(HISTORY, "it falls"), "fall", tmp_path / folder)
    first, second = ((tmp_path / folder / "fall.svg").read_bytes() for folder in ("a", "b"))
    assert first == second
    assert b"<dc:date>" not in first


def test_drawing_leaves_the_reader_s_own_style_alone():
    before = dict(plt.rcParams)
    plot.losses(HISTORY, "it falls")
    assert dict(plt.rcParams) == before


def test_play_draws_the_first_choices_where_nothing_can_move(monkeypatch):
    drawn = []
    monkeypatch.setenv("BIGMODEL_STATIC", "1")
    display.play(lambda alpha, eta: drawn.append((alpha, eta)), alpha=[1, 2], eta=[0.1, 0.5])
    assert drawn == [(1, 0.1)]


def test_play_draws_again_when_a_slider_moves(monkeypatch):
    drawn = []
    made = {}
    monkeypatch.delenv("BIGMODEL_STATIC", raising=False)
    monkeypatch.setattr("ipywidgets.interact", lambda picture, **sliders: made.update(sliders))
    display.play(drawn.append, eta_0=[2, 1, 4, 2], kind=["sum", "mean"])
    assert [(each.value, list(each.options)) for each in made.values()] == [
        (2, [1, 2, 4]), ("sum", ["sum", "mean"]),
    ]  # fmt: skip
    assert made["eta_0"].description == "eta 0"


def test_progress_bars_are_seen_only_where_they_can_move(monkeypatch, capsys):
    monkeypatch.setenv("BIGMODEL_STATIC", "1")
    display.progress_bar(3).update()
    assert capsys.readouterr() == ("", "")
    monkeypatch.delenv("BIGMODEL_STATIC")
    with display.progress_bar(3) as bar:
        bar.update(3)
    assert "3/3" in "".join(capsys.readouterr())


def test_names_beside_points_cover_neither_a_name_nor_a_point():
    ax = plot.axes("map", "x", "y")
    xy = np.random.default_rng(0).normal(size=(60, 2))
    names = [f"word {number}" for number in range(60)]
    assert plot.words(ax, xy, names, ["black"] * 60) is ax
    shown = [text.get_text() for text in ax.texts]
    assert 20 < len(shown) < 60
    assert set(shown) <= set(names)
    boxes = [text.get_window_extent() for text in ax.texts]
    assert not any(one.overlaps(other) for place, one in enumerate(boxes) for other in boxes[:place])
    assert not any(box.contains(*point) for box in boxes for point in ax.transData.transform(xy))
