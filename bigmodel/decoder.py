"""The decoder-only Transformer: token ids in, at each position the logits of the token that comes next.

    Decoder(PRESETS["small"])

Embedding → blocks, each of attention and a feed-forward network, both added to what they read → norm → logits.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bigmodel.attention import Attention, KeyValueCache, Rotation, causal_mask, cos_sin
from bigmodel.model import check_shape

SIZES = ("vocab_size", "context", "n_layer", "n_head", "n_embd", "n_kv_head", "head_size", "hidden_size")
NAMES = {"position": ("rotary", "learned"), "norm": ("layer", "rms"), "feed_forward": ("gelu", "swiglu")}


@dataclass(frozen=True)
class Config:
    """Everything that decides the shape of a Decoder.

    Attributes:
        vocab_size: V, ids that it knows and logits that it gives.
        context: the most tokens that it sees at once.
        n_layer: blocks, one above the other.
        n_head: H, attention heads in a block.
        n_embd: C, components of the vector at each position.
        position: how it knows the order of tokens, "rotary" or "learned" (one vector a position, added).
        tied: whether the vectors that read a token also score it.
        bias: whether linear layers and layer norms add a bias.
        n_kv_head: heads with keys and values of their own, each shared by neighbours; without it, n_head.
        head_size: components of a head; without it, n_embd / n_head.
        hidden_size: components in the middle of a feed-forward network; without it, 4 · n_embd.
        norm: "layer", or "rms", which subtracts no mean and never adds a bias.
        feed_forward: "gelu" or "swiglu".
        rotary_base: the larger, the more slowly the slowest pairs of a rotated head turn.
        qk_norm: whether queries and keys are brought to one length.
        qkv_bias: whether queries, keys and values have a bias where ``bias`` gives none.
        eps: what a norm adds to the mean square, so that it never divides by 0.

    Raises:
        ValueError: a number is out of range, a name is unknown, or the heads do not share equally.
    """

    vocab_size: int
    context: int = 256
    n_layer: int = 4
    n_head: int = 4
    n_embd: int = 128
    position: str = "rotary"
    tied: bool = False
    bias: bool = False
    n_kv_head: int | None = None
    head_size: int | None = None
    hidden_size: int | None = None
    norm: str = "layer"
    feed_forward: str = "gelu"
    rotary_base: float = 10_000.0
    qk_norm: bool = False
    qkv_bias: bool = False
    eps: float = 1e-5

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if name in SIZES and value is not None and value < 1:
                raise ValueError(f"{name} is {value}, but a Decoder has at least 1.")
            if name in ("rotary_base", "eps") and not value > 0:
                raise ValueError(f"{name} is {value}, but it must be above 0.")
            if name in NAMES and value not in NAMES[name]:
                raise ValueError(f'{name} is "{value}", but a Decoder knows {" and ".join(NAMES[name])}.')
        if self.head_size is None and self.n_embd % self.n_head:
            raise ValueError(
                f"n_embd {self.n_embd} cannot be shared by n_head {self.n_head}: use a multiple, or say head_size."
            )
        if self.n_kv_head is not None and self.n_head % self.n_kv_head:
            raise ValueError(f"n_head {self.n_head} cannot share n_kv_head {self.n_kv_head} equally: use a divisor.")
        size = self.n_embd // self.n_head if self.head_size is None else self.head_size
        if self.position == "rotary" and size % 2:
            raise ValueError(f"heads of {size} components cannot be rotated in pairs: make head_size even.")


# Sizes that have a name; for another vocabulary, dataclasses.replace(PRESETS["small"], vocab_size=500).
PRESETS = {
    "tiny": Config(vocab_size=1000, n_layer=2, n_head=2, n_embd=64),
    "small": Config(vocab_size=1000, n_layer=3, n_head=3, n_embd=96),
    "medium": Config(vocab_size=1000, n_layer=4, n_head=4, n_embd=128),
    "large": Config(vocab_size=1000, n_layer=6, n_head=6, n_embd=384),
    "gpt2": Config(50257, 1024, n_layer=12, n_head=12, n_embd=768, position="learned", tied=True, bias=True),
}


class FeedForward(nn.Module):
    """Two linear layers with a GELU between them, at each position by itself. Shapes: (B, T, C) → (B, T, C)."""

    def __init__(self, n_embd: int, hidden_size: int, bias: bool) -> None:
        super().__init__()
        self.up = nn.Linear(n_embd, hidden_size, bias=bias)
        self.down = nn.Linear(hidden_size, n_embd, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(F.gelu(self.up(x), approximate="tanh"))


class SwiGLU(nn.Module):
    """A feed-forward network whose components are each multiplied by a gate. Shapes: (B, T, C) → (B, T, C).

    Source: Shazeer 2020, as in Llama and Qwen.
    """

    def __init__(self, n_embd: int, hidden_size: int, bias: bool) -> None:
        super().__init__()
        self.gate = nn.Linear(n_embd, hidden_size, bias=bias)
        self.up = nn.Linear(n_embd, hidden_size, bias=bias)
        self.down = nn.Linear(hidden_size, n_embd, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(F.silu(self.gate(x)) * self.up(x))


class Block(nn.Module):
    """Gather from other positions, then think at each: two steps, each added to x. Shapes: (B, T, C) → (B, T, C).

    The norms stand before the steps (Xiong et al. 2020), so that x itself passes through the block unchanged.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.attention_norm = norm(config)
        self.attention = Attention(
            config.n_embd, config.n_head, n_kv_head=config.n_kv_head, head_size=config.head_size,
            bias=config.bias, qkv_bias=config.qkv_bias, qk_norm=config.qk_norm, eps=config.eps,
        )  # fmt: skip
        self.feed_forward_norm = norm(config)
        network = SwiGLU if config.feed_forward == "swiglu" else FeedForward
        self.feed_forward = network(config.n_embd, config.hidden_size or 4 * config.n_embd, config.bias)

    def forward(
        self, x: Tensor, mask: Tensor | None, rotation: Rotation | None, cache: KeyValueCache | None = None
    ) -> Tensor:
        x = x + self.attention(self.attention_norm(x), mask, rotation, cache)
        return x + self.feed_forward(self.feed_forward_norm(x))


def norm(config: Config) -> nn.Module:
    """Build one of the norms of a Decoder."""
    if config.norm == "rms":
        return nn.RMSNorm(config.n_embd, config.eps)
    return nn.LayerNorm(config.n_embd, config.eps, bias=config.bias)


class Decoder(nn.Module):
    """A decoder-only Transformer: ids (B, T) → logits (B, T, V), each position seeing itself and those before."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.vocab_size, self.context = config.vocab_size, config.context
        self.head_size = config.head_size or config.n_embd // config.n_head
        self.embedding = nn.Embedding(config.vocab_size, config.n_embd)
        if config.position == "learned":
            self.position_embedding = nn.Embedding(config.context, config.n_embd)
        self.blocks: Sequence[Block] = nn.ModuleList(Block(config) for _ in range(config.n_layer))  # type: ignore
        self.norm = norm(config)
        self.unembedding = nn.Linear(config.n_embd, config.vocab_size, bias=False)
        if config.tied:
            self.unembedding.weight = self.embedding.weight
        initialise(self)

    def forward(self, ids: Tensor, padding: Tensor | None = None, cache: list[KeyValueCache] | None = None) -> Tensor:
        """Return the logits of the token that follows each position, (B, T, V).

        Args:
            ids: (B, T).
            padding: (B, S), True where a token is padding, on whichever side: nobody else looks at it, and the
                positions are counted without it. S is T, or with a cache all positions so far.
            cache: from ``new_cache``; holds the positions before these ids, and is extended by theirs.

        Raises:
            ValueError: ids or padding of a wrong type or shape, or more ids than the context holds.
            IndexError: on the CPU, an id outside the vocabulary; ``check_ids`` finds it where ids are made.
        """
        x, mask, rotation = self._read(ids, padding, cache)
        for layer, block in enumerate(self.blocks):
            x = block(x, mask, rotation, cache[layer] if cache else None)  # (B, T, C)
        return self.unembedding(self.norm(x))  # (B, T, V)

    @torch.no_grad()
    def attention_maps(self, ids: Tensor) -> Tensor:
        """Return where every head of every block looks, (n_layer, B, H, T, T): row t is position t's, summing to 1."""
        x, mask, rotation = self._read(ids)
        maps = []
        for block in self.blocks:
            maps.append(block.attention.weights(block.attention_norm(x), mask, rotation))
            x = block(x, mask, rotation)
        return torch.stack(maps)

    def rotation(self, positions: Tensor) -> Rotation | None:
        """Return what the blocks turn their queries and keys by; None if the model learned its positions."""
        if self.config.position == "learned":
            return None
        return cos_sin(positions, self.head_size, self.config.rotary_base)

    def new_cache(self, batch_size: int) -> list[KeyValueCache]:
        """Return an empty cache for every block."""
        n_kv_head, like = self.config.n_kv_head or self.config.n_head, self.embedding.weight
        shape = (batch_size, n_kv_head, 0, self.head_size)  # (B, G, 0, D)
        return [KeyValueCache(like.new_empty(shape), like.new_empty(shape)) for _ in self.blocks]

    def flops_per_token(self, length: int) -> int:
        """Count the additions and multiplications of one training step, for each of ``length`` tokens in a row.

        Each weight of a matrix takes 6: an addition and a multiplication forward, and twice as many backward.
        Attention takes 12 · n_layer · H · D · T more (Kaplan et al. 2020; Chowdhery et al. 2022, appendix B).
        """
        weights = sum(layer.weight.numel() for layer in self.modules() if isinstance(layer, nn.Linear))
        return 6 * weights + 12 * self.config.n_layer * self.config.n_head * self.head_size * length

    def _read(
        self, ids: Tensor, padding: Tensor | None = None, cache: list[KeyValueCache] | None = None
    ) -> tuple[Tensor, Tensor | None, Rotation | None]:
        """Return what the blocks need: vectors (B, T, C), the mask (…, T, S) or none, and the rotation or none."""
        check_shape(ids)
        before = cache[0].length if cache else 0
        queries, keys = ids.shape[1], before + ids.shape[1]
        if keys > self.context:
            raise ValueError(
                f"{keys} tokens are more than the context of {self.context}: show the model the last {self.context} "
                "only, or build it with a larger context."
            )
        if padding is None:
            positions = torch.arange(before, keys, device=ids.device)  # (T,)
            # One position alone is the last, and may look at all that there are.
            mask = causal_mask(queries, keys, ids.device) if queries > 1 else None  # (T, S)
        else:
            _check_padding(padding, len(ids), keys)
            mask, positions = _around(padding, queries)  # (B, 1, T, S), (B, 1, T)
        x = self.embedding(ids)  # (B, T, C)
        if self.config.position == "learned":
            x = x + self.position_embedding(positions).view(-1, queries, self.config.n_embd)
        return x, mask, self.rotation(positions)


@torch.no_grad()
def initialise(decoder: Decoder) -> None:
    """Draw the first weights of a Decoder, from torch's global generator, as all modules of torch do.

    | weights of                           | standard deviation | so that                            |
    |--------------------------------------|--------------------|------------------------------------|
    | linear layers of n inputs            | 1 / √n             | what they write has the size of x  |
    | output of attention, down            | 0                  | each block begins by changing none |
    | embedding                            | 1                  | a token's vector has the size of x |
    | unembedding                          | 0                  | all tokens begin equally probable  |
    | embedding and unembedding, when tied | 1 / √C             | the logits have the size of x      |
    | position embedding                   | 0.02               | the token matters more at first    |
    | biases; norms                        | 0; all 1           | they change nothing at first       |
    """
    for module in decoder.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=module.in_features**-0.5)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for block in decoder.blocks:
        nn.init.zeros_(block.attention.output.weight)
        nn.init.zeros_(block.feed_forward.down.weight)
    nn.init.normal_(decoder.embedding.weight, std=decoder.config.n_embd**-0.5 if decoder.config.tied else 1.0)
    if not decoder.config.tied:
        nn.init.zeros_(decoder.unembedding.weight)
    if decoder.config.position == "learned":
        nn.init.normal_(decoder.position_embedding.weight, std=0.02)


def _around(padding: Tensor, queries: int) -> tuple[Tensor, Tensor]:
    """Return the mask (B, 1, T, S) and the positions (B, 1, T) of the last T places of rows with padding (B, S)."""
    causal = causal_mask(queries, padding.shape[1], padding.device)  # (T, S)
    # Even padding looks somewhere, at itself, so that no row is empty.
    itself = causal.triu(padding.shape[1] - queries)  # (T, S)
    counted = (~padding).cumsum(1).sub(1).clamp(min=0)  # (B, S)
    return causal & ~padding[:, None, None, :] | itself, counted[:, None, -queries:]


def _check_padding(padding: Tensor, batch_size: int, keys: int) -> None:
    if padding.dtype != torch.bool or padding.shape != (batch_size, keys):
        raise ValueError(
            f"padding is {padding.dtype} of shape {tuple(padding.shape)}, but it says True or False for each of "
            f"{keys} positions in {batch_size} rows: torch.bool of shape {(batch_size, keys)}."
        )
