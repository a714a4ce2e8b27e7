"""Muon for the matrices of the blocks, AdamW for all other weights, with one learning rate for both."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn


def orthogonalise(matrices: Tensor, steps: int = 5) -> Tensor:
    """Bring all singular values of each matrix close to 1, and leave its singular vectors as they are.

    Newton–Schulz iteration: an odd polynomial, applied again and again, pushes every singular value between 0 and 1
    towards the range 0.7 to 1.2 with matrix products alone. Shapes: (…, n, m) → (…, n, m).
    Source: Jordan et al. 2024 (Muon), with its coefficients; here in float32, so that all machines agree.
    """
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)  # now no singular value is above 1
    for _ in range(steps):
        square = x @ x.mT
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """Momentum whose sum is made orthogonal before each step, so that no direction of a matrix is left behind.

    Every step changes a matrix of n rows and m columns by one whose singular values are all about
    lr · √max(1, n/m): the same length in every direction. Nesterov momentum, no weight decay.
    Source: Jordan et al. 2024.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float, momentum: float = 0.95) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Change every matrix that has a gradient."""
        for group in self.param_groups:
            alike: dict[torch.Size, list[nn.Parameter]] = {}  # one batch of products for all of a shape
            for matrix in group["params"]:
                if matrix.grad is not None:
                    alike.setdefault(matrix.shape, []).append(matrix)
            for shape, matrices in alike.items():
                pushed = [self._push(matrix, matrix.grad, group["momentum"]) for matrix in matrices]
                update = orthogonalise(torch.stack(pushed))  # (matrices, n, m)
                for matrix, change in zip(matrices, update, strict=True):
                    matrix.sub_(change, alpha=group["lr"] * max(1, shape[0] / shape[1]) ** 0.5)

    def _push(self, matrix: nn.Parameter, gradient: Tensor | None, momentum: float) -> Tensor:
        assert gradient is not None
        average = self.state[matrix].setdefault("average", torch.zeros_like(matrix))
        average.lerp_(gradient, 1 - momentum)
        return gradient.lerp(average, momentum)


class MuonAdamW(torch.optim.Optimizer):
    """Muon for the matrices of the blocks, torch's AdamW for everything else, as one optimizer.

        train(decoder, data, optimizer=partial(MuonAdamW, blocks=decoder.blocks), learning_rate=0.02, steps=500)

    Args:
        parameters: those of the model.
        lr: the learning rate.
        blocks: the parts of the model whose matrices Muon changes.
        momentum: Muon's; a training of a few hundred steps wants a shorter memory.
        factor: what AdamW's rate is, of Muon's.

    Raises:
        ValueError: none of the parameters is a matrix of the blocks.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        lr: float,
        blocks: Iterable[nn.Module],
        momentum: float = 0.95,
        factor: float = 1.0,
    ) -> None:
        parameters = list(parameters)
        inside = {id(parameter) for block in blocks for parameter in block.parameters() if parameter.ndim == 2}
        matrices = [parameter for parameter in parameters if id(parameter) in inside]
        others = [parameter for parameter in parameters if id(parameter) not in inside]
        if not matrices:
            raise ValueError("no matrix of the blocks is among the parameters: give the model's own blocks.")
        super().__init__(parameters, {"lr": lr, "betas": (0.9, 0.95), "momentum": momentum, "factor": factor})
        self.parts: list[torch.optim.Optimizer] = [Muon(matrices, lr, momentum)]
        if others:
            self.parts.append(torch.optim.AdamW(others, lr, betas=(0.9, 0.95), weight_decay=0.0, fused=True))
        self.param_groups = [group for part in self.parts for group in part.param_groups]

    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Change every parameter that has a gradient."""
        muon, *others = self.parts
        muon.step()
        for adamw in others:
            (group,) = adamw.param_groups
            lr = group["lr"]
            group["lr"] = self.defaults["factor"] * lr
            adamw.step()
            group["lr"] = lr

    def state_dict(self) -> dict[str, Any]:
        """Return the state of both parts, as ``load_state_dict`` reads it."""
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Put both parts back to where ``state_dict`` was taken."""
        for part, state in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self.param_groups = [group for part in self.parts for group in part.param_groups]
