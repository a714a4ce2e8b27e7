"""The words of ``python -m bigmodel``: what may be typed, and what is said when it makes no sense.

Standard library only: this runs before anything is installed.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from bigmodel import __version__
from bigmodel.lab import commands, environment
from bigmodel.lab.environment import BOOK, LEARNING, TESTING

PROGRAM = "python -m bigmodel"


class Parser(argparse.ArgumentParser):
    """argparse that answers wrong words with one line and exit status 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}. Try: {self.prog} --help\n")


def main(arguments: Sequence[str]) -> int:
    """Do what the words say and return the exit status: 0 done, 1 failed, 2 wrong input, 130 stopped."""
    for stream in (sys.stdout, sys.stderr):
        # UTF-8 whatever the system's habit, so that 中文 and ✓ reach pipes and files on Windows too.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    words = list(arguments)
    if not words or (words[0].startswith("-") and words[0] not in ("-h", "--help", "--version")):
        words = ["lab", *words]
    try:
        options = parse(words)
        for requirements in options.needs:
            if not environment.ready(requirements, options.exact):
                if not environment.inside_venv():
                    return environment.enter(arguments)
                environment.install(requirements)
        return int(options.do(options) or 0)
    except KeyboardInterrupt:
        print(f"\nStopped. {PROGRAM} {' '.join(words)} starts again.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output has seen enough
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
        return 0
    except (environment.SetupError, ValueError, OSError) as error:
        print(f"{PROGRAM} {words[0]}: {sentence(error)}", file=sys.stderr)
        return 2


def sentence(error: Exception) -> str:
    """An error as one sentence for the reader."""
    if isinstance(error, OSError) and error.strerror:
        names = [str(name) for name in (error.filename, error.filename2) if name]
        return f"{', '.join(names)}: {error.strerror}."
    return str(error)


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Understand the words; those after ``test`` are pytest's."""
    top = parser()
    if words[0] == "test" and not {"-h", "--help"} & set(words[1:]):
        return argparse.Namespace(**vars(top.parse_args(["test"])), pytest=list(words[1:]))
    options, unknown = top.parse_known_args(words)
    if unknown:
        prompt = options.command == "generate" and not unknown[0].startswith("-")
        advice = f": the text to continue is given as --prompt {unknown[0]!r}" if prompt else ""
        options.parser.error(f"unrecognized arguments: {' '.join(unknown)}{advice}")
    return options


def parser() -> Parser:
    """The parser of all commands."""
    top = Parser(
        prog=PROGRAM,
        usage=f"{PROGRAM} [command] [options]",
        description="The course's one command. Without words it opens the course in JupyterLab.",
        epilog=f"{PROGRAM} run --help explains a command, run for one. The first start installs what is needed.",
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"bigmodel {__version__}")
    group = top.add_subparsers(dest="command", metavar="command", required=True, title="commands", prog=PROGRAM)

    def command(
        name: str, do: Callable[[Any], int | None], text: str, *examples: str,
        needs: Sequence[Path] = (LEARNING,), exact: bool = False,
    ) -> Parser:  # fmt: skip
        made = group.add_parser(
            name, help=text, description=text, allow_abbrev=False,
            epilog="examples:\n" + "\n".join(f"  {PROGRAM} {example}".rstrip() for example in examples),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        made.set_defaults(do=do, needs=needs, exact=exact, parser=made)
        return made

    lab = command(
        "lab", commands.lab, "Open the course in JupyterLab, on your own copy.",
        "", "lab --port 9000", exact=True,
    ).add_argument  # fmt: skip
    lab("--no-browser", action="store_true", help="print the address instead of opening it")
    lab("--port", type=PORT, help="where JupyterLab listens (8888, or the next free one)")
    lab("--originals", action="store_true", help="for authors: work on notebooks/ itself")

    command(
        "progress", commands.progress, "Say which exercises you have solved, and where you left off.", "progress",
    )  # fmt: skip

    command(
        "test", commands.test,
        "Run the whole test suite, notebooks included; words that follow are given to pytest.",
        "test", "test notebooks/03_pretraining.ipynb", "test -k tokenizer",
        needs=(LEARNING, BOOK, TESTING), exact=True,
    )  # fmt: skip

    bench = command(
        "bench", commands.bench,
        "Measure speed beside what others offer: tables and pictures, in about 17 minutes.",
        "bench", "bench sampling", "bench minutes --minutes 1 3 --texts source my.txt", needs=(LEARNING, TESTING),
    ).add_argument  # fmt: skip
    parts = ", ".join(commands.BENCHMARKS)
    # argparse's own choices refuse even no words at all on Python 3.11.
    part = checked(str, lambda word: word in commands.BENCHMARKS, f"one of: {parts}")
    bench("parts", nargs="*", metavar="part", type=part, help=f"{parts} (default: all)")
    bench(
        "--folder",
        type=Path,
        default=Path("runs/bench"),
        help="for pictures and tables (default: %(default)s)",
    )
    bench("--minutes", type=POSITIVE, nargs="+", metavar="N", help="what `bench minutes` gives each text (default: 1)")
    bench(
        "--texts", nargs="+", metavar="TEXT",
        help="documentation, source, or a file; documentation:20000 is 20,000 characters to train on (default: both)",
    )  # fmt: skip

    run = command(
        "run", commands.run,
        "Execute a notebook (your copy, or the original where you have none) and write it as a page of HTML.",
        "run", "run 03", "run pretraining --to page.html",
    ).add_argument  # fmt: skip
    run("notebook", nargs="?", help="its number or name; without one, the notebooks are listed")
    run("--to", type=Path, metavar="FILE", help="the page (default: beside your copies)")

    book = command(
        "book", commands.book,
        "Make a site of the notebooks as they were executed last; it opens from the disk, without a network.",
        "book", "book --to public", needs=(LEARNING, BOOK),
    ).add_argument  # fmt: skip
    book("--to", type=Path, default=Path("runs/book"), metavar="FOLDER", help="(default: %(default)s)")
    book("--repository", metavar="OWNER/NAME", help="on GitHub, for links to Colab (default: where this came from)")

    command(
        "reset", commands.reset,
        "Bring a notebook of yours back to the original; what you had is kept under another name.",
        "reset 03", needs=(),
    ).add_argument("notebook", help="its number or name")  # fmt: skip

    add_teachers_commands(command)

    add_pretrain_options(command(
        "pretrain", commands.pretrain,
        "Pretrain a model on text; the same command continues where it was stopped.",
        "pretrain", "pretrain my-novel.txt --minutes 10", "pretrain ~/mail --model bigmodel --folder runs/mail",
    ).add_argument)  # fmt: skip
    add_generate_options(command(
        "generate", commands.generate,
        "Write text with a model that was pretrained.",
        'generate --prompt "The function"', "generate --run runs/my-novel --length 200 --temperature 0.7 --seed 1",
    ).add_argument)  # fmt: skip
    add_chat_options(command(
        "chat", commands.chat,
        "Talk with a model that was taught to answer, such as that of notebook 12.",
        "chat --run my-notebooks/runs/assistant", "chat --temperature 0.3 --seed 1",
    ).add_argument)  # fmt: skip

    colab = command(
        "colab", commands.colab,
        "For authors: write the notebooks as Colab opens them, below a cell that installs the package.",
        "colab ada/bigmodel --to for-colab", needs=(),
    ).add_argument  # fmt: skip
    colab("repository", metavar="OWNER/NAME", help="the repository on GitHub that the package comes from")
    colab("--to", type=Path, metavar="FOLDER", default=Path("runs/colab"), help="default: %(default)s")

    command(
        "regenerate", commands.regenerate,
        "For authors: execute notebooks as the tests do, write them in canonical form, and update figures/.",
        "regenerate", "regenerate 03 04", needs=(LEARNING, TESTING), exact=True,
    ).add_argument("notebooks", nargs="*", metavar="notebook", help="numbers or names (default: all)")  # fmt: skip
    return top


def add_teachers_commands(command: Callable[..., Parser]) -> None:
    """What teachers need: ``grade``, ``edition`` and ``slides``."""
    grade = command(
        "grade", commands.grade,
        "For teachers: judge a class's notebooks, each shut off in a process of its own; write a table and a page.",
        "grade students", "grade students --to week-3 --seconds 60",
    ).add_argument  # fmt: skip
    grade("folder", type=Path, help="a folder a student, or files with their names, as 03_ada.ipynb")
    grade("--to", type=Path, default=Path("grades"), metavar="FOLDER", help="for both (default: %(default)s)")
    grade("--seconds", type=COUNT, default=120, help="a notebook may take (default: %(default)s)")
    grade("--gigabytes", type=POSITIVE, default=2.0, help="of memory it may take (default: %(default)s)")
    grade("--trust", action="store_true", help="start even where nothing shuts the students' code off")

    edition = command(
        "edition", commands.edition,
        "For teachers: write notebooks to hand out, without the solutions, or with them.",
        "edition 03 04 --to week-3", "edition 03 --solutions", needs=(),
    ).add_argument  # fmt: skip
    edition("notebooks", nargs="*", metavar="notebook", help="numbers or names (default: all)")
    edition("--solutions", action="store_true", help="with the solutions and what the cells print")
    edition("--to", type=Path, default=Path("edition"), metavar="FOLDER", help="default: %(default)s")

    slides = command(
        "slides", commands.slides,
        "For teachers: write a notebook as slides, one page that needs no network, with what to say from its plan.",
        "slides 03", "slides attention --to monday.html",
    ).add_argument  # fmt: skip
    slides("notebook", help="its number or name")
    slides("--to", type=Path, metavar="FILE", help="the page (default: NOTEBOOK_slides.html)")


def add_pretrain_options(option: Callable[..., Any]) -> None:
    """The options of ``pretrain``."""
    option("text", nargs="?", type=Path, help="a file or folder of text (default: Python's documentation)")
    option("--folder", type=Path, help="where the run is written (default: runs/NAME OF THE TEXT)")
    option("--minutes", type=POSITIVE, help="the time for all of it, which a decoder is planned for (default: 1)")
    option("--model", choices=["decoder", "bigmodel"], default="decoder", help="default: %(default)s")
    option("--steps", type=COUNT, help="updates of the weights, instead of minutes (a bigmodel's default: 1000)")
    option("--tokenizer", choices=["bpe", "characters", "words"], default="bpe", help="default: %(default)s")
    option("--vocab-size", type=COUNT, help="tokens it knows (default: as planned; for a bigmodel 1000)")
    option("--context", type=COUNT, help="tokens the model sees (default: as planned; for a bigmodel 3)")
    option("--hidden-size", type=COUNT, help="of a bigmodel: its hidden layer (default: 256)")
    option("--batch-size", type=COUNT, help="pieces of text a step (default: as planned; for a bigmodel 32)")
    option("--learning-rate", type=POSITIVE, help="the highest (default: as planned; for a bigmodel 0.01)")
    option("--seed", type=SEED, default=0, help="decides every draw of chance (default: %(default)s)")


def add_generate_options(option: Callable[..., Any]) -> None:
    """The options of ``generate``."""
    option("--run", type=Path, metavar="FOLDER", help="the run (default: the one pretrained last in runs/)")
    option("--prompt", default="", help="the text to continue (default: none)")
    option("--length", type=COUNT, default=100, help="tokens to write (default: %(default)s)")
    add_sampling_options(option)


def add_chat_options(option: Callable[..., Any]) -> None:
    """The options of ``chat``."""
    option("--run", type=Path, metavar="FOLDER", help="the run (default: the one written last in runs/)")
    option("--length", type=COUNT, default=100, help="tokens of an answer, at most (default: %(default)s)")
    add_sampling_options(option)


def add_sampling_options(option: Callable[..., Any]) -> None:
    """How tokens are drawn."""
    option(
        "--temperature",
        type=TEMPERATURE,
        default=0.8,
        help="below 1 safer, above wilder (default: %(default)s)",
    )
    option("--top-k", type=COUNT, help="draw from the k most probable tokens only")
    option("--top-p", type=SHARE, help="draw from the most probable tokens that make up this share only")
    option("--seed", type=SEED, default=0, help="decides every draw of chance (default: %(default)s)")


def checked(kind: Callable[[str], Any], valid: Callable[[Any], bool], what: str) -> Callable[[str], Any]:
    """A parser of one word, which says in one line what else is wanted."""

    def parsed(word: str) -> Any:
        try:
            value = kind(word)
        except ValueError:
            value = None
        if value is None or not valid(value):
            raise argparse.ArgumentTypeError(f"{word!r} is not {what}")
        return value

    return parsed


COUNT = checked(int, lambda value: value >= 1, "a whole number of at least 1")
SEED = checked(int, lambda value: value >= 0, "a whole number of at least 0")
PORT = checked(int, lambda value: 0 < value < 65536, "a port, 1 to 65535")
POSITIVE = checked(float, lambda value: 0 < value < float("inf"), "a number above 0")
SHARE = checked(float, lambda value: 0 < value <= 1, "a number above 0, at most 1")
TEMPERATURE = checked(
    float, lambda value: 0 < value < float("inf"),
    "a number above 0 (for the most probable token every time, use --top-k 1)",
)  # fmt: skip
