"""train(): one loop for every model of the course; stopped at any step, it goes on as if it never had been."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import TensorDataset

from bigmodel.checkpoint import Checkpoint, History, check_arguments, interruptible, recipe
from bigmodel.data import IGNORE_INDEX, batches, mixed, process, share_of, without_idle_columns
from bigmodel.display import progress_bar
from bigmodel.schedule import constant

Batch = tuple[Tensor, ...]
Loss = Callable[[nn.Module, Batch], Tensor]


def next_token_loss(model: nn.Module, batch: Batch) -> Tensor:
    """Mean cross-entropy of the tokens that come next, in nats a token, for a batch of inputs and targets (B, T)."""
    inputs, targets = without_idle_columns(*batch)
    logits = model(inputs)  # (B, T, V)
    mean = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORE_INDEX)
    return mean * share_of((targets != IGNORE_INDEX).sum())  # of several processes; 1 for one


@torch.no_grad()
def log_probabilities(model: nn.Module, data: TensorDataset, batch_size: int = 64) -> Tensor:
    """Log-probability, in nats, that the model gives to each row of targets: the sum over its tokens, (N,).

    Targets of IGNORE_INDEX count nothing. The model is left in the mode, training or not, that it was in.
    """
    training, device = model.training, device_of(model)
    model.eval()
    totals = []
    for inputs, targets in torch.utils.data.DataLoader(data, batch_size=batch_size):
        logits = model(inputs.to(device)).float()  # (B, T, V)
        losses = F.cross_entropy(
            logits.transpose(1, 2), targets.to(device), ignore_index=IGNORE_INDEX, reduction="none"
        )  # (B, T)
        totals.append(-losses.double().sum(1).cpu())  # (B,)
    model.train(training)
    return torch.cat(totals)


def evaluate(model: nn.Module, data: TensorDataset, batch_size: int = 64) -> float:
    """Mean cross-entropy of the model on data, in nats a token.

    Raises:
        ValueError: the data have no target that counts.
    """
    tokens = int((data.tensors[1] != IGNORE_INDEX).sum())
    if tokens == 0:
        raise ValueError("the data have no target that counts, so their mean loss does not exist: take other data.")
    return -log_probabilities(model, data, batch_size).sum().item() / tokens


def device_of(model: nn.Module) -> torch.device:
    """Where the model computes: where its weights are."""
    return next((parameter.device for parameter in model.parameters()), torch.device("cpu"))


@dataclass(frozen=True)
class Validation:
    """Fresh data on which a training is measured: before its first step, every so many steps, and after the last."""

    data: TensorDataset
    every: int = 100
    measure: Callable[[nn.Module, TensorDataset], float] = evaluate


def train(
    model: nn.Module,
    data: TensorDataset,
    *,
    steps: int,
    learning_rate: float | Callable[[int], float],
    optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.SGD,
    batch_size: int = 32,
    clip: float | None = None,
    seed: int = 0,
    loss: Loss = next_token_loss,
    validation: Validation | None = None,
    checkpoint: Checkpoint | None = None,
    on_step: Callable[[int, float], object] | None = None,
    precision: str = "float32",
) -> History:
    """Train a model on batches of data, where its weights are, and return what happened.

    Ctrl-C ends the training after the step in progress: the model keeps what it has learned, and the history
    says ``interrupted``. With a checkpoint, the same call continues where an earlier one was stopped, by
    whatever means, and its losses are, number for number, those of a training that never stopped. Of several
    processes (torchrun, with the model in DistributedDataParallel), each takes its share of every batch.

    Args:
        model: trained in place.
        data: rows; a batch is a tuple of some of them, such as inputs and targets (B, T).
        steps: updates in all, those before a resume included.
        learning_rate: a number, or a function of the step 0 … steps − 1.
        optimizer: a torch optimizer class, or a ``partial`` of one; called with parameters and ``lr``.
        batch_size: rows in a batch, of each process.
        clip: the largest norm that the gradient may have; longer ones are shortened to it.
        seed: decides the order of the data, and every other draw of chance in the model.
        loss: from the model and a batch to the number that the step makes smaller.
        validation: fresh data to measure on.
        checkpoint: where to write, and to continue from.
        on_step: called after each update with the number of updates so far and the loss before this one; if it
            answers True, the training ends there, as with Ctrl-C.
        precision: "float32" or "bfloat16", in which matrix products are computed.

    Raises:
        ValueError: an argument is out of range, or the checkpoint is of another training.
        FloatingPointError: the loss is no longer a number.
        OSError: the checkpoint cannot be written; the last one is untouched.
    """
    check_arguments(data, steps, batch_size, clip, precision)
    rank, world_size = process()
    rate_of = learning_rate if callable(learning_rate) else partial(constant, eta_0=learning_rate)
    optim = optimizer([p for p in model.parameters() if p.requires_grad], lr=rate_of(0))
    made_with = recipe(optim, data, batch_size * world_size, seed, clip, precision) if checkpoint else {}
    history = checkpoint.resume(model, optim, made_with, rate_of, steps) if checkpoint else History()
    device = device_of(model)
    started = time.perf_counter() - history.seconds
    first = saved = len(history.losses)
    in_precision = partial(torch.autocast, device.type, torch.bfloat16, enabled=precision == "bfloat16")
    bar = progress_bar(steps, initial=first, unit="step", hidden=rank > 0)
    with bar, interruptible() as stopped, torch.random.fork_rng(devices=[]):
        model.train()
        for step, batch in enumerate(batches(data, batch_size, seed, first, rank, world_size), start=first):
            last = step == steps or stopped.is_set()
            measured = step in history.validation_steps[-1:]  # before it was stopped
            if validation and not measured and (step % validation.every == 0 or step == steps):
                history.validation_steps.append(step)
                history.validation_losses.append(validation.measure(model, validation.data))
            if checkpoint and step > saved and (last or step % checkpoint.every == 0):
                history.seconds, saved = time.perf_counter() - started, step
                checkpoint.save(model, optim, history, made_with)
            if last:
                break
            torch.manual_seed(mixed(seed, step * world_size + rank))
            rate = rate_of(step)
            for group in optim.param_groups:
                group["lr"] = rate
            with in_precision():
                value = loss(model, tuple(part.to(device) for part in batch))
            if not torch.isfinite(value):
                raise FloatingPointError(
                    f"the loss became {value.item()} at step {step}, with a learning rate of {rate:.4g}: start again "
                    "with a smaller one, or shorten long gradients with clip=1.0."
                )
            optim.zero_grad()
            value.backward()
            if clip is not None:
                nn.utils.clip_grad_norm_(model.parameters(), clip)
            with in_precision():
                optim.step()  # the matrix products of Muon's; others have none
            history.losses.append(value.item())
            history.rates.append(rate)
            if on_step is not None and on_step(step + 1, history.losses[-1]) is True:
                stopped.set()
            bar.set_postfix(loss=f"{history.losses[-1]:.2f}", refresh=False)
            bar.update()
    history.seconds = time.perf_counter() - started
    history.interrupted = len(history.losses) < steps
    return history
