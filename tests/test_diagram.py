"""Diagrams: every text can be read, none lies on another or beyond the edge, and they show what they were given."""

from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import FancyArrowPatch

from bigmodel import plot
from bigmodel.diagram import Beside, Box, Frame, Skip, arrows, flow, loop, merge_tree

SHAPE = "(B, T, C)"
HEADS = [plot.BLUE, plot.ORANGE, plot.GREEN]
BLOCK = Frame(
    "block\n× n_layer",
    [
        Skip([Box("norm", SHAPE), Box("attention", SHAPE, HEADS[:1])], SHAPE),
        Skip([Box("norm", SHAPE), Box("feed-forward", SHAPE)], SHAPE),
    ],
)
STEPS = [
    Box("embedding", SHAPE),
    BLOCK,
    Beside([Box("queries", "(B, T, D)"), Box("keys", "(B, S, D)"), Box("values", "(B, S, D)", HEADS)], "joined"),
    Box("unembedding", "logits\n(B, T, V)"),
]
WORDS = ["Mia", "hid", "the", "red", "key", ",", "and", "it", "shone"]
WEIGHTS = np.tril(np.ones((9, 9))) / np.arange(1, 10)[:, None]
CIRCLE = [
    Box("batch", "ids"),
    Box("forward", "logits"),
    Box("loss", "a number"),
    Box("backward"),
    Box("step"),
]
SHELLS = [("h", "e"), (" ", "s"), ("l", "l"), ("s", "h"), (" s", "he"), ("ll", "s")]
PICTURES = {
    "right": lambda: flow("to the right", "ids (B, T)", STEPS),
    "down": lambda: flow("down, and the title is longer than the picture is wide, by some words", "ids", STEPS, True),
    "loop": lambda: loop("in a circle", CIRCLE, "1000 times"),
    "all": lambda: arrows("all words", WORDS, WEIGHTS),
    "one": lambda: arrows("one word", WORDS, WEIGHTS, only=8),
    "tree": lambda: merge_tree("a word", list(" shells"), SHELLS),
}


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def texts(ax):
    return [text.get_text() for text in ax.texts if text.get_text()]


@pytest.mark.parametrize("name", PICTURES)
def test_every_text_is_large_and_stands_alone_within_the_picture(name):
    ax = PICTURES[name]()
    ax.figure.draw_without_rendering()
    written = [text for text in [*ax.texts, ax.title, ax._left_title] if text.get_text()]
    boxes = [text.get_window_extent().padded(-1) for text in written]
    assert min(text.get_fontsize() for text in written) >= 10
    assert not [(a, b) for a, b in combinations(boxes, 2) if a.overlaps(b)]
    assert all(ax.figure.bbox.count_contains(box.corners()) == 4 for box in boxes)


@pytest.mark.parametrize("down", [False, True])
def test_a_flow_writes_each_step_in_its_order_with_its_shape_after_it(down):
    ax = flow("t", "ids", [Box("embedding", "vectors"), Box("unembedding", "logits")], down)
    place = {text.get_text(): (-1 if down else 1) * text.get_position()[down] for text in ax.texts}
    assert sorted(place, key=place.get) == ["ids", "embedding", "vectors", "unembedding", "logits"]


@pytest.mark.parametrize("down", [False, True])
def test_no_line_of_a_flow_runs_through_a_text_outside_of_boxes(down):
    ax = flow("t", "ids", STEPS, down)
    ax.figure.draw_without_rendering()
    lines = [line.get_path().transformed(line.get_transform()) for line in ax.lines]
    shapes = [text.get_window_extent().padded(-1) for text in ax.texts if text.get_text().startswith("(B")]
    assert len(shapes) == 10
    assert not [box for box in shapes for line in lines if line.intersects_bbox(box, filled=False)]


def test_a_skip_connection_ends_in_a_plus():
    assert texts(flow("t", "x", [Skip([Box("norm"), Box("attention")])])) == ["x", "norm", "attention", "+"]


def test_one_arrow_leads_to_each_box_and_back_to_the_first():
    assert sum(isinstance(patch, FancyArrowPatch) for patch in loop("t", CIRCLE).patches) == len(CIRCLE)


def test_the_larger_the_weight_the_wider_the_arrow():
    ax = arrows("t", ["a", "b", "c"], np.array([[1, 0, 0], [0.3, 0.7, 0], [0.01, 0.29, 0.7]]))
    widths = [arrow.get_linewidth() for arrow in ax.patches]
    assert len(widths) == 5
    assert np.argsort(widths, stable=True).tolist() == [3, 1, 2, 4, 0]
    assert texts(ax) == ["a", "b", "c", "a", "1.00", "b", "0.70", "c", "0.70"]


def test_one_word_s_arrows_have_each_its_weight():
    ax = arrows("t", ["a", "b"], np.array([[1, 0], [0.25, 0.75]]), keys=["p", "q"], only=1)
    assert texts(ax) == ["p", "q", "a", "b", "0.25", "0.75"]


def test_merges_are_made_in_the_order_in_which_they_were_learned():
    ax = merge_tree("t", list("shells"), SHELLS)
    assert [text for text in texts(ax) if text.startswith("merge")] == ["merge 1", "merge 3", "merge 6"]
    coloured = {text.get_text(): i for i, text in enumerate(ax.texts)}
    assert {"s", "he", "lls"} <= coloured.keys()
    assert "sh" not in coloured
    ends = [patch for patch in ax.patches if to_hex(patch.get_edgecolor()) == plot.BLUE]
    assert len(ends) == 3


def test_a_pair_that_stands_twice_is_merged_twice_and_from_the_left():
    assert texts(merge_tree("t", list("aaaaa"), [("a", "a")])).count("aa") == 2
    assert "␣a" in texts(merge_tree("t", [b" ", b"a"], [(b" ", b"a")]))
