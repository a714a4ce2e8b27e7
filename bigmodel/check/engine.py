"""The engine of all graders: from an answer to one verdict in words.

An exercise is its right answer, decorated with the inputs to try and with the wrong answers that people write, each
under the sentence that says what is wrong with it:

    @exercise(
        hints=("A question?", "The idea.", "Nearly the code."),
        why="One sentence on why it matters.",
        cases=[(3, 2), (5, 4)],
        wrong={"that is the sum: multiply": lambda a, b: a + b},
    )
    def product(a, b):
        return a * b

``check.product(mine)`` runs both on the same inputs. A sentence of ``wrong`` is said only where the answer agrees
with that mistake on *every* case; otherwise the verdict gives the input, both values, and what is certain about them.

1. Every wrong answer is a function of the same arguments as the right one (called by position; names are shown). A
   sentence begins small, ends without a full stop, and is said after "for a = 3 and b = 2 your answer is 5, expected
   6: ". Eight mistakes are enough, each with its own sentence: what is certain of any answer (rounded, one more than
   expected, an argument not used …) the engine finds by itself (``Compared.cause``, and ``certain`` in values.py).
2. Cases differ in every argument, the most telling first: the first that goes wrong is shown. Numbers of which each
   wrong way gives another result; a case that a rounded, clamped or overflowing answer misses. A case may be a
   function that makes the arguments anew, where they cannot be copied (a generator, a model).
3. Where the answer is not simply a function to call (a stream, a model to train), ``drive(answer, *case)`` uses it and
   returns what is to be compared: chunks given out, or a dictionary of what a step left behind, whose keys are read
   out, {"the loss that you return": …, **model.state_dict()}. A case is then what ``drive`` takes.
4. ``given(*arguments)`` words an input, ``shown(value, expected, *arguments)`` a difference, where the default does
   not read well; ``draw(value, expected)`` draws both. None of them may give the answer away.
5. Where many answers are right (vectors to choose, one of four names), write ``@examined(right=…, wrong={…})`` over a
   function from the answer to a sentence or None; the answer that it gets is already guarded. A class of layers is
   `bigmodel.check.building`.

The law (tests/test_check.py) then demands, of every exercise: the right answer and ``also_right`` pass; each wrong one
gets its own sentence and no two agree on all cases; ``refused`` get ✗; an argument frozen at its first value is
refused; so are None, an argument changed in place, and mutants of the right answer made by machine, unless ``equal``
says, by the mutated line, why it is the same.
"""

import copy
import ctypes
import inspect
import linecache
import sysconfig
import textwrap
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bigmodel.check.cells import explain_absent_answers, syntax_error_before
from bigmodel.check.progress import remember
from bigmodel.check.solutions import solution_of
from bigmodel.check.speech import Verdict, running_shell, say
from bigmodel.check.values import certain, cut, described, differing, listed, plain, same, unlike, written

Function = Callable[..., Any]
PACKAGE = str(Path(__file__).parents[1])
OURS = 60.0  # seconds for the right answer and the known mistakes
NOT_THE_READERS = (PACKAGE, "<frozen", *(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")))
ALTERED: dict[str, Function] = {
    "{name} + 1": lambda x: x + 1, "{name} − 1": lambda x: x - 1, "1 / {name}": lambda x: 1 / x
}  # fmt: skip
explain_absent_answers(running_shell())


class Untried(Exception):
    """The stub is as it was."""


class Refused(Exception):
    """What stopped an answer, as a whole sentence."""


class TooLong(BaseException):
    """Raised in the reader's code when its time is up; no Exception, so that ``except Exception`` lets it through."""


def in_time(function: Callable[[], Any], seconds: float) -> Any:
    """Call a function in this thread and raise TooLong in it after so many seconds.

    A watcher asks the interpreter to raise it here, which ends ``while True: pass`` on every system and in a kernel's
    main thread; signals do not exist on Windows, and are ignored under nohup. One call of a library is not cut short.
    It asks again every half second, in case a bare ``except:`` swallowed it.
    """
    raise_in, here, done = ctypes.pythonapi.PyThreadState_SetAsyncExc, threading.get_ident(), threading.Event()

    def watch() -> None:
        wait = seconds
        while not done.wait(wait):
            raise_in(ctypes.c_ulong(here), ctypes.py_object(TooLong))
            wait = 0.5

    watcher = threading.Thread(target=watch, daemon=True)
    try:
        watcher.start()  # on a busy machine the time may be up before this returns
        try:
            return function()
        finally:
            done.set()
            watcher.join()
            raise_in(ctypes.c_ulong(here), None)  # asked for, and not raised yet
    except TooLong:  # perhaps raised in the lines around the call
        done.set()
        watcher.join()
        raise


def readers_line(error: BaseException, drive: Function | None = None) -> str:
    """The last line of the reader's own code that an error came through; empty where there is none."""
    line, step = "", error.__traceback__
    while step is not None:
        file = step.tb_frame.f_code.co_filename
        if not file.startswith(NOT_THE_READERS) and step.tb_frame.f_code is not getattr(drive, "__code__", None):
            line = textwrap.shorten(linecache.getline(file, step.tb_lineno), 90, placeholder=" …") or "?"
        step = step.tb_next
    return line


def is_untouched(error: BaseException | None) -> bool:
    """Whether this is the stub's own ``raise NotImplementedError``, and not torch's, which comes with a message."""
    return type(error) is NotImplementedError and not error.args and bool(readers_line(error))


class Exercise:
    """What every exercise can do: check an answer, give hints, show a solution, choose whose is used later on."""

    def __init__(
        self, right: Any, hints: Sequence[str], why: str, *, wrong: Mapping[str, Function], seconds: float = 10.0,
        also_right: Sequence[Function] = (), refused: Sequence[Function] = (), equal: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.right, self.hints, self.why, self.wrong, self.seconds = right, tuple(hints), why, wrong, seconds
        self.also_right, self.refused, self.equal = also_right, refused, equal or {}
        self.name, self.notebook = right.__name__, right.__module__.rpartition(".")[2]
        self.__doc__ = right.__doc__
        self.asked = 0

    def __call__(self, answer: Any) -> None:
        """Say what is right or wrong about an answer."""
        if syntax_error_before():
            Verdict("✗", say("syntax")).show()
            return
        verdict = self.verdict(answer)
        remember(self.notebook, self.name, tries=bool(verdict.mark), solved_now=verdict.mark == "✓")
        verdict.show()

    def verdict(self, answer: Any) -> Verdict:
        """Find out what is right or wrong about an answer."""
        if not callable(answer):
            return Verdict("✗", say("value", name=self.name, kind=described(answer)))
        try:
            wrong = self.examine(answer)
        except Untried:
            return Verdict("", say("untried", name=self.name))
        except Refused as refused:
            wrong = str(refused)
        except Exception as error:  # in the check itself: nobody's mistake but ours
            wrong = say("ours to mend", error=type(error).__name__, text=error)
        return Verdict("✗", wrong) if wrong else Verdict("✓", say(self.why))

    def hint(self) -> None:
        """Give the next of three hints: a question, the idea, nearly the code."""
        self.asked = min(self.asked + 1, len(self.hints))
        remember(self.notebook, self.name, hints=self.asked)
        Verdict(f"{self.asked}/{len(self.hints)}", say(self.hints[self.asked - 1])).show()

    def solution(self) -> None:
        """Show a solution."""
        print(solution_of(self.notebook, self.name, self.right) or say("no solution", name=self.name))

    def chosen(self, answer: Any) -> Any:
        """Return the answer if it is right and the package's own if not, and say which: for what comes later."""
        passed = answer is not self.right and self.verdict(answer).mark == "✓"  # ours already, if the cell ran before
        print(say("chosen", name=self.name, whose=say("yours" if passed else "ours")))
        return answer if passed else self.right

    def examine(self, answer: Function) -> str | None:
        """Return what is wrong with an answer, or None."""
        raise NotImplementedError

    def given(self, arguments: Sequence[Any]) -> str:
        """How an input reads: for T = 5 and w = 3; what would be long is cut off."""
        room = max(36, 90 // max(1, len(arguments)))
        texts = [(name, cut(written(value), room)) for name, value in zip(self.names, arguments, strict=False)]
        both = [f"{name} {text}" if text.startswith("of shape") else f"{name} = {text}" for name, text in texts]
        return f"for {listed(both)} " if both else ""

    @cached_property
    def takes(self) -> list[str]:
        """The names of the right answer's arguments."""
        return list(inspect.signature(self.right).parameters)

    @property
    def names(self) -> list[str]:
        """The names of what a case is made of."""
        return self.takes

    def stopped(self, error: BaseException, given: str) -> str:
        """A sentence about an answer that ended in an error."""
        if isinstance(error, TooLong):
            return say("too long", given=given, seconds=self.seconds)
        if is_untouched(error):
            return say("unfinished", given=given)
        if isinstance(error, Unusable):
            value, error = error.args
            return say("unusable", given=given, value=described(value), error=f"{type(error).__name__}: {error}")
        message = textwrap.shorten(str(error), 200, placeholder=" …").rstrip(".")
        words = ": ".join(filter(None, [type(error).__name__, message]))
        text, line = say("error", given=given, error=words), readers_line(error)
        if isinstance(error, TypeError) and not line and self.takes:
            text += say("arguments", count=len(self.takes), names=listed(self.takes))
        return f"{text}{say('line', line=line) if line not in ('', '?') else ''}."


@dataclass
class Outcome:
    """What came of one case: a value or an error, and which arguments were changed in place."""

    value: Any = None
    error: BaseException | None = None
    changed: tuple[str, ...] = ()


class Unusable(Exception):
    """What an answer returned could not be used as it was asked for."""


class Watched:
    """An answer, and what came of its last call: to tell the reader's errors from those of the check."""

    def __init__(self, answer: Function) -> None:
        self.answer, self.running, self.value = answer, False, None

    def __call__(self, *arguments: Any) -> Any:
        """Call the answer."""
        self.running = True
        self.value = self.answer(*arguments)
        self.running = False
        return self.value


class Compared(Exercise):
    """An exercise whose right answer is known: the same inputs for both."""

    def __init__(
        self, right: Any, *, cases: Sequence[Any], drive: Function | None = None, given: Function | None = None,
        shown: Function | None = None, draw: Callable[[Any, Any], Any] | None = None, tolerance: float = 1e-5,
        **more: Any,
    ) -> None:  # fmt: skip
        """Take what `exercise` takes."""
        super().__init__(right, **more)
        self.cases, self.drive, self.words, self.shown, self.draw = cases, drive, given, shown, draw
        self.tolerance = tolerance

    def given(self, arguments: Sequence[Any]) -> str:
        """How an input reads."""
        return f"{self.words(*arguments)} " if self.words else super().given(arguments)

    @cached_property
    def names(self) -> list[str]:
        """The names of what a case is made of: the answer's arguments, or those of ``drive`` after the answer."""
        own = list(inspect.signature(self.drive).parameters.values())[1:] if self.drive else []
        plainly = any(each.kind is each.VAR_POSITIONAL for each in own) or not self.drive
        return self.takes if plainly else [each.name for each in own]

    def arguments(self, case: int) -> tuple[Any, ...]:
        """The arguments of a case, made anew."""
        made = self.cases[case]
        return made() if callable(made) else copy.deepcopy(made)

    def run(self, answer: Function, case: int, seconds: float) -> Outcome:
        """Let an answer do one case."""
        arguments, kept = self.arguments(case), self.arguments(case)
        watched = Watched(answer)
        try:
            use = partial(self.drive, watched) if self.drive else watched
            value = in_time(lambda: use(*arguments), seconds)
        except (Exception, SystemExit, TooLong) as error:
            outside = not (watched.running or readers_line(error, self.drive) or isinstance(error, TooLong))
            if outside and watched.value is None:
                return Outcome()  # it returned nothing, and that is what will be said
            return Outcome(error=Unusable(watched.value, error) if outside else error)
        pairs = zip(self.names, arguments, kept, strict=False)
        changed = [name for name, a, b in pairs if not same(plain(a), plain(b), 0) and self.comparable[name]]
        return Outcome(value, changed=tuple(changed))

    def outcomes(self, answer: Function, seconds: float = OURS) -> list[Outcome]:
        """Let an answer do every case, up to one that takes too long."""
        found: list[Outcome] = []
        for case in range(len(self.cases)):
            found.append(self.run(answer, case, seconds))
            if isinstance(found[-1].error, TooLong):
                break
        return found

    @cached_property
    def comparable(self) -> dict[str, bool]:
        """Whether an argument made twice is equal: of others, such as generators, nobody sees that they changed."""
        twice = zip(self.names, self.arguments(0), self.arguments(0), strict=False)
        return {name: same(plain(a), plain(b), 0) for name, a, b in twice}

    @cached_property
    def expected(self) -> list[Outcome]:
        """What the right answer makes of every case."""
        found = self.outcomes(self.right)
        for outcome in found:
            if outcome.error is not None:
                raise outcome.error  # the exercise itself is broken
        return found

    @cached_property
    def known(self) -> dict[str, list[Outcome]]:
        """What each known mistake makes of every case."""
        return {sentence: self.outcomes(mistaken) for sentence, mistaken in self.wrong.items()}

    def agree(self, found: Sequence[Outcome], others: Sequence[Outcome]) -> bool:
        """Whether two answers come to the same on every case."""
        return len(found) == len(others) and all(
            type(a.error) is type(b.error) and same(plain(a.value), plain(b.value), self.tolerance)
            for a, b in zip(found, others, strict=True)
        )

    def is_right(self, found: Outcome, expected: Outcome) -> bool:
        """Whether an outcome is the expected one, in kind and in value."""
        if found.error is not None or unlike(found.value, expected.value, ""):
            return False
        coarse = getattr(found.value, "dtype", None) in (torch.float16, torch.bfloat16, np.float16)
        return same(plain(found.value), plain(expected.value), max(self.tolerance, 0.01 if coarse else 0))

    def examine(self, answer: Function) -> str | None:
        """Return what is wrong with an answer, or None."""
        found = self.outcomes(answer, self.seconds)
        if is_untouched(found[0].error):
            raise Untried
        wrong = (case for case, outcome in enumerate(found) if not self.is_right(outcome, self.expected[case]))
        case = next(wrong, None)
        if case is not None:
            return self.difference(answer, found, case)
        for case, outcome in enumerate(found):
            if outcome.changed:
                return say("in place", given=self.given(self.arguments(case)), names=outcome.changed[0])
        return None

    def difference(self, answer: Function, found: list[Outcome], case: int) -> str:
        """Say what is wrong with an answer that went wrong in a case."""
        outcome, expected, arguments = found[case], self.expected[case], self.arguments(case)
        given = self.given(arguments)
        sentence = next((said for said, others in self.known.items() if self.agree(found, others)), None)
        if outcome.error is not None:
            text, cause = self.stopped(outcome.error, given), None
        elif outcome.changed and sentence is None:
            return say("in place", given=given, names=outcome.changed[0])
        elif outcome.value is None and any(each.value is None for each in self.expected):  # None, not no return
            text, cause = say("kind", given=given, value=described(None), expected=described(expected.value)), None
        elif (odd := unlike(outcome.value, expected.value, given)) is not None:
            text, cause = odd, certain(self.pairs(found), case)
        else:
            tell = self.shown or (lambda value, expected, *_: differing(value, expected, given))
            text = tell(outcome.value, expected.value, *arguments)
            if self.draw is not None:
                with suppress(Exception):  # a picture less; what is wrong is said anyway
                    self.draw(outcome.value, expected.value)
            cause = sentence or self.cause(answer, found, case)
        sentence = sentence or cause
        text = text.removesuffix(".") if sentence else text
        return f"{text}: {say(sentence)}." if sentence else text if text.endswith((".", "?")) else f"{text}."

    def cause(self, answer: Function, found: list[Outcome], case: int) -> str | None:
        """What can be said for certain about an answer that nobody foresaw; None if nothing can."""
        begun = time.monotonic()
        for _ in range(9):
            if not self.agree([self.run(answer, case, self.seconds)], [found[case]]):
                return say("chance")
            if time.monotonic() - begun > 1:
                break
        if len(found) > 1 and all(self.agree([found[0]], [other]) for other in found[1:]):
            return say("constant")
        back = next((say("given back", name=name) for name in self.names if self.is_given_back(found, name)), None)
        return self.altered(found) or certain(self.pairs(found), case) or back

    def pairs(self, found: list[Outcome]) -> list[tuple[Any, Any]]:
        """What came and what was expected, of each case."""
        return [(one.value, other.value) for one, other in zip(found, self.expected, strict=False)]

    def is_given_back(self, found: list[Outcome], name: str) -> bool:
        """Whether the answer is an argument as it was given, in every case."""
        place = self.names.index(name)
        return len(found) > 1 and all(
            same(plain(outcome.value), plain(self.arguments(case)[place])) for case, outcome in enumerate(found)
        )

    def altered(self, found: list[Outcome]) -> str | None:
        """A sentence about an argument that is not used, or used one off, if the answer is right but for that."""
        every = [self.arguments(case) for case in range(len(self.cases))] if self.names == self.takes else []
        for place, name in enumerate(self.names):
            values = [arguments[place] for arguments in every if place < len(arguments)]
            for value in values:
                if self.agree(found, self.outcomes(self.changing(place, lambda _, value=value: copy.deepcopy(value)))):
                    short = isinstance(value, (int, float, str))
                    return say("frozen" if short else "unused", name=name, value=written(value))
            if {type(value) for value in values} <= {int, float}:
                for how, change in ALTERED.items():
                    if values and self.agree(found, self.outcomes(self.changing(place, change))):
                        return say("altered", how=how.format(name=name))
        return None

    def changing(self, place: int, change: Function) -> Function:
        """The right answer, but for an argument that is changed."""
        return lambda *a: self.right(*a[:place], change(a[place]), *a[place + 1 :])


class Examined(Exercise):
    """An exercise with many right answers: a function from the answer to what is wrong with it, or None."""

    def __init__(self, look: Callable[[Function], str | None], *, right: Function, **more: Any) -> None:
        """Take what `examined` takes."""
        super().__init__(look, **more)
        self.look, self.right = look, right

    def examine(self, answer: Function) -> str | None:
        """Return what is wrong with an answer, or None."""
        return self.look(lambda *arguments: self.guarded(answer, arguments))

    def guarded(self, answer: Function, arguments: tuple[Any, ...]) -> Any:
        """Call the answer; what stops it ends the check with a sentence."""
        given, kept = self.given(arguments), copy.deepcopy(arguments)
        try:
            value = in_time(lambda: answer(*arguments), self.seconds)
        except (Exception, SystemExit, TooLong) as error:
            if is_untouched(error):
                raise Untried from None
            raise Refused(self.stopped(error, given)) from None
        if value is None:
            raise Refused(say("nothing", given=given))
        for name, before, after in zip(self.names, kept, arguments, strict=False):
            if not same(plain(after), plain(before), 0):
                raise Refused(say("in place", given=given, names=name))
        return value


def exercise(**settings: Any) -> Callable[[Function], Compared]:
    """Make an exercise of a right answer, see above.

    Args:
        hints: three: a question, the idea, nearly the code.
        why: what to say to a reader whose answer is right: one sentence on why it matters.
        cases: the arguments to try, the most telling first; a function makes them anew.
        wrong: sentence → the wrong answer that it explains.
        also_right, refused, equal: for the law: other right ways, answers that must be refused, and mutants of the
            right answer (the mutated line → why it is the same).
        drive: (answer, *arguments) → what is compared, by default the answer's value.
        given: (*arguments) → how an input reads.
        shown: (value, expected, *arguments) → how a difference reads.
        draw: (value, expected) → a picture of both.
        tolerance: how far numbers may lie apart, relatively.
        seconds: how long one call may take.
    """
    return lambda right: Compared(right, **settings)


def examined(**settings: Any) -> Callable[[Callable[[Function], str | None]], Examined]:
    """Make an exercise of a function from the answer to what is wrong with it; takes a ``right`` one for the law."""
    return lambda look: Examined(look, **settings)
