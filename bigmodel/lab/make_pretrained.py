"""Make the pretrained Decoder again, in runs/pretrained: python -m bigmodel.lab.make_pretrained"""

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
from bigmodel.ladder import excess, rungs
from bigmodel.optimizer import MuonAdamW
from bigmodel.schedule import warm_up_stable_decay
from bigmodel.tokenizer import Tokenizer, WordTokenizer
from bigmodel.train import History, train

SCRIPT = "english"
STEPS, BATCH_SIZE, PRECISION = 8000, 16, "bfloat16"
TRAINING_SEED, FRESH_SEED = 7, 991  # of the stories


def pretrain(decoder: Decoder, tokenizer: Tokenizer, checkpoint: Path) -> History:
    """Train on whole stories, one a row, none of which comes twice."""
    up = STEPS // 20
    stories = world.stories(STEPS * BATCH_SIZE, seed=TRAINING_SEED, script=SCRIPT)
    return train(
        decoder, rows(stories, tokenizer), steps=STEPS, batch_size=BATCH_SIZE, precision=PRECISION,
        optimizer=partial(MuonAdamW, blocks=decoder.blocks),
        learning_rate=partial(warm_up_stable_decay, T=STEPS, eta_0=0.02, up=up, down=STEPS - up),
        checkpoint=Checkpoint(checkpoint, every=500),
    )  # fmt: skip


def main() -> None:
    """Train, measure on fresh stories, and write a run, with a record of how it was made beside it."""
    to = Path("runs/pretrained")
    tokenizer = WordTokenizer.train(world.text(2000, seed=0, script=SCRIPT), vocab_size=1000)
    torch.manual_seed(0)
    decoder = Decoder(replace(PRESETS["medium"], n_layer=3))
    history = pretrain(decoder, tokenizer, to / "checkpoint.pth")
    found = excess(decoder, tokenizer, script=SCRIPT, stories=400, seed=FRESH_SEED)
    record = {
        "script": SCRIPT, "steps": len(history.losses), "batch_size": BATCH_SIZE, "precision": PRECISION,
        "seconds": round(history.seconds), "fresh_seed": FRESH_SEED,
        "excess": found.mean, "standard_error": found.standard_error, "floor": rungs(tokenizer, SCRIPT)["floor"],
    }  # fmt: skip
    save_run(to, decoder.half(), tokenizer)
    write(to / "record.json", json.dumps(record, indent=2) + "\n")
    print(f"{to}: {record}")


if __name__ == "__main__":
    main()
