"""How near to the floor a minute brings a new Decoder: the small world's entropy is known, so this can be said."""

from functools import partial
from pathlib import Path

import torch

from benchmarks import measure
from benchmarks.measure import Part
from bigmodel import world
from bigmodel.data import rows
from bigmodel.decoder import Config, Decoder
from bigmodel.generate import generate_all
from bigmodel.ladder import excess, rungs
from bigmodel.model import num_parameters
from bigmodel.optimizer import MuonAdamW
from bigmodel.schedule import warm_up_stable_decay
from bigmodel.tokenizer import Tokenizer, WordTokenizer
from bigmodel.train import train

STEPS = 1000
BATCH_SIZE = 16  # stories, each whole, none of them twice
FRESH_SEED = 12  # of the stories that it is measured on


def run(folder: Path, steps: int = STEPS, stories: int = 400, written: int = 100) -> Part:
    """Train a small Decoder, and measure its excess over the floor and the share of its stories that are right."""
    tokenizer = WordTokenizer.train(world.text(2000, seed=0), vocab_size=1000)
    floor = rungs(tokenizer)["floor"]
    found = []
    for precision in dict.fromkeys([measure.fast_precision(), "float32"]):
        torch.manual_seed(0)
        decoder = Decoder(Config(tokenizer.vocab_size, n_layer=2, n_head=6, n_embd=96))
        seconds = pretrain(decoder, tokenizer, steps, precision)
        above = excess(decoder, tokenizer, stories=stories, seed=FRESH_SEED)
        judged = world.judge(generate_all(decoder, tokenizer, [""] * written, length=200))
        found.append((
            precision, f"{num_parameters(decoder):,}", f"{steps * BATCH_SIZE:,}", f"{seconds:.0f}",
            f"{above.mean / floor:.1%} ± {above.standard_error / floor:.1%}",
            f"{judged.grammatical:.0%}", f"{judged.consistent:.0%}",
        ))  # fmt: skip
    header = (
        "precision", "parameters", "stories read", "seconds", "above the floor", "sentences grammatical",
        "stories consistent",
    )  # fmt: skip
    return Part(
        "A new Decoder on the small world",
        header,
        tuple(found),
        ("Measured on stories that it has not read.",),
    )


def pretrain(decoder: Decoder, tokenizer: Tokenizer, steps: int, precision: str) -> float:
    """Train on whole stories, one a row, and return the seconds that it took."""
    up = steps // 20
    history = train(
        decoder,
        rows(world.stories(steps * BATCH_SIZE, seed=7), tokenizer),
        steps=steps,
        batch_size=BATCH_SIZE,
        learning_rate=partial(warm_up_stable_decay, T=steps, eta_0=0.02, up=up, down=steps - up),
        optimizer=partial(MuonAdamW, blocks=decoder.blocks),
        precision=precision,
    )
    return history.seconds
