"""LoRA: fine-tuning that leaves every weight as it is, and learns a thin addition to some of the matrices.

    add_lora(model, rank=8, alpha=16)  # from here on, training changes the additions alone
    merge_lora(model)                  # added up: a plain model again, as fast as before

Source: Hu et al. 2021, arXiv:2106.09685.
"""

from collections.abc import Collection, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# The linear layers in the blocks of a Decoder, by name.
LAYERS = ("queries", "keys", "values", "output", "up", "down", "gate")


class LoRA(nn.Module):
    """A linear layer, frozen, and the product of two thin matrices beside it. Shapes: (…, n) → (…, m).

        W x + alpha / rank · B A x      A (rank, n), B (m, rank)

    B begins at 0, so that nothing is changed at first.
    """

    def __init__(self, linear: nn.Linear, rank: int, alpha: float) -> None:
        super().__init__()
        self.linear = linear.requires_grad_(False)
        self.A = nn.Parameter(linear.weight.new_empty(rank, linear.in_features))  # (rank, n)
        self.B = nn.Parameter(linear.weight.new_zeros(linear.out_features, rank))  # (m, rank)
        nn.init.normal_(self.A, std=linear.in_features**-0.5)
        self.scale = alpha / rank

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x) + self.scale * F.linear(F.linear(x, self.A), self.B)

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """The linear layer with the addition in its weight."""
        self.linear.weight += self.scale * self.B @ self.A  # (m, n)
        return self.linear.requires_grad_(True)


def add_lora(model: nn.Module, rank: int, alpha: float, layers: Collection[str] = LAYERS) -> None:
    """Put a LoRA around each linear layer of these names, and freeze all other weights of the model.

    Raises:
        ValueError: rank is below 1, the model has no such layer, or it has additions already.
    """
    if rank < 1:
        raise ValueError(f"rank is {rank}, but an addition has a rank of at least 1.")
    if any(True for _ in _additions(model)):
        raise ValueError("the model has additions already: merge_lora(model) first, or load it anew.")
    parts = [(part, name, layer) for part in model.modules() for name, layer in part.named_children()]
    chosen = [(part, name, layer) for part, name, layer in parts if name in layers and isinstance(layer, nn.Linear)]
    if not chosen:
        raise ValueError(f"the model has no linear layer called {' or '.join(layers)}: see model.named_modules().")
    model.requires_grad_(False)
    for part, name, layer in chosen:
        setattr(part, name, LoRA(layer, rank, alpha))


def merge_lora(model: nn.Module) -> None:
    """Add every addition to the weight beside it, and put the plain layer back; all weights can be trained again."""
    for part, name, layer in list(_additions(model)):
        setattr(part, name, layer.merged())
    model.requires_grad_(True)


def lora_weights(model: nn.Module) -> dict[str, Tensor]:
    """What was learned, and all that has to be kept beside the model as it was: A and B of each addition."""
    return {name: weight.detach() for name, weight in model.named_parameters() if name.endswith((".A", ".B"))}


def _additions(model: nn.Module) -> Iterator[tuple[nn.Module, str, LoRA]]:
    """Each LoRA of a model: the part that holds it, its name there, and itself."""
    for part in model.modules():
        for name, layer in part.named_children():
            if isinstance(layer, LoRA):
                yield part, name, layer
