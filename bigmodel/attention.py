"""Attention: each position gathers what it needs from the positions that it may look at.

Masks are boolean, and True means *may look*, as for ``scaled_dot_product_attention``.
(``nn.MultiheadAttention`` reads its boolean masks the other way round: there, True means *leave out*.)
"""

from functools import lru_cache

import torch
from torch import Tensor, nn


def causal_mask(queries: int, keys: int | None = None) -> Tensor:
    """Say who may look at whom when nobody may look ahead: (queries, keys), True where the key is not later.

    With more keys than queries, the queries are the last of them, as when a text is continued with a cache.

    Raises:
        ValueError: there are fewer keys than queries, so that some query would have nothing to look at.
    """
    keys = queries if keys is None else keys
    if keys < queries:
        raise ValueError(
            f"{queries} queries need at least {queries} keys, each its own, but there are {keys}."
        )
    return torch.ones(queries, keys, dtype=torch.bool).tril(keys - queries)


def attention_weights(queries: Tensor, keys: Tensor, mask: Tensor | None) -> Tensor:
    """Say how much each query looks at each key: softmax(q · k / √D) over the keys that the mask allows.

    Without a mask, all keys are allowed, as for the last position of a text.

    Shapes: queries (…, T, D), keys (…, S, D) and a mask that broadcasts to (…, T, S) give (…, T, S), each row
    summing to 1. Source: Vaswani et al. 2017, equation 1.

    Raises:
        ValueError: the mask forbids a query every key, so that its weights would be 0 / 0.
    """
    scores = (queries * queries.shape[-1] ** -0.5) @ keys.transpose(-2, -1)  # (…, T, S)
    if mask is None:
        return torch.softmax(scores, dim=-1)
    if not mask.any(-1).all():
        raise ValueError("the mask forbids some query every key: let each position look at least at itself.")
    barrier = torch.zeros_like(mask, dtype=scores.dtype).masked_fill(~mask, -torch.inf)  # 0 or −∞
    return torch.softmax(scores + barrier, dim=-1)


def rotate(vectors: Tensor, positions: Tensor, base: float = 10_000.0) -> Tensor:
    """Turn each vector by angles that grow with its position, so that q · k depends on their distance alone.

    Components i and i + D/2 are the coordinates of a point, which turns by position · base^(−2i/D).
    Shapes: vectors (…, T, D) and positions that broadcast to (…, T) give (…, T, D).
    Source: Su et al. 2021 (RoPE), with components paired as in GPT-NeoX and Llama.

    Raises:
        ValueError: D is odd.
    """
    size = vectors.shape[-1]
    if size % 2:
        raise ValueError(f"vectors of {size} components cannot be paired: rotate an even number of them.")
    angles = positions.unsqueeze(-1) * _speeds(size, base, vectors.device)  # (…, T, D/2)
    cos, sin = angles.cos().to(vectors.dtype), angles.sin().to(vectors.dtype)
    x, y = vectors.chunk(2, dim=-1)  # both (…, T, D/2)
    return torch.cat([x * cos - y * sin, x * sin + y * cos], dim=-1)


@lru_cache  # the same for every layer and every token
def _speeds(size: int, base: float, device: torch.device) -> Tensor:
    return base ** (-torch.arange(0, size, 2, device=device) / size)  # (D/2,)


class KeyValueCache:
    """The keys and values of one layer, kept while a text is continued, so that none is computed twice."""

    def __init__(self, keys: Tensor, values: Tensor) -> None:
        self.keys, self.values = keys, values  # room for both, (B, H, context, D)
        self.length = 0

    def extend(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Add the keys and values of T more positions, (B, H, T, D), and return all so far."""
        end = self.length + keys.shape[2]
        self.keys[:, :, self.length : end] = keys
        self.values[:, :, self.length : end] = values
        self.length = end
        return self.keys[:, :, :end], self.values[:, :, :end]


class Attention(nn.Module):
    """Multi-head self-attention: every head looks with its own queries at its own keys, and brings its own values.

    Shapes: x (B, T, C), a mask that broadcasts to (B, H, T, S), and positions that broadcast to (B, H, T) give
    (B, T, C). S is T, or with a cache all positions so far. Without ``rotary``, the positions are not looked at.
    """

    def __init__(self, n_embd: int, n_head: int, rotary: bool, bias: bool) -> None:
        super().__init__()
        if n_embd % n_head:
            raise ValueError(f"n_embd {n_embd} cannot be shared by n_head {n_head}: use a multiple of it.")
        self.n_head = n_head
        self.rotary = rotary
        self.queries_keys_values = nn.Linear(n_embd, 3 * n_embd, bias=bias)
        self.output = nn.Linear(n_embd, n_embd, bias=bias)

    def forward(
        self, x: Tensor, mask: Tensor | None, positions: Tensor, cache: KeyValueCache | None = None
    ) -> Tensor:
        queries, keys, values = self.split(x, positions)  # each (B, H, T, D)
        if cache is not None:
            keys, values = cache.extend(keys, values)  # both (B, H, S, D)
        gathered = attention_weights(queries, keys, mask) @ values  # (B, H, T, D)
        return self.output(gathered.transpose(1, 2).flatten(2))  # (B, T, C)

    def weights(self, x: Tensor, mask: Tensor | None, positions: Tensor) -> Tensor:
        """Return the attention map of each head, (B, H, T, T): row t shows where position t looks."""
        queries, keys, _ = self.split(x, positions)  # (B, H, T, D)
        return attention_weights(queries, keys, mask)

    def split(self, x: Tensor, positions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the queries, keys and values of each head, each (B, H, T, D)."""
        joint = self.queries_keys_values(x)  # (B, T, 3C)
        heads = joint.unflatten(-1, (3, self.n_head, -1)).permute(2, 0, 3, 1, 4)  # (3, B, H, T, D)
        queries, keys, values = heads.unbind()
        if self.rotary:
            queries, keys = rotate(heads[:2], positions).unbind()
        return queries, keys, values
