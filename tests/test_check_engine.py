"""What the engine says of any answer, tried on exercises made for the purpose."""

import json
import math
import threading
import time

import numpy as np
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from torch import nn

from bigmodel.check import concepts, progress, speech
from bigmodel.check.building import building
from bigmodel.check.cells import explain_absent_answers
from bigmodel.check.engine import TooLong, exercise, in_time

HINTS = ("What?", "The idea.", "Nearly the code.")
LATE = []


@exercise(hints=HINTS, why="It matters.", cases=[([1.0, 2.0], 3), ([4.0, 6.0], 5)], wrong={"add": lambda v, k: v})
def scaled(v, k):
    return [x * k for x in v]


@exercise(
    hints=HINTS,
    why="It matters.",
    cases=[(["a", "b"],), (["c", "d", "e"],)],
    wrong={},
    drive=lambda answer, chunks: ["|".join(answer(iter(chunks)))],
)
def stream(chunks):
    yield from chunks


def one_step(answer, rate, ids):
    model = nn.Linear(2, 2)
    model.load_state_dict({"weight": torch.eye(2), "bias": torch.zeros(2)})
    loss = answer(model, torch.optim.SGD(model.parameters(), lr=rate), torch.eye(2)[ids])
    return {"the loss that you return": loss, **model.state_dict()}


def no_step(model, optimizer, x):
    return model(x).square().mean().item()


@exercise(
    hints=HINTS,
    why="It matters.",
    cases=[(0.5, [0, 1, 1]), (0.1, [1])],
    wrong={"the weights have not moved: optimizer.step()": no_step},
    drive=one_step,
)
def train_step(model, optimizer, x):
    loss = model(x).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@pytest.mark.parametrize(
    "answer",
    [
        lambda values, factor: tuple(x * factor for x in values),
        lambda values, factor: np.array(values) * factor,
        lambda values, factor: torch.tensor(values, requires_grad=True) * factor,
        lambda values, factor: (torch.tensor(values) * factor).half(),
        lambda values, factor: [torch.tensor(x) * factor for x in values],
        lambda values, factor: (torch.tensor(values) * factor * 1.001).bfloat16(),
        lambda *both: [int(x * both[1]) for x in both[0]],
    ],
)
def test_any_right_way_is_accepted(answer):
    assert scaled.verdict(answer).text == "It matters."


def stub(v, k):
    raise NotImplementedError


def half_done(v, k):
    if k == 5:
        raise NotImplementedError
    return [x * k for x in v]


def one_more(v, k):
    v.append(0)
    return [x * k for x in v[:-1]]


def swallows_everything(v, k):
    while True:
        try:
            while True:
                pass
        except Exception:
            pass


def remembers(v, k):
    LATE.append(k)
    return [len(LATE)]


def deep(v, k):
    return deep(v, k)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (stub, "Not tried yet. For a hint: check.scaled.hint()"),
        (half_done, "for v = [4, 6] and k = 5 your function still says raise NotImplementedError."),
        (scaled.right([1], 2), "check.scaled got a list of 1: hand over the function itself"),
        (lambda v, k: None, "for v = [1, 2] and k = 3 your function returned nothing: end it with `return`."),
        (lambda v: v, "takes 1 positional argument but 2 were given; it is called with 2: v and k."),
        (
            lambda v, k: v / k,
            "for v = [1, 2] and k = 3 your function stopped with TypeError: unsupported operand",
        ),
        (lambda v, k: exit(), "stopped with SystemExit"),
        (lambda v, k: np.exp(v, k), "in the line `(lambda v, k: np.exp(v, k), "),
        (deep, "stopped with RecursionError"),
        (one_more, "for v = [1, 2] and k = 3 your function changed `v` itself"),
        (lambda v, k: "3 6", "your function returned a str, '3 6', expected a list of 2."),
        (lambda v, k: [3.0], "your answer is [3], expected [3, 6]: your answer is the same"),
        (lambda v, k: [3.0, "6"], "at place 1 of your answer is a str, '6', expected one number."),
        (lambda v, k: v, "your answer is [1, 2], expected [3, 6]: add."),
        (lambda v, k: [-x * k for x in v], "your answer is [−3, −6], expected [3, 6]: the sign is turned."),
        (
            lambda v, k: [x * 3 for x in v],
            "your answer is [12, 18], expected [20, 30]: `k` seems to be 3 whatever",
        ),
        (
            lambda v, k: [9, 9],
            "your answer is [9, 9], expected [3, 6]: your answer is the same for every input.",
        ),
        (
            lambda v, k: [x * k for x in v][::-1],
            "[6, 3], expected [3, 6]: the right values, in another order.",
        ),
        (lambda v, k: [x * k + 1e-3 for x in v], "[3.001, 6.001], expected [3, 6]: each time it is 0.001 more than"),
        (lambda v, k: [x * k / math.log(2) for x in v], "each time it is 1.443 = 1 / ln 2 times what"),
        (lambda v, k: [x * (k - 1) for x in v], "[2, 4], expected [3, 6]: it is what is expected for k − 1."),
        (lambda v, k: [1 / (x * k) for x in v], "expected [3, 6]: it is 1 divided by what is expected."),
        (lambda v, k: [x * k for x in v[:-1]], "[3], expected [3, 6]: it is what is expected without the last."),
        (lambda v, k: [x * k + len(v) + k for x in v], "your answer is [8, 11], expected [3, 6]."),
        (lambda v, k: [float("nan"), x][: len(v)] if (x := v[0]) else v, "nan means not a number"),
    ],
)
def test_what_is_wrong_is_said_with_the_input(answer, text):
    assert text in scaled.verdict(answer).text


def test_an_answer_that_changes_is_told_so():
    assert (
        "something is drawn by chance or remembered"
        in scaled.verdict(lambda v, k: [LATE.append(0) or float(len(LATE)), 0.5]).text
    )


def test_an_endless_answer_is_stopped_though_it_catches_exceptions():
    begun = time.monotonic()
    scaled.seconds = 0.05
    assert "ran for more than 0.05 seconds" in scaled.verdict(swallows_everything).text
    time.sleep(0.6)  # nothing comes later
    assert time.monotonic() - begun < 5


def test_a_time_that_is_up_at_once_leaves_no_watcher_behind():
    """One that went on would raise TooLong wherever this thread is: within a lock, that is the end of it."""
    before = threading.active_count()
    for _ in range(100):
        with pytest.raises(TooLong):
            in_time(lambda: swallows_everything([], 0), 1e-5)
    assert threading.active_count() == before


def test_a_stream_is_driven():
    assert stream.verdict(stream.right).mark == stream.verdict(lambda chunks: list(chunks)).mark == "✓"
    assert "your function returned nothing" in stream.verdict(lambda chunks: None).text
    text = "your function returned a list of 2, which cannot be used as it is asked for (TypeError: sequence item 0"
    assert text in stream.verdict(lambda chunks: [1, 2]).text
    assert "in the line `" in stream.verdict(lambda chunks: (1 / 0 for _ in chunks)).text


def test_what_a_step_leaves_behind_is_compared():
    assert train_step.verdict(train_step.right).mark == "✓"
    assert train_step.verdict(no_step).text == (
        "for rate = 0.5 and ids = [0, 1, 1] weight is ((1, 0), (0, 1)), expected ((0.833, 0), (0, 0.667)): "
        "the weights have not moved: optimizer.step()."
    )
    text = "for rate = 0.5 and ids = [0, 1, 1] the loss that you return: your function returned nothing"
    assert text in train_step.verdict(lambda *a: None).text


class NoMean(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(size)), nn.Parameter(torch.zeros(size))

    def forward(self, x):
        return x / x.std(-1, keepdim=True) * self.weight + self.bias


@building(
    hints=HINTS,
    why="It matters.",
    wrong={"the mean was not subtracted": NoMean},
    build=[((4,), lambda: (torch.arange(24.0).view(2, 3, 4).cos(),)), ((2,), lambda: (torch.eye(2)[None],))],
)
class LayerNorm(nn.LayerNorm):
    """The library's own."""


class Mixer(nn.Module):
    """Mean over the past, then two layers of one shape."""

    def __init__(self, size, ahead=False, detached=False, names=("one", "two")):
        super().__init__()
        self.ahead, self.detached, self.names = ahead, detached, names
        for name in names:
            setattr(self, name, nn.Linear(size, size))

    def forward(self, x):
        one, two = (
            (getattr(self, name) for name in ("one", "two")) if "one" in self.names else (self.first, self.second)
        )
        T = x.shape[1]
        mean = torch.ones(T, T) if self.ahead else torch.ones(T, T).tril()
        x = one(mean / mean.sum(-1, keepdim=True) @ x)
        return two(x.detach() if self.detached else x)


MIXED = [((3,), lambda: (torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0)),))]
mixer = building(hints=HINTS, why="It matters.", wrong={}, causal=True, build=MIXED)(Mixer)


class ByHand(NoMean):
    def forward(self, x):
        x = x - x.mean(-1, keepdim=True)
        return x / (x.square().mean(-1, keepdim=True) + 1e-5).sqrt() * self.weight + self.bias


def test_a_class_is_built_beside_the_right_one():
    assert LayerNorm.verdict(nn.LayerNorm).text == LayerNorm.verdict(ByHand).text == "It matters."
    assert LayerNorm.verdict(NoMean).text.endswith(": the mean was not subtracted.")
    assert (
        "for LayerNorm(4) and an input of shape (2, 3, 4) row 0, 0 of your answer is" in LayerNorm.verdict(NoMean).text
    )
    shapes = "your module's parameters are not those expected: missing (4,); too many none"
    assert shapes in LayerNorm.verdict(lambda size: nn.RMSNorm(size)).text
    assert "expected an nn.Module" in LayerNorm.verdict(lambda size: 3).text
    assert LayerNorm.verdict(type("Stub", (nn.Module,), {"forward": stub})).mark == "✗"


def test_names_are_asked_for_as_weights_go_by_name():
    other = mixer.verdict(lambda size: Mixer(size, names=("second", "first"))).text
    assert "your module has no one.weight, of that name" in other
    assert mixer.verdict(Mixer).mark == "✓"


def test_a_look_ahead_and_a_lost_gradient_are_told():
    ahead = mixer.verdict(lambda size: Mixer(size, ahead=True)).text
    assert "position 0 changes when only position 3 is changed: it looks ahead." in ahead
    assert "no gradient reaches one.weight" in mixer.verdict(lambda size: Mixer(size, detached=True)).text


def test_later_cells_take_the_readers_class_if_it_passed(capsys):
    assert LayerNorm.chosen(ByHand) is ByHand
    ours = LayerNorm.chosen(NoMean)
    assert LayerNorm.chosen(ours) is ours is LayerNorm.right  # when the same cell runs again
    assert capsys.readouterr().out == (
        "In what follows, LayerNorm is yours.\n"
        + 2 * "In what follows, LayerNorm is the package's, as yours has not passed yet.\n"
    )


def test_hints_come_one_by_one_and_the_solution_without_its_check(capsys):
    for _ in range(4):
        concepts.softmax.hint()
    said = capsys.readouterr().out
    assert said.startswith("1/3 Logits may be negative")
    assert said.count("3/3 ") == 2
    concepts.softmax.solution()
    assert capsys.readouterr().out.startswith("def softmax_solution(logits):\n")
    scaled.solution()
    assert capsys.readouterr().out == "def scaled(v, k):\n    return [x * k for x in v]\n"


def test_progress_is_remembered_beside_a_learners_notebooks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    concepts.greedy(max)
    assert progress.solved(tmp_path) == {}  # not in tests
    monkeypatch.setattr(progress, "is_static", lambda: False)
    monkeypatch.setattr(progress, "in_notebook", lambda: True)
    concepts.greedy(max)
    concepts.greedy.hint()
    concepts.greedy(concepts.greedy.right)
    concepts.greedy(max)
    assert progress.solved(tmp_path) == {"concepts": {"greedy": {"hints": 1, "tries": 3, "solved": True}}}
    (tmp_path / progress.FILE).write_text("[")
    assert progress.solved(tmp_path) == {}


def test_a_verdict_wraps_and_escapes():
    verdict = speech.Verdict("✗", "1 < 2 in `x_`, " + 30 * "word ")
    assert max(map(len, repr(verdict).splitlines())) <= 100
    assert "1 &lt; 2 in <code>x_</code>" in verdict._repr_html_()
    assert json.dumps(verdict._repr_html_())


# Cells that went wrong before a check


@pytest.fixture
def shell(monkeypatch, tmp_path):
    """An IPython in which cells are run, one after the other, as in a notebook."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    shell = InteractiveShell()
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    explain_absent_answers(shell)
    shell.run_cell("from bigmodel.check import concepts as check")
    return shell


RIGHT = "def mine(tokens): return -__import__('math').log(1 / tokens)"


def test_a_check_after_a_syntax_error_says_so_instead_of_judging_the_old_answer(shell, capsys):
    for cells in ([RIGHT, "def mine(tokens) return 0"], ["def his(tokens) return 0"]):
        for cell in cells:
            shell.run_cell(cell)
        capsys.readouterr()
        shell.run_cell(f"check.uniform_loss({'mine' if len(cells) == 2 else 'his'})")
        said = capsys.readouterr().out
        assert said.startswith("✗ The cell before this one has a syntax error")
        assert "Traceback" not in said
    shell.run_cell(RIGHT)
    shell.run_cell("check.uniform_loss(mine)")
    assert capsys.readouterr().out.startswith("✓")


def test_an_answer_that_does_not_exist_is_named_and_other_errors_look_as_ever(shell, capsys):
    result = shell.run_cell("check.uniform_loss(mine)")
    assert isinstance(result.error_in_exec, NameError)  # so that Run All stops there
    assert capsys.readouterr().out == "✗ There is no `mine` yet: run the cell that defines it, then this one.\n"
    for cell in ("print(mine)", "check.uniform_loss(len, mine)", "def f(): return mine\ncheck.uniform_loss(f())"):
        shell.run_cell(cell)
        assert "NameError" in capsys.readouterr().out
