"""The exercises of notebook 06: compression, learning byte-pair encoding, encode, decode, ranking; digits, a size."""

import math
import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import reduce
from itertools import groupby, pairwise
from typing import Any

from bigmodel.check.engine import exercise
from bigmodel.tokenizer import BytePairTokenizer

# One mistake, one line or two; a blank line within what belongs to an exercise, two between exercises.
# fmt: off
Tokens = list[bytes]
Pair = tuple[bytes, bytes]
Pieces = list[tuple[Tokens, int]]
Encode = Callable[[str], list[int]]

def by_fours(text: str) -> list[int]:
    """One token for every four characters, and one for what is left."""
    return list(range(-(-len(text) // 4)))

def by_bytes(text: str) -> list[int]:
    """One token for every byte."""
    return list(text.encode())

def size(texts: Sequence[str]) -> int:
    """How many bytes they have together."""
    return sum(len(text.encode()) for text in texts)

def cost(texts: Sequence[str], encode: Encode) -> int:
    """How many tokens they have together."""
    return sum(len(encode(text)) for text in texts)

@exercise(
    hints=("What is one byte of a text, and what is one token of it: how do you count each?",
           "The bytes of all texts, divided by the tokens of all texts: two sums, then one division.",
           "Add len(text.encode()) to one sum and len(encode(text)) to another, for each text."),
    why="Bytes belong to the text and tokens to the tokenizer, so this number compares tokenizers on one text.",
    cases=[
        (["a key", "钥匙在哪儿", "né", " the fox in the attic", "the end"], by_fours), (["钥匙"], by_bytes),
        (["钥匙", "the key"], by_fours),
    ],
    wrong={
        "that is characters a token: 钥 is one character, and three bytes. Use len(text.encode())":
            lambda texts, encode: sum(map(len, texts)) / cost(texts, encode),
        "that is the mean of the texts' ratios, in which a short text counts as much as a long one. Divide the sums":
            lambda texts, encode: sum(size([text]) / cost([text], encode) for text in texts) / len(texts),
        "you tokenized all texts as one: a token then reaches from one text into the next":
            lambda texts, encode: size(texts) / len(encode("".join(texts))),
        "that is the first text alone": lambda texts, encode: size(texts[:1]) / cost(texts[:1], encode),
        "those are the bytes: divide by the tokens": lambda texts, encode: size(texts),
    },
)
def bytes_per_token(texts: list[str], encode: Encode) -> float:
    data, tokens = 0, 0
    for text in texts:
        data += len(text.encode())
        tokens += len(encode(text))
    return data / tokens


def pieces_of(**counts: int) -> Pieces:
    """Pieces of letters; _ is a space."""
    return [([bytes([byte]) for byte in name.replace("_", " ").encode()], times) for name, times in counts.items()]

def counting(pairs: Callable[[Tokens], Any], weight: Callable[[int], int] = int) -> Callable[[Pieces], Counter[Pair]]:
    """Count some pairs of each piece, so many times."""
    def count(pieces: Pieces) -> Counter[Pair]:
        counts: Counter[Pair] = Counter()
        for tokens, times in pieces:
            for pair in pairs(tokens):
                counts[pair] += weight(times)
        return counts
    return count

@exercise(
    hints=("Which tokens stand side by side in s|h|e, and how often does each such pair stand in the text?",
           "Go through the pieces, and in each through the places 0 to len(tokens) − 2: the pair is that token and the"
           " next. It stands in the text as often as its piece does.",
           "pair = (tokens[place], tokens[place + 1]), then counts[pair] = counts.get(pair, 0) + times."),
    why="This count is all that byte-pair encoding ever looks at.",
    cases=[
        (pieces_of(she=2, _sea=3),), (pieces_of(banana=2, anna=5),), (pieces_of(aaa=1, a=7),),
        ([([b"sh", b"e"], 4), ([b" s", b"e", b"a"], 1), ([b"s", b"he"], 2)],),
    ],
    wrong={
        "each piece was counted once. It stands in the text several times: add its count":
            counting(pairwise, lambda times: 1),
        "a pair that stands twice in a piece was counted once": counting(lambda tokens: set(pairwise(tokens))),
        "the last pair of each piece is missing": counting(lambda tokens: list(pairwise(tokens))[:-1]),
        "the order of the two was lost: h e and e h are different pairs":
            counting(lambda tokens: map(tuple, map(sorted, pairwise(tokens)))),
        "left and right are exchanged": counting(lambda tokens: [(right, left) for left, right in pairwise(tokens)]),
        "a pair reaches over the end of a piece: no pair does":
            lambda pieces: counting(pairwise)([([token for tokens, _ in pieces for token in tokens], 1)]),
    },
)
def count_pairs(pieces: Pieces) -> dict[Pair, int]:
    counts: dict[Pair, int] = {}
    for tokens, times in pieces:
        for place in range(len(tokens) - 1):
            pair = (tokens[place], tokens[place + 1])
            counts[pair] = counts.get(pair, 0) + times
    return counts


def joined(tokens: Tokens, pair: Pair, fits: Callable[[bytes, bytes], bool] | None = None) -> Tokens:
    """The tokens with each occurrence of the pair as one, from the left; or of whatever fits."""
    result: Tokens = []
    while tokens:
        n = 2 if tokens[1:] and (fits(*tokens[:2]) if fits else tuple(tokens[:2]) == pair) else 1
        result, tokens = [*result, b"".join(tokens[:n])], tokens[n:]
    return result

def joined_from_the_right(tokens: Tokens, pair: Pair) -> Tokens:
    turned = joined([token[::-1] for token in tokens[::-1]], (pair[1][::-1], pair[0][::-1]))
    return [token[::-1] for token in turned[::-1]]

def joined_once(tokens: Tokens, pair: Pair) -> Tokens:
    return joined_at(tokens, [*pairwise(tokens)].index(pair)) if pair in pairwise(tokens) else list(tokens)

def joined_at(tokens: Tokens, place: int) -> Tokens:
    return [*tokens[:place], tokens[place] + tokens[place + 1], *tokens[place + 2 :]]

@exercise(
    hints=("Where you stand in the list, what do you have to look at before you know whether to join?",
           "Walk from the left with a place. Where this token and the next are the pair, the new list gets their sum "
           "and the place moves on by two; everywhere else the new list gets this token, and the place moves on by "
           "one.",
           "while place < len(tokens): if tuple(tokens[place : place + 2]) == pair, append pair[0] + pair[1]."),
    why="Learning and encoding are this step, over and over.",
    cases=[
        ([b"s", b"h", b"e", b"s", b"h"], (b"s", b"h")), ([b"a", b"a", b"a", b"a", b"a"], (b"a", b"a")),
        ([b"h", b"e", b"h", b"t", b"he"], (b"h", b"e")), ([b" s", b"e", b"a", b"s", b"ea"], (b"e", b"a")),
        ([b"a", b"bc", b"ab", b"c"], (b"ab", b"c")), ([b"x"], (b"x", b"x")), ([b"y", b"x", b"y"], (b"x", b"y")),
    ],
    wrong={
        "nothing was joined": lambda tokens, pair: list(tokens),
        "only the first occurrence was joined: join them all": joined_once,
        "a run is joined from the left, and you went from the right": joined_from_the_right,
        "the right token stands there as well: it is part of the new one now": lambda tokens, pair: [
            new for token in joined(tokens, pair) for new in (token, pair[1])[: 1 + (token == pair[0] + pair[1])]],
        "two tokens were joined because their bytes together are those of the pair. Each of the two must be the same":
            lambda tokens, pair: joined(tokens, pair, lambda a, b: a + b == pair[0] + pair[1]),
        "what follows the last pair is missing, or the last token is": lambda tokens, pair: joined(tokens, pair)[:-1],
    },
)
def merge(tokens: Tokens, pair: Pair) -> Tokens:
    merged = []
    place = 0
    while place < len(tokens):
        if tuple(tokens[place : place + 2]) == pair:
            merged.append(pair[0] + pair[1])
            place += 2
        else:
            merged.append(tokens[place])
            place += 1
    return merged


def learning(choose: Callable[[Counter[Pair], dict[bytes, int]], Pair]) -> Any:
    """Byte-pair encoding with another choice."""
    def learn(pieces: Pieces, n: int) -> list[Pair]:
        age, merges = {bytes([byte]): byte for byte in range(256)}, list[Pair]()
        while len(merges) < n and (counts := counting(pairwise)(pieces)):
            pair = choose(counts, age)
            merges.append(pair)
            age.setdefault(pair[0] + pair[1], len(age))
            pieces = [(joined(tokens, pair), times) for tokens, times in pieces]
        return merges
    return learn

def best(tie: Callable[[Pair, dict[bytes, int]], Any]) -> Callable[[Counter[Pair], dict[bytes, int]], Pair]:
    """The most frequent pair, by a rule for ties."""
    return lambda counts, age: min(counts, key=lambda pair: (-counts[pair], tie(pair, age)))

by_age = best(lambda pair, age: (age[pair[0]], age[pair[1]]))
SHELLS = [(tokens, times) for word, times in (
    ("she", 1), (" sells", 1), (" sea", 2), (" shells", 1), (" by", 1), (" the", 1), (" shore", 1))
    for tokens in [[bytes([byte]) for byte in word.encode()]]]  # fmt: skip

def random_pieces(letters: str, seed: int) -> Pieces:
    chance = random.Random(seed)
    words = Counter("".join(letters[int(len(letters) * chance.random())] for _ in range(5)) for _ in range(12))
    return [([bytes([byte]) for byte in word.encode()], times) for word, times in words.items()]

@exercise(
    hints=("After one pair has been joined everywhere, which counts are still true?",
           "n times: count the pairs anew, choose the best, note it, and make new pieces with merge. Python compares "
           "tuples from the left: the smallest (−count, age of left, age of right) is the best pair.",
           "ranked = [(-times, age[left], age[right], left, right) for each pair]; min(ranked) ends with the pair. "
           "Then age[left + right] = len(age), and pieces = [(merge(tokens, pair), times) for tokens, times in "
           "pieces]."),
    why="These lines, run on far more text, made the vocabularies of GPT, Llama and Qwen.",
    cases=[
        (SHELLS, 3), (SHELLS, 8), (pieces_of(abab=3, ab=1, cab=2), 9), (random_pieces("abc", 1), 8),
        (random_pieces("ab", 2), 10), (random_pieces("she l", 3), 1), (random_pieces("xyzw", 4), 12),
    ],
    wrong={
        "the pairs were counted once, at the beginning. After each merge the neighbours are others: count anew":
            lambda pieces, n: sorted((counts := counting(pairwise)(pieces)), key=lambda pair: (
                -counts[pair], *pair))[:n],
        "the same pair comes again: the pieces have to be made anew with merge, and counted anew":
            lambda pieces, n: [by_age(counting(pairwise)(pieces), {bytes([b]): b for b in range(256)})] * n,
        "the rarest pair came first; it is the most frequent that does":
            learning(lambda counts, age: min(counts, key=lambda pair: (counts[pair], age[pair[0]], age[pair[1]]))),
        "of equal counts you took the pair that was seen first. The older left token wins, then the older right one":
            learning(lambda counts, age: counts.most_common(1)[0][0]),
        "of equal counts you took the youngest. The older left token wins, then the older right one":
            learning(lambda counts, age: max(counts, key=lambda pair: (counts[pair], age[pair[0]], age[pair[1]]))),
        "of equal counts you took the smaller bytes. It is the age that decides: a token that was learned is younger "
        "than every byte": learning(best(lambda pair, age: pair)),
    },
)
def learn(pieces: Pieces, n: int) -> list[Pair]:
    age = {bytes([byte]): byte for byte in range(256)}
    merges: list[Pair] = []
    for _ in range(n):
        ranked = []
        for (left, right), times in count_pairs.right(pieces).items():
            ranked.append((-times, age[left], age[right], left, right))
        if not ranked:
            break
        pair = min(ranked)[-2:]
        merges.append(pair)
        age[pair[0] + pair[1]] = len(age)
        pieces = [(merge.right(tokens, pair), times) for tokens, times in pieces]
    return merges


def singles(piece: bytes) -> Tokens:
    return [bytes([byte]) for byte in piece]

def choosing(choose: Callable[..., int]) -> Callable[[bytes, list[Pair]], Tokens]:
    """What comes of merging, of the places where a known pair stands, the chosen one, over and over."""
    def encode(piece: bytes, merges: list[Pair]) -> Tokens:
        tokens = singles(piece)
        while places := [place for place, pair in enumerate(pairwise(tokens)) if pair in merges]:
            tokens = joined_at(tokens, choose(places, tokens, merges))
        return tokens
    return encode

def earliest(places: list[int], tokens: Tokens, merges: list[Pair]) -> int:
    return min(places, key=lambda place: merges.index((tokens[place], tokens[place + 1])))

def longest(piece: bytes, merges: list[Pair]) -> Tokens:
    known = {left + right for left, right in merges} | set(singles(piece))
    tokens = []
    while piece:
        length = next(n for n in range(len(piece), 0, -1) if piece[:n] in known)
        tokens.append(piece[:length])
        piece = piece[length:]
    return tokens

def in_order(join: Callable[[Tokens, Pair], Tokens], turn: int = 1) -> Any:
    """Each merge after the other, in the order of the list or against it."""
    return lambda piece, merges: reduce(join, merges[::turn], singles(piece))

def one_walk(piece: bytes, merges: list[Pair]) -> Tokens:
    tokens: Tokens = []
    for token in singles(piece):
        tokens = [*tokens[:-1], tokens[-1] + token] if tokens and (tokens[-1], token) in merges else [*tokens, token]
    return tokens

def by_bytes_of_pairs(piece: bytes, merges: list[Pair]) -> Tokens:
    """As some libraries rank: two tokens are joined if their bytes together are a known token."""
    rank = {left + right: place for place, (left, right) in reversed(list(enumerate(merges)))}
    tokens = singles(piece)
    while known := [rank[a + b] for a, b in pairwise(tokens) if a + b in rank]:
        place = next(i for i, (a, b) in enumerate(pairwise(tokens)) if rank.get(a + b) == min(known))
        tokens = joined_at(tokens, place)
    return tokens

def trained_pieces() -> list[tuple[bytes, list[Pair]]]:
    chance, cases = random.Random(0), []
    for letters in ("ab", "abc", "she l"):
        text = "".join(letters[int(chance.random() * len(letters))] for _ in range(60))
        merges = BytePairTokenizer.train(text, 259 + 6).merges
        cases += [(text[start : start + 12].encode(), merges) for start in range(0, 60, 12)]
    return cases

@exercise(
    hints=("Of two merges that could both be made in a piece, which one did the training make first?",
           "Begin with single bytes. The merge that was learned first goes first, wherever it stands, then the second "
           "…",
           "tokens = [bytes([byte]) for byte in piece], then for each pair of merges tokens = merge(tokens, pair)."),
    why="So do GPT, Llama and Qwen: when a merge was learned decides, not where its pair stands.",
    cases=[
        (b"she", [(b"h", b"e"), (b"s", b"h"), (b"s", b"he")]), (b"key", []), (b"aaaaa", [(b"a", b"a")]),
        (b"abc", [(b"b", b"c"), (b"a", b"b"), (b"ab", b"c")]),
        (b" the then", [(b"h", b"e"), (b"t", b"he"), (b" ", b"the"), (b" the", b"n")]),
        (b"aaaaaaa", [(b"a", b"a"), (b"aa", b"aa")]),
        ("é钥".encode(), [(b"\xc3", b"\xa9"), (b"\xe9", b"\x92"), (b"\xe9\x92", b"\xa5")]), (b"", [(b"h", b"e")]),
        (b" HE", [(b"h", b"e"), (b" ", b"H")]), *trained_pieces(),
    ],
    wrong={
        "nothing was merged": lambda piece, merges: singles(piece),
        "you merged the known pair that stands first in the piece. Take the one that stands first in the list of "
        "merges": choosing(lambda places, tokens, merges: places[0]),
        "you went through the merges from the last to the first. The earliest goes first: it made what the later ones "
        "are built from": in_order(joined, turn=-1),
        "you took the longest token that fits, from the left. BPE takes the pairs in the order in which they were "
        "learned": longest,
        "you went through the piece once, from the left. Look again after every merge: the new token may be half of "
        "another pair": one_walk,
        "two tokens were joined because their bytes together are a known token. It is the pair that must be in the "
        "list": by_bytes_of_pairs,
    },
    also_right=[choosing(earliest)],
)
def encode(piece: bytes, merges: list[Pair]) -> Tokens:
    tokens = [bytes([byte]) for byte in piece]
    for pair in merges:
        tokens = merge.right(tokens, pair)
    return tokens


Ids = list[int]
IdPairs = list[tuple[int, int]]

def table(merges: IdPairs, turned: bool = False) -> Tokens:
    """The bytes of every id."""
    tokens = [bytes([byte]) for byte in range(256)]
    for left, right in merges:
        tokens.append(tokens[right] + tokens[left] if turned else tokens[left] + tokens[right])
    return tokens

def data(ids: Ids, merges: IdPairs) -> bytes:
    """The bytes that ids write."""
    return b"".join(table(merges)[token] for token in ids)

def levels(depth: int) -> Callable[[Ids, IdPairs], str]:
    """Expand merges so many levels deep."""
    def decode(ids: Ids, merges: IdPairs) -> str:
        for _ in range(depth):
            ids = [side for token in ids for side in ([token] if token < 256 else merges[token - 256])]
        return bytes(ids).decode("utf-8", "replace")
    return decode

KEYS = [(0xE9, 0x92), (256, 0xA5), (0x20, ord("k")), (258, ord("e"))]  # 257 is 钥, 258 is " k", 259 is " ke"
DEEP = [(ord("s"), ord("e")), (256, ord("a")), (0x20, 257), (258, ord("s")), (259, 259)]  # 260 is " seas seas"

@exercise(
    hints=("Which bytes does id 256 stand for, and which does an id whose merge has id 256 in it?",
           "Make a list of the bytes of every id: first the 256 single bytes, then, for each merge, the bytes of its "
           "two sides, which are in the list by then. Join the bytes of all ids, and only then make text of them.",
           'token_bytes.append(token_bytes[left] + token_bytes[right]) for each merge; b"".join(…).decode("utf-8", '
           'errors="replace").'),
    why="A token is a tree, and its leaves are bytes: no id is unknown, and no byte is lost.",
    cases=[
        ([107, 257], [(101, 121), (256, 115)]), ([107, 101, 121], []), ([259, 121, 32, 257, 0xE5, 0x8C, 0x99], KEYS),
        ([260, 257], DEEP), ([0xE9, 33], []), ([104, 105, 0xF0, 0x9F, 0xA6], []), ([0xE9, 0x92, 0xA5, 10], []),
    ],
    wrong={
        'bytes that are no character may come at any time: decode with errors="replace", which puts � in their place':
            lambda ids, merges: data(ids, merges).decode(),
        "each byte was made a character of its own (chr, latin-1). Collect all bytes, then decode UTF-8 once":
            lambda ids, merges: data(ids, merges).decode("latin-1"),
        "each token was decoded by itself, and a character may be spread over several. Join all bytes first":
            lambda ids, merges: "".join(table(merges)[token].decode("utf-8", "replace") for token in ids),
        'bytes that are no character were left out; errors="replace" shows � for them':
            lambda ids, merges: data(ids, merges).decode("utf-8", "ignore"),
        "the sides of a merge are the wrong way round: first left, then right":
            lambda ids, merges: b"".join(table(merges, turned=True)[i] for i in ids).decode("utf-8", "replace"),
        "ids are no characters: an id below 256 is a byte, one from 256 on is a merge":
            lambda ids, merges: "".join(map(chr, ids)),
        "an id above 255 was taken for a byte. It is a merge, and its sides may be merges themselves": levels(1),
    },
    refused=[levels(2), levels(3)],
)
def decode(ids: Ids, merges: IdPairs) -> str:
    token_bytes = [bytes([byte]) for byte in range(256)]
    for left, right in merges:
        token_bytes.append(token_bytes[left] + token_bytes[right])
    joined = b""
    for token in ids:
        joined += token_bytes[token]
    return joined.decode("utf-8", errors="replace")


Models = dict[str, tuple[float, int, int]]

def sorting(measure: Callable[[float, int, int], float]) -> Callable[[Models], list[str]]:
    return lambda models: sorted(models, key=lambda name: measure(*models[name]))

def random_models(seed: int) -> Models:
    chance = random.Random(seed)
    return {name: (round(0.5 + 3 * chance.random(), 1), 100 + int(900 * chance.random()), 2000) for name in "abcde"}

@exercise(
    hints=("How surprised is each model by the whole text, and does that depend on how it was cut?",
           "Nats a token times tokens is the surprise at the whole text. The characters are the same for all.",
           "Write a function of a name that returns nats * tokens / characters, and give it to sorted as its key."),
    why="The whole text costs what it costs, however it is cut: characters are only there to make the number readable.",
    cases=[
        ({"letters": (1.0, 1000, 1000), "syllables": (1.8, 470, 1000), "pairs": (1.7, 460, 1000),
          "BPE": (2.5, 300, 1000)},),
        (random_models(1),), (random_models(2),), (random_models(3),),
    ],
    wrong={
        "that is the order by nats a token. A model that is asked 1000 times pays 1.0 a thousand times: multiply by "
        "tokens": sorting(lambda nats, tokens, characters: nats),
        "that is the order by tokens, fewest first: the loss counts as well": sorting(lambda n, tokens, c: tokens),
        "that is the worst first: fewer bits a character are better": sorting(lambda n, t, c: -n * t),
        "the tokens are upside down: multiply by them, do not divide": sorting(lambda n, t, c: n / t),
        "perplexities do not add up; nats do: multiply them by the tokens as they are":
            sorting(lambda n, t, c: math.exp(n) * t),
    },
    refused=[lambda models: ["BPE", "pairs", "syllables", "letters"]],
    equal={"totals.append((nats * tokens * characters, name))": "the characters are the same for all"},
)
def ranking(models: Models) -> list[str]:
    totals = []
    for name, (nats, tokens, characters) in models.items():
        totals.append((nats * tokens / characters, name))
    return [name for _, name in sorted(totals)]


def grouped(pieces: Sequence[str], is_number: Callable[[str], bool] = str.isdigit) -> list[str]:
    """Numbers among the pieces cut by three from the right."""
    cut = []
    for piece in pieces:
        first = len(piece) % 3 or 3
        ends = range(first, len(piece), 3)
        cut += [piece[:first], *(piece[i : i + 3] for i in ends)] if is_number(piece) else [piece]
    return cut

def ascii_number(piece: str) -> bool:
    return bool(re.fullmatch("[0-9]+", piece))

@exercise(
    hints=("How long is the first piece of a number of 4, 5, 6 and 7 digits?",
           "Find the runs of digits: re.split('([0-9]+)', text). Of a run of n digits the first piece has n % 3, or 3.",
           "first = len(run) % 3 or 3; the pieces are run[:first], then run[i : i + 3] for i from first in steps of "
           "3."),
    why="Thousands now stand above thousands: 1|234 and 11|234 share their last token, which helps a model to add.",
    cases=[
        (text,) for text in ("1234567", "12 keys", "in 2024, 100000 of 30", "007", "", "no digit", "x1234y", "3.14159",
                             "1000", "10²³ m", "x٣٤٥٦", "20000 1")
    ],
    wrong={
        "that is three by three from the left. Count from the right, as people do: 1 234 567":
            lambda text: re.findall("[0-9]{1,3}|[^0-9]+", text),
        "that is every digit by itself: groups have three": lambda text: re.findall("[0-9]|[^0-9]+", text),
        "the numbers are whole: cut them into groups of three": lambda text: re.findall("[0-9]+|[^0-9]+", text),
        "what is not a digit is gone: pieces must join to the text": lambda text: grouped(re.findall("[0-9]+", text)),
        "there are empty pieces: leave them out": lambda text: grouped(re.split("([0-9]+)", text), ascii_number),
        r"\d means the digits of every script; the text says 0 to 9":
            lambda text: grouped(re.findall(r"\d+|\D+", text)),
    },
    also_right=[lambda text: re.findall(r"[0-9]{1,3}(?=(?:[0-9]{3})*(?![0-9]))|[^0-9]+", text)],
    refused=[lambda text: grouped(["".join(run) for _, run in groupby(text, str.isdigit)])],
)
def cut_digits(text: str) -> list[str]:
    pieces = []
    for run in re.findall("[0-9]+|[^0-9]+", text):
        if run[0] not in "0123456789":
            pieces.append(run)
            continue
        first = len(run) % 3 or 3
        pieces.append(run[:first])
        for place in range(first, len(run), 3):
            pieces.append(run[place : place + 3])
    return pieces


ATTIC = "the key is in the attic, and the fox is in the garden, and the hen is in the house"
SEAS = "she sells sea shells by the sea shore, and he sells the shells that she sees"
LARGE, SMALL = BytePairTokenizer.train(ATTIC, 285), BytePairTokenizer.train(SEAS, 275)

def tokens_with(tokenizer: BytePairTokenizer, text: str, n: int) -> int:
    return len(BytePairTokenizer(tokenizer.merges[:n]).encode(text))

def first_size(shift: int = 259, allow: int = 0, last: int = 0, none: int = 0) -> Any:
    def smallest(tokenizer: BytePairTokenizer, text: str, limit: int) -> int | None:
        sizes = range(len(tokenizer.merges) + 1 - last)
        fitting = (n + shift for n in sizes if tokens_with(tokenizer, text, n) <= limit + allow)
        return next(fitting, none + len(tokenizer.merges) if none else None)
    return smallest

@exercise(
    hints=("Which sizes are there to try, and which of them is the smallest of all?",
           "BytePairTokenizer(tokenizer.merges[:n]) knows the first n merges, and has 259 + n ids. Try n = 0, 1, 2, …",
           "for n in range(len(tokenizer.merges) + 1): return 259 + n as soon as the text has at most limit tokens."),
    why="One training holds all smaller vocabularies: choosing a size costs no new training.",
    cases=[
        (LARGE, ATTIC, tokens_with(LARGE, ATTIC, 5)), (LARGE, ATTIC, tokens_with(LARGE, ATTIC, 3) + 1),
        (LARGE, ATTIC, len(ATTIC)), (LARGE, ATTIC, tokens_with(LARGE, ATTIC, 26)),
        (SMALL, SEAS, tokens_with(SMALL, SEAS, 12)), (SMALL, ATTIC, tokens_with(SMALL, ATTIC, 7)), (LARGE, ATTIC, 3),
        (SMALL, SEAS, tokens_with(SMALL, SEAS, 16) - 1),
    ],
    wrong={
        "that is the number of merges; 3 special tokens and 256 bytes have ids as well": first_size(shift=0),
        "the 3 special tokens have ids as well: 3 + 256 + merges": first_size(shift=256),
        "the limit itself is allowed, so the comparison is ≤, not <": first_size(allow=-1),
        "that is one id too many: with n merges there are 259 + n": first_size(shift=260),
        "all merges together were never tried: range(len(merges) + 1) ends with them": first_size(last=1),
        "where all merges are not enough, the answer is None": first_size(none=259),
    },
    equal={"for n in range(len(tokenizer.merges) + 2):": "a slice that reaches beyond the end is the whole list"},
)
def smallest_vocabulary(tokenizer: BytePairTokenizer, text: str, limit: int) -> int | None:
    for n in range(len(tokenizer.merges) + 1):
        smaller = BytePairTokenizer(tokenizer.merges[:n])
        if len(smaller.encode(text)) <= limit:
            return smaller.vocab_size
    return None
