"""The exercises of notebook 07: an average of the last few, attention built in six parts, rotary positions, a map."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from bigmodel import attention, plot
from bigmodel.attention import attention_weights, causal_mask, rotate
from bigmodel.check.building import building
from bigmodel.check.engine import examined, exercise
from bigmodel.check.values import differing, plain, same, unlike, written


def mean(seen: Tensor) -> Tensor:
    """Rows that sum to 1; a row of zeros stays as it is."""
    return (seen / seen.sum(1, keepdim=True)).nan_to_num()


def back(T: int, low: int, high: int) -> Tensor:
    """1 on the positions from low to high back, both included."""
    return torch.ones(T, T).tril(-low) - torch.ones(T, T).tril(-high - 1)


def by_loop(T: int, w: int) -> list[list[float]]:
    """The same, number by number."""
    return [[(0 <= t - s < w) / min(w, t + 1) for s in range(T)] for t in range(T)]


def draw_maps(yours: Any, expected: Any) -> None:
    """Put the reader's weights beside the right ones, as maps."""
    maps = [plain(yours).double().nan_to_num(posinf=0, neginf=0), plain(expected)]
    if any(weights.ndim != 2 for weights in maps):
        return
    panels = plot.panels(["yours", "expected"], "looked at", "who looks", width=6, height=2.8)
    for ax, weights in zip(panels, maps, strict=True):
        ax.imshow(weights.numpy(), cmap="Blues", vmin=0, vmax=1)
        ax.grid(visible=False)


# One mistake, one line or two.
# fmt: off
@exercise(
    hints=(
        "Which entries of row t are not 0, and what do they sum to?",
        "Begin with torch.ones(T, T).tril(), which is 1 on the whole past; take away what lies w or more back.",
        "seen = torch.ones(T, T).tril() - torch.ones(T, T).tril(-w), each row divided by its sum.",
    ),
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
        "the own position is missing, and so everything stands one too far back": lambda T, w: mean(back(T, 1, w)),
        "that looks ahead, at positions that have not come yet: row t may use columns up to t":
            lambda T, w: mean(back(T, 0, w - 1).T),
        "the columns sum to 1. A row is one position looking back, so it is the rows that must":
            lambda T, w: back(T, 0, w - 1) / back(T, 0, w - 1).sum(0),
        "that looks to both sides. Above the diagonal is the future: 0": lambda T, w: mean(back(T, 1 - w, w - 1)),
        "that is the average over all positions, the future too": lambda T, w: torch.ones(T, T) / T,
    },
    draw=draw_maps,
    also_right=[
        by_loop,
        lambda T, w: torch.tensor(by_loop(T, w)).double().numpy(),
        lambda T, w: mean(back(T, 0, w - 1).double()),
    ],
    refused=[
        lambda T, w: by_loop(T, w)[-1],
        lambda T, w: by_loop(T, 3),
        lambda T, w: torch.softmax(back(T, 0, w - 1), -1),
    ],
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


def one_by_one(queries: Tensor, keys: Tensor) -> list[Any]:
    """Each query meets each key."""
    if queries.ndim > 2:
        return [one_by_one(q, k) for q, k in zip(queries, keys, strict=True)]
    return [[float(q @ k) / len(q) ** 0.5 for k in keys] for q in queries]


@exercise(
    hints=(
        "What is one number of the result: which query meets which key, and what makes it large with D?",
        "All dot products at once are one matrix product, with the keys on end; then divide by √D.",
        "queries @ keys.transpose(-2, -1), divided by math.sqrt(D), where D is queries.shape[-1].",
    ),
    why="These are all dot products at once: T questions asked of S keys in one matrix product.",
    cases=[THREE, (numbers(2, 8), numbers(5, 8, seed=1)), (numbers(3, 4, 8), numbers(3, 4, 8, seed=1)),
           (numbers(2, 3, 3, 2), numbers(2, 3, 6, 2, seed=1))],
    also_right=[scaled, one_by_one, lambda q, k: q / math.sqrt(q.shape[-1]) @ k.mT,
                lambda q, k: torch.einsum("...td,...sd->...ts", q, k) * q.shape[-1] ** -0.5],
    refused=[lambda q, k: q * k, lambda q, k: soft(scaled(q, k), torch.ones(q.shape[-2], k.shape[-2]) > 0),
             lambda q, k: scaled(q, k).masked_fill(torch.ones(q.shape[-2], k.shape[-2]).triu(1) > 0, -torch.inf)],
    wrong={
        "the scores were not divided by √D": lambda q, k: q @ k.mT,
        "the scores were divided by D. Divide by its square root": lambda q, k: q @ k.mT / q.shape[-1],
        "the scores were divided by √T. It is the number of components, D, that makes them large":
            lambda q, k: q @ k.mT / math.sqrt(q.shape[-2]),
        "the scores were multiplied by √D. Divide": lambda q, k: q @ k.mT * math.sqrt(q.shape[-1]),
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


def weights_by_loop(z: Tensor, m: Tensor) -> Tensor:
    """One query at a time."""
    weights = torch.zeros_like(z)
    for t in range(z.shape[-2]):
        seen = m[t].nonzero()[:, 0]
        weights[..., t, seen] = torch.softmax(z[..., t, seen], -1)
    return weights


def shown_weights(value: Any, expected: Tensor, scores: Tensor, mask: Tensor) -> str:
    given = f"for scores of shape {tuple(scores.shape)} up to {scores.max():,.3g} "
    if scores.shape != (3, 3) or scores.max() > 10:
        return differing(value, expected, given)
    found = plain(value)
    row = next(t for t in (2, 1, 0) if not same(found[t], plain(expected[t])))
    return (
        f"the scores of query {row} are ln {written(scores[row].exp(), 3)}, and the mask allows keys 0 to {row}. "
        f"Your weights are {written(found[row], 3)}, expected {written(expected[row], 3)}"
    )


LARGE = torch.tensor([[115.0, 0.0, 115.0], [0.0, 115.0, -115.0], [-115.0, -115.0, -115.0]])


@exercise(
    hints=(
        "Who must not be looked at, and what score gives a weight of exactly 0?",
        "−inf where the mask is False, the scores elsewhere; then a softmax over the keys.",
        "masked = scores.masked_fill(~mask, -torch.inf); then torch.softmax(masked, dim=-1).",
    ),
    why="Each row shares a weight of 1 among those whom it may see, and nobody else is even in the denominator.",
    cases=[
        (scaled(*THREE), causal_mask(3)),
        (2 * numbers(2, 5), causal_mask(2, 5)),
        (2 * numbers(3, 4, 4), causal_mask(4)),
        (2 * numbers(2, 3, 3, 6), causal_mask(3, 6)),
        (LARGE, causal_mask(3)),
        (1000 * LARGE[:2, :2], torch.ones(2, 2, dtype=torch.bool)),
    ],
    given=lambda scores, mask: f"for scores of shape {tuple(scores.shape)} up to {scores.max():,.3g}",
    shown=shown_weights,
    draw=draw_maps,
    also_right=[soft, weights_by_loop, lambda z, m: torch.softmax(torch.where(m, z, -1e30), -1)],
    refused=[lambda z, m: soft(z, m).mT, lambda z, m: soft(2 * z, m)],
    wrong={
        "softmax ran over the queries. Each query shares its weight among the keys: dim=-1":
            lambda z, m: torch.softmax(z.masked_fill(~m, -torch.inf), -2),
        "softmax ran over everything at once, so that all rows together sum to 1; use dim=-1":
            lambda z, m: torch.softmax(z.masked_fill(~m, -torch.inf).flatten(), 0).view_as(z),
        "the mask was read the other way round. True means may look, so it is ~mask that gets −inf":
            lambda z, m: soft(z, ~m),
        "the mask came after the softmax, so the rows no longer sum to 1, and the future is in the denominator":
            lambda z, m: torch.softmax(z, -1) * m,
        "the scores of the future were set to 0, but e⁰ = 1: they still get weight. Use −inf":
            lambda z, m: torch.softmax(z.masked_fill(~m, 0), -1),
        "the mask was added as a number, 1 or 0. Use masked_fill(~mask, −inf)": lambda z, m: torch.softmax(z + m, -1),
        "the mask was not used: the future gets weight too": lambda z, m: torch.softmax(z, -1),
        "these are scores. A softmax over the last dimension makes weights of them":
            lambda z, m: z.masked_fill(~m, -torch.inf),
        "these are log-weights. Use softmax, not log_softmax":
            lambda z, m: torch.log_softmax(z.masked_fill(~m, -torch.inf), -1),
        "the mask is one of your own. Use the one that is given":
            lambda z, m: soft(z, torch.ones(z.shape[-2:]).tril() > 0),
        "e to the power of a large score is infinite. torch.softmax subtracts the largest score first": powers,
        "the scores of the future were set to −10, which is not small beside −100. Use −inf":
            lambda z, m: torch.softmax(z.masked_fill(~m, -10), -1),
    },
)
def weights_of(scores: Tensor, mask: Tensor) -> Tensor:
    masked = scores.masked_fill(~mask, -torch.inf)
    return torch.softmax(masked, dim=-1)


@exercise(
    hints=(
        "Row t of the weights says how much of each position arrives at t: how much of *what*?",
        "Scores, then weights, with your two functions; then a matrix product with the values.",
        "weights = weights_of(scores_of(queries, keys), mask); return weights @ values.",
    ),
    why="That is attention whole: torch has it as scaled_dot_product_attention, and its numbers are yours.",
    cases=[
        (*THREE, torch.tensor([[8.0, 0.0], [0.0, 8.0], [4.0, 4.0]]), causal_mask(3)),
        (numbers(2, 8), numbers(5, 8, seed=1), numbers(5, 8, seed=2), causal_mask(2, 5)),
        (*(numbers(2, 3, 4, 2, seed=seed) for seed in range(3)), causal_mask(4)),
    ],
    given=lambda q, k, v, m: (
        f"for queries {tuple(q.shape)}, keys {tuple(k.shape)}, values {tuple(v.shape)} and a mask {tuple(m.shape)}"
    ),
    also_right=[lambda q, k, v, m: nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=m)],
    refused=[lambda q, k, v, m: v, lambda q, k, v, m: (attention_weights(q, k, m) @ v)[..., -1:, :]],
    wrong={
        "these are the weights. Bring the values, in these shares": lambda q, k, v, m: attention_weights(q, k, m),
        "the keys were brought: they only answer queries, and what arrives are the values":
            lambda q, k, v, m: attention_weights(q, k, m) @ k,
        "the mask was not used": lambda q, k, v, m: attention_weights(q, k, None) @ v,
        "the weights stand on end: row t says what position t receives":
            lambda q, k, v, m: attention_weights(q, k, m).mT @ v,
        "√D divided twice: scores_of has done it": lambda q, k, v, m: soft(scaled(q, k) / q.shape[-1] ** 0.5, m) @ v,
        "these are scores times values, with no softmax": lambda q, k, v, m: (scaled(q, k) * m) @ v,
        "only the value with the largest weight was brought: bring all, in their shares":
            lambda q, k, v, m: torch.eye(k.shape[-2])[attention_weights(q, k, m).argmax(-1)] @ v,
    },
)
def attend(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
    return attention_weights(queries, keys, mask) @ values  # (…, T, D)


def digits(B: int, T: int, C: int) -> Tensor:
    """Numbers that say where they come from: hundreds the text, tens the position, ones the component."""
    return torch.arange(B).view(-1, 1, 1) * 100.0 + torch.arange(T).view(-1, 1) * 10.0 + torch.arange(C)


def shown_cut(value: Any, expected: Tensor, x: Tensor, n_head: int) -> str:
    found = plain(value)
    places = [(b, h) for b in range(len(found)) for h in range(n_head)]
    b, h = next(place for place in places if not same(found[place], plain(expected[place])))
    return (
        "in the test the tens are the position, the ones the component. "
        f"For {n_head} heads your head {h} is {written(found[b, h])}, expected {written(expected[b, h])}"
    )


@exercise(
    hints=(
        "Which numbers of x belong to head 0, and in which dimension of x do they lie?",
        "The last dimension is cut into H pieces of D: (B, T, H, D). Then H and T change places.",
        "x.view(B, T, n_head, C // n_head).transpose(1, 2).",
    ),
    why="No number was computed and none copied: each head reads its own columns of every position.",
    cases=[(digits(1, 3, 4), 2), (digits(2, 2, 6), 3), (digits(2, 4, 6), 2)],
    shown=shown_cut,
    wrong={
        "view to (B, H, T, D) counts the numbers off as they lie in memory, and mixes positions: cut first, then swap":
            lambda x, n: x.reshape(len(x), n, x.shape[1], -1),
        "the components were dealt out in turn. Head 0 gets the first D of them":
            lambda x, n: x.view(*x.shape[:2], -1, n).permute(0, 3, 1, 2),
        "the last head comes first": lambda x, n: x.view(*x.shape[:2], n, -1).transpose(1, 2).flip(1),
        "that is (B, T, H, D): the heads are still to stand before the positions":
            lambda x, n: x.view(*x.shape[:2], n, -1),
        "that is (B, H, D, T): position and component were exchanged":
            lambda x, n: x.view(*x.shape[:2], n, -1).permute(0, 2, 3, 1),
        "the batch was moved: only T and H change places": lambda x, n: x.view(*x.shape[:2], n, -1).permute(2, 0, 1, 3),
        "there are D heads of H components: H is n_head": lambda x, n: x.view(*x.shape[:2], -1, n).transpose(1, 2),
    },
    also_right=[lambda x, n: torch.stack(x.chunk(n, -1), 1), lambda x, n: x.unflatten(-1, (n, -1)).transpose(1, 2)],
    refused=[lambda x, n: x.chunk(n, -1)[0], lambda x, n: x],
)
def cut_heads(x: Tensor, n_head: int) -> Tensor:
    B, T, C = x.shape
    return x.view(B, T, n_head, C // n_head).transpose(1, 2)  # (B, H, T, D)


def numbered(B: int, H: int, T: int, D: int) -> tuple[Tensor]:
    """Heads whose digits say where a number comes from: hundreds the head, tens the position, ones the component."""
    b, h, t, d = (torch.arange(n) for n in (B, H, T, D))
    return ((1000 * b.view(-1, 1, 1, 1) + 100 * h.view(-1, 1, 1) + 10 * t.view(-1, 1) + d).float(),)


def shown_digits(value: Any, expected: Tensor, heads: Tensor) -> str:
    found = plain(value)
    places = [(b, t) for b in range(len(found)) for t in range(len(found[b]))]
    b, t = next(place for place in places if not same(found[place], plain(expected[place])))
    return (
        "in the test the hundreds are the head, the tens the position, the ones the component. Your position "
        f"{t} is {written(found[b, t])}, expected {written(expected[b, t])}"
    )


def joined_by_cat(heads: Tensor) -> Tensor:
    """One head after the other."""
    return torch.cat([heads[:, head] for head in range(heads.shape[1])], -1)


@exercise(
    hints=(
        "Which numbers must lie side by side in the result, and which do in (B, H, T, D)?",
        "The numbers of one position: H must come after T before the last two dimensions are made one.",
        "heads.transpose(1, 2) is (B, T, H, D); flatten(2) makes one dimension of the last two.",
    ),
    why="A wrong reshape of the right size is the mistake that no error message finds.",
    cases=[numbered(1, 2, 3, 2), numbered(2, 3, 4, 2)],
    shown=shown_digits,
    wrong={
        "reshape alone counts the numbers off as they lie in memory, and mixes positions: transpose(1, 2) first":
            lambda h: h.reshape(len(h), h.shape[2], -1),
        "the components of the heads alternate. First all of head 0, then all of head 1":
            lambda h: h.permute(0, 2, 3, 1).flatten(2),
        "the last head comes first": lambda h: h.flip(1).transpose(1, 2).flatten(2),
        "the wrong two dimensions were swapped: it is H and T, dimensions 1 and 2":
            lambda h: h.transpose(2, 3).reshape(len(h), h.shape[2], -1),
        "the batch was swapped too: only H and T change places":
            lambda h: h.permute(2, 0, 1, 3).reshape(len(h), h.shape[2], -1),
        "the positions are in the reverse order": lambda h: joined_by_cat(h.flip(2)),
        "the heads were averaged: each keeps its own components": lambda h: h.mean(1),
        "view cannot do that to a transposed tensor: flatten(2), or reshape":
            lambda h: h.transpose(1, 2).view(len(h), h.shape[2], -1),
    },
    also_right=[
        joined_by_cat,
        lambda h: h.permute(0, 2, 1, 3).contiguous().view(len(h), h.shape[2], -1),
        lambda h: h.mT.flatten(1, 2).mT,
        lambda h: joined_by_cat(h).numpy(),
    ],
    refused=[lambda h: h.transpose(1, 2), lambda h: h.flatten(1)],
)
def join_heads(heads: Tensor) -> Tensor:
    return heads.transpose(1, 2).flatten(2)  # (B, T, H, D) → (B, T, H · D)


def spoiled(forward: Callable[..., Tensor], **settings: Any) -> Any:
    """The right class, but for its forward, of itself, x and the mask, or for how its layers are made."""

    def start(self: Any, C: int, n_head: int) -> None:
        attention.Attention.__init__(self, C, n_head, **settings)

    return type("Attention", (attention.Attention,), {"__init__": start, "forward": forward})


def through(layers: tuple[str, ...] = ("queries", "keys", "values"), cut: Any = None, join: Any = None,
            weigh: Any = attention_weights) -> Any:
    """A forward of which one step is another."""

    def forward(self: Any, x: Tensor, mask: Tensor) -> Tensor:
        parts = [getattr(self, name)(x) if name else x for name in layers]
        q, k, v = (cut(part, self.n_head) if cut else cut_heads.right(part, self.n_head) for part in parts)
        brought = weigh(q, k, mask) @ v
        return self.output(join(brought) if join else join_heads.right(brought))

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
    hints=(
        "Which layers must __init__ make, and what happens to x between the first three and the fourth?",
        "Queries, keys and values of x; each cut into heads; attend; join the heads; the output layer.",
        "q = cut_heads(self.queries(x), self.n_head), k and v alike; self.output(join_heads(attend(q, k, v, mask))).",
    ),
    why="That is the attention of every Transformer. The model that you train next looks back through yours.",
    by_name=True,
    causal=True,
    build=[((4, 2), (numbers(2, 3, 4), causal_mask(3))), ((6, 3), (numbers(1, 4, 6, seed=1), causal_mask(4))),
           ((6, 2), small(2, 4, 6, 2))],
    given=lambda arguments, inputs: (
        f"for n_embd = {arguments[0]}, n_head = {arguments[1]}, x of shape {tuple(inputs[0].shape)} and a mask of "
        f"shape {tuple(inputs[1].shape)}"
    ),
    wrong={
        "the mask was not used": spoiled(through(weigh=lambda q, k, m: attention_weights(q, k, None))),
        "the mask is one of your own. Use the one that is given":
            spoiled(through(weigh=lambda q, k, m: attention_weights(q, k, causal_mask(len(m))))),
        "the scores were divided by √C: in a head it is √D, D = C / H": spoiled(
            through(weigh=lambda q, k, m: attention_weights(q, k / q.shape[1] ** 0.5, m))),
        "the heads were not joined, but counted off as they lie in memory: transpose, then flatten":
            spoiled(through(join=lambda h: h.reshape(len(h), h.shape[2], -1))),
        "the heads were cut by view alone, which mixes positions": spoiled(
            through(cut=lambda x, n: x.reshape(len(x), n, x.shape[1], -1))),
        "the queries were not cut into heads: all looks with one softmax": spoiled(one_head),
        "the output layer was not used":
            spoiled(lambda self, x, mask: join_heads.right(attend.right(*self.split(x), mask))),
        "x itself was brought, not its values": spoiled(through(("queries", "keys", ""))),
        "the keys were made by the layer of the queries": spoiled(through(("queries", "queries", "values"))),
        "x was added here: the model will do that": spoiled(lambda self, x, m: x + through()(self, x, m)),
        "the layers are to have no biases: bias=False": spoiled(through(), bias=True),
    },
    also_right=[attention.Attention, spoiled(by_heads)],
    refused=[spoiled(lambda self, x, m: through()(self, x.detach(), m) * 2),
             spoiled(lambda self, x, m: through()(self, x, m).detach())],
)
class Attention(attention.Attention):
    """The package's own: four layers, and heads that look between the first three and the last."""


def halves(combine: Any = None, speeds: Any = None, angle: float = 1.0, first: int = 0) -> Any:
    """A rotation of which one step is another."""
    combine = combine or (lambda x, y, c, s: (x * c - y * s, x * s + y * c))

    def turn(v: Tensor, p: Tensor) -> Tensor:
        D = v.shape[-1]
        powers = speeds(D) if speeds else -torch.arange(0, D, 2) / D
        theta = angle * (p.unsqueeze(-1) + first) * 10_000**powers
        return torch.cat(combine(*v.chunk(2, -1), theta.cos(), theta.sin()), -1)

    return turn


def interleaved(v: Tensor, p: Tensor) -> Tensor:
    apart = rotate(torch.cat([v[..., ::2], v[..., 1::2]], -1), p)
    return torch.stack(apart.chunk(2, -1), -1).flatten(-2)


def by_complex_numbers(vectors: Tensor, positions: Tensor) -> Tensor:
    """Each point of the plane times e^(iθ)."""
    half = vectors.shape[-1] // 2
    angles = positions.unsqueeze(-1) * 10_000 ** (-torch.arange(half) / half)
    turned = torch.complex(vectors[:, :half], vectors[:, half:]) * torch.polar(torch.ones(angles.shape), angles)
    return torch.cat([turned.real, turned.imag], -1)


def shown_vector(value: Any, expected: Tensor, v: Tensor, p: Tensor) -> str:
    found = plain(value)
    t = next(t for t in range(len(v)) if not same(found[t], plain(expected[t])))
    became = f"{written(v[t], 3)} at position {p[t].item()} became {written(found[t], 3)}"
    return f"{became}, expected {written(expected[t], 3)}"


@exercise(
    hints=(
        "By what angle does point i of a vector at position p turn, and which two components is that point?",
        "Point i is components i and i + D/2; it turns by p · 10000^(−2i/D), all at once with chunk and cat.",
        "angles = positions.unsqueeze(-1) * 10000 ** (-torch.arange(0, D, 2) / D); x, y = chunk(2, -1); then "
        "x cos − y sin, x sin + y cos.",
    ),
    why="With this the score of a query and a key depends on their distance alone; Llama and Qwen turn theirs so.",
    cases=[
        (torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0]]), torch.tensor([0, 1, 5])),
        (torch.randn(4, 8, generator=torch.Generator().manual_seed(0)).round(decimals=1), torch.tensor([0, 1, 7, 2])),
    ],
    shown=shown_vector,
    wrong={
        "that turns the other way round, clockwise: the minus belongs to the first coordinate": halves(angle=-1),
        "sine and cosine were exchanged. At position 0 nothing turns, since cos 0 = 1":
            halves(lambda x, y, c, s: (x * s - y * c, x * c + y * s)),
        "both coordinates have a minus, or none: x cos θ − y sin θ, and x sin θ + y cos θ":
            halves(lambda x, y, c, s: (x * c - y * s, x * s - y * c)),
        "the minus is missing: the first coordinate is x cos θ − y sin θ":
            halves(lambda x, y, c, s: (x * c + y * s, x * s + y * c)),
        "the second coordinate was made of the turned first one. Both need the old x":
            halves(lambda x, y, c, s: (x * c - y * s, (x * c - y * s) * s + y * c)),
        "nothing was turned": lambda v, p: v,
        "every vector was turned by its place in the row. Use the positions that are given":
            lambda v, p: rotate(v, torch.arange(len(v))),
        "the positions were counted from 1: position 0 turns nothing": halves(first=1),
        "components 2i and 2i + 1 were paired, as in the paper. Here it is i and i + D/2, as chunk gives them":
            interleaved,
        "the result has the coordinates of each point side by side: cat the two halves, as they were":
            lambda v, p: torch.stack(rotate(v, p).chunk(2, -1), -1).flatten(-2),
        "all points turn at one speed. Point i turns by position · 10000^(−2i/D)":
            halves(speeds=lambda D: torch.zeros(D // 2)),
        "the exponent is −i/D, expected −2i/D: arange(0, D, 2) counts 0, 2, 4, …":
            halves(speeds=lambda D: -torch.arange(D // 2) / D),
        "the 2 of 2i is there twice: arange(0, D, 2) has it already":
            halves(speeds=lambda D: -2 * torch.arange(0, D, 2) / D),
        "the minus of the exponent is missing: later points turn more slowly, not faster":
            halves(speeds=lambda D: torch.arange(0, D, 2) / D),
        "those are degrees: cos and sin take radians, and so do the positions": halves(angle=math.pi / 180),
        "turned by twice the angle": halves(angle=2),
        "the base is 10,000, not 1,000": halves(speeds=lambda D: -torch.arange(0, D, 2) / D * 0.75),
        "the angles are right, the length is not: a turn changes no length": lambda v, p: 2 * rotate(v, p),
    },
    also_right=[rotate, by_complex_numbers, halves()],
    refused=[lambda v, p: rotate(v, p)[:, : v.shape[1] // 2]],
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
    hints=(
        "Which row of a map says where the last position looks?",
        "weights[:, -1] holds the last row of each head; the place of its largest weight is the place of a word.",
        "weights[:, -1].argmax(dim=-1) has one place for each head; words[place] is a word.",
    ),
    why="Much of what is known about the insides of language models began with a look at such rows.",
    cases=[random_maps(3, 4, 0), random_maps(2, 6, 1), random_maps(1, 5, 2)],
    given=lambda weights, words: f"for the words {', '.join(words)} and last rows {written(weights[:, -1], 2)}",
    wrong={
        "the first position can look at itself only, so its weight is the largest of the map. The last position "
        "is row −1": look(lambda w: w[:, 0].argmax(-1)),
        "that is the last column, who looks at the last word most. A row is one position looking back":
            look(lambda w: w[:, :, -1].argmax(-1)),
        "those are the words that are looked at least": look(lambda w: w[:, -1].argmin(-1)),
        "the weights were added up over all positions. It is asked for the last position alone":
            look(lambda w: w.sum(1).argmax(-1)),
        "the heads were averaged first. Each head looks for itself":
            look(lambda w: w[:, -1].mean(0).argmax(-1).expand(len(w))),
        "those are places; asked for are the words at them": lambda weights, words: weights[:, -1].argmax(-1).tolist(),
        "that is the last position but one: the last is row −1": look(lambda w: w[:, -2].argmax(-1)),
        "that is head 0 for every position. Asked for is the last position of every head":
            look(lambda w: w[0].argmax(-1)),
    },
    also_right=[
        lambda weights, words: tuple(max(zip(row[-1].tolist(), words, strict=True))[1] for row in weights),
    ],
    refused=[
        lambda weights, words: weights[:, -1].argmax(-1),
        lambda weights, words: words[weights.mean(0)[-1].argmax()],
        lambda weights, words: [words[-1]] * len(weights),
    ],
)
def looked_at(weights: Tensor, words: list[str]) -> list[str]:
    return [words[place] for place in weights[:, -1].argmax(dim=-1)]


# fmt: on
def one_back(D: int) -> tuple[Tensor, Tensor]:
    key = torch.full((D,), 10.0)  # long vectors make large scores, and so a sharp softmax
    query = rotate(key[None], torch.tensor([-1]))[0]  # turned back by 1: best met by what stands 1 earlier
    return query, key


def constant(length: float, turned: float = 0.0) -> Any:
    """A long vector as the key, and as the query the same, turned by some positions beforehand."""
    return lambda D: (rotate(torch.full((1, D), length), torch.tensor([turned]))[0], torch.full((D,), length))


def by_the_fastest_pair(D: int) -> tuple[Tensor, Tensor]:
    query, key = torch.zeros(D), torch.zeros(D)
    query[:4] = 60.0
    return rotate(query[None], torch.tensor([-1]))[0], query + key


@examined(
    hints=(
        "Equal vectors meet best at distance 0. What must be done to one of them so that they meet best at 1?",
        "Key: a long vector. Query: the same vector, turned back by one position beforehand with rotate.",
        "key = torch.full((D,), 10.0); query = rotate(key[None], torch.tensor([-1]))[0].",
    ),
    why="Such heads are found in trained models, and copying by example is built on them.",
    right=one_back,
    equal={"key = torch.full((D,), 11.0)": "any long vector will do"},
    also_right=[
        constant(20.0, -1.0),
        by_the_fastest_pair,
        lambda D: (torch.full((D,), 10.0), rotate(torch.full((1, D), 10.0), torch.tensor([1]))[0]),
    ],
    wrong={
        "it looks at itself": constant(10.0),
        "it looks 2 back most": constant(10.0, -2),
        "not sharp enough": constant(3.0, -1),
        "one of the two is 0": constant(0.0, -1),
        "shape (24, 64), expected (64,)": lambda D: (torch.full((24, D), 10.0), torch.full((24, D), 10.0)),
        "expected two tensors": lambda D: torch.full((D,), 10.0),
        "is infinite": lambda D: (torch.full((D,), torch.inf), torch.ones(D)),
        "too long for a float32": lambda D: constant(1e20, -1)(D),
    },
    refused=[
        constant(10.0, 1),
        constant(1.0, -1),
        lambda D: constant(10.0, -1)(D)[::-1],
        lambda D: (-torch.full((D,), 10.0), torch.full((D,), 10.0)),
    ],
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
    if not all(torch.isfinite(vector).all() for vector in (query, key)):
        return "a component is infinite or not a number: 10 is long enough."
    here = torch.arange(T)
    weights = attention_weights(rotate(query.expand(T, -1), here), rotate(key.expand(T, -1), here), causal_mask(T))
    return misplaced(query, key, weights)


def misplaced(query: Tensor, key: Tensor, weights: Tensor) -> str | None:
    """Where a head looks instead of one back; None if it looks there. Weights are (T, T)."""
    T = len(weights)
    if bool((weights.diagonal(-1) > 0.9).all()):
        return None
    draw_maps(weights, torch.eye(T).roll(-1, 1).tril(-1) + torch.eye(T)[:, :1] * torch.eye(T)[:1])
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
