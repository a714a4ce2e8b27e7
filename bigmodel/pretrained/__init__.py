"""A Decoder that was pretrained on the small world, for the notebooks that begin where pretraining ends.

    from bigmodel import pretrained
    model, tokenizer = pretrained.load()

It was made by ``python -m bigmodel.pretrained``, which makes it again.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError

from bigmodel import tokenizer as tokenizers
from bigmodel.checkpoint import fit_weights, read_bytes
from bigmodel.decoder import Config, Decoder
from bigmodel.files import write_whole
from bigmodel.tokenizer import Tokenizer

FOLDER = Path(__file__).parent
WEIGHTS, TOKENIZER, RECORD = "decoder.safetensors", "tokenizer.json", "record.json"


@dataclass(frozen=True)
class Record:
    """How the weights were made, and how far above the floor they are on fresh stories, in nats a token."""

    config: Config
    script: str
    steps: int
    batch_size: int
    precision: str
    seconds: int
    fresh_seed: int
    excess: float
    standard_error: float
    floor: float


def load(folder: str | Path = FOLDER) -> tuple[Decoder, Tokenizer]:
    """Open the pretrained Decoder and its tokenizer; the weights are kept as float16 and computed with as float32.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file is damaged, or does not belong to the others.
    """
    path = Path(folder) / WEIGHTS
    try:
        state = safetensors.torch.load(read_bytes(path))
    except SafetensorError as error:
        raise ValueError(f"{path} is not a file of weights, or is damaged: {error}.") from None
    decoder = Decoder(load_record(folder).config)
    fit_weights(decoder, {name: tensor.float() for name, tensor in state.items()}, path)
    return decoder.eval(), tokenizers.load(Path(folder) / TOKENIZER)


def load_record(folder: str | Path = FOLDER) -> Record:
    """Read how the pretrained Decoder was made.

    Raises:
        FileNotFoundError: the file is missing.
        ValueError: it is damaged.
    """
    path = Path(folder) / RECORD
    try:
        record = json.loads(read_bytes(path))
        return Record(**record | {"config": Config(**record["config"])})
    except (ValueError, TypeError, KeyError):
        raise ValueError(
            f"{path} is no record of a pretrained Decoder: make it anew, or bring it back."
        ) from None


def save(folder: str | Path, decoder: Decoder, tokenizer: Tokenizer, record: Record) -> None:
    """Write the weights as float16, the tokenizer and the record.

    Raises:
        OSError: a file cannot be written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: tensor.to(torch.float16).contiguous() for name, tensor in decoder.state_dict().items()}
    write_whole(folder / WEIGHTS, safetensors.torch.save(state))
    tokenizer.save(folder / TOKENIZER)
    write_whole(folder / RECORD, json.dumps(asdict(record), indent=2).encode() + b"\n")
