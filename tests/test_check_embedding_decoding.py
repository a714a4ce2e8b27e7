"""Each grader of notebook 05 accepts right answers, and tells wrong ones what is wrong with them."""

import codecs

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from bigmodel.check import embedding_decoding as check
from bigmodel.generate import Sampling, probabilities
from bigmodel.tokenizer import WordTokenizer, decode_stream


def said(capsys, grade, answer):
    grade(answer)
    return capsys.readouterr().out


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def todo(*arguments):
    raise NotImplementedError


GRADERS = [
    check.embedding_gradient,
    check.next_probabilities,
    check.top_p,
    check.top_k,
    check.nearest,
    check.read_stream,
]


@pytest.mark.parametrize("grade", GRADERS, ids=lambda grade: grade.__name__)
def test_a_stub_gets_a_hint_and_odd_answers_a_sentence(grade, capsys):
    assert said(capsys, grade, todo).startswith("Not tried yet. Hint: ")
    assert "nothing" in said(capsys, grade, lambda *arguments: None)
    for odd in ("text", 3.5, [], {}, torch.zeros(1, 1), torch.zeros(0), np.zeros(3), [None, None, None]):
        assert said(capsys, grade, lambda *arguments, odd=odd: odd).startswith("✗ ")
    assert "ZeroDivisionError" in said(capsys, grade, lambda *arguments: 1 / 0)


def test_a_wrong_distribution_is_drawn_beside_the_right_one(capsys):
    check.top_p(
        lambda q, p: q,
    )
    yours, expected = plt.gcf().axes
    assert [bar.get_height() for bar in yours.patches] == [0.125, 0.5, 0.125, 0.25]
    assert [bar.get_height() for bar in expected.patches] == [0, 1, 0, 0]


# The gradient of an embedding


def gradient_by_autograd(ids, upstream, vocab_size):
    layer = torch.nn.Embedding(vocab_size, upstream.shape[-1])
    (layer(ids) * upstream).sum().backward()
    return layer.weight.grad


def gradient_by_one_hot(ids, upstream, vocab_size):
    return F.one_hot(ids.flatten(), vocab_size).float().T @ upstream.flatten(0, -2)


def gradient_by_loop(ids, upstream, vocab_size):
    gradient = torch.zeros(vocab_size, upstream.shape[-1])
    for token, row in zip(ids.flatten(), upstream.reshape(-1, upstream.shape[-1]), strict=True):
        gradient[token] += row
    return gradient


def gradient_by(update):
    def answer(ids, upstream, vocab_size):
        gradient = torch.zeros(vocab_size, upstream.shape[-1])
        update(gradient, ids.flatten(), upstream.reshape(-1, upstream.shape[-1]))
        return gradient

    return answer


def assign(gradient, ids, upstream):
    for token, row in zip(ids, upstream, strict=True):
        gradient[token] = row


def add_by_index(gradient, ids, upstream):
    gradient[ids] += upstream


def first_only(gradient, ids, upstream):
    for token, row in zip(ids.tolist(), upstream, strict=True):
        if not gradient[token].any():
            gradient[token] = row


def mean_of_each(gradient, ids, upstream):
    for token in ids.unique():
        gradient[token] = upstream[ids == token].mean(0)


def mean_of_all(gradient, ids, upstream):
    gradient.index_add_(0, ids, upstream / len(ids))


def everywhere(gradient, ids, upstream):
    gradient += upstream.sum(0)


GRADIENT = [
    (gradient_by(assign), "only its last gradient was kept"),
    (gradient_by(add_by_index), "counts a repeated id once"),
    (gradient_by(first_only), "only its first gradient was counted"),
    (gradient_by(mean_of_each), "gets their sum"),
    (gradient_by(mean_of_all), "divided by the number of positions"),
    (gradient_by(everywhere), "expected (0, 0), (11, 0)"),
    (lambda ids, upstream, v: gradient_by_loop(ids, upstream, v).T, "shape (2, 4), expected (4, 2)"),
    (lambda ids, upstream, v: upstream[ids], "stopped with IndexError"),
    (
        lambda ids, upstream, v: torch.zeros(v, upstream.shape[-1]).index_add(0, ids, upstream),
        "Flatten the ids",
    ),
    (lambda ids, upstream, v: gradient_by_loop(ids, upstream, v)[ids.unique()], "one row for each token"),
    (lambda ids, upstream, v: gradient_by_one_hot(ids, upstream, v).to_sparse(), "to_dense"),
    (lambda ids, upstream, v: gradient_by_loop(ids, upstream.mul_(1 / 3), v) * 3, "changed in place"),
    (lambda ids, upstream, v: -gradient_by_loop(ids, upstream, v), "your rows are"),
]


@pytest.mark.parametrize("answer", [gradient_by_autograd, gradient_by_one_hot, gradient_by_loop])
def test_the_gradient_of_an_embedding_is_accepted(answer, capsys):
    assert said(capsys, check.embedding_gradient, answer).startswith("✓ ")


@pytest.mark.parametrize(("answer", "sentence"), GRADIENT, ids=lambda value: str(value)[:24])
def test_a_wrong_gradient_is_told_why(answer, sentence, capsys):
    assert sentence in said(capsys, check.embedding_gradient, answer)


# Temperature


def by_hand(logits, temperature):
    scaled = logits / temperature
    powers = (scaled - scaled.max(-1, keepdim=True).values).exp()
    return powers / powers.sum(-1, keepdim=True)


TEMPERATURE = [
    (lambda z, t: torch.softmax(z / t, 0), "dim 0"),
    (lambda z, t: torch.softmax((z / t).flatten(), 0).view_as(z), "whole batch"),
    (lambda z, t: torch.softmax(z * t, -1), "multiplied by the temperature"),
    (lambda z, t: torch.softmax(z, -1), "changed nothing"),
    (lambda z, t: torch.softmax(z, -1) / t, "no longer sums to 1"),
    (lambda z, t: torch.softmax(torch.softmax(z, -1) / t, -1), "softmax of them again"),
    (lambda z, t: torch.log_softmax(z / t, -1), "log-probabilities"),
    (lambda z, t: z / t, "still logits"),
    (lambda z, t: (z / t).exp(), "not divided by the sum"),
    (lambda z, t: torch.sigmoid(z / t), "sigmoid"),
    (lambda z, t: torch.softmax(z.div_(t), -1), "in place"),
    (lambda z, t: (z / t).exp() / (z / t).exp().sum(-1, keepdim=True), "too large for a float32"),
    (lambda z, t: (z / t).argmax(-1), "shape (2,), expected (2, 3)"),
    (lambda z, t: torch.softmax(z[0] / t, -1), "shape (3,)"),
    (lambda z, t: torch.softmax(z / t, -1).numpy(), "ndarray, expected a tensor"),
]


@pytest.mark.parametrize(
    "answer", [by_hand, lambda z, t: probabilities(z, Sampling(t)), lambda z, t: F.softmax(z / t, dim=1)]
)
def test_softmax_with_temperature_is_accepted(answer, capsys):
    assert said(capsys, check.next_probabilities, answer).startswith("✓ ")


@pytest.mark.parametrize(("answer", "sentence"), TEMPERATURE)
def test_a_wrong_temperature_is_told_why(answer, sentence, capsys):
    assert sentence in said(capsys, check.next_probabilities, answer)


# Top-p


def nucleus(keep, *, divide=True, descending=True, back=True):
    def answer(p_words, p):
        ordered, words = p_words.sort(descending=descending)
        kept = torch.where(keep(ordered, p), ordered, torch.zeros(()))
        kept = kept / kept.sum() if divide else kept
        return torch.zeros_like(p_words).scatter(0, words, kept) if back else kept

    return answer


def reached_before(ordered, p):
    return ordered.cumsum(0) - ordered < p


def by_package(p_words, p):
    return probabilities(p_words.log(), sampling=Sampling(top_p=p))


def by_loop(p_words, p):
    chosen, total = [], 0.0
    for word in p_words.argsort(descending=True).tolist():
        if total >= p:
            break
        chosen.append(word)
        total += p_words[word].item()
    kept = torch.zeros_like(p_words)
    kept[chosen] = p_words[chosen]
    return kept / kept.sum()


def in_place(p_words, p):
    kept = by_loop(p_words, p)
    p_words[kept == 0] = 0
    return kept


TOP_P = [
    (nucleus(lambda ordered, p: ordered.cumsum(0) <= p), "crosses it, and belongs to the set"),
    (nucleus(lambda ordered, p: ordered.cumsum(0) < p), "nothing is left to draw from"),
    (nucleus(lambda ordered, p: ordered.cumsum(0) - ordered <= p), "nothing more is needed"),
    (nucleus(reached_before, divide=False), "sum to 0.5"),
    (nucleus(reached_before, back=False), "sorted"),
    (nucleus(reached_before, descending=False), "began with the least probable"),
    (lambda q, p: torch.where(q >= p, q, 0.0) / q[q >= p].sum(), "nothing is left"),
    (lambda q, p: torch.where(q >= 1 - p, q, 0.0) / q[q >= 1 - p].sum(), "a word is missing"),
    (
        lambda q, p: torch.softmax(torch.where(by_loop(q, p) > 0, q.log(), q * 0 - torch.inf) * 2, 0),
        "wrong probabilities",
    ),
    (lambda q, p: q, "4 words are kept"),
    (lambda q, p: q[by_loop(q, p) > 0], "expected (4,)"),
    (in_place, "in place"),
    (lambda q, p: torch.softmax(torch.where(by_loop(q, p) > 0, q, 0.0), 0), "4 words are kept"),
]


@pytest.mark.parametrize("answer", [nucleus(reached_before), by_package, by_loop])
def test_a_nucleus_is_accepted(answer, capsys):
    assert said(capsys, check.top_p, answer).startswith("✓ ")


@pytest.mark.parametrize(("answer", "sentence"), TOP_P)
def test_a_wrong_nucleus_is_told_why(answer, sentence, capsys):
    assert sentence in said(capsys, check.top_p, answer)


# Top-k


def top_k_by_places(logits, k):
    kept = torch.full_like(logits, -torch.inf)
    places = logits.topk(k).indices
    kept[places] = logits[places]
    return kept


def top_k_by_sort(logits, k):
    out = logits.argsort(descending=True, stable=True)[k:]
    return logits.index_fill(0, out, -torch.inf)


TOP_K = [
    (lambda z, k: z.masked_fill(z < z.topk(k).values[-1], 0), "e⁰ = 1"),
    (lambda z, k: z.masked_fill(z < z.topk(k).values[-1], -torch.inf), "keep 4 words, expected exactly 2"),
    (lambda z, k: z.masked_fill(z <= z.topk(k).values[-1], -torch.inf), "k-th largest was dropped"),
    (
        lambda z, k: z.masked_fill(z < z.topk(min(k + 1, len(z))).values[-1], -torch.inf),
        "more than 2 are kept",
    ),
    (lambda z, k: torch.softmax(top_k_by_sort(z, k), 0), "these are probabilities"),
    (lambda z, k: z.topk(k).values, "shape (2,), expected (5,)"),
    (lambda z, k: top_k_by_sort(z, k).sort(descending=True).values, "wrong places"),
    (lambda z, k: -top_k_by_sort(-z, k), "+∞"),
    (
        lambda z, k: torch.full_like(z, -torch.inf).scatter(0, (-z).topk(k).indices, z[(-z).topk(k).indices]),
        "smallest",
    ),
    (lambda z, k: top_k_by_sort(z, k).clamp(min=-1e9), "use −torch.inf"),
    (lambda z, k: z.index_fill_(0, z.argsort(descending=True)[k:], -torch.inf), "in place"),
    (lambda z, k: z.topk(k).indices, "shape (2,)"),
]


@pytest.mark.parametrize("answer", [top_k_by_places, top_k_by_sort])
def test_top_k_is_accepted(answer, capsys):
    assert said(capsys, check.top_k, answer).startswith("✓ ")


@pytest.mark.parametrize(("answer", "sentence"), TOP_K)
def test_a_wrong_top_k_is_told_why(answer, sentence, capsys):
    assert sentence in said(capsys, check.top_k, answer)


# Nearest neighbours


def cosines(vectors, i):
    return F.cosine_similarity(vectors[i : i + 1], vectors)


def without(scores, i):
    return scores.index_fill(0, torch.tensor(i), -torch.inf)


NEAREST = [
    (lambda v, i, k: cosines(v, i).topk(k).indices.tolist(), "must be left out"),
    (lambda v, i, k: cosines(v, i).topk(k + 1).indices[1:].tolist(), "leave out place i"),
    (lambda v, i, k: without(v @ v[i], i).topk(k).indices.tolist(), "largest dot products"),
    (lambda v, i, k: (v @ v[i]).topk(k).indices.tolist(), "row 0 itself included"),
    (lambda v, i, k: without(v @ v[i] / v[i].norm(), i).topk(k).indices.tolist(), "largest dot products"),
    (lambda v, i, k: (-without(cosines(v, i), i)).topk(k + 1).indices[1:].tolist(), "farthest first"),
    (lambda v, i, k: without(-(v - v[i]).norm(dim=1), i).topk(k).indices.tolist(), "order by distance"),
    (lambda v, i, k: without(cosines(v, i).abs(), i).topk(k).indices, "the sign of a cosine counts"),
    (lambda v, i, k: without(cosines(v, i), i).topk(k).values.tolist(), "those are cosines"),
    (lambda v, i, k: without(cosines(v, i), i).topk(k), "return the indices"),
    (lambda v, i, k: cosines(v, i).topk(k).indices.tolist()[1:], "one is missing"),
    (lambda v, i, k: without(cosines(v, i), i).topk(k + 1).indices.tolist(), "one too many"),
    (lambda v, i, k: without(cosines(v, i), i).topk(k).indices.tolist()[::-1], "nearest must come first"),
    (
        lambda v, i, k: without(F.normalize(v, dim=0) @ F.normalize(v, dim=0)[i], i).topk(k).indices,
        "expected [5, 1, 2]",
    ),
    (lambda v, i, k: without(v.div_(v.norm(dim=1, keepdim=True)) @ v[i], i).topk(k).indices, "in place"),
]


@pytest.mark.parametrize(
    "answer",
    [
        lambda v, i, k: without(cosines(v, i), i).topk(k).indices,
        lambda v, i, k: [j for j in cosines(v, i).argsort(descending=True).tolist() if j != i][:k],
        lambda v, i, k: without(F.normalize(v) @ F.normalize(v)[i], i).topk(k).indices.numpy(),
    ],
)
def test_nearest_neighbours_are_accepted(answer, capsys):
    assert said(capsys, check.nearest, answer).startswith("✓ ")


@pytest.mark.parametrize(("answer", "sentence"), NEAREST)
def test_wrong_neighbours_are_told_why(answer, sentence, capsys):
    assert sentence in said(capsys, check.nearest, answer)


# A stream of bytes


def by_decoder(chunks, errors="replace", final=True):
    decoder = codecs.getincrementaldecoder("utf-8")(errors)
    for chunk in chunks:
        yield decoder.decode(chunk)
    if final:
        yield decoder.decode(b"", final=True)


def by_course(chunks):
    tokenizer = WordTokenizer.train("a")
    return decode_stream(tokenizer, (3 + byte for chunk in chunks for byte in chunk))


def by_first_byte(chunks):
    held = b""
    for chunk in chunks:
        held += chunk
        whole = len(held)
        for back in range(1, min(4, len(held)) + 1):
            byte = held[-back]
            if byte >= 0b11000000:
                length = 2 if byte < 0b11100000 else 3 if byte < 0b11110000 else 4
                whole = len(held) - back if back < length else len(held)
                break
        yield held[:whole].decode()
        held = held[whole:]
    if held:
        yield "\ufffd"


def all_or_nothing(chunks):
    held = b""
    for chunk in chunks:
        held += chunk
        try:
            yield held.decode()
            held = b""
        except UnicodeDecodeError:
            pass
    yield held.decode("utf-8", "replace")


def byte_by_byte(chunks):
    return (chunk.decode("latin-1") for chunk in chunks)


STREAM = [
    (lambda chunks: [chunk.decode("utf-8", "replace") for chunk in chunks], "decoded by itself"),
    (lambda chunks: [chunk.decode("utf-8", "ignore") for chunk in chunks], "throws the bytes"),
    (lambda chunks: (chunk.decode() for chunk in chunks), "may end inside a character"),
    (lambda chunks: [b"".join(chunks).decode("utf-8", "replace")], "all at the end"),
    (lambda chunks: b"".join(chunks).decode("utf-8", "replace"), "one string"),
    (lambda chunks: list(by_decoder(chunks)), "should not wait for the end"),
    (lambda chunks: by_decoder(chunks, final=False), "neither lost nor an error"),
    (lambda chunks: by_decoder(chunks, errors="strict"), "inside a character"),
    (lambda chunks: by_decoder(chunks, errors="ignore"), "neither lost nor an error"),
    (all_or_nothing, "give out all that can be read"),
    (byte_by_byte, "expected"),
    (lambda chunks: chunks, "expected text"),
    (lambda chunks: iter("".join(by_decoder(chunks))), "cut differently"),
    (by_course, "cut differently"),
]


@pytest.mark.parametrize("answer", [by_decoder, by_first_byte])
def test_a_reader_of_streams_is_accepted(answer, capsys):
    assert said(capsys, check.read_stream, answer).startswith("✓ ")


@pytest.mark.parametrize(("answer", "sentence"), STREAM)
def test_a_wrong_reader_of_streams_is_told_why(answer, sentence, capsys):
    assert sentence in said(capsys, check.read_stream, answer)
