"""Stories by seed and index: drawing them, many at a time, and knowing their probability."""

import random
from functools import cache

from bigmodel.world.frames import Meaning
from bigmodel.world.program import Story, World
from bigmodel.world.telling import WORLD

STORIES_PER_SEED = 2**32


def sample(seed: int = 0, script: str = "english", index: int = 0, world: World = WORLD) -> Story:
    """Draw the story with this seed and index.

    The same seed and index give the same meaning in every script, and different pairs draw from different streams,
    so stories of one seed are fresh to a model trained on another's.

    Raises:
        ValueError: outside 0 ≤ index < 2³², 0 ≤ seed, and for a script that the world does not have.
    """
    if seed < 0 or not 0 <= index < STORIES_PER_SEED:
        raise ValueError(f"seed {seed}, index {index}: use a seed of at least 0 and an index from 0 to 2³² − 1.")
    number = seed * STORIES_PER_SEED + index
    return world.sample(script, random.Random(2 * number), random.Random(2 * number + 1))


def stories(n: int, seed: int = 0, script: str = "english", world: World = WORLD) -> list[str]:
    """The texts of ``n`` stories: those of indices 0 to n − 1 of this seed."""
    return [sample(seed, script, index, world).text for index in range(n)]


def text(stories: int, seed: int = 0, script: str = "english", world: World = WORLD) -> str:
    """Stories one after the other, a blank line between two."""
    return "\n\n".join(sample(seed, script, index, world).text for index in range(stories))


def tell(meaning: Meaning, script: str = "english", seed: int = 0, world: World = WORLD) -> str:
    """Tell a meaning in another script, or in other words."""
    return world.tell(Story("", script, meaning), random.Random(seed)).text


def parse(text: str, script: str = "english", world: World = WORLD) -> Story | None:
    """The story that this text is, whole and consistent; None if it is none."""
    return next(world.derivations(text, script), None)


def log_probability(text: str, script: str = "english", world: World = WORLD) -> float:
    """ln of the exact probability with which the world tells this text; −inf if it never does."""
    story = parse(text, script, world)
    return float("-inf") if story is None else story.log_probability


@cache
def entropy(script: str = "english", world: World = WORLD) -> float:
    """Entropy of the world in nats a story: the mean of −ln p, and the floor under every loss."""
    return world.entropy(script)
