"""bigmodel beside what a reader would pick instead, measured: ``python -m bigmodel bench``.

One module a part. Every comparison is made in one run, its cases taking turns, so that what else the machine does
meets all of them alike; a figure is the median of the turns, with the quartiles around it. These are no tests:
pytest collects none of this, and tests/test_benchmarks.py holds the harness to its word on tiny sizes.
"""
