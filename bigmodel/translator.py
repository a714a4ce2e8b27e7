"""The encoder–decoder: one Transformer reads a text, another writes its translation and looks at what was read.

    translator = Translator(Config(source_tokenizer.vocab_size, n_layer=1), Config(tokenizer.vocab_size, n_layer=2))
    logits = translator(source, padding, ids)  # (B, T, V): what follows each position of the translation
    translate(translator, source_tokenizer, tokenizer, ["Mia had a red flag."])

Source → encoder, which sees all of it → memory. Text so far → decoder, which sees itself up to here and all of the
memory, through cross-attention → logits. Source: Vaswani et al. 2017, with the norms and positions of today.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import TensorDataset

from bigmodel import text
from bigmodel.attention import Attention, KeyValueCache, Rotation, causal_mask, cos_sin
from bigmodel.data import IGNORE_INDEX, rows, share_of, without_idle_columns
from bigmodel.decoder import Block, Config, FeedForward, SwiGLU, norm
from bigmodel.generate import Sampling, generate_all
from bigmodel.model import check_shape
from bigmodel.tokenizer import Tokenizer
from bigmodel.train import Batch

GREEDY = Sampling(top_k=1)  # the most probable token every time


class Encoder(nn.Module):
    """Reads: ids (B, S) → vectors (B, S, C), each position seeing all the others, before and after it."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.n_embd)
        self.blocks: Sequence[Block] = nn.ModuleList(Block(config) for _ in range(config.n_layer))  # type: ignore
        self.norm = norm(config)

    def forward(self, source: Tensor, padding: Tensor) -> Tensor:
        """Return what the decoder looks at, the memory (B, S, C).

        Args:
            source: ids (B, S).
            padding: (B, S), True where a token is padding: nobody looks at it.

        Raises:
            ValueError: ids of a wrong type or shape, or more of them than the context holds.
        """
        mask, rotation = ~padding[:, None, None, :], _rotation_of(self.config, source)  # (B, 1, 1, S)
        x = self.embedding(source)  # (B, S, C)
        for block in self.blocks:
            x = block(x, mask, rotation)  # (B, S, C)
        return self.norm(x)


class CrossBlock(Block):
    """Gather from the text so far, gather from the source, then think: three steps, each added to x."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.cross_norm = norm(config)
        self.cross_attention = Attention(config.n_embd, config.n_head, bias=config.bias)

    def forward(  # type: ignore[override]  # it looks at a memory as well
        self, x: Tensor, mask: Tensor | None, rotation: Rotation, memory: Tensor, visible: Tensor,
        cache: KeyValueCache | None = None,
    ) -> Tensor:  # fmt: skip
        x = x + self.attention(self.attention_norm(x), mask, rotation, cache)
        x = x + self.cross_attention(self.cross_norm(x), visible, source=memory)
        return x + self.feed_forward(self.feed_forward_norm(x))


class Translator(nn.Module):
    """An encoder that reads a source, and a decoder that writes, given what was read.

    Args:
        reads: the shape of the encoder; its ``vocab_size`` is that of the source.
        writes: the shape of the decoder.

    Raises:
        ValueError: the two have vectors of different size, or positions that are not rotary.
    """

    def __init__(self, reads: Config, writes: Config) -> None:
        super().__init__()
        if reads.n_embd != writes.n_embd:
            raise ValueError(
                f"the encoder writes {reads.n_embd} components, the decoder reads {writes.n_embd}: "
                "give both the same n_embd."
            )
        for config in (reads, writes):
            if config.position != "rotary" or config.tied:
                raise ValueError('a Translator has rotary positions and untied ids: position="rotary", tied=False.')
        self.config, self.vocab_size, self.context = writes, writes.vocab_size, writes.context
        self.encoder = Encoder(reads)
        self.embedding = nn.Embedding(writes.vocab_size, writes.n_embd)
        self.blocks: Sequence[CrossBlock] = nn.ModuleList(CrossBlock(writes) for _ in range(writes.n_layer))  # type: ignore
        self.norm = norm(writes)
        self.unembedding = nn.Linear(writes.n_embd, writes.vocab_size, bias=False)
        initialise(self)

    def forward(self, source: Tensor, padding: Tensor, ids: Tensor) -> Tensor:
        """Return the logits of the token that follows each position of the translation, (B, T, V).

        Args:
            source: ids (B, S) of the texts to be translated.
            padding: (B, S), True where a token of the source is padding.
            ids: (B, T), the translations so far, from the start token on.

        Raises:
            ValueError: ids of a wrong type or shape, or more of them than the context holds.
        """
        return self.write(ids, self.encoder(source, padding), ~padding[:, None, None, :])

    def write(
        self, ids: Tensor, memory: Tensor, visible: Tensor, cache: list[KeyValueCache] | None = None
    ) -> Tensor:  # fmt: skip
        """Return the logits of the token that follows each position of ids (B, T), given a memory (B, S, C).

        Args:
            visible: (B, 1, 1, S), True where the memory may be looked at.
            cache: from ``Given.new_cache``; holds the positions before these ids, and is extended by theirs.
        """
        before, T = cache[0].length if cache else 0, ids.shape[1]
        rotation = _rotation_of(self.config, ids, before)
        mask = causal_mask(T, before + T, ids.device) if T > 1 else None  # one position alone may look at all
        x = self.embedding(ids)  # (B, T, C)
        for layer, block in enumerate(self.blocks):
            x = block(x, mask, rotation, memory, visible, cache[layer] if cache else None)  # (B, T, C)
        return self.unembedding(self.norm(x))  # (B, T, V)

    def given(self, source: Tensor, padding: Tensor) -> "Given":
        """Read sources (B, S), and return the language model that knows them; its rows are theirs."""
        return Given(self, self.encoder(source, padding), ~padding[:, None, None, :])

    @torch.no_grad()
    def cross_attention_maps(self, source: Tensor, padding: Tensor, ids: Tensor) -> Tensor:
        """Return where each position of ids looks in the source, (n_layer, B, H, T, S), each row summing to 1."""
        memory, visible = self.encoder(source, padding), ~padding[:, None, None, :]
        mask, rotation = causal_mask(ids.shape[1], device=ids.device), _rotation_of(self.config, ids)
        x, maps = self.embedding(ids), []
        for block in self.blocks:
            x = x + block.attention(block.attention_norm(x), mask, rotation)
            maps.append(block.cross_attention.weights(block.cross_norm(x), visible, source=memory))
            x = x + block.cross_attention(block.cross_norm(x), visible, source=memory)
            x = x + block.feed_forward(block.feed_forward_norm(x))
        return torch.stack(maps)


class Given(nn.Module):
    """A translator that has read its sources: a language model, ids (B, T) → logits (B, T, V), given them.

    So everything that takes a language model takes this: ``generate_all``, ``log_probabilities``, a search by hand.
    With a single source, any number of rows may ask: it is the same for all.
    """

    def __init__(self, translator: Translator, memory: Tensor, visible: Tensor) -> None:
        super().__init__()
        self.translator, self.memory, self.visible = translator, memory, visible  # (B, S, C), (B, 1, 1, S)
        self.vocab_size, self.context = translator.vocab_size, translator.context

    def forward(self, ids: Tensor, padding: None = None, cache: list[KeyValueCache] | None = None) -> Tensor:
        """Return the logits of the token that follows each position, (B, T, V); no id is padding."""
        return self.translator.write(ids, self.memory, self.visible, cache)

    def new_cache(self, batch_size: int) -> list[KeyValueCache]:
        """Return an empty cache for every block of the decoder."""
        config, like = self.translator.config, self.translator.embedding.weight
        size = config.head_size or config.n_embd // config.n_head
        shape = (batch_size, config.n_kv_head or config.n_head, 0, size)  # (B, G, 0, D)
        return [KeyValueCache(like.new_empty(shape), like.new_empty(shape)) for _ in self.translator.blocks]


@torch.no_grad()
def initialise(translator: Translator) -> None:
    """Draw the first weights as those of a Decoder are drawn: each block begins by changing nothing."""
    for module in translator.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=module.in_features**-0.5)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for module in translator.modules():
        if isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight)
        if isinstance(module, Attention):
            nn.init.zeros_(module.output.weight)
        if isinstance(module, FeedForward | SwiGLU):
            nn.init.zeros_(module.down.weight)
    nn.init.zeros_(translator.unembedding.weight)


def translation_loss(translator: nn.Module, batch: Batch) -> Tensor:
    """Mean cross-entropy in nats a token of the translation, for a batch of ``pairs``: a loss for ``train``."""
    source, padding, inputs, targets = batch
    inputs, targets = without_idle_columns(inputs, targets)
    longest = int((~padding).sum(1).max())
    logits = translator(source[:, :longest], padding[:, :longest], inputs)  # (B, T, V)
    mean = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORE_INDEX)
    return mean * share_of((targets != IGNORE_INDEX).sum())


def pairs(
    sources: Sequence[str], translations: Sequence[str], source_tokenizer: Tokenizer, tokenizer: Tokenizer
) -> TensorDataset:
    """Lay out texts and their translations, a pair a row, for ``translation_loss``.

    Returns:
        Four tensors: source ids (N, S), their padding (N, S), inputs and targets (N, T) as ``rows`` makes them.

    Raises:
        ValueError: there are no pairs, or a text without a translation, or one without a word.
    """
    if len(sources) != len(translations):
        raise ValueError(f"{len(sources)} texts have {len(translations)} translations: each text needs exactly one.")
    source, padding = read_sources(sources, source_tokenizer)
    return TensorDataset(source, padding, *rows(translations, tokenizer).tensors)


def read_sources(sources: Sequence[str], tokenizer: Tokenizer) -> tuple[Tensor, Tensor]:
    """Encode texts to be translated: their ids (B, S), filled up on the right, and where that is padding (B, S).

    Raises:
        ValueError: there are no texts, or one is empty.
    """
    encoded = [tokenizer.encode(source) for source in sources]
    if not all(encoded) or not encoded:
        raise ValueError("there is nothing to translate: give at least one text, and none that is empty.")
    ids = torch.full((len(encoded), max(map(len, encoded))), tokenizer.padding)  # (B, S)
    padding = torch.ones_like(ids, dtype=torch.bool)  # (B, S)
    for row, tokens in enumerate(encoded):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        padding[row, : len(tokens)] = False
    return ids, padding


def translate(
    translator: Translator, source_tokenizer: Tokenizer, tokenizer: Tokenizer, sources: Sequence[str],
    length: int | None = None, sampling: Sampling = GREEDY,
) -> list[str]:  # fmt: skip
    """Translate texts side by side, by up to ``length`` tokens each (as many as the context holds).

    Args:
        sampling: how each token is drawn.

    Raises:
        ValueError: there are no texts, one is empty, or one is longer than the context.
    """
    device = translator.embedding.weight.device
    source, padding = read_sources(sources, source_tokenizer)
    with torch.no_grad():
        given = translator.given(source.to(device), padding.to(device))
    room = translator.context - 1 if length is None else length
    return generate_all(given, tokenizer, [""] * len(sources), room, sampling)


def load_pairs(path: str | Path) -> list[tuple[str, str]]:
    """Read sentence pairs from a UTF-8 file: a pair a line, a tab between the sentence and its translation.

    Raises:
        ValueError: the file is empty or not UTF-8, or a line is no pair.
        OSError: the file cannot be read.
    """
    found = []
    for number, line in enumerate(text.load(path).splitlines(), start=1):
        columns = [column.strip() for column in line.split("\t")]
        if line.strip() and (len(columns) != 2 or not all(columns)):
            raise ValueError(
                f"line {number} of {Path(path).name} is no pair: {line[:40]!r}. Write a sentence, one tab, and its "
                "translation."
            )
        if line.strip():
            found.append((columns[0], columns[1]))
    return found


def _rotation_of(config: Config, ids: Tensor, before: int = 0) -> Rotation:
    """Return the rotation of ids (B, T) that stand behind so many others.

    Raises:
        ValueError: ids of a wrong type or shape, or more of them than the context holds.
    """
    check_shape(ids)
    end = before + ids.shape[1]
    if end > config.context:
        raise ValueError(
            f"{end} tokens are more than the context of {config.context}: translate less at a time, or build the "
            "Translator with a larger context."
        )
    size = config.head_size or config.n_embd // config.n_head
    return cos_sin(torch.arange(before, end, device=ids.device), size, config.rotary_base)
