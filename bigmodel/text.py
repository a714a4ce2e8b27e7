"""Real text to train on: the Python documentation on this disk, your own files, and verified downloads.

Three sources, each a plain string:

- `python_docs()` needs nothing but Python itself;
- `read(path)` takes a file or a folder of yours, UTF-8, any language;
- `corpus(name)` downloads one of the public corpora in `CORPORA` (once), `download(url, sha256)` any other.

`split(text)` then parts it into training and validation text that share no paragraph.
"""

import ast
import codecs
import importlib
import inspect
import random
import re
import stat
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bigmodel.download import download

# ---------------------------------------------------------------------------------------------------------
# Paragraphs, duplicates, and the split
# ---------------------------------------------------------------------------------------------------------


def paragraphs(text: str) -> list[str]:
    """The pieces of a text between blank lines, in order; the first line of each keeps its indentation."""
    pieces = re.split(r"\n[^\S\n]*\n", text)
    return [piece.strip("\n").rstrip() for piece in pieces if piece.strip()]


def lines(text: str) -> list[str]:
    """The lines of a text that are not blank, in order."""
    return [line.rstrip() for line in text.split("\n") if line.strip()]


# A Latin full stop ends a sentence before a space only (3.14 is a number); a Chinese one needs no space,
# and takes the closing quote behind it along.
SENTENCE_END = re.compile(
    r"(?<=[.!?…।؟۔]\s)|(?<=[。！？])(?![。！？”’」』）])|(?<=[。！？][”’」』）])(?![”’」』）])"
)


def sentences(text: str) -> list[str]:
    """The sentences of a text, each with the space that follows it: joined by "" they are the text again."""
    return [piece for piece in SENTENCE_END.split(text) if piece.strip()]


def passages(text: str, length: int = 200) -> list[str]:
    """The text cut every `length` characters, for texts that have no lines and no sentences."""
    pieces = [text[start : start + length] for start in range(0, len(text), length)]
    return [piece for piece in pieces if piece.strip()]


def deduplicate(pieces: Iterable[str]) -> list[str]:
    """The pieces in order, each once: one that differs only in white space or case is a duplicate."""
    first: dict[str, str] = {}
    for piece in pieces:
        first.setdefault("".join(piece.casefold().split()), piece)
    return list(first.values())


# The units a text is split by, coarsest first, each with what joins its pieces again.
UNITS: tuple[tuple[Callable[[str], list[str]], str], ...] = (
    (paragraphs, "\n\n"),
    (lines, "\n"),
    (sentences, ""),
    (passages, ""),
)


def split(text: str, validation: float = 0.1, seed: int = 0) -> tuple[str, str]:
    """Part a text into (training, validation) by whole paragraphs that occur in one of the two only.

    Duplicates are removed first: a paragraph that was trained on says nothing about unseen text. `validation`
    is the share of the characters that is held out; `seed` draws which paragraphs; both parts keep their order.

    Not every text has blank lines (a Chinese novel seldom does). The pieces are therefore the first of
    paragraphs, lines, sentences and passages of 200 characters whose longest is no longer than the held-out
    share; if none is, the first that has two pieces.

    Raises ValueError for a share outside 0 to 1, and for a text that has no two different pieces.
    """
    if not 0 < validation < 1:
        raise ValueError(
            f"validation is the share held out, between 0 and 1 (such as 0.1), not {validation}."
        )
    pieces, joint = _pieces(text, validation)
    draw = random.Random(seed).random
    shuffled = [position for _, position in sorted((draw(), position) for position in range(len(pieces)))]
    wanted = validation * sum(map(len, pieces))
    held_out: set[int] = set()
    for position in shuffled[:-1]:
        if wanted <= 0:
            break
        held_out.add(position)
        wanted -= len(pieces[position])
    training = joint.join(piece for position, piece in enumerate(pieces) if position not in held_out)
    return training, joint.join(pieces[position] for position in sorted(held_out))


def _pieces(text: str, validation: float) -> tuple[list[str], str]:
    """The different pieces of a text, in the unit that suits it, and what joins them."""
    cuts = [(deduplicate(cut(text)), joint) for cut, joint in UNITS]
    cuts = [(pieces, joint) for pieces, joint in cuts if len(pieces) >= 2]
    if not cuts:
        raise ValueError(
            "The text is too short to split: it needs two different paragraphs, lines or sentences at least, "
            f"and has {len(text)} characters."
        )
    for pieces, joint in cuts:
        if max(map(len, pieces)) <= validation * sum(map(len, pieces)):
            return pieces, joint
    return cuts[0]


# ---------------------------------------------------------------------------------------------------------
# The Python documentation that every installation carries
# ---------------------------------------------------------------------------------------------------------


def python_docs() -> str:
    """The Python documentation on this disk: the language reference and the standard library's docstrings.

    About 2 MB of English, in about 3 seconds, with nothing downloaded and nothing imported but `pydoc_data`:
    the sources are read with `ast`. Every paragraph occurs once. The text is the same at every call, and
    differs from one Python version to the next.

    Raises FileNotFoundError where this Python carries neither (some systems strip both).
    """
    texts = [*_topics(), *_docstrings(Path(sysconfig.get_path("stdlib")))]
    if not texts:
        raise FileNotFoundError(
            f"This Python ({sys.executable}) carries neither pydoc_data nor the sources of its standard library: "
            "install Python from python.org, or read a text of your own with bigmodel.text.read(path)."
        )
    return "\n\n".join(deduplicate(paragraphs("\n\n".join(map(_clean, texts)))))


def _topics() -> list[str]:
    """The language reference as `help("topics")` shows it, in the order of the topics' names."""
    try:
        topics: dict[str, str] = importlib.import_module("pydoc_data.topics").topics
    except ImportError:
        return []
    return [topics[name] for name in sorted(topics)]


def _docstrings(library: Path) -> Iterator[str]:
    """Every docstring of the standard library, module by module in the order of their names."""
    for name in sorted(sys.stdlib_module_names):
        sources = [library / f"{name}.py", *sorted((library / name).rglob("*.py"), key=Path.as_posix)]
        for source in sources:
            # CPython keeps its own tests beside the modules; what they say is not documentation.
            if not {"test", "tests", "idle_test"}.intersection(source.relative_to(library).parts):
                yield from _docstrings_of(source)


def _docstrings_of(source: Path) -> list[str]:
    """The docstrings of one source file from top to bottom; none if it cannot be read."""
    try:
        tree = ast.parse(source.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return []
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    nodes = [node for node in ast.walk(tree) if isinstance(node, kinds)]
    nodes.sort(key=lambda node: getattr(node, "lineno", 0))
    return [docstring for node in nodes if (docstring := ast.get_docstring(node, clean=False))]


def _clean(text: str) -> str:
    """The text without the indentation all its lines share, trailing spaces and control characters."""
    text = re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]", "", inspect.cleandoc(text))
    return "\n".join(line.rstrip() for line in text.split("\n"))


# ---------------------------------------------------------------------------------------------------------
# Your own files
# ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Survey:
    """What `read` takes of a folder: the texts in their order, and why each other file is left out."""

    texts: tuple[Path, ...]
    skipped: dict[Path, str]


def read(path: str | Path) -> str:
    """The text of a file, or of every text file beneath a folder, in the order of their names.

    UTF-8, with or without a byte order mark; line ends become "\\n"; files are joined by a blank line. Of a
    folder, hidden, binary and empty files and links to folders are left out: `survey(path)` lists them.

    Raises FileNotFoundError or OSError for what is not there or may not be read, ValueError for a file that
    is empty or not UTF-8 text, and for a folder without text.
    """
    path = Path(path).expanduser()
    try:
        is_folder = stat.S_ISDIR(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(f"There is no file or folder {path.absolute()}: check its name.") from None
    except OSError as error:
        raise type(error)(f"{path} cannot be read ({error.strerror}).") from None
    if not is_folder:
        return _read_file(path)
    texts, skipped = _read_folder(path)
    if not texts:
        reason = next(iter(skipped.values()), "it is empty").rstrip(".")
        raise ValueError(f"The folder {path} holds no text, of {len(skipped)} files: {reason}.")
    return "\n\n".join(texts.values())


def survey(folder: str | Path) -> Survey:
    """What `read(folder)` takes and what it leaves out, with the reason for each.

    Raises OSError for a folder that does not exist or may not be listed.
    """
    texts, skipped = _read_folder(Path(folder).expanduser())
    return Survey(tuple(texts), skipped)


def _read_folder(folder: Path) -> tuple[dict[Path, str], dict[Path, str]]:
    """The text of every file beneath a folder, and the reason for every file that gave none."""
    texts: dict[Path, str] = {}
    skipped: dict[Path, str] = {}
    for path in _files(folder, skipped):
        try:
            texts[path] = _read_file(path)
        except (OSError, ValueError) as error:
            skipped[path] = str(error)
    return texts, skipped


def _files(folder: Path, skipped: dict[Path, str]) -> Iterator[Path]:
    """Every file beneath a folder in order, but for hidden ones and those behind a linked folder."""
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    except OSError as error:
        raise type(error)(f"The folder {folder} cannot be listed ({error.strerror}).") from None
    for entry in entries:
        if entry.name.startswith("."):
            skipped[entry] = f"{entry} is hidden."
        elif not entry.is_dir():
            yield entry
        elif entry.is_symlink():
            skipped[entry] = f"{entry} is a link to a folder, which could lead in a circle."
        else:
            try:
                yield from _files(entry, skipped)
            except OSError as error:
                skipped[entry] = str(error)


def _read_file(path: Path) -> str:
    """The text of one file, refused with one sentence if it is not UTF-8 text."""
    if not path.is_file():
        raise OSError(
            f"{path} is not a file that can be read: a device, a pipe, or a link that leads nowhere."
        )
    try:
        data = path.read_bytes()
    except OSError as error:
        raise type(error)(f"{path} cannot be read ({error.strerror}).") from None
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ValueError(f"{path} is UTF-16, as bytes 0 and 1 say: save it as UTF-8.")
    if (position := data.find(b"\0")) >= 0:
        raise ValueError(f"{path} is not text: byte {position} is NUL; give a text file saved as UTF-8.")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not UTF-8: byte {error.start} is 0x{data[error.start]:02x}; save it as UTF-8 "
            "(older Chinese files are often GB18030, older European ones Windows-1252)."
        ) from None
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise ValueError(f"{path} is empty: give a file with text in it.")
    return text


# ---------------------------------------------------------------------------------------------------------
# Public corpora, downloaded once
# ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Corpus:
    """A public text: where it is, how to know that it arrived whole, and what may be done with it."""

    name: str
    url: str
    sha256: str
    bytes: int
    language: str
    licence: str
    about: str
    separator: str = "\n\n"


CORPORA = {
    entry.name: entry
    for entry in (
        Corpus(
            name="tinystories",
            url="https://huggingface.co/datasets/roneneldan/TinyStories/resolve/"
            "f54c09fd23315a6f9c86f9dc80f725de7d8f9c64/TinyStories-valid.txt",
            sha256="94e431816c4cce81ff71e4408ff8d3bda9a42e8d2663986697c3954288cb38b4",
            bytes=19_447_282,
            language="English",
            licence="CDLA-Sharing-1.0",
            about="22,000 short stories in the words of a small child, written by GPT-3.5 and GPT-4 (2023)",
            separator="<|endoftext|>",
        ),
        Corpus(
            name="shakespeare",
            url="https://raw.githubusercontent.com/karpathy/char-rnn/"
            "6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/data/tinyshakespeare/input.txt",
            sha256="86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
            bytes=1_115_394,
            language="English",
            licence="public domain",
            about="Tiny Shakespeare: 40,000 lines from the plays, the first text of many language models",
        ),
    )
}


def corpus(name: str, folder: str | Path | None = None) -> str:
    """The text of one of `CORPORA`, downloaded the first time, its documents parted by blank lines.

    Raises ValueError for a name that is not in the table, and whatever `download` raises.
    """
    if name not in CORPORA:
        raise ValueError(
            f"There is no corpus {name!r}: choose {' or '.join(map(repr, CORPORA))}, "
            "or use read(path) for a file of your own."
        )
    chosen = CORPORA[name]
    text = read(download(chosen.url, chosen.sha256, folder))
    return text.replace(chosen.separator, "\n\n")
