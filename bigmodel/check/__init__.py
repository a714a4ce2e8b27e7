"""The exercises' graders: hand one your function, and it says what is right, or what is wrong, with an example.

One module a notebook: ``from bigmodel.check import loss_math as check``. Each grader prints one verdict: not tried
yet, with a hint; wrong, with a counter-example; or ✓, with the reason why it matters.
"""

from bigmodel.check.grader import grader

__all__ = ["grader"]
