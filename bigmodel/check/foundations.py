"""The exercises of notebook 00: the matrix product, broadcasting, an autograd engine part by part, a step of Adam."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from bigmodel.check.engine import exercise


# One mistake, one line or two; a blank line within what belongs to an exercise, two between exercises.
# fmt: off
class Value:
    """A number that remembers what it was made of."""

    def __init__(self, data: float, parents: Sequence["Value"] = (), slopes: Sequence[float] = ()) -> None:
        self.data = data  # the number itself
        self.parents = parents  # the Values that it was made of
        self.slopes = slopes  # how fast it grows with each of them
        self.grad = 0.0  # how fast the loss grows with it: not known yet

    def __add__(self, other: "Value") -> "Value":  # Python calls this for a + b
        return add.right(self, other)

    def __mul__(self, other: "Value") -> "Value":  # and this for a * b
        return multiply.right(self, other)

def sized(*shape: int, seed: int) -> Tensor:
    """Small whole numbers, of which every wrong product is another one."""
    return torch.randint(-4, 5, shape, generator=torch.Generator().manual_seed(seed)).float()

@exercise(
    hints=("Which row, and which column, does the box in row i and column j come from?",
           "Three loops, one inside the other: over the rows of A, over the columns of B, and over the pairs to sum.",
           "In the innermost: product[i, j] = product[i, j] + A[i, k] * B[k, j]."),
    why="Nearly all the work of a language model, in training and in writing, is this product.",
    cases=[
        (sized(2, 3, seed=0), sized(3, 4, seed=1)), (sized(3, 1, seed=2), sized(1, 2, seed=3)),
        (sized(2, 2, seed=4), sized(2, 2, seed=5)),
    ],
    wrong={
        "only the last pair is left: each has to be added to the sum so far": lambda A, B: A[:, -1:] * B[-1:],
        "the last pair is missing: range(k) ends at k − 1 by itself": lambda A, B: A[:, :-1] @ B[:-1],
        "rows and columns of the result are exchanged": lambda A, B: (A @ B).T,
        "the order is turned: rows are those of A, columns those of B": lambda A, B: B @ A,
        "`*` multiplies box by box; row times column is asked for": lambda A, B: A * B,
        "the zeros are as they were: nothing has been written into them": lambda A, B: torch.zeros(len(A), B.shape[1]),
    },
    also_right=[lambda A, B: A @ B],
)
def matrix_product(A: Tensor, B: Tensor) -> Tensor:
    n, k = A.shape
    m = B.shape[1]
    product = torch.zeros(n, m)
    for i in range(n):
        for j in range(m):
            for inner in range(k):
                product[i, j] = product[i, j] + A[i, inner] * B[inner, j]
    return product


@exercise(
    hints=("The mean of each row: how many numbers is that, and which axis goes?",
           "x.mean(1) has the shape (n,) and would be laid along the rows; it must be a column, (n, 1).",
           "x.mean(1, keepdim=True) is that column."),
    why="A keepdim forgotten is silent on square tables: you have seen what the loss makes of it.",
    cases=[(sized(3, 3, seed=6),), (sized(2, 4, seed=7),), (sized(4, 1, seed=8),)],
    wrong={
        "that is the mean of each column; along a row is axis 1": lambda x: x - x.mean(0, keepdim=True),
        "that is one mean for all; each row has its own": lambda x: x - x.mean(),
        "the means are right, but they were laid along the rows: they must be a column, (n, 1)":
            lambda x: x - x.mean(1),
        "these are the means themselves; subtract them from x": lambda x: x.mean(1, keepdim=True).expand(x.shape),
        "that is the sum of the row; divide it by how many there are": lambda x: x - x.sum(1, keepdim=True),
    },
)
def centre(x: Tensor) -> Tensor:
    return x - x.mean(dim=1, keepdim=True)


def made(answer: Callable[..., Any], *numbers: float) -> Any:
    """What an operation makes of Values, in plain words: its number, what it was made of, the slopes."""
    nodes = [Value(number) for number in numbers]
    value = answer(*nodes)
    if value is None:
        return None
    found = [getattr(value, name, ()) for name in ("parents", "slopes")]
    parents, slopes = ([*each] if isinstance(each, (list, tuple)) else [math.nan] for each in found)  # (a) is no tuple
    names = ["ab"[nodes.index(parent)] if parent in nodes else "something else" for parent in parents]
    slopes = [math.nan if isinstance(slope, Value) else slope for slope in slopes]
    if len(names) == len(slopes):  # in whichever order they stand
        slopes = [slope for _, slope in sorted(zip(names, slopes, strict=True), key=lambda pair: pair[0])]
    if [node.data for node in nodes] != list(numbers):
        raise TypeError("the numbers of what it is made of have changed: read a.data, and write the result elsewhere")
    return {"data": getattr(value, "data", value), "parents": " and ".join(sorted(names)) or "nobody", "slopes": slopes}

UNKNOWING = "return a new Value that knows what it was made of, with parents=… and slopes=…, as exp does"

@exercise(
    hints=("When a grows by a little, how far does a + b move for it?",
           "The number is a.data + b.data, the parents are a and b, and both slopes are 1.",
           "return Value(a.data + b.data, parents=(a, b), slopes=(1.0, 1.0))"),
    why="A sum hands its gradient on to both sides unchanged: this is why skip connections work so well.",
    cases=[(3.0, 2.0), (-1.5, 4.0), (0.0, 0.5)],
    drive=made,
    wrong={
        UNKNOWING: lambda a, b: Value(a.data + b.data),
        "a sum grows as fast as each of its parts: both slopes are 1":
            lambda a, b: Value(a.data + b.data, (a, b), (b.data, a.data)),
        "these slopes are the numbers themselves; a sum grows as fast as each of its parts":
            lambda a, b: Value(a.data + b.data, (a, b), (a.data, b.data)),
        "there must be a slope for each parent, a number": lambda a, b: Value(a.data + b.data, (a, b)),
        "parents are the Values themselves, not their numbers":
            lambda a, b: Value(a.data + b.data, (a.data, b.data), (1.0, 1.0)),
    },
    also_right=[lambda a, b: Value(b.data + a.data, [a, b], [1, 1])],
)
def add(a: Value, b: Value) -> Value:
    return Value(a.data + b.data, parents=(a, b), slopes=(1.0, 1.0))


@exercise(
    hints=("When a grows by 1, by how much does a · 5 grow?",
           "By the other number: the slope by a is b.data, and the slope by b is a.data.",
           "return Value(a.data * b.data, parents=(a, b), slopes=(b.data, a.data))"),
    why="This is the slope of every weight: what it is multiplied by. An input of 0 teaches its weights nothing.",
    cases=[(3.0, 2.0), (-1.5, 4.5), (0.0, 0.5)],
    drive=made,
    wrong={
        UNKNOWING: lambda a, b: Value(a.data * b.data),
        "the slopes are exchanged: a · b grows with a as fast as b is large":
            lambda a, b: Value(a.data * b.data, (a, b), (a.data, b.data)),
        "these are the slopes of a sum": lambda a, b: Value(a.data * b.data, (a, b), (1.0, 1.0)),
        "there must be a slope for each parent, and they are numbers, not Values":
            lambda a, b: Value(a.data * b.data, (a, b), (b, a)),
    },
    also_right=[lambda a, b: Value(a.data * b.data, [b, a], [a.data, b.data])],
)
def multiply(a: Value, b: Value) -> Value:
    return Value(a.data * b.data, parents=(a, b), slopes=(b.data, a.data))


@exercise(
    hints=("For a = 3 relu is a itself, for a = −3 it is 0: how fast does it grow with a in each case?",
           "The number is max(a.data, 0.0); the slope is 1.0 where a.data is larger than 0, and 0.0 elsewhere.",
           "slope = 1.0 if a.data > 0 else 0.0, then Value(max(a.data, 0.0), parents=(a,), slopes=(slope,))."),
    why="Without relu between them, two layers would be one: a product of two matrices is a matrix.",
    cases=[(-2.0,), (3.0,), (0.0,), (0.25,)],
    drive=made,
    wrong={
        UNKNOWING: lambda a: Value(max(a.data, 0.0)),
        "a tuple of one needs a comma, (a,) and (slope,)": lambda a: Value(
            max(a.data, 0.0),
            (a),
            (1.0 if a.data > 0 else 0.0),  # type: ignore[arg-type]
        ),
        "return a new Value in each case, not `a` itself": lambda a: a if a.data > 0 else Value(0.0, (a,), (0.0,)),
        "where a is not positive the slope is 0: relu stops the gradient there":
            lambda a: Value(max(a.data, 0.0), (a,), (1.0,)),
        "at 0 itself the slope is 0, as in PyTorch: larger than 0, not at least":
            lambda a: Value(max(a.data, 0.0), (a,), (1.0 if a.data >= 0 else 0.0,)),
        "negative numbers become 0": lambda a: Value(a.data, (a,), (1.0,)),
    },
)
def relu(a: Value) -> Value:
    slope = 1.0 if a.data > 0 else 0.0
    return Value(max(a.data, 0.0), parents=(a,), slopes=(slope,))


def graph(name: str) -> dict[str, Value]:
    """The Values of a small calculation by name, the end last."""
    x, y = Value(3.0), Value(2.0)
    nodes = {"x": x}
    if name == "x · x":
        return nodes | {name: x * x}
    if name == "relu(x + y)":
        total = x + y
        return nodes | {"y": y, "x + y": total, name: relu.right(total)}
    square = x * x
    if name == "(x · x + y) · x":  # x again near the end: far from it on another path
        total = square + y
        return nodes | {"y": y, "x · x": square, "x · x + y": total, name: total * x}
    product = square * y  # x · x · (x · x · y)
    return nodes | {"y": y, "x · x": square, "x · x · y": product, name: square * product}

GRAPHS = [("(x · x + y) · x",), ("x · x",), ("relu(x + y)",), ("(x · x) · (x · x · y)",)]

def walked(answer: Callable[..., Any], name: str) -> Any:
    """What is wrong with the order of a graph's Values, by name."""
    nodes = graph(name)
    order = answer(list(nodes.values())[-1])
    places = [id(node) for node in order]
    behind = {id(node): places[place + 1 :] for place, node in enumerate(order)}
    wrong = {
        "what is missing": [title for title, node in nodes.items() if id(node) not in places],
        "what stands there more than once": [title for title, node in nodes.items() if places.count(id(node)) > 1],
        "what stands behind something it was made of": [
            title for title, node in nodes.items()
            if any(id(node) in behind.get(id(parent), []) for parent in node.parents)],
    }
    return {**{what: ", ".join(titles) or "nothing" for what, titles in wrong.items()}, "its length": len(places)}

def visit(node: Value, order: list[Value]) -> None:
    """Append what a node was made of, then the node, each once."""
    if node in order:
        return
    for parent in node.parents:
        visit(parent, order)
    order.append(node)

def in_order(end: Value) -> list[Value]:
    """The right order, by its own name: the exercise is an object that checks."""
    order: list[Value] = []
    visit(end, order)
    return order[::-1]

def every_path(end: Value) -> list[Value]:
    """Each node as often as it is used."""
    return [end] + [node for parent in end.parents for node in every_path(parent)]

def again(end: Value) -> list[Value]:
    """What a visit makes that never looks whether a node is in the list."""
    return [end] + [node for parent in end.parents[::-1] for node in again(parent)]

def first_met(end: Value) -> list[Value]:
    return list({id(node): node for node in every_path(end)}.values())

def one_branch(end: Value) -> list[Value]:
    return [end, *one_branch(end.parents[0])] if end.parents else [end]

@exercise(
    hints=("When may a node be appended: before or after everything that it was made of?",
           "If the node is in the list already, nothing is to do. Otherwise visit each of its parents, then append it.",
           "if node in order: return; for parent in node.parents: visit(parent, order); order.append(node)"),
    why="This is a topological order: nobody passes a gradient on before all of it has come in.",
    cases=GRAPHS,
    drive=walked,
    wrong={
        "a node that is in the list already must not be appended again": again,
        "a node was appended before all that it was made of: its parents have to be visited first": first_met,
        "the end comes last: append a node after its parents, and turn the whole list round once":
            lambda end: in_order(end)[::-1],
        "only one parent was visited: go through all of node.parents": lambda end: one_branch(end),
        "only the end and its parents: the parents have parents too":
            lambda end: list({id(node): node for node in (end, *end.parents)}.values()),
    },
    also_right=[lambda end: tuple(in_order(end))],
)
def backward_order(end: Value) -> list[Value]:
    order: list[Value] = []
    visit(end, order)
    return order[::-1]


def gradients(answer: Callable[..., Any], name: str) -> dict[str, float]:
    """The gradient of each Value of a graph after the walk."""
    nodes = graph(name)
    answer(list(nodes.values())[-1])
    return {f"the gradient of {title}": node.grad for title, node in nodes.items()}

def walk(give: Callable[[Value, Value, float], float], order: Any = in_order) -> Callable[[Value], None]:
    """A walk backward in some order that gives each parent a gradient in some way."""
    def backward(end: Value) -> None:
        end.grad = 1.0
        for node in order(end):
            for parent, slope in zip(node.parents, node.slopes, strict=True):
                parent.grad = give(node, parent, slope)
    return backward

def share(node: Value, parent: Value, slope: float) -> float:
    return parent.grad + slope * node.grad

@exercise(
    hints=("How fast does the end grow with itself, and who gets that number next?",
           "The end's gradient is 1. Each node in the order gives each parent the slope times its own gradient.",
           "for parent, slope in zip(node.parents, node.slopes): parent.grad = parent.grad + slope * node.grad"),
    refused=[walk(lambda node, parent, slope: 1.0)],
    why="That was backpropagation, whole: what `loss.backward()` does in every model of this course.",
    cases=GRAPHS,
    drive=gradients,
    wrong={
        "nothing came back, every gradient is 0: is the end's own set to 1, before the walk": lambda end: None,
        "only the end has a gradient: each node of the order gives its parents their shares":
            walk(share, lambda end: []),
        "a node that is used twice lost a path: add to the gradient that is there, do not replace it":
            walk(lambda node, parent, slope: slope * node.grad),
        "the slope is missing: a share is slope times gradient":
            walk(lambda node, parent, slope: parent.grad + node.grad),
        "the node's own gradient is missing: slopes along a path multiply":
            walk(lambda node, parent, slope: parent.grad + slope),
        "a node passed its gradient on more than once: walk along backward_order(end), each node once":
            walk(share, every_path),
    },
    equal={"for parent, slope in zip(node.parents, node.slopes, strict=False):": "there are as many slopes as parents"},
)
def backward(end: Value) -> None:
    end.grad = 1.0
    for node in in_order(end):
        for parent, slope in zip(node.parents, node.slopes, strict=True):
            parent.grad = parent.grad + slope * node.grad


def adam(
    w: float, g: float, m: float, v: float, t: int, eta: float, *,
    corrected: tuple[bool, bool] = (True, True), root: Callable[[float], float] = math.sqrt, sign: int = -1,
) -> tuple[float, float, float]:  # fmt: skip
    """Adam's step, and what becomes of it when something is left out."""
    m = 0.9 * m + 0.1 * g
    v = 0.999 * v + 0.001 * g**2
    m_hat = m / (1 - 0.9**t) if corrected[0] else m
    v_hat = v / (1 - 0.999**t) if corrected[1] else v
    return w + sign * eta * m_hat / (root(v_hat) + 1e-8), m, v

@exercise(
    hints=("Which of the three numbers w, m and v do you need first, and which last?",
           "First the new m and v, then both corrected, by 1 − 0.9ᵗ and 1 − 0.999ᵗ, then w. Return m and v "
           "uncorrected.",
           "w − eta * (m / (1 − 0.9**t)) / (math.sqrt(v / (1 − 0.999**t)) + 1e-8) is the new w."),
    why="With these few lines for each of its numbers, nearly every language model was trained.",
    cases=[
        (1.0, 2.0, 0.0, 0.0, 1, 0.1),
        (0.9, 1.0, 0.2, 0.004, 2, 0.1),
        (-0.5, -3.0, 0.7, 0.02, 5, 0.01),
        (2.0, 1e-8, 0.0, 0.0, 1, 0.2),  # so small that ε matters
    ],
    wrong={
        "neither mean is corrected: divide m by 1 − 0.9ᵗ and v by 1 − 0.999ᵗ":
            lambda *a: adam(*a, corrected=(False, False)),
        "v is not corrected: divide it by 1 − 0.999ᵗ": lambda *a: adam(*a, corrected=(True, False)),
        "m is not corrected: divide it by 1 − 0.9ᵗ": lambda *a: adam(*a, corrected=(False, True)),
        "the root of v is missing": lambda *a: adam(*a, root=float),
        "the step goes up: against the gradient means minus": lambda *a: adam(*a, sign=1),
        "return m and v as they are, uncorrected: the next step begins with them": lambda w, g, m, v, t, eta: (
            adam(w, g, m, v, t, eta)[0],
            (0.9 * m + 0.1 * g) / (1 - 0.9**t),
            (0.999 * v + 0.001 * g**2) / (1 - 0.999**t),
        ),
        "m and v are the old ones: return those of this step":
            lambda w, g, m, v, t, eta: (adam(w, g, m, v, t, eta)[0], m, v),
        "ε stands outside the root, beside it": lambda *a: adam(*a, root=lambda v: math.sqrt(v + 1e-8)),
    },
)
def adam_step(w: float, g: float, m: float, v: float, t: int, eta: float) -> tuple[float, float, float]:
    m = 0.9 * m + 0.1 * g
    v = 0.999 * v + 0.001 * g**2
    m_hat = m / (1 - 0.9**t)
    v_hat = v / (1 - 0.999**t)
    return w - eta * m_hat / (math.sqrt(v_hat) + 1e-8), m, v
