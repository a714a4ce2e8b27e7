"""Ids → batches: windows of a long text, texts one a row, and the order in which training sees them."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from bigmodel.tokenizer import Tokenizer

IGNORE_INDEX = -100  # a target that cross_entropy leaves out; torch's own default


def windows(ids: Sequence[int] | Tensor, length: int, stride: int | None = None) -> TensorDataset:
    """Cut one long text into windows, each with the same window one token later as its target.

    Args:
        ids: the token ids of the text.
        length: tokens in a window, T.
        stride: tokens from the start of one window to the next; without it, windows do not overlap.

    Returns:
        Inputs and targets, both (N, T): ``targets[n, t]`` is the token that follows ``inputs[n, t]``.

    Raises:
        ValueError: the text has fewer than length + 1 tokens, or length or stride is below 1.
    """
    stride = length if stride is None else stride
    if length < 1 or stride < 1:
        raise ValueError(f"a window of {length} tokens every {stride} is not possible: both are at least 1.")
    ids = torch.as_tensor(ids, dtype=torch.long)  # (tokens,)
    if ids.ndim != 1:
        raise ValueError(f"ids have the shape {tuple(ids.shape)}, but one text is one row of ids: flatten them.")
    if len(ids) < length + 1:
        raise ValueError(
            f"the text has {len(ids)} tokens, but a window of {length} with its targets needs {length + 1}: "
            "take more text, or a shorter window."
        )
    inputs = ids[:-1].unfold(0, length, stride)  # (N, T)
    targets = ids[1:].unfold(0, length, stride)  # (N, T)
    return TensorDataset(inputs, targets)


def rows(texts: Sequence[str], tokenizer: Tokenizer) -> TensorDataset:
    """Lay out whole texts one a row, from the start token to the end token, each tokenized by itself.

    Returns:
        Inputs and targets, both (N, T), T set by the longest text. Shorter rows are filled up with the
        padding token in the inputs and with IGNORE_INDEX in the targets, so that no loss counts them.

    Raises:
        ValueError: there are no texts.
    """
    if not texts:
        raise ValueError("there are no texts to lay out: give at least one.")
    encoded = [[tokenizer.start, *tokenizer.encode(text), tokenizer.end] for text in texts]
    length = max(len(ids) for ids in encoded) - 1
    inputs = torch.full((len(encoded), length), tokenizer.padding)  # (N, T)
    targets = torch.full((len(encoded), length), IGNORE_INDEX)  # (N, T)
    for row, ids in enumerate(encoded):
        inputs[row, : len(ids) - 1] = torch.tensor(ids[:-1])
        targets[row, : len(ids) - 1] = torch.tensor(ids[1:])
    return TensorDataset(inputs, targets)


def join(texts: Sequence[str], tokenizer: Tokenizer) -> list[int]:
    """Encode texts into one long row of ids, each from the start token to the end token; see ``windows``."""
    ids: list[int] = []
    for text in texts:
        ids += [tokenizer.start, *tokenizer.encode(text), tokenizer.end]
    return ids


def batches(
    data: TensorDataset, batch_size: int, seed: int, first: int = 0, rank: int = 0, world_size: int = 1
) -> Iterator[tuple[Tensor, ...]]:
    """Yield shuffled batches without end, from batch number ``first`` on.

    The order of each epoch depends on the seed and the number of the epoch alone. So batch number t is the
    same whenever it is asked for, and a training that was killed can go on as if it never had been. Several
    processes share each batch: the one of this rank gets its own ``batch_size`` rows of it.

    Returns:
        Rows of every tensor of the data, such as inputs and targets (batch_size, T); in data smaller than a
        batch, all of it each time. What is left of an epoch after its last full batch waits for the next shuffle.

    Raises:
        ValueError: batch_size is below 1, or there are fewer rows than processes.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}, but a batch has at least 1 row.")
    if len(data) < world_size:
        raise ValueError(f"{len(data)} rows cannot be shared by {world_size} processes: take more text.")
    batch_size = min(batch_size, len(data) // world_size)
    together = batch_size * world_size
    epoch, start = divmod(first, len(data) // together)
    while True:
        order = _epoch_order(len(data), seed, epoch)  # (N,)
        for number in range(start, len(data) // together):
            begin = number * together + rank * batch_size
            yield data[order[begin : begin + batch_size]]
        epoch, start = epoch + 1, 0


def process() -> tuple[int, int]:
    """The rank of this process, and how many train together: 0 and 1 unless torch.distributed was started."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1


def share_of(count: Tensor) -> Tensor | float:
    """What a mean over ``count`` things weighs, so that the mean of all processes' means is the mean of all things."""
    _, world_size = process()
    if world_size == 1:
        return 1.0
    together = count.clone()
    torch.distributed.all_reduce(together)
    return count * world_size / together


def without_idle_columns(inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Cut off the columns at the end of a batch (B, T) in which no target counts: they would only cost time."""
    counts = (targets != IGNORE_INDEX).any(0).nonzero()  # (columns that count, 1)
    used = int(counts.max()) + 1 if len(counts) else targets.shape[1]
    return inputs[:, :used], targets[:, :used]


def mixed(seed: int, number: int) -> int:
    """One seed of two numbers; their sum would make number 1 of seed 0 the same as number 0 of seed 1."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def _epoch_order(size: int, seed: int, epoch: int) -> Tensor:
    return torch.randperm(size, generator=torch.Generator().manual_seed(mixed(seed, epoch)))
