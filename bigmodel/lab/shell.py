"""The words of ``python -m bigmodel``: what may be typed, and what is said when it makes no sense.

Standard library only: this runs before anything is installed.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from bigmodel import __version__
from bigmodel.lab import commands, environment
from bigmodel.lab.environment import BOOK, LEARNING, TESTING

PROGRAM = "python -m bigmodel"
Option = Callable[..., Any]  # argparse's add_argument


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
    except (ValueError, OSError) as error:
        print(f"{PROGRAM} {words[0]}: {sentence(error)}", file=sys.stderr)
        return 2


def sentence(error: Exception) -> str:
    """An error as one sentence for the reader."""
    if isinstance(error, OSError) and error.strerror:
        names = [str(name) for name in (error.filename, error.filename2) if name]
        return f"{', '.join(names)}: {error.strerror}."
    return str(error)


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Understand the words; those after ``test`` are pytest's, those after ``bench`` the benchmarks'."""
    top = parser()
    if words[0] in ("test", "bench") and not {"-h", "--help"} & set(words[1:]):
        return argparse.Namespace(**vars(top.parse_args(words[:1])), words=list(words[1:]))
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
    for add in (add_readers_commands, add_models_commands, add_teachers_commands, add_authors_commands):
        add(partial(add_command, group))
    return top


def add_command(
    group: Any, do: Callable[[Any], int | None], *examples: str,
    needs: Sequence[Path] = (LEARNING,), exact: bool = False,
) -> Option:  # fmt: skip
    """Add what a function does as a command of its name, explained by its docstring; returns what adds an option.

    It needs what the files of requirements name, ``exact``: in the versions pinned.
    """
    lines = [f"  {PROGRAM} {example}".rstrip() for example in examples]
    made = group.add_parser(
        do.__name__, help=do.__doc__, description=do.__doc__, allow_abbrev=False,
        epilog="\n".join(["examples:", *lines]), formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    made.set_defaults(do=do, needs=needs, exact=exact, parser=made)
    option: Option = made.add_argument
    return option


def add_readers_commands(command: Callable[..., Option]) -> None:
    """What a reader of the course needs."""
    lab = command(commands.lab, "", "lab --port 9000", exact=True)
    lab("--no-browser", action="store_true", help="print the address instead of opening it")
    lab("--port", type=PORT, help="where JupyterLab listens (8888, or the next free one)")
    lab("--originals", action="store_true", help="for authors: work on notebooks/ itself")

    command(commands.progress, "progress")

    run = command(commands.run, "run", "run 03", "run pretraining --to page.html")
    run("notebook", nargs="?", help="its number or name; without one, the notebooks are listed")
    run("--to", type=Path, metavar="FILE", help="the page (default: beside your copies)")

    command(commands.reset, "reset 03", needs=())("notebook", help="its number or name")

    book = command(commands.book, "book", "book --to public", needs=(LEARNING, BOOK))
    book("--to", type=Path, default=Path("runs/book"), metavar="FOLDER", help="(default: %(default)s)")
    book("--repository", metavar="OWNER/NAME", help="on GitHub, for links to it and to Colab (default: no such links)")


def add_models_commands(command: Callable[..., Option]) -> None:
    """What trains, writes and measures without a notebook."""
    add_pretrain_options(command(
        commands.pretrain,
        "pretrain", "pretrain my-novel.txt --minutes 10", "pretrain ~/mail --model bigmodel --folder runs/mail",
    ))  # fmt: skip
    add_generate_options(command(
        commands.generate,
        'generate --prompt "The function"', "generate --run runs/my-novel --length 200 --temperature 0.7 --seed 1",
    ))  # fmt: skip
    add_chat_options(command(
        commands.chat, "chat --run my-notebooks/runs/assistant", "chat --temperature 0.3 --seed 1",
    ))  # fmt: skip
    command(
        commands.bench, "bench", "bench sampling", "bench training sampling --folder measured",
        needs=(LEARNING, TESTING),
    )  # fmt: skip


def add_teachers_commands(command: Callable[..., Option]) -> None:
    """What teachers need."""
    grade = command(commands.grade, "grade students", "grade students --to week-3 --seconds 60")
    grade("folder", type=Path, help="a folder a student, or files with their names, as 03_ada.ipynb")
    grade("--to", type=Path, default=Path("grades"), metavar="FOLDER", help="for both (default: %(default)s)")
    grade("--seconds", type=COUNT, default=40, help="that an exercise may take (default: %(default)s)")
    grade("--trust", action="store_true", help="start even where nothing shuts the students' code off")

    edition = command(commands.edition, "edition 03 04 --to week-3", "edition 03 --solutions", needs=())
    edition("notebooks", nargs="*", metavar="notebook", help="numbers or names (default: all)")
    edition("--solutions", action="store_true", help="with the solutions and what the cells print")
    edition("--to", type=Path, default=Path("edition"), metavar="FOLDER", help="default: %(default)s")

    slides = command(commands.slides, "slides 03", "slides attention --to monday.html")
    slides("notebook", help="its number or name")
    slides("--to", type=Path, metavar="FILE", help="the page (default: NOTEBOOK_slides.html)")


def add_authors_commands(command: Callable[..., Option]) -> None:
    """What authors need."""
    command(
        commands.test, "test", "test notebooks/03_pretraining.ipynb", "test -k tokenizer",
        needs=(LEARNING, BOOK, TESTING), exact=True,
    )  # fmt: skip

    regenerate = command(commands.regenerate, "regenerate", "regenerate 03 04", needs=(LEARNING, TESTING), exact=True)
    regenerate("notebooks", nargs="*", metavar="notebook", help="numbers or names (default: all)")

    colab = command(commands.colab, "colab ada/bigmodel --to for-colab", needs=())
    colab("repository", metavar="OWNER/NAME", help="the repository on GitHub that the package comes from")
    colab("--to", type=Path, metavar="FOLDER", default=Path("runs/colab"), help="default: %(default)s")


def add_pretrain_options(option: Option) -> None:
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


def add_generate_options(option: Option) -> None:
    """The options of ``generate``."""
    option("--run", type=Path, metavar="FOLDER", help="the run (default: the one pretrained last in runs/)")
    option("--prompt", default="", help="the text to continue (default: none)")
    option("--length", type=COUNT, default=100, help="tokens to write (default: %(default)s)")
    add_sampling_options(option)


def add_chat_options(option: Option) -> None:
    """The options of ``chat``."""
    option("--run", type=Path, metavar="FOLDER", help="the run (default: the one written last in runs/)")
    option("--length", type=COUNT, default=100, help="tokens of an answer, at most (default: %(default)s)")
    add_sampling_options(option)


def add_sampling_options(option: Option) -> None:
    """How tokens are drawn."""
    option("--temperature", type=TEMPERATURE, default=0.8, help="below 1 safer, above wilder (default: %(default)s)")
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
