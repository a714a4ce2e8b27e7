"""Make the pretrained Decoder again: python -m bigmodel.pretrained [--steps 8000] [--to FOLDER]"""

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from bigmodel import pretrained, world
from bigmodel.data import rows
from bigmodel.decoder import PRESETS, Decoder
from bigmodel.ladder import excess, ladder
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
    return train(
        decoder,
        rows(world.stories(steps * BATCH_SIZE, seed=TRAINING_SEED, script=SCRIPT), tokenizer),
        steps=steps,
        batch_size=BATCH_SIZE,
        learning_rate=partial(warm_up_stable_decay, T=steps, eta_0=0.02, up=up, down=steps - up),
        optimizer=partial(MuonAdamW, blocks=decoder.blocks),
        precision=precision,
        checkpoint=checkpoint,
        checkpoint_every=500,
    )


def main() -> None:
    """Train, measure on fresh stories, and write the files that ``pretrained.load`` reads."""
    words = argparse.ArgumentParser(prog="python -m bigmodel.pretrained")
    words.add_argument(
        "--steps", type=int, default=8000, help="updates of the weights (default: %(default)s)"
    )
    words.add_argument(
        "--to", type=Path, default=Path("runs/pretrained"), help="folder (default: %(default)s)"
    )
    words.add_argument("--precision", default="bfloat16", choices=["float32", "bfloat16"])
    options = words.parse_args()
    if options.steps < 1:
        words.error(f"--steps is {options.steps}, but a training takes at least 1.")
    tokenizer = WordTokenizer.train(world.text(2000, seed=0, script=SCRIPT), vocab_size=1000)
    torch.manual_seed(0)
    decoder = Decoder(replace(PRESETS["medium"], n_layer=3))
    history = pretrain(decoder, tokenizer, options.steps, options.precision, options.to / "checkpoint.pth")
    record = pretrained.Record(
        config=decoder.config, script=SCRIPT, steps=len(history.losses), batch_size=BATCH_SIZE,
        precision=options.precision, seconds=round(history.seconds), fresh_seed=FRESH_SEED,
        **measured(decoder, tokenizer),
    )  # fmt: skip
    pretrained.save(options.to, decoder, tokenizer, record)
    print(f"{options.to}: {record}")


def measured(decoder: Decoder, tokenizer: Tokenizer) -> dict[str, float]:
    """How far the Decoder is above the floor on fresh stories, in nats a token, and where the floor is."""
    found = excess(decoder, tokenizer, script=SCRIPT, stories=400, seed=FRESH_SEED)
    floor = ladder(tokenizer, SCRIPT)["floor"]
    return {"excess": found.mean, "standard_error": found.standard_error, "floor": floor}


if __name__ == "__main__":
    main()
