"""Equal to the reference implementation, the library `tokenizers`, in every merge and every id.

No part of the course needs it: it is here to be compared with.
"""

import json
import re
from functools import cache

import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex, models, pre_tokenizers, trainers

from bigmodel import world
from bigmodel.tokenizer import BYTES, CHUNKS, SPECIALS, WORDS, BytePairTokenizer, WordTokenizer

CODE = "def seek(place, n=12):\n\tif n > 3 and place != 'attic':\n\t\treturn place  # it's not there\n" * 3
TEXTS = {
    "english": world.text(60, seed=0),
    "hanzi": world.text(60, seed=0, script="hanzi"),
    "pinyin": world.text(60, seed=0, script="pinyin"),
    "code": CODE,
}
some_text = (
    st.text(max_size=80)
    | st.text("the key  'sé\u0301ǐ钥匙，。🦊\n\t12", max_size=80)
    | st.lists(st.sampled_from([" ", "  ", "don't", "’ve", " 钥匙", "\u200d", "2024", " fox", "\r\n"])).map("".join)
)


def rust(pattern: str) -> Regex:
    """The pattern for an engine that does not know Python's way of writing a character by its number."""
    return Regex(re.sub(r"\\[uU]([0-9a-f]{8}|[0-9a-f]{4})", lambda match: chr(int(match[1], 16)), pattern))


def lifted(data: bytes) -> str:
    """Bytes as characters in the order of the bytes: so that equal counts are settled alike in both."""
    return "".join(chr(0x4E00 + byte) for byte in data)


def lowered(text: str) -> bytes:
    return bytes(ord(character) - 0x4E00 for character in text)


def train_reference(text: str, size: int) -> tuple[list[tuple[bytes, bytes]], dict[bytes, int]]:
    """The merges and the vocabulary that the reference learns from the same pieces."""
    reference = tokenizers.Tokenizer(models.BPE())
    reference.pre_tokenizer = pre_tokenizers.Split(Regex("\n"), "removed")
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(SPECIALS),
        initial_alphabet=[lifted(byte) for byte in BYTES],
        show_progress=False,
    )
    reference.train_from_iterator(["\n".join(lifted(piece.encode()) for piece in re.findall(CHUNKS, text))], trainer)
    model = json.loads(reference.to_str())["model"]
    pairs = [pair.split(" ") if isinstance(pair, str) else pair for pair in model["merges"]]
    vocabulary = {lowered(token): number for token, number in model["vocab"].items() if token not in SPECIALS}
    return [(lowered(left), lowered(right)) for left, right in pairs], vocabulary


@cache
def printable() -> dict[int, str]:
    """GPT-2's way of writing each byte as a character that can be seen."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in shown]
    return {byte: chr(byte) for byte in shown} | {byte: chr(256 + n) for n, byte in enumerate(hidden)}


def written(token: bytes) -> str:
    return "".join(printable()[byte] for byte in token)


def reference_of(tokenizer: BytePairTokenizer) -> "tokenizers.Tokenizer":
    """The reference implementation with the vocabulary, merges and pattern of one of ours."""
    vocabulary = {written(token): number for token, number in tokenizer.vocabulary.items()}
    merges = [(written(left), written(right)) for left, right in tokenizer.merges]
    reference = tokenizers.Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    cut = pre_tokenizers.Split(rust(tokenizer.pattern), "isolated")
    to_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    reference.pre_tokenizer = pre_tokenizers.Sequence([cut, to_bytes])
    reference.decoder = tokenizers.decoders.ByteLevel()
    return reference


OURS = {name: BytePairTokenizer.train(text, 300 if name == "code" else 600) for name, text in TEXTS.items()}
THEIRS = {name: reference_of(tokenizer) for name, tokenizer in OURS.items()}


@pytest.mark.parametrize("tokenizer", [OURS["english"], WordTokenizer.train(CODE)], ids=["CHUNKS", "WORDS"])
@given(text=some_text)
def test_pieces(tokenizer, text):
    assert tokenizer.pattern in (CHUNKS, WORDS)
    cut = pre_tokenizers.Split(rust(tokenizer.pattern), "isolated")
    assert tokenizer.pieces(text) == [piece for piece, _ in cut.pre_tokenize_str(text)]


@pytest.mark.parametrize("name", TEXTS)
def test_training_on_real_text(name):
    merges, vocabulary = train_reference(TEXTS[name], OURS[name].vocab_size)
    assert OURS[name].merges == merges
    assert OURS[name].vocabulary == vocabulary


@given(
    text=st.text("ab", min_size=1, max_size=80)
    | st.text("abc .\n", min_size=1, max_size=80)
    | st.text("aé钥匙, ", min_size=1, max_size=60)
    | st.text(min_size=1, max_size=60),
    share=st.floats(0, 1),
)
def test_training_ties_included(text, share):
    try:
        most = BytePairTokenizer.train(text, 10_000).vocab_size
    except ValueError as error:
        most = int(re.findall(r"ask for (\d+)", str(error))[0])
    size = 259 + int(share * (most - 259))
    merges, vocabulary = train_reference(text, size)
    ours = BytePairTokenizer.train(text, size)
    assert ours.merges == merges
    assert ours.vocabulary == vocabulary


@pytest.mark.parametrize("name", TEXTS)
@given(text=some_text)
def test_encoding_and_decoding(name, text):
    ids = OURS[name].encode(text)
    assert ids == THEIRS[name].encode(text).ids
    assert OURS[name].decode(ids) == THEIRS[name].decode(ids) == text


@given(data=st.data(), text=st.text("abc", max_size=80))
def test_any_list_of_merges_is_applied_one_place_at_a_time(data, text):
    tokens, merges = [b"a", b"b", b"c"], []
    for _ in range(data.draw(st.integers(0, 25))):
        pair = (data.draw(st.sampled_from(tokens)), data.draw(st.sampled_from(tokens)))
        if pair[0] + pair[1] not in tokens:  # such a list need not come from a text: a late merge may feed an early one
            merges.append(pair)
            tokens.append(pair[0] + pair[1])
    tokenizer = BytePairTokenizer(merges, pattern="[abc]+")
    assert tokenizer.encode(text) == reference_of(tokenizer).encode(text).ids


@pytest.mark.parametrize("name", TEXTS)
def test_encoding_of_whole_texts(name):
    for text in TEXTS.values():
        assert OURS[name].encode(text) == THEIRS[name].encode(text).ids


@given(text=some_text)
def test_a_vocabulary_that_the_reference_made_gives_its_ids(text):
    ours, theirs = given_vocabulary()
    assert ours.encode(text) == theirs.encode(text, add_special_tokens=False).ids
    assert ours.end not in ours.encode(text + "<|endoftext|>")


@cache
def given_vocabulary() -> tuple[BytePairTokenizer, "tokenizers.Tokenizer"]:
    """One that the reference trained, with ids in its own order and one special token, and the same as ours."""
    pattern = r"'(?:[sdmt]|ll|ve|re)| ?[a-zA-Z]+| ?[0-9]+| ?[^ \n\ta-zA-Z0-9]+|[ \n\t]+"
    theirs = tokenizers.Tokenizer(models.BPE())
    to_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    theirs.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), to_bytes])
    trainer = trainers.BpeTrainer(
        vocab_size=500, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    theirs.train_from_iterator(list(TEXTS.values()), trainer)
    model = json.loads(theirs.to_str())["model"]
    byte_of = {character: byte for byte, character in printable().items()}
    pairs = [pair.split(" ") if isinstance(pair, str) else pair for pair in model["merges"]]
    ours = BytePairTokenizer(
        merges=[tuple(bytes(byte_of[c] for c in side) for side in pair) for pair in pairs],
        vocabulary={bytes(byte_of[c] for c in token): number for token, number in model["vocab"].items()},
        specials={"<|endoftext|>": len(model["vocab"])} | dict.fromkeys(SPECIALS, len(model["vocab"])),
        pattern=pattern,
    )
    return ours, theirs


def test_the_reference_writes_bytes_as_gpt_2_does():
    assert sorted(printable().values()) == sorted(pre_tokenizers.ByteLevel.alphabet())
    assert written(b" the\n") == "ĠtheĊ"
