"""The exercises of notebook 06: compression, learning byte-pair encoding, encode, decode, ranking; digits, a size."""

import math
import operator
import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import groupby, pairwise
from typing import Any

from bigmodel.check.engine import exercise
from bigmodel.tokenizer import BytePairTokenizer, readable

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


# One mistake, one line or two.
# fmt: off
@exercise(
    hints=(
        "What is one byte of a text, and what is one token of it: how do you count each?",
        "The bytes of all texts, divided by the tokens of all texts: two sums, then one division.",
        "Add len(text.encode()) to one sum and len(encode(text)) to another, for each text.",
    ),
    why="Bytes belong to the text and tokens to the tokenizer, so this number compares tokenizers on one text.",
    cases=[
        (["a key", "钥匙在哪儿", "né", " the fox in the attic", "the end"], by_fours),
        (["钥匙"], by_bytes),
        (["钥匙", "the key"], by_fours),
    ],
    given=lambda texts, encode: f"for texts of {size(texts)} bytes, {sum(map(len, texts))} characters and "
    f"{cost(texts, encode)} tokens",
    wrong={
        "that is characters a token: 钥 is one character, and three bytes. Use len(text.encode())":
            lambda texts, encode: sum(map(len, texts)) / cost(texts, encode),
        "that is turned around, tokens a byte": lambda texts, encode: cost(texts, encode) / size(texts),
        "that is tokens a character": lambda texts, encode: cost(texts, encode) / sum(map(len, texts)),
        "that is the mean of the texts' ratios, in which a short text counts as much as a long one. Divide the sums":
            lambda texts, encode: sum(size([text]) / cost([text], encode) for text in texts) / len(texts),
        "you tokenized all texts as one: a token then reaches from one text into the next":
            lambda texts, encode: size(texts) / len(encode("".join(texts))),
        "that is the first text alone": lambda texts, encode: size(texts[:1]) / cost(texts[:1], encode),
        "those are the bytes: divide by the tokens": lambda texts, encode: size(texts),
        "that is bits a token: a byte is the unit here": lambda texts, encode: 8 * size(texts) / cost(texts, encode),
    },
    also_right=[lambda texts, encode: size(texts) / sum(map(len, map(encode, texts)))],
    refused=[lambda texts, encode: [size([text]) / cost([text], encode) for text in texts]],
)
def bytes_per_token(texts: list[str], encode: Encode) -> float:
    data, tokens = 0, 0
    for text in texts:
        data += len(text.encode())
        tokens += len(encode(text))
    return data / tokens


def told(given: Callable[..., str], what: str) -> Callable[..., str]:
    """How a difference reads: an input, what the reader's answer is, what was expected."""
    return lambda value, expected, *arguments: f"{given(*arguments)} your {what} {value}, expected {expected}"


def row(tokens: Any) -> str:
    """A list of tokens as it is shown: sh|e; what is no list of tokens is refused in words."""
    if not isinstance(tokens, (list, tuple)):
        raise TypeError("expected a list of tokens, each of them bytes")
    for token in tokens:
        if isinstance(token, int):
            raise TypeError(f"the number {token} is no token: going through bytes gives numbers, and a token is "
                            "bytes([number])")
        if not isinstance(token, bytes):
            raise TypeError(f"{token!r:.40} is no token: tokens are bytes, as in what you were given")
    return "|".join(map(readable, tokens)) or "(none)"


def shown_pair(pair: Any) -> str:
    """A pair of tokens as it is shown: h e; what is no pair is refused in words."""
    if not isinstance(pair, (list, tuple)) or len(pair) != 2:
        raise TypeError(f"{pair!r:.40} is no pair: a pair is (left, right), two tokens")
    row(pair)
    return " ".join(map(readable, pair))


def shown_pairs(pairs: Sequence[Pair]) -> str:
    """Pairs as they are shown."""
    if not isinstance(pairs, (list, tuple)):
        raise TypeError("expected a list of pairs")
    return ", ".join(map(shown_pair, pairs)) or "(none)"


def shown_pieces(pieces: Pieces) -> str:
    """Pieces as they are shown, each with its count."""
    return ", ".join(f"{row(tokens)} × {times}" for tokens, times in pieces) or "(none)"


def pieces_of(**counts: int) -> Pieces:
    """Pieces of letters; _ is a space."""
    return [([bytes([byte]) for byte in name.replace("_", " ").encode()], times) for name, times in counts.items()]


def drive_count(answer: Callable[[Pieces], Any], pieces: Pieces) -> dict[str, int]:
    counts = answer(pieces)
    if not isinstance(counts, dict):
        raise TypeError("expected a dictionary, from each pair to its count")
    return {shown_pair(pair): times for pair, times in counts.items() if times != 0}


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
    hints=(
        "Which tokens stand side by side in s|h|e, and how often does each such pair stand in the text?",
        "Go through the pieces, and in each through the places 0 to len(tokens) − 2: the pair is that token and the "
        "next. It stands in the text as often as its piece does.",
        "pair = (tokens[place], tokens[place + 1]), then counts[pair] = counts.get(pair, 0) + times.",
    ),
    why="This count is all that byte-pair encoding ever looks at.",
    cases=[
        (pieces_of(she=2, _sea=3),),
        (pieces_of(banana=2, anna=5),),
        (pieces_of(aaa=1, a=7),),
        ([([b"sh", b"e"], 4), ([b" s", b"e", b"a"], 1), ([b"s", b"he"], 2)],),
    ],
    given=lambda pieces: f"for the pieces {shown_pieces(pieces)}",
    drive=drive_count,
    wrong={
        "each piece was counted once. It stands in the text several times: add its count": counting(
            pairwise, lambda times: 1),
        "a pair that stands twice in a piece was counted once": counting(lambda tokens: set(pairwise(tokens))),
        "the last pair of each piece is missing": counting(lambda tokens: list(pairwise(tokens))[:-1]),
        "only every second pair was counted. A token may be the right one of one pair and the left one of the next":
            counting(lambda tokens: list(pairwise(tokens))[::2]),
        "the order of the two was lost: h e and e h are different pairs":
            counting(lambda tokens: map(tuple, map(sorted, pairwise(tokens)))),
        "left and right are exchanged": counting(lambda tokens: [(right, left) for left, right in pairwise(tokens)]),
        "a pair reaches over the end of a piece: no pair does": lambda pieces: counting(pairwise)(
            [([token for tokens, _ in pieces for token in tokens], 1)]),
        "the count of the last piece was written over those before: add to what is there": lambda pieces: {
            pair: times for tokens, times in pieces for pair in pairwise(tokens)},
    },
    also_right=[counting(pairwise)],
    refused=[
        lambda pieces: {left + right: times for (left, right), times in counting(pairwise)(pieces).items()},
        lambda pieces: counting(pairwise)(pieces).most_common(),
        lambda pieces: dict.fromkeys(counting(pairwise)(pieces), 1),
    ],
)
def count_pairs(pieces: Pieces) -> dict[Pair, int]:
    counts: dict[Pair, int] = {}
    for tokens, times in pieces:
        for place in range(len(tokens) - 1):
            pair = (tokens[place], tokens[place + 1])
            counts[pair] = counts.get(pair, 0) + times
    return counts


def joined(tokens: Sequence[bytes], pair: Pair, fits: Callable[[bytes, bytes], bool] | None = None) -> Tokens:
    """The tokens with each occurrence of the pair as one, from the left; or of whatever fits."""
    result: Tokens = []
    open_end = False  # what was just joined is not joined again
    for token in tokens:
        if open_end and (fits(result[-1], token) if fits else (result[-1], token) == pair):
            result[-1] += token
            open_end = False
        else:
            result.append(token)
            open_end = True
    return result


def joined_from_the_right(tokens: Sequence[bytes], pair: Pair) -> Tokens:
    turned = joined([token[::-1] for token in tokens[::-1]], (pair[1][::-1], pair[0][::-1]))
    return [token[::-1] for token in turned[::-1]]


def joined_once(tokens: Sequence[bytes], pair: Pair) -> Tokens:
    places = [place for place, found in enumerate(pairwise(tokens)) if found == pair][:1]
    return joined_at(tokens, places[0]) if places else list(tokens)


def joined_at(tokens: Sequence[bytes], place: int) -> Tokens:
    return [*tokens[:place], tokens[place] + tokens[place + 1], *tokens[place + 2 :]]


def keeping(tokens: Tokens, pair: Pair) -> Tokens:
    """The right token stays behind the new one."""
    return [t for i, token in enumerate(tokens) for t in (
        [token + tokens[i + 1]] if (token, *tokens[i + 1 : i + 2]) == pair else [token])]


def given_merge(tokens: Tokens, pair: Pair) -> str:
    return f"for the tokens {row(tokens)} and the pair {shown_pair(pair)}"


@exercise(
    hints=(
        "Where you stand in the list, what do you have to look at before you know whether to join?",
        "Walk from the left with a place. Where this token and the next are the pair, the new list gets their sum and "
        "the place moves on by two; everywhere else the new list gets this token, and the place moves on by one.",
        "while place < len(tokens): if tuple(tokens[place : place + 2]) == pair, append pair[0] + pair[1].",
    ),
    why="Learning and encoding are this step, over and over.",
    cases=[
        ([b"s", b"h", b"e", b"s", b"h"], (b"s", b"h")),
        ([b"a", b"a", b"a", b"a", b"a"], (b"a", b"a")),
        ([b"h", b"e", b"h", b"t", b"he"], (b"h", b"e")),
        ([b" s", b"e", b"a", b"s", b"ea"], (b"e", b"a")),
        ([b"a", b"bc", b"ab", b"c"], (b"ab", b"c")),
        ([b"x"], (b"x", b"x")),
        ([b"y", b"x", b"y"], (b"x", b"y")),
    ],
    given=given_merge,
    drive=lambda answer, tokens, pair: row(answer(tokens, pair)),
    shown=told(given_merge, "answer is"),
    wrong={
        "nothing was joined": lambda tokens, pair: list(tokens),
        "only the first occurrence was joined: join them all": joined_once,
        "a run is joined from the left, and you went from the right": joined_from_the_right,
        "the right token of the pair is in the list twice: after a pair, move on by two": keeping,
        "the right token stands there as well: it is part of the new one now": lambda tokens, pair: [
            new for token in joined(tokens, pair) for new in (token, pair[1])[: 1 + (token == pair[0] + pair[1])]],
        "two tokens were joined because their bytes together are those of the pair. Each of the two must be the same":
            lambda tokens, pair: joined(tokens, pair, lambda a, b: a + b == pair[0] + pair[1]),
        "what follows the last pair is missing, or the last token is": lambda tokens, pair: joined(tokens, pair)[:-1],
        "the left token was joined with whatever comes after it: compare both": lambda tokens, pair: joined(
            tokens, pair, lambda a, b: a == pair[0]),
    },
    also_right=[joined, lambda tokens, pair: tuple(joined(tokens, pair))],
    refused=[
        lambda tokens, pair: b"".join(joined(tokens, pair)),
        lambda tokens, pair: [readable(token) for token in joined(tokens, pair)],
        lambda tokens, pair: [pair[0] + pair[1]],
    ],
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


def learning(choose: Callable[[Counter[Pair], dict[bytes, int]], Pair], join: Any = joined) -> Any:
    """Byte-pair encoding with another choice, or another way to join."""
    def learn(pieces: Pieces, n: int) -> list[Pair]:
        age, merges = {bytes([byte]): byte for byte in range(256)}, list[Pair]()
        while len(merges) < n and (counts := counting(pairwise)(pieces)):
            pair = choose(counts, age)
            merges.append(pair)
            age.setdefault(pair[0] + pair[1], len(age))
            pieces = [(join(tokens, pair), times) for tokens, times in pieces]
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


def given_learn(pieces: Pieces, n: int) -> str:
    return f"for n = {n} and the pieces {shown_pieces(pieces[:3])}{' and so on' if len(pieces) > 3 else ''}"


@exercise(
    hints=(
        "After one pair has been joined everywhere, which counts are still true?",
        "n times: count the pairs anew, choose the best, note it, and make new pieces with merge. Python compares "
        "tuples from the left: the smallest (−count, age of left, age of right) is the best pair.",
        "ranked = [(-times, age[left], age[right], left, right) for each pair]; min(ranked) ends with the pair. Then "
        "age[left + right] = len(age), and pieces = [(merge(tokens, pair), times) for tokens, times in pieces].",
    ),
    why="These lines, run on far more text, made the vocabularies of GPT, Llama and Qwen.",
    cases=[
        (SHELLS, 3),
        (SHELLS, 8),
        (pieces_of(abab=3, ab=1, cab=2), 9),
        (random_pieces("abc", 1), 8),
        (random_pieces("ab", 2), 10),
        (random_pieces("she l", 3), 1),
        (random_pieces("xyzw", 4), 12),
    ],
    given=given_learn,
    drive=lambda answer, pieces, n: shown_pairs(answer(pieces, n)),
    shown=told(given_learn, "merges are"),
    wrong={
        "the pairs were counted once, at the beginning. After each merge the neighbours are others: count anew":
            lambda pieces, n: sorted((counts := counting(pairwise)(pieces)), key=lambda pair: (
                -counts[pair], *pair))[:n],
        "the same pair comes again: the pieces have to be made anew with merge, and counted anew":
            lambda pieces, n: [by_age(counting(pairwise)(pieces), {bytes([b]): b for b in range(256)})] * n,
        "the rarest pair came first; it is the most frequent that does": learning(
            lambda counts, age: min(counts, key=lambda pair: (counts[pair], age[pair[0]], age[pair[1]]))),
        "of equal counts you took the pair that was seen first. The older left token wins, then the older right one":
            learning(lambda counts, age: counts.most_common(1)[0][0]),
        "of equal counts you took the youngest. The older left token wins, then the older right one":
            learning(lambda counts, age: max(counts, key=lambda pair: (counts[pair], age[pair[0]], age[pair[1]]))),
        "of equal counts you took the smaller bytes. It is the age that decides: a token that was learned is younger "
        "than every byte": learning(best(lambda pair, age: pair)),
        "of equal counts you compared the right tokens first: left comes first": learning(
            best(lambda pair, age: (age[pair[1]], age[pair[0]]))),
        "of equal counts you compared the left tokens alone: if those are equal too, the older right one wins":
            learning(best(lambda pair, age: age[pair[0]])),
        "only the first occurrence in each piece was joined": learning(by_age, join=joined_once),
    },
    also_right=[
        learning(by_age),
        lambda pieces, n: [list(pair) for pair in learning(by_age)(pieces, n)],
    ],
    refused=[
        lambda pieces, n: [left + right for left, right in learning(by_age)(pieces, n)],
        lambda pieces, n: learning(by_age)([(tokens, 1) for tokens, _ in pieces], n),
        lambda pieces, n: learning(by_age)(pieces, n)[::-1],
        lambda pieces, n: set(learning(by_age)(pieces, n)),
    ],
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


def in_order(join: Callable[[Tokens, Pair], Tokens], turn: int = 1, most: int | None = None) -> Any:
    """Each merge after the other, in the order of the list or against it."""
    def encode(piece: bytes, merges: list[Pair]) -> Tokens:
        tokens = singles(piece)
        for pair in merges[:most][::turn]:
            tokens = join(tokens, pair)
        return tokens
    return encode


def one_walk(piece: bytes, merges: list[Pair]) -> Tokens:
    tokens: Tokens = []
    for token in singles(piece):
        if tokens and (tokens[-1], token) in merges:
            tokens[-1] += token
        else:
            tokens.append(token)
    return tokens


def one_merge(piece: bytes, merges: list[Pair]) -> Tokens:
    tokens = singles(piece)
    known = [pair for pair in merges if pair in pairwise(tokens)]
    return joined_once(tokens, known[0]) if known else tokens


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


def given_encode(piece: bytes, merges: list[Pair]) -> str:
    return f"for the piece {readable(piece)} and the merges {shown_pairs(merges)}"


@exercise(
    hints=(
        "Of two merges that could both be made in a piece, which one did the training make first?",
        "Begin with single bytes. The merge that was learned first goes first, wherever it stands, then the second …",
        "tokens = [bytes([byte]) for byte in piece], then for each pair of merges tokens = merge(tokens, pair).",
    ),
    why="So do GPT, Llama and Qwen: when a merge was learned decides, not where its pair stands.",
    cases=[
        (b"she", [(b"h", b"e"), (b"s", b"h"), (b"s", b"he")]),
        (b"key", []),
        (b"aaaaa", [(b"a", b"a")]),
        (b"abc", [(b"b", b"c"), (b"a", b"b"), (b"ab", b"c")]),
        (b" the then", [(b"h", b"e"), (b"t", b"he"), (b" ", b"the"), (b" the", b"n")]),
        (b"aaaaaaa", [(b"a", b"a"), (b"aa", b"aa")]),
        ("é钥".encode(), [(b"\xc3", b"\xa9"), (b"\xe9", b"\x92"), (b"\xe9\x92", b"\xa5")]),
        (b"", [(b"h", b"e")]),
        (b" HE", [(b"h", b"e"), (b" ", b"H")]),
        *trained_pieces(),
    ],
    given=given_encode,
    drive=lambda answer, piece, merges: row(answer(piece, merges)),
    shown=told(given_encode, "tokens are"),
    wrong={
        "nothing was merged": lambda piece, merges: singles(piece),
        "you merged the known pair that stands first in the piece. Take the one that stands first in the list of "
        "merges": choosing(lambda places, tokens, merges: places[0]),
        "you went through the merges from the last to the first. The earliest goes first: it made what the later ones "
        "are built from": in_order(joined, turn=-1),
        "you took the longest token that fits, from the left. BPE takes the pairs in the order in which they were "
        "learned": longest,
        "each merge was used at most once: a pair may stand in a piece several times": in_order(joined_once),
        "you went through the piece once, from the left. Look again after every merge: the new token may be half of "
        "another pair": one_walk,
        "you stopped after one merge: look again until no pair of neighbours is in the list": one_merge,
        "a run is merged from the left, and you went from the right": in_order(joined_from_the_right),
        "two tokens were joined because their bytes together are a known token. It is the pair that must be in the "
        "list": by_bytes_of_pairs,
    },
    also_right=[choosing(earliest), in_order(joined), lambda piece, merges: tuple(choosing(earliest)(piece, merges))],
    refused=[
        lambda piece, merges: list(piece),
        lambda piece, merges: piece,
        lambda piece, merges: [piece],
        lambda piece, merges: in_order(joined)(piece.lower(), merges),
        lambda piece, merges: in_order(joined)(piece.strip(), merges),
        lambda piece, merges: [token.decode("latin-1") for token in in_order(joined)(piece, merges)],
        in_order(joined, most=2),
        in_order(keeping),
    ],
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


def shifted(ids: Ids, merges: IdPairs) -> str:
    """Every merge is one place off."""
    tokens = [*table(merges), b""]
    return b"".join(b"" if i == 256 else tokens[i - (i > 256)] for i in ids).decode("utf-8", "replace")


def leaves(token: int, merges: IdPairs) -> bytes:
    """Down the tree."""
    return bytes([token]) if token < 256 else b"".join(leaves(side, merges) for side in merges[token - 256])


KEYS = [(0xE9, 0x92), (256, 0xA5), (0x20, ord("k")), (258, ord("e"))]  # 257 is 钥, 258 is " k", 259 is " ke"
DEEP = [(ord("s"), ord("e")), (256, ord("a")), (0x20, 257), (258, ord("s")), (259, 259)]  # 260 is " seas seas"


@exercise(
    hints=(
        "Which bytes does id 256 stand for, and which does an id whose merge has id 256 in it?",
        "Make a list of the bytes of every id: first the 256 single bytes, then, for each merge, the bytes of its two "
        "sides, which are in the list by then. Join the bytes of all ids, and only then make text of them.",
        'token_bytes.append(token_bytes[left] + token_bytes[right]) for each merge; b"".join(…).decode("utf-8", '
        'errors="replace").',
    ),
    why="A token is a tree, and its leaves are bytes: no id is unknown, and no byte is lost.",
    cases=[
        ([107, 257], [(101, 121), (256, 115)]),
        ([107, 101, 121], []),
        ([259, 121, 32, 257, 0xE5, 0x8C, 0x99], KEYS),
        ([260, 257], DEEP),
        ([0xE9, 33], []),
        ([104, 105, 0xF0, 0x9F, 0xA6], []),
        ([0xE9, 0x92, 0xA5, 10], []),
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
        "ids from 256 on were left out": lambda ids, merges: data([i for i in ids if i < 256], []).decode(
            "utf-8", "replace"),
        "every merge is one place off: the first merge makes id 256": shifted,
        "an id above 255 was taken for a byte. It is a merge, and its sides may be merges themselves": levels(1),
    },
    also_right=[
        lambda ids, merges: b"".join(leaves(token, merges) for token in ids).decode(errors="replace"),
        levels(9),
    ],
    refused=[
        levels(0), levels(2), levels(3), data,
        lambda ids, merges: levels(9)(ids, merges).strip(),
        lambda ids, merges: str(data(ids, merges)),
        lambda ids, merges: levels(9)(ids[::-1], merges),
        lambda ids, merges: [table(merges)[token] for token in ids],
    ],
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
    hints=(
        "How surprised is each model by the whole text, and does that depend on how it was cut?",
        "Nats a token times tokens is the surprise at the whole text. The characters are the same for all.",
        "Write a function of a name that returns nats * tokens / characters, and give it to sorted as its key.",
    ),
    why="The whole text costs what it costs, however it is cut: characters are only there to make the number readable.",
    cases=[
        ({"letters": (1.0, 1000, 1000), "syllables": (1.8, 470, 1000), "pairs": (1.7, 460, 1000),
          "BPE": (2.5, 300, 1000)},),
        (random_models(1),),
        (random_models(2),),
        (random_models(3),),
    ],
    given=lambda models: f"for {', '.join(f'{name} ({n:g} · {tokens})' for name, (n, tokens, _) in models.items())}",
    wrong={
        "that is the order by nats a token. A model that is asked 1000 times pays 1.0 a thousand times: multiply by "
        "tokens": sorting(lambda nats, tokens, characters: nats),
        "that is the order by tokens, fewest first: the loss counts as well": sorting(lambda n, tokens, c: tokens),
        "that is the order by tokens, most first: the loss counts as well": sorting(lambda n, tokens, c: -tokens),
        "that is the order by nats a token, the highest first. Both count, as a product": sorting(lambda n, t, c: -n),
        "that is the worst first: fewer bits a character are better": sorting(lambda n, t, c: -n * t),
        "the tokens are upside down: multiply by them, do not divide": sorting(lambda n, t, c: n / t),
        "perplexities do not add up; nats do: multiply them by the tokens as they are": sorting(
            lambda n, t, c: math.exp(n) * t),
    },
    also_right=[
        sorting(lambda nats, tokens, characters: nats / math.log(2) * tokens / characters),
        lambda models: tuple(name for _, name in sorted((n * t, name) for name, (n, t, _) in models.items())),
    ],
    refused=[
        list,
        sorted,
        lambda models: min(models, key=lambda name: models[name][0] * models[name][1]),
        lambda models: sorted(n * t for n, t, _ in models.values()),
        lambda models: ["BPE", "pairs", "syllables", "letters"],
        lambda models: sorting(lambda n, t, c: n * t)(models)[:1],
    ],
    equal={"totals.append((nats * tokens * characters, name))": "the characters are the same for all"},
)
def ranking(models: Models) -> list[str]:
    totals = []
    for name, (nats, tokens, characters) in models.items():
        totals.append((nats * tokens / characters, name))
    return [name for _, name in sorted(totals)]


def drive_cut(answer: Callable[[str], Any], text: str) -> str:
    pieces = answer(text)
    if not isinstance(pieces, (list, tuple)):
        raise TypeError("expected a list of pieces")
    for piece in pieces:
        if not isinstance(piece, str):
            raise TypeError(f"{piece!r:.40} is no piece: pieces are text, and int would turn 007 into 7")
    return "|".join(pieces) if pieces else "(none)"


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


def cut_right(text: str) -> list[str]:
    return grouped(re.findall("[0-9]+|[^0-9]+", text), ascii_number)


@exercise(
    hints=(
        "How long is the first piece of a number of 4, 5, 6 and 7 digits?",
        "Find the runs of digits: re.split('([0-9]+)', text). Of a run of n digits the first piece has n % 3, or 3.",
        "first = len(run) % 3 or 3; the pieces are run[:first], then run[i : i + 3] for i from first in steps of 3.",
    ),
    why="Thousands now stand above thousands: 1|234 and 11|234 share their last token, which helps a model to add.",
    cases=[
        (text,) for text in ("1234567", "12 keys", "in 2024, 100000 of 30", "007", "", "no digit", "x1234y", "3.14159",
                             "1000", "10²³ m", "x٣٤٥٦", "20000 1")
    ],
    given=lambda text: f"for the text {text!r}",
    drive=drive_cut,
    wrong={
        "that is three by three from the left. Count from the right, as people do: 1 234 567":
            lambda text: re.findall("[0-9]{1,3}|[^0-9]+", text),
        "that is every digit by itself: groups have three": lambda text: re.findall("[0-9]|[^0-9]+", text),
        "the numbers are whole: cut them into groups of three": lambda text: re.findall("[0-9]+|[^0-9]+", text),
        "what is not a digit is gone: pieces must join to the text": lambda text: grouped(re.findall("[0-9]+", text)),
        "there are empty pieces: leave them out": lambda text: grouped(re.split("([0-9]+)", text), ascii_number),
        "what stands between numbers stays one piece": lambda text: grouped(
            re.findall("[0-9]+|[^0-9]", text), ascii_number),
        r"\d means the digits of every script; the text says 0 to 9":
            lambda text: grouped(re.findall(r"\d+|\D+", text)),
        "isdigit means ² and the digits of every script too; the text says 0 to 9": lambda text: grouped(
            ["".join(run) for _, run in groupby(text, str.isdigit)]),
        "the groups of a number stand in the wrong order": lambda text: [
            piece for run in re.findall("[0-9]+|[^0-9]+", text) for piece in cut_right(run)[::-1]],
    },
    also_right=[
        lambda text: re.findall(r"[0-9]{1,3}(?=(?:[0-9]{3})*(?![0-9]))|[^0-9]+", text),
        lambda text: tuple(cut_right(text)),
    ],
    refused=[
        lambda text: "|".join(cut_right(text)),
        lambda text: [int(piece) if piece.isdecimal() else piece for piece in cut_right(text)],
        lambda text: cut_right(text)[::-1],
        lambda text: cut_right(text.strip("0")),
    ],
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


def first_size(shift: int = 259, allow: int = 0, sizes: slice = slice(None), none: int | None = None) -> Any:
    def smallest(tokenizer: BytePairTokenizer, text: str, limit: int) -> int | None:
        for n in range(len(tokenizer.merges) + 1)[sizes]:
            if tokens_with(tokenizer, text, n) <= limit + allow:
                return n + shift
        return none
    return smallest


def by_halving(tokenizer: BytePairTokenizer, text: str, limit: int, low: int = 0) -> int | None:
    high = len(tokenizer.merges)
    if tokens_with(tokenizer, text, high) > limit:
        return None
    while low < high:
        middle = (low + high) // 2
        if tokens_with(tokenizer, text, middle) <= limit:
            high = middle
        else:
            low = middle + 1
    return 259 + low


def drive_size(answer: Any, tokenizer: BytePairTokenizer, text: str, limit: int) -> str:
    value = answer(tokenizer, text, limit)
    if isinstance(value, bool):
        raise TypeError("expected the number of ids, a whole number, or None")
    return "None, nothing" if value is None else str(operator.index(value))


def given_size(tokenizer: BytePairTokenizer, text: str, limit: int) -> str:
    first, last = (tokens_with(tokenizer, text, n) for n in (0, len(tokenizer.merges)))
    return f"for a text of {first} bytes, {last} tokens with all {len(tokenizer.merges)} merges, and a limit of {limit}"


@exercise(
    hints=(
        "Which sizes are there to try, and which of them is the smallest of all?",
        "BytePairTokenizer(tokenizer.merges[:n]) knows the first n merges, and has 259 + n ids. Try n = 0, 1, 2, …",
        "for n in range(len(tokenizer.merges) + 1): return 259 + n as soon as the text has at most limit tokens.",
    ),
    why="One training holds all smaller vocabularies: choosing a size costs no new training.",
    cases=[
        (LARGE, ATTIC, tokens_with(LARGE, ATTIC, 5)),
        (LARGE, ATTIC, tokens_with(LARGE, ATTIC, 3) + 1),
        (LARGE, ATTIC, len(ATTIC)),
        (LARGE, ATTIC, tokens_with(LARGE, ATTIC, 26)),
        (SMALL, SEAS, tokens_with(SMALL, SEAS, 12)),
        (SMALL, ATTIC, tokens_with(SMALL, ATTIC, 7)),
        (LARGE, ATTIC, 3),
        (SMALL, SEAS, tokens_with(SMALL, SEAS, 16) - 1),
    ],
    given=given_size,
    drive=drive_size,
    shown=told(given_size, "answer is"),
    wrong={
        "that is the number of merges; 3 special tokens and 256 bytes have ids as well": first_size(shift=0),
        "the 3 special tokens have ids as well: 3 + 256 + merges": first_size(shift=256),
        "the limit itself is allowed, so the comparison is ≤, not <": first_size(allow=-1),
        "that is one id too many: with n merges there are 259 + n": first_size(shift=260),
        "all merges together were never tried: range(len(merges) + 1) ends with them": first_size(sizes=slice(-1)),
        "no merge at all was never tried: begin at 0": first_size(sizes=slice(1, None)),
        "characters were counted, not tokens": lambda tokenizer, text, limit: 259 if len(text) <= limit else None,
        "where all merges are not enough, the answer is None": lambda *given: first_size(
            none=259 + len(given[0].merges))(*given),
        "exactly so many tokens were asked for; fewer will do": lambda tokenizer, text, limit: next(
            (259 + n for n in range(len(tokenizer.merges) + 1) if tokens_with(tokenizer, text, n) == limit), None),
    },
    also_right=[first_size(), by_halving],
    refused=[
        lambda tokenizer, text, limit: limit,
        lambda tokenizer, text, limit: tokenizer.vocab_size,
        lambda tokenizer, text, limit: tokenizer.merges,
        lambda tokenizer, text, limit: by_halving(tokenizer, text, limit, low=1),
        lambda tokenizer, text, limit: None,
    ],
    equal={"for n in range(len(tokenizer.merges) + 2):": "a slice that reaches beyond the end is the whole list"},
)
def smallest_vocabulary(tokenizer: BytePairTokenizer, text: str, limit: int) -> int | None:
    for n in range(len(tokenizer.merges) + 1):
        smaller = BytePairTokenizer(tokenizer.merges[:n])
        if len(smaller.encode(text)) <= limit:
            return smaller.vocab_size
    return None
