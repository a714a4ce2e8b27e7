"""Tokenizers: exact round trips, the laws of byte-pair encoding, files that come back the same."""

import copy
import json
import pickle
import re
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bigmodel.tokenizer import (
    BYTES,
    CHARACTERS,
    CHUNKS,
    SPECIALS,
    WORDS,
    BytePairTokenizer,
    CharacterTokenizer,
    Tokenizer,
    WordTokenizer,
    count_pieces,
    cut,
    decode_stream,
    from_readable,
    load,
    readable,
)

ENGLISH = (
    "One morning Mia hid the small key in the attic. “Where is the key?” asked the fox, and Mia didn't say. "
    "The fox looked in the harbour, in the garden and in the old house; it was in none of them.\n\n"
    "def seek(place, n=12):\n    return place if n > 3 else 'attic'\n"
)
CHINESE = (
    "一天早上，米娅把小钥匙藏在阁楼里。“钥匙在哪儿？”狐狸问，米娅没有说。\n狐狸去了港口、花园和老房子，都没有找到。"
)
SMALLEST = 259
TOKENIZERS = [
    CharacterTokenizer.train(ENGLISH),
    CharacterTokenizer.train(CHINESE, vocab_size=270),
    WordTokenizer.train(ENGLISH, vocab_size=300),
    WordTokenizer.train(CHINESE),
    BytePairTokenizer.train(ENGLISH, vocab_size=330),
    BytePairTokenizer.train(CHINESE, vocab_size=330),
]
each = pytest.mark.parametrize("tokenizer", TOKENIZERS, ids=repr)
each_kind = pytest.mark.parametrize("kind", [CharacterTokenizer, WordTokenizer, BytePairTokenizer])
some_text = st.text() | st.text(ENGLISH + CHINESE + "<|>end") | st.sampled_from([ENGLISH, CHINESE])


def names(tokenizer: Tokenizer, text: str) -> list[str]:
    return [tokenizer.tokens[number] for number in tokenizer.encode(text)]


# ---------------------------------------------------------------- text to ids to text


@each
@given(text=some_text)
def test_decoding_undoes_encoding_for_any_text(tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert b"".join(map(tokenizer.token_bytes, ids)) == text.encode()


@each
def test_the_ids_are_specials_then_bytes_then_what_was_learned(tokenizer: Tokenizer) -> None:
    assert (tokenizer.padding, tokenizer.start, tokenizer.end) == (0, 1, 2)
    assert tokenizer.tokens[:3] == list(SPECIALS)
    spelled = [tokenizer.token_bytes(number) for number in range(tokenizer.vocab_size)]
    assert spelled[:SMALLEST] == [b"", b"", b"", *(bytes([byte]) for byte in range(256))]
    assert len(set(spelled[3:])) == tokenizer.vocab_size - 3
    assert tokenizer.vocab_size == len(tokenizer.tokens) == len(set(tokenizer.tokens))


@each
@given(ids=st.lists(st.integers(0, 269)))
def test_any_ids_decode_and_bytes_that_are_no_character_become_the_replacement(
    tokenizer: Tokenizer, ids: list[int]
) -> None:
    known = [number for number in ids if number < tokenizer.vocab_size]
    data = b"".join(map(tokenizer.token_bytes, known))
    assert tokenizer.decode(known) == data.decode("utf-8", errors="replace")
    assert "".join(decode_stream(tokenizer, known)) == tokenizer.decode(known)


def test_ids_may_be_any_row_of_whole_numbers() -> None:
    ids = TOKENIZERS[0].encode("Mia")
    assert TOKENIZERS[0].decode(np.array(ids)) == TOKENIZERS[0].decode(iter(ids)) == "Mia"


def test_the_stream_holds_a_character_back_until_its_last_byte() -> None:
    tokenizer = CharacterTokenizer.train("a")
    seen: list[int] = []

    def arriving() -> Iterator[int]:
        for token in tokenizer.encode("é狐a"):
            seen.append(token)
            yield token

    stream = decode_stream(tokenizer, arriving())
    assert [(next(stream), len(seen)) for _ in range(3)] == [("é", 2), ("狐", 5), ("a", 6)]
    assert list(stream) == []


# ---------------------------------------------------------------- special tokens


@each
@given(parts=st.lists(st.sampled_from([*SPECIALS, "Mia", " <|end|", "|end|>", "钥匙\n"])))
def test_special_tokens_are_text_unless_they_are_allowed(tokenizer: Tokenizer, parts: list[str]) -> None:
    text = "".join(parts)
    assert min(tokenizer.encode(text), default=3) >= 3
    assert min(tokenizer.encode(text, {"<|start|>"}), default=1) in {1, *range(3, 500)}
    # What stands between two special tokens is encoded by itself.
    expected: list[int] = []
    for part in re.split(r"(<\|(?:padding|start|end)\|>)", text):
        expected += [SPECIALS[part]] if part in SPECIALS else tokenizer.encode(part)
    assert tokenizer.encode(text, "all") == tokenizer.encode(text, list(SPECIALS)) == expected


def test_of_special_tokens_that_begin_alike_the_longest_is_taken() -> None:
    vocabulary = {byte: number for number, byte in enumerate(BYTES)}
    specials = dict.fromkeys(SPECIALS, 256) | {"<|e|>": 257, "<|e|>>": 258}
    assert BytePairTokenizer([], vocabulary, specials).encode("<|e|>><|e|>", "all") == [258, 257]


@pytest.mark.parametrize("wrong", [{"<|stop|>"}, "<|end|>"])
def test_an_unknown_special_token_is_refused_with_the_known_ones(wrong: object) -> None:
    with pytest.raises(ValueError, match=r"is no special token: allow some of <\|padding\|>, .*\"all\""):
        TOKENIZERS[0].encode("", wrong)


@each_kind
def test_training_cuts_special_tokens_out(kind: type[Tokenizer]) -> None:
    marked = "é<|end|>".join(f"{line}<|start|><|padding|>" for line in (ENGLISH + CHINESE).splitlines() * 9)
    tokenizer = kind.train(marked, vocab_size=290)
    learned = [tokenizer.token_bytes(number) for number in range(SMALLEST, 290)]
    assert not [token for token in learned if b"<|" in token or b"|>" in token or b"padding" in token]
    assert count_pieces("ab<|end|>ab <|start|>", CHUNKS) == Counter({"ab": 2, " ": 1})


# ---------------------------------------------------------------- pieces


@given(text=some_text)
@pytest.mark.parametrize("pattern", [CHARACTERS, WORDS, CHUNKS])
def test_the_patterns_leave_no_character_out(pattern: str, text: str) -> None:
    assert "".join(re.findall(pattern, text)) == text


@pytest.mark.parametrize(
    ("pattern", "text", "pieces"),
    [
        (WORDS, "Mia's  fox, 2024 “key”.", "Mia|'s| | fox|,| |202|4| “|key|”|."),
        (WORDS, "\n\n  he said…", "\n\n| | he| said|…"),
        (WORDS, "we'll don’t 'tis 'small'", "we|'ll| don|’t| '|tis| '|small|'"),
        (WORDS, "o'tis", "o|'|tis"),
        (WORDS, "钥匙在哪儿？", "钥|匙|在|哪|儿|？"),
        (CHUNKS, "一二三四五六七八九十，好", "一二三四五六七八|九十|，|好"),
    ],
)
def test_where_a_text_is_cut(pattern: str, text: str, pieces: str) -> None:
    assert BytePairTokenizer([], pattern=pattern).pieces(text) == pieces.split("|")


@pytest.mark.parametrize("pattern", [WORDS, CHUNKS])
@pytest.mark.parametrize("character", ["x", "的", "ก", " ", "!", "\n", "7", "\u200d"])
def test_a_text_without_spaces_is_cut_as_well(pattern: str, character: str) -> None:
    assert max(map(len, re.findall(pattern, character * 1000))) <= 33


# ---------------------------------------------------------------- characters and words


def test_the_most_frequent_characters_are_learned_first_and_then_the_smaller_bytes() -> None:
    text = "üüü" + "狐狐" + "öéa"
    assert CharacterTokenizer.train(text).tokens[SMALLEST:] == ["ü", "狐", "é", "ö"]
    tokenizer = CharacterTokenizer.train(text, vocab_size=SMALLEST + 2)
    assert tokenizer.tokens[SMALLEST:] == ["ü", "狐"]
    assert names(tokenizer, "aü狐é") == ["a", "ü", "狐", "<0xC3>", "<0xA9>"]
    assert WordTokenizer.train(" of of of at to at to by", SMALLEST + 3).tokens[SMALLEST:] == [
        "␣of",
        "␣at",
        "␣to",
    ]


def test_every_word_of_the_text_is_one_token_where_all_are_learned() -> None:
    tokenizer = WordTokenizer.train(ENGLISH)
    assert [tokenizer.token_bytes(i).decode() for i in tokenizer.encode(ENGLISH)] == tokenizer.pieces(ENGLISH)


def test_a_word_that_was_not_learned_is_spelled_with_the_longest_known_from_the_left() -> None:
    tokenizer = WordTokenizer.train(" the there by")
    assert names(tokenizer, " thereby") == ["␣there", "b", "y"]
    assert names(tokenizer, " theré") == ["␣the", "r", "<0xC3>", "<0xA9>"]


# ---------------------------------------------------------------- byte pairs


def test_the_merges_of_a_text_small_enough_to_follow_by_eye() -> None:
    # Of " low low low lower newest newest widest" three pairs stand four times: ␣l, lo and ow. The space has the
    # smallest id, so ␣l is first. Then ow comes before ␣l+o, whose left token is younger, and then ␣l+ow.
    # Then es and st stand three times, and e is older than s. At last four pairs stand twice: ␣ is the oldest.
    tokenizer = BytePairTokenizer.train(" low low low lower newest newest widest", SMALLEST + 6)
    left, right = zip(*tokenizer.merges, strict=True)
    assert left == (b" ", b"o", b" l", b"e", b"es", b" ")
    assert right == (b"l", b"w", b"ow", b"s", b"t", b"n")
    assert tokenizer.tokens[SMALLEST:] == ["␣l", "ow", "␣low", "es", "est", "␣n"]
    assert names(tokenizer, " lowest news") == ["␣low", "est", "␣n", "e", "w", "s"]
    assert names(BytePairTokenizer.train("aaaaa", SMALLEST + 1), "aaaaa") == ["aa", "aa", "a"]


def test_a_given_vocabulary_keeps_its_own_ids_and_special_tokens(tmp_path: Path) -> None:
    vocabulary = {byte: i for i, byte in enumerate(reversed(BYTES))} | {b" a": 256, b" ab": 257}
    specials = {"<|endoftext|>": 258} | dict.fromkeys(SPECIALS, 258)
    given = BytePairTokenizer([(b" ", b"a"), (b" a", b"b")], vocabulary, specials, pattern=r" ?[a-z]+")
    given.save(tmp_path / "given.json")
    for tokenizer in (given, load(tmp_path / "given.json")):
        assert tokenizer.encode(" ab!") == [257, 255 - ord("!")]
        assert (tokenizer.vocab_size, tokenizer.tokens[258]) == (259, "<|endoftext|>")
        assert tokenizer.padding == tokenizer.start == tokenizer.end == 258
        assert tokenizer.decode([257, 258]) == " ab"


def test_a_merge_that_makes_a_token_again_gives_it_the_same_id() -> None:
    tokenizer = BytePairTokenizer([(b"a", b"b"), (b"b", b"c"), (b"ab", b"c"), (b"a", b"bc")])
    assert tokenizer.tokens[SMALLEST:] == ["ab", "bc", "abc"]
    assert tokenizer.encode("abc") == [SMALLEST + 2]


# ---------------------------------------------------------------- long texts


@pytest.mark.parametrize("pattern", [CHARACTERS, WORDS, CHUNKS, "x+", r"\s+(?!\S)|\S+"])
@settings(max_examples=8)
@given(st.data())
def test_a_long_text_is_cut_where_a_whole_one_is(pattern: str, data: st.DataObject) -> None:
    around = data.draw(st.integers(2**17 - 60, 2**17 + 60))
    text = "x" * around + data.draw(some_text) + "  x" * 30_000 + data.draw(some_text) + ENGLISH
    assert list(cut(pattern, text)) == re.findall(f"{pattern}|(?s:.)", text)


def test_a_long_text_takes_little_more_memory_than_its_ids() -> None:
    tokenizer, text = TOKENIZERS[4], ENGLISH * 5000  # 1.4 MB
    tokenizer.encode(ENGLISH)
    tracemalloc.start()
    ids = tokenizer.encode(text)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 * len(ids)  # a list of the pieces alone has 8 bytes for each, and 50 for its text


def test_one_long_piece_takes_no_quadratic_time() -> None:
    english = BytePairTokenizer(TOKENIZERS[4].merges, pattern="(?s:.+)")
    words = WordTokenizer({**BYTES, b"the": SMALLEST}, SPECIALS, "(?s:.+)")
    for tokenizer in (english, words):
        tokenizer.encode("themorning" * 20_000)  # about one second; pytest-timeout ends what would take many minutes


# ---------------------------------------------------------------- names


@given(token=st.binary() | st.text("<0xE4> ␣⏎\n你\t").map(str.encode))
def test_a_readable_name_says_exactly_which_bytes(token: bytes) -> None:
    name = readable(token)
    assert from_readable(name) == token
    assert not re.search(r"\s", name)
    assert name == "" or name.isprintable()


def test_readable_names() -> None:
    shown = {b" the": "␣the", b"\n": "⏎", "狐".encode(): "狐", b"\xe4": "<0xE4>", b"\t<": "<0x09><"}
    shown |= {b"<0xE4>": "<0x3C>0xE4>", "␣".encode(): "<0xE2><0x90><0xA3>"}
    assert {token: readable(token) for token in shown} == shown


# ---------------------------------------------------------------- files


@each
def test_a_saved_tokenizer_comes_back_the_same(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path / "tokenizer.json")
    again = load(tmp_path / "tokenizer.json")
    text = ENGLISH + CHINESE + "\t ünseen <0x41>"
    for same in (again, pickle.loads(pickle.dumps(tokenizer)), copy.deepcopy(tokenizer)):
        assert type(same) is type(tokenizer)
        assert (same.tokens, same.vocabulary, same.specials) == (
            tokenizer.tokens,
            tokenizer.vocabulary,
            tokenizer.specials,
        )
        assert same.encode(text) == tokenizer.encode(text)
    again.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "tokenizer.json").read_bytes()


def test_the_file_can_be_read_by_people(tmp_path: Path) -> None:
    merges = [(b"\xe7", b"\x8b"), (b" ", b"f"), (b" f", b"o"), (b"\xe7\x8b", b"\x90")]
    BytePairTokenizer(merges).save(tmp_path / "t.json")
    written = (tmp_path / "t.json").read_text(encoding="utf-8")
    assert '"狐"' in written
    assert '"␣f o"' in written


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is not whole JSON"),
        (b"\x80\x04model", "it is not whole JSON"),
        (b"[" * 100_000, "it is not whole JSON"),
        (b'{"model": {"vocab": {}}}', "no tokenizer that this version"),
    ],
)
def test_a_foreign_file_is_refused_by_name(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "foreign.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"foreign\.json.*{message}"):
        load(path)
    with pytest.raises(FileNotFoundError, match=r"no tokenizer at .*nowhere\.json"):
        load(tmp_path / "nowhere.json")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("tokens", None, "'tokens' is missing"),
        ("merges", ["␣ t", "x q", "nonsense"], "damaged"),
        ("merges", ["␣ t", "␣t he"], "he is merged before any merge has made it"),
        ("merges", ["␣ t"], "the merges and the vocabulary disagree"),
        ("tokens", ["<|padding|>", "<|start|>", "<|end|>", "a", "b"], "no token for the byte"),
        ("tokens", [*TOKENIZERS[4].tokens, "a"], "each of them once"),
        ("tokens", 7, "damaged"),
        ("specials", {"<|padding|>": 0}, "specials give no id"),
        ("specials", {"<|padding|>": 0, "<|start|>": 1, "<|end|>": 2.0}, "must be 0 to"),
        ("specials", [], "damaged"),
        ("pattern", "(a)|b", "has a group that captures"),
        ("pattern", "[", "damaged"),
        ("pattern", 5, "damaged"),
    ],
)
def test_a_damaged_file_is_refused_by_name(key: str, value: object, message: str, tmp_path: Path) -> None:
    path = tmp_path / "damaged.json"
    TOKENIZERS[4].save(path)
    state = json.loads(path.read_text(encoding="utf-8")) | {key: value}
    path.write_text(json.dumps({key: value for key, value in state.items() if value is not None}))
    with pytest.raises(ValueError, match=r"damaged\.json is a damaged tokenizer") as error:
        load(path)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize("wrong", [-1, 1000, -100])
def test_an_id_outside_the_vocabulary_is_refused(wrong: int) -> None:
    for use in (TOKENIZERS[4].decode, lambda ids: list(decode_stream(TOKENIZERS[4], ids))):
        with pytest.raises(ValueError, match=f"id {wrong} is not in this vocabulary"):
            use([5, wrong])


@pytest.mark.parametrize("wrong", [[1.5], ["a"], "abc", 7, None, [[1, 2], [3, 4]]])
def test_what_is_no_row_of_ids_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="one row of whole numbers"):
        TOKENIZERS[0].decode(wrong)


@pytest.mark.parametrize("wrong", [b"bytes", None, 7, ["a"]])
def test_what_is_no_text_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match=f"reads text .*not {type(wrong).__name__}"):
        TOKENIZERS[0].encode(wrong)


@each_kind
@pytest.mark.parametrize("size", [258, 0, -1, 300.0, "300", True])
def test_a_vocabulary_too_small_or_not_whole_is_refused(kind: type[Tokenizer], size: object) -> None:
    with pytest.raises(ValueError, match=re.escape(f"(3 special tokens and 256 bytes), not {size!r}")):
        kind.train(ENGLISH, size)


@each_kind
def test_a_text_that_teaches_nothing_or_too_little_is_refused(kind: type[Tokenizer]) -> None:
    with pytest.raises(ValueError, match="the text to train on is empty"):
        kind.train("", 300)
    with pytest.raises(ValueError, match=r"'\\ud83d' at position 2 is half of a surrogate pair"):
        kind.train("ab\ud83d", 300)
    text = "é狐 the the fox"
    with pytest.raises(ValueError, match=r"at most \d+ tokens, not vocab_size=1000") as error:
        kind.train(text, 1000)
    possible = int(re.findall(r"ask for (\d+)", str(error.value))[0])
    assert kind.train(text, possible).vocab_size == possible
    with pytest.raises(ValueError, match=f"ask for {possible}"):
        kind.train(text, possible + 1)


def test_merges_that_do_not_follow_from_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="ab is merged before any merge has made it"):
        BytePairTokenizer([(b"ab", b"c")])
    with pytest.raises(ValueError, match="disagree about the token ab"):
        BytePairTokenizer([], vocabulary=BYTES | {b"ab": 259})
