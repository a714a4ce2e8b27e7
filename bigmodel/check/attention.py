"""The exercises of notebook 07: an average of the last few, attention built in six parts, rotary positions, a map."""

import math
from collections.abc import Callable
from functools import partialmethod
from typing import Any

import torch
from torch import Tensor, nn

from bigmodel import attention
from bigmodel.attention import attention_weights, causal_mask, rotate
from bigmodel.check.building import building
from bigmodel.check.engine import examined, exercise
from bigmodel.check.pictures import maps
from bigmodel.check.values import plain, unlike, written


# One mistake, one line or two; a blank line within what belongs to an exercise, two between exercises.
# fmt: off
def mean(seen: Tensor) -> Tensor:
    """Rows that sum to 1; a row of zeros stays as it is."""
    return (seen / seen.sum(1, keepdim=True)).nan_to_num()

def back(T: int, low: int, high: int) -> Tensor:
    """1 on the positions from low to high back, both included."""
    return torch.ones(T, T).tril(-low) - torch.ones(T, T).tril(-high - 1)

@exercise(
    hints=("Which entries of row t are not 0, and what do they sum to?",
           "Begin with torch.ones(T, T).tril(), which is 1 on the whole past; take away what lies w or more back.",
           "seen = torch.ones(T, T).tril() - torch.ones(T, T).tril(-w), each row divided by its sum."),
    why="A window keeps the cost of a long text down; some of the big models look back through one in most layers.",
    cases=[(5, 3), (4, 1), (3, 7), (6, 2)],
    wrong={
        "that is the average over the whole past. Positions w or more back get 0": lambda T, w: mean(back(T, 0, T)),
        "these are ones. Divide each row by its sum, so that it is a mean": lambda T, w: back(T, 0, w - 1),
        "near the beginning there are fewer than w positions: divide by how many there are, not by w":
            lambda T, w: back(T, 0, w - 1) / w,
        "that is w + 1 positions: itself and w before it. The own position is one of the w":
            lambda T, w: mean(back(T, 0, w)),
        "that is w − 1 positions. The own position is one of the w, and the last of them is w − 1 back":
            lambda T, w: mean(back(T, 0, w - 2)),
        "the own position is missing: it is one of the w": lambda T, w: mean(back(T, 1, w - 1)),
        "that looks ahead, at positions that have not come yet: row t may use columns up to t":
            lambda T, w: mean(back(T, 0, w - 1).T),
        "that looks to both sides. Above the diagonal is the future: 0": lambda T, w: mean(back(T, 1 - w, w - 1)),
    },
    draw=maps,
)
def recent_average(T: int, w: int) -> Tensor:
    seen = torch.ones(T, T).tril() - torch.ones(T, T).tril(-w)  # 1 on w diagonals
    return seen / seen.sum(1, keepdim=True)


def scaled(q: Tensor, k: Tensor) -> Tensor:
    """q · k / √D."""
    return q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])

def soft(z: Tensor, m: Tensor) -> Tensor:
    """A softmax over what the mask allows."""
    return torch.softmax(z.masked_fill(~m, -torch.inf), -1)

def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))

THREE = (  # q · k / √D is ln 4, ln 2 and ln 2 for the last query: weights that are round
    torch.tensor([[2.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]]),
    torch.tensor([[4.0, 2.0, 2.0, 1.0], [2.0, 2.0, 1.0, 1.0], [1.0, 4.0, 1.0, 1.0]]).log(),
)

@exercise(
    hints=("What is one number of the result: which query meets which key, and what makes it large with D?",
           "All dot products at once are one matrix product, with the keys on end; then divide by √D.",
           "queries @ keys.transpose(-2, -1), divided by math.sqrt(D), where D is queries.shape[-1]."),
    why="These are all dot products at once: T questions asked of S keys in one matrix product.",
    cases=[
        THREE, (numbers(2, 8), numbers(5, 8, seed=1)), (numbers(3, 4, 8), numbers(3, 4, 8, seed=1)),
        (numbers(2, 3, 3, 2), numbers(2, 3, 6, 2, seed=1)),
    ],
    also_right=[lambda q, k: torch.einsum("...td,...sd->...ts", q, k) * q.shape[-1] ** -0.5],
    wrong={
        "the scores were not divided by √D": lambda q, k: q @ k.mT,
        "the scores were divided by D. Divide by its square root": lambda q, k: q @ k.mT / q.shape[-1],
        "√D = 2 is written in. D is queries.shape[-1]": lambda q, k: q @ k.mT / 2,
        "each key asked the queries: it is queries @ keys.transpose, not the other way round":
            lambda q, k: scaled(k, q),
        "transpose(0, 1) swaps the first two dimensions. It is the last two, whatever stands before: (-2, -1)":
            lambda q, k: q @ k.transpose(0, 1) / math.sqrt(q.shape[-1]),
    },
)
def scores_of(queries: Tensor, keys: Tensor) -> Tensor:
    D = queries.shape[-1]
    return queries @ keys.transpose(-2, -1) / math.sqrt(D)  # (…, T, S)


def powers(z: Tensor, m: Tensor) -> Tensor:
    """Weights by exp, which overflows."""
    e = z.exp() * m
    return e / e.sum(-1, keepdim=True)

LARGE = torch.tensor([[115.0, 0.0, 115.0], [0.0, 115.0, -115.0], [-115.0, -115.0, -115.0]])

@exercise(
    hints=("Who must not be looked at, and what score gives a weight of exactly 0?",
           "−inf where the mask is False, the scores elsewhere; then a softmax over the keys.",
           "masked = scores.masked_fill(~mask, -torch.inf); then torch.softmax(masked, dim=-1)."),
    why="Each row shares a weight of 1 among those whom it may see, and nobody else is even in the denominator.",
    cases=[
        (scaled(*THREE), causal_mask(3)), (2 * numbers(2, 5), causal_mask(2, 5)),
        (2 * numbers(3, 4, 4), causal_mask(4)), (2 * numbers(2, 3, 3, 6), causal_mask(3, 6)), (LARGE, causal_mask(3)),
        (1000 * LARGE[:2, :2], torch.ones(2, 2, dtype=torch.bool)),
    ],
    given=lambda scores, mask: f"for scores of shape {tuple(scores.shape)} up to {scores.max():,.3g}",
    draw=maps,
    also_right=[lambda z, m: torch.softmax(torch.where(m, z, -1e30), -1)],
    wrong={
        "softmax ran over the queries. Each query shares its weight among the keys: dim=-1":
            lambda z, m: torch.softmax(z.masked_fill(~m, -torch.inf), -2),
        "the mask was read the other way round. True means may look, so it is ~mask that gets −inf":
            lambda z, m: soft(z, ~m),
        "the mask came after the softmax, so the rows no longer sum to 1, and the future is in the denominator":
            lambda z, m: torch.softmax(z, -1) * m,
        "the scores of the future were set to 0, but e⁰ = 1: they still get weight. Use −inf":
            lambda z, m: torch.softmax(z.masked_fill(~m, 0), -1),
        "the mask was not used: the future gets weight too": lambda z, m: torch.softmax(z, -1),
        "these are scores. A softmax over the last dimension makes weights of them":
            lambda z, m: z.masked_fill(~m, -torch.inf),
        "the mask is one of your own. Use the one that is given":
            lambda z, m: soft(z, torch.ones(z.shape[-2:]).tril() > 0),
        "e to the power of a large score is infinite. torch.softmax subtracts the largest score first": powers,
    },
)
def weights_of(scores: Tensor, mask: Tensor) -> Tensor:
    masked = scores.masked_fill(~mask, -torch.inf)
    return torch.softmax(masked, dim=-1)


@exercise(
    hints=("Row t of the weights says how much of each position arrives at t: how much of *what*?",
           "Scores, then weights, with your two functions; then a matrix product with the values.",
           "weights = weights_of(scores_of(queries, keys), mask); return weights @ values."),
    why="That is attention whole: torch has it as scaled_dot_product_attention, and its numbers are yours.",
    cases=[
        (*THREE, torch.tensor([[8.0, 0.0], [0.0, 8.0], [4.0, 4.0]]), causal_mask(3)),
        (numbers(2, 8), numbers(5, 8, seed=1), numbers(5, 8, seed=2), causal_mask(2, 5)),
        (*(numbers(2, 3, 4, 2, seed=seed) for seed in range(3)), causal_mask(4)),
    ],
    also_right=[lambda q, k, v, m: nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=m)],
    wrong={
        "these are the weights. Bring the values, in these shares": lambda q, k, v, m: attention_weights(q, k, m),
        "the keys were brought: they only answer queries, and what arrives are the values":
            lambda q, k, v, m: attention_weights(q, k, m) @ k,
        "the mask was not used": lambda q, k, v, m: attention_weights(q, k, None) @ v,
        "the weights stand on end: row t says what position t receives":
            lambda q, k, v, m: attention_weights(q, k, m).mT @ v,
        "√D divided twice: scores_of has done it": lambda q, k, v, m: soft(scaled(q, k) / q.shape[-1] ** 0.5, m) @ v,
        "these are scores times values, with no softmax": lambda q, k, v, m: (scaled(q, k) * m) @ v,
    },
)
def attend(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
    return attention_weights(queries, keys, mask) @ values  # (…, T, D)


def numbered(*shape: int) -> Tensor:
    """Numbers that say where they come from: the digits are the place in each dimension."""
    places = torch.meshgrid(*map(torch.arange, shape), indexing="ij")
    return sum((10.0**power * place for power, place in enumerate(places[::-1])), torch.zeros(1))

DIGITS = "with digits that tell the place, "

@exercise(
    hints=("Which numbers of x belong to head 0, and in which dimension of x do they lie?",
           "The last dimension is cut into H pieces of D: (B, T, H, D). Then H and T change places.",
           "x.view(B, T, n_head, C // n_head).transpose(1, 2)."),
    why="No number was computed and none copied: each head reads its own columns of every position.",
    cases=[(numbered(1, 3, 4), 2), (numbered(2, 2, 6), 3), (numbered(2, 4, 6), 2)],
    given=lambda x, n_head: f"{DIGITS}for {n_head} heads",
    wrong={
        "view to (B, H, T, D) counts the numbers off as they lie in memory, and mixes positions: cut first, then swap":
            lambda x, n: x.reshape(len(x), n, x.shape[1], -1),
        "the components were dealt out in turn. Head 0 gets the first D of them":
            lambda x, n: x.view(*x.shape[:2], -1, n).permute(0, 3, 1, 2),
        "that is (B, T, H, D): the heads are still to stand before the positions":
            lambda x, n: x.view(*x.shape[:2], n, -1),
        "that is (B, H, D, T): position and component were exchanged":
            lambda x, n: x.view(*x.shape[:2], n, -1).permute(0, 2, 3, 1),
        "there are D heads of H components: H is n_head": lambda x, n: x.view(*x.shape[:2], -1, n).transpose(1, 2),
    },
)
def cut_heads(x: Tensor, n_head: int) -> Tensor:
    B, T, C = x.shape
    return x.view(B, T, n_head, C // n_head).transpose(1, 2)  # (B, H, T, D)


@exercise(
    hints=("Which numbers must lie side by side in the result, and which do in (B, H, T, D)?",
           "The numbers of one position: H must come after T before the last two dimensions are made one.",
           "heads.transpose(1, 2) is (B, T, H, D); flatten(2) makes one dimension of the last two."),
    why="A wrong reshape of the right size is the mistake that no error message finds.",
    cases=[(numbered(1, 2, 3, 2),), (numbered(2, 3, 4, 2),)],
    given=lambda heads: f"{DIGITS}for {heads.shape[1]} heads",
    wrong={
        "reshape alone counts the numbers off as they lie in memory, and mixes positions: transpose(1, 2) first":
            lambda h: h.reshape(len(h), h.shape[2], -1),
        "the components of the heads alternate. First all of head 0, then all of head 1":
            lambda h: h.permute(0, 2, 3, 1).flatten(2),
        "the wrong two dimensions were swapped: it is H and T, dimensions 1 and 2":
            lambda h: h.transpose(2, 3).reshape(len(h), h.shape[2], -1),
        "the heads were averaged: each keeps its own components": lambda h: h.mean(1),
        "view cannot do that to a transposed tensor: flatten(2), or reshape":
            lambda h: h.transpose(1, 2).view(len(h), h.shape[2], -1),
    },
)
def join_heads(heads: Tensor) -> Tensor:
    return heads.transpose(1, 2).flatten(2)  # (B, T, H, D) → (B, T, H · D)


def spoiled(forward: Callable[..., Tensor], **settings: Any) -> Any:
    """The right class, but for its forward, of itself, x and the mask, or for how its layers are made."""
    made = partialmethod(attention.Attention.__init__, **settings)
    return type("Attention", (attention.Attention,), {"__init__": made, "forward": forward})

def through(layers: tuple[str, ...] = ("queries", "keys", "values"), cut: Any = None, join: Any = None,
            weigh: Any = attention_weights) -> Any:
    """A forward of which one step is another."""
    def forward(self: Any, x: Tensor, mask: Tensor) -> Tensor:
        parts = (getattr(self, name)(x) if name else x for name in layers)
        q, k, v = ((cut or cut_heads.right)(part, self.n_head) for part in parts)
        return self.output((join or join_heads.right)(weigh(q, k, mask) @ v))
    return forward

def one_head(self: Any, x: Tensor, mask: Tensor) -> Tensor:
    return self.output(attention_weights(self.queries(x), self.keys(x), mask) @ self.values(x))

def by_heads(self: Any, x: Tensor, mask: Tensor) -> Tensor:
    """Another right way: a loop over the heads."""
    parts = [layer(x).chunk(self.n_head, -1) for layer in (self.queries, self.keys, self.values)]
    return self.output(torch.cat([attention_weights(q, k, mask) @ v for q, k, v in zip(*parts, strict=True)], -1))

def small(B: int, T: int, C: int, seed: int) -> tuple[Tensor, Tensor]:
    """Vectors, and a mask that is not the causal one: everybody sees themselves and the first."""
    mask = torch.eye(T, dtype=torch.bool)
    mask[:, 0] = True
    return numbers(B, T, C, seed=seed), mask

@building(
    hints=("Which layers must __init__ make, and what happens to x between the first three and the fourth?",
           "Queries, keys and values of x; each cut into heads; attend; join the heads; the output layer.",
           "q = cut_heads(self.queries(x), self.n_head), k and v alike; self.output(join_heads(attend(q, k, v, "
           "mask)))."),
    why="That is the attention of every Transformer. The model that you train next looks back through yours.",
    causal=True,
    build=[
        ((4, 2), (numbers(2, 3, 4), causal_mask(3))), ((6, 3), (numbers(1, 4, 6, seed=1), causal_mask(4))),
        ((6, 2), small(2, 4, 6, 2)),
    ],
    wrong={
        "the mask was not used": spoiled(through(weigh=lambda q, k, m: attention_weights(q, k, None))),
        "the scores were divided by √C: in a head it is √D, D = C / H":
            spoiled(through(weigh=lambda q, k, m: attention_weights(q, k / q.shape[1] ** 0.5, m))),
        "the heads were not joined, but counted off as they lie in memory: transpose, then flatten":
            spoiled(through(join=lambda h: h.reshape(len(h), h.shape[2], -1))),
        "the heads were cut by view alone, which mixes positions":
            spoiled(through(cut=lambda x, n: x.reshape(len(x), n, x.shape[1], -1))),
        "the queries were not cut into heads: all looks with one softmax": spoiled(one_head),
        "the output layer was not used":
            spoiled(lambda self, x, mask: join_heads.right(attend.right(*self.split(x), mask))),
        "x itself was brought, not its values": spoiled(through(("queries", "keys", ""))),
        "the layers are to have no biases: bias=False": spoiled(through(), bias=True),
    },
    also_right=[spoiled(by_heads)],
    refused=[
        spoiled(lambda self, x, m: through()(self, x.detach(), m) * 2),
        spoiled(lambda self, x, m: through()(self, x, m).detach()),
    ],
)
class Attention(attention.Attention):
    """The package's own: four layers, and heads that look between the first three and the last."""


def halves(combine: Any = None, speeds: Any = None, angle: float = 1.0) -> Any:
    """A rotation of which one step is another."""
    combine = combine or (lambda x, y, c, s: (x * c - y * s, x * s + y * c))
    def turn(v: Tensor, p: Tensor) -> Tensor:
        powers = (speeds or (lambda D: -torch.arange(0, D, 2) / D))(v.shape[-1])
        theta = angle * p.unsqueeze(-1) * 10_000**powers
        return torch.cat(combine(*v.chunk(2, -1), theta.cos(), theta.sin()), -1)
    return turn

def interleaved(v: Tensor, p: Tensor) -> Tensor:
    apart = rotate(torch.cat([v[..., ::2], v[..., 1::2]], -1), p)
    return torch.stack(apart.chunk(2, -1), -1).flatten(-2)

@exercise(
    hints=("By what angle does point i of a vector at position p turn, and which two components is that point?",
           "Point i is components i and i + D/2; it turns by p · 10000^(−2i/D), all at once with chunk and cat.",
           "angles = positions.unsqueeze(-1) * 10000 ** (-torch.arange(0, D, 2) / D); x, y = chunk(2, -1); then x cos"
           " − y sin, x sin + y cos."),
    why="With this the score of a query and a key depends on their distance alone; Llama and Qwen turn theirs so.",
    cases=[
        (torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0]]), torch.tensor([0, 1, 5])),
        (torch.randn(4, 8, generator=torch.Generator().manual_seed(0)).round(decimals=1), torch.tensor([0, 1, 7, 2])),
    ],
    wrong={
        "that turns the other way round, clockwise: the minus belongs to the first coordinate": halves(angle=-1),
        "sine and cosine were exchanged. At position 0 nothing turns, since cos 0 = 1":
            halves(lambda x, y, c, s: (x * s - y * c, x * c + y * s)),
        "the minus is missing: the first coordinate is x cos θ − y sin θ":
            halves(lambda x, y, c, s: (x * c + y * s, x * s + y * c)),
        "nothing was turned": lambda v, p: v,
        "every vector was turned by its place in the row. Use the positions that are given":
            lambda v, p: rotate(v, torch.arange(len(v))),
        "components 2i and 2i + 1 were paired, as in the paper. Here it is i and i + D/2, as chunk gives them":
            interleaved,
        "all points turn at one speed. Point i turns by position · 10000^(−2i/D)":
            halves(speeds=lambda D: torch.zeros(D // 2)),
        "the exponent is −i/D, expected −2i/D: arange(0, D, 2) counts 0, 2, 4, …":
            halves(speeds=lambda D: -torch.arange(D // 2) / D),
    },
    also_right=[rotate],
)
def rotated(vectors: Tensor, positions: Tensor) -> Tensor:
    D = vectors.shape[-1]
    angles = positions.unsqueeze(-1) * 10_000 ** (-torch.arange(0, D, 2) / D)  # (T, D/2)
    x, y = vectors.chunk(2, dim=-1)  # both (T, D/2)
    cos, sin = angles.cos(), angles.sin()
    return torch.cat([x * cos - y * sin, x * sin + y * cos], dim=-1)


def random_maps(H: int, T: int, seed: int) -> tuple[Tensor, list[str]]:
    z = 2 * torch.randn(H, T, T, generator=torch.Generator().manual_seed(seed))
    return soft(z, causal_mask(T)), ["Mia", "hid", "the", "key", "in", "an", "attic", "box"][seed : seed + T]

def look(choose: Any) -> Any:
    return lambda weights, words: [words[place] for place in choose(weights).tolist()]

@exercise(
    hints=("Which row of a map says where the last position looks?",
           "weights[:, -1] holds the last row of each head; the place of its largest weight is the place of a word.",
           "weights[:, -1].argmax(dim=-1) has one place for each head; words[place] is a word."),
    why="Much of what is known about the insides of language models began with a look at such rows.",
    cases=[random_maps(3, 4, 0), random_maps(2, 6, 1), random_maps(1, 5, 2)],
    wrong={
        "the first position can look at itself only, so its weight is the largest of the map. The last position "
        "is row −1": look(lambda w: w[:, 0].argmax(-1)),
        "that is the last column, who looks at the last word most. A row is one position looking back":
            look(lambda w: w[:, :, -1].argmax(-1)),
        "the weights were added up over all positions. It is asked for the last position alone":
            look(lambda w: w.sum(1).argmax(-1)),
        "the heads were averaged first. Each head looks for itself":
            look(lambda w: w[:, -1].mean(0).argmax(-1).expand(len(w))),
        "those are places; asked for are the words at them": lambda weights, words: weights[:, -1].argmax(-1).tolist(),
    },
)
def looked_at(weights: Tensor, words: list[str]) -> list[str]:
    return [words[place] for place in weights[:, -1].argmax(dim=-1)]


def one_back(D: int) -> tuple[Tensor, Tensor]:
    key = torch.full((D,), 10.0)  # long vectors make large scores, and so a sharp softmax
    query = rotate(key[None], torch.tensor([-1]))[0]  # turned back by 1: best met by what stands 1 earlier
    return query, key

def constant(length: float, turned: float = 0.0) -> Any:
    """A long vector as the key, and as the query the same, turned by some positions beforehand."""
    return lambda D: (rotate(torch.full((1, D), length), torch.tensor([turned]))[0], torch.full((D,), length))

@examined(
    hints=("Equal vectors meet best at distance 0. What must be done to one of them so that they meet best at 1?",
           "Key: a long vector. Query: the same vector, turned back by one position beforehand with rotate.",
           "key = torch.full((D,), 10.0); query = rotate(key[None], torch.tensor([-1]))[0]."),
    why="Such heads are found in trained models, and copying by example is built on them.",
    right=one_back,
    equal={"key = torch.full((D,), 11.0)": "any long vector will do"},
    also_right=[
        constant(20.0, -1.0),
        lambda D: (torch.full((D,), 10.0), rotate(torch.full((1, D), 10.0), torch.tensor([1]))[0]),
    ],
    wrong={
        "it looks at itself": constant(10.0),
        "it looks 2 back most": constant(10.0, -2),
        "not sharp enough": constant(3.0, -1),
        "one of the two is 0": constant(0.0, -1),
        "shape (24, 64), expected (64,)": lambda D: (torch.full((24, D), 10.0), torch.full((24, D), 10.0)),
        "too long for a float32": lambda D: constant(1e20, -1)(D),
    },
    refused=[constant(10.0, 1), constant(1.0, -1), lambda D: constant(10.0, -1)(D)[::-1]],
)
def one_word_back(answer: Callable[[int], Any]) -> str | None:
    D, T = 64, 24
    value = answer(D)
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        return f"your function returned a {type(value).__name__}, expected two tensors: query, key."
    for name, vector in zip(("query", "key"), value, strict=True):
        if (odd := unlike(vector, torch.zeros(D), f"of the {name}, one for all positions: ")) is not None:
            return odd
    query, key = (plain(vector).float() for vector in value)
    here = torch.arange(T)
    weights = attention_weights(rotate(query.expand(T, -1), here), rotate(key.expand(T, -1), here), causal_mask(T))
    return misplaced(query, key, weights)


def misplaced(query: Tensor, key: Tensor, weights: Tensor) -> str | None:
    """Where a head looks instead of one back; None if it looks there. Weights are (T, T)."""
    T = len(weights)
    if bool((weights.diagonal(-1) > 0.9).all()):
        return None
    maps(weights, torch.eye(T).roll(-1, 1).tril(-1) + torch.eye(T)[:, :1] * torch.eye(T)[:1])
    back = torch.stack([weights.diagonal(-far).mean() for far in range(T // 2)])  # by distance
    shown = "the mean weight on itself, one, two and three back is " + written(back[:4], 3)
    if weights.isnan().any():
        return f"{shown}, not a number: the vectors are too long for a float32. 10 is long enough."
    if not query.any() or not key.any():
        return f"{shown}: one of the two is 0, so all scores are equal. Only a long vector can ask for anything."
    if back[0] > 0.5:
        return (
            f"{shown}: it looks at itself. Equal vectors meet best at distance 0; turn the query back by 1 beforehand, "
            "with positions −1 (+1 would look for the next position, which the mask hides)."
        )
    if back[1] > back[0] and back[1] >= back[2]:
        return (
            f"{shown}: the right place, not sharp enough: the least weight one back is "
            f"{weights.diagonal(-1).min():.2f}, expected more than 0.9. Longer vectors make larger scores."
        )
    return f"{shown}: it looks {int(back.argmax())} back most, expected 1."
