"""The decoder-only Transformer: token ids in, at each position the logits of the token that comes next.

    Decoder(PRESETS["small"])

Embedding → blocks, each of attention and a feed-forward network, both added to what they read → norm → logits.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bigmodel.attention import Attention, KeyValueCache, causal_mask
from bigmodel.model import check_ids


@dataclass(frozen=True)
class Config:
    """Everything that decides the shape of a Decoder.

    Attributes:
        vocab_size: V, ids that it knows and logits that it gives.
        context: the most tokens that it sees at once.
        n_layer: blocks, one above the other.
        n_head: attention heads in a block; they share n_embd equally.
        n_embd: C, components of the vector at each position.
        position: how it knows the order of tokens, "rotary" or "learned" (one vector a position, added).
        tied: whether the vectors that read a token also score it.
        bias: whether linear layers and norms add a bias.

    Raises:
        ValueError: a number is below 1, or n_embd cannot be shared by the heads.
    """

    vocab_size: int
    context: int = 256
    n_layer: int = 4
    n_head: int = 4
    n_embd: int = 128
    position: str = "rotary"
    tied: bool = False
    bias: bool = False

    def __post_init__(self) -> None:
        for name in ("vocab_size", "context", "n_layer", "n_head", "n_embd"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, but a Decoder has at least 1.")
        if self.position not in ("rotary", "learned"):
            raise ValueError(f'position is "{self.position}", but a Decoder knows "rotary" and "learned".')
        if self.n_embd % self.n_head:
            raise ValueError(
                f"n_embd {self.n_embd} cannot be shared by n_head {self.n_head}: use a multiple."
            )
        if self.position == "rotary" and self.n_embd // self.n_head % 2:
            raise ValueError(
                f"heads of {self.n_embd // self.n_head} components cannot be rotated in pairs: "
                f"n_embd {self.n_embd} / n_head {self.n_head} must be even."
            )


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

    def __init__(self, n_embd: int, bias: bool) -> None:
        super().__init__()
        self.up = nn.Linear(n_embd, 4 * n_embd, bias=bias)
        self.down = nn.Linear(4 * n_embd, n_embd, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(F.gelu(self.up(x), approximate="tanh"))


class Block(nn.Module):
    """Gather from other positions, then think at each: two steps, each added to x. Shapes: (B, T, C) → (B, T, C).

    The norms stand before the steps (Xiong et al. 2020), so that x itself passes through the block unchanged.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(config.n_embd, bias=config.bias)
        self.attention = Attention(config.n_embd, config.n_head, config.position == "rotary", config.bias)
        self.feed_forward_norm = nn.LayerNorm(config.n_embd, bias=config.bias)
        self.feed_forward = FeedForward(config.n_embd, config.bias)

    def forward(
        self, x: Tensor, mask: Tensor | None, positions: Tensor, cache: KeyValueCache | None = None
    ) -> Tensor:
        x = x + self.attention(self.attention_norm(x), mask, positions, cache)
        return x + self.feed_forward(self.feed_forward_norm(x))


class Decoder(nn.Module):
    """A decoder-only Transformer: ids (B, T) → logits (B, T, V), each position seeing itself and those before."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.context = config.context
        self.embedding = nn.Embedding(config.vocab_size, config.n_embd)
        if config.position == "learned":
            self.position_embedding = nn.Embedding(config.context, config.n_embd)
        self.blocks: Sequence[Block] = nn.ModuleList(Block(config) for _ in range(config.n_layer))  # type: ignore
        self.norm = nn.LayerNorm(config.n_embd, bias=config.bias)
        self.unembedding = nn.Linear(config.n_embd, config.vocab_size, bias=False)
        if config.tied:
            self.unembedding.weight = self.embedding.weight
        initialise(self)

    def forward(
        self, ids: Tensor, padding: Tensor | None = None, cache: list[KeyValueCache] | None = None
    ) -> Tensor:
        """Return the logits of the token that follows each position, (B, T, V).

        Args:
            ids: (B, T).
            padding: (B, S), True where a token is padding, on whichever side: nobody else looks at it, and the
                positions are counted without it. S is T, or with a cache all positions so far.
            cache: from ``new_cache``; holds the positions before these ids, and is extended by theirs.

        Raises:
            ValueError: ids of a wrong shape, outside the vocabulary, or more than the context holds.
        """
        x, mask, positions = self._read(ids, padding, cache)
        for layer, block in enumerate(self.blocks):
            x = block(x, mask, positions, cache[layer] if cache else None)  # (B, T, C)
        return self.unembedding(self.norm(x))  # (B, T, V)

    @torch.no_grad()
    def attention_maps(self, ids: Tensor) -> Tensor:
        """Return where every head of every block looks, (n_layer, B, H, T, T): row t is position t's, summing to 1."""
        x, mask, positions = self._read(ids)
        maps = []
        for block in self.blocks:
            maps.append(block.attention.weights(block.attention_norm(x), mask, positions))
            x = block(x, mask, positions)
        return torch.stack(maps)

    def new_cache(self, batch_size: int) -> list[KeyValueCache]:
        """Return an empty cache for every block, with room for the whole context."""
        size, like = self.config, self.embedding.weight
        shape = (batch_size, size.n_head, size.context, size.n_embd // size.n_head)  # (B, H, context, D)
        return [KeyValueCache(like.new_empty(shape), like.new_empty(shape)) for _ in self.blocks]

    def flops_per_token(self, length: int) -> int:
        """Count the additions and multiplications of one training step, for each of ``length`` tokens in a row.

        Each weight of a matrix takes 6: an addition and a multiplication forward, and twice as many backward.
        Attention takes 12 · n_layer · C · T more (Kaplan et al. 2020; Chowdhery et al. 2022, appendix B).
        """
        weights = sum(layer.weight.numel() for layer in self.modules() if isinstance(layer, nn.Linear))
        return 6 * weights + 12 * self.config.n_layer * self.config.n_embd * length

    def _read(
        self, ids: Tensor, padding: Tensor | None = None, cache: list[KeyValueCache] | None = None
    ) -> tuple[Tensor, Tensor | None, Tensor]:
        """Return what the blocks need: vectors (B, T, C), the mask (…, T, S) or none, and the positions (…, T)."""
        check_ids(ids, self.config.vocab_size)
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
            mask = causal_mask(queries, keys).to(ids.device) if queries > 1 else None  # (T, S)
        else:
            _check_padding(padding, len(ids), keys)
            mask, positions = _around(padding, queries)  # (B, 1, T, S), (B, 1, T)
        x = self.embedding(ids)  # (B, T, C)
        if self.config.position == "learned":
            x = x + self.position_embedding(positions).view(-1, queries, self.config.n_embd)
        return x, mask, positions


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
    causal = causal_mask(queries, padding.shape[1]).to(padding.device)  # (T, S)
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
