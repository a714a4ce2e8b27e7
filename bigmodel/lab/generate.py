"""``generate``: what a model of one's own writes, in a shell."""

from argparse import Namespace
from pathlib import Path

from bigmodel.checkpoint import load_run
from bigmodel.generate import Sampling, stream


def generate(options: Namespace) -> None:
    """Stream the text that a run's model writes."""
    run = load_run(options.run or latest_run())
    sampling = Sampling(options.temperature, options.top_k, options.top_p, options.seed)
    print(options.prompt, end="", flush=True)
    for piece in stream(run.model, run.tokenizer, options.prompt, options.length, sampling):
        print(piece, end="", flush=True)
    print()


def latest_run() -> Path:
    """The run in ``runs/`` that was written last.

    Raises:
        FileNotFoundError: there is none.
    """
    configs = sorted(Path("runs").glob("*/config.json"), key=lambda path: path.stat().st_mtime)
    if not configs:
        raise FileNotFoundError("there is no run in runs/ yet: make one with `python -m bigmodel pretrain`.")
    return configs[-1].parent
