"""What each word of ``python -m bigmodel`` does; every function returns the exit status, None for 0.

Only the standard library is imported at the top: parts of this run before anything is installed.
"""

import os
import sys
import time
from argparse import Namespace
from pathlib import Path

from bigmodel.lab import course, environment

BENCHMARKS = ("loss", "minutes", "ingredients", "floor", "training", "sampling", "tokenizer", "course", "scaling")


def lab(options: Namespace) -> int:
    """Open JupyterLab on the start page, in the learner's copies, or on the first notebook among the originals."""
    from bigmodel.lab import jupyter, way

    notebooks = course.originals()
    if not notebooks:
        raise ValueError(f"there are no notebooks in {course.NOTEBOOKS}: clone the whole repository and start there.")
    page = notebooks[0]
    if not options.originals:
        for path in course.make_copies():
            print(f"Your copy: {path.parent.name}/{path.name}")
        page = course.COPIES / course.START
        way.refresh(page)
    environment.share_cores()
    command = jupyter.command(page, options.port, options.no_browser)
    print("Starting JupyterLab; press Ctrl-C here twice to stop it.", flush=True)
    return environment.call(command)


def progress(options: Namespace) -> None:
    """Print which exercises are solved, and what comes next."""
    from bigmodel.lab import way

    print(way.as_text(way.lessons(course.COPIES)))


def test(options: Namespace) -> int:
    """Run pytest at the root of the repository, as pyproject.toml configures it."""
    os.chdir(environment.ROOT)
    return environment.call([sys.executable, "-m", "pytest", *options.pytest])


def bench(options: Namespace) -> int:
    """Measure bigmodel beside its peers; the benchmarks are programs beside the tests, and no tests."""
    words = [*options.parts, "--folder", str(options.folder.expanduser().resolve())]
    if options.minutes or options.texts:
        if options.parts != ["minutes"]:
            raise ValueError("--minutes and --texts are for one part alone: add the word minutes, and no other.")
        words += ["--minutes", *map(str, options.minutes or [1.0])]
        words += ["--texts", *map(absolute, options.texts)] if options.texts else []
    if not (environment.ROOT / "tests" / "benchmarks").exists():
        raise ValueError(f"there are no benchmarks in {environment.ROOT}: clone the whole repository.")
    os.chdir(environment.ROOT / "tests")
    return environment.call([sys.executable, "-m", "benchmarks", *words])


def absolute(word: str) -> str:
    """A word for a text, from the root of the disk on if it names a file; a number may stand behind a colon."""
    return str(Path(word).absolute()) if Path(word.rpartition(":")[0] or word).exists() else word


def run(options: Namespace) -> int:
    """Execute one notebook and write its page, or list the notebooks."""
    if options.notebook is None:
        for path in course.originals():
            print(path.stem + ("   (you have a copy)" if (course.COPIES / path.name).exists() else ""))
        return 0
    from bigmodel.lab import execution

    environment.share_cores()
    start = time.monotonic()
    notebook, page, failure = execution.run(options.notebook, options.to)
    kind = "your copy" if notebook.parent == course.COPIES else "the original"
    print(f"{notebook.stem} ({kind}), {time.monotonic() - start:.0f} s: {page}")
    if failure:
        print(f"{notebook.stem}: {failure}", file=sys.stderr)
    return 1 if failure else 0


def book(options: Namespace) -> None:
    """Make the book of the executed notebooks."""
    from bigmodel.lab import book

    start, folder = time.monotonic(), options.to.expanduser()
    first = book.build(folder, repository=options.repository or book.repository_of(environment.ROOT))
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"The book, {size / 1e6:.0f} MB, {time.monotonic() - start:.0f} s: {first}")


def reset(options: Namespace) -> None:
    """Bring one notebook back."""
    copy, kept = course.reset(options.notebook)
    print(f"{copy} is the original again." + (f" What you had: {kept}" if kept else ""))


def regenerate(options: Namespace) -> int:
    """Execute notebooks and write them in canonical form."""
    from bigmodel.lab import execution

    paths = [course.find(name) for name in options.notebooks] or [
        *course.NOTEBOOKS.glob(course.START),
        *course.originals(),
    ]
    status = 0
    for path in paths:
        start = time.monotonic()
        changed, failure = execution.regenerate(path)
        result = failure or ("rewritten" if changed else "unchanged")
        print(f"{path.stem}: {result}, {time.monotonic() - start:.1f} s", flush=True)
        status = 1 if failure else status
    return status


def colab(options: Namespace) -> None:
    """Write the notebooks for Colab."""
    from bigmodel.lab.colab import write_editions

    written = write_editions(options.repository, options.to)
    print(f"{len(written)} notebooks and a page of links: {options.to}")


def grade(options: Namespace) -> None:
    """Judge a class's notebooks; strangers' code that cannot be shut off runs only if somebody says so."""
    from bigmodel.lab import grade, isolation

    if not options.folder.is_dir():
        raise ValueError(f"there is no folder {options.folder}: give the one in which the students' notebooks lie.")
    found, ignored = grade.find_notebooks(options.folder)
    if not found:
        raise ValueError(f"{options.folder} holds no notebook of this course: give the folder of the students'.")
    shut = isolation.isolates()
    if not shut and not options.trust:
        warning = ("the notebooks are strangers' code, and nothing here can shut it off (on Linux, bubblewrap can: "
                   "install it): it would run with your rights, and could read and delete your files")  # fmt: skip
        if not sys.stdin.isatty():
            raise ValueError(f"{warning}. To run it all the same: --trust.")
        if input(f"{warning[0].upper()}{warning[1:]}. Run it all the same? yes or no: ").strip().lower() != "yes":
            return
    limits = isolation.Limits(seconds=options.seconds, memory=int(options.gigabytes * 2**30))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    at_once = min(4, cores)
    start = time.monotonic()
    graded = grade.judge_all(found, options.folder.resolve(), limits, shut, at_once)
    course.write(options.to / "grades.csv", grade.as_csv(graded))
    course.write(options.to / "grades.html", grade.as_page(graded, ignored, options.folder.resolve().name, shut))
    for line in ignored:
        print(f"ignored: {line}")
    print(f"{time.monotonic() - start:.0f} s: {options.to / 'grades.csv'} and {options.to / 'grades.html'}")


def edition(options: Namespace) -> None:
    """Write notebooks to hand out."""
    every = course.originals() if options.solutions else course.every_page()
    for path in [course.find(name) for name in options.notebooks] or every:
        text = path.read_text(encoding="utf-8") if options.solutions else course.learners_edition(path)
        target = options.to / (f"{path.stem}_solutions.ipynb" if options.solutions else path.name)
        course.write(target, text)
        print(target)


def slides(options: Namespace) -> None:
    """Write a notebook as slides."""
    from bigmodel.lab import slides

    original = course.find(options.notebook)
    page = options.to or Path(f"{original.stem}_slides.html")
    number = slides.write_slides(original, page)
    print(f"{number} slides: {page}")


def pretrain(options: Namespace) -> int:
    """Pretrain a model on text."""
    environment.share_cores()
    began = time.perf_counter()
    from bigmodel.lab import pretrain as command  # torch takes its time, which is the reader's

    return command.pretrain(options, began)


def generate(options: Namespace) -> None:
    """Write text with a model that was pretrained."""
    environment.share_cores()
    from bigmodel.lab import generate as command

    command.generate(options)


def chat(options: Namespace) -> None:
    """Talk with a model that was taught to answer."""
    environment.share_cores()
    from bigmodel.lab import chat

    chat.chat(options)
