"""Attention: each position gathers what it needs from the positions that it may look at.

Masks are boolean, and True means *may look*, as for ``scaled_dot_product_attention``.
(``nn.MultiheadAttention`` reads its boolean masks the other way round: there, True means *leave out*.)
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Rotation = tuple[Tensor, Tensor]  # cos and ± sin of the angle of each component, both (…, T, D)


def causal_mask(queries: int, keys: int | None = None, device: torch.device | None = None) -> Tensor:
    """Say who may look at whom when nobody may look ahead: (queries, keys), True where the key is not later.

    With more keys than queries, the queries are the last of them, as when a text is continued with a cache.

    Raises:
        ValueError: there are fewer keys than queries, so that some query would have nothing to look at.
    """
    keys = queries if keys is None else keys
    if keys < queries:
        raise ValueError(f"{queries} queries need at least {queries} keys, each its own, but there are {keys}.")
    return torch.ones(queries, keys, dtype=torch.bool, device=device).tril(keys - queries)


def check_mask(mask: Tensor) -> None:
    """Refuse a mask (…, T, S) that leaves some query nothing to look at; call it where you make a mask of your own.

    Raises:
        ValueError: the mask forbids a query every key, so that its weights would be 0 / 0.
    """
    if not mask.any(-1).all():
        raise ValueError("the mask forbids some query every key: let each position look at least at itself.")


def attention_weights(queries: Tensor, keys: Tensor, mask: Tensor | None) -> Tensor:
    """Say how much each query looks at each key: softmax(q · k / √D) over the keys that the mask allows.

    Without a mask, all keys are allowed, as for the last position of a text. A query that the mask allows nothing
    gets weights that are no numbers: see ``check_mask``.

    Shapes: queries (…, T, D), keys (…, S, D) and a mask that broadcasts to (…, T, S) give (…, T, S), each row
    summing to 1. Source: Vaswani et al. 2017, equation 1.
    """
    scores = (queries * queries.shape[-1] ** -0.5) @ keys.mT  # (…, T, S)
    if mask is not None:
        scores = scores + torch.zeros_like(mask, dtype=scores.dtype).masked_fill(~mask, -torch.inf)
    return torch.softmax(scores, dim=-1)


def rotate(vectors: Tensor, positions: Tensor, base: float = 10_000.0) -> Tensor:
    """Turn each vector by angles that grow with its position, so that q · k depends on their distance alone.

    Components i and i + D/2 are the coordinates of a point, which turns by position · base^(−2i/D).
    Shapes: vectors (…, T, D) and positions that broadcast to (…, T) give (…, T, D).
    Source: Su et al. 2021 (RoPE), with components paired as in GPT-NeoX and Llama.

    Raises:
        ValueError: D is odd.
    """
    return turn(vectors, cos_sin(positions, vectors.shape[-1], base))


def cos_sin(positions: Tensor, head_size: int, base: float = 10_000.0) -> Rotation:
    """Return what ``rotate`` multiplies by, which all layers of a model can share.

    Raises:
        ValueError: head_size is odd.
    """
    if head_size % 2:
        raise ValueError(f"vectors of {head_size} components cannot be paired: rotate an even number of them.")
    pairs = head_size // 2
    speeds = torch.logspace(0, 1 / pairs - 1, pairs, base, device=positions.device)  # base^(−2i/D), (D/2,)
    angles = positions.unsqueeze(-1) * torch.cat([-speeds, speeds])  # (…, T, D)
    return angles.cos(), angles.sin()  # cos does not see the sign, and sin has it


def turn(vectors: Tensor, rotation: Rotation) -> Tensor:
    """Turn vectors (…, T, D) by a rotation: (x, y) → (x cos − y sin, y cos + x sin), x and y the two halves."""
    cos, sin = rotation
    halves_swapped = vectors.roll(vectors.shape[-1] // 2, dims=-1)
    return (vectors * cos + halves_swapped * sin).to(vectors.dtype)


class KeyValueCache:
    """The keys and values of one layer, kept while a text is continued, so that none is computed twice.

    Args:
        keys, values: (B, G, room, D), to be filled from the first position on; the room may be 0, for it grows.
    """

    SPARE = 4  # positions; with more, the rows lie far apart in memory, and reading many of them takes longer

    def __init__(self, keys: Tensor, values: Tensor) -> None:
        self.keys, self.values = keys, values
        self.length = 0

    def extend(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Add the keys and values of T more positions, (B, G, T, D), and return all so far."""
        end = self.length + keys.shape[2]
        missing = end - self.keys.shape[2]
        if missing > 0:
            grown = (0, 0, 0, missing + self.SPARE)
            self.keys, self.values = F.pad(self.keys, grown), F.pad(self.values, grown)
        self.keys[:, :, self.length : end] = keys
        self.values[:, :, self.length : end] = values
        self.length = end
        return self.keys[:, :, :end], self.values[:, :, :end]


class Attention(nn.Module):
    """Multi-head attention: every head looks with queries of its own at keys, and brings the values found there.

    Args:
        n_embd: C, components of the vectors that it reads and writes.
        n_head: H, heads with queries of their own.
        n_kv_head: G, heads with keys and values of their own, each shared by H / G neighbours; without it, H.
        head_size: D, components of a query, a key and a value; without it, C / H.
        bias: whether all four layers add a bias. qkv_bias: whether those of queries, keys and values do.
        qk_norm: whether queries and keys are brought to one length, by an RMSNorm with ``eps`` over each head.

    Raises:
        ValueError: the heads cannot share n_embd, or the queries the keys, equally.
    """

    def __init__(
        self, n_embd: int, n_head: int, *, n_kv_head: int | None = None, head_size: int | None = None,
        bias: bool = False, qkv_bias: bool = False, qk_norm: bool = False, eps: float = 1e-6,
    ) -> None:  # fmt: skip
        super().__init__()
        n_kv_head = n_head if n_kv_head is None else n_kv_head
        if head_size is None and n_embd % n_head:
            raise ValueError(f"n_embd {n_embd} cannot be shared by n_head {n_head}: use a multiple of it.")
        if n_head % n_kv_head:
            raise ValueError(f"n_head {n_head} cannot share n_kv_head {n_kv_head} equally: use a divisor.")
        size = n_embd // n_head if head_size is None else head_size
        self.n_head, self.n_kv_head, self.head_size = n_head, n_kv_head, size
        self.queries = nn.Linear(n_embd, n_head * size, bias=bias or qkv_bias)
        self.keys = nn.Linear(n_embd, n_kv_head * size, bias=bias or qkv_bias)
        self.values = nn.Linear(n_embd, n_kv_head * size, bias=bias or qkv_bias)
        self.output = nn.Linear(n_head * size, n_embd, bias=bias)
        self.query_norm = nn.RMSNorm(size, eps) if qk_norm else None
        self.key_norm = nn.RMSNorm(size, eps) if qk_norm else None

    def forward(
        self, x: Tensor, mask: Tensor | None, rotation: Rotation | None = None,
        cache: KeyValueCache | None = None, source: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """Return what each position gathers, (B, T, C).

        Args:
            x: (B, T, C), the vectors that ask.
            mask: broadcasts to (B, H, T, S), True where a query may look; without one, everywhere.
            rotation: of the positions, from ``cos_sin``; without it, their order is not seen.
            cache: keeps the keys and values, and adds those of earlier calls: S is then all positions so far.
            source: (B, S, C), the vectors that are looked at, if not x itself (cross-attention).

        Raises:
            ValueError: a rotation with a source, whose positions are counted by themselves.
        """
        queries, keys, values = self.split(x, rotation, source)
        if cache is not None:
            keys, values = cache.extend(keys, values)  # both (B, G, S, D)
        weights = attention_weights(queries, self._for_all(keys), mask)  # (B, H, T, S)
        gathered = weights @ self._for_all(values)  # (B, H, T, D)
        return self.output(gathered.transpose(1, 2).flatten(2))  # (B, T, C)

    def weights(
        self, x: Tensor, mask: Tensor | None, rotation: Rotation | None = None, source: Tensor | None = None
    ) -> Tensor:
        """Return the attention map of each head, (B, H, T, S): row t shows where position t looks."""
        queries, keys, _ = self.split(x, rotation, source)
        return attention_weights(queries, self._for_all(keys), mask)

    def split(
        self, x: Tensor, rotation: Rotation | None = None, source: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries (B, H, T, D), keys (B, G, S, D) and values (B, G, S, D), head by head."""
        if rotation is not None and source is not None:
            raise ValueError("positions of x say nothing about those of a source: leave out the rotation.")
        looked_at = x if source is None else source  # (B, S, C)
        queries, keys, values = (
            joint.unflatten(-1, (-1, self.head_size)).transpose(1, 2)
            for joint in (self.queries(x), self.keys(looked_at), self.values(looked_at))
        )
        if self.query_norm is not None and self.key_norm is not None:
            queries, keys = self.query_norm(queries), self.key_norm(keys)
        if rotation is not None:
            queries, keys = turn(queries, rotation), turn(keys, rotation)
        return queries, keys, values

    def _for_all(self, shared: Tensor) -> Tensor:
        """Give each query head the keys or values of its group: (B, G, S, D) → (B, H, S, D)."""
        times = self.n_head // self.n_kv_head
        return shared if times == 1 else shared.repeat_interleave(times, dim=1)
