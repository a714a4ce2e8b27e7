"""A small world of children's stories whose entropy is known exactly: the floor under every loss of this course.

    from bigmodel import world
    world.stories(3, seed=0)                    # three stories in English; script="hanzi" or "pinyin" for the others
    world.log_probability(world.stories(1)[0])  # ln of the exact probability with which the world tells this story
    world.entropy("english")                    # nats a story: no model can do better on fresh stories

One generative program (`program.py`) draws what happens (`plot.py`, `lexicon.py`) and tells it in sentences with slots
(`frames.py`, `english.py`, `hanzi.py`, `pinyin.py`). Run backwards it scores a text or its beginning (`prefix.py`) and
judges any text (`reading.py`); `tasks.py` asks questions, `measure.py` measures the world.
"""

from bigmodel.world.dialect import DIALECT
from bigmodel.world.frames import Frame, Meaning
from bigmodel.world.measure import Richness, richness, tokens
from bigmodel.world.prefix import prefix_log_probability, surprises
from bigmodel.world.program import Story, World
from bigmodel.world.reading import Judgement, Reading, Sentence, judge, read
from bigmodel.world.story import entropy, log_probability, parse, sample, stories, tell, text
from bigmodel.world.tasks import (
    Instruction,
    Preference,
    Question,
    contradict,
    instruction,
    preference,
    questions,
)
from bigmodel.world.telling import SCRIPTS, WORLD

__all__ = [
    "DIALECT",
    "SCRIPTS",
    "WORLD",
    "Frame",
    "Instruction",
    "Judgement",
    "Meaning",
    "Preference",
    "Question",
    "Reading",
    "Richness",
    "Sentence",
    "Story",
    "World",
    "contradict",
    "entropy",
    "instruction",
    "judge",
    "log_probability",
    "parse",
    "preference",
    "prefix_log_probability",
    "questions",
    "read",
    "richness",
    "sample",
    "stories",
    "surprises",
    "tell",
    "text",
    "tokens",
]
