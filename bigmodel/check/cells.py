"""What a check says when the cell that should have defined the answer did not: one sentence, no second traceback."""

import linecache
import re
from types import TracebackType
from typing import Any

from bigmodel.check.speech import Verdict, running_shell, say


def syntax_error_before() -> bool:
    """Whether the cell that ran before this one did not even begin, so that an answer in it is the old one."""
    before = getattr(running_shell(), "last_execution_result", None)
    return isinstance(getattr(before, "error_before_exec", None), SyntaxError)


def explain_absent_answers(shell: Any) -> None:
    """Have an IPython answer a check of a name that does not exist with a sentence; other errors look as ever."""
    if shell is not None:
        shell.set_custom_exc((NameError,), on_name_error)


def on_name_error(
    shell: Any, kind: type[NameError], error: NameError, trace: TracebackType, tb_offset: int | None = None
) -> None:
    """Show what a NameError means: a sentence where it comes from a check's own line, the traceback elsewhere."""
    while trace.tb_next is not None:
        trace = trace.tb_next
    line = linecache.getline(trace.tb_frame.f_code.co_filename, trace.tb_lineno)
    if trace.tb_frame.f_code.co_name == "<module>" and re.search(rf"check\.\w+(\.chosen)?\({error.name}\b", line):
        Verdict("✗", say("syntax") if syntax_error_before() else say("absent", name=error.name)).show()
    else:
        shell.showtraceback((kind, error, error.__traceback__), tb_offset=tb_offset)
