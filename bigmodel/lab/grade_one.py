"""Judging one notebook of a student: the program that runs shut off, one process a notebook.

The course's original decides what is asked. From the student's notebook only the exercise cells are taken, and put in
the place of the original's stubs; then the original's own checks are asked. Of the rest of the original only those
statements run that an exercise needs: those that define a name which the student's code reads, and what these read in
their turn. So a notebook takes seconds, and a check that a student has edited, or a ✓ that they print, is never seen.

What a statement defines is read off the code: names assigned, imported, defined, stored into, and filled by a method
such as ``append``. A thing that is changed through another function is taken as it was made.
"""

import ast
import builtins
import importlib
import json
import linecache
import os
import re
import symtable
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

FILLING = {"add", "append", "clear", "extend", "insert", "pop", "remove", "setdefault", "sort", "update"}
LONGEST = 100_000  # characters of a cell
LONGEST_RUN = 20.0  # seconds for the lines of a cell; each call by a check has its own limit
# Words with which a verdict could be forged or an answer looked up; every other use is worth a teacher's look too.
NOTABLE = {
    "__import__", "builtins", "ctypes", "eval", "exec", "gc", "globals", "importlib", "inspect", "linecache", "os",
    "subprocess", "sys", "threading",
}  # fmt: skip

Notebook = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """A piece of the notebook that is judged.

    Args:
        code: its source.
        place: the number of its cell.
        reads, writes: the names that it reads and defines.
        cell: the id of its cell.
    """

    code: str
    place: int
    reads: frozenset[str]
    writes: frozenset[str]
    cell: str


@dataclass(frozen=True)
class Asked:
    """An exercise: its name, that of the answer, the cell that checks it, the statements before that, its stub's id."""

    exercise: str
    answer: str
    place: int
    before: int
    stub: str


def step(code: str, place: int, cell: str) -> Step:
    """A piece of code and the names that it reads and defines.

    Raises:
        SyntaxError: it is no Python.
    """
    reads: set[str] = set()
    writes: set[str] = set()
    for node in ast.parse(code).body:
        table = symtable.symtable(ast.unparse(node), cell, "exec")
        own = {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported()}
        itself = {node.name} if isinstance(node, ast.FunctionDef | ast.ClassDef) else set()
        reads |= read_names(table) - writes - itself
        writes |= own | set(filled_names(node))
    return Step(code, place, frozenset(reads), frozenset(writes), cell)


def read_names(table: symtable.SymbolTable) -> set[str]:
    """The names of the notebook that a piece of code reads, within functions too."""
    outer = table.get_type() == "module"
    own = {s.get_name() for s in table.get_symbols() if s.is_referenced() and (outer or s.is_global())}
    return own.union(*(read_names(child) for child in table.get_children()))


def filled_names(tree: ast.AST) -> Iterator[str]:
    """The names whose things are changed: d[k] = …, d.a = …, d.append(…)."""
    for node in ast.walk(tree):
        stored = isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store)
        method = node.func if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else None
        if stored or (method and method.attr in FILLING):
            base: Any = node if stored else method
            while isinstance(base, ast.Subscript | ast.Attribute):
                base = base.value
            if isinstance(base, ast.Name):
                yield base.id


def source(cell: Notebook) -> str:
    """A cell's source as one string."""
    return "".join(cell.get("source", ""))


def tagged(cell: Notebook, tag: str) -> bool:
    """Whether a cell has a tag."""
    return tag in cell.get("metadata", {}).get("tags", [])


def code_cells(notebook: Notebook) -> dict[str, tuple[int, Notebook]]:
    """A notebook's code cells with their numbers, by id."""
    cells = [(n, c) for n, c in enumerate(notebook.get("cells", [])) if c.get("cell_type") == "code"]
    return {str(cell.get("id", f"cell {number}")): (number, cell) for number, cell in cells}


class Original:
    """The course's notebook: its statements, its exercises, the module of its checks."""

    def __init__(self, notebook: Notebook) -> None:
        self.cells = code_cells(notebook)
        self.statements: list[Step] = []
        self.asked: list[Asked] = []
        self.module = ""
        self.stubs: dict[str, Step] = {}
        for id_, (place, cell) in self.cells.items():
            if tagged(cell, "exercise"):
                self.stubs[id_] = step(source(cell), place, id_)
            if not tagged(cell, "solution"):
                self.read(ast.parse(source(cell)), place, id_)

    def read(self, tree: ast.Module, place: int, id_: str) -> None:
        """Take in one cell that is no solution."""
        for node in tree.body:
            if isinstance(node, ast.ImportFrom) and node.module == "bigmodel.check" and node.names[0].asname == "check":
                self.module = f"bigmodel.check.{node.names[0].name}"
            if (found := check_of(node)) and (stub := self.stub_of(found[1])):
                self.asked.append(Asked(*found, place, len(self.statements), stub))
            if id_ not in self.stubs:
                self.statements.append(step(ast.unparse(node), place, id_))

    def stub_of(self, answer: str) -> str | None:
        """The id of the stub that defines a name."""
        return next((id_ for id_, stub in self.stubs.items() if answer in stub.writes), None)


def check_of(node: ast.stmt) -> tuple[str, str] | None:
    """The names of exercise and answer, if a statement is ``check.exercise(answer)``."""
    match node:
        case ast.Expr(ast.Call(ast.Attribute(ast.Name("check"), exercise), [ast.Name(answer)])):
            return exercise, answer
    return None


# What the student handed in


@dataclass(frozen=True)
class HandedIn:
    """A student's exercise cells: by stub the code, cells of their own, and what is to be said about the rest."""

    answers: dict[str, str]
    own: list[Step]
    notes: list[str]


def hand_in(original: Original, notebook: Notebook) -> HandedIn:
    """Find the exercise cells of a student's notebook: by id, or else by the name that the stub defines."""
    theirs = code_cells(notebook)
    own = [s for id_, (n, c) in theirs.items() if id_ not in original.cells if (s := parsed(without_magics(c), n, id_))]
    answers, missing = {}, []
    for id_, stub in original.stubs.items():
        text = without_magics(theirs[id_][1]) if id_ in theirs else ""
        wanted = {asked.answer for asked in original.asked if asked.stub == id_}
        elsewhere = [each for each in own if each.writes & wanted]
        if elsewhere and text.strip() in ("", stub.code.strip()):
            text = "\n\n".join(each.code for each in elsewhere)
        if text.strip():
            answers[id_] = text
        elif wanted:
            missing.append(", ".join(sorted(wanted)))
    notes = [f"no cell for {'; '.join(missing)}"] if missing and answers else []
    notes += [] if answers else ["it holds no exercise of this notebook"]
    changed = [id_ for id_, (_, cell) in theirs.items() if id_ in original.cells and id_ not in original.stubs
               and source(cell) != source(original.cells[id_][1])]  # fmt: skip
    notes += [f"edited, and not looked at: {len(changed)} other cells" if len(changed) > 1 else
              f"edited, and not looked at: cell {changed[0]}"] if changed else []  # fmt: skip
    used = {each.cell for each in own if any(each.code in text for text in answers.values())}
    more = [each.cell for each in own if each.cell not in used]
    notes += [f"cells of their own: {len(more)}"] if more else []
    return HandedIn(answers, own, notes)


def without_magics(cell: Notebook) -> str:
    """A cell's code without the lines that only a notebook understands."""
    return re.sub(r"(?m)^[%!?].*$", "", source(cell))[: LONGEST + 1]


def parsed(code: str, place: int, cell: str) -> Step | None:
    """A step, or None where the code cannot be read."""
    if len(code) > LONGEST:
        return None
    with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        return step(code, place, cell)
    return None


# In which order what is executed


def needed(original: Original, handed: HandedIn, asked: Asked) -> list[Step]:
    """The steps that an exercise needs, in the notebook's order; the student's cells under their stubs' ids."""
    cells = {id_: answered(original, handed, id_) for id_ in original.stubs}
    before = [*original.statements[: asked.before], *(cell for cell in cells.values() if cell.place <= asked.place)]
    names, found = list(cells[asked.stub].reads | {"check"}), [cells[asked.stub]]
    done: set[str] = set()
    while names:
        if (name := names.pop()) in done:
            continue
        done.add(name)
        writers = [each for each in before if name in each.writes]
        if not writers and not hasattr(builtins, name):
            writers = [each for each in handed.own if name in each.writes]
        new = [each for each in writers if each not in found]
        found += new
        names += [read for each in new for read in each.reads]
    mine = [each for each in handed.own if each in found]  # wherever they stand in the student's notebook
    rest = sorted((each for each in before if each in found), key=lambda each: each.place)
    at = next(n for n, each in enumerate(rest) if each.cell == asked.stub)
    return [*rest[:at], *mine, *rest[at:]]


def answered(original: Original, handed: HandedIn, stub: str) -> Step:
    """A student's cell in the place of a stub; one that cannot be read needs and defines what the stub does."""
    empty, code = original.stubs[stub], handed.answers.get(stub, "")
    mine = parsed(code, empty.place, stub)
    reads = empty.reads | (mine.reads if mine else set())
    return Step(code, empty.place, reads, empty.writes | (mine.writes if mine else set()), stub)


# What a teacher should look at


def worth_a_look(original: Original, handed: HandedIn, asked: Asked) -> list[str]:
    """What a teacher should look at in the student's code that an exercise needs."""
    theirs = {asked.stub, *(each.cell for each in handed.own)}
    codes = [each.code for each in needed(original, handed, asked) if each.cell in theirs]
    return sorted({word for code in codes for word in notable(code)})


def notable(code: str) -> set[str]:
    """Words of a piece of code that are worth a look: ways to the graders' inside, or past them."""
    found: set[str] = set()
    with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.Name) and node.id in NOTABLE:
                found.add(node.id)
            elif isinstance(node, ast.Import):
                found |= {a.name for a in node.names if a.name.split(".")[0] in NOTABLE or "bigmodel.check" in a.name}
            elif isinstance(node, ast.ImportFrom):
                name = node.module or ""
                found |= {name} if name.startswith("bigmodel.check.") or name.split(".")[0] in NOTABLE else set()
            elif isinstance(node, ast.Attribute):
                text = ast.unparse(node)
                if re.fullmatch(r"check\.\w+\.\w+", text) and node.attr not in ("chosen", "hint"):
                    found.add(text)
                if node.attr.startswith("__") and node.attr != "__init__":
                    found.add(node.attr)
    return found


# Judging


class Judge:
    """Executes what is needed in one namespace, and asks the original's checks."""

    def __init__(self, original: Original, handed: HandedIn, say: Callable[..., None]) -> None:
        self.original, self.handed, self.say = original, handed, say
        self.namespace: dict[str, Any] = {"__name__": "__main__"}
        self.executed: set[tuple[str, str]] = set()
        self.failed: dict[str, str] = {}
        self.marks: dict[str, str] = {}

    def judge(self, asked: Asked, checks: Any) -> None:
        """Judge one exercise."""
        self.say(at=[asked.exercise], cell="")
        for each in needed(self.original, self.handed, asked):
            self.execute(each)
        exercise, answer = getattr(checks, asked.exercise), self.namespace.get(asked.answer)
        self.say(at=[asked.exercise], cell="")
        if asked.stub in self.failed:
            self.tell(asked, "✗", self.failed[asked.stub])
        elif asked.stub not in self.handed.answers:
            self.tell(asked, "", "There is no such cell.")
        elif answer is exercise.right:
            self.tell(asked, "✗", "this is the check's own answer, handed back.")
        else:
            verdict = exercise.verdict(answer)
            self.tell(asked, verdict.mark, verdict.text)

    def tell(self, asked: Asked, mark: str, text: str) -> None:
        """Report a verdict."""
        self.marks[asked.exercise] = mark
        self.say(exercise=asked.exercise, mark=mark, text=text)

    def execute(self, each: Step) -> None:
        """Execute a step once; a student's over the stub, so that its names exist whatever happens."""
        if (each.cell, each.code) in self.executed:
            return
        self.executed.add((each.cell, each.code))
        stub = self.original.stubs.get(each.cell)
        if stub:
            self.run(stub.code, stub.cell)
            self.say(at=[a.exercise for a in self.original.asked if a.stub == stub.cell], cell=stub.cell)
        wrong = self.run(each.code, each.cell)
        if wrong and stub:
            self.failed[each.cell] = wrong

    def run(self, code: str, name: str) -> str | None:
        """Execute code; returns one sentence where it cannot be, or stops."""
        from bigmodel.check.engine import TooLong, in_time, readers_line

        file = f"<{name}>"
        linecache.cache[file] = (len(code), None, code.splitlines(keepends=True), file)
        try:
            if len(code) > LONGEST:
                raise ValueError(f"it has more than {LONGEST:,} characters")
            compiled = compile(code, file, "exec")
            in_time(lambda: exec(compiled, self.namespace), LONGEST_RUN)
        except SyntaxError as error:
            return f"the cell is not Python: {error.msg}, in the line `{(error.text or '').strip()[:80]}`."
        except TooLong:
            return f"the cell ran for more than {LONGEST_RUN:.0f} seconds and was stopped: does a loop never end?"
        except (Exception, SystemExit) as error:
            line = readers_line(error)
            return f"the cell stopped with {type(error).__name__}: {str(error)[:200]}" + (
                f", in `{line}`." if line else "."
            )
        return None


def fingerprint() -> dict[str, Any]:
    """What verdicts hang on: the graders, what they compare with, Python's own functions; to see it changed."""
    names = ("builtins", "math", "numpy", "torch", "torch.nn.functional", "torch.nn.modules.module", "__main__")
    found: dict[str, Any] = {}
    for name, module in list(sys.modules.items()):
        if name in names or name.startswith("bigmodel."):
            found |= {f"{name}.{key}": value for key, value in vars(module).items()}
    for name, value in list(found.items()):
        if isinstance(value, types.FunctionType):
            found[f"{name}()"] = value.__code__
        elif isinstance(value, type) and name.startswith(("bigmodel.", "__main__.")):
            found |= {f"{name}.{key}": member for key, member in vars(value).items()}
        elif hasattr(value, "hints") and hasattr(value, "__dict__"):  # an exercise
            found |= {f"{name}.{key}": member for key, member in vars(value).items() if key != "asked"}
    for name, value in list(found.items()):
        if isinstance(value, types.FunctionType):
            found[f"{name}()"] = value.__code__
        elif isinstance(value, list | tuple) and len(value) < 100:
            found |= {f"{name}[{n}]": member for n, member in enumerate([*value, None])}
    return found


def differs(before: dict[str, Any]) -> bool:
    """Whether anything is not what it was."""
    after = fingerprint()
    return any(after.get(name) is not value for name, value in before.items())


def prepare(original: Original) -> Any:
    """Load the checks, let them work out what is right before anybody's code runs, and take away their pictures."""
    checks = importlib.import_module(original.module)
    for asked in original.asked:
        exercise = getattr(checks, asked.exercise)
        exercise.draw = None
        with suppress(AttributeError):
            exercise.expected  # noqa: B018
            exercise.comparable  # noqa: B018
    return checks


def fence(hidden: str) -> None:
    """Where nothing shuts this process off: refuse the network, other programs, and files that are not its own.

    It stops accidents and simple mischief; code that means it finds a way around.
    """
    own = os.path.realpath(os.getcwd())
    refused = ("socket.connect", "socket.bind", "socket.getaddrinfo", "subprocess.Popen", "os.system", "os.exec",
               "os.posix_spawn", "os.fork", "os.forkpty", "os.kill", "os.startfile")  # fmt: skip
    changing = ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate", "os.chmod",
                "os.chown", "os.utime", "shutil.rmtree", "shutil.move")  # fmt: skip

    def inside(path: Any, folder: str) -> bool:
        there = os.path.realpath(os.fsdecode(path))
        return there == folder or there.startswith(folder + os.sep)

    def look(event: str, arguments: tuple[Any, ...]) -> None:
        if event in refused:
            raise PermissionError(f"{event} is not allowed here")
        paths = [a for a in arguments[:2] if isinstance(a, str | bytes | os.PathLike)] if event in changing else []
        if any(not inside(path, own) for path in paths):
            raise PermissionError(f"{event} outside the notebook's own folder is not allowed here")
        if event in ("open", "os.listdir", "os.scandir") and isinstance(arguments[0], str | bytes | os.PathLike):
            writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
            if inside(arguments[0], hidden) or (
                writes and not inside(arguments[0], own) and arguments[0] != os.devnull
            ):
                raise PermissionError(f"{event} of that file is not allowed here")

    sys.addaudithook(look)


def limit(memory: int, files: int) -> None:
    """Have the system itself refuse memory and files beyond the limits, where it can."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (files, files))
        if sys.platform == "linux":
            resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))


def reporter(token: str) -> Callable[..., None]:
    """Take this process's standard output for reports alone; whatever else is printed goes nowhere."""
    channel = os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)

    def say(**what: Any) -> None:
        os.write(channel, f"\n{token} {json.dumps(what)}\n".encode())

    return say


def main() -> None:
    """Read a job, judge, and report in lines."""
    job = json.loads(sys.stdin.buffer.read())
    say = reporter(job["token"])
    original = Original(job["original"])
    checks = prepare(original)
    handed = hand_in(original, job["notebook"])
    say(notes=handed.notes, look={asked.exercise: worth_a_look(original, handed, asked) for asked in original.asked})
    if job["hidden"]:
        fence(job["hidden"])
    limit(job["memory"], job["files"])
    judge = Judge(original, handed, say)
    judge.marks |= job["marks"]

    import bigmodel.check.engine as engine

    def chosen(exercise: Any, answer: Any) -> Any:  # what was found out is not found out again
        return answer if judge.marks.get(exercise.name, "✓") == "✓" else exercise.right

    engine.Exercise.chosen = chosen  # type: ignore
    for stub in job["stopped"]:
        handed.answers[stub] = original.stubs[stub].code
    judge_all(judge, [a for a in original.asked if a.exercise not in job["marks"]], checks, say)


def judge_all(judge: Judge, asked: Sequence[Asked], checks: Any, say: Callable[..., None]) -> None:
    """Judge the exercises in order, until one has changed what the verdicts hang on."""
    before = fingerprint()
    for each in asked:
        judge.judge(each, checks)
        if differs(before):
            say(tampered=True, at=[a.exercise for a in asked if a.stub == each.stub], cell=each.stub)
            return
    say(done=True)


if __name__ == "__main__":
    main()
