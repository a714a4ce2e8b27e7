"""The exact probability of a beginning, and so the perfect next token: what no model can do better than.

P(a story begins with this text) is a sum over the stories that do. It is short to compute because sentences follow one
another: whole sentences fix the state, and only the last, broken one leaves several ways to go on.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise

from bigmodel.world.frames import Facts, common_prefix
from bigmodel.world.program import Beat, Story, World
from bigmodel.world.story import log_probability
from bigmodel.world.telling import WORLD


def prefix_log_probability(text: str, script: str = "english", world: World = WORLD) -> float:
    """ln of the probability that a story begins with this text; −inf where none does.

    A whole story counts too: at its end, the text is both a beginning and all of it.
    """
    return beginnings(text, script, world)[-1]


def surprises(tokens: Sequence[str], script: str = "english", world: World = WORLD) -> list[float]:
    """−ln p of each token of a story given those before it, for the perfect model: the floor, token by token.

    Args:
        tokens: pieces of text that joined give the story.
        script: how the story is written.
        world: whose stories they are.

    Returns:
        A number for each token, and one for the story's end; their sum is −ln p of the story. A piece of text that
        cannot follow costs infinity.
    """
    text = "".join(tokens)
    begun = beginnings(text, script, world)
    log_p = [begun[end] for end in accumulate(map(len, tokens), initial=0)]
    log_p.append(log_probability(text, script, world))
    return [before - after if after > -math.inf else math.inf for before, after in pairwise(log_p)]


def beginnings(text: str, script: str, world: World) -> list[float]:
    """ln of the probability that a story begins with the first n characters of ``text``, for each n from 0 on.

    One walk serves them all, because no sentence of a frame is the beginning of another sentence of it.
    """
    p = [1.0, *(0.0 for _ in text)]
    for beat, story in world.follow(text, script):
        for end, q in agreements(text, world, beat, story):
            for n in range(len(story.text) + 1, end + 1):
                p[n] += math.exp(story.log_probability) * q
    return [math.log(q) if q else -math.inf for q in p]


def agreements(text: str, world: World, beat: Beat | None, story: Story) -> Iterator[tuple[int, float]]:
    """Each way of telling ``beat`` after ``story``, as far as ``text`` agrees with it.

    Yields:
        Where they part, or the text ends; and the probability of what was told up to there.
    """
    script = world.script(story.script)
    if beat is None or beat.name not in script.frames:
        return
    gap = script.gap(len(story.text))
    start = len(story.text) + common_prefix(text, len(story.text), gap)
    if start == len(text) or start < len(story.text) + len(gap):
        yield start, 1.0
        return
    outcomes = {draw.role: draw.probabilities(story.meaning) for draw in beat.draws}
    facts: Facts = {role: frozenset((value,)) for role, value in story.meaning.items()}
    facts |= {role: frozenset(probabilities) for role, probabilities in outcomes.items()}
    for frame in script.frames[beat.name]:
        for end, style, left in frame.follow(text, start, facts):
            p = style / len(script.frames[beat.name])
            for role, probabilities in outcomes.items():
                if left[role] != facts[role]:
                    p *= sum(probabilities[value] for value in left[role])
            yield end, p
