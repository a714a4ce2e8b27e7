"""bigmodel: a course that takes a reader from nothing to an understood language-model decoder.

The notebooks teach; this package holds what more than one of them needs. Import what you need from
its modules: ``from bigmodel.model import BigModel``.
"""

__version__ = "0.1.0"
