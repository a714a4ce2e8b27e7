"""Text to token ids and back: characters, words, and byte-level byte-pair encoding (BPE).

All three tokenizers number their tokens alike:

    id 0, 1, 2      the special tokens <|padding|>, <|start|>, <|end|>: a text becomes one only where that is allowed
    id 3 … 258      the 256 bytes: what a tokenizer has not learned, it spells out in UTF-8
    id 259 …        what it learned from a text: characters, words, or merges of earlier tokens

Since every text is bytes in the end, ``decode(encode(text)) == text`` for any text in any language.
"""

import codecs
import json
import os
import re
from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from heapq import heapify, heappop, heappush
from itertools import chain
from math import inf
from operator import add, index
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from bigmodel.files import write_whole

SPECIALS = {"<|padding|>": 0, "<|start|>": 1, "<|end|>": 2}
BYTES = {bytes([byte]): len(SPECIALS) + byte for byte in range(256)}
SMALLEST = len(SPECIALS) + len(BYTES)  # the size of a vocabulary that has learned nothing

# Text is cut into pieces first, and no token reaches over a cut. The classes of characters are written out,
# since \w and \s mean something else in each version of Python and in each other library.
DIGIT = r"0-9"
HANZI = r"\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
SIGN = (
    r"\x00-\x08\x0b\x0c\x0e-\x1f!-/:-@\[-`{-\u00bf\u00d7\u00f7\u2000-\u2bff\u3000-\u3004\u3008-\u303f\ufe00-\ufe6f"
    r"\uff00-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65\ufff0-\uffff\U0001f000-\U0001ffff"
)
LETTER = rf"^ \t\n\r{DIGIT}{HANZI}{SIGN}"  # what is left: the letters of every alphabet


def pieces_pattern(hanzi: int, signs: int) -> str:
    """The regular expression that cuts text into pieces of at most so many hanzi or signs.

    Words and signs carry the space before them, as in GPT-2. Every length has a limit: a text without
    spaces would otherwise be one endless piece.
    """
    return "|".join(
        [
            rf"['\u2019](?:s|t|d|m|ll|re|ve)(?![{LETTER}])",  # the ends of Mia's, don't, we'll
            rf" ?[{LETTER}]{{1,24}}",
            rf"[{DIGIT}]{{1,3}}",
            rf"[{HANZI}]{{1,{hanzi}}}",
            rf" ?[{SIGN}]{{1,{signs}}}",
            r"[\t\n\r]{1,8}",
            rf" {{1,32}}(?![^ \t\n\r{DIGIT}{HANZI}])",  # spaces, but the one that a word or sign takes along
        ]
    )


CHARACTERS = r"(?s:.)"
WORDS = pieces_pattern(hanzi=1, signs=1)
CHUNKS = pieces_pattern(hanzi=8, signs=8)


class Tokenizer(ABC):
    """A vocabulary, and a way to write any text with it.

    Args:
        vocabulary: The id of each token's bytes.
        specials: The ids of the special tokens by name (two names may share one id). Together with those of
            ``vocabulary`` they are 0 … V − 1.
        pattern: Cuts a text into pieces; a character that it leaves out is a piece of its own.

    Raises:
        ValueError: These do not fit together.
    """

    def __init__(self, vocabulary: Mapping[bytes, int], specials: Mapping[str, int], pattern: str) -> None:
        _check_vocabulary(vocabulary, specials)
        if re.compile(pattern).groups:
            raise ValueError(f"the pattern {pattern!r:.60} has a group that captures: write it as (?:…)")
        self.vocabulary = dict(vocabulary)
        self.specials = dict(specials)
        self.pattern = pattern
        self.padding, self.start, self.end = (specials[name] for name in SPECIALS)
        bytes_of = {number: token for token, number in vocabulary.items()}
        size = len(vocabulary) + len(set(specials.values()))
        self._bytes = [bytes_of.get(number, b"") for number in range(size)]
        self._ids = lru_cache(maxsize=2**16)(self._ids_of_piece)

    @abstractmethod
    def _ids_of_piece(self, piece: str) -> tuple[int, ...]:
        """The ids that write one piece."""

    @property
    def vocab_size(self) -> int:
        """V: how many ids there are, and so how many logits a model of this vocabulary gives."""
        return len(self._bytes)

    @cached_property
    def tokens(self) -> list[str]:
        """A readable name for each id: "␣the", "<0xE4>", "<|end|>". Different tokens have different names."""
        names = [readable(token) for token in self._bytes]
        for name, number in reversed(self.specials.items()):
            names[number] = name
        return names

    def token_bytes(self, token: int) -> bytes:
        """The bytes that a token stands for: none for a special token. Raises ValueError for no such id."""
        return self._bytes[self._checked([token])[0]]

    def encode(self, text: str, allowed_special: Collection[str] | Literal["all"] = ()) -> list[int]:
        """The ids that write ``text``.

        Args:
            text: Any text.
            allowed_special: Names of the special tokens that become their ids where the text says them, or
                "all". Any other is plain text, so that nobody ends a document by writing "<|end|>" into it.

        Raises:
            ValueError: It is not text, half a surrogate pair included, or a name is no special token.
        """
        _check_text(text)
        allowed = self.specials if allowed_special == "all" else allowed_special
        for name in allowed:
            if name not in self.specials:
                known = ", ".join(self.specials)
                raise ValueError(f'{name!r} is no special token: allow some of {known}, or "all" of them')
        ids: list[int] = []
        for part in re.split(f"({_any_of(allowed)})", text) if allowed else [text]:
            if part in allowed:
                ids.append(self.specials[part])
            else:
                ids.extend(chain.from_iterable(map(self._ids, cut(self.pattern, part))))
        return ids

    def pieces(self, text: str) -> list[str]:
        """``text`` cut into the pieces that ``encode`` writes one by one; no token reaches over a cut."""
        _check_text(text)
        return list(cut(self.pattern, text))

    def decode(self, ids: Iterable[int]) -> str:
        """The text that ``ids`` write. Special tokens are dropped; bytes that are no character become U+FFFD.

        Raises:
            ValueError: An id is not in the vocabulary.
        """
        return b"".join([self._bytes[token] for token in self._checked(ids)]).decode("utf-8", "replace")

    def _checked(self, ids: Iterable[int]) -> list[int]:
        try:
            numbers = [index(number) for number in ids]
        except (TypeError, ValueError):
            raise ValueError(f"ids must be one row of whole numbers, not {ids!r:.80}") from None
        for number in numbers:
            if not 0 <= number < self.vocab_size:
                known = f"0 to {self.vocab_size - 1}"
                raise ValueError(f"id {number} is not in this vocabulary ({known}): use the tokenizer it is from")
        return numbers

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the tokenizer to ``path`` as readable JSON, whole or not at all; ``load`` reads it back."""
        write_whole(path, json.dumps(self._state(), ensure_ascii=False, indent=1).encode())

    def _state(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "kind": type(self).__name__,
            "pattern": self.pattern,
            "specials": self.specials,
            "tokens": self.tokens,
        }

    @classmethod
    @abstractmethod
    def _from_state(cls, state: dict[str, Any]) -> "Tokenizer":
        """The tokenizer whose ``_state`` this is."""

    def __reduce__(self) -> tuple[Any, ...]:
        return self._from_state, (self._state(),)  # pickled for another process: without the cache

    def __repr__(self) -> str:
        return f"{type(self).__name__}(vocab_size={self.vocab_size})"


class LongestMatch(Tokenizer):
    """A piece that was learned is one token; any other is written with the longest tokens from the left."""

    learns: ClassVar[str]  # the pattern of the pieces to learn

    @classmethod
    def train(cls, text: str, vocab_size: int | None = None) -> Self:
        """Learn the pieces of ``text``: all, or the most frequent ones until there are ``vocab_size`` ids.

        Of equally frequent ones, the one with the smaller bytes comes first.

        Raises:
            ValueError: The text is empty, or has too few different pieces for ``vocab_size``.
        """
        counts = count_pieces(text, cls.learns)
        learned = sorted((-count, piece.encode()) for piece, count in counts.items() if len(piece.encode()) > 1)
        possible = SMALLEST + len(learned)
        vocab_size = possible if vocab_size is None else vocab_size
        _check_size(vocab_size, possible)
        vocabulary = numbered(piece for _, piece in learned[: vocab_size - SMALLEST])
        return cls(vocabulary, SPECIALS, cls.learns)

    @cached_property
    def _longest(self) -> int:
        return max(map(len, self.vocabulary))

    def _ids_of_piece(self, piece: str) -> tuple[int, ...]:
        data = piece.encode()
        ids = []
        start = 0
        while start < len(data):
            ends = range(min(start + self._longest, len(data)), start, -1)
            end = next(end for end in ends if data[start:end] in self.vocabulary)
            ids.append(self.vocabulary[data[start:end]])
            start = end
        return tuple(ids)

    @classmethod
    def _from_state(cls, state: dict[str, Any]) -> "Tokenizer":
        return cls(_vocabulary(state), state["specials"], state["pattern"])


class CharacterTokenizer(LongestMatch):
    """One token a character. Those of ASCII are bytes already, so that it learns only the others."""

    learns = CHARACTERS


class WordTokenizer(LongestMatch):
    """One token a word, with the space before it; a hanzi is a word, and so is a sign.

    A word that was not learned is spelled with shorter ones and with bytes.
    """

    learns = WORDS


class BytePairTokenizer(Tokenizer):
    """Byte-level BPE: a piece starts as its bytes, and merges join neighbours, the earliest learned first.

    Sources: Sennrich et al. 2016, arXiv:1508.07909; on bytes, Radford et al. 2019 (GPT-2).

    Args:
        merges: Pairs of tokens in the order in which they were learned.
        vocabulary: The id of each token's bytes, for a foreign vocabulary (that of GPT-2, say); by default
            the ids are those of this module.
        specials: The ids of the special tokens by name.
        pattern: Cuts a text into pieces; by default ``CHUNKS``.
    """

    def __init__(
        self,
        merges: Sequence[tuple[bytes, bytes]],
        vocabulary: Mapping[bytes, int] | None = None,
        specials: Mapping[str, int] = SPECIALS,
        pattern: str | None = None,
    ) -> None:
        if vocabulary is None:
            vocabulary = numbered(left + right for left, right in merges)
        super().__init__(vocabulary, specials, CHUNKS if pattern is None else pattern)
        _check_merges(merges, vocabulary)
        self.merges = list(merges)
        # As in PairCounts, a token is one character, chr(id), and so a pair is a string of two.
        symbol = {token: chr(number) for token, number in vocabulary.items()}
        self._byte_symbols = [symbol[bytes([byte])] for byte in range(256)]
        merged = {symbol[left] + symbol[right]: symbol[left + right] for left, right in merges}
        self._ranks = {pair: rank for rank, pair in enumerate(merged)}
        self._joined = list(merged.values())  # what the pair of each rank becomes

    @classmethod
    def train(cls, text: str, vocab_size: int) -> "BytePairTokenizer":
        """Learn merges from ``text`` until there are exactly ``vocab_size`` ids (see ``learn_merges``).

        Raises:
            ValueError: The text is empty, or is used up before there are so many. It says how many it gives,
                since ids that no text ever has would only be dead weight in a model.
        """
        pieces = count_pieces(text, CHUNKS)
        _check_size(vocab_size)
        merges = learn_merges(pieces, vocab_size - SMALLEST)
        _check_size(vocab_size, SMALLEST + len(merges))
        return cls(merges)

    def _ids_of_piece(self, piece: str) -> tuple[int, ...]:
        # Merging takes the right one of two tokens out: before and after say who is whose neighbour now. The empty
        # last token has no pair with any other, and is the neighbour of both ends (index -1 is the last, too).
        tokens = [*(self._byte_symbols[byte] for byte in piece.encode()), ""]
        before, after = list(range(-1, len(tokens) - 1)), list(range(1, len(tokens) + 1))
        rank_of, never = self._ranks.get, len(self._ranks)
        ranks = [*(rank_of(pair, never) for pair in map(add, tokens, tokens[1:])), never]
        heap = [(rank, here) for here, rank in enumerate(ranks) if rank < never]
        heapify(heap)
        while heap:
            rank, here = heappop(heap)
            if ranks[here] != rank:
                continue  # one of the two has been merged with another neighbour since
            gone = after[here]
            tokens[here], tokens[gone], ranks[gone] = self._joined[rank], "", never
            after[here] = after[gone]
            before[after[here]] = here
            for left, right in ((before[here], here), (here, after[here])):
                ranks[left] = rank_of(tokens[left] + tokens[right], never)
                if ranks[left] < never:
                    heappush(heap, (ranks[left], left))
        return tuple(map(ord, "".join(tokens)))

    def _state(self) -> dict[str, Any]:
        merges = [f"{readable(left)} {readable(right)}" for left, right in self.merges]
        return super()._state() | {"merges": merges}

    @classmethod
    def _from_state(cls, state: dict[str, Any]) -> "Tokenizer":
        pairs = [pair.split(" ") for pair in state["merges"]]
        merges = [(from_readable(left), from_readable(right)) for left, right in pairs]
        return cls(merges, _vocabulary(state), state["specials"], state["pattern"])


def cut(pattern: str, text: str) -> Iterator[str]:
    """The pieces of ``text``; a character that ``pattern`` leaves out is a piece of its own.

    They are found a block at a time: a list of all would take many times the room of the text. The last pieces
    of a block might go on behind its end, and are found again with the next.
    """
    return chain.from_iterable(_blocks(re.compile(f"{pattern}|{CHARACTERS}"), text))


def _blocks(pattern: re.Pattern[str], text: str) -> Iterator[list[str]]:
    start, size, again = 0, 2**17, 8
    while start + size < len(text):
        found = pattern.findall(text, start, start + size)
        if len(found) > again:
            start += size - sum(map(len, found[-again:]))
            del found[-again:]
            yield found
        else:
            size *= 2  # one piece fills the block
    yield pattern.findall(text, start)


def count_pieces(text: str, pattern: str) -> Counter[str]:
    """How often each piece of a text to train on occurs; special tokens written in it are cut out before.

    Raises:
        ValueError: The text is empty, or is not text.
    """
    _check_text(text)
    if not text:
        raise ValueError("the text to train on is empty: give it at least one character")
    return Counter(chain.from_iterable(cut(pattern, part) for part in re.split(_any_of(SPECIALS), text)))


def learn_merges(pieces: Mapping[str, int], n: int) -> list[tuple[bytes, bytes]]:
    """The first ``n`` merges of byte-pair encoding, learned from ``pieces`` of text and their frequencies.

    Over and over, the most frequent pair of neighbours becomes one token. Of equally frequent pairs, that
    with the older left token (the smaller id) comes first, then that with the older right token. The list
    is shorter than ``n`` if every piece has become one token before.
    """
    words = ["".join([chr(BYTES[bytes([byte])]) for byte in piece.encode()]) for piece in pieces]
    pairs = PairCounts(words, list(pieces.values()))
    token_bytes = {chr(number): byte for byte, number in BYTES.items()}
    merges: list[tuple[bytes, bytes]] = []
    while len(merges) < n and (pair := pairs.most_frequent()):
        left, right = token_bytes[pair[0]], token_bytes[pair[1]]
        merges.append((left, right))
        new = chr(len(SPECIALS) + len(token_bytes))
        token_bytes[new] = left + right
        pairs.merge(pair, new)
    return merges


class PairCounts:
    """How often each pair of neighbouring tokens stands in a text, kept up to date while pairs are merged.

    A word is a string with one character, chr(id), for each of its tokens; so a pair is a string of two, and
    ``str.replace`` merges it at the speed of C. Counting anew after every merge would take minutes: here only
    the neighbourhood of the merged pair is counted again.
    """

    def __init__(self, words: list[str], frequencies: list[int]) -> None:
        self.words = words
        self.frequencies = frequencies
        self.counts: dict[str, int] = defaultdict(int)
        self.places: dict[str, set[int]] = defaultdict(set)  # the words in which a pair stands, or once stood
        for place, word in enumerate(words):
            self._add(place, word)
        self.heap = [(-count, pair) for pair, count in self.counts.items()]
        heapify(self.heap)

    def most_frequent(self) -> str:
        """The pair with the highest count, the smaller ids first; "" where there is no pair left."""
        while self.heap:
            count, pair = heappop(self.heap)
            if -count == self.counts[pair]:
                return pair
            if self.counts[pair] > 0:  # it has become rarer since it was put on the heap
                heappush(self.heap, (-self.counts[pair], pair))
        return ""

    def merge(self, pair: str, new: str) -> None:
        """Replace ``pair`` by the new token in every word, from left to right."""
        come: set[str] = set()
        for place in self.places.pop(pair):
            word = self.words[place]
            first, last = word.find(pair), word.rfind(pair)
            if first >= 0:
                around = word[max(first - 1, 0) : last + 3]  # with the neighbours on both sides
                self._remove(place, around)
                come |= self._add(place, around.replace(pair, new))
                self.words[place] = word.replace(pair, new)
        for neighbours in come:
            if new in neighbours:  # the count of any other pair is no higher than before
                heappush(self.heap, (-self.counts[neighbours], neighbours))

    def _add(self, place: int, tokens: str) -> set[str]:
        come = set(map(add, tokens, tokens[1:]))
        for pair in map(add, tokens, tokens[1:]):
            self.counts[pair] += self.frequencies[place]
        for pair in come:
            self.places[pair].add(place)
        return come

    def _remove(self, place: int, tokens: str) -> None:
        for pair in map(add, tokens, tokens[1:]):
            self.counts[pair] -= self.frequencies[place]


def numbered(learned: Iterable[bytes]) -> dict[bytes, int]:
    """The ids of the bytes and of ``learned`` tokens, in this order, a token that comes again only once."""
    vocabulary = dict(BYTES)
    for token in learned:
        vocabulary.setdefault(token, len(SPECIALS) + len(vocabulary))
    return vocabulary


def decode_stream(tokenizer: Tokenizer, ids: Iterable[int]) -> Iterator[str]:
    """The text of ``ids`` as they arrive, never cut inside a character; joined, ``tokenizer.decode(ids)``.

    A character whose bytes come with several tokens is held back until its last.

    Raises:
        ValueError: An id is not in the vocabulary, when it comes.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    yield from filter(None, (decoder.decode(tokenizer.token_bytes(token)) for token in ids))
    yield from filter(None, [decoder.decode(b"", final=True)])


def load(path: str | os.PathLike[str]) -> Tokenizer:
    """The tokenizer that ``save`` wrote to ``path``, of whichever kind, with the same ids.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is something else, or damaged.
    """
    try:
        state = json.loads(Path(path).read_bytes())
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no tokenizer at {path}: no such file") from None
    except (ValueError, RecursionError):
        raise ValueError(f"{path} is no tokenizer, or only a part of one: it is not whole JSON") from None
    if not isinstance(state, dict) or state.get("format") != FORMAT or state.get("kind") not in KINDS:
        raise ValueError(f"{path} is JSON, but no tokenizer that this version of bigmodel has saved")
    try:
        return KINDS[state["kind"]]._from_state(state)
    except (LookupError, ValueError, TypeError, AttributeError, re.error) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise ValueError(f"{path} is a damaged tokenizer: {reason}") from error


def readable(token: bytes) -> str:
    """``token`` as text for pictures and files: a space as ␣, a newline as ⏎, bytes that show nothing as <0xE4>.

    ``from_readable`` is its inverse, for any bytes.
    """
    text = token.decode("utf-8", "surrogateescape")
    unclear = "␣⏎<" if "<0x" in text else "␣⏎"  # what would be read as something else
    return "".join([_shown(character, unclear) for character in text])


def from_readable(name: str) -> bytes:
    """The bytes of the token whose ``readable`` form is ``name``."""
    parts = re.split("<0x([0-9A-F]{2})>", name)  # text, byte, text, byte, …, text
    parts[::2] = [part.replace("␣", " ").replace("⏎", "\n").encode().hex() for part in parts[::2]]
    return bytes.fromhex("".join(parts))


def _shown(character: str, unclear: str) -> str:
    if character in " \n":
        return "␣" if character == " " else "⏎"
    if character.isprintable() and character not in unclear:
        return character
    return "".join(f"<0x{byte:02X}>" for byte in character.encode("utf-8", "surrogateescape"))


def _vocabulary(state: dict[str, Any]) -> dict[bytes, int]:
    special = set(state["specials"].values())
    return {from_readable(name): i for i, name in enumerate(state["tokens"]) if i not in special}


def _any_of(names: Iterable[str]) -> str:
    """The regular expression for these very words, the longest first where one begins like another."""
    return "|".join(map(re.escape, sorted(names, key=len, reverse=True)))


def _check_text(text: str) -> None:
    if not isinstance(text, str):
        raise ValueError(f"a tokenizer reads text (str), not {type(text).__name__}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        broken = f"{text[error.start]!r} at position {error.start}"
        raise ValueError(f"{broken} is half of a surrogate pair, not a character: remove it") from None


def _check_size(vocab_size: int, possible: float = inf) -> None:
    if type(vocab_size) is not int or vocab_size < SMALLEST:
        raise ValueError(
            f"vocab_size must be a whole number of at least {SMALLEST} "
            f"({len(SPECIALS)} special tokens and {len(BYTES)} bytes), not {vocab_size!r}"
        )
    if vocab_size > possible:
        raise ValueError(
            f"this text gives a vocabulary of at most {possible} tokens, not vocab_size={vocab_size}: "
            f"train on more text, or ask for {possible}"
        )


def _check_vocabulary(vocabulary: Mapping[bytes, int], specials: Mapping[str, int]) -> None:
    missing = [name for name in SPECIALS if name not in specials]
    if missing:
        raise ValueError(f"specials give no id for {missing[0]}")
    spelled = [byte for byte in BYTES if byte not in vocabulary]
    if spelled:
        raise ValueError(f"the vocabulary has no token for the byte {readable(spelled[0])}")
    ids = [*vocabulary.values(), *set(specials.values())]
    if set(map(type, ids)) != {int} or sorted(ids) != list(range(len(ids))):
        raise ValueError(f"the ids of {len(ids)} tokens must be 0 to {len(ids) - 1}, each of them once")


def _check_merges(merges: Sequence[tuple[bytes, bytes]], vocabulary: Mapping[bytes, int]) -> None:
    made = set(BYTES)
    for left, right in merges:
        unknown = [token for token in (left, right) if token not in made]
        if unknown:
            raise ValueError(f"{readable(unknown[0])} is merged before any merge has made it")
        made.add(left + right)
    if made != set(vocabulary):
        odd = readable(min(made ^ set(vocabulary)))
        raise ValueError(f"the merges and the vocabulary disagree about the token {odd}")


FORMAT = "bigmodel tokenizer 1"
KINDS: dict[str, type[Tokenizer]] = {
    kind.__name__: kind for kind in (CharacterTokenizer, WordTokenizer, BytePairTokenizer)
}
