"""Real text to train on: the Python documentation on this disk, your own files, and verified downloads.

``python_docs()`` needs nothing but Python itself; ``load(path)`` takes a file or a folder of yours; ``corpus(name)``
downloads one of ``CORPORA`` once, and ``download(url, sha256)`` any other file. Each is a plain string, which
``split(text)`` parts into training and validation text that share no paragraph.
"""

import ast
import codecs
import importlib
import inspect
import random
import re
import sys
import sysconfig
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from bigmodel.display import is_static


def paragraphs(text: str) -> list[str]:
    """The pieces of a text between blank lines, in order; the first line of each keeps its indentation."""
    pieces = re.split(r"\n[^\S\n]*\n", text)
    return [piece.strip("\n").rstrip() for piece in pieces if piece.strip()]


def lines(text: str) -> list[str]:
    """The lines of a text that are not blank, in order."""
    return [line.rstrip() for line in text.split("\n") if line.strip()]


# A Latin full stop ends a sentence before a space only (3.14 is a number); a Chinese one needs no space,
# and takes the closing quote behind it along.
SENTENCE_END = re.compile(r"(?<=[.!?…।؟۔]\s)|(?<=[。！？])(?![。！？”’」』）])|(?<=[。！？][”’」』）])(?![”’」』）])")


def sentences(text: str) -> list[str]:
    """The sentences of a text, each with the space that follows it: joined by "" they are the text again."""
    return [piece for piece in SENTENCE_END.split(text) if piece.strip()]


def passages(text: str, length: int = 200) -> list[str]:
    """The text cut every ``length`` characters, for texts that have no lines and no sentences."""
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

    Duplicates are removed first: a paragraph that was trained on says nothing about unseen text. Not every text
    has blank lines (a Chinese novel seldom does). The pieces are therefore the first of paragraphs, lines,
    sentences and passages of 200 characters whose longest is no longer than the held-out share; if none is, the
    first that has two pieces.

    Args:
        text: The whole text.
        validation: The share of the characters that is held out.
        seed: Draws which pieces; both parts keep their order.

    Raises:
        ValueError: The share is not between 0 and 1, or the text has no two different pieces.
    """
    if not 0 < validation < 1:
        raise ValueError(f"validation is the share held out, between 0 and 1 (such as 0.1), not {validation}.")
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
    cuts = []
    for cut, joint in UNITS:
        pieces = deduplicate(cut(text))
        text = joint.join(pieces)  # so that no smaller unit meets again what a larger one removed
        if len(pieces) >= 2:
            cuts.append((pieces, joint))
    if not cuts:
        raise ValueError(
            f"The text is too short to split: it has {len(text):,} characters once duplicates are removed, and "
            "needs two different paragraphs, lines or sentences at least."
        )
    for pieces, joint in cuts:
        if max(map(len, pieces)) <= validation * sum(map(len, pieces)):
            return pieces, joint
    return cuts[0]


def python_docs() -> str:
    """The Python documentation on this disk: the language reference and the standard library's docstrings.

    About 2 MB of English, in about 3 seconds, with nothing downloaded and nothing imported but ``pydoc_data``:
    the sources are read with ``ast``. Every paragraph occurs once. The text is the same at every call, and
    differs from one Python version to the next.

    Raises:
        FileNotFoundError: This Python carries neither (some systems strip both).
    """
    texts = [*_topics(), *_docstrings(Path(sysconfig.get_path("stdlib")))]
    if not texts:
        raise FileNotFoundError(
            f"This Python ({sys.executable}) carries neither pydoc_data nor the sources of its standard library: "
            "install Python from python.org, or load a text of your own with bigmodel.text.load(path)."
        )
    return "\n\n".join(deduplicate(paragraphs("\n\n".join(map(_clean, texts)))))


def _topics() -> list[str]:
    """The language reference as ``help("topics")`` shows it, in the order of the topics' names."""
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


def load(path: str | Path, at_most: int | None = None) -> str:
    """The text of a file, or of every text file beneath a folder, in the order of their names.

    UTF-8, with or without a byte order mark; line ends become "\\n"; the files of a folder are joined by blank
    lines. Hidden files and folders are not looked at; a warning says which other files hold no text.

    Args:
        path: A file or a folder.
        at_most: Of more bytes than these, about so many are read: pieces of whole lines from all over the text, at
            even distances. So a text of any size can be looked at in little memory.

    Raises:
        OSError: What is there may not be read; FileNotFoundError where nothing is.
        ValueError: The file is empty or not UTF-8 text, or no file of the folder is text.
    """
    path = Path(path).expanduser()
    files = _files(path)
    places = _places(files, at_most)
    if not path.is_dir():
        return "\n\n".join(_texts_of(path, places[path]))
    texts, reasons = [], []
    for file in files:
        try:
            texts += _texts_of(file, places.get(file, []))
        except (OSError, ValueError) as error:
            reasons.append(str(error))
    left_out = f"{len(reasons)} file{'s' * (len(reasons) != 1)}, the first because: {[*reasons, ''][0]}"
    if not texts:
        raise ValueError(f"The folder {path} holds no text" + (f"; of {left_out}" if reasons else "."))
    if reasons:
        warnings.warn(f"Left out {left_out}", stacklevel=2)
    return "\n\n".join(texts)


def size(path: str | Path) -> int:
    """The bytes of a file, or of all that ``load`` would look at beneath a folder.

    Raises:
        OSError: What is there may not be read; FileNotFoundError where nothing is.
    """
    return sum(file.stat().st_size for file in _files(Path(path).expanduser()))


def _files(path: Path) -> list[Path]:
    """The file itself, or the files beneath a folder that are not hidden, in the order of their names."""
    if not path.exists():
        raise FileNotFoundError(f"There is no file or folder {path.absolute()}: check its name.")
    if not path.is_dir():
        return [path]
    return [
        file
        for file in sorted(path.rglob("*"), key=lambda file: file.parts)
        if file.is_file() and not any(part.startswith(".") for part in file.relative_to(path).parts)
    ]


PIECE = 2**16  # bytes that are read in one place


def _places(files: list[Path], at_most: int | None) -> dict[Path, list[tuple[int, int]]]:
    """Where to read in which file: (first byte, number of bytes), of all files together no more than ``at_most``."""
    sizes = [file.stat().st_size for file in files]
    if at_most is None or sum(sizes) <= at_most:
        return {file: [(0, -1)] for file in files}
    distance = sum(sizes) / max(1, at_most // PIECE)
    places: dict[Path, list[tuple[int, int]]] = {}
    before, following = 0, 0.0
    for file, length in zip(files, sizes, strict=True):
        while following < before + length:
            start = int(following) - before if length > PIECE else 0
            places.setdefault(file, []).append((start, PIECE))
            following = max(following + distance, before + length) if length <= PIECE else following + distance
        before += length
    return places


def _texts_of(path: Path, places: list[tuple[int, int]]) -> list[str]:
    """The text in some places of one file, refused with one sentence if it is not UTF-8 text."""
    if not path.is_file():
        raise OSError(f"{path} is a device or a pipe: give a file that can be read from its beginning.")
    texts = []
    with path.open("rb") as file:
        for start, length in places:
            file.seek(start)
            data = file.read(length)
            whole_lines = _decoded(path, data, start, begins=start == 0, ends=not file.peek(1))
            texts.append(whole_lines.replace("\r\n", "\n").replace("\r", "\n"))
    if places and not any(text.strip() for text in texts):
        raise ValueError(f"{path} is empty: give a file with text in it.")
    return [text for text in texts if text.strip()]


def _decoded(path: Path, data: bytes, start: int, begins: bool, ends: bool) -> str:
    """The lines of some bytes; one that begins before them, or goes on behind them, is left out."""
    if begins and data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ValueError(f"{path} is UTF-16, as bytes 0 and 1 say: save it as UTF-8.")
    if (position := data.find(b"\0")) >= 0:
        raise ValueError(f"{path} is not text: byte {start + position} is NUL; give a text file saved as UTF-8.")
    first = 0 if begins else data.find(b"\n") + 1  # 0 too where there is no line's end: then from a whole character
    while not begins and first < min(3, len(data)) and data[first] & 0xC0 == 0x80:
        first += 1
    last = len(data) if ends else data.rfind(b"\n") + 1
    try:
        if last > first:
            return data[first:last].decode("utf-8").removeprefix("\ufeff")
        return codecs.getincrementaldecoder("utf-8")().decode(data[first:], final=ends).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not UTF-8: byte {start + first + error.start} is 0x{data[first + error.start]:02x}; save it as "
            "UTF-8 (older Chinese files are often GB18030, older European ones Windows-1252)."
        ) from None


class Corpus(NamedTuple):
    """A public text at an address that will not change, and what parts its documents."""

    url: str
    sha256: str
    separator: str = "\n\n"


CORPORA = {
    # 22,000 short stories in the words of a small child, written by GPT-3.5 and GPT-4 (2023), 19 MB; CDLA-Sharing-1.0
    "tinystories": Corpus(
        "https://huggingface.co/datasets/roneneldan/TinyStories/resolve/"
        "f54c09fd23315a6f9c86f9dc80f725de7d8f9c64/TinyStories-valid.txt",
        "94e431816c4cce81ff71e4408ff8d3bda9a42e8d2663986697c3954288cb38b4",
        "<|endoftext|>",
    ),
    # 40,000 lines from the plays, the first text of many language models, 1 MB; public domain
    "shakespeare": Corpus(
        "https://raw.githubusercontent.com/karpathy/char-rnn/"
        "6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/data/tinyshakespeare/input.txt",
        "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    ),
}


def corpus(name: str) -> str:
    """The text of one of ``CORPORA``, downloaded the first time, its documents parted by blank lines.

    Raises:
        ValueError: The name is not in the table. Or whatever ``download`` raises.
    """
    if name not in CORPORA:
        known = " or ".join(map(repr, CORPORA))
        raise ValueError(f"There is no corpus {name!r}: choose {known}, or load(path) a file of your own.")
    url, sha256, separator = CORPORA[name]
    return load(download(url, sha256)).replace(separator, "\n\n")


def download(url: str, sha256: str) -> Path:
    """The file at an http(s) address, fetched once and checked against its SHA-256 every time.

    What is in the cache (``pooch.os_cache("bigmodel")``) and whole is used without any connection.

    Raises:
        ConnectionError: The file cannot be had now.
        OSError: It cannot be stored.
        ValueError: It has another hash; it is not kept.
    """
    import pooch  # only who downloads waits for these two
    from requests import RequestException

    folder = pooch.os_cache("bigmodel")
    fetch = pooch.HTTPDownloader(progressbar=not is_static(), chunk_size=2**16, timeout=30)
    try:
        return Path(pooch.retrieve(url, f"sha256:{sha256}", path=folder, downloader=fetch))
    except RequestException as error:
        answer = "cannot be reached" if error.response is None else f"answered {error.response.status_code}"
        raise ConnectionError(
            f"{url} {answer} ({type(error).__name__}): check the address and the connection, and run this again."
        ) from None
    except OSError as error:
        raise type(error)(
            f"{url} cannot be stored in {folder} ({error.strerror or error}): make room there and run this again."
        ) from None
    except ValueError:
        raise ValueError(
            f"What came from {url} has not the SHA-256 {sha256}, and is not kept: run this again, and if that "
            "repeats, the address holds another file now."
        ) from None
