"""Tokenizers: exact round trips, the laws of byte-pair encoding, files that come back the same."""

import copy
import json
import pickle
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
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
    decode_stream,
    from_readable,
    learn_merges,
    load,
    readable,
)

ENGLISH = (
    "One morning Mia hid the small key in the attic. “Where is the key?” asked the fox, and Mia didn't say. "
    "The fox looked in the harbour, in the garden and in the old house; it was in none of them.\n\n"
    "def seek(place, n=12):\n    return place if n > 3 else 'attic'\n"
)
CHINESE = (
    "一天早上，米娅把小钥匙藏在阁楼里。“钥匙在哪儿？”狐狸问，米娅没有说。\n"
    "狐狸去了港口、花园和老房子，都没有找到。"
)
SMALLEST = 259


def trained() -> list[Tokenizer]:
    return [
        CharacterTokenizer.train(ENGLISH),
        CharacterTokenizer.train(CHINESE, vocab_size=270),
        WordTokenizer.train(ENGLISH, vocab_size=300),
        WordTokenizer.train(CHINESE),
        BytePairTokenizer.train(ENGLISH, vocab_size=330),
        BytePairTokenizer.train(CHINESE, vocab_size=330),
    ]


TOKENIZERS = trained()
each = pytest.mark.parametrize("tokenizer", TOKENIZERS, ids=repr)
some_text = st.text() | st.text(ENGLISH + CHINESE + "<|>end") | st.sampled_from([ENGLISH, CHINESE])


# ---------------------------------------------------------------- text to ids to text


@each
@given(text=some_text)
def test_decoding_undoes_encoding_for_any_text(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == text


@each
def test_a_text_never_becomes_a_special_token(tokenizer: Tokenizer) -> None:
    text = "<|padding|><|start|> <|end|>"
    ids = tokenizer.encode(text)
    assert min(ids) >= 3
    assert tokenizer.decode(ids) == text


@each
def test_special_tokens_come_first_and_decode_to_nothing(tokenizer: Tokenizer) -> None:
    assert (tokenizer.padding, tokenizer.start, tokenizer.end) == (0, 1, 2)
    assert tokenizer.tokens[:3] == ["<|padding|>", "<|start|>", "<|end|>"]
    start, *rest = tokenizer.encode("狐é")
    assert tokenizer.decode([1, start, 0, *rest, 2]) == "狐é"
    assert [tokenizer.token_bytes(i) for i in range(3)] == [b"", b"", b""]


@each
def test_the_bytes_have_the_same_ids_in_every_tokenizer(tokenizer: Tokenizer) -> None:
    assert [tokenizer.token_bytes(3 + byte) for byte in range(256)] == [bytes([b]) for b in range(256)]


@each
def test_every_id_has_bytes_and_a_name_of_its_own(tokenizer: Tokenizer) -> None:
    assert tokenizer.vocab_size == len(tokenizer.tokens) == len(set(tokenizer.tokens))
    spelled = [tokenizer.token_bytes(i) for i in range(3, tokenizer.vocab_size)]
    assert len(set(spelled)) == tokenizer.vocab_size - 3
    assert b"" not in spelled


@each
@given(text=some_text)
def test_the_bytes_of_the_tokens_are_the_bytes_of_the_text(tokenizer: Tokenizer, text: str) -> None:
    assert b"".join(tokenizer.token_bytes(i) for i in tokenizer.encode(text)) == text.encode()


@each
def test_no_text_is_no_tokens(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("") == []
    assert tokenizer.decode([]) == ""


@each
@given(ids=st.lists(st.integers(0, 269)))
def test_any_ids_decode_and_bytes_that_are_no_character_become_the_replacement(
    tokenizer: Tokenizer, ids: list[int]
) -> None:
    data = b"".join(tokenizer.token_bytes(i) for i in ids if i < tokenizer.vocab_size)
    known = [i for i in ids if i < tokenizer.vocab_size]
    assert tokenizer.decode(known) == data.decode("utf-8", errors="replace")


def test_ids_may_be_any_row_of_whole_numbers() -> None:
    numpy = pytest.importorskip("numpy")
    tokenizer = TOKENIZERS[0]
    ids = tokenizer.encode("Mia")
    assert tokenizer.decode(numpy.array(ids)) == tokenizer.decode(iter(ids)) == "Mia"


# ---------------------------------------------------------------- as ids arrive


@each
@given(text=some_text)
def test_the_stream_joins_to_the_text(tokenizer: Tokenizer, text: str) -> None:
    assert "".join(decode_stream(tokenizer, tokenizer.encode(text))) == text


@each
@given(ids=st.lists(st.integers(0, 265)))
def test_the_stream_of_any_ids_joins_to_their_decoding(tokenizer: Tokenizer, ids: list[int]) -> None:
    known = [i for i in ids if i < tokenizer.vocab_size]
    assert "".join(decode_stream(tokenizer, known)) == tokenizer.decode(known)


def test_the_stream_holds_a_character_back_until_its_last_byte() -> None:
    tokenizer = CharacterTokenizer.train("a")
    arriving = iter(tokenizer.encode("é狐a"))
    seen: list[int] = []

    def ids():
        for token in arriving:
            seen.append(token)
            yield token

    stream = decode_stream(tokenizer, ids())
    assert [(next(stream), len(seen)) for _ in range(3)] == [("é", 2), ("狐", 5), ("a", 6)]
    assert list(stream) == []


def test_the_stream_ends_with_the_replacement_where_a_character_is_unfinished() -> None:
    tokenizer = CharacterTokenizer.train("a")
    assert list(decode_stream(tokenizer, tokenizer.encode("a狐")[:-1])) == ["a", "�"]


# ---------------------------------------------------------------- pieces


@given(text=some_text)
@pytest.mark.parametrize("pattern", [CHARACTERS, WORDS, CHUNKS])
def test_the_patterns_leave_no_character_out(pattern: str, text: str) -> None:
    assert "".join(re.findall(pattern, text)) == text


def test_words_and_signs_carry_the_space_before_them() -> None:
    tokenizer = WordTokenizer.train(ENGLISH)
    assert tokenizer.pieces("Mia's  fox, 2024 “key”.\n\n  he said…") == [
        *[
            "Mia",
            "'s",
            " ",
            " fox",
            ",",
            " ",
            "202",
            "4",
            " “",
            "key",
            "”",
            ".",
            "\n\n",
            " ",
            " he",
            " said",
            "…",
        ]
    ]


def test_only_the_end_of_a_word_goes_with_its_apostrophe() -> None:
    pieces = WordTokenizer.train("a").pieces("we'll don’t 'tis 'small'")
    assert pieces == ["we", "'ll", " don", "’t", " '", "tis", " '", "small", "'"]
    assert WordTokenizer.train("a").pieces("o'tis") == ["o", "'", "tis"]


def test_each_hanzi_is_a_word_and_byte_pairs_may_span_eight() -> None:
    assert WordTokenizer.train("你").pieces("钥匙在哪儿？") == list("钥匙在哪儿？")
    tokenizer = BytePairTokenizer.train("你", SMALLEST)
    assert tokenizer.pieces("一二三四五六七八九十，好") == ["一二三四五六七八", "九十", "，", "好"]


@pytest.mark.parametrize("pattern", [WORDS, CHUNKS])
@pytest.mark.parametrize("character", ["x", "的", "ก", " ", "!", "\n", "7", "\u200d"])
def test_a_text_without_spaces_is_cut_as_well(pattern: str, character: str) -> None:
    assert max(map(len, re.findall(pattern, character * 1000))) <= 33


# ---------------------------------------------------------------- characters and words


def test_a_character_is_one_token_where_it_was_learned_and_its_bytes_where_not() -> None:
    tokenizer = CharacterTokenizer.train("aé狐é")
    assert tokenizer.vocab_size == SMALLEST + 2
    assert [tokenizer.tokens[i] for i in tokenizer.encode("aé狐ü")] == ["a", "é", "狐", "<0xC3>", "<0xBC>"]


def test_the_most_frequent_characters_are_learned_first_and_then_the_smaller_bytes() -> None:
    text = "üüü" + "狐狐" + "öé"
    assert CharacterTokenizer.train(text).tokens[SMALLEST:] == ["ü", "狐", "é", "ö"]
    assert CharacterTokenizer.train(text, vocab_size=SMALLEST + 2).tokens[SMALLEST:] == ["ü", "狐"]


def test_every_word_of_the_text_is_one_token_where_all_are_learned() -> None:
    tokenizer = WordTokenizer.train(ENGLISH)
    assert [tokenizer.token_bytes(i).decode() for i in tokenizer.encode(ENGLISH)] == tokenizer.pieces(ENGLISH)


def test_a_word_that_was_not_learned_is_spelled_with_the_longest_known_from_the_left() -> None:
    tokenizer = WordTokenizer.train(" the there by")
    assert [tokenizer.tokens[i] for i in tokenizer.encode(" thereby")] == ["␣there", "b", "y"]
    assert [tokenizer.tokens[i] for i in tokenizer.encode(" theré")] == ["␣the", "r", "<0xC3>", "<0xA9>"]


def test_words_are_learned_by_frequency_and_then_by_their_bytes() -> None:
    text = " of of of at to at to by"
    assert WordTokenizer.train(text, SMALLEST + 3).tokens[SMALLEST:] == ["␣of", "␣at", "␣to"]


# ---------------------------------------------------------------- byte pairs


def merges_by_hand(pieces: Counter[str], n: int) -> list[tuple[bytes, bytes]]:
    """Byte-pair encoding as the definition says it: count everything anew for every merge."""
    tokens = [bytes([byte]) for byte in range(256)]
    words = [([bytes([byte]) for byte in piece.encode()], count) for piece, count in pieces.items()]
    merges = []
    while len(merges) < n:
        counts: Counter[tuple[bytes, bytes]] = Counter()
        for word, count in words:
            for i in range(len(word) - 1):
                counts[word[i], word[i + 1]] += count
        if not counts:
            break
        left, right = min(counts, key=lambda p: (-counts[p], tokens.index(p[0]), tokens.index(p[1])))
        merges.append((left, right))
        tokens.append(left + right)
        words = [(apply_by_hand(word, left, right), count) for word, count in words]
    return merges


def apply_by_hand(word: list[bytes], left: bytes, right: bytes) -> list[bytes]:
    joined = []
    i = 0
    while i < len(word):
        if word[i : i + 2] == [left, right]:
            joined.append(left + right)
            i += 2
        else:
            joined.append(word[i])
            i += 1
    return joined


def test_the_merges_of_a_text_small_enough_to_follow_by_eye() -> None:
    # Of " low low low lower newest newest widest" three pairs stand four times: ␣l, lo and ow. The space has the
    # smallest id, so ␣l is first. Then ow comes before ␣l+o, whose left token is younger, and then ␣l+ow.
    # Then es and st stand three times, and e is older than s. At last four pairs stand twice: ␣ is the oldest.
    tokenizer = BytePairTokenizer.train(" low low low lower newest newest widest", SMALLEST + 6)
    left, right = zip(*tokenizer.merges, strict=True)
    assert left == (b" ", b"o", b" l", b"e", b"es", b" ")
    assert right == (b"l", b"w", b"ow", b"s", b"t", b"n")
    assert tokenizer.tokens[SMALLEST:] == ["␣l", "ow", "␣low", "es", "est", "␣n"]
    assert [tokenizer.tokens[i] for i in tokenizer.encode(" lowest news")] == [
        *["␣low", "est", "␣n", "e", "w", "s"]
    ]


def test_a_run_is_merged_from_the_left() -> None:
    tokenizer = BytePairTokenizer.train("aaaaa", SMALLEST + 1)
    assert [tokenizer.tokens[i] for i in tokenizer.encode("aaaaa")] == ["aa", "aa", "a"]


@given(
    text=st.text("ab", max_size=60) | st.text("abc .\n", max_size=60) | st.text("aé钥匙, ", max_size=40),
    n=st.integers(0, 60),
)
def test_the_fast_way_learns_what_the_definition_says_ties_included(text: str, n: int) -> None:
    pieces = Counter(re.findall(CHUNKS, text))
    assert learn_merges(pieces, n) == merges_by_hand(pieces, n)


@pytest.mark.parametrize("text", [ENGLISH, CHINESE])
def test_the_fast_way_learns_the_same_from_real_sentences(text: str) -> None:
    pieces = Counter(re.findall(CHUNKS, text))
    assert learn_merges(pieces, 150) == merges_by_hand(pieces, 150)


@pytest.mark.parametrize("text", [ENGLISH, CHINESE])
@given(other=some_text)
def test_encoding_applies_the_merges_in_the_order_in_which_they_were_learned(text: str, other: str) -> None:
    tokenizer = TOKENIZERS[4] if text is ENGLISH else TOKENIZERS[5]
    ids = []
    for piece in tokenizer.pieces(other):
        word = [bytes([byte]) for byte in piece.encode()]
        for left, right in tokenizer.merges:
            word = apply_by_hand(word, left, right)
        ids += [tokenizer.vocabulary[token] for token in word]
    assert tokenizer.encode(other) == ids


def test_a_larger_vocabulary_begins_with_the_smaller_one() -> None:
    small, large = BytePairTokenizer.train(ENGLISH, 280), BytePairTokenizer.train(ENGLISH, 320)
    assert large.tokens[:280] == small.tokens
    assert large.merges[:21] == small.merges


def test_the_vocabulary_has_exactly_the_size_that_was_asked_for() -> None:
    for size in (SMALLEST, SMALLEST + 1, 300, 340):
        assert BytePairTokenizer.train(ENGLISH, size).vocab_size == size


def test_a_given_vocabulary_keeps_its_own_ids_and_special_tokens() -> None:
    merges = [(b" ", b"a"), (b" a", b"b")]
    vocabulary = {byte: i for i, byte in enumerate(reversed(BYTES))} | {b" a": 256, b" ab": 257}
    specials = {"<|endoftext|>": 258} | dict.fromkeys(SPECIALS, 258)
    tokenizer = BytePairTokenizer(merges, vocabulary, specials, pattern=r" ?[a-z]+")
    assert tokenizer.encode(" ab!") == [257, 255 - ord("!")]
    assert (tokenizer.vocab_size, tokenizer.tokens[258]) == (259, "<|endoftext|>")
    assert tokenizer.padding == tokenizer.start == tokenizer.end == 258
    assert tokenizer.decode([257, 258]) == " ab"


def test_a_merge_that_makes_a_token_again_gives_it_the_same_id() -> None:
    tokenizer = BytePairTokenizer([(b"a", b"b"), (b"b", b"c"), (b"ab", b"c"), (b"a", b"bc")])
    assert tokenizer.tokens[SMALLEST:] == ["ab", "bc", "abc"]
    assert tokenizer.encode("abc") == [SMALLEST + 2]


def test_one_place_is_merged_at_a_time_as_other_tokenizers_do() -> None:
    # In a given list, a late merge (a, bc) may make the left side of an early one (abc, a), which goes first.
    tokenizer = BytePairTokenizer([(b"b", b"c"), (b"a", b"b"), (b"ab", b"c"), (b"abc", b"a"), (b"a", b"bc")])
    assert [tokenizer.tokens[i] for i in tokenizer.encode("abcabc")] == ["abca", "bc"]


# ---------------------------------------------------------------- names


@given(token=st.binary() | st.text("<0xE4> ␣⏎\n你\t").map(str.encode))
def test_a_readable_name_says_exactly_which_bytes(token: bytes) -> None:
    name = readable(token)
    assert from_readable(name) == token
    assert not re.search(r"\s", name)
    assert name == "" or name.isprintable()


def test_readable_names() -> None:
    names = {b" the": "␣the", b"\n": "⏎", "狐".encode(): "狐", b"\xe4": "<0xE4>", b"\t<": "<0x09><"}
    assert {token: readable(token) for token in names} == names
    assert readable(b"<0xE4>") == "<0x3C>0xE4>"
    assert readable("␣".encode()) == "<0xE2><0x90><0xA3>"


# ---------------------------------------------------------------- files


@each
def test_a_saved_tokenizer_comes_back_the_same(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path / "tokenizer.json")
    again = load(tmp_path / "tokenizer.json")
    assert type(again) is type(tokenizer)
    assert again.tokens == tokenizer.tokens
    assert again.vocabulary == tokenizer.vocabulary
    assert again.specials == tokenizer.specials
    text = ENGLISH + CHINESE + "\t ünseen <0x41>"
    assert again.encode(text) == tokenizer.encode(text)
    again.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "tokenizer.json").read_bytes()


def test_a_given_vocabulary_comes_back_the_same(tmp_path: Path) -> None:
    vocabulary = {byte: i + 1 for i, byte in enumerate(BYTES)} | {b" a": 257}
    tokenizer = BytePairTokenizer([(b" ", b"a")], vocabulary, dict.fromkeys(SPECIALS, 0), r" ?[a-z]+")
    tokenizer.save(tmp_path / "given.json")
    again = load(tmp_path / "given.json")
    assert again.vocabulary == vocabulary
    assert again.encode("<- a") == tokenizer.encode("<- a")


def test_the_file_can_be_read_by_people(tmp_path: Path) -> None:
    merges = [(b" ", b"f"), (b" f", b"o"), (b"\xe7\x8b", b"\x90")]
    BytePairTokenizer([(b"\xe7", b"\x8b"), *merges]).save(tmp_path / "t.json")
    written = (tmp_path / "t.json").read_text(encoding="utf-8")
    assert '"狐"' in written
    assert '"␣f o"' in written
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t.json"]


@each
def test_a_copy_for_another_process_encodes_the_same(tokenizer: Tokenizer) -> None:
    for again in (pickle.loads(pickle.dumps(tokenizer)), copy.deepcopy(tokenizer)):
        assert again.encode(ENGLISH + CHINESE) == tokenizer.encode(ENGLISH + CHINESE)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is not whole JSON"),
        (b"\x80\x04model", "it is not whole JSON"),
        (b"[1, 2]", "no tokenizer that this version"),
        (b'{"model": {"vocab": {}}}', "no tokenizer that this version"),
        (b"[" * 100_000, "it is not whole JSON"),
    ],
)
def test_a_foreign_file_is_refused_by_name(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "foreign.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"foreign\.json.*{message}"):
        load(path)


def test_half_a_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "half.json"
    TOKENIZERS[4].save(path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match=r"half\.json.*not whole JSON"):
        load(path)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("tokens", None, "'tokens' is missing"),
        ("merges", ["␣ t", "x q", "nonsense"], "damaged"),
        ("merges", ["␣ t", "␣t he"], "he is merged before any merge has made it"),
        ("merges", ["␣ t"], "the merges and the vocabulary disagree"),
        ("tokens", ["<|padding|>", "<|start|>", "<|end|>", "a", "b"], "no token for the byte"),
        ("tokens", 7, "damaged"),
        ("specials", {"<|padding|>": 0}, "specials give no id"),
        ("specials", {"<|padding|>": 0, "<|start|>": 1, "<|end|>": 2.0}, "must be 0 to"),
        ("specials", {"<|padding|>": 0, "<|start|>": 1, "<|end|>": -2}, "must be 0 to"),
        ("specials", [], "damaged"),
        ("pattern", "(a)|b", "has a group that captures"),
        ("pattern", "[", "damaged"),
        ("pattern", 5, "damaged"),
    ],
)
def test_a_damaged_file_is_refused_by_name(key: str, value: object, message: str, tmp_path: Path) -> None:
    path = tmp_path / "damaged.json"
    TOKENIZERS[4].save(path)
    state = json.loads(path.read_text(encoding="utf-8"))
    state[key] = value
    if value is None:
        del state[key]
    path.write_text(json.dumps(state), encoding="utf-8")
    with pytest.raises(
        ValueError, match=rf"damaged\.json is a damaged tokenizer.*{message}|{message}.*:"
    ) as error:
        load(path)
    assert "\n" not in str(error.value)


def test_a_token_that_stands_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "twice.json"
    TOKENIZERS[0].save(path)
    state = json.loads(path.read_text(encoding="utf-8"))
    state["tokens"].append(state["tokens"][-1])
    path.write_text(json.dumps(state), encoding="utf-8")
    with pytest.raises(ValueError, match=r"twice\.json.*each of them once"):
        load(path)


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no tokenizer at .*nowhere\.json: no such file"):
        load(tmp_path / "nowhere.json")


def test_a_folder_is_not_read_as_a_tokenizer(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="cannot read a tokenizer from"):
        load(tmp_path)


# ---------------------------------------------------------------- bad input


@each
@pytest.mark.parametrize("wrong", [-1, 1000, -100])
def test_an_id_outside_the_vocabulary_is_refused(tokenizer: Tokenizer, wrong: int) -> None:
    with pytest.raises(ValueError, match=f"id {wrong} is not in this vocabulary"):
        tokenizer.decode([5, wrong])
    with pytest.raises(ValueError, match=f"id {wrong} is not in this vocabulary"):
        tokenizer.token_bytes(wrong)
    with pytest.raises(ValueError, match=f"id {wrong} is not in this vocabulary"):
        list(decode_stream(tokenizer, [5, wrong]))


@pytest.mark.parametrize("wrong", [[1.5], ["a"], "abc", 7, None, [[1, 2], [3, 4]]])
def test_what_is_no_row_of_ids_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="one row of whole numbers"):
        TOKENIZERS[0].decode(wrong)


@each
@pytest.mark.parametrize("wrong", [b"bytes", None, 7, ["a"]])
def test_what_is_no_text_is_refused(tokenizer: Tokenizer, wrong: object) -> None:
    with pytest.raises(ValueError, match=f"reads text .*not {type(wrong).__name__}"):
        tokenizer.encode(wrong)


@each
def test_half_a_surrogate_pair_is_refused_with_its_place(tokenizer: Tokenizer) -> None:
    with pytest.raises(ValueError, match=r"'\\ud83d' at position 2 is half of a surrogate pair"):
        tokenizer.encode("ab\ud83d")


KINDS = pytest.mark.parametrize("kind", [CharacterTokenizer, WordTokenizer, BytePairTokenizer])


@KINDS
@pytest.mark.parametrize("size", [258, 0, -1, 300.0, "300", True])
def test_a_vocabulary_too_small_or_not_whole_is_refused(kind: type[Tokenizer], size: object) -> None:
    with pytest.raises(
        ValueError, match=re.escape(f"at least 259 (3 special tokens and 256 bytes), not {size!r}")
    ):
        kind.train(ENGLISH, size)


def test_byte_pairs_need_a_vocabulary_size() -> None:
    with pytest.raises(ValueError, match=r"vocab_size must be a whole number of at least 259 .* not None"):
        BytePairTokenizer.train(ENGLISH, None)


@KINDS
def test_training_on_nothing_is_refused(kind: type[Tokenizer]) -> None:
    with pytest.raises(ValueError, match="the text to train on is empty"):
        kind.train("", 300)
    with pytest.raises(ValueError, match="reads text"):
        kind.train(b"text", 300)
    with pytest.raises(ValueError, match="surrogate"):
        kind.train("\udc80", 300)


@KINDS
def test_a_text_too_small_for_the_vocabulary_is_refused_with_the_size_that_is_possible(kind) -> None:
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
    with pytest.raises(ValueError, match="no token for the byte <0x00>"):
        BytePairTokenizer([], vocabulary={b"a": 3})
    with pytest.raises(ValueError, match="disagree about the token ab"):
        BytePairTokenizer([], vocabulary=BYTES | {b"ab": 259})
