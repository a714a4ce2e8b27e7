"""train(): one loop for every model of the course; stopped at any step, it goes on as if it never had been."""

import hashlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import TensorDataset

from bigmodel.checkpoint import fit_weights, from_bytes, read_bytes, to_bytes
from bigmodel.data import IGNORE_INDEX, batches, without_idle_columns
from bigmodel.display import progress_bar
from bigmodel.files import write_whole
from bigmodel.schedule import constant

LearningRate = float | Callable[[int], float]


@dataclass
class History:
    """What a training left behind. Losses are in nats a token; the loss of step t is that before its update."""

    losses: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    validation_steps: list[int] = field(default_factory=list)
    validation_losses: list[float] = field(default_factory=list)
    seconds: float = 0.0
    interrupted: bool = False


def train(
    model: nn.Module,
    data: TensorDataset,
    *,
    steps: int,
    learning_rate: LearningRate,
    optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.SGD,
    batch_size: int = 32,
    clip: float | None = None,
    seed: int = 0,
    validation: TensorDataset | None = None,
    validate_every: int = 100,
    checkpoint: str | Path | None = None,
    checkpoint_every: int = 100,
    on_step: Callable[[int, float], None] | None = None,
    device: str = "cpu",
    precision: str = "float32",
) -> History:
    """Train a language model on batches of data, and return what happened.

    Ctrl-C ends the training after the step in progress: the model keeps what it has learned, and the history
    says ``interrupted``. With a checkpoint, the same call continues where an earlier one was stopped, by
    whatever means, and its losses are, number for number, those of a training that never stopped.

    Args:
        model: ids (B, T) → logits (B, T, V); trained in place.
        data: inputs and targets, both (N, T); targets of IGNORE_INDEX are left out of the loss.
        steps: updates in all, those before a resume included.
        learning_rate: a number, or a function of the step 0 … steps − 1.
        optimizer: a torch optimizer class, or a ``partial`` of one; called with parameters and ``lr``.
        batch_size: rows in a batch.
        clip: the largest norm that the gradient may have; longer ones are shortened to it.
        seed: decides the order of the data, and every other draw of chance in the model.
        validation: fresh data, measured before the first step, every ``validate_every`` and after the last.
        checkpoint: file that is written every ``checkpoint_every`` steps and continued from where it exists.
        on_step: called after each update with the number of updates so far and the loss before this one.
        device: where to compute; precision: "float32" or "bfloat16", in which matrix products are computed.

    Raises:
        ValueError: an argument is out of range, or the checkpoint is of another training.
        FloatingPointError: the loss is no longer a number.
        OSError: the checkpoint cannot be written; the last one is untouched.
    """
    _check_arguments(data, steps, batch_size, clip, validate_every, checkpoint_every, precision)
    model.to(device).train()
    rate_of = learning_rate if callable(learning_rate) else partial(constant, eta_0=learning_rate)
    optim = optimizer([p for p in model.parameters() if p.requires_grad], lr=rate_of(0))
    recipe = _recipe(optim, data, batch_size, seed, clip, precision)
    history = History()
    if checkpoint is not None and Path(checkpoint).exists():
        history = _resume(checkpoint, model, optim, recipe, rate_of, steps)
    started = time.perf_counter() - history.seconds
    first = saved = len(history.losses)
    with progress_bar(steps, initial=first, unit="step") as bar, _interruptible() as interrupt, _own_chance():
        for step, (inputs, targets) in enumerate(batches(data, batch_size, seed, first), start=first):
            if validation is not None and (step % validate_every == 0 or step == steps):
                _validate(history, step, model, validation, device)
            last = step == steps or interrupt.is_set()
            if checkpoint is not None and step > saved and (last or step % checkpoint_every == 0):
                history.seconds = time.perf_counter() - started
                _save(checkpoint, model, optim, history, recipe)
                saved = step
            if last:
                break
            inputs, targets = without_idle_columns(inputs, targets)
            torch.manual_seed(_mix(seed, step))
            rate = rate_of(step)
            loss = _update(model, optim, inputs.to(device), targets.to(device), rate, clip, precision, step)
            history.losses.append(loss)
            history.rates.append(rate)
            if on_step is not None:
                on_step(step + 1, loss)
            bar.set_postfix(loss=f"{loss:.2f}", refresh=False)
            bar.update()
    history.seconds = time.perf_counter() - started
    history.interrupted = len(history.losses) < steps
    return history


@torch.no_grad()
def log_probabilities(
    model: nn.Module, data: TensorDataset, batch_size: int = 64, device: str = "cpu"
) -> Tensor:
    """Log-probability, in nats, that the model gives to each row of targets: the sum over its tokens, (N,).

    Targets of IGNORE_INDEX count nothing. The model is left in the mode, training or not, that it was in.
    """
    training = model.training
    model.eval()
    totals = []
    for inputs, targets in torch.utils.data.DataLoader(data, batch_size=batch_size):
        logits = model(inputs.to(device))  # (B, T, V)
        losses = F.cross_entropy(
            logits.flatten(0, 1).float(),
            targets.to(device).flatten(),
            ignore_index=IGNORE_INDEX,
            reduction="none",
        )  # (B · T,)
        totals.append(-losses.view(targets.shape).double().sum(1).cpu())  # (B,)
    model.train(training)
    return torch.cat(totals)


def evaluate(model: nn.Module, data: TensorDataset, batch_size: int = 64, device: str = "cpu") -> float:
    """Mean cross-entropy of the model on data, in nats a token.

    Raises:
        ValueError: the data have no target that counts.
    """
    tokens = int((data.tensors[1] != IGNORE_INDEX).sum())
    if tokens == 0:
        raise ValueError(
            "the data have no target that counts, so their mean loss does not exist: take other data."
        )
    return -log_probabilities(model, data, batch_size, device).sum().item() / tokens


def _update(
    model: nn.Module,
    optim: torch.optim.Optimizer,
    inputs: Tensor,  # (B, T)
    targets: Tensor,  # (B, T)
    rate: float,
    clip: float | None,
    precision: str,
    step: int,
) -> float:
    for group in optim.param_groups:
        group["lr"] = rate
    with torch.autocast(inputs.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
        logits = model(inputs)  # (B, T, V)
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORE_INDEX)
    if not torch.isfinite(loss):
        raise FloatingPointError(
            f"the loss became {loss.item()} at step {step}, with a learning rate of {rate:.4g}: start again with a "
            "smaller one, or shorten long gradients with clip=1.0."
        )
    optim.zero_grad()
    loss.backward()
    if clip is not None:
        nn.utils.clip_grad_norm_(model.parameters(), clip)
    with torch.autocast(inputs.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
        optim.step()  # the matrix products of Muon's; others have none
    return loss.item()


def _validate(history: History, step: int, model: nn.Module, validation: TensorDataset, device: str) -> None:
    if step not in history.validation_steps[-1:]:  # a resumed training may have measured this step already
        history.validation_steps.append(step)
        history.validation_losses.append(evaluate(model, validation, device=device))


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """Only note the first Ctrl-C, so that no update is left half done; a second one acts at once."""
    noted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield noted  # signals reach the main thread alone
        return
    before = signal.getsignal(signal.SIGINT) or signal.default_int_handler

    def note(number: int, frame: object) -> None:
        noted.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _own_chance() -> Iterator[None]:
    """Give every draw inside (dropout, say) chance of its own, and hand the caller's back untouched."""
    with torch.random.fork_rng(devices=[]):
        yield


def _mix(seed: int, step: int) -> int:
    return int(np.random.SeedSequence([seed, step]).generate_state(1)[0])


def _recipe(
    optim: torch.optim.Optimizer,
    data: TensorDataset,
    batch_size: int,
    seed: int,
    clip: float | None,
    precision: str,
) -> dict[str, str]:
    """Describe what decides the course of a training, but for the learning rate, to know it again."""
    settings = {name: value for name, value in sorted(optim.defaults.items()) if name != "lr"}
    digest = hashlib.sha256()
    for tensor in data.tensors:
        digest.update(f"{tuple(tensor.shape)}".encode() + tensor.contiguous().numpy().tobytes())
    return {
        "optimizer": f"{type(optim).__name__} {settings}",
        "batch_size": str(batch_size),
        "seed": str(seed),
        "clip": str(clip),
        "precision": precision,
        "data": digest.hexdigest()[:16],
    }


def _save(
    path: str | Path, model: nn.Module, optim: torch.optim.Optimizer, history: History, recipe: dict[str, str]
) -> None:
    state = {
        "model": model.state_dict(),
        "optimizer": optim.state_dict(),
        "history": asdict(history),
        "recipe": recipe,
    }
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, to_bytes(state))


def _resume(
    path: str | Path,
    model: nn.Module,
    optim: torch.optim.Optimizer,
    recipe: dict[str, str],
    rate_of: Callable[[int], float],
    steps: int,
) -> History:
    """Put model and optimizer back to where the checkpoint was written, if it is one of this very training."""
    state = from_bytes(read_bytes(path), path)
    if not (isinstance(state, dict) and state.keys() == {"model", "optimizer", "history", "recipe"}):
        raise ValueError(
            f"{path} is not a checkpoint of train(): give another name, or delete it to start anew."
        )
    history = History(**state["history"])
    advice = "call train() as before to go on, or delete the checkpoint to start anew."
    for name, value in recipe.items():
        if state["recipe"].get(name) != value:
            raise ValueError(
                f"{path} was made with {name} {state['recipe'].get(name)}, and this call has {value}: {advice}"
            )
    for step, rate in enumerate(history.rates[:steps]):
        if rate != rate_of(step):
            raise ValueError(
                f"{path} had a learning rate of {rate:.4g} at step {step}, this call has {rate_of(step):.4g}: {advice}"
            )
    if len(history.losses) > steps:
        raise ValueError(
            f"{path} is already at step {len(history.losses)}, and this call ends at {steps}: {advice}"
        )
    fit_weights(model, state["model"], path)
    optim.load_state_dict(state["optimizer"])
    return history


def _check_arguments(
    data: TensorDataset,
    steps: int,
    batch_size: int,
    clip: float | None,
    validate_every: int,
    checkpoint_every: int,
    precision: str,
) -> None:
    counts = {
        "steps": steps,
        "batch_size": batch_size,
        "validate_every": validate_every,
        "checkpoint_every": checkpoint_every,
    }
    for name, value in counts.items():
        if value < 1:
            raise ValueError(f"{name} is {value}, but it counts something: use 1 or more.")
    if clip is not None and not clip > 0:
        raise ValueError(
            f"clip is {clip}, but a norm is above 0: use 1.0, or None to leave gradients as they are."
        )
    if precision not in ("float32", "bfloat16"):
        raise ValueError(f'precision is "{precision}", but train() knows "float32" and "bfloat16".')
    if len(data) == 0:
        raise ValueError("the data have no rows, so there is nothing to train on: take more text.")
