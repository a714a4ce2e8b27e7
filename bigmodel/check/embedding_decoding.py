"""Graders of notebook 05: the gradient of an embedding, temperature, top-p, top-k, nearest neighbours, byte streams."""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from bigmodel import plot
from bigmodel.check.grader import grader

Reader = Callable[[Iterable[bytes]], Any]  # of a stream of bytes


@grader(
    hint="start from zeros of shape (V, d) and add each upstream row to the row of its id (index_add_, or a loop).",
    why="A sum over positions: that is why frequent words learn fast, and rare ones only when they are met.",
)
def embedding_gradient(answer: Callable[[Tensor, Tensor, int], Tensor]) -> str | None:
    ids = torch.tensor([1, 3, 1])
    upstream = torch.tensor([[1.0, 0.0], [0.0, 2.0], [10.0, 0.0]])  # (3, 2)
    expected = _embedding_gradient(ids, upstream, 4)
    value = answer(ids.clone(), upstream.clone(), 4)
    if (wrong := _not_of_shape(value, (4, 2), "one row for each token of the vocabulary")) is not None:
        return wrong
    mistakes = {
        "the token 1 stands there twice, and only its last gradient was kept. gradient[ids] += … counts a repeated "
        "id once: use index_add_, or a loop over positions": [0.0, 10.0, 0.0],
        "the token 1 stands there twice, and only its first gradient was counted": [0.0, 1.0, 0.0],
        "that is the mean of the gradients of token 1. A row that is used twice gets their sum": [
            0.0,
            5.5,
            0.0,
        ],
        "you divided by the number of positions. A mean belongs to the loss; it is in the upstream gradient already": [
            0.0,
            11 / 3,
            0.0,
        ],
    }
    given = "for the ids 1, 3, 1 and the upstream rows (1, 0), (0, 2), (10, 0)"
    for sentence, (row_0, row_1, row_2) in mistakes.items():
        if _close(value[:3, 0], torch.tensor([row_0, row_1, row_2])):
            return f"{given} your row 1 is {_row(value[1])}, expected (11, 0): {sentence}."
    if not _close(value, expected):
        rows = ", ".join(_row(row) for row in value)
        return f"{given} your rows are {rows}, expected (0, 0), (11, 0), (0, 0), (0, 2)."
    return _embedding_gradient_of_a_batch(answer)


def _embedding_gradient_of_a_batch(answer: Callable[[Tensor, Tensor, int], Tensor]) -> str | None:
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(5, (2, 3), generator=generator)  # (B, T)
    upstream = torch.randn(2, 3, 4, generator=generator)  # (B, T, d)
    kept = upstream.clone()
    try:
        value = answer(ids.clone(), upstream, 7)
    except NotImplementedError:
        raise
    except Exception as error:
        return (
            f"one row of ids works, a batch of shape (2, 3) stops with {type(error).__name__}: {error}. Flatten "
            "the ids, and reshape upstream to one row for each of them."
        )
    if (wrong := _not_of_shape(value, (7, 4), "for a batch of ids (2, 3), 7 tokens and d = 4")) is not None:
        return wrong
    if not torch.equal(upstream, kept):
        return "the upstream gradient was changed in place: the layers before it still need it. Work on a copy."
    if not _close(value, _embedding_gradient(ids, upstream, 7)):
        return "one row of ids is right, a batch of shape (2, 3) is not: sum over all positions of all rows."
    return None


@grader(
    hint="torch.softmax(logits / temperature, dim=…): over which dimension do the words lie?",
    why="One division decides between a model that repeats itself and one that raves.",
)
def next_probabilities(answer: Callable[[Tensor, float], Tensor]) -> str | None:
    logits = torch.tensor([[math.log(4), math.log(2), math.log(2)], [0.0, 0.0, math.log(2)]])  # (2, 3)
    before = logits.clone()
    given = "for the logits (ln 4, ln 2, ln 2) and"
    for temperature in (1.0, 0.5, 2.0):
        value = answer(logits, temperature)
        if (wrong := _not_of_shape(value, (2, 3), "a probability for each logit")) is not None:
            return wrong
        if not torch.equal(logits, before):
            return (
                "the logits were changed in place: a second call with the same logits would divide them again. "
                "Write logits / temperature, not logits /= temperature."
            )
        expected = torch.softmax(logits / temperature, -1)
        if _close(value, expected):
            continue
        _draw(value[0], expected[0], "probability")
        shown = f"{given} temperature {temperature:g} your answer is {_row(value[0])}, expected {_row(expected[0])}"
        return f"{shown}: {_temperature_mistake(value, logits, temperature)}."
    return _temperature_far_out(answer)


def _temperature_mistake(value: Tensor, logits: Tensor, temperature: float) -> str:
    scaled = logits / temperature
    mistakes = {
        "softmax ran over dim 0, from prompt to prompt. Words lie along the last dimension, dim=-1": torch.softmax(
            scaled, 0
        ),
        "softmax ran over the whole batch, so that both rows together sum to 1; use dim=-1": torch.softmax(
            scaled.flatten(), 0
        ).view(2, 3),
        "the logits were multiplied by the temperature. Divide: a low temperature makes the peaks higher": (
            torch.softmax(logits * temperature, -1)
        ),
        "the temperature changed nothing: divide the logits by it, before the softmax": torch.softmax(logits, -1),
        "the softmax came first and the division after it, so the row no longer sums to 1": torch.softmax(logits, -1)
        / temperature,
        "you divided the probabilities and took a softmax of them again: divide the logits, one softmax": (
            torch.softmax(torch.softmax(logits, -1) / temperature, -1)
        ),
        "these are log-probabilities. Use softmax, not log_softmax": torch.log_softmax(scaled, -1),
        "these are still logits: a softmax over the last dimension makes them probabilities": scaled,
        "e to the power of the logits, but not divided by the sum of the row": scaled.exp(),
        "each logit was divided by the sum of the row; softmax takes e to the power of each first": scaled
        / scaled.sum(-1, keepdim=True),
        "that is sigmoid, which judges each word alone. The words compete: use softmax": torch.sigmoid(scaled),
    }
    for sentence, wrong in mistakes.items():
        if _close(value, wrong):
            return sentence
    total = value[0].sum().item()
    if not math.isclose(total, 1, abs_tol=1e-4):
        return f"the row sums to {total:.3g}, not to 1"
    return "softmax of logits / temperature, over the last dimension"


def _temperature_far_out(answer: Callable[[Tensor, float], Tensor]) -> str | None:
    for logits, temperature in (
        (torch.tensor([[200.0, 100.0, 0.0]]), 1.0),
        (torch.tensor([[9.0, 8.0, 0.0]]), 0.01),
    ):
        value = answer(logits.clone(), temperature)
        expected = torch.softmax(logits / temperature, -1)
        if _not_of_shape(value, (1, 3), "") is None and _close(value, expected):
            continue
        shown = _row(value[0]) if isinstance(value, Tensor) and value.ndim == 2 else repr(value)
        return (
            f"for the logits {_row(logits[0])} and temperature {temperature:g} your answer is {shown}, expected "
            f"{_row(expected[0])}. e to the power of 200 is too large for a float32: torch.softmax subtracts the "
            "largest logit first."
        )
    return None


@grader(
    hint="sort from most to least probable, take cumsum, keep each word before which less than p was reached.",
    why="The nucleus is wide where the model is unsure and narrow where it is sure; top-k is equally wide everywhere.",
)
def top_p(answer: Callable[[Tensor, float], Tensor]) -> str | None:
    words = torch.tensor([0.125, 0.5, 0.125, 0.25])  # sums of halves are exact: no rounding decides
    for p, kept, why in (
        (0.5, (1,), "0.5 alone reaches 0.5, so nothing more is needed"),
        (0.7, (1, 3), "0.5 alone is below 0.7; 0.25 crosses it, and belongs to the set"),
        (0.3, (1,), "the most probable word alone is above 0.3. It crosses the line, and belongs to the set"),
        (0.75, (1, 3), "0.5 + 0.25 reaches 0.75, so nothing more is needed"),
        (1.0, (0, 1, 2, 3), "with p = 1 every word is needed"),
    ):
        given = words.clone()
        value = answer(given, p)
        if (wrong := _not_of_shape(value, (4,), "a probability for each word")) is not None:
            return wrong
        if not torch.equal(given, words):
            return "the probabilities were changed in place: they are still needed. Work on a copy."
        expected = torch.zeros(4)
        expected[list(kept)] = words[list(kept)] / words[list(kept)].sum()
        if not _close(value, expected):
            _draw(value, expected, "probability")
            shown = f"for (0.125, 0.5, 0.125, 0.25) and p = {p} your answer is {_row(value)}, expected {_row(expected)}"
            return f"{shown}: {_top_p_mistake(value, words, p, expected, why)}."
    return _top_p_at_random(answer)


def _top_p_mistake(value: Tensor, words: Tensor, p: float, expected: Tensor, why: str) -> str:
    kept = (value > 0) & ~value.isnan()
    if _close(value, expected.sort(descending=True).values) and not _close(value, expected):
        return "right, but sorted. Each probability must go back to the place of its word: scatter it there"
    if torch.equal(kept, expected > 0) and _close(value, torch.where(expected > 0, words, 0.0)):
        return f"the right words, but they sum to {value.sum().item():.3g}. Divide by their sum"
    if torch.equal(kept, expected > 0):
        return "the right words with the wrong probabilities: divide each by the sum of those that stay"
    if _close(value, _nucleus_of(words, p, descending=False)):
        return "you began with the least probable word: begin with the most probable (sort descending)"
    if not kept.any():
        return f"nothing is left to draw from. {why}"
    if not kept[1]:
        return "the most probable word is gone: begin with it (sort descending)"
    if kept.sum() < (expected > 0).sum():
        return f"a word is missing: {why}"
    return f"{int(kept.sum())} words are kept: {why}"


def _nucleus_of(words: Tensor, p: float, descending: bool = True) -> Tensor:
    ordered, order = words.sort(descending=descending)
    kept = torch.where(ordered.cumsum(0) - ordered < p, ordered, 0.0)
    return torch.zeros_like(words).scatter(0, order, kept / kept.sum())


def _top_p_at_random(answer: Callable[[Tensor, float], Tensor]) -> str | None:
    generator = torch.Generator().manual_seed(0)
    for size in (2, 7, 50):
        words = torch.softmax(2 * torch.randn(size, generator=generator), 0)
        expected = _nucleus_of(words, 0.9)
        value = answer(words.clone(), 0.9)
        if _not_of_shape(value, (size,), "") is not None or not _close(value, expected):
            return f"four words are right, {size} random ones with p = 0.9 are not. Does it hold for any number?"
    return None


@grader(
    hint="logits.topk(k) gives the k largest and their places; put them into a row that is −inf elsewhere.",
    why="Exactly k words can be drawn, whatever the logits: −inf is the only logit whose probability is 0.",
)
def top_k(answer: Callable[[Tensor, int], Tensor]) -> str | None:
    logits = torch.tensor([1.0, -2.0, 3.0, 0.5, -1.0])
    for k in (2, 1, 4, 5):
        given = logits.clone()
        value = answer(given, k)
        if (wrong := _not_of_shape(value, (5,), "a logit for each word")) is not None:
            return wrong
        if not torch.equal(given, logits):
            return "the logits were changed in place: they are still needed for the next k. Work on a copy."
        kept = logits.topk(k).indices
        expected = torch.full((5,), -torch.inf).scatter(0, kept, logits[kept])
        if not _same_logits(value, expected):
            shown = f"for (1, −2, 3, 0.5, −1) and k = {k} your answer is {_row(value)}, expected {_row(expected)}"
            return f"{shown}: {_top_k_mistake(value, logits, k, expected)}."
    return _top_k_with_ties(answer)


def _top_k_mistake(value: Tensor, logits: Tensor, k: int, expected: Tensor) -> str:
    out = expected == -torch.inf
    if _close(value, torch.softmax(expected, 0)):
        return "these are probabilities. Return logits; the softmax comes after"
    if out.any() and _close(value[~out], logits[~out]) and bool((value[out] == 0).all()):
        share = torch.softmax(value, 0)[out].sum().item()
        return (
            f"the others were set to 0, but e⁰ = 1: together they would be drawn with probability {share:.2f}. "
            "Use −inf, since e to the power of −∞ is 0"
        )
    if _close(value.sort().values, expected.sort().values):
        return "right values in the wrong places: each logit must stay at the place of its word"
    if out.any() and _close(value[~out], logits[~out]) and bool((value[out] < -100).all()):
        return "nearly: use −torch.inf, which is exactly probability 0 for any logits"
    if _close(value[~out], logits[~out]) and bool((value[out] == logits[out]).any()):
        return f"more than {k} are kept. The k-th largest stays, those below it go"
    kept = value > -torch.inf
    if int(kept.sum()) == k and not kept[logits.argmax()]:
        return "the smallest were kept: it is the largest logits that stay"
    if int(kept.sum()) == k - 1:
        return "the k-th largest was dropped as well: compare with ≥, not with >"
    if bool((value.abs() == torch.inf).any()) and bool((value == torch.inf).any()):
        return "that is +∞; the words that are out need −∞"
    return f"exactly {k} stay as they are, and the others become −inf"


def _top_k_with_ties(answer: Callable[[Tensor, int], Tensor]) -> str | None:
    logits = torch.tensor([2.0, 5.0, 2.0, 2.0])
    value = answer(logits.clone(), 2)
    kept = int((value > -torch.inf).sum())
    if kept != 2:
        return (
            f"for (2, 5, 2, 2) and k = 2 you keep {kept} words, expected exactly 2. Three share the second place, and "
            "a comparison with the k-th value keeps or drops them all: choose places (topk gives indices), not values."
        )
    if value[1] != 5 or value.max() != 5 or not bool(((value == -torch.inf) | (value == logits)).all()):
        return f"for (2, 5, 2, 2) and k = 2 your answer is {_row(value)}: 5 and one of the 2s stay, in their places."
    below = answer(torch.tensor([-3.0, -1.0, -2.0]), 1)
    if not _same_logits(below, torch.tensor([-torch.inf, -1.0, -torch.inf])):
        return f"for (−3, −1, −2) and k = 1 your answer is {_row(below)}, expected (−inf, −1, −inf)."
    return None


@grader(
    hint="F.cosine_similarity(vectors[i], vectors), the place i set to −inf, then topk.",
    why="Most searches in vectors, of documents as of words, are these three lines, made fast.",
)
def nearest(answer: Callable[[Tensor, int, int], Iterable[int]]) -> str | None:
    vectors = torch.tensor([[2.0, 0.0], [1.0, 0.5], [9.0, 9.0], [0.5, 1.0], [-3.0, 0.0], [3.0, 0.1]])
    given = "for row 0 of (2, 0), (1, 0.5), (9, 9), (0.5, 1), (−3, 0), (3, 0.1) and k = 3"
    before = vectors.clone()
    ids, wrong = _ids(answer(vectors, 0, 3))
    if ids is None:
        return wrong
    if not torch.equal(vectors, before):
        return "the vectors were changed in place, and they are the model's own. Work on a copy."
    mistakes = {
        (0, 5, 1): "row 0 is its own nearest neighbour, with cosine 1, and must be left out",
        (
            2,
            5,
            1,
        ): "those are the largest dot products. (9, 9) points elsewhere, but it is long: divide by the lengths",
        (2, 5, 0): "those are the largest dot products, row 0 itself included. Divide by both lengths",
        (5, 2, 1): "the dot product was divided by one length only, that of row 0",
        (4, 5, 1): "the sign of a cosine counts: (−3, 0) points the opposite way, and is the farthest of all",
        (4, 3, 2): "that is the farthest first: the nearest has the largest cosine",
        (4, 2, 3): "that is the order by distance, the farthest first",
        (
            5,
            1,
            3,
        ): "that is the order by distance. Cosine looks at direction alone: (9, 9) is nearer than (0.5, 1)",
        (
            1,
            5,
            3,
        ): "that is the order by distance. Cosine looks at direction alone: (9, 9) is nearer than (0.5, 1)",
        (5, 1): "one is missing: k neighbours besides the word itself",
        (5, 1, 2, 3): "that is one too many",
        (2, 1, 5): "the right rows, but the nearest must come first",
    }
    if tuple(ids) != (5, 1, 2):
        shown = f"{given} your answer is {ids}, expected [5, 1, 2]"
        return f"{shown}: {mistakes.get(tuple(ids), 'the largest cosines first, without row 0')}."
    return _nearest_elsewhere(answer)


def _nearest_elsewhere(answer: Callable[[Tensor, int, int], Iterable[int]]) -> str | None:
    twins = torch.tensor([[1.0, 1.0], [0.0, 1.0], [2.0, 2.0], [1.0, 0.9]])
    for i, twin in ((2, 0), (0, 2)):
        ids, wrong = _ids(answer(twins.clone(), i, 2))
        if ids != [twin, 3]:
            return wrong or (
                f"for row {i} of (1, 1), (0, 1), (2, 2), (1, 0.9) and k = 2 your answer is {ids}, expected "
                f"[{twin}, 3]. Rows 0 and 2 point the same way, so the first result need not be the word "
                "itself: leave out place i."
            )
    vectors = torch.randn(30, 5, generator=torch.Generator().manual_seed(0))
    cosines = F.cosine_similarity(vectors[7], vectors)
    cosines[7] = -torch.inf
    expected = cosines.topk(6).indices.tolist()
    ids, wrong = _ids(answer(vectors, 7, 6))
    if ids != expected:
        return wrong or f"for row 7 of 30 random rows and k = 6 your answer is {ids}, expected {expected}."
    return None


@grader(
    hint="keep the bytes of an unfinished character until the next chunk; codecs.getincrementaldecoder does just that.",
    why="Every chat window that shows text as it is written needs this, or breaks at the first emoji.",
)
def read_stream(answer: Reader) -> str | None:
    fox, shuo = "🦊".encode(), "说".encode()
    for chunks, expected in (
        ([b"a", b"b c"], ["a", "b c"]),
        ([b"hi ", shuo[:1], shuo[1:], b"!"], ["hi ", "说", "!"]),
        ([fox[:2], fox[2:3], fox[3:] + b"a"], ["🦊a"]),
        ([b"x" + fox[:1], fox[1:]], ["x", "🦊"]),
        ([], []),
    ):
        wrong = _wrong_pieces(answer, chunks, expected)
        if wrong is not None:
            return wrong
    chunks = [b"a", fox[:3]]
    joined = "".join(_pieces(answer, chunks)[0] or [])
    if joined != "a\ufffd":
        return (
            f"for {_shown(chunks)}, a text that ends inside a character, your pieces join to {joined!r}, expected "
            "'a\ufffd': what is left over at the end becomes one mark, it is neither lost nor an error."
        )
    text = "The 🦊 says 你好, señor!"
    for size in (1, 2, 3):
        data = text.encode()
        cut = [data[at : at + size] for at in range(0, len(data), size)]
        if "".join(_pieces(answer, cut)[0] or []) != text:
            return f"for {text!r} in chunks of {size} bytes your pieces do not join to it again."
    return _late(answer, [b"hi ", shuo[:1], shuo[1:], b"!"])


def _wrong_pieces(answer: Reader, chunks: list[bytes], expected: list[str]) -> str | None:
    pieces, when = _pieces(answer, chunks)
    if pieces is None:
        return when
    if pieces == expected:
        return None
    shown = f"for {_shown(chunks)} your pieces are {pieces}, expected {expected}"
    if pieces == [piece for chunk in chunks if (piece := chunk.decode("utf-8", "replace"))]:
        return f"{shown}: each chunk was decoded by itself, so a character that is cut became marks. Hold it back."
    if pieces == [piece for chunk in chunks if (piece := chunk.decode("utf-8", "ignore"))]:
        return f"{shown}: errors='ignore' throws the bytes of a cut character away. Hold them back instead."
    if "".join(pieces) == "".join(expected) and len(pieces) == 1 and b"".join(chunks).isascii():
        return f"{shown}: right, but all at the end. Give out what can be read after each chunk, or the reader waits."
    if "".join(pieces) == "".join(expected):
        return (
            f"{shown}: right characters, cut differently. After each chunk give out all that can be read, in one "
            "piece; only the bytes of the unfinished character wait."
        )
    if "".join(expected).startswith("".join(pieces)):
        return f"{shown}: the end is missing."
    return f"{shown}."


def _late(answer: Reader, chunks: list[bytes]) -> str | None:
    """A sentence if all of the chunks were taken before the first piece was given out."""
    taken: list[bytes] = []

    def watched() -> Iterator[bytes]:
        for chunk in chunks:
            taken.append(chunk)
            yield chunk

    stream = iter(answer(watched()))
    first = next(stream, None)
    if first is not None and len(taken) == len(chunks):
        return (
            f"the pieces are right, but the first, {first!r}, came only after all {len(chunks)} chunks had been read. "
            "Use yield, after each chunk: a reader should not wait for the end."
        )
    return None


def _pieces(answer: Reader, chunks: list[bytes]) -> tuple[list[str] | None, str]:
    """The pieces that are not empty, or a sentence about why there are none."""
    result = answer(iter(chunks))
    if result is None:
        return None, "your function gave nothing back: yield the pieces."
    if isinstance(result, str):
        return (
            None,
            "your function gave back one string, expected an iterator of pieces: yield them as they come.",
        )
    try:
        pieces = list(result)
    except UnicodeDecodeError as error:
        return None, (
            f"for {_shown(chunks)} your answer stopped with {error}. A chunk may end inside a character: hold those "
            "bytes back until the next chunk."
        )
    if any(not isinstance(piece, str) for piece in pieces):
        return None, f"your pieces are {pieces!r:.80}, expected text (str): decode the bytes."
    return [piece for piece in pieces if piece], ""


def _embedding_gradient(ids: Tensor, upstream: Tensor, vocab_size: int) -> Tensor:
    d = upstream.shape[-1]
    return torch.zeros(vocab_size, d).index_add(0, ids.flatten(), upstream.reshape(-1, d))


def _not_of_shape(value: Any, shape: tuple[int, ...], what: str) -> str | None:
    """A sentence about what was returned instead of a tensor of this shape, if so."""
    if value is None:
        return "your function returned nothing: end it with `return`."
    if not isinstance(value, Tensor):
        return f"your function returned a {type(value).__name__}, expected a tensor of shape {shape}: {what}."
    if value.is_sparse:
        return "your function returned a sparse tensor: end with .to_dense()."
    if tuple(value.shape) != shape:
        return f"your answer has the shape {tuple(value.shape)}, expected {shape}: {what}."
    return None


def _ids(value: Any) -> tuple[list[int] | None, str | None]:
    """A list of ids out of whatever was returned, or a sentence about what is wrong with it."""
    if value is None:
        return None, "your function returned nothing: end it with `return`."
    if hasattr(value, "values") and hasattr(value, "indices") and not isinstance(value, Tensor):
        return None, "your function returned both values and indices of topk: return the indices."
    items: Any = value.tolist() if hasattr(value, "tolist") else value
    if not isinstance(items, (list, tuple)):
        return None, f"your function returned {value!r:.60}, expected a list of ids."
    items = [item.item() if isinstance(item, Tensor) and item.ndim == 0 else item for item in items]
    if any(isinstance(item, float) for item in items):
        return (
            None,
            f"your function returned {items!r:.80}: those are cosines. Return the ids (indices).",
        )
    if any(not isinstance(item, int) for item in items):
        return None, f"your function returned {items!r:.60}, expected a list of ids."
    return items, None


def _close(value: Tensor, expected: Tensor) -> bool:
    return value.shape == expected.shape and torch.allclose(value.detach().float(), expected.float(), atol=1e-4)


def _same_logits(value: Any, expected: Tensor) -> bool:
    if not isinstance(value, Tensor) or value.shape != expected.shape:
        return False
    out = expected == -torch.inf
    return torch.equal(value == -torch.inf, out) and _close(value[~out], expected[~out])


def _row(values: Tensor) -> str:
    """(0.25, 0, −inf): numbers as a reader writes them."""
    return "(" + ", ".join(f"{value:.3g}".replace("-", "−") for value in values.flatten().tolist()) + ")"


def _shown(chunks: list[bytes]) -> str:
    return "the chunks " + ", ".join(chunk.hex(" ") for chunk in chunks)


def _draw(yours: Tensor, expected: Tensor, what: str) -> None:
    """Put the reader's row beside the right one, a bar for each word."""
    panels = plot.panels(["yours", "expected"], "word", what, height=2.4)
    for ax, row, colour in zip(panels, (yours, expected), (plot.RED, plot.BLUE), strict=True):
        ax.bar(range(len(row)), row.detach().float().nan_to_num(posinf=0).tolist(), color=colour)
