"""Judging one notebook of a student: the program that runs shut off, one for each notebook.

The course's original decides what is asked. From the student's notebook only the answers are taken, in place of the
original's stubs, and the original's own checks are asked. Each exercise is judged in a process of its own: what an
answer does to Python, or to the checks, ends with it, and what never ends or takes all memory is ended from outside.
"""

import importlib
import json
import linecache
import multiprocessing
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from bigmodel.lab.course import Notebook
from bigmodel.lab.exercises import NOTABLE, Asked, Original, Step

# Where a process cannot be copied with all that it has loaded, each exercise loads torch again.
PROCESSES: Any = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")


def main() -> None:
    """Read a job, judge, and report each exercise in a line of JSON; nothing else that is printed goes anywhere."""
    job = json.loads(sys.stdin.buffer.read())
    report = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    for said in judged(Original(job["original"]), job["notebook"], job["limits"]):
        print(json.dumps(said), file=report, flush=True)


def judged(original: Original, notebook: Notebook, limits: dict[str, int]) -> Iterator[dict[str, Any]]:
    """What comes of each exercise; a later one builds on an earlier one's answer if that is right, else on ours."""
    importlib.import_module(original.module)  # once, for all that are copied from this process
    answers, own = original.handed_in(notebook)
    solved: set[str] = set()
    for asked in original.asked:
        known = {id_: original.built_on(id_, answer, solved) for id_, answer in (original.stubs | answers).items()}
        mine = answers.get(asked.stub)
        steps = original.needed(asked, known | ({asked.stub: mine} if mine else {}), own)
        whole = [part for each in steps for part in (original.stubs.get(each.cell), each) if part]  # imports of stubs
        mark, text = apart(original.module, asked, whole, limits) if mine else ("", "Not tried.")
        solved |= {asked.exercise} if mark == "✓" else set()
        look = {word for each in steps if each is mine or each in own for word in NOTABLE.findall(each.code)}
        yield {"exercise": asked.exercise, "mark": mark, "text": text, "look": sorted(look)}


def apart(module: str, asked: Asked, steps: list[Step], limits: dict[str, int]) -> tuple[str, str]:
    """Judge an exercise in a process of its own: mark and sentence, or why that was stopped."""
    ours, theirs = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=tell, args=(theirs, module, asked, steps, limits))
    process.start()
    theirs.close()
    try:
        if not ours.poll(limits["seconds"]):
            return "✗", f"it ran for more than {limits['seconds']} seconds and was stopped: does a loop never end?"
        mark, text = json.loads(ours.recv_bytes(100_000))
        return str(mark), str(text)
    except (EOFError, OSError, ValueError):
        return "✗", "it ended the whole process."
    finally:
        process.kill()
        process.join()


def tell(to: Connection, module: str, asked: Asked, steps: list[Step], limits: dict[str, int]) -> None:
    """Judge an exercise with no more than the memory and the files allowed, as far as the system can see to that."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (limits["files"], limits["files"]))
        resource.setrlimit(resource.RLIMIT_DATA, (limits["memory"], limits["memory"]))
    to.send_bytes(json.dumps(judge(module, asked, steps)).encode())


def judge(module: str, asked: Asked, steps: list[Step]) -> tuple[str, str]:
    """Execute what an exercise needs and ask its check, which must still refuse what is certainly wrong."""
    exercise = getattr(importlib.import_module(module), asked.exercise)
    type(exercise).chosen = lambda self, answer: answer  # decided already
    exercise.draw = None
    getattr(exercise, "expected", None)  # worked out before a student's code runs
    before = dict(vars(exercise))
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for each in steps:
        wrong = run(each, namespace)
        if wrong and each.cell == asked.stub:
            return "✗", wrong
    answer = namespace.get(asked.answer)
    if answer is exercise.right:
        return "✗", "this is the check's own answer, handed back."
    found = exercise.verdict(answer)
    changed = any(vars(exercise).get(name) is not value for name, value in before.items())
    if found.mark == "✓" and (changed or exercise.verdict(lambda *arguments: None).mark == "✓"):
        return "✗", "it changes the check itself: look at the code."
    return found.mark, found.text


def run(each: Step, namespace: dict[str, Any]) -> str | None:
    """Execute a step; returns one sentence where it cannot be, or stops."""
    from bigmodel.check.engine import readers_line

    file = f"<{each.cell}>"
    linecache.cache[file] = (len(each.code), None, each.code.splitlines(keepends=True), file)
    try:
        exec(compile(each.code, file, "exec"), namespace)
    except SyntaxError as error:
        return f"the cell is not Python: {error.msg}, in the line `{(error.text or '').strip()[:80]}`."
    except (Exception, SystemExit) as error:
        line = readers_line(error)
        return f"the cell stopped with {type(error).__name__}: {str(error)[:200]}{f', in `{line}`' if line else ''}."
    return None


if __name__ == "__main__":
    main()
