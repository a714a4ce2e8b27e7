"""What a training of a few hundred steps gains from: a loss at half its cost, and an optimizer in more of a hurry."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from bigmodel.optimizer import MuonAdamW
from bigmodel.train import Batch


class CrossEntropy(torch.autograd.Function):
    """Mean cross-entropy of logits (N, V) and targets (N,), with its gradient written out: (p − onehot) / N.

    The probabilities are computed once, in the precision of the logits, and become the gradient in place.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor) -> Tensor:
        p = torch.softmax(logits, dim=-1)  # (N, V)
        ctx.save_for_backward(p, targets)
        return -p.gather(1, targets[:, None]).float().clamp(min=1e-30).log().mean()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        p, targets = ctx.saved_tensors
        p.scatter_add_(1, targets[:, None], p.new_full((len(targets), 1), -1.0))
        return p.mul_(gradient / len(targets)), None


def quick_next_token_loss(model: nn.Module, batch: Batch) -> Tensor:
    """As ``next_token_loss``, for batches (B, T) in which every target counts."""
    inputs, targets = batch
    return CrossEntropy.apply(model(inputs).flatten(0, 1), targets.flatten())


class HurriedMuonAdamW(MuonAdamW):
    """Muon with a shorter memory, and AdamW at twice the rate.

    On the Python documentation, 2 layers of 96, 160 steps: at a rate of 0.04, 1.325 nats a character with MuonAdamW as
    it is, 1.305 with three times AdamW's rate; at 0.06, 1.287 with twice the rate and a momentum of 0.85.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float, blocks: Iterable[nn.Module]) -> None:
        super().__init__(parameters, lr, blocks)
        for group in self.parts[0].param_groups:
            group["momentum"] = 0.9

    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Change every parameter that has a gradient."""
        others = [group for part in self.parts[1:] for group in part.param_groups]
        for group in others:
            group["lr"] *= 2
        super().step()
        for group in others:
            group["lr"] /= 2
