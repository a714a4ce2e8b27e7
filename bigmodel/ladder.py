"""The loss ladder: how good a loss can be, from knowing nothing to the floor, on stories of the small world.

Rungs are in nats a token. Each is the loss of the best model that knows so much: *uniform* only how many tokens
there are, *unigram* how frequent each is, *bigram* which one stands before, and the *floor* everything that there
is to know. No model can be below the floor on fresh stories, but by chance or by a leak.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import nn

from bigmodel.data import IGNORE_INDEX, rows
from bigmodel.tokenizer import Tokenizer
from bigmodel.train import log_probabilities
from bigmodel.world import WORLD, World, entropy, sample


@dataclass(frozen=True)
class Excess:
    """How far a model is above the floor: mean over stories and standard error of that mean, in nats a token."""

    mean: float
    standard_error: float


def rungs(
    tokenizer: Tokenizer,
    script: str = "english",
    stories: int = 4000,
    seed: int = 1_000_000,
    world: World = WORLD,
) -> dict[str, float]:
    """Measure the rungs uniform, unigram, bigram and floor for this tokenizer, on stories of its own.

    The counts are taken on half of the stories and their loss on the other half. The floor is exact but for the
    mean number of tokens in a story, which is taken from all of them.
    """
    texts = [sample(seed, script, index, world).text for index in range(stories)]
    encoded = [[tokenizer.start, *tokenizer.encode(text), tokenizer.end] for text in texts]
    tokens_a_story = sum(len(ids) - 1 for ids in encoded) / len(encoded)
    counted, fresh = encoded[::2], encoded[1::2]
    return {
        "uniform": math.log(tokenizer.vocab_size),
        "unigram": unigram_loss(counted, fresh, tokenizer.vocab_size),
        "bigram": bigram_loss(counted, fresh, tokenizer.vocab_size),
        "floor": entropy(script, world) / tokens_a_story,
    }


def unigram_loss(counted: Sequence[Sequence[int]], fresh: Sequence[Sequence[int]], vocab_size: int) -> float:
    """Loss on fresh rows of ids, in nats a token, of guessing by how frequent each token is in the counted rows.

    The first token of a row is given, not guessed. One imagined occurrence, shared by all tokens, leaves none
    impossible.
    """
    targets = np.concatenate([ids[1:] for ids in counted])
    counts = np.bincount(targets, minlength=vocab_size) + 1 / vocab_size
    fresh_targets = np.concatenate([ids[1:] for ids in fresh])
    return float(-np.log(counts / counts.sum())[fresh_targets].mean())


def bigram_loss(counted: Sequence[Sequence[int]], fresh: Sequence[Sequence[int]], vocab_size: int) -> float:
    """Loss on fresh rows of ids, in nats a token, of guessing by what followed the token before in the counted rows.

    One imagined occurrence after each token, shared by all, leaves none impossible.
    """
    counts = np.full((vocab_size, vocab_size), 1 / vocab_size)
    np.add.at(counts, _pairs(counted), 1)
    chances = counts / counts.sum(axis=1, keepdims=True)
    return float(-np.log(chances[_pairs(fresh)]).mean())


def excess(
    model: nn.Module,
    tokenizer: Tokenizer,
    script: str = "english",
    stories: int = 200,
    seed: int = 0,
    world: World = WORLD,
) -> Excess:
    """Measure how far the model is above the floor on fresh stories, each whole, on a row of its own.

    The mean of (log p − log q) over the *same* stories, p the world's probability and q the model's, is far less
    noisy than the difference of the two mean losses, since a story that is long for one is long for the other.

    Args:
        seed: of the stories; take one that the model was not trained with.
    """
    told = [sample(seed, script, index, world) for index in range(stories)]
    data = rows([story.text for story in told], tokenizer)
    log_p = np.array([story.log_probability for story in told])  # (N,)
    log_q = log_probabilities(model, data).numpy()  # (N,)
    tokens = (data.tensors[1] != IGNORE_INDEX).sum(1).numpy()  # (N,)
    mean = (log_p - log_q).sum() / tokens.sum()
    # A ratio of two sums: what varies is how far each story is from the mean times its own length.
    deviations = (log_p - log_q - mean * tokens) / tokens.mean()
    return Excess(float(mean), float(deviations.std(ddof=1) / math.sqrt(stories)))


def _pairs(encoded: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
    before = np.concatenate([ids[:-1] for ids in encoded])
    after = np.concatenate([ids[1:] for ids in encoded])
    return before, after
