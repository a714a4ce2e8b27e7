"""What training leaves on disk: weights, and runs that can be opened again. Always written whole.

A *file of weights*, such as ``big_model.pth``, is a state dict: names and tensors. A *run* is a folder that
holds everything needed to use a model: ``big_model.pth``, ``config.json`` and ``tokenizer.json``.
"""

import hashlib
import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from bigmodel import tokenizer as tokenizers
from bigmodel.decoder import Config, Decoder
from bigmodel.files import write_whole
from bigmodel.model import BagOfWords, BigModel, OneHot
from bigmodel.tokenizer import Tokenizer

WEIGHTS, CONFIG, TOKENIZER = "big_model.pth", "config.json", "tokenizer.json"


@dataclass(frozen=True)
class Run:
    """A model with the tokenizer that it was trained with."""

    model: nn.Module
    tokenizer: Tokenizer


def save_weights(module: nn.Module, path: str | Path) -> None:
    """Write the module's state dict to a file, which never holds half of it.

    Raises:
        OSError: the file cannot be written; what stood there before is untouched.
    """
    write_whole(path, to_bytes(module.state_dict()))


def load_weights(path: str | Path) -> dict[str, Tensor]:
    """Read a state dict from a file. Nothing in the file is run, whoever wrote it.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not a state dict.
    """
    state = from_bytes(read_bytes(path), path)
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


def save_run(folder: str | Path, model: nn.Module, tokenizer: Tokenizer) -> None:
    """Write a run: the weights, how to build the model again, and the tokenizer.

    Raises:
        OSError: a file cannot be written.
        ValueError: the model is none that this course knows how to build again.
    """
    folder = Path(folder)
    description = describe(model)
    folder.mkdir(parents=True, exist_ok=True)
    weights = to_bytes(model.state_dict())
    tokenizer.save(folder / TOKENIZER)
    write_whole(folder / WEIGHTS, weights)
    # Last, and with the hashes of the others: a reader beside us can tell old files from new ones.
    hashes = {WEIGHTS: _sha256(weights), TOKENIZER: _sha256((folder / TOKENIZER).read_bytes())}
    write_whole(
        folder / CONFIG, json.dumps({"model": description, "sha256": hashes}, indent=2).encode() + b"\n"
    )


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
    config = read_config(folder / CONFIG)
    for name, expected in config["sha256"].items():
        if _sha256(read_bytes(folder / name)) != expected:
            raise ValueError(
                f"{folder / name} is not the file that {CONFIG} was written for: it is damaged, or another program is "
                "just writing this run. Try again, and if it stays so, make the run anew."
            )
    model = build(config["model"])
    fit_weights(model, load_weights(folder / WEIGHTS), folder / WEIGHTS)
    return Run(model, tokenizers.load(folder / TOKENIZER))


def describe(model: nn.Module) -> dict:
    """Say in a few words and numbers how to build the model again, without its weights.

    Raises:
        ValueError: the model is none that ``build`` knows.
    """
    if isinstance(model, Decoder):
        return {"decoder": asdict(model.config)}
    layers = list(model) if isinstance(model, nn.Sequential) else []
    reader, big_model = layers if len(layers) == 2 else (None, None)
    if isinstance(reader, OneHot | BagOfWords) and isinstance(big_model, BigModel):
        return {
            "reader": type(reader).__name__,
            "vocab_size": reader.vocab_size,
            "context": reader.context,
            "hidden_size": big_model.encoder.out_features,
        }
    raise ValueError(
        f"a {type(model).__name__} of {[type(layer).__name__ for layer in layers]} cannot be saved as a run, only "
        "a Decoder or nn.Sequential(OneHot or BagOfWords, BigModel): for another model, use save_weights."
    )


def build(description: dict) -> nn.Module:
    """Build the model that ``describe`` described, with new weights."""
    if "decoder" in description:
        return Decoder(Config(**description["decoder"]))
    vocab_size, context = description["vocab_size"], description["context"]
    readers = {"OneHot": OneHot, "BagOfWords": BagOfWords}
    reader = readers[description["reader"]](vocab_size, context)
    input_size = vocab_size * context if isinstance(reader, OneHot) else vocab_size
    return nn.Sequential(reader, BigModel(input_size, description["hidden_size"], vocab_size))


def read_config(path: Path) -> dict:
    """Read a run's ``config.json``.

    Raises:
        ValueError: the file is not one.
    """
    try:
        config = json.loads(read_bytes(path))
        if {WEIGHTS, TOKENIZER} <= set(config["sha256"]) and _can_be_built(config["model"]):
            return config
    except (ValueError, KeyError, TypeError):
        pass
    raise ValueError(
        f"{path} does not describe a run of bigmodel: it is damaged, or belongs to something else."
    )


def _can_be_built(description: dict) -> bool:
    if "decoder" in description:
        Config(**description["decoder"])  # which refuses what makes no Decoder
        return True
    sizes = [description[name] for name in ("vocab_size", "context", "hidden_size")]
    known = description["reader"] in ("OneHot", "BagOfWords")
    return known and all(isinstance(size, int) and size > 0 for size in sizes)


def to_bytes(state: dict) -> bytes:
    """Pack tensors and plain values as ``torch.save`` does; the same values always give the same bytes."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def from_bytes(packed: bytes, path: str | Path) -> object:
    """Unpack what ``to_bytes`` packed; ``path`` is named in errors.

    ``weights_only=True`` refuses every pickle that would run code.

    Raises:
        ValueError: it is something else, or damaged.
    """
    try:
        return torch.load(io.BytesIO(packed), map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises a dozen kinds for what is one mistake
        raise ValueError(
            f"{path} is not a file of weights, or is damaged ({type(error).__name__}); nothing in it was run. "
            "Save one with save_weights."
        ) from error


def read_bytes(path: str | Path) -> bytes:
    """Read a whole file.

    Raises:
        FileNotFoundError: there is no such file.
    """
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no file {path}: save it first, or mend its name.") from None
    except IsADirectoryError:
        raise ValueError(f"{path} is a folder, but a file is needed: name the file in it.") from None


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
