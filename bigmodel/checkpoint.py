"""What training leaves on disk: weights, runs that can be opened again, and checkpoints to go on from.

A *file of weights*, such as ``big_model.pth``, is a state dict: names and tensors. A *run* is a folder that holds
everything needed to use a model: ``model.safetensors``, ``config.json`` and ``tokenizer.json``. A *checkpoint* is a
training at one of its steps. All are written whole, and opening one runs nothing that it holds.
"""

import hashlib
import io
import json
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from bigmodel import tokenizer as tokenizers
from bigmodel.data import process
from bigmodel.decoder import Config, Decoder
from bigmodel.files import write_whole
from bigmodel.model import BagOfWords, BigModel, OneHot
from bigmodel.tokenizer import Tokenizer

WEIGHTS, CONFIG, TOKENIZER, RECORD = "model.safetensors", "config.json", "tokenizer.json", "record.json"
PRETRAINED = Path(__file__).parent / "pretrained"  # the run of a Decoder that comes with the course


# Weights


def save_weights(module: nn.Module, path: str | Path) -> None:
    """Write the module's state dict to a file, which never holds half of it.

    Raises:
        OSError: the file cannot be written; what stood there before is untouched.
    """
    write_whole(path, _packed(module.state_dict()))


def load_weights(path: str | Path) -> dict[str, Tensor]:
    """Read a state dict from a file. Nothing in the file is run, whoever wrote it.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not a state dict.
    """
    state = _unpacked(path)
    if not (isinstance(state, dict) and state and all(isinstance(value, Tensor) for value in state.values())):
        raise ValueError(
            f"{path} is not a file of weights: a state dict maps names to tensors. Save one with save_weights."
        )
    return state


def fit_weights(module: nn.Module, state: dict[str, Tensor], path: str | Path) -> None:
    """Copy the weights that were read from ``path`` into the module.

    Raises:
        ValueError: a name or a shape differs; the module is left as it was.
    """
    own = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    given = {name: tuple(value.shape) for name, value in state.items()}
    if own != given:
        name = next(name for name in [*own, *given] if own.get(name) != given.get(name))
        raise ValueError(
            f"the weights in {path} are of another model: {name} has the shape {given.get(name, 'of nothing')} there "
            f"and {own.get(name, 'of nothing')} here. Build the model with the sizes that it was saved with."
        )
    module.load_state_dict(state)


def unwrapped(model: nn.Module) -> nn.Module:
    """The model inside of the wrappers of DistributedDataParallel and ``torch.compile``."""
    inner = getattr(model, "module", getattr(model, "_orig_mod", None))
    return unwrapped(inner) if isinstance(inner, nn.Module) else model


# Runs


@dataclass(frozen=True)
class BigModelConfig:
    """Everything that decides the shape of ``nn.Sequential(reader, BigModel)``.

    Raises:
        ValueError: the reader is not known, or a size is below 1.
    """

    reader: str
    vocab_size: int
    context: int
    hidden_size: int

    def __post_init__(self) -> None:
        if self.reader not in ("OneHot", "BagOfWords"):
            raise ValueError(f"reader is {self.reader!r}, but a BigModel reads with OneHot or BagOfWords.")
        if min(self.vocab_size, self.context, self.hidden_size) < 1:
            raise ValueError(f"every size of {self} must be at least 1.")


def build_big_model(config: BigModelConfig) -> nn.Sequential:
    """Build a BigModel with the layer that reads ids for it."""
    reader = {"OneHot": OneHot, "BagOfWords": BagOfWords}[config.reader](config.vocab_size, config.context)
    read = config.vocab_size * (config.context if config.reader == "OneHot" else 1)
    return nn.Sequential(reader, BigModel(read, config.hidden_size, config.vocab_size))


# A kind of model that can be saved: its name, the class of its configuration, and what builds it from one.
KINDS: dict[str, tuple[type, Callable[[Any], nn.Module]]] = {
    "BigModel": (BigModelConfig, build_big_model),
    "Decoder": (Config, Decoder),
}


def config_of(model: nn.Module) -> Any:
    """Return the configuration that builds this model again, without its weights.

    Raises:
        ValueError: the model is of no kind that can be built again.
    """
    layers = list(model) if isinstance(model, nn.Sequential) else []
    match layers:
        case [OneHot() | BagOfWords() as reader, BigModel() as big_model]:
            hidden_size = big_model.encoder.out_features
            return BigModelConfig(type(reader).__name__, reader.vocab_size, reader.context, hidden_size)
    config = getattr(model, "config", None)
    if type(config) not in [kind for kind, _ in KINDS.values()]:
        raise ValueError(
            f"a {type(model).__name__} of {[type(layer).__name__ for layer in layers]} cannot be saved as a run, only "
            "a Decoder or nn.Sequential(OneHot or BagOfWords, BigModel): for another model, use save_weights."
        )
    return config


@dataclass(frozen=True)
class Run:
    """A model with the tokenizer that it was trained with, and what was noted about how it was made, if anything."""

    model: nn.Module
    tokenizer: Tokenizer
    record: dict[str, Any] = field(default_factory=dict)


def save_run(folder: str | Path, model: nn.Module, tokenizer: Tokenizer) -> None:
    """Write a run: the weights, how to build the model again, and the tokenizer.

    Raises:
        OSError: a file cannot be written.
        ValueError: the model is none that this course knows how to build again.
    """
    folder, model = Path(folder), unwrapped(model)
    config = config_of(model)
    kind = next(name for name, (known, _) in KINDS.items() if known is type(config))
    folder.mkdir(parents=True, exist_ok=True)
    once = dict(model.named_parameters())  # of weights that are shared, such as tied ones, one name only
    weights = safetensors.torch.save({name: weight.detach().contiguous() for name, weight in once.items()})
    tokenizer.save(folder / TOKENIZER)
    write_whole(folder / WEIGHTS, weights)
    # Last, and with the hashes of the others: a reader beside us can tell old files from new ones.
    hashes = {name: _sha256(folder / name) for name in (WEIGHTS, TOKENIZER)}
    description = {"kind": kind, "config": asdict(config), "sha256": hashes}
    write_whole(folder / CONFIG, json.dumps(description, indent=2).encode() + b"\n")


def load_run(folder: str | Path) -> Run:
    """Open a run: the model with its weights, and its tokenizer.

    Raises:
        FileNotFoundError: the folder or one of its files is missing.
        ValueError: a file is damaged, or does not belong to the others.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"there is no run at {folder}: make one with `python -m bigmodel pretrain` or save_run."
        )
    if not (folder / WEIGHTS).exists() and (folder / "big_model.pth").exists():
        raise ValueError(
            f"{folder} was written by an earlier version of this course: pretrain again, or build its model, fit what "
            "load_weights reads from big_model.pth, and save_run it."
        )
    model, hashes = _read_config(folder / CONFIG)
    for name, expected in hashes.items():
        if _sha256(folder / name) != expected:
            raise ValueError(
                f"{folder / name} is not the file that {CONFIG} was written for: it is damaged, or another program is "
                "just writing this run. Try again, and if it stays so, make the run anew."
            )
    try:
        once = safetensors.torch.load(_bytes_of(folder / WEIGHTS))
    except SafetensorError as error:
        raise ValueError(f"{folder / WEIGHTS} is not a file of weights, or is damaged: {error}.") from None
    fit_weights(model, _with_shared(model, once), folder / WEIGHTS)
    return Run(model.eval(), tokenizers.load(folder / TOKENIZER), _read_record(folder / RECORD))


def _read_config(path: Path) -> tuple[nn.Module, dict[str, str]]:
    """The model that a run's ``config.json`` describes, with new weights, and the hashes of the other files."""
    try:
        description = json.loads(_bytes_of(path))
        config, build = KINDS[description["kind"]]
        hashes = {name: description["sha256"][name] for name in (WEIGHTS, TOKENIZER)}
        return build(config(**description["config"])), hashes
    except (ValueError, KeyError, TypeError):
        raise ValueError(
            f"{path} does not describe a run of bigmodel: it is damaged, or belongs to something else."
        ) from None


def _read_record(path: Path) -> dict[str, Any]:
    """What was noted about how a run was made; nothing where there is no note."""
    try:
        return dict(json.loads(path.read_bytes())) if path.exists() else {}
    except (ValueError, TypeError):
        raise ValueError(f"{path} is damaged: bring it back, or delete it; the model does not need it.") from None


def _with_shared(model: nn.Module, once: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights under every name that they have in the model; a tied one was saved under the first alone."""
    first: dict[int, str] = {}
    names = {name: first.setdefault(id(weight), name) for name, weight in model.state_dict(keep_vars=True).items()}
    again = {name: once[other] for name, other in names.items() if name not in once and other in once}
    return once | again


# Going on where a training was stopped


@dataclass
class History:
    """What a training left behind. Losses are in nats a token; the loss of step t is that before its update."""

    losses: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    validation_steps: list[int] = field(default_factory=list)
    validation_losses: list[float] = field(default_factory=list)
    seconds: float = 0.0
    interrupted: bool = False


@dataclass(frozen=True)
class Checkpoint:
    """A file that a training is written to every so many steps, and continued from where it exists.

    Raises:
        ValueError: ``every`` is below 1.
    """

    path: str | Path
    every: int = 100

    def __post_init__(self) -> None:
        if self.every < 1:
            raise ValueError(f"every is {self.every}, but a checkpoint is written each 1 step or more.")

    def history(self) -> History:
        """Return what happened in the training so far; an empty history where there is no file."""
        state = _unpacked(self.path) if Path(self.path).exists() else None
        return History(**state["history"]) if isinstance(state, dict) and "history" in state else History()

    def save(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, history: History, recipe: dict[str, str]
    ) -> None:
        """Write the training as it stands; of several processes, the first one writes."""
        if process()[0] == 0:
            Path(self.path).parent.mkdir(parents=True, exist_ok=True)
            states = {"model": unwrapped(model).state_dict(), "optimizer": optimizer.state_dict()}
            write_whole(self.path, _packed({**states, "history": asdict(history), "recipe": recipe}))

    def resume(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        recipe: dict[str, str],
        rate_of: Callable[[int], float],
        steps: int,
    ) -> History:
        """Put model and optimizer back to where the file was written, if it is one of this very training.

        Raises:
            ValueError: it is of another training, or no checkpoint; nothing was changed.
        """
        if not Path(self.path).exists():
            return History()
        state = _unpacked(self.path)
        if not (isinstance(state, dict) and state.keys() == {"model", "optimizer", "history", "recipe"}):
            raise ValueError(
                f"{self.path} is not a checkpoint of train(): give another name, or delete it to start anew."
            )
        history = History(**state["history"])
        if (other := _difference(state["recipe"], recipe, history, rate_of, steps)) is not None:
            raise ValueError(
                f"{self.path} {other}: call train() as before to go on, or give another path to start anew."
            )
        fit_weights(unwrapped(model), state["model"], self.path)
        optimizer.load_state_dict(state["optimizer"])
        return history


def recipe(
    optimizer: torch.optim.Optimizer,
    data: TensorDataset,
    batch_size: int,
    seed: int,
    clip: float | None,
    precision: str,
) -> dict[str, str]:
    """Describe what decides the course of a training, but for the learning rate, to know it again."""
    digest = hashlib.sha256()
    for tensor in data.tensors:
        digest.update(f"{tuple(tensor.shape)}".encode() + tensor.contiguous().numpy().tobytes())
    own = {"batch_size": batch_size, "seed": seed, "clip": clip, "precision": precision}
    settings = {name: value for name, value in sorted(optimizer.defaults.items()) if name != "lr"}
    described = {"optimizer": type(optimizer).__name__, **own, "data": digest.hexdigest()[:8], **settings}
    return {name: str(value) for name, value in described.items()}


def _difference(
    before: dict[str, str], now: dict[str, str], history: History, rate_of: Callable[[int], float], steps: int
) -> str | None:
    """What of an earlier training is unlike this call, in words; None for the same training."""
    unlike = [name for name in before | now if before.get(name) != now.get(name)]
    if unlike:
        then, here = (", ".join(f"{name} {made.get(name)}" for name in unlike) for made in (before, now))
        return f"was made with {then}, and this call has {here}"
    for step, rate in enumerate(history.rates[:steps]):
        if rate != rate_of(step):
            return f"had a learning rate of {rate:.4g} at step {step}, and this call has {rate_of(step):.4g}"
    if len(history.losses) > steps:
        return f"is already at step {len(history.losses)}, and this call ends at {steps}"
    return None


@contextmanager
def interruptible() -> Iterator[threading.Event]:
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


def check_arguments(data: TensorDataset, steps: int, batch_size: int, clip: float | None, precision: str) -> None:
    """Refuse what no training can be made of.

    Raises:
        ValueError: an argument is out of range.
    """
    for name, value in {"steps": steps, "batch_size": batch_size}.items():
        if value < 1:
            raise ValueError(f"{name} is {value}, but it counts something: use 1 or more.")
    if clip is not None and not clip > 0:
        raise ValueError(f"clip is {clip}, but a norm is above 0: use 1.0, or None to leave gradients as they are.")
    if precision not in ("float32", "bfloat16"):
        raise ValueError(f'precision is "{precision}", but train() knows "float32" and "bfloat16".')
    if len(data) == 0:
        raise ValueError("the data have no rows, so there is nothing to train on: take more text.")


# Bytes


def _packed(state: dict[str, Any]) -> bytes:
    """Tensors and plain values as ``torch.save`` packs them; the same values always give the same bytes."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def _unpacked(path: str | Path) -> object:
    """What ``torch.save`` packed; ``weights_only=True`` refuses every pickle that would run code."""
    packed = _bytes_of(path)
    try:
        return torch.load(io.BytesIO(packed), map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises a dozen kinds for what is one mistake
        raise ValueError(
            f"{path} is not a file of weights, or is damaged ({type(error).__name__}); nothing in it was run. "
            "Save one with save_weights."
        ) from error


def _bytes_of(path: str | Path) -> bytes:
    """A whole file; what is missing is named."""
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no file {path}: save it first, or mend its name.") from None
    except IsADirectoryError:
        raise ValueError(f"{path} is a folder, but a file is needed: name the file in it.") from None


def _sha256(path: Path) -> str:
    return hashlib.sha256(_bytes_of(path)).hexdigest()
