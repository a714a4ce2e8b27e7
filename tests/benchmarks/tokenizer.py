"""Byte-pair encoding: training beside a naive implementation and the Rust of ``tokenizers``, and encoding beside it."""

import pickle
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks import measure
from benchmarks.measure import Part
from bigmodel import plot, text, world
from bigmodel.tokenizer import BYTES, CHUNKS, SPECIALS, BytePairTokenizer, learn_merges

VOCAB_SIZE = 1000
SCRIPTS = ("english", "hanzi")
Pair = tuple[bytes, bytes]


def naive_merges(pieces: list[str], n: int) -> list[Pair]:
    """Byte-pair encoding as it is told: count all pairs, merge the most frequent everywhere, and again."""
    words = [[BYTES[bytes([byte])] for byte in piece.encode()] for piece in pieces]
    token_bytes = {number: byte for byte, number in BYTES.items()}
    merges = []
    for new in range(len(SPECIALS) + len(BYTES), len(SPECIALS) + len(BYTES) + n):
        counts = Counter(pair for word in words for pair in pairwise(word))
        left, right = min(counts, key=lambda pair: (-counts[pair], pair))
        merges.append((token_bytes[left], token_bytes[right]))
        token_bytes[new] = token_bytes[left] + token_bytes[right]
        words = [merged(word, left, right, new) for word in words]
    return merges


def merged(word: list[int], left: int, right: int, new: int) -> list[int]:
    """The word with the new token for each pair of left and right."""
    ids, place = [], 0
    while place < len(word):
        pair = word[place : place + 2] == [left, right]
        ids.append(new if pair else word[place])
        place += 2 if pair else 1
    return ids


def letters() -> dict[int, str]:
    """The letter by which GPT-2, and the Rust after it, write each byte: itself where it prints, or one from 256 on."""
    printed = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printed]
    return {byte: chr(byte) for byte in printed} | {byte: chr(256 + n) for n, byte in enumerate(others)}


def rust(ours: BytePairTokenizer | None = None) -> Any:
    """The Rust tokenizer that cuts text as ours does: with the merges and ids of ``ours``, or yet to be trained."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers

    model = models.BPE()
    if ours is not None:
        spell = {bytes([byte]): letter for byte, letter in letters().items()}

        def spelled(token: bytes) -> str:
            return "".join(spell[bytes([byte])] for byte in token)

        vocabulary = {spelled(token): number for token, number in ours.vocabulary.items()}
        model = models.BPE(vocabulary, [(spelled(left), spelled(right)) for left, right in ours.merges])
    made = Tokenizer(model)
    pattern = re.sub(r"\\u(\w{4})|\\U(\w{8})", lambda found: rf"\x{{{found[1] or found[2]}}}", CHUNKS)
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    return made


def rust_training(content: str, vocab_size: int) -> Any:
    """Train the Rust tokenizer, to the same number of merges as ours."""
    from tokenizers import pre_tokenizers, trainers

    made = rust()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - len(SPECIALS), show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    made.train_from_iterator([content], trainer)
    return made


def check_equal(ours: object, others: object, what: str) -> None:
    """Raise AssertionError unless both came to the same."""
    if ours != others:
        raise AssertionError(f"{what} are not the same, so their times cannot be compared.")


def training_rows(texts: dict[str, str], naive_length: int, vocab_size: int, rounds: int) -> Iterator[tuple[str, ...]]:
    """Training beside the naive way, on a short text, and beside the Rust, on all texts."""
    name, content = next(iter(texts.items()))
    pieces = re.findall(CHUNKS, content[:naive_length])
    n = (vocab_size - len(SPECIALS) - len(BYTES)) // 3
    check_equal(learn_merges(Counter(pieces), n), naive_merges(pieces, n), "the merges learned")
    yield row(
        f"training, {n} merges", f"{name}, {naive_length:,} characters",
        {"bigmodel": lambda: learn_merges(Counter(pieces), n), "naive": lambda: naive_merges(pieces, n)},
        min(rounds, 3),
    )  # fmt: skip
    for name, content in texts.items():
        ways: dict[str, Callable[[], object]] = {
            "bigmodel": partial(BytePairTokenizer.train, content, vocab_size),
            "Rust": partial(rust_training, content, vocab_size),
        }
        yield row(f"training, {vocab_size} ids", f"{name}, {len(content):,} characters", ways, rounds)


def encoding_rows(texts: dict[str, str], vocab_size: int, rounds: int) -> Iterator[tuple[str, ...]]:
    """Encoding for the first time, with nothing kept from before, and again."""
    for name, content in texts.items():
        ours = BytePairTokenizer.train(content, vocab_size)
        peer = rust(ours)
        lines = content.split("\n\n")
        encoded = [ours.encode(line) for line in lines]
        check_equal(encoded, [one.ids for one in peer.encode_batch(lines)], f"the tokens of {name}")
        size = f"{name}, {len(content):,} characters"
        first = {"bigmodel": partial(encode_first, ours, lines), "Rust": partial(rust_first, ours, lines)}
        yield timed_row("first encoding", size, first, rounds)
        again = {
            "bigmodel": lambda ours=ours, lines=lines: [ours.encode(line) for line in lines],
            "Rust": lambda peer=peer, lines=lines: peer.encode_batch(lines),
        }
        yield row("later encoding", size, again, rounds)


def encode_first(tokenizer: BytePairTokenizer, lines: list[str]) -> float:
    """Seconds of encoding with a tokenizer that has encoded nothing yet."""
    fresh = pickle.loads(pickle.dumps(tokenizer))  # a copy, without what the original remembers
    return measure.seconds(lambda: [fresh.encode(line) for line in lines])


def rust_first(tokenizer: BytePairTokenizer, lines: list[str]) -> float:
    """The same of the Rust."""
    fresh = rust(tokenizer)
    return measure.seconds(lambda: fresh.encode_batch(lines))


def row(what: str, size: str, ways: dict[str, Callable[[], object]], rounds: int) -> tuple[str, ...]:
    """A row of the table: both ways take turns."""
    return timed_row(what, size, {name: partial(measure.seconds, way) for name, way in ways.items()}, rounds)


def timed_row(what: str, size: str, ways: dict[str, Callable[[], float]], rounds: int) -> tuple[str, ...]:
    """The same, for ways that measure themselves."""
    peer = next(name for name in ways if name != "bigmodel")
    turns = measure.take_turns(ways, rounds)
    seconds = {name: str(measure.spread(case)) for name, case in turns.items()}
    return (
        what,
        size,
        seconds["bigmodel"],
        peer,
        seconds[peer],
        str(measure.ratio(turns["bigmodel"], turns[peer])),
    )


def own_texts(stories: int = 1000) -> dict[str, str]:
    """The documentation, and the small world in both languages."""
    return {"documentation": text.python_docs()} | {
        script: world.text(stories, seed=0, script=script) for script in SCRIPTS
    }


def run(
    folder: Path, texts: dict[str, str] | None = None, naive_length: int = 50_000, vocab_size: int = VOCAB_SIZE,
    rounds: int = 3,
) -> Part:  # fmt: skip
    """Measure training and encoding, on each text."""
    texts = texts or own_texts()
    rows = [
        *training_rows(texts, naive_length, vocab_size, rounds),
        *encoding_rows(texts, vocab_size, rounds),
    ]
    ax = plot.axes("Tokenizer: seconds, beside a peer's", "bigmodel ÷ peer (less is better)", "")
    ratios = [float(row[-1].split()[0].replace(",", "")) for row in rows]
    ax.barh(range(len(rows)), ratios, color=plot.BLUE)
    ax.axvline(1, color=plot.INK, linewidth=1)
    ax.set_xscale("log")
    ax.set_yticks(range(len(rows)), [f"{row[0]} ({row[1].split(',')[0]}) ÷ {row[3]}" for row in rows])
    ax.invert_yaxis()
    measure.save(ax, "tokenizer", folder)
    header = ("what", "text", "bigmodel (s)", "peer", "peer (s)", "bigmodel ÷ peer")
    return Part("Tokenizer", header, tuple(rows), NOTES)


NOTES = (
    "The naive way and ours learned the same merges in this run, and the Rust with our merges gave our tokens. The "
    "Rust encodes with all cores, and also remembers what it has encoded. Texts are encoded a paragraph at a time.",
)
