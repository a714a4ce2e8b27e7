"""The exact probability of a beginning, and so the perfect next token: what no model can do better than.

P(a story begins with this text) is a sum over the stories that do. It is short to compute because sentences follow one
another: whole sentences fix the state, and only the last, broken one leaves several ways to go on.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from bigmodel.world.frames import Choice, Meaning, Parts
from bigmodel.world.program import World
from bigmodel.world.reading import Facts, common_prefix, wordings
from bigmodel.world.telling import WORLD


def prefix_log_probability(text: str, script: str = "english", world: World = WORLD) -> float:
    """ln of the probability that a story begins with this text; −inf where none does.

    A whole story counts too: at its end, the text is both a beginning and all of it.
    """
    told = world.script(script)
    total = 0.0
    front: list[tuple[int, int, Meaning, float]] = [(0, 0, {}, 1.0)]
    while front:
        longer = []
        for at, end, meaning, p in front:
            for beat, known, log_p in world.ahead(at, meaning):
                q = p * math.exp(log_p)
                if beat == len(world.beats):
                    total += q * (end == len(text))
                    continue
                for _, stop, after, log_q in world.steps(text, end, told, beat, known):
                    if stop < len(text):
                        longer.append((beat + 1, stop, after, q * math.exp(log_q)))
                total += q * broken_sentence(text, end, script, world, beat, known)
        front = longer
    return math.log(total) if total > 0 else -math.inf


def surprises(tokens: Sequence[str], script: str = "english", world: World = WORLD) -> list[float]:
    """−ln p of each token of a story given those before it, for the perfect model: the floor, token by token.

    The tokens are pieces of text that joined give the story; the last number is that of the story's end.
    Their sum is −ln p of the story. A piece of text that cannot follow costs infinity.
    """
    beginnings = ["".join(tokens[:length]) for length in range(len(tokens) + 1)]
    log_p = [prefix_log_probability(beginning, script, world) for beginning in beginnings]
    log_p.append(sum_of_stories(beginnings[-1], script, world))
    return [before - after if after > -math.inf else math.inf for before, after in pairwise(log_p)]


def sum_of_stories(text: str, script: str, world: World) -> float:
    """ln of the probability of exactly this text."""
    p = math.fsum(math.exp(telling.log_probability) for telling in world.derivations(text, script))
    return math.log(p) if p > 0 else -math.inf


def broken_sentence(text: str, end: int, script_name: str, world: World, at: int, known: Meaning) -> float:
    """Probability that what tells beat `at` begins with the rest of `text` after `end`, or is exactly it."""
    script = world.script(script_name)
    separator = script.separator if end else ""
    if len(text) - end <= len(separator):
        return float(separator.startswith(text[end:]))
    if not text.startswith(separator, end):
        return 0.0
    outcomes = {draw.role: draw.probabilities(known) for draw in world.beats[at].draws}
    allowed: Facts = {role: frozenset((value,)) for role, value in known.items()}
    allowed |= {role: frozenset(values) for role, values in outcomes.items()}
    frames = script.frames[world.beats[at].name]
    total = 0.0
    for frame in frames:
        for p, facts in begin(frame.parts, text, end + len(separator), allowed)[0]:
            for role, probabilities in outcomes.items():
                p *= sum(probabilities[value] for value in facts[role])
            total += p / len(frames)
    return total


Begun = list[tuple[float, Facts]]  # probability of the style so far, and what the slots allow
Told = list[tuple[int, float, Facts]]  # the same, with the place in the text


def begin(parts: Parts, text: str, start: int, allowed: Facts) -> tuple[Begun, Told]:
    """Every way in which `text` from `start` on runs out within these parts; and every way past their end."""
    begun: Begun = []
    places: Told = [(start, 1.0, allowed)]
    for part in parts:
        after: Told = []
        for at, p, facts in places:
            if isinstance(part, Choice):
                for way in part.ways:
                    ended, told = begin(way, text, at, facts)
                    begun += [(p * q / len(part.ways), known) for q, known in ended]
                    after += [(stop, p * q / len(part.ways), known) for stop, q, known in told]
                continue
            for words, narrowed in wordings(part, facts):
                agreed = common_prefix(text, at, words)
                if at + agreed == len(text):
                    begun.append((p, narrowed))
                elif agreed == len(words):
                    after.append((at + agreed, p, narrowed))
        places = after
    return begun, places
