"""What the engine itself says, in one table, and how a verdict looks in a notebook and in a terminal.

The sentences of the exercises stand with them: hints, why, and the keys of ``wrong``. Every sentence goes through
`say`, so that another language is one table, English → that language.
"""

import html
import re
import sys
import textwrap
from dataclasses import dataclass
from typing import Any

from bigmodel.display import is_static

SAY = {
    "untried": "Not tried yet. For a hint: check.{name}.hint()",
    "syntax": "The cell before this one has a syntax error, so nothing in it was run: mend it, run it, then this one.",
    "absent": "There is no `{name}` yet: run the cell that defines it, then this one.",
    "value": "check.{name} got {kind}: hand over the function itself, check.{name}(your_function), without calling it.",
    "error": "{given}your function stopped with {error}",
    "unusable": "{given}your function returned {value}, which cannot be used as it is asked for ({error}).",
    "line": ", in the line `{line}`",
    "unfinished": "{given}your function still says raise NotImplementedError.",
    "arguments": "; it is called with {count}: {names}",
    "too long": "{given}your function ran for more than {seconds:g} seconds and was stopped: does a loop never end?",
    "in place": "{given}your function changed `{names}` itself, which is still needed: make a new one. Names that end "
    "in _, as add_, +=, sort() and assignments to `{names}[…]` change what they are given.",
    "nothing": "{given}your function returned nothing: end it with `return`.",
    "kind": "{given}your function returned {value}, expected {expected}.",
    "shape": "{given}your answer has the shape {value}, expected {expected}.",
    "number of": "{given}your answer has {value} items, expected {expected}.",
    "item": "{given}at place {place} of your answer is {value}, expected {expected}",
    "no key": "{given}your answer has no key {name}.",
    "more keys": "{given}your answer has a key {name}, which is not expected.",
    "dtype": "{given}your answer holds {value}, expected {expected}.",
    "values": "{given}your answer is {value}, expected {expected}",
    "row": "{given}row {row} of your answer is {value}, expected {expected}",
    "part": "{given}{part} is {value}, expected {expected}",
    # What can be said for certain about an answer that nobody foresaw.
    "constant": "your answer is the same for every input",
    "chance": "asked again, with the same input, it gave another answer: something is drawn by chance or remembered",
    "frozen": "`{name}` seems to be {value} whatever is given: use the argument",
    "unused": "it does not depend on `{name}`: use the argument",
    "altered": "it is what is expected for {how}",
    "given back": "that is `{name}` as it was given",
    "rounded": "that is the expected value, rounded: do not round",
    "nan": "nan means not a number: ∞ − ∞, 0/0 or 0 · ∞",
    "sign": "the sign is turned",
    "order": "the right values, in another order",
    "transposed": "rows and columns are exchanged",
    "more": "each time it is {value} more than expected",
    "less": "each time it is {value} less than expected",
    "times": "each time it is {value} times what is expected",
    "made": "it is {how} what is expected",
    "shape only": "the right numbers in another shape",
    "no last": "it is what is expected without the last",
    "no first": "it is what is expected without the first",
    "ours to mend": "this check does not know what to make of your answer ({error}: {text}). That is a fault of the "
    "check, not yours.",
    "no solution": "There is no written solution of {name}.",
    "chosen": "In what follows, {name} is {whose}.",
    "yours": "yours",
    "ours": "the package's, as yours has not passed yet",
    # Building
    "not a module": "{given}your class made {value}, expected an nn.Module.",
    "parameters": "{given}your module's parameters are not those expected: missing {missing}; too many {more}. Every "
    "layer is to be an attribute, set in __init__ after super().__init__().",
    "name": "{given}your module has no {expected}, of that name and of the shape expected: weights will be carried "
    "over by name, so give its parts the names that the exercise asks for.",
    "in place inside": "{given}the outputs are right, but there is no gradient: something was changed in place that it "
    "still needs. Write x = x + …, not x += …",
    "no gradient": "{given}the outputs are right, but no gradient reaches {value}: is something detached, turned "
    "into numbers, or computed under no_grad?",
    "gradients": "{given}the outputs are right, the gradients are not, that of {value} first: is something detached?",
    "causality": "{given}position {early} changes when only position {late} is changed: it looks ahead.",
}


def say(key: str, **values: Any) -> str:
    """A sentence of the table, or a sentence that stands with an exercise, filled in."""
    sentence = SAY.get(key, key)
    return sentence.format(**values) if values else sentence


@dataclass(frozen=True)
class Verdict:
    """What a check found: ``mark`` is ✓, ✗ or empty, for an exercise that was not tried yet."""

    mark: str
    text: str

    def __repr__(self) -> str:
        return textwrap.fill(f"{self.mark} {self.text}".strip(), 100, break_long_words=False, break_on_hyphens=False)

    def _repr_html_(self) -> str:
        colour = {"✓": "#009e73", "✗": "#d55e00"}.get(self.mark, "#8a8a8a")  # 3.4 : 1 and more on white and on black
        text = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(self.text, quote=False))
        return (
            f'<div style="max-width:46em; line-height:1.5; padding-left:.8em; border-left:4px solid {colour}; '
            f'overflow-wrap:anywhere"><b style="color:{colour}; font-size:1.2em">{self.mark}</b> {text}</div>'
        )

    def show(self) -> None:
        """In a notebook as a block that wraps; in a terminal, in tests and in print as plain text."""
        if is_static() or not in_notebook():
            print(self)
        else:
            from IPython.display import display

            display(self)


def in_notebook() -> bool:
    """Whether this runs in a kernel, whose screen can show more than text."""
    return getattr(running_shell(), "kernel", None) is not None


def running_shell() -> Any:
    """The IPython that runs this, or None."""
    return getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
