"""Graders of notebook 06: decode, encode, compression, ranking, digits, the smallest vocabulary."""

import math
import random
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from bigmodel.check.grader import grader
from bigmodel.tokenizer import BytePairTokenizer

Merges = Sequence[tuple[bytes, bytes]]
Encode = Callable[[str], list[int]]
Strategy = Callable[[bytes, Merges], list[bytes]]


# ---------------------------------------------------------------------------------------------------------
# Ids to text
# ---------------------------------------------------------------------------------------------------------

KEYS = [
    (0xE9, 0x92),
    (256, 0xA5),
    (0x20, ord("k")),
    (258, ord("e")),
]  # …, 257 is 钥, 258 is " k", 259 is " ke"


@grader(
    hint="make a list of the bytes of every id: first the 256 bytes, then for each merge the bytes of its two sides.",
    why="A token is a tree, and its leaves are bytes: no id is unknown, and no byte is lost.",
)
def decode(answer: Callable[[list[int], list[tuple[int, int]]], str]) -> str | None:
    for ids, merges, why in (
        ([107, 101, 121], [], "ids below 256 are bytes"),
        ([107, 257], [(101, 121), (256, 115)], "id 257 joins id 256, itself a merge, and the byte of s"),
        ([259, 121, 32, 257, 0xE5, 0x8C, 0x99], KEYS, "three ids here are the bytes of one character"),
        ([104, 105, 0xF0, 0x9F, 0xA6], [], "the last three bytes begin a character that does not end"),
        ([0xE9, 33], [], "a byte that is no character stands between two that are read"),
    ):
        given, merges_given = list(ids), list(merges)
        try:
            value = answer(given, merges_given)
        except UnicodeDecodeError:
            return (
                f"for the ids {ids} your answer stopped at bytes that are no character. A model may write such "
                'bytes at any time: decode with errors="replace", which puts � in their place.'
            )
        except ValueError as error:
            if "range(0, 256)" not in str(error):
                raise
            return (
                f"for the ids {ids} with the merges {merges} your answer took an id above 255 for a byte. A merge may "
                "join tokens that are merges themselves: go on until only bytes are left."
            )
        if given != ids or merges_given != merges:
            return "your function changed the lists that it was given: build new ones."
        if (wrong := _no_text(value)) is not None:
            return wrong
        if value != (right := _decoded(ids, merges)):
            seen = f"for the ids {ids} with the merges {merges} your text is {value!r}, expected {right!r}"
            return f"{seen}: {_decode_mistake(value, ids, merges) or why}."
    return None


def _no_text(value: Any) -> str | None:
    if isinstance(value, bytes):
        return f"your function returned the bytes {value!r}: decode them from UTF-8 at the end."
    if not isinstance(value, str):
        return f"your function returned {_kind(value)}, expected a text (str)."
    if re.match(r"b['\"]", value):
        return f"your text begins with {value[:4]!r}: str(bytes) writes bytes down as Python does. Use .decode()."
    return None


def _bytes_of(merges: Sequence[tuple[int, int]], turned: bool = False) -> list[bytes]:
    token_bytes = [bytes([byte]) for byte in range(256)]
    for left, right in merges:
        sides = (token_bytes[left], token_bytes[right])
        token_bytes.append(b"".join(sides[::-1] if turned else sides))
    return token_bytes


def _decoded(ids: Sequence[int], merges: Sequence[tuple[int, int]], turned: bool = False) -> str:
    token_bytes = _bytes_of(merges, turned)
    return b"".join(token_bytes[token] for token in ids).decode("utf-8", "replace")


def _decode_mistake(value: str, ids: Sequence[int], merges: Sequence[tuple[int, int]]) -> str | None:
    token_bytes = _bytes_of(merges)
    data = b"".join(token_bytes[token] for token in ids)
    above = data.decode("latin-1")
    alone = "".join(token_bytes[token].decode("utf-8", "replace") for token in ids)
    shifted = b"".join([*token_bytes, b""][token - (token > 255)] if token != 256 else b"" for token in ids)
    mistakes = {
        above: "each byte was made a character of its own (chr, latin-1). Collect all bytes, then decode UTF-8 once",
        alone: "each token was decoded by itself, and a character may be spread over several. Join all bytes first",
        data.decode("utf-8", "ignore"): 'bytes that are no character were left out; errors="replace" shows � for them',
        _decoded(ids, merges, turned=True): "the sides of a merge are the wrong way round: first left, then right",
        "".join(chr(token) for token in ids): "ids are no characters: an id below 256 is a byte",
        data.decode("ascii", "replace"): "these bytes are UTF-8, not ASCII",
        _decoded([token for token in ids if token < 256], []): "ids from 256 on were left out",
        shifted.decode("utf-8", "replace"): "every merge is one place off: the first merge makes id 256",
        _decoded(ids[::-1], merges): "the tokens are in the wrong order",
    }
    return mistakes.get(value)


# ---------------------------------------------------------------------------------------------------------
# Text to tokens
# ---------------------------------------------------------------------------------------------------------

SHE = [(b"h", b"e"), (b"s", b"h"), (b"s", b"he")]


@grader(
    hint="start from single bytes; while pairs of neighbours are in the list, merge the one that stands first in it.",
    why="So encodes every large model: when a merge was learned decides, not where its pair stands.",
)
def encode(answer: Callable[[bytes, list[tuple[bytes, bytes]]], list[bytes]]) -> str | None:
    cases = [
        (b"key", []),
        (b"she", SHE),
        (b"aaaaa", [(b"a", b"a")]),
        (b" the then", [(b"h", b"e"), (b"t", b"he"), (b" ", b"the"), (b" the", b"n")]),
        (b"aaaaaaa", [(b"a", b"a"), (b"aa", b"aa")]),
        ("é钥".encode(), [(b"\xc3", b"\xa9"), (b"\xe9", b"\x92"), (b"\xe9\x92", b"\xa5")]),
        (b"", SHE),
        *_random_pieces(),
    ]
    values = []
    for piece, merges in cases:
        given = list(merges)
        value = answer(piece, given)
        if given != merges:
            return "your function changed the list of merges, which the next piece needs again: work on a copy."
        shown = f"for {piece!r} with the merges {_pairs(merges)}"
        if (wrong := _no_tokens(value, shown)) is not None:
            return wrong
        values.append(list(value))
    for value, (piece, merges) in zip(values, cases, strict=True):
        if value != (right := _encoded(piece, merges)):
            shown = f"for {piece!r} with the merges {_pairs(merges)} your tokens are {_row(value)}"
            return f"{shown}, expected {_row(right)}: {_encode_mistake(value, piece, merges, values, cases)}."
    return None


def _no_tokens(value: Any, shown: str) -> str | None:
    if not isinstance(value, (list, tuple)):
        return f"your function returned {_kind(value)}, expected a list of tokens, each of them bytes."
    if all(isinstance(token, bytes) for token in value):
        return None
    odd = next(token for token in value if not isinstance(token, bytes))
    if isinstance(odd, int):
        return f"{shown} your list has the number {odd}: going through bytes gives numbers. A token is bytes([number])."
    return f"{shown} your list has {odd!r}, of type {type(odd).__name__}: tokens are bytes, as in the merges."


def _random_pieces() -> list[tuple[bytes, list[tuple[bytes, bytes]]]]:
    chance = random.Random(0)
    cases = []
    for letters in ("ab", "abc", "she l"):
        text = "".join(letters[int(chance.random() * len(letters))] for _ in range(60))
        merges = BytePairTokenizer.train(text, 259 + 6).merges
        cases += [(text[start : start + 12].encode(), merges) for start in range(0, 60, 12)]
    return cases


def _bytes(piece: bytes, merges: Merges = ()) -> list[bytes]:
    return [bytes([byte]) for byte in piece]


def _encoded(piece: bytes, merges: Merges) -> list[bytes]:
    tokens = _bytes(piece)
    for pair in merges:
        tokens = _joined(tokens, pair)
    return tokens


def _joined(tokens: list[bytes], pair: tuple[bytes, bytes]) -> list[bytes]:
    joined: list[bytes] = []
    for token in tokens:
        if joined and (joined[-1], token) == pair:
            joined[-1] += token
        else:
            joined.append(token)
    return joined


def _joined_at(tokens: list[bytes], place: int) -> list[bytes]:
    return [*tokens[:place], tokens[place] + tokens[place + 1], *tokens[place + 2 :]]


def _choosing(choose: Callable[[list[int], list[bytes], Merges], int]) -> Strategy:
    """What comes of merging, of the places where a known pair stands, the chosen one, over and over."""

    def encode(piece: bytes, merges: Merges) -> list[bytes]:
        tokens = _bytes(piece)
        while places := [place for place, pair in enumerate(pairwise(tokens)) if pair in merges]:
            tokens = _joined_at(tokens, choose(places, tokens, merges))
        return tokens

    return encode


def _latest(places: list[int], tokens: list[bytes], merges: Merges) -> int:
    return max(places, key=lambda place: list(merges).index((tokens[place], tokens[place + 1])))


def _longest(piece: bytes, merges: Merges) -> list[bytes]:
    known = {left + right for left, right in merges} | set(_bytes(piece))
    tokens = []
    while piece:
        size = next(n for n in range(len(piece), 0, -1) if piece[:n] in known)
        tokens.append(piece[:size])
        piece = piece[size:]
    return tokens


def _once_each(piece: bytes, merges: Merges) -> list[bytes]:
    tokens = _bytes(piece)
    for pair in merges:
        if pair in pairwise(tokens):
            tokens = _joined_at(tokens, list(pairwise(tokens)).index(pair))
    return tokens


def _one_walk(piece: bytes, merges: Merges) -> list[bytes]:
    tokens: list[bytes] = []
    for token in _bytes(piece):
        if tokens and (tokens[-1], token) in merges:
            tokens[-1] += token
        else:
            tokens.append(token)
    return tokens


def _one_pair(piece: bytes, merges: Merges) -> list[bytes]:
    tokens = _bytes(piece)
    known = [pair for pair in merges if pair in pairwise(tokens)]
    return _joined(tokens, known[0]) if known else tokens


def _one_merge(piece: bytes, merges: Merges) -> list[bytes]:
    tokens = _bytes(piece)
    known = [pair for pair in merges if pair in pairwise(tokens)]
    return _joined_at(tokens, list(pairwise(tokens)).index(known[0])) if known else tokens


def _from_the_right(piece: bytes, merges: Merges) -> list[bytes]:
    turned = [(right[::-1], left[::-1]) for left, right in merges]
    return [token[::-1] for token in _encoded(piece[::-1], turned)][::-1]


IN_THE_LIST = "Take the one that stands first in the list of merges"
ENCODE_MISTAKES: dict[str, Strategy] = {
    "nothing was merged": _bytes,
    f"you merged the known pair that stands first in the piece. {IN_THE_LIST}": _choosing(
        lambda places, tokens, merges: places[0]
    ),
    f"you merged the known pair that stands last in the piece. {IN_THE_LIST}": _choosing(
        lambda places, tokens, merges: places[-1]
    ),
    "you merged the pair that was learned last. The earliest goes first: it made the tokens that the later ones are "
    "built from": _choosing(_latest),
    "you took the longest token that fits, from the left. BPE takes the pairs in the order in which they were "
    "learned": _longest,
    "each merge was used at most once: a pair may stand in a piece several times": _once_each,
    "you went through the piece once, from the left. Look again after every merge: which pair of those that are "
    "there now stands first in the list?": _one_walk,
    "you stopped after one pair: look again, the new token may be half of another pair": _one_pair,
    "you stopped after one merge: look again until no pair of neighbours is in the list": _one_merge,
    "a run is merged from the left, and you went from the right": _from_the_right,
}


def _encode_mistake(
    value: list[bytes],
    piece: bytes,
    merges: Merges,
    values: list[list[bytes]],
    cases: Sequence[tuple[bytes, Merges]],
) -> str:
    if b"".join(value) != piece:
        return f"your tokens join to {b''.join(value)!r}, and no byte may be lost, or come twice"
    for sentence, mistaken in ENCODE_MISTAKES.items():
        if values == [mistaken(*case) for case in cases]:
            return sentence
    if left_over := [pair for pair in pairwise(value) if pair in merges]:
        left, right = left_over[0]
        return f"{_row([left])} and {_row([right])} still stand side by side, and the list has a merge for them"
    return "of the pairs that are in the piece, merge the one that stands first in the list, and look again"


# ---------------------------------------------------------------------------------------------------------
# Measures
# ---------------------------------------------------------------------------------------------------------


@grader(
    hint="the bytes of all texts, len(text.encode()), divided by the tokens of all texts, len(encode(text)).",
    why="Bytes belong to the text and tokens to the tokenizer, so this number compares tokenizers on one text.",
)
def bytes_per_token(answer: Callable[[list[str], Encode], float]) -> str | None:
    texts = ["a key", "钥匙在哪儿", "né", " the fox in the attic", "the end"]
    value, wrong = _number(answer(list(texts), _by_fours))
    if value is None:
        return wrong
    size, length = sum(len(text.encode()) for text in texts), sum(map(len, texts))
    tokens = sum(len(_by_fours(text)) for text in texts)
    each = [len(text.encode()) / len(_by_fours(text)) for text in texts]
    mistakes = {
        "that is characters a token: 钥 is one character, and three bytes. Use len(text.encode())": length / tokens,
        "that is turned around, tokens a byte": tokens / size,
        "that is tokens a character": tokens / length,
        "that is the mean of the texts' own ratios, in which a short text counts as much as a long one. Divide the "
        "sums": sum(each) / len(each),
        "you tokenized all texts as one: a token then reaches from one text into the next": (
            size / len(_by_fours("".join(texts)))
        ),
        "that is the first text alone": each[0],
        "that is the last text alone": each[-1],
        "that is words a token": sum(len(text.split()) for text in texts) / tokens,
        "those are the bytes: divide by the tokens": float(size),
        "those are the tokens": float(tokens),
        "that is bytes a text, not a token": size / len(texts),
        "that is bits a token: a byte is the unit here": 8 * size / tokens,
    }
    given = f"for {len(texts)} texts of {size} bytes, {length} characters and {tokens} tokens"
    if (sentence := _compare(value, size / tokens, mistakes, given)) is not None:
        return sentence
    one, wrong = _number(answer(["钥匙"], lambda text: list(text.encode())))
    if one is None or not math.isclose(one, 1.0, rel_tol=1e-6):
        return f"for a tokenizer of bytes your answer is {_shown(one, wrong)}, expected 1: one byte a token."
    return None


def _by_fours(text: str) -> list[int]:
    """One token for every four characters, and one for what is left."""
    return list(range(-(-len(text) // 4)))


@grader(
    hint="nats a token times tokens is the surprise at the whole text: sort the names by it (sorted, with a key).",
    why="The whole text costs what it costs, however it is cut: characters are only there to make the number readable.",
)
def ranking(answer: Callable[[Mapping[str, tuple[float, int, int]]], Any]) -> str | None:
    models = {
        "letters": (1.0, 1000, 1000),
        "syllables": (2.4, 400, 1000),
        "BPE": (2.6, 300, 1000),
        "pairs": (1.7, 500, 1000),
    }
    value = answer(dict(models))
    if isinstance(value, str) or not isinstance(value, (list, tuple)):
        return f"your function returned {_kind(value)}, expected a list of names, the best model first."
    if sorted(map(str, value)) != sorted(models):
        return f"your list is {list(value)}: it must have each of the names {list(models)} once, and nothing else."
    right = ["BPE", "pairs", "syllables", "letters"]
    if list(value) != right:
        return f"your order is {list(value)}, expected {right}: {_order_mistake(list(value))}."
    chance = random.Random(0)
    for _ in range(20):
        models = {name: (3 * chance.random(), int(900 * chance.random()) + 100, 2000) for name in "abcdef"}
        right = sorted(models, key=lambda name: models[name][0] * models[name][1])
        if list(answer(dict(models))) != right:
            return f"four models are right, {models} are not: expected {right}. Use nats a token times tokens."
    return None


def _order_mistake(order: list[str]) -> str:
    wrong = {
        "letters, pairs, syllables, BPE": "that is the order by nats a token. A model that is asked 1000 times pays "
        "1.0 a thousand times: multiply by tokens, divide by characters",
        "BPE, syllables, pairs, letters": "that is the order by loss turned round, or by tokens alone. Both count, as "
        "a product: BPE pays 2.6 · 300 = 780 nats, pairs 1.7 · 500 = 850",
        "letters, syllables, pairs, BPE": "that is the worst first: fewer bits a character are better",
    }
    costs = "the texts cost 1000, 960, 780 and 850 nats, in the order of the dictionary"
    return wrong.get(", ".join(order), costs)


# ---------------------------------------------------------------------------------------------------------
# Further
# ---------------------------------------------------------------------------------------------------------


@grader(
    hint="find the runs of digits with re.split('([0-9]+)', text); the first piece of a run of n digits has n % 3 of "
    "them, or three.",
    why="Thousands now stand above thousands: 1|234 and 11|234 share their last token, which helps a model to add.",
)
def cut_digits(answer: Callable[[str], Any]) -> str | None:
    for text in (
        "1234567",
        "12 keys",
        "in 2024, 100000 of 30",
        "007",
        "",
        "no digit",
        "x1234y",
        "3.14159",
        "1000",
    ):
        value = answer(text)
        if isinstance(value, str) or not isinstance(value, (list, tuple)):
            return f"your function returned {_kind(value)}, expected a list of pieces."
        if not all(isinstance(piece, str) for piece in value):
            odd = next(piece for piece in value if not isinstance(piece, str))
            return f"for {text!r} your list has {odd!r}: pieces are text (str); int would turn 007 into 7."
        if list(value) != (right := _digits_cut(text)):
            return f"for {text!r} your pieces are {list(value)}, expected {right}: {_digits_mistake(value, text)}."
    return None


def _digits_cut(text: str) -> list[str]:
    return re.findall(r"[0-9]{1,3}(?=(?:[0-9]{3})*(?![0-9]))|[^0-9]+", text)


def _digits_mistake(value: Sequence[str], text: str) -> str:
    joined = "".join(value)
    if joined == text:
        return _cut_mistake(value, text)
    if joined == text.translate({ord(digit): None for digit in "0123456789"}):
        return "the digits are gone: pieces must join to the text"
    if joined == "".join(re.findall("[0-9]", text)):
        return "what is not a digit is gone: pieces must join to the text"
    if joined.replace(",", "") == text.replace(",", ""):
        return "nothing may be written in between: a piece is a part of the text"
    return f"your pieces join to {joined!r}, which is not the text"


def _cut_mistake(value: Sequence[str], text: str) -> str:
    if "" in value:
        return "there are empty pieces: leave them out"
    if list(value) == re.findall("[0-9]{1,3}|[^0-9]+", text):
        return "that is three by three from the left. Count from the right, as people do: 1 234 567"
    if list(value) == re.findall("[0-9]|[^0-9]+", text):
        return "that is every digit by itself: groups have three"
    if list(value) == re.findall("[0-9]+|[^0-9]+", text):
        return "the numbers are whole: cut them into groups of three"
    if list(value) == [piece for run in re.findall("[0-9]+|[^0-9]", text) for piece in _digits_cut(run)]:
        return "what stands between numbers stays one piece"
    return "three digits a piece, counted from the right of each number; what is between stays as it is"


@grader(
    hint="BytePairTokenizer(tokenizer.merges[:n]) has 259 + n ids. Try n = 0, 1, 2, …, or halve the range.",
    why="One training holds all smaller vocabularies: choosing a size costs no new training.",
)
def smallest_vocabulary(answer: Callable[[BytePairTokenizer, str, int], int | None]) -> str | None:
    text = "the key is in the attic, and the fox is in the garden, and the hen is in the house"
    tokenizer = BytePairTokenizer.train(text, 285)
    tokens = [len(BytePairTokenizer(tokenizer.merges[:n]).encode(text)) for n in range(27)]
    for limit in (len(text), tokens[5], tokens[12], tokens[26], tokens[3] + 1):
        value = answer(tokenizer, text, limit)
        right = 259 + next(n for n in range(27) if tokens[n] <= limit)
        if isinstance(value, bool) or not isinstance(value, int):
            return f"your function returned {_kind(value)}, expected the number of ids, a whole number."
        if value != right:
            shown = f"for at most {limit} tokens your answer is {value}, expected {right}"
            return f"{shown}: {_size_mistake(value, right, limit, tokens)}."
    value = answer(tokenizer, text, 3)
    if value is not None:
        return f"even all 285 ids do not write this text in 3 tokens: return None there, not {value!r}."
    return None


def _size_mistake(value: int, right: int, limit: int, tokens: Sequence[int]) -> str:
    if value == right - 259:
        return "that is the number of merges; 3 special tokens and 256 bytes have ids as well"
    if value == right - 3:
        return "the 3 special tokens have ids as well: 3 + 256 + merges"
    if value == next((259 + n for n, count in enumerate(tokens) if count < limit), None):
        return f"{limit} tokens are allowed, so the comparison is ≤, not <"
    if value in (right + 1, right - 1):
        return f"one place off: {right} ids write it with {tokens[right - 259]} tokens"
    if value > right:
        return f"{right} ids are enough, with {tokens[right - 259]} tokens"
    if 0 <= value - 259 < len(tokens):
        return f"{value} ids need {tokens[value - 259]} tokens"
    return "a vocabulary has at least 259 ids"


# ---------------------------------------------------------------------------------------------------------
# Shared
# ---------------------------------------------------------------------------------------------------------


def _number(value: Any) -> tuple[float | None, str]:
    """A number out of whatever was returned, or a sentence about what is wrong with it."""
    if value is None:
        return None, "your function returned nothing: end it with `return`."
    if isinstance(value, (bool, str, list, tuple, dict)):
        return None, f"your function returned {_kind(value)}, expected one number."
    try:
        return float(value), ""
    except (TypeError, ValueError):
        return None, f"your function returned {_kind(value)}, expected one number."


def _compare(value: float, right: float, mistakes: Mapping[str, float], given: str) -> str | None:
    """None where the value is right; else which mistake has this very value, and where it shows."""
    if math.isclose(value, right, rel_tol=1e-6):
        return None
    numbers = f"{given} your answer is {value:.4g}, expected {right:.4g}"
    for sentence, mistaken in mistakes.items():
        if math.isclose(value, mistaken, rel_tol=1e-6):
            return f"{sentence}. {numbers[0].upper()}{numbers[1:]}."
    return f"{numbers}."


def _kind(value: Any) -> str:
    if value is None:
        return "nothing (end it with `return`)"
    if isinstance(value, (bool, str)):
        return repr(value)
    name = type(value).__name__
    return f"a {name} of {len(value)}" if hasattr(value, "__len__") else f"{name} {value!r:.40}"


def _shown(value: float | None, wrong: str) -> str:
    return f"{value:.4g}" if value is not None else f"no number ({wrong})"


def _row(tokens: Sequence[bytes]) -> str:
    return "|".join(repr(token)[2:-1] for token in tokens) or "(none)"


def _pairs(merges: Merges) -> str:
    return ", ".join(f"{_row([left])} {_row([right])}" for left, right in merges) or "(none)"
