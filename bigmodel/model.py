"""BigModel, and the layers that turn token ids into the vectors it reads.

A *language model* in this course is any module from ids (B, T) to logits (B, T, V): at each position, one
score for every token that could come next. BigModel becomes one with a first layer that reads ids:
``nn.Sequential(OneHot(1000), BigModel(1000, 5000, 1000))``.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class BigModel(nn.Module):
    """Two linear layers with a ReLU between them, called encoder and decoder as in the article.

    Shapes: vectors (..., input_size) in, logits (..., output_size) out.
    """

    def __init__(self, input_size: int, hidden_size: int, output_size: int) -> None:
        super().__init__()
        for name, size in (
            ("input_size", input_size),
            ("hidden_size", hidden_size),
            ("output_size", output_size),
        ):
            if size < 1:
                raise ValueError(f"{name} is {size}, but a layer has at least 1 component.")
        self.encoder = nn.Linear(input_size, hidden_size)
        self.decoder = nn.Linear(hidden_size, output_size)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1] != self.encoder.in_features:
            raise ValueError(
                f"the vectors have {x.shape[-1]} components, but this BigModel reads {self.encoder.in_features}: "
                "its input_size must equal their last dimension."
            )
        hidden = torch.relu(self.encoder(x))  # (..., hidden_size)
        return self.decoder(hidden)  # (..., output_size)


class OneHot(nn.Module):
    """The last ``context`` tokens at each position, as one-hot vectors side by side, the oldest first.

    Before the text begins stands the padding token, id 0. Shapes: ids (B, T) in, (B, T, context · V) out.
    """

    def __init__(self, vocab_size: int, context: int = 1) -> None:
        super().__init__()
        _check_reader(vocab_size, context)
        self.vocab_size = vocab_size
        self.context = context

    def forward(self, ids: Tensor) -> Tensor:
        return _one_hot_windows(ids, self.vocab_size, self.context).flatten(-2)  # (B, T, context · V)


class BagOfWords(nn.Module):
    """The last ``context`` tokens at each position, as the mean of their one-hot vectors: order is lost.

    Before the text begins stands the padding token, id 0. Shapes: ids (B, T) in, (B, T, V) out.
    """

    def __init__(self, vocab_size: int, context: int) -> None:
        super().__init__()
        _check_reader(vocab_size, context)
        self.vocab_size = vocab_size
        self.context = context

    def forward(self, ids: Tensor) -> Tensor:
        return _one_hot_windows(ids, self.vocab_size, self.context).mean(-2)  # (B, T, V)


class SideBySide(nn.Module):
    """The vectors of the last ``context`` tokens at each position, side by side, the oldest first.

    Before the text begins stand zeros. Shapes: vectors (B, T, d) in, (B, T, context · d) out.
    """

    def __init__(self, context: int) -> None:
        super().__init__()
        self.context = context

    def forward(self, vectors: Tensor) -> Tensor:
        T = vectors.shape[1]
        padded = F.pad(vectors, (0, 0, self.context - 1, 0))  # (B, context − 1 + T, d)
        shifted = [padded[:, start : start + T] for start in range(self.context)]
        return torch.cat(shifted, dim=-1)  # (B, T, context · d)


def num_parameters(model: nn.Module) -> int:
    """Count the numbers that training can change, each shared one once."""
    return sum(parameter.numel() for parameter in model.parameters())


def part_with(model: nn.Module, name: str) -> Any:
    """The first module, the model itself or one inside it, that has an attribute of this name, or None.

    So a model keeps what it offers inside of wrappers, such as those of ``torch.compile`` and of DDP.
    """
    return next((module for module in model.modules() if hasattr(module, name)), None)


def context_length(model: nn.Module) -> int | None:
    """The number of tokens that the model can see at once, or None where no layer of it says."""
    return getattr(part_with(model, "context"), "context", None)


def check_shape(ids: Tensor) -> None:
    """Refuse what is not a batch of token ids, without a look at the ids themselves.

    Raises:
        ValueError: ids are not whole numbers, or not of shape (B, T).
    """
    if ids.dtype != torch.long:
        raise ValueError(f"ids are of type {ids.dtype}, but token ids are whole numbers: use torch.long.")
    if ids.ndim != 2:
        raise ValueError(f"ids have the shape {tuple(ids.shape)}, but a model reads a batch of rows, (B, T).")


def check_ids(ids: Tensor, vocab_size: int) -> None:
    """Refuse ids of any shape that a model with this vocabulary cannot read; call it where ids are made.

    Raises:
        ValueError: an id is outside 0 … vocab_size − 1.
    """
    wrong = ids[(ids < 0) | (ids >= vocab_size)]
    if len(wrong):
        raise ValueError(
            f"id {wrong[0].item()} is outside the vocabulary of {vocab_size} tokens: "
            "model and tokenizer must have the same vocab_size."
        )


def _one_hot_windows(ids: Tensor, vocab_size: int, context: int) -> Tensor:
    check_shape(ids)
    padded = F.pad(ids, (context - 1, 0), value=0)  # (B, context - 1 + T)
    seen = padded.unfold(1, context, 1)  # (B, T, context)
    vectors = torch.zeros(*seen.shape, vocab_size, device=ids.device)  # (B, T, context, V)
    return vectors.scatter_(-1, seen.unsqueeze(-1), 1.0)


def _check_reader(vocab_size: int, context: int) -> None:
    if vocab_size < 1 or context < 1:
        raise ValueError(f"vocab_size {vocab_size} and context {context} must both be at least 1.")
