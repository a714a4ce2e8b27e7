"""The exercises of notebook 05: an embedding's gradient, nearest neighbours, and a generation loop in five parts."""

import codecs
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bigmodel.check.engine import exercise
from bigmodel.check.pictures import bars
from bigmodel.check.values import plain, same, written
from bigmodel.generate import Sampling, probabilities


# One mistake, one line or two; a blank line within what belongs to an exercise, two between exercises.
# fmt: off
def seeded(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))

def gathered(put: Callable[[Tensor, Tensor, Tensor], Any]) -> Callable[[Tensor, Tensor, int], Tensor]:
    """A gradient that begins as zeros; ``put`` lays the rows of all positions into it."""
    def answer(ids: Tensor, upstream: Tensor, vocab_size: int) -> Tensor:
        gradient = torch.zeros(vocab_size, upstream.shape[-1])
        put(gradient, ids.flatten(), upstream.reshape(-1, upstream.shape[-1]))
        return gradient
    return answer

def add_each(gradient: Tensor, ids: Tensor, rows: Tensor) -> None:
    for token, row in zip(ids, rows, strict=True):
        gradient[token] += row

def put_each(gradient: Tensor, ids: Tensor, rows: Tensor) -> None:
    for token, row in zip(ids, rows, strict=True):
        gradient[token] = row

def mean_of_each(gradient: Tensor, ids: Tensor, rows: Tensor) -> None:
    for token in ids.unique():
        gradient[token] = rows[ids == token].mean(0)

def by_one_hot(ids: Tensor, upstream: Tensor, vocab_size: int) -> Tensor:
    return F.one_hot(ids.flatten(), vocab_size).float().T @ upstream.flatten(0, -2)

@exercise(
    hints=("Which rows of the matrix were looked up, and how often each?",
           "Begin with zeros (V, d), and add the gradient of each position to the row of the id that stands there.",
           "rows = upstream.reshape(-1, d); for token, row in zip(ids.flatten(), rows): gradient[token] += row."),
    why="A sum over positions: that is why frequent words learn fast, and rare ones only when they are met.",
    cases=[
        (torch.tensor([1, 3, 1]), torch.tensor([[1.0, 0.0], [0.0, 2.0], [10.0, 0.0]]), 4),
        (torch.tensor([[4, 0, 2], [2, 2, 0]]), seeded(2, 3, 4), 7), (torch.tensor([0]), torch.tensor([[0.5, -1.5]]), 2),
    ],
    wrong={
        "the last gradient of a token replaced its earlier ones (as gradient[ids] += … does): add them up, one by one":
            gathered(put_each),
        "only the first gradient of each token was counted: add them all":
            gathered(lambda g, ids, rows: put_each(g, ids.flip(0), rows.flip(0))),
        "a row that is used several times gets the sum of its gradients, not their mean": gathered(mean_of_each),
        "you divided by the number of positions. A mean belongs to the loss; upstream has it already":
            gathered(lambda g, ids, rows: add_each(g, ids, rows / len(ids))),
        "row 0 is missing: id 0 is a token like any other":
            gathered(lambda g, ids, rows: add_each(g, ids[ids > 0], rows[ids > 0])),
        "one row of ids works; a batch has two dimensions: flatten the ids, and reshape upstream to match":
            lambda ids, upstream, V: torch.zeros(V, upstream.shape[-1]).index_add(0, ids, upstream),
    },
    also_right=[lambda ids, upstream, V: by_one_hot(ids, upstream, V).to_sparse()],
)
def embedding_gradient(ids: Tensor, upstream: Tensor, vocab_size: int) -> Tensor:
    d = upstream.shape[-1]
    gradient = torch.zeros(vocab_size, d)
    return gradient.index_add(0, ids.flatten(), upstream.reshape(-1, d))  # rows of the same id add up


def cosines(vectors: Tensor, i: int) -> Tensor:
    return F.cosine_similarity(vectors[i : i + 1], vectors)

def best(score: Callable[[Tensor, int], Tensor], own: float = -torch.inf) -> Callable[[Tensor, int, int], list[int]]:
    """The k rows of the highest score, row i itself having the score ``own``."""
    return lambda vectors, i, k: score(vectors, i).index_fill(0, torch.tensor(i), own).topk(k).indices.tolist()

@exercise(
    hints=("Which row has the largest cosine with row i of all, and may it be in the answer?",
           "Cosines of row i with all rows, then −∞ at place i, so that it cannot win, then the places of the k "
           "largest.",
           "scores = F.cosine_similarity(vectors[i], vectors, dim=-1); scores[i] = -torch.inf; "
           "scores.topk(k).indices."),
    why="Most searches in vectors, of documents as of words, are these three lines, made fast.",
    cases=[
        (torch.tensor([[2.0, 0.0], [1.0, 0.5], [9.0, 9.0], [0.5, 1.0], [-3.0, 0.0], [3.0, 0.1]]), 0, 3),
        (torch.tensor([[1.0, 1.0], [0.0, 1.0], [2.0, 2.0], [1.0, 0.9]]), 2, 2),
        (torch.tensor([[2.0, 0.1], [-1.0, 0.1], [-2.0, 2.0], [-1.0, -3.0]]), 0, 2), (seeded(30, 5), 7, 6),
    ],
    wrong={
        "row i is its own nearest neighbour, with cosine 1, and must be left out":
            lambda v, i, k: cosines(v, i).topk(k).indices.tolist(),
        "the first of the list was dropped. Where another row points the same way, that need not be row i":
            lambda v, i, k: cosines(v, i).argsort(descending=True, stable=True).tolist()[1 : k + 1],
        "those are the largest dot products. (9, 9) points elsewhere, but it is long: divide by the lengths":
            best(lambda v, i: v @ v[i]),
        "that is the order by distance. Cosine looks at direction alone, however far away":
            best(lambda v, i: -(v - v[i]).norm(dim=1)),
        "the sign of a cosine counts: the opposite direction is the farthest of all":
            best(lambda v, i: cosines(v, i).abs()),
        "that is the farthest first: the nearest has the largest cosine": best(lambda v, i: -cosines(v, i)),
        "those are the cosines. Return the ids, the places at which they stand":
            lambda v, i, k: cosines(v, i).index_fill(0, torch.tensor(i), -torch.inf).topk(k).values.tolist(),
        "the cosine of row i was set to 0, and some cosines are below 0: set it to −∞": best(cosines, own=0.0),
    },
)
def nearest(vectors: Tensor, i: int, k: int) -> list[int]:
    scores = F.cosine_similarity(vectors[i], vectors, dim=-1)  # (V,)
    scores[i] = -torch.inf
    return scores.topk(k).indices.tolist()


def soft(z: Tensor) -> Tensor:
    return torch.softmax(z, -1)

def by_powers(z: Tensor, t: float) -> Tensor:
    powers = (z / t).exp()
    return powers / powers.sum(-1, keepdim=True)

@exercise(
    hints=("What must happen to the logits before the softmax, so that a low temperature makes the peaks higher?",
           "Divide the logits by the temperature; then a softmax over the words, which lie along the last dimension.",
           "torch.softmax(logits / temperature, dim=-1)."),
    why="One division decides between a model that repeats itself and one that raves.",
    cases=[
        (torch.tensor([4.0, 2.0, 2.0]).log(), 0.5), (torch.tensor([4.0, 2.0, 2.0]).log(), 2.0),
        (torch.tensor([[4.0, 2.0, 2.0], [1.0, 1.0, 2.0]]).log(), 1.0), (torch.tensor([400.0, 0.0]), 200.0),
        (torch.tensor([200.0, 100.0, 0.0]), 1.0), (torch.tensor([9.0, 8.0, 0.0]), 0.01),
        (torch.tensor([[500.0, 499.0], [-500.0, -499.0]]), 1.0),
    ],
    draw=bars,
    wrong={
        "the logits were multiplied by the temperature. Divide: a low temperature makes the peaks higher":
            lambda z, t: soft(z * t),
        "the temperature changed nothing: divide the logits by it, before the softmax": lambda z, t: soft(z),
        "the softmax came first and the division after it, so the row no longer sums to 1": lambda z, t: soft(z) / t,
        "these are log-probabilities. Use softmax, not log_softmax": lambda z, t: torch.log_softmax(z / t, -1),
        "e to the power of the logits, but not divided by the sum of the row": lambda z, t: (z / t).exp(),
        "that is sigmoid, which judges each word alone. The words compete: use softmax":
            lambda z, t: torch.sigmoid(z / t),
        "in a batch, softmax ran over dim 0, from prompt to prompt. Words lie along the last dimension, dim=-1":
            lambda z, t: torch.softmax(z / t, 0),
        "e to the power of 200 is too large for a float32: torch.softmax subtracts the largest logit first": by_powers,
    },
    also_right=[lambda z, t: probabilities(z, Sampling(temperature=t))],
    refused=[lambda z, t: soft((z / t).clamp(max=20))],
)
def next_probabilities(logits: Tensor, temperature: float) -> Tensor:
    return torch.softmax(logits / temperature, dim=-1)


def settled(value: Any, expected: Tensor, own: Tensor, out: float) -> Any:
    """The expected row, where another of several equal words was kept; else the value as it is."""
    found = plain(value)
    if not isinstance(found, Tensor) or found.shape != expected.shape or not found.is_floating_point():
        return value
    in_place = (found == out) | torch.isclose(found, own.double(), rtol=1e-4)
    return expected if in_place.all() and same(found.sort().values, plain(expected).sort().values) else value

def largest(z: Tensor, k: int) -> Tensor:
    """The logits with all but the k largest at −∞."""
    kept = z.topk(k)
    return torch.full_like(z, -torch.inf).scatter(0, kept.indices, kept.values)

def drive_top_k(answer: Any, logits: Tensor, k: int) -> Any:
    return settled(answer(logits, k), largest(logits, k), logits, -torch.inf)

@exercise(
    hints=("Which logit gives a word the probability 0, whatever the others are?",
           "Begin with a row of −∞, and put the k largest logits back into their places; topk gives values and places.",
           "kept = torch.full_like(logits, -torch.inf); places = logits.topk(k).indices; kept[places] = "
           "logits[places]."),
    why="Exactly k words can be drawn, whatever the logits: −∞ is the only logit whose probability is 0.",
    cases=[
        (torch.tensor([1.0, -2.0, 3.0, 0.5, -1.0]), 2), (torch.tensor([1.0, -2.0, 3.0, 0.5, -1.0]), 1),
        (torch.tensor([-3.0, -1.0, -2.0]), 1), (torch.tensor([0.0, 4.0, -200.0, -150.0]), 3),
        (torch.tensor([1.0, -2.0, 3.0]), 3), (torch.tensor([2.0, 5.0, 2.0, 2.0]), 2),
    ],
    drive=drive_top_k,
    wrong={
        "the others were set to 0, but e⁰ = 1: they can still be drawn. Use −∞, since e to the power of −∞ is 0":
            lambda z, k: largest(z, k).masked_fill(largest(z, k) == -torch.inf, 0),
        "these are probabilities. Return logits; the softmax comes after": lambda z, k: soft(largest(z, k)),
        "only the k values are left. The row keeps its length, a logit for each word": lambda z, k: z.topk(k).values,
        "those are the places of the k largest; asked for is the row of logits": lambda z, k: z.topk(k).indices,
        "the k-th largest was dropped as well: compare with ≥, not with >":
            lambda z, k: z.masked_fill(z <= z.topk(k).values[-1], -torch.inf),
        "one too many stays: the k-th largest is at place k − 1": lambda z, k: largest(z, min(k + 1, len(z))),
        "several share the last place, and a comparison with the k-th value keeps them all: choose places, not values":
            lambda z, k: z.masked_fill(z < z.topk(k).values[-1], -torch.inf),
    },
    also_right=[lambda z, k: largest(z.flip(0), k).flip(0), lambda z, k: largest(z, k).tolist()],
    refused=[lambda z, k: largest(z, k).clamp(min=-1e9)],
)
def top_k(logits: Tensor, k: int) -> Tensor:
    places = logits.topk(k).indices
    kept = torch.full_like(logits, -torch.inf)
    kept[places] = logits[places]
    return kept


def nucleus(
    q: Tensor, p: float, keep: Callable[[Tensor, float], Tensor] = lambda q, p: q.cumsum(0) - q < p,
    down: bool = True, divide: bool = True,
) -> Tensor:
    """The words that ``keep`` says, of those in order, divided by their sum."""
    ordered, words = q.sort(descending=down, stable=True)
    kept = torch.where(keep(ordered, p), ordered, 0.0)
    return torch.zeros_like(q).scatter(0, words, kept / kept.sum() if divide else kept)

def drive_top_p(answer: Any, p_words: Tensor, p: float) -> Any:
    value, expected = answer(p_words, p), nucleus(p_words, p)
    return settled(value, expected, p_words / p_words[expected > 0].sum(), 0.0)

FOUR = torch.tensor([0.125, 0.5, 0.125, 0.25])  # sums of halves are exact: no rounding decides

@exercise(
    hints=("In which order are words taken into the set, and what was their sum before the last one came?",
           "Sort from most to least probable; a word stays if the sum of those before it is below p.",
           "ordered, words = p_words.sort(descending=True); stays = ordered.cumsum(0) - ordered < p; put what stays "
           "back at its words' places, kept[words[stays]] = ordered[stays], and divide by the sum."),
    why="The nucleus is wide where the model is unsure and narrow where it is sure; top-k is equally wide everywhere.",
    cases=[
        (torch.tensor([0.0625, 0.5, 0.1875, 0.25]), 0.9), (FOUR, 0.7), (FOUR, 0.5), (FOUR, 0.3), (FOUR, 0.75),
        (FOUR, 1.0), (torch.tensor([0.0625, 0.25, 0.6875]), 0.9), (FOUR, 0.8), (torch.softmax(2 * seeded(50), 0), 0.9),
    ],
    drive=drive_top_p,
    draw=bars,
    wrong={
        "the word that crosses the line belongs to the set; without it the sum is below p":
            lambda q, p: nucleus(q, p, lambda q, p: q.cumsum(0) <= p),
        "the word that reaches p belongs to the set, also when it reaches it exactly":
            lambda q, p: nucleus(q, p, lambda q, p: q.cumsum(0) < p),
        "a word too many: once p is reached exactly, nothing more is needed. Compare with <, not with ≤":
            lambda q, p: nucleus(q, p, lambda q, p: q.cumsum(0) - q <= p),
        "the right words, but their probabilities do not sum to 1. Divide by their sum":
            lambda q, p: nucleus(q, p, divide=False),
        "the right values in the wrong places: kept[words] looks up, and kept[words] = … puts back":
            lambda q, p: nucleus(q, p).sort(descending=True).values[q.argsort(descending=True, stable=True)],
        "you began with the least probable word: begin with the most probable (sort descending)":
            lambda q, p: nucleus(q, p, down=False),
        "outside the nucleus a probability is 0; −∞ is for logits":
            lambda q, p: nucleus(q, p).masked_fill(nucleus(q, p) == 0, -torch.inf),
        "several words are as probable as the last one that is needed, and all were kept: the smallest set has one":
            lambda q, p: torch.where(q >= q[nucleus(q, p) > 0].min(), q, 0.0)
            / q[q >= q[nucleus(q, p) > 0].min()].sum(),
    },
    also_right=[lambda q, p: probabilities(q.log(), Sampling(top_p=p)), lambda q, p: nucleus(q.flip(0), p).flip(0)],
    refused=[lambda q, p: (nucleus(q, p) > 0) / (nucleus(q, p) > 0).sum()],
)
def top_p(p_words: Tensor, p: float) -> Tensor:
    ordered, words = p_words.sort(descending=True)
    stays = ordered.cumsum(0) - ordered < p  # the sum of those that are more probable is below p
    kept = torch.zeros_like(p_words)
    kept[words[stays]] = ordered[stays]
    return kept / kept.sum()


class Says(nn.Module):
    """A model from ids (B, T) to logits (B, T, V), with a name."""

    def __init__(self, name: str, logits: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.name, self.forward = name, logits

    def __repr__(self) -> str:
        return self.name

def sums(size: int) -> Says:
    """A model that is sure: the next token is the sum of all ids so far, and from ``size`` on it begins again at 0."""
    return Says(f"the sum of all ids, modulo {size}", lambda ids: 100.0 * F.one_hot(ids.cumsum(1) % size, size))

def dice(*shares: float) -> Says:
    """A model that has the same probabilities after every text."""
    return Says(f"shares {written(shares)}", lambda ids: torch.tensor(shares).log().expand(*ids.shape, -1))

def drive_generate(
    answer: Any, model: nn.Module, ids: list[int], length: int, temperature: float, share: float, end: int, seed: int
) -> Any:
    """The ids; and where chance decides, what is certain about so many draws."""
    # ``share`` is p: under a name of its own no argument is tried for being frozen, which would take a minute.
    if "sum" in str(model):
        return [int(token) for token in answer(model, ids, length, temperature, share, end, seed)]
    first, again, other = (list(answer(model, ids, length, temperature, share, end, s)) for s in (seed, seed, seed + 1))
    new = [int(token) for token in first][len(ids):]
    most = max([new.count(token) for token in new], default=0)
    return {
        "the set of tokens that come": sorted(set(new)),
        "the share of the most frequent, to a quarter,": round(4 * most / max(len(new), 1)) / 4,
        "the text of the same seed again": "the same" if again == first else "another",
        "the text of another seed": "the same" if other == first else "another",
    }

def looped(
    see: Callable[[list[int]], list[int]] = lambda ids: ids,
    soften: Callable[[Tensor, float], Tensor] = lambda z, t: soft(z / t),
    cut: Callable[[Tensor, float], Tensor] = nucleus,
    draw: Callable[[Tensor, Any], Tensor] = lambda chances, g: torch.multinomial(chances, 1, generator=g),
    stop: str = "before",
) -> Any:
    """A generation loop of which one step is another."""
    def answer(model: Any, ids: Any, length: int, temperature: float, p: float, end: int, seed: int) -> list[int]:
        ids, generator = list(ids), torch.Generator().manual_seed(seed)
        for _ in range(length):
            logits = model(torch.tensor([see(ids)]))[0, -1]
            token = int(draw(cut(soften(logits, temperature), p), generator))
            if token == end and stop == "before":
                break
            ids.append(token)
            if token == end and stop == "after":
                break
        return ids
    return answer

@exercise(
    hints=("What does the model have to see in the second step that it did not see in the first?",
           "A loop of length steps: the logits at the last position, temperature, top-p, one draw; stop at end, else "
           "append to the ids that the model sees next.",
           "logits = model(torch.tensor([ids]))[0, -1]; chances = top_p(next_probabilities(logits, temperature), p); "
           "token = torch.multinomial(chances, 1, generator=generator).item()."),
    why="This loop is how every chat program writes: a model only scores, and the loop makes a text of scores.",
    cases=[
        (sums(10), [1, 3], 9, 1.0, 1.0, 2, 0), (sums(10), [1, 3], 2, 1.0, 1.0, 2, 1),
        (sums(7), [3], 8, 0.5, 0.5, 6, 2), (sums(10), [4, 4], 0, 1.0, 1.0, 2, 0),
        (dice(0.6, 0.15, 0.15, 0.05, 0.05), [0], 250, 2.0, 0.7, 5, 0),  # of the nucleus half is token 0
        (dice(0.75, 0.125, 0.125), [1], 250, 1.0, 1.0, 7, 3),
    ],
    drive=drive_generate,
    wrong={
        "the end token was appended. It is no text: stop before it": looped(stop="after"),
        "it goes on after the end token: leave the loop there": looped(stop="never"),
        "the prompt is missing: return its ids and those that were drawn":
            lambda model, ids, *more: looped()(model, ids, *more)[len(ids):],
        "the model saw the last token only: show it all ids so far": looped(see=lambda ids: ids[-1:]),
        "nothing is left to chance: that is greedy. Draw, with torch.multinomial":
            looped(draw=lambda chances, g: chances.argmax()),
        "the temperature is not used": looped(soften=lambda z, t: soft(z)),
        "p is not used: the tail can be drawn": looped(cut=lambda chances, p: chances),
        "the seed is not used: torch.multinomial takes the generator, generator=generator":
            looped(draw=lambda chances, g: torch.multinomial(chances, 1)),
        "the generator is made anew for every draw, and so each draw is the same: make it once, before the loop":
            looped(draw=lambda chances, g: torch.multinomial(chances, 1,
                   generator=torch.Generator().manual_seed(g.initial_seed()))),
    },
    also_right=[lambda model, ids, *more: torch.tensor(looped()(model, ids, *more))],
    refused=[looped(draw=lambda chances, g: torch.multinomial(chances, 1, generator=torch.Generator().manual_seed(0)))],
)
def generate(
    model: nn.Module, ids: list[int], length: int, temperature: float, p: float, end: int, seed: int
) -> list[int]:
    generator = torch.Generator().manual_seed(seed)
    ids = list(ids)
    for _ in range(length):
        with torch.no_grad():
            logits = model(torch.tensor([ids]))[0, -1]  # (V,)
        chances = top_p.right(next_probabilities.right(logits, temperature), p)  # (V,)
        token = int(torch.multinomial(chances, 1, generator=generator))
        if token == end:
            break
        ids.append(token)
    return ids


def drive_stream(answer: Any, chunks: list[bytes]) -> list[str]:
    """The text that has been given out whenever the next chunk is asked for, and in the end."""
    text, after = "", []
    def feed() -> Iterator[bytes]:
        for chunk in chunks:
            yield chunk
            after.append(text)
    for piece in answer(feed()):
        text += piece
    missing = len(chunks) - len(after)
    return [*after, *[text] * missing, text]

def shown_stream(value: list[str], expected: list[str], chunks: list[bytes]) -> str:
    place = next(n for n in range(len(expected)) if value[n] != expected[n])
    when = "in the end" if place == len(chunks) else f"before you ask for chunk {place + 2}"
    return f"for chunks = {chunks} you have given out {value[place]!r} {when}, expected {expected[place]!r}"

def incremental(errors: str = "replace", final: bool = True) -> Callable[[Iterable[bytes]], Iterator[str]]:
    def answer(chunks: Iterable[bytes]) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder("utf-8")(errors)
        for chunk in chunks:
            yield decoder.decode(chunk)
        if final:
            yield decoder.decode(b"", final=True)
    return answer

def all_or_nothing(chunks: Iterable[bytes]) -> Iterator[str]:
    held = b""
    for chunk in chunks:
        held += chunk
        try:
            yield held.decode()
            held = b""
        except UnicodeDecodeError:
            pass
    yield held.decode("utf-8", "replace")

def late(chunks: Iterable[bytes]) -> Iterator[str]:
    piece = ""
    for following in incremental()(chunks):
        yield piece
        piece = following
    yield piece

FOX, SHUO = "🦊".encode(), "说".encode()
TEXT = "The 🦊 says 你好, señor!".encode()

@exercise(
    hints=("When a chunk ends inside a character, what can be given out already, and what has to wait?",
           "Bytes that do not make a character yet wait for the next chunk: a decoder that remembers them does just "
           "that.",
           "decoder = codecs.getincrementaldecoder('utf-8')('replace'); for each chunk yield decoder.decode(chunk); "
           "at the end yield decoder.decode(b'', final=True)."),
    why="Every chat window that shows text as it is written needs this, or breaks at the first emoji.",
    cases=[
        ([b"a", b"b c"],), ([b"hi ", SHUO[:1], SHUO[1:], b"!"],), ([b"x" + FOX[:1], FOX[1:3], FOX[3:] + b"a"],), ([],),
        ([b"a", FOX[:3]],), *(([TEXT[at : at + size] for at in range(0, len(TEXT), size)],) for size in (1, 2, 3)),
    ],
    drive=drive_stream,
    shown=shown_stream,
    wrong={
        "each chunk was decoded by itself, so a character that is cut became marks. Hold its bytes back":
            lambda chunks: (chunk.decode("utf-8", "replace") for chunk in chunks),
        "the text may end inside a character: decode what is left over with errors='replace'": incremental("strict"),
        "right, but all at the end. Give out what can be read after each chunk, or the reader waits":
            lambda chunks: [b"".join(chunks).decode("utf-8", "replace")],
        "right, but one chunk late: give out all that can be read before you ask for the next": late,
        "all of a chunk waits for its last character. Only the bytes of the unfinished character wait": all_or_nothing,
        "what is left over at the end becomes one mark, \ufffd; it is not lost": incremental(final=False),
    },
    also_right=[
        lambda chunks: incremental()(bytes([byte]) for chunk in chunks for byte in chunk),
        lambda chunks: (piece for piece in incremental()(chunks) if piece),
    ],
)
def read_stream(chunks: Iterable[bytes]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for chunk in chunks:
        yield decoder.decode(chunk)
    yield decoder.decode(b"", final=True)
