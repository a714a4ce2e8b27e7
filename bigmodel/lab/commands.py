"""What each word of ``python -m bigmodel`` does; every function returns the exit status, None for 0.

Only the standard library is imported at the top: parts of this run before anything is installed.
"""

import os
import sys
import time
from argparse import Namespace
from pathlib import Path

from bigmodel.lab import course, environment

BENCHMARKS = ("loss", "ingredients", "floor", "training", "sampling", "tokenizer", "course", "scaling")


def lab(options: Namespace) -> int:
    """Open JupyterLab on the first notebook, in the learner's copies or among the originals."""
    notebooks = course.originals()
    if not notebooks:
        raise ValueError(f"there are no notebooks in {course.NOTEBOOKS}: clone the whole repository and start there.")
    folder = course.NOTEBOOKS if options.originals else course.COPIES
    if not options.originals:
        for path in course.make_copies():
            print(f"Your copy: {path.parent.name}/{path.name}")
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder.parent}"]
    command += [f"--LabApp.default_url=/lab/tree/{folder.name}/{notebooks[0].name}", "--log-level=WARN"]
    # Lab would ask about news and look for updates; a course that works offline does neither.
    command += [f"--LabApp.app_settings_dir={Path(__file__).parent / 'jupyterlab'}"]
    command += ["--no-browser"] if options.no_browser else []
    command += [f"--ServerApp.port={options.port}"] if options.port else []
    command += ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    print("Starting JupyterLab; press Ctrl-C here twice to stop it.", flush=True)
    return environment.call(command)


def test(options: Namespace) -> int:
    """Run pytest at the root of the repository, as pyproject.toml configures it."""
    os.chdir(environment.ROOT)
    return environment.call([sys.executable, "-m", "pytest", *options.pytest])


def bench(options: Namespace) -> int:
    """Measure bigmodel beside its peers; the benchmarks are programs beside the tests, and no tests."""
    folder = options.folder.expanduser().resolve()
    if not (environment.ROOT / "tests" / "benchmarks").exists():
        raise ValueError(f"there are no benchmarks in {environment.ROOT}: clone the whole repository.")
    os.chdir(environment.ROOT / "tests")
    return environment.call([sys.executable, "-m", "benchmarks", *options.parts, "--folder", folder])


def run(options: Namespace) -> int:
    """Execute one notebook and write its page, or list the notebooks."""
    if options.notebook is None:
        for path in course.originals():
            print(path.stem + ("   (you have a copy)" if (course.COPIES / path.name).exists() else ""))
        return 0
    from bigmodel.lab import execution

    start = time.monotonic()
    notebook, page, failure = execution.run(options.notebook, options.to)
    kind = "your copy" if notebook.parent == course.COPIES else "the original"
    print(f"{notebook.stem} ({kind}), {time.monotonic() - start:.0f} s: {page}")
    if failure:
        print(f"{notebook.stem}: {failure}", file=sys.stderr)
    return 1 if failure else 0


def reset(options: Namespace) -> None:
    """Bring one notebook back."""
    copy, kept = course.reset(options.notebook)
    print(f"{copy} is the original again." + (f" What you had: {kept}" if kept else ""))


def regenerate(options: Namespace) -> int:
    """Execute notebooks and write them in canonical form."""
    from bigmodel.lab import execution

    paths = [course.find(name) for name in options.notebooks] or course.originals()
    status = 0
    for path in paths:
        start = time.monotonic()
        changed, failure = execution.regenerate(path)
        result = failure or ("rewritten" if changed else "unchanged")
        print(f"{path.stem}: {result}, {time.monotonic() - start:.1f} s", flush=True)
        status = 1 if failure else status
    return status


def pretrain(options: Namespace) -> int:
    """Pretrain a model on text."""
    from bigmodel.lab import models

    return models.pretrain(options)


def generate(options: Namespace) -> None:
    """Write text with a model that was pretrained."""
    from bigmodel.lab import models

    models.generate(options)


def chat(options: Namespace) -> None:
    """Talk with a model that was taught to answer."""
    from bigmodel.lab import chat

    chat.chat(options)
