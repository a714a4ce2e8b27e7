"""Graders of notebook 07: an average of the last few, attention weights, rotary positions, heads, reading a map."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from bigmodel import plot
from bigmodel.attention import attention_weights, causal_mask, rotate
from bigmodel.check.grader import grader

Weigh = Callable[[Tensor, Tensor, Tensor], Tensor]


@grader(
    hint="torch.ones(T, T).tril(), less what is w or more back, each row divided by its sum.",
    why="A window keeps the cost of a long text down; some of the big models look back through one in most layers.",
)
def recent_average(answer: Callable[[int, int], Tensor]) -> str | None:
    for T, w in ((5, 3), (4, 1), (3, 7), (6, 2)):
        value = answer(T, w)
        what = "row t holds the weights of position t"
        if (wrong := _not_of_shape(value, (T, T), what)) is not None:
            return wrong
        expected = _recent(T, w)
        if _close(value, expected):
            continue
        _draw_maps(value, expected)
        row = next(t for t in range(T) if not _close(value[t], expected[t]))
        shown = f"for T = {T} and w = {w} row {row} is {_row(value[row])}, expected {_row(expected[row])}"
        return f"{shown}: {_named(value, _recent_mistakes(T, w), _sum_of_rows(value))}."
    return None


def _recent(T: int, w: int) -> Tensor:
    seen = torch.ones(T, T).tril() - torch.ones(T, T).tril(-w)
    return seen / seen.sum(1, keepdim=True)


def _recent_mistakes(T: int, w: int) -> dict[str, Tensor]:
    def mean(seen: Tensor) -> Tensor:
        return (seen / seen.sum(1, keepdim=True)).nan_to_num()

    ones = torch.ones(T, T)
    seen = ones.tril() - ones.tril(-w)
    return {
        "that is the average over the whole past. Positions w or more back get 0": mean(ones.tril()),
        "these are ones. Divide each row by its sum, so that it is a mean": seen,
        "near the beginning there are fewer than w positions: divide by how many there are, not by w": seen
        / w,
        "that is w + 1 positions: itself and w before it. The own position is one of the w": mean(
            ones.tril() - ones.tril(-w - 1)
        ),
        "that is w − 1 positions. The own position is one of the w, and the last of them is w − 1 back": mean(
            ones.tril() - ones.tril(1 - w)
        ),
        "the own position is missing: it is one of the w": mean(ones.tril(-1) - ones.tril(-w)),
        "the own position is missing, and so everything stands one too far back": mean(
            ones.tril(-1) - ones.tril(-w - 1)
        ),
        "that looks ahead, at positions that have not come yet. Row t may use columns up to t: transpose": mean(
            seen.T
        ),
        "the columns sum to 1. A row is one position looking back, so it is the rows that must": seen
        / seen.sum(0, keepdim=True),
        "that looks to both sides. Above the diagonal is the future: 0": mean(
            ones.tril(w - 1) * ones.triu(1 - w)
        ),
        "that is the average over all positions, the future too": ones / T,
    }


@grader(
    hint="queries @ keys.transpose(-2, -1), divided by √D; −inf where the mask is False; softmax over dim=-1.",
    why="This one line is the heart of every Transformer; the package's attention_weights is the same.",
)
def weights_of(answer: Weigh) -> str | None:
    queries = torch.tensor([[2.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]])  # (3, 4)
    keys = torch.tensor([[4.0, 2.0, 2.0, 1.0], [2.0, 2.0, 1.0, 1.0], [1.0, 4.0, 1.0, 1.0]]).log()  # (3, 4)
    mask = causal_mask(3)
    kept = queries.clone(), keys.clone(), mask.clone()
    value = answer(queries, keys, mask)
    if (wrong := _not_of_shape(value, (3, 3), "row t holds the weights of query t")) is not None:
        return wrong
    if any(not torch.equal(a, b) for a, b in zip((queries, keys, mask), kept, strict=True)):
        return "an argument was changed in place, and other heads still need it. Write masked_fill, not masked_fill_."
    expected = attention_weights(queries, keys, mask)
    if not _close(value, expected):
        _draw_maps(value, expected)
        sentence = _named(value, _weights_mistakes(queries, keys, mask), _sum_of_rows(value))
        row = next(t for t in (2, 1, 0) if not _close(value[t], expected[t]))
        scores = (queries[row] @ keys.T / 2).exp()
        return (
            f"query {row} has q · k / √D = ln {_row(scores)}, and the mask allows keys 0 to {row}. Your weights are "
            f"{_row(value[row])}, expected {_row(expected[row])}: {sentence}."
        )
    return _weights_elsewhere(answer)


def _weights_mistakes(q: Tensor, k: Tensor, mask: Tensor) -> dict[str, Tensor]:
    scores = q @ k.transpose(-2, -1)
    D, T = q.shape[-1], q.shape[-2]
    scaled = scores / math.sqrt(D)
    masked = scaled.masked_fill(~mask, -torch.inf)
    after = torch.softmax(scaled, -1) * mask

    def soft(scores: Tensor) -> Tensor:
        return torch.softmax(scores.masked_fill(~mask, -torch.inf), -1)

    return {
        "the scores were not divided by √D": soft(scores),
        "the scores were divided by D. Divide by its square root": soft(scores / D),
        "the scores were divided by √T. It is the number of components, D, that makes them large": soft(
            scores / math.sqrt(T)
        ),
        "the scores were multiplied by √D. Divide": soft(scores * math.sqrt(D)),
        "softmax ran over the queries. Each query shares its weight among the keys: dim=-1": torch.softmax(
            masked, -2
        ),
        "softmax ran over everything at once, so that all rows together sum to 1; use dim=-1": torch.softmax(
            masked.flatten(), 0
        ).view_as(masked),
        "the mask was read the other way round. True means may look, so it is ~mask that gets −inf": torch.softmax(
            scaled.masked_fill(mask, -torch.inf), -1
        ),
        "the mask came after the softmax, so the rows no longer sum to 1, and the future is in the denominator": after,
        "the scores of the future were set to 0, but e⁰ = 1: they still get weight. Use −inf": torch.softmax(
            scaled.masked_fill(~mask, 0), -1
        ),
        "the mask was added as a number, 1 or 0. Use masked_fill(~mask, −inf)": torch.softmax(
            scaled + mask, -1
        ),
        "the mask was not used: the future gets weight too": torch.softmax(scaled, -1),
        "softmax first, division by √D after it, so that the rows no longer sum to 1": soft(scores)
        / math.sqrt(D),
        "these are scores. A softmax over the last dimension makes weights of them": masked,
        "these are scores without a mask; what is missing is the mask, and a softmax": scaled,
        "these are log-weights. Use softmax, not log_softmax": torch.log_softmax(masked, -1),
        "each key chose among the queries: it is queries @ keys.transpose, not the other way round": soft(
            scaled.mT
        ),
    }


def _weights_elsewhere(answer: Weigh) -> str | None:
    generator = torch.Generator().manual_seed(0)
    for dots, T, S in (((), 2, 5), ((3,), 4, 4), ((2, 3), 3, 6)):
        queries, keys = (torch.randn(*dots, n, 8, generator=generator) for n in (T, S))
        mask = causal_mask(T, S)
        given = f"queries {tuple(queries.shape)}, keys {tuple(keys.shape)} and a mask {tuple(mask.shape)}"
        try:
            value = answer(queries.clone(), keys.clone(), mask.clone())
        except NotImplementedError:
            raise
        except Exception as error:
            return (
                f"three queries and keys work, {given} stop with {type(error).__name__}: {error}. "
                "keys.transpose(-2, -1) swaps the last two dimensions whatever stands before them."
            )
        if (wrong := _not_of_shape(value, (*dots, T, S), f"for {given}")) is not None:
            return wrong
        if not _close(value, attention_weights(queries, keys, mask)):
            return (
                f"three queries and keys are right, {given} are not. D is queries.shape[-1], the mask is the one that "
                "is given, and the softmax runs over dim=-1."
            )
    large = torch.tensor([[400.0, 0.0], [0.0, 400.0]])
    value = answer(large.clone(), large.clone(), torch.ones(2, 2, dtype=torch.bool))
    if not _close(value, torch.eye(2)):
        return (
            f"for scores of 110,000 your first row is {_row(value[0])}, expected (1, 0): e to the power of such a "
            "number is infinite. torch.softmax subtracts the largest score first."
        )
    return None


@grader(
    hint="angles = positions.unsqueeze(-1) * 10000 ** (-torch.arange(0, D, 2) / D); chunk, turn, cat the halves.",
    why="With this the score of a query and a key depends on their distance alone; Llama and Qwen turn theirs so.",
)
def rotated(answer: Callable[[Tensor, Tensor], Tensor]) -> str | None:
    vectors = torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0]])  # (3, 2)
    positions = torch.tensor([0, 1, 5])
    kept = vectors.clone()
    value = answer(vectors, positions.clone())
    if (wrong := _not_of_shape(value, (3, 2), "a turned vector for each")) is not None:
        return wrong
    if not torch.equal(vectors, kept):
        return "the vectors were changed in place, and values are made of them too. Make new ones."
    for case, (given, at) in enumerate(((vectors, positions), _four_points())):
        value = answer(given.clone(), at.clone())
        if (wrong := _not_of_shape(value, tuple(given.shape), "a turned vector for each")) is not None:
            return wrong
        expected = rotate(given, at)
        if _close(value, expected):
            continue
        row = next(t for t in range(len(given)) if not _close(value[t], expected[t]))
        shown = f"{_row(given[row])} at position {at[row].item()} became {_row(value[row])}"
        shown = f"{shown}, expected {_row(expected[row])}"
        fallback = "a turn changes no length, and position 0 turns nothing"
        if case and _close(value.norm(dim=-1), given.norm(dim=-1)):
            fallback = "its length is right, so it was turned, but by other angles or with other partners"
        return f"{shown}: {_named(value, _rotation_mistakes(given, at), fallback)}."
    return None


def _four_points() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(4, 8, generator=generator).round(decimals=1), torch.tensor([0, 1, 7, 2])


def _rotation_mistakes(vectors: Tensor, positions: Tensor) -> dict[str, Tensor]:
    D = vectors.shape[-1]
    at = positions.unsqueeze(-1).float()  # (T, 1)
    evens = torch.arange(0, D, 2)
    speeds = 10_000 ** (-evens / D)
    x, y = vectors.chunk(2, -1)

    def turn(angles: Tensor) -> Tensor:
        cos, sin = angles.cos(), angles.sin()
        return torch.cat([x * cos - y * sin, x * sin + y * cos], -1)

    angles = at * speeds
    cos, sin = angles.cos(), angles.sin()
    return {
        "that turns the other way round, clockwise: the minus belongs to the first coordinate": turn(-angles),
        "sine and cosine were exchanged. At position 0 nothing turns, since cos 0 = 1": torch.cat(
            [x * sin - y * cos, x * cos + y * sin], -1
        ),
        "both coordinates have a minus, or none: x cos θ − y sin θ, and x sin θ + y cos θ": torch.cat(
            [x * cos - y * sin, x * sin - y * cos], -1
        ),
        "the minus is missing: the first coordinate is x cos θ − y sin θ": torch.cat(
            [x * cos + y * sin, x * sin + y * cos], -1
        ),
        "the second coordinate was made of the turned first one. Both need the old x": torch.cat(
            [x * cos - y * sin, (x * cos - y * sin) * sin + y * cos], -1
        ),
        "nothing was turned": vectors,
        "every vector was turned by its place in the row. Use the positions that are given": turn(
            torch.arange(len(vectors)).unsqueeze(-1) * speeds
        ),
        "the positions were counted from 1: position 0 turns nothing": turn(angles + speeds),
        "components 2i and 2i + 1 were paired, as in the paper. Here it is i and i + D/2, as chunk gives them": (
            _interleaved(vectors, angles)
        ),
        "the result has the coordinates of each point side by side: cat the two halves, as they were": torch.stack(
            [x * cos - y * sin, x * sin + y * cos], -1
        ).flatten(-2),
        "all points turn at one speed. Point i turns by position · 10000^(−2i/D)": turn(
            at * torch.ones(D // 2)
        ),
        "the exponent is −i/D, expected −2i/D: arange(0, D, 2) counts 0, 2, 4, …": turn(
            at * 10_000 ** (-torch.arange(D // 2) / D)
        ),
        "the 2 of 2i is there twice: arange(0, D, 2) has it already": turn(at * 10_000 ** (-2 * evens / D)),
        "the minus of the exponent is missing: later points turn more slowly, not faster": turn(
            at * 10_000 ** (evens / D)
        ),
        "the exponent is divided by D/2, expected by D": turn(at * 10_000 ** (-evens / (D // 2))),
        "those are degrees: cos and sin take radians, and so do the positions": turn(angles * math.pi / 180),
    }


def _interleaved(vectors: Tensor, angles: Tensor) -> Tensor:
    x, y = vectors[..., ::2], vectors[..., 1::2]
    return torch.stack(
        [x * angles.cos() - y * angles.sin(), x * angles.sin() + y * angles.cos()], -1
    ).flatten(-2)


@grader(
    hint="the numbers of one position must lie side by side: transpose H and T first, then flatten the last two.",
    why="A wrong reshape of the right size is the mistake that no error message finds.",
)
def join_heads(answer: Callable[[Tensor], Tensor]) -> str | None:
    for B, H, T, D in ((1, 2, 3, 2), (2, 3, 4, 5)):
        batch, head, position, component = (torch.arange(n) for n in (B, H, T, D))
        heads = (
            1000 * batch.view(-1, 1, 1, 1) + 100 * head.view(-1, 1, 1) + 10 * position.view(-1, 1) + component
        ).float()  # the digits say where a number comes from
        kept = heads.clone()
        value = answer(heads)
        what = f"B = {B}, T = {T}, and {H} heads of {D} components side by side"
        if (wrong := _not_of_shape(value, (B, T, H * D), what)) is not None:
            return wrong
        if not torch.equal(heads, kept):
            return "the heads were changed in place. transpose and flatten give new tensors."
        expected = heads.transpose(1, 2).flatten(2)
        if _close(value, expected):
            continue
        row = next(t for t in range(T) if not _close(value[0, t], expected[0, t]))
        shown = (
            "in the test the hundreds are the head, the tens the position, the ones the component. Your position "
            f"{row} is {_row(value[0, row])}, expected {_row(expected[0, row])}"
        )
        otherwise = "the heads of one position side by side, head 0 first"
        return f"{shown}: {_named(value, _join_mistakes(heads), otherwise)}."
    return None


def _join_mistakes(heads: Tensor) -> dict[str, Tensor]:
    B, H, T, D = heads.shape
    return {
        "reshape alone counts the numbers off as they lie in memory, and mixes positions: transpose(1, 2) first": (
            heads.reshape(B, T, H * D)
        ),
        "the components of the heads alternate. First all of head 0, then all of head 1": heads.permute(
            0, 2, 3, 1
        ).flatten(2),
        "the last head comes first": heads.flip(1).transpose(1, 2).flatten(2),
        "the wrong two dimensions were swapped: it is H and T, dimensions 1 and 2": heads.transpose(
            2, 3
        ).reshape(B, T, H * D),
        "the batch was swapped too: only H and T change places": heads.permute(2, 0, 1, 3).reshape(
            B, T, H * D
        ),
    }


@grader(
    hint="weights[:, -1] holds the last row of each head; its argmax is a place, and words[place] a word.",
    why="Much of what is known about the insides of language models began with a look at such rows.",
)
def looked_at(answer: Callable[[Tensor, list[str]], Sequence[str]]) -> str | None:
    for H, T, seed in ((3, 6, 0), (2, 4, 1), (1, 5, 2)):
        weights = _random_maps(H, T, seed)
        words = ["one", "two", "three", "four", "five", "six"][:T]
        value = answer(weights.clone(), list(words))
        if (wrong := _not_words(value, H)) is not None:
            return wrong
        places = weights[:, -1].argmax(-1).tolist()
        expected = [words[place] for place in places]
        if list(value) == expected:
            continue
        mistakes = {
            "the first position can look at itself only, so its weight is the largest of the map. The last position "
            "is row −1": weights[:, 0].argmax(-1),
            "that is the last column, who looks at the last word most. A row is one position looking back": (
                weights[:, :, -1].argmax(-1)
            ),
            "those are the words that are looked at least": weights[:, -1].argmin(-1),
            "the weights were added up over all positions. It is asked for the last position alone": (
                weights.sum(1).argmax(-1)
            ),
            "the heads were averaged first. Each head looks for itself": weights[:, -1]
            .mean(0)
            .argmax(-1)
            .expand(H),
        }
        named = {sentence: [words[i] for i in rows.tolist()] for sentence, rows in mistakes.items()}
        sentence = next(
            (s for s, found in named.items() if found == list(value)), "row −1 of each head, its largest"
        )
        rows = "; ".join(_row(row) for row in weights[:, -1])
        return (
            f"for the words {', '.join(words)} and last rows {rows} your answer is {list(value)}, expected {expected}: "
            f"{sentence}."
        )
    return None


def _random_maps(H: int, T: int, seed: int) -> Tensor:
    scores = 2 * torch.randn(H, T, T, generator=torch.Generator().manual_seed(seed))
    return torch.softmax(scores.masked_fill(~causal_mask(T), -torch.inf), -1)


def _not_words(value: Any, H: int) -> str | None:
    if value is None:
        return "your function returned nothing: end it with `return`."
    if isinstance(value, str) or not isinstance(value, (list, tuple)):
        return (
            f"your function returned {value!r:.60}, expected a list with one word for each of the {H} heads."
        )
    if any(not isinstance(word, str) for word in value):
        return f"your function returned {value!r:.60}, expected words: words[place] is the word at a place."
    if len(value) != H:
        return f"your function returned {len(value)} words, expected {H}, one for each head."
    return None


@grader(
    hint="key: a long vector, torch.full((D,), 10.0). Query: the same vector, turned by −1 beforehand with rotate.",
    why="Such heads are found in trained models, and copying by example is built on them: notebook 14.",
)
def one_word_back(answer: Callable[[int], tuple[Tensor, Tensor]]) -> str | None:
    D, T = 64, 24
    value: Any = answer(D)
    if value is None:
        return "your function returned nothing: end it with `return query, key`."
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        return f"your function returned a {type(value).__name__}, expected two tensors: query, key."
    for name, vector in zip(("query", "key"), value, strict=True):
        if (wrong := _not_of_shape(vector, (D,), f"one {name}, the same at every position")) is not None:
            return wrong
    if not all(torch.isfinite(vector).all() for vector in value):
        return "a component is infinite or not a number: 10 is long enough."
    weights = _weights_of_constants(value[0].float(), value[1].float(), T)  # (T, T)
    back = torch.stack([weights.diagonal(-far).mean() for far in range(4)])  # by distance
    if bool((weights.diagonal(-1) > 0.9).all()):
        return None
    _draw_maps(weights, torch.eye(T).roll(-1, 1).tril(-1) + torch.eye(T)[:, :1] * torch.eye(T)[:1])
    shown = "the mean weight on itself, one, two and three back is " + _row(back)
    if not value[0].any() or not value[1].any():
        return (
            f"{shown}: one of the two is 0, so all scores are equal. Only a long vector can ask for anything."
        )
    if back[0] > 0.5:
        return (
            f"{shown}: it looks at itself. Equal vectors meet best at distance 0; turn the query back by 1 beforehand, "
            "with positions −1 (+1 would look for the next position, which the mask hides)."
        )
    if back[1] > back[0] and back[1] >= back[2]:
        worst = weights.diagonal(-1).min().item()
        return (
            f"{shown}: the right place, not sharp enough: the least weight one back is {worst:.2f}, expected more than "
            "0.9. Longer vectors make larger scores."
        )
    far = int(torch.stack([weights.diagonal(-far).mean() for far in range(T // 2)]).argmax())
    return f"{shown}: it looks {far} back most, expected 1."


def _weights_of_constants(query: Tensor, key: Tensor, T: int) -> Tensor:
    here = torch.arange(T)
    queries, keys = rotate(query.detach().expand(T, -1), here), rotate(key.detach().expand(T, -1), here)
    return attention_weights(queries, keys, causal_mask(T))


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


def _named(value: Tensor, mistakes: Mapping[str, Tensor], otherwise: str) -> str:
    """The sentence of the mistake that gives just this value."""
    return next((sentence for sentence, wrong in mistakes.items() if _close(value, wrong)), otherwise)


def _sum_of_rows(value: Tensor) -> str:
    sums = value.detach().float().sum(-1)
    if not _close(sums, torch.ones_like(sums)):
        return f"the rows sum to {_row(sums)}, and each must sum to 1"
    return "each row sums to 1, but the weights are others"


def _close(value: Tensor, expected: Tensor) -> bool:
    return value.shape == expected.shape and torch.allclose(
        value.detach().float(), expected.float(), atol=1e-4, equal_nan=True
    )


def _row(values: Tensor) -> str:
    """(0.25, 0, −inf): numbers as a reader writes them."""
    return "(" + ", ".join(f"{value:.3g}".replace("-", "−") for value in values.flatten().tolist()) + ")"


def _draw_maps(yours: Tensor, expected: Tensor) -> None:
    """Put the reader's weights beside the right ones, as maps."""
    panels = plot.panels(["yours", "expected"], "looked at", "who looks", width=6, height=2.8)
    for ax, weights in zip(panels, (yours, expected), strict=True):
        ax.imshow(
            weights.detach().float().nan_to_num(posinf=0, neginf=0).numpy(), cmap="Blues", vmin=0, vmax=1
        )
        ax.grid(visible=False)
