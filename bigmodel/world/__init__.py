"""A small world of children's stories whose entropy is known exactly: the floor under every loss of this course.

    from bigmodel import world
    world.stories(3, seed=0)                    # three stories in English; script="hanzi" or "pinyin" for the others
    world.log_probability(world.stories(1)[0])  # ln of the exact probability with which the world tells this story
    world.entropy("english")                    # nats a story: no model can do better on fresh stories

Its few terms:

    meaning   what happens in a story: role -> value, {"hero": "mia", "thing": "kite", …}, the same in every script
    role      a question that the meaning answers: who is the hero, what is the thing, where is it found
    draw      how a role gets its value: by chance, with weights that may look at roles decided before
    beat      a step of the story (someone hides the treasure, a friend helps): its draws, and when it happens
    frame     one sentence that can tell a beat, with slots for the roles and choices of style
    slot      the place in a frame where a role is said: "the {thing}"
    choice    several ways of saying the same, all equally likely: "[hid|tucked]"
    style     all that is drawn when the meaning is known: the frame of each beat, and a way of each choice
    script    a way of writing the world: "english", "hanzi" or "pinyin", with frames of its own
    step      what the walk through the beats does at each of them: draw, follow a text, or go every way

The order of reading: ``frames.py`` (a sentence), ``program.py`` (the walk), ``beats.py`` (what can happen),
``telling.py`` (``WORLD`` and ``DIALECT`` put together), ``story.py`` (stories by seed, and their probability); then, if
you like, ``prefix.py`` (beginnings), ``reading.py`` (any text judged), ``tasks.py`` (questions, instructions) and the
tables in ``words/``.
"""

from bigmodel.world.corner import CORNER
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
from bigmodel.world.telling import DIALECT, SCRIPTS, WORLD

__all__ = [
    "CORNER",
    "DIALECT",
    "SCRIPTS",
    "WORLD",
    "Instruction",
    "Judgement",
    "Preference",
    "Question",
    "Reading",
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
    "sample",
    "stories",
    "surprises",
    "tell",
    "text",
]
