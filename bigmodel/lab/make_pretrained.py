"""Make the pretrained Decoder again: python -m bigmodel.lab.make_pretrained [--steps 8000] [--to FOLDER]"""

import argparse
import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from bigmodel import world
from bigmodel.checkpoint import Checkpoint, save_run
from bigmodel.data import rows
from bigmodel.decoder import PRESETS, Decoder
from bigmodel.lab.course import write
from bigmodel.lab.shell import COUNT
from bigmodel.ladder import excess, rungs
from bigmodel.optimizer import MuonAdamW
from bigmodel.schedule import warm_up_stable_decay
from bigmodel.tokenizer import Tokenizer, WordTokenizer
from bigmodel.train import History, train

SCRIPT = "english"
BATCH_SIZE = 16
TRAINING_SEED, FRESH_SEED = 7, 991  # of the stories


def pretrain(decoder: Decoder, tokenizer: Tokenizer, steps: int, precision: str, checkpoint: Path) -> History:
    """Train on whole stories, one a row, none of which comes twice."""
    up = steps // 20
    stories = world.stories(steps * BATCH_SIZE, seed=TRAINING_SEED, script=SCRIPT)
    return train(
        decoder, rows(stories, tokenizer), steps=steps, batch_size=BATCH_SIZE, precision=precision,
        optimizer=partial(MuonAdamW, blocks=decoder.blocks),
        learning_rate=partial(warm_up_stable_decay, T=steps, eta_0=0.02, up=up, down=steps - up),
        checkpoint=Checkpoint(checkpoint, every=500),
    )  # fmt: skip


def main() -> None:
    """Train, measure on fresh stories, and write a run, with a record of how it was made beside it."""
    words = argparse.ArgumentParser(prog="python -m bigmodel.lab.make_pretrained")
    words.add_argument("--steps", type=COUNT, default=8000, help="updates of the weights (default: %(default)s)")
    words.add_argument("--to", type=Path, default=Path("runs/pretrained"), help="folder (default: %(default)s)")
    words.add_argument("--precision", default="bfloat16", choices=["float32", "bfloat16"])
    options = words.parse_args()
    tokenizer = WordTokenizer.train(world.text(2000, seed=0, script=SCRIPT), vocab_size=1000)
    torch.manual_seed(0)
    decoder = Decoder(replace(PRESETS["medium"], n_layer=3))
    history = pretrain(decoder, tokenizer, options.steps, options.precision, options.to / "checkpoint.pth")
    found = excess(decoder, tokenizer, script=SCRIPT, stories=400, seed=FRESH_SEED)
    record = {
        "script": SCRIPT, "steps": len(history.losses), "batch_size": BATCH_SIZE, "precision": options.precision,
        "seconds": round(history.seconds), "fresh_seed": FRESH_SEED,
        "excess": found.mean, "standard_error": found.standard_error, "floor": rungs(tokenizer, SCRIPT)["floor"],
    }  # fmt: skip
    save_run(options.to, decoder.half(), tokenizer)
    write(options.to / "record.json", json.dumps(record, indent=2) + "\n")
    print(f"{options.to}: {record}")


if __name__ == "__main__":
    main()
