"""A small world of children's stories whose entropy is known exactly: the floor under every loss of this course.

    from bigmodel import world
    world.stories(3, seed=0)                    # three stories in English; script="hanzi" or "pinyin" for the others
    world.log_probability(world.stories(1)[0])  # ln of the exact probability with which the world tells this story
    world.entropy("english")                    # nats a story: no model can do better on fresh stories

One generative program (`program.py`) draws what happens (`plot.py`, `lexicon.py`), tells it in sentences with slots
(`frames.py`, `english.py`, `hanzi.py`, `pinyin.py`), and runs backwards to score and to judge any text (`reading.py`).
"""

from bigmodel.world.frames import Frame, Meaning
from bigmodel.world.program import World
from bigmodel.world.stories import Story, entropy, log_probability, parse, sample, stories, tell, text
from bigmodel.world.telling import SCRIPTS, WORLD

__all__ = [
    "SCRIPTS",
    "WORLD",
    "Frame",
    "Meaning",
    "Story",
    "World",
    "entropy",
    "log_probability",
    "parse",
    "sample",
    "stories",
    "tell",
    "text",
]
