"""What each word of ``python -m bigmodel`` does; every function returns the exit status, None for 0.

The docstrings are what ``--help`` says.
Only the standard library is imported at the top: parts of this run before anything is installed.
"""

import os
import sys
import time
from argparse import Namespace
from pathlib import Path

from bigmodel.lab import course, environment


def lab(options: Namespace) -> int:
    """Open the course in JupyterLab, on your own copy."""
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
    """Say which exercises you have solved, and where you left off."""
    from bigmodel.lab import way

    print(way.as_text(way.lessons(course.COPIES)))


def test(options: Namespace) -> int:
    """Run the whole test suite, notebooks included; words that follow are given to pytest."""
    os.chdir(environment.ROOT)
    return environment.call([sys.executable, "-m", "pytest", *options.words])


def bench(options: Namespace) -> int:
    """Measure speed beside what others offer: tables and pictures, in about 17 minutes, or only the parts named."""
    tests = environment.ROOT / "tests"
    if not (tests / "benchmarks").exists():
        raise ValueError(f"there are no benchmarks in {environment.ROOT}: clone the whole repository.")
    os.environ["PYTHONPATH"] = str(tests)
    return environment.call([sys.executable, "-m", "benchmarks", *options.words])


def run(options: Namespace) -> int:
    """Execute a notebook (your copy, or the original where you have none) and write it as a page of HTML."""
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
    """Make a site of the notebooks as they were executed last; it opens from the disk, without a network."""
    from bigmodel.lab import book

    start = time.monotonic()
    first = book.build(options.to.expanduser(), repository=options.repository)
    print(f"The book, {time.monotonic() - start:.0f} s: {first}")


def reset(options: Namespace) -> None:
    """Bring a notebook of yours back to the original; what you had is kept under another name."""
    copy, kept = course.reset(options.notebook)
    print(f"{copy} is the original again." + (f" What you had: {kept}" if kept else ""))


def regenerate(options: Namespace) -> int:
    """For authors: execute notebooks as the tests do, write them in canonical form, and update figures/."""
    from bigmodel.lab import execution

    status = 0
    for path in [course.find(name) for name in options.notebooks] or course.every_notebook():
        start = time.monotonic()
        changed, failure = execution.regenerate(path)
        result = failure or ("rewritten" if changed else "unchanged")
        print(f"{path.stem}: {result}, {time.monotonic() - start:.1f} s", flush=True)
        status = 1 if failure else status
    return status


def colab(options: Namespace) -> None:
    """For authors: write the notebooks as Colab opens them, below a cell that installs the package."""
    from bigmodel.lab.colab import write_editions

    written = write_editions(options.repository, options.to)
    print(f"{len(written)} notebooks and a page of links: {options.to}")


def grade(options: Namespace) -> None:
    """For teachers: judge a class's notebooks, each shut off in a process of its own; write a table and a page."""
    from bigmodel.lab import grade, isolation

    folder, start = options.folder.resolve(), time.monotonic()
    if not folder.is_dir():
        raise ValueError(f"there is no folder {options.folder}: give the one in which the students' notebooks lie.")
    found, ignored = grade.find_notebooks(folder)
    if not found:
        raise ValueError(f"{options.folder} holds no notebook of this course: give the folder of the students'.")
    shut = isolation.isolates()
    if not shut and not options.trust and not trusted():
        return
    graded = grade.judge_all(found, folder, options.seconds, shut)
    course.write(options.to / "grades.csv", grade.as_csv(graded))
    course.write(options.to / "grades.html", grade.as_page(graded, ignored, folder.name, shut))
    for line in ignored:
        print(f"ignored: {line}")
    print(f"{time.monotonic() - start:.0f} s: {options.to / 'grades.csv'} and {options.to / 'grades.html'}")


def trusted() -> bool:
    """Ask whether strangers' code may run that nothing shuts off.

    Raises:
        ValueError: nobody is there to be asked.
    """
    warning = ("The notebooks are strangers' code, and nothing here can shut it off (on Linux, bubblewrap can: install "
               "it): it would run with your rights, and could read and delete your files.")  # fmt: skip
    if not sys.stdin.isatty():
        raise ValueError(f"{warning} To run it all the same: --trust.")
    return input(f"{warning} Run it all the same? yes or no: ").strip().lower() == "yes"


def edition(options: Namespace) -> None:
    """For teachers: write notebooks to hand out, without the solutions, or with them."""
    every = course.originals() if options.solutions else course.every_page()
    for path in [course.find(name) for name in options.notebooks] or every:
        text = path.read_text(encoding="utf-8") if options.solutions else course.learners_edition(path)
        target = options.to / (f"{path.stem}_solutions.ipynb" if options.solutions else path.name)
        course.write(target, text)
        print(target)


def slides(options: Namespace) -> None:
    """For teachers: write a notebook as slides, one page without a network, with what to say from its plan."""
    from bigmodel.lab import slides

    original = course.find(options.notebook)
    page = options.to or Path(f"{original.stem}_slides.html")
    number = slides.write_slides(original, page)
    print(f"{number} slides: {page}")


def pretrain(options: Namespace) -> int:
    """Pretrain a model on text; the same command continues where it was stopped."""
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
    """Talk with a model that was taught to answer, such as that of notebook 12."""
    environment.share_cores()
    from bigmodel.lab import chat

    chat.chat(options)
