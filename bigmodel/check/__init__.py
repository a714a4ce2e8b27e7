"""The exercises' graders: hand one your function, and it says what is right, or what is wrong, with an example.

One module a notebook: ``from bigmodel.check import loss_math as check``. ``check.softmax(softmax)`` prints one
verdict: not tried yet; wrong, with a counter-example; or ✓, with the reason why it matters. ``check.softmax.hint()``
gives the next of three hints, ``check.softmax.solution()`` shows a solution.
"""
