"""What a notebook of the course asks: its exercises, what a student answers to them, and what each of them needs.

An exercise needs its answer, and those statements of the notebook that define a name which the answer reads, and what
these read in their turn. So a notebook is judged in seconds: no training is waited for that nobody needs.

What a statement defines is read off the code: names assigned, imported, defined, stored into, and filled by a method
such as ``append``. A thing that is changed through another function is taken as it was made.
"""

import ast
import builtins
import re
import symtable
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bigmodel.lab.course import Notebook, source, tags

FILLING = {"add", "append", "clear", "extend", "insert", "pop", "remove", "setdefault", "sort", "update"}
# With these a verdict could be forged or an answer looked up; every other use is worth a teacher's look too.
NOTABLE = re.compile(
    r"\b(?:__import__|builtins|ctypes|eval|exec|gc|globals|importlib|inspect|linecache|os|subprocess|sys|threading)\b"
    r"|\bbigmodel\.check\.\w+|\bcheck\.\w+\.(?!chosen|hint)\w+|\.__(?!init__)\w+"
)


@dataclass(frozen=True)
class Step:
    """A piece of code: its source, the id of its cell, the names that it reads and those that it defines."""

    code: str
    cell: str
    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Asked:
    """An exercise: its name, that of the answer, the id of its stub, and how many steps there are before its check."""

    exercise: str
    answer: str
    stub: str
    place: int


class Original:
    """The course's notebook: its steps and exercises, its stubs by id, and the module of its checks."""

    def __init__(self, notebook: Notebook) -> None:
        self.ids = code_cells(notebook).keys()
        self.steps: list[Step] = []
        self.stubs: dict[str, Step] = {}
        self.asked: list[Asked] = []
        self.module = ""
        for id_, cell in code_cells(notebook).items():
            if "exercise" in tags(cell):
                self.stubs[id_] = step(source(cell), id_)
                self.steps.append(self.stubs[id_])
            elif "solution" not in tags(cell):
                self.read(ast.parse(source(cell)), id_)

    def read(self, tree: ast.Module, id_: str) -> None:
        """Take in one cell that is neither a stub nor a solution."""
        for node in tree.body:
            if isinstance(node, ast.ImportFrom) and node.module == "bigmodel.check" and node.names[0].asname == "check":
                self.module = f"bigmodel.check.{node.names[0].name}"
            if names := check_of(node):
                stub = next((stub for stub, empty in self.stubs.items() if names[1] in empty.writes), None)
                self.asked += [Asked(*names, stub, len(self.steps))] if stub else []
            self.steps.append(step(ast.unparse(node), id_))

    def handed_in(self, notebook: Notebook) -> tuple[dict[str, Step], list[Step]]:
        """A student's answers by the ids of the stubs, found by these or by name, and the cells that they added."""
        theirs = {id_: without_magics(source(cell)) for id_, cell in code_cells(notebook).items()}
        own = [parsed(code, id_) for id_, code in theirs.items() if id_ not in self.ids]
        answers = {}
        for id_, stub in self.stubs.items():
            code = theirs.get(id_, "").strip()
            if code in ("", stub.code.strip()):
                wanted = {asked.answer for asked in self.asked if asked.stub == id_}
                code = "\n\n".join(each.code for each in own if each.writes & wanted)
            if code:  # one that cannot be read needs and defines what the stub does
                mine = parsed(code, id_)
                answers[id_] = replace(mine, reads=mine.reads | stub.reads, writes=mine.writes | stub.writes)
        return answers, own

    def built_on(self, stub: str, answer: Step, solved: Collection[str]) -> Step:
        """What other exercises build on: an answer as far as it is right, and the check's own beyond."""
        asked = [each for each in self.asked if each.stub == stub]
        base = answer if any(each.exercise in solved for each in asked) else self.stubs[stub]
        ours = [f"{each.answer} = check.{each.exercise}.right" for each in asked if each.exercise not in solved]
        return replace(base, code="\n".join([base.code, *ours]), reads=base.reads | {"check"})

    def needed(self, asked: Asked, answers: Mapping[str, Step], own: list[Step]) -> list[Step]:
        """The steps that an exercise needs, in order, with answers, by the ids of the stubs, in place of these."""
        steps = [answers.get(each.cell, each) for each in self.steps[: asked.place]]
        place = next(place for place, each in enumerate(steps) if each.cell == asked.stub)
        found, names, seen = [steps[place]], [*steps[place].reads], set[str]()
        while names:
            if (name := names.pop()) in seen:
                continue
            seen.add(name)
            writers = [each for each in steps if name in each.writes]
            if not writers and not hasattr(builtins, name):
                writers = [each for each in own if name in each.writes]
            new = [each for each in writers if each not in found]
            found += new
            names += [read for each in new for read in each.reads]
        return [each for each in (*steps[:place], *own, *steps[place:]) if each in found]


def code_cells(notebook: Notebook) -> dict[str, Notebook]:
    """A notebook's code cells, by id."""
    cells = [cell for cell in notebook["cells"] if cell.get("cell_type") == "code"]
    return {str(cell.get("id", f"cell {number}")): cell for number, cell in enumerate(cells)}


def check_of(node: ast.stmt) -> tuple[str, str] | None:
    """The names of exercise and answer, if a statement is ``check.exercise(answer)``."""
    match node:
        case ast.Expr(ast.Call(ast.Attribute(ast.Name("check"), exercise), [ast.Name(answer)])):
            return exercise, answer
    return None


def without_magics(code: str) -> str:
    """Code without the lines that only a notebook understands."""
    return re.sub(r"(?m)^[%!?].*$", "", code)


def parsed(code: str, cell: str) -> Step:
    """A student's step, which may be no Python."""
    try:
        return step(code, cell)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Step(code, cell)


def step(code: str, cell: str) -> Step:
    """A step: a piece of code, and the names that it reads and defines.

    Raises:
        SyntaxError: it is no Python.
    """
    reads, writes = set[str](), set[str]()
    for node in ast.parse(code).body:
        table = symtable.symtable(ast.unparse(node), cell, "exec")
        itself = {node.name} if isinstance(node, ast.FunctionDef | ast.ClassDef) else set()
        reads |= read_names(table) - writes - itself
        writes |= {each.get_name() for each in table.get_symbols() if each.is_assigned() or each.is_imported()}
        writes |= set(filled_names(node))
    return Step(code, cell, frozenset(reads), frozenset(writes))


def read_names(table: symtable.SymbolTable) -> set[str]:
    """The names of the notebook that a piece of code reads, within functions too."""
    outer = table.get_type() == "module"
    own = {each.get_name() for each in table.get_symbols() if each.is_referenced() and (outer or each.is_global())}
    return own.union(*map(read_names, table.get_children()))


def filled_names(tree: ast.AST) -> Iterator[str]:
    """The names whose things are changed: d[k] = …, d.a = …, d.append(…)."""
    for node in ast.walk(tree):
        match node:
            case ast.Subscript(ctx=ast.Store()) | ast.Attribute(ctx=ast.Store()):
                base: Any = node
            case ast.Call(ast.Attribute(attr=attr) as base) if attr in FILLING:
                pass
            case _:
                continue
        while isinstance(base, ast.Subscript | ast.Attribute):
            base = base.value
        if isinstance(base, ast.Name):
            yield base.id
