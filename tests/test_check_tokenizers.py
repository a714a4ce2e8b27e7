"""The graders of notebook 06: each accepts right answers, in any style, and names the mistake in each wrong one."""

import inspect
import re
from itertools import pairwise

import pytest

from bigmodel.check import tokenizers as check
from bigmodel.tokenizer import BytePairTokenizer


def said(capsys, grader, answer):
    grader(answer)
    return capsys.readouterr().out


# ---------------------------------------------------------------- decode


def table(merges):
    token_bytes = [bytes([byte]) for byte in range(256)]
    for left, right in merges:
        token_bytes.append(token_bytes[left] + token_bytes[right])
    return token_bytes


def decode_by_recursion(ids, merges):
    def leaves(token):
        if token < 256:
            return bytes([token])
        return b"".join(map(leaves, merges[token - 256]))

    return b"".join(map(leaves, ids)).decode(errors="replace")


def decode_in_place(ids, merges):
    while any(token > 255 for token in ids):
        for place, token in enumerate(ids):
            if token > 255:
                ids[place : place + 1] = merges[token - 256]
                break
    return bytes(ids).decode(errors="replace")


def decode_one_level(ids, merges):
    flat = []
    for token in ids:
        flat += [token] if token < 256 else merges[token - 256]
    return bytes(flat).decode(errors="replace")


def decode_turned(ids, merges):
    token_bytes = [bytes([byte]) for byte in range(256)]
    for left, right in merges:
        token_bytes.append(token_bytes[right] + token_bytes[left])
    return b"".join(token_bytes[i] for i in ids).decode(errors="replace")


def decode_shifted(ids, merges):
    token_bytes = [*table(merges), b""]
    return b"".join(b"" if i == 256 else token_bytes[i - (i > 255)] for i in ids).decode(errors="replace")


# ---------------------------------------------------------------- encode


def encode_by_rank(piece, merges):
    rank = {pair: place for place, pair in enumerate(merges)}
    tokens = [bytes([byte]) for byte in piece]
    while known := [pair for pair in pairwise(tokens) if pair in rank]:
        left, right = min(known, key=rank.__getitem__)
        i, joined = 0, []
        while i < len(tokens):
            if tokens[i : i + 2] == [left, right]:
                joined.append(left + right)
                i += 2
            else:
                joined.append(tokens[i])
                i += 1
        tokens = joined
    return tokens


def encode_in_order(piece, merges):
    tokens = [piece[i : i + 1] for i in range(len(piece))]
    for left, right in merges:
        joined = []
        for token in tokens:
            if joined and (joined[-1], token) == (left, right):
                joined[-1] += token
            else:
                joined.append(token)
        tokens = joined
    return tokens


def encode_one_at_a_time(piece, merges):
    tokens = [bytes([byte]) for byte in piece]
    while True:
        places = [i for i in range(len(tokens) - 1) if (tokens[i], tokens[i + 1]) in merges]
        if not places:
            return tokens
        i = min(places, key=lambda i: merges.index((tokens[i], tokens[i + 1])))
        tokens[i : i + 2] = [tokens[i] + tokens[i + 1]]


def choosing(choose):
    def answer(piece, merges):
        tokens = [bytes([byte]) for byte in piece]
        while places := [i for i in range(len(tokens) - 1) if (tokens[i], tokens[i + 1]) in merges]:
            i = choose(places, tokens, merges)
            tokens[i : i + 2] = [tokens[i] + tokens[i + 1]]
        return tokens

    return answer


def encode_longest(piece, merges):
    known = {left + right for left, right in merges}
    tokens = []
    while piece:
        size = next(n for n in range(len(piece), 0, -1) if n == 1 or piece[:n] in known)
        tokens.append(piece[:size])
        piece = piece[size:]
    return tokens


def encode_once_each(piece, merges):
    tokens = [bytes([byte]) for byte in piece]
    for pair in merges:
        for i in range(len(tokens) - 1):
            if (tokens[i], tokens[i + 1]) == pair:
                tokens[i : i + 2] = [pair[0] + pair[1]]
                break
    return tokens


def encode_one_walk(piece, merges):
    tokens = []
    for byte in piece:
        tokens.append(bytes([byte]))
        if len(tokens) > 1 and (tokens[-2], tokens[-1]) in merges:
            tokens[-2:] = [tokens[-2] + tokens[-1]]
    return tokens


def encode_one_merge(piece, merges):
    tokens = [bytes([byte]) for byte in piece]
    for pair in merges:
        if pair in pairwise(tokens):
            i = list(pairwise(tokens)).index(pair)
            return [*tokens[:i], pair[0] + pair[1], *tokens[i + 2 :]]
    return tokens


def encode_overlapping(piece, merges):
    tokens = [bytes([byte]) for byte in piece]
    for left, right in merges:
        tokens = [
            token + tokens[i + 1] if (token, *tokens[i + 1 : i + 2]) == (left, right) else token
            for i, token in enumerate(tokens)
        ]
    return tokens


def turned(merges):
    return [(right[::-1], left[::-1]) for left, right in merges]


def encode_popping(piece, merges):
    tokens = encode_by_rank(piece, merges)
    merges.clear()
    return tokens


# ---------------------------------------------------------------- the others


def total(texts, encode):
    return sum(len(text.encode()) for text in texts) / sum(len(encode(text)) for text in texts)


def digits_from_the_right(text):
    return re.findall(r"[0-9]{1,3}(?=(?:[0-9]{3})*(?![0-9]))|[^0-9]+", text)


def digits_with_commas(text):
    return [f"{int(run):,}" if run.isdigit() and run[0] != "0" else run for run in re.findall("[0-9]+|[^0-9]+", text)]


def tokens_with(tokenizer, text, n):
    return len(BytePairTokenizer(tokenizer.merges[:n]).encode(text))


def by_halving(tokenizer, text, limit):
    low, high = 0, len(tokenizer.merges)
    if tokens_with(tokenizer, text, high) > limit:
        return None
    while low < high:
        middle = (low + high) // 2
        if tokens_with(tokenizer, text, middle) <= limit:
            high = middle
        else:
            low = middle + 1
    return 259 + low


def first_size(tokenizer, text, limit, shift=259, less=False, none=None):
    for n in range(len(tokenizer.merges) + 1):
        if tokens_with(tokenizer, text, n) <= limit - less:
            return n + shift
    return none


RIGHT = {
    check.decode: [
        lambda ids, merges: b"".join(table(merges)[i] for i in ids).decode("utf-8", errors="replace"),
        decode_by_recursion,
        lambda ids, merges: decode_in_place(list(ids), merges),
    ],
    check.encode: [
        encode_by_rank,
        encode_in_order,
        encode_one_at_a_time,
        lambda piece, merges: tuple(encode_by_rank(piece, merges)),
    ],
    check.bytes_per_token: [total, lambda texts, encode: total(tuple(texts), lambda t: tuple(encode(t)))],
    check.ranking: [
        lambda models: sorted(models, key=lambda name: models[name][0] * models[name][1]),
        lambda models: [
            name for _, name in sorted((loss * n / length, name) for name, (loss, n, length) in models.items())
        ],
    ],
    check.cut_digits: [
        digits_from_the_right,
        lambda text: [
            piece
            for run in re.split("([0-9]+)", text)
            for piece in (
                [run[max(end - 3, 0) : end] for end in range(len(run), 0, -3)][::-1] if run.isdigit() else [run]
            )
            if piece
        ],
    ],
    check.smallest_vocabulary: [first_size, by_halving],
}


@pytest.mark.parametrize(
    ("grader", "answer"), [(grader, answer) for grader, answers in RIGHT.items() for answer in answers]
)
def test_right_answers_are_accepted_in_any_style(capsys, grader, answer):
    assert said(capsys, grader, answer).startswith("✓ ")


WRONG = {
    check.decode: [
        (lambda ids, merges: "".join(table(merges)[i].decode(errors="replace") for i in ids), "by itself"),
        (lambda ids, merges: b"".join(table(merges)[i] for i in ids).decode(), "at any time"),
        (lambda ids, merges: b"".join(table(merges)[i] for i in ids).decode(errors="ignore"), "left out"),
        (lambda ids, merges: b"".join(table(merges)[i] for i in ids).decode("latin-1"), "latin-1"),
        (lambda ids, merges: b"".join(table(merges)[i] for i in ids).decode("ascii", "replace"), "not ASCII"),
        (lambda ids, merges: b"".join(table(merges)[i] for i in ids), "decode them from UTF-8"),
        (lambda ids, merges: str(b"".join(table(merges)[i] for i in ids)), r"Use \.decode"),
        (lambda ids, merges: bytes(i for i in ids if i < 256).decode(errors="replace"), "left out"),
        (lambda ids, merges: "".join(map(chr, ids)), "below 256 is a byte"),
        (lambda ids, merges: "".join(chr(b) for i in ids for b in table(merges)[i]), "latin-1"),
        (decode_one_level, "merges themselves"),
        (lambda ids, merges: bytes(ids).decode(errors="replace"), "merges themselves"),
        (decode_turned, "first left, then right"),
        (decode_shifted, "one place off"),
        (decode_in_place, "changed the lists"),
        (lambda ids, merges: decode_by_recursion(ids[::-1], merges), "wrong order"),
        (lambda ids, merges: [table(merges)[i] for i in ids], "expected a text"),
        (lambda ids, merges: None, "nothing"),
        (lambda ids, merges: decode_by_recursion(ids, merges).strip(), "expected"),
        (lambda ids, merges: "key", "expected"),
    ],
    check.encode: [
        (choosing(lambda places, tokens, merges: places[0]), "first in the piece"),
        (choosing(lambda places, tokens, merges: places[-1]), "last in the piece"),
        (
            choosing(
                lambda places, tokens, merges: max(places, key=lambda i: merges.index((tokens[i], tokens[i + 1])))
            ),
            "learned last",
        ),
        (
            choosing(lambda places, tokens, merges: max(places, key=lambda i: len(tokens[i] + tokens[i + 1]))),
            "first in the piece",
        ),
        (encode_longest, "longest token that fits"),
        (encode_once_each, "at most once"),
        (encode_one_walk, "through the piece once"),
        (encode_one_merge, "stopped after one"),
        (encode_overlapping, "no byte may be lost, or come twice"),
        (encode_popping, "changed the list of merges"),
        (lambda piece, merges: [bytes([byte]) for byte in piece], "nothing was merged"),
        (lambda piece, merges: list(piece), "A token is bytes"),
        (lambda piece, merges: piece, "expected a list"),
        (
            lambda piece, merges: [token.decode("latin-1") for token in encode_by_rank(piece, merges)],
            "of type str",
        ),
        (lambda piece, merges: encode_by_rank(piece.lower().strip(), merges), "no byte may be lost"),
        (
            lambda piece, merges: [t[::-1] for t in encode_in_order(piece[::-1], turned(merges))][::-1],
            "from the right",
        ),
        (lambda piece, merges: None, "nothing"),
        (lambda piece, merges: [piece], "expected"),
        (lambda piece, merges: encode_by_rank(piece, merges[:2]), "still stand side by side"),
    ],
    check.bytes_per_token: [
        (
            lambda texts, encode: sum(map(len, texts)) / sum(len(encode(t)) for t in texts),
            "characters a token",
        ),
        (lambda texts, encode: 1 / total(texts, encode), "tokens a byte"),
        (
            lambda texts, encode: sum(len(encode(t)) for t in texts) / sum(map(len, texts)),
            "tokens a character",
        ),
        (lambda texts, encode: sum(total([t], encode) for t in texts) / len(texts), "mean of the texts' own"),
        (lambda texts, encode: total(["".join(texts)], encode), "as one"),
        (lambda texts, encode: total(texts[:1], encode), "first text alone"),
        (lambda texts, encode: [total([t], encode) for t in texts][-1], "last text alone"),
        (
            lambda texts, encode: sum(len(t.split()) for t in texts) / sum(len(encode(t)) for t in texts),
            "words",
        ),
        (lambda texts, encode: sum(len(t.encode()) for t in texts), "divide by the tokens"),
        (lambda texts, encode: sum(len(t.encode()) for t in texts) / len(texts), "a text, not a token"),
        (lambda texts, encode: 8 * total(texts, encode), "bits a token"),
        (lambda texts, encode: [total([t], encode) for t in texts], "one number"),
        (lambda texts, encode: None, "nothing"),
        (lambda texts, encode: f"{total(texts, encode)}", "one number"),
    ],
    check.ranking: [
        (lambda models: sorted(models, key=lambda name: models[name][0]), "by nats a token"),
        (lambda models: sorted(models, key=lambda name: -models[name][0]), "Both count"),
        (lambda models: sorted(models, key=lambda name: models[name][1]), "Both count"),
        (
            lambda models: sorted(models, key=lambda name: models[name][0] / models[name][1]),
            "Both count|by nats",
        ),
        (lambda models: sorted(models, key=lambda name: -models[name][0] * models[name][1]), "worst first"),
        (lambda models: min(models, key=lambda name: models[name][0] * models[name][1]), "a list of names"),
        (
            lambda models: sorted(loss * n / length for loss, n, length in models.values()),
            "each of the names",
        ),
        (lambda models: list(models), "expected"),
        (lambda models: [], "each of the names"),
        (lambda models: None, "nothing"),
        (lambda models: ["BPE", "pairs", "syllables", "letters"], "are not|stopped"),
        (
            lambda models: sorted(models, key=lambda name: 2.718 ** models[name][0] * models[name][1]),
            "expected",
        ),
    ],
    check.cut_digits: [
        (lambda text: re.findall("[0-9]{1,3}|[^0-9]+", text), "from the left"),
        (lambda text: re.findall("[0-9]|[^0-9]+", text), "every digit by itself"),
        (lambda text: re.findall("[0-9]+|[^0-9]+", text), "groups of three"),
        (
            lambda text: [piece for piece in digits_from_the_right(text) if piece[0].isdigit()],
            "not a digit is gone",
        ),
        (
            lambda text: [piece for piece in digits_from_the_right(text) if not piece[0].isdigit()],
            "digits are gone",
        ),
        (digits_with_commas, "in between"),
        (
            lambda text: [int(piece) if piece.isdigit() else piece for piece in digits_from_the_right(text)],
            "007",
        ),
        (
            lambda text: [str(int(piece)) if piece.isdigit() else piece for piece in digits_from_the_right(text)],
            "not the text",
        ),
        (lambda text: digits_from_the_right(text)[::-1], "not the text"),
        (lambda text: "|".join(digits_from_the_right(text)), "a list of pieces"),
        (lambda text: ["", *digits_from_the_right(text)], "empty pieces"),
        (
            lambda text: [piece for run in re.findall("[0-9]+|[^0-9]", text) for piece in digits_from_the_right(run)],
            "stays one piece",
        ),
        (lambda text: None, "nothing"),
    ],
    check.smallest_vocabulary: [
        (lambda *given: first_size(*given, shift=0), "number of merges"),
        (lambda *given: first_size(*given, shift=256), "special tokens have ids"),
        (lambda *given: first_size(*given, shift=260), "one place off|not <"),
        (lambda *given: first_size(*given, shift=258), "one place off"),
        (lambda *given: first_size(*given, less=True), "not <"),
        (lambda *given: first_size(*given, none=285), "return None there"),
        (lambda tokenizer, text, limit: tokenizer.vocab_size, "are enough"),
        (lambda tokenizer, text, limit: limit, "expected"),
        (lambda tokenizer, text, limit: None, "nothing"),
        (lambda tokenizer, text, limit: tokenizer.merges, "expected the number of ids"),
    ],
}
WRONG_ONES = [(grader, *pair) for grader, pairs in WRONG.items() for pair in pairs]


@pytest.mark.parametrize(("grader", "answer", "message"), WRONG_ONES)
def test_wrong_answers_are_told_what_is_wrong(capsys, grader, answer, message):
    sentence = said(capsys, grader, answer)
    assert sentence.startswith("✗ ")
    assert re.search(message, sentence), sentence
    assert sentence.count("\n") == 1


@pytest.mark.parametrize("grader", RIGHT)
def test_a_stub_is_not_tried_yet(capsys, grader):
    def stub(*given):
        raise NotImplementedError

    assert said(capsys, grader, stub).startswith("Not tried yet. Hint: ")


@pytest.mark.parametrize("grader", RIGHT)
def test_answers_of_odd_kinds_are_told_so(capsys, grader):
    for odd in (None, 7, "text", [], {}, object(), b"bytes", 1.5, True):
        sentence = said(capsys, grader, lambda *given, odd=odd: odd)
        assert sentence.startswith("✗ "), odd
        assert "Error" not in sentence, sentence


@pytest.mark.parametrize("grader", RIGHT)
def test_every_grader_names_five_wrong_answers(grader):
    assert len(WRONG[grader]) >= 5
    assert len(inspect.signature(RIGHT[grader][0]).parameters) >= 1
