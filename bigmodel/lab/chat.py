"""``chat``: a conversation with a run that was taught to answer."""

from argparse import Namespace
from itertools import count

from bigmodel.chat import SPEAKERS, Turn, reply, that_fit
from bigmodel.checkpoint import Run, load_run
from bigmodel.generate import Sampling
from bigmodel.lab.generate import latest_run
from bigmodel.model import context_length

GREETING = "Say something; Ctrl-C or Ctrl-D leaves."
FAREWELL = "You left the conversation; nothing of it was kept."


def chat(options: Namespace) -> None:
    """Talk with a run's model until the user leaves."""
    folder = options.run or latest_run()
    run = load_run(folder)
    if not run.tokenizer.specials.keys() >= set(SPEAKERS.values()):
        raise ValueError(
            f"the run in {folder} was not taught to answer: notebook 12 makes one that was, and generate --run "
            f"{folder} lets this one continue a text."
        )
    print(GREETING)
    try:
        talk(run, options)
    except (EOFError, KeyboardInterrupt):
        print(f"\n{FAREWELL}")


def talk(run: Run, options: Namespace) -> None:
    """Read what the user says and stream the answer, again and again; what no longer fits is forgotten aloud.

    Raises:
        EOFError: the user has left.
    """
    turns: list[Turn] = []
    room = (context_length(run.model) or 256) - options.length
    for seed in count(options.seed):  # another one for each answer
        turns.append(("user", input("you: ").strip()))
        if not turns[-1][1]:
            turns.pop()
            continue
        fitting = that_fit(turns, run.tokenizer, room)
        if not fitting:
            print(f"(That is longer than the {room} tokens that the model can read: say it in fewer words.)")
            turns.pop()
            continue
        if len(fitting) < len(turns):
            print(f"(The model reads {room} tokens at most, and no longer sees what came before “{fitting[0][1]}”)")
        sampling = Sampling(options.temperature, options.top_k, options.top_p, seed)
        answer = ""
        print("assistant:", end="", flush=True)
        for piece in reply(run.model, run.tokenizer, fitting, options.length, sampling):
            print(piece, end="", flush=True)
            answer += piece
        print()
        turns = [*fitting, ("assistant", answer.strip())]
