"""Laws that every exercise keeps: right answers pass, each known mistake gets its own sentence, nothing else passes."""

import ast
import copy
import importlib
import inspect
import pkgutil
import textwrap

import matplotlib.pyplot as plt
import pytest
import torch

import bigmodel.check
from bigmodel.check.engine import Compared, Exercise
from bigmodel.check.solutions import source_of

MODULES = [
    importlib.import_module(info.name) for info in pkgutil.iter_modules(bigmodel.check.__path__, "bigmodel.check.")
]
EXERCISES = {
    f"{exercise.notebook}.{exercise.name}": exercise
    for module in MODULES
    for exercise in vars(module).values()
    if isinstance(exercise, Exercise)
}
COMPARED = {name: exercise for name, exercise in EXERCISES.items() if isinstance(exercise, Compared)}
every = pytest.mark.parametrize("exercise", EXERCISES.values(), ids=EXERCISES)
compared = pytest.mark.parametrize("exercise", COMPARED.values(), ids=COMPARED)


@pytest.fixture(autouse=True)
def _without_pictures(request, monkeypatch):
    """Pictures take most of the time, and what is wrong is said with them and without."""
    if request.function is not test_a_picture_can_be_drawn and "exercise" in request.fixturenames:
        monkeypatch.setattr(request.getfixturevalue("exercise"), "draw", None, raising=False)
    yield
    plt.close("all")


@pytest.fixture
def tersely(exercise, monkeypatch):
    """Only whether an answer is accepted: what is certain about a wrong one takes many more runs of the right one."""
    monkeypatch.setattr(exercise, "difference", lambda *found: "wrong", raising=False)


def verdict(exercise, answer):
    found = exercise.verdict(answer)
    return found.mark, found.text


def stub(*arguments):
    raise NotImplementedError


@every
def test_right_answers_pass(exercise):
    for right in (exercise.right, *exercise.also_right):
        assert verdict(exercise, right) == ("✓", exercise.why)


@every
def test_a_stub_is_not_tried_and_hints_are_three(exercise):
    assert verdict(exercise, stub) == ("", f"Not tried yet. For a hint: check.{exercise.name}.hint()")
    assert len(set(exercise.hints)) == 3
    assert exercise.hints[0].count("?")


@every
def test_each_known_mistake_gets_its_own_sentence_and_no_other(exercise):
    for sentence, mistaken in exercise.wrong.items():
        mark, text = verdict(exercise, mistaken)
        assert (mark, text.count(sentence)) == ("✗", 1)
        if isinstance(exercise, Compared):
            assert text.endswith(f": {sentence}."), text
        others = [other for other in exercise.wrong if other in text and other not in sentence]
        assert not others, text
        assert len(text) < 330, text


@every
def test_nothing_else_passes(exercise, monkeypatch):
    monkeypatch.setattr(exercise, "altered", lambda found: None, raising=False)  # many runs, not read here

    def none(*arguments):
        return None

    def fails(*arguments):
        return 1 // 0

    def unsupported(*arguments):
        return torch.softmax(torch.tensor([1, 2]), 0)

    assert "nothing" in exercise.verdict(none).text or exercise.expected[0].value is None
    assert (
        "ZeroDivisionError: integer division or modulo by zero, in the line `return 1 // 0`."
        in exercise.verdict(fails).text
    )
    assert "NotImplementedError: " in exercise.verdict(unsupported).text
    assert "hand over the function itself" in exercise.verdict([1.0]).text
    for odd in (
        "text",
        3.5,
        [],
        {},
        torch.zeros(1, 1),
        torch.zeros(0),
        [None],
        [1, 2, 3],
        True,
        object(),
        stub,
    ):
        mark, text = verdict(exercise, lambda *arguments, odd=odd: odd)
        assert mark == "✗", odd
        assert "fault of the check" not in text
    for answer in exercise.refused:
        assert exercise.verdict(answer).mark == "✗", inspect.getsource(answer)


@every
def test_an_endless_answer_is_stopped(exercise, monkeypatch):
    def endless(*arguments):
        while True:
            pass

    monkeypatch.setattr(exercise, "seconds", 0.02)
    assert "more than 0.02 seconds" in exercise.verdict(endless).text


def spoil(value):
    """Change a value in place, if it can be changed."""
    if isinstance(value, list):
        value.append(value[-1] if value else 0)
    elif isinstance(value, dict):
        value.clear()
    elif isinstance(value, torch.Tensor) and value.numel():
        value.view(-1)[0] = ~value.view(-1)[0] if value.dtype == torch.bool else value.view(-1)[0] + 1
    else:
        return False
    return True


@compared
def test_a_picture_can_be_drawn(exercise):
    if exercise.draw is not None:
        exercise.draw(exercise.expected[0].value, exercise.expected[0].value)
        assert plt.get_fignums()


@compared
def test_no_argument_may_be_changed_in_place(exercise):
    for place, name in enumerate(exercise.names):
        if exercise.drive or not spoil(exercise.arguments(0)[place]):
            continue

        def careless(*arguments, place=place):
            value = copy.deepcopy(exercise.right(*arguments))
            spoil(arguments[place])
            return value

        assert f"changed `{name}` itself" in exercise.verdict(careless).text


@compared
def test_every_argument_is_needed(exercise, tersely):
    for place, name in enumerate(exercise.takes):
        first = []

        def frozen(*arguments, place=place, first=first):
            first.append(copy.deepcopy(arguments[place]))
            return exercise.right(*arguments[:place], copy.deepcopy(first[0]), *arguments[place + 1 :])

        assert exercise.verdict(frozen).mark == "✗", f"{name} may be frozen: choose cases that differ in it"


SWAPS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Div, ast.Pow: ast.Mult,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip


def changes_of(tree):
    """Yield every small change of a function as (undo, line): an operator, a constant, a comparison, a minus."""
    for node in ast.walk(tree.body[0]):
        for field in ("op", "ops"):
            operators = getattr(node, field, None)
            old = operators[0] if isinstance(operators, list) and operators else operators
            if type(old) in SWAPS:
                new = SWAPS[type(old)]()
                setattr(node, field, [new, *operators[1:]] if field == "ops" else new)
                yield node
                setattr(node, field, operators)
        if isinstance(node, ast.Constant) and type(node.value) in (int, float, bool):
            old = node.value
            node.value = not old if isinstance(old, bool) else old + 1
            yield node
            node.value = old
        if isinstance(getattr(node, "op", None), ast.USub) and not isinstance(node.operand, ast.Constant):
            node.op = ast.UAdd()  # of constants −1 has become −2 above: +1 is often the same dimension
            yield node
            node.op = ast.USub()


def mutants(function):
    """The function with one small change each: (the changed line, the mutant)."""
    tree = ast.parse(textwrap.dedent(source_of(function)))
    body = tree.body[0]
    if isinstance(body, (ast.FunctionDef, ast.ClassDef)):
        for node in changes_of(tree):
            statement = next(
                each for each in reversed(list(ast.walk(body))) if isinstance(each, ast.stmt) and node in ast.walk(each)
            )
            line = ast.unparse(statement).splitlines()[0]
            space = dict(inspect.getmodule(function).__dict__)
            exec(compile(ast.unparse(tree), "<mutant>", "exec"), space)
            yield line, space[body.name]


@every
def test_mutants_are_refused(exercise, tersely, monkeypatch):
    monkeypatch.setattr(exercise, "seconds", 1.0)
    passed = {line for line, mutant in mutants(exercise.right) if exercise.verdict(mutant).mark == "✓"}
    assert passed == set(exercise.equal)
