"""The words of ``python -m bigmodel``: what may be typed, and what is said when it makes no sense.

Standard library only: this runs before anything is installed.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from bigmodel import __version__, commands, environment

PROGRAM = "python -m bigmodel"


class Parser(argparse.ArgumentParser):
    """argparse that answers wrong words with one line and exit status 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}. Try: {self.prog} --help\n")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            known = ", ".join(map(str, action.choices))
            raise argparse.ArgumentError(None, f"{value!r} is not one of: {known}")


def main(arguments: Sequence[str]) -> int:
    """Do what the words say and return the exit status: 0 done, 1 failed, 2 wrong input, 130 stopped."""
    for stream in (sys.stdout, sys.stderr):
        speak_utf8(stream)
    words = list(arguments)
    if not words or (words[0].startswith("-") and words[0] not in ("-h", "--help", "--version")):
        words = ["lab", *words]
    try:
        options = parse(words)
        exact = options.command in ("lab", "test", "regenerate")
        if options.needs_packages and not environment.ready(exact):
            if not environment.inside_venv():
                return environment.enter(arguments)
            environment.install()
        return int(options.do(options) or 0)
    except KeyboardInterrupt:
        print(f"\nStopped. {PROGRAM} {' '.join(words)} starts again.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output has seen enough
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
        return 0
    except (environment.SetupError, ValueError, OSError, ArithmeticError) as error:
        print(f"{PROGRAM} {words[0]}: {sentence(error)}", file=sys.stderr)
        return 2


def speak_utf8(stream: Any) -> None:
    """Write UTF-8 whatever the system's habit, so that 中文 and ✓ reach pipes and files on Windows too."""
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(encoding="utf-8", errors="replace")


def sentence(error: Exception) -> str:
    """An error as one sentence for the reader."""
    if isinstance(error, OSError) and error.strerror:
        names = [str(name) for name in (error.filename, error.filename2) if name]
        return f"{', '.join(names)}: {error.strerror}."
    return str(error)


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Understand the words; those after ``test`` are pytest's."""
    if words[0] == "test" and not {"-h", "--help"} & set(words[1:]):
        return argparse.Namespace(
            command="test", pytest=list(words[1:]), do=commands.test, needs_packages=True
        )
    return parser().parse_args(words)


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
    group = top.add_subparsers(
        dest="command", metavar="command", required=True, title="commands", prog=PROGRAM
    )

    def command(
        name: str, do: Callable[[Any], int | None], text: str, *examples: str, needs: bool = True
    ) -> Parser:
        made = group.add_parser(
            name, help=text, description=text, allow_abbrev=False,
            epilog="examples:\n" + "\n".join(f"  {PROGRAM} {example}".rstrip() for example in examples),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        made.set_defaults(do=do, needs_packages=needs)
        return made

    lab = command(
        "lab", commands.lab, "Open the course in JupyterLab, on your own copy.", "", "lab --port 9000"
    )
    lab.add_argument("--no-browser", action="store_true", help="print the address instead of opening it")
    lab.add_argument(
        "--port", type=port, help="the port that JupyterLab listens on (8888, or the next free one)"
    )
    lab.add_argument("--originals", action="store_true", help="for authors: work on notebooks/ itself")

    command(
        "test", commands.test,
        "Run the whole test suite, notebooks included; words that follow are given to pytest.",
        "test", "test notebooks/03_pretraining.ipynb", "test -k tokenizer",
    )  # fmt: skip

    bench = command(
        "bench", commands.bench,
        "Measure speed beside what others offer: tables and pictures, in about 11 minutes.",
        "bench", "bench sampling", "bench training sampling --folder measured",
    )  # fmt: skip
    bench.add_argument(
        "parts", nargs="*", metavar="part", choices=commands.BENCHMARKS,
        help=f"{', '.join(commands.BENCHMARKS)} (default: all)",
    )  # fmt: skip
    bench.add_argument(
        "--folder", type=Path, default=Path("runs/bench"),
        help="where pictures and tables are written (default: runs/bench)",
    )  # fmt: skip

    run = command(
        "run", commands.run,
        "Execute a notebook (your copy, or the original where you have none) and write it as a page of HTML.",
        "run", "run 03", "run pretraining --to page.html",
    )  # fmt: skip
    run.add_argument("notebook", nargs="?", help="its number or name; without one, the notebooks are listed")
    run.add_argument("--to", type=Path, metavar="FILE", help="the page (default: beside your copies)")

    reset = command(
        "reset", commands.reset,
        "Bring a notebook of yours back to the original; what you had is kept under another name.",
        "reset 03", needs=False,
    )  # fmt: skip
    reset.add_argument("notebook", help="its number or name")

    add_pretrain(command(
        "pretrain", commands.pretrain,
        "Pretrain a model on text; the same command continues where it was stopped.",
        "pretrain", "pretrain my-novel.txt --model decoder", "pretrain ~/mail --tokenizer words --folder runs/mail",
    ))  # fmt: skip
    add_generate(command(
        "generate", commands.generate,
        "Write text with a model that was pretrained.",
        'generate --prompt "The function"', "generate --run runs/my-novel --length 200 --temperature 0.7 --seed 1",
    ))  # fmt: skip

    regenerate = command(
        "regenerate", commands.regenerate,
        "For authors: execute notebooks as the tests do, write them in canonical form, and update figures/.",
        "regenerate", "regenerate 03 04",
    )  # fmt: skip
    regenerate.add_argument(
        "notebooks", nargs="*", metavar="notebook", help="numbers or names (default: all)"
    )
    return top


def add_pretrain(words: Parser) -> None:
    """The options of ``pretrain``."""
    words.add_argument(
        "text", nargs="?", type=Path, help="a file or folder of text (default: Python's documentation)"
    )
    words.add_argument(
        "--folder", type=Path, help="where the run is written (default: runs/NAME OF THE TEXT)"
    )
    words.add_argument(
        "--model", choices=["bigmodel", "decoder"], default="bigmodel", help="default: bigmodel"
    )
    words.add_argument(
        "--steps", type=count, default=1000, help="updates of the weights (default: %(default)s)"
    )
    words.add_argument(
        "--tokenizer", choices=["bpe", "characters", "words"], default="bpe", help="default: bpe"
    )
    words.add_argument(
        "--vocab-size", type=count, help="tokens it knows (default: 1000, or as many as the text gives)"
    )
    words.add_argument("--context", type=count, help="tokens the model sees (default: 3; for a decoder 64)")
    words.add_argument(
        "--hidden-size", type=count, default=256, help="of a bigmodel: its hidden layer (default: 256)"
    )
    words.add_argument(
        "--batch-size", type=count, default=32, help="pieces of text a step (default: %(default)s)"
    )
    words.add_argument(
        "--learning-rate", type=positive, help="at the start (default: 0.01; for a decoder 0.03)"
    )
    words.add_argument(
        "--seed", type=seed, default=0, help="decides every draw of chance (default: %(default)s)"
    )


def add_generate(words: Parser) -> None:
    """The options of ``generate``."""
    words.add_argument(
        "--run", type=Path, metavar="FOLDER", help="the run (default: the one pretrained last in runs/)"
    )
    words.add_argument("--prompt", default="", help="the text to continue (default: none)")
    words.add_argument("--length", type=count, default=100, help="tokens to write (default: %(default)s)")
    words.add_argument(
        "--temperature", type=positive, default=0.8, help="below 1 safer, above wilder (default: 0.8)"
    )
    words.add_argument("--top-k", type=count, help="draw from the k most probable tokens only")
    words.add_argument(
        "--top-p", type=share, help="draw from the most probable tokens that make up this share only"
    )
    words.add_argument(
        "--seed", type=seed, default=0, help="decides every draw of chance (default: %(default)s)"
    )


def count(word: str) -> int:
    """A whole number from 1 on."""
    return number(word, int, lambda value: value >= 1, "a whole number of at least 1")


def seed(word: str) -> int:
    """A whole number from 0 on."""
    return number(word, int, lambda value: value >= 0, "a whole number of at least 0")


def port(word: str) -> int:
    """A port."""
    return number(word, int, lambda value: 0 < value < 65536, "a port, 1 to 65535")


def positive(word: str) -> float:
    """A finite number above 0."""
    return number(word, float, lambda value: 0 < value < float("inf"), "a number above 0")


def share(word: str) -> float:
    """A number above 0, at most 1."""
    return number(word, float, lambda value: 0 < value <= 1, "a number above 0, at most 1")


def number(word: str, kind: Callable[[str], Any], valid: Callable[[Any], bool], what: str) -> Any:
    """The number that a word says; one line that names the word where it says none, or one out of range."""
    try:
        value = kind(word)
    except ValueError:
        value = None
    if value is None or not valid(value):
        raise argparse.ArgumentTypeError(f"{word!r} is not {what}")
    return value
