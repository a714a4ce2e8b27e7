"""Tasks with answers that code can check: questions about a story, instructions for one, and which of two is better."""

import random
from dataclasses import dataclass

from bigmodel.world.beats import elsewhere
from bigmodel.world.frames import Frame, Meaning, read_template
from bigmodel.world.program import Story, World
from bigmodel.world.story import STORIES_PER_SEED, parse, sample
from bigmodel.world.telling import WORLD, slots, write
from bigmodel.world.words import questions as words


@dataclass(frozen=True)
class Question:
    """A question about a story, and its one right answer."""

    role: str
    text: str
    answer: str

    def accepts(self, answer: str) -> bool:
        """Whether this is the right answer; capitals, spaces around it and a full stop at its end do not matter."""
        return answer.strip().rstrip(".。").casefold() == self.answer.casefold()


@dataclass(frozen=True)
class Instruction:
    """A wish for a story, and the roles of the meaning that it fixes."""

    text: str
    script: str
    wanted: Meaning

    def followed_by(self, text: str, world: World = WORLD) -> bool:
        """Whether this text is a whole, consistent story that means what the instruction asks for."""
        story = parse(text, self.script, world)
        return story is not None and self.wanted.items() <= story.meaning.items()


@dataclass(frozen=True)
class Preference:
    """Of two answers to an instruction, the better and the worse one, and what is wrong with the worse."""

    instruction: Instruction
    chosen: str
    rejected: str
    fault: str


def questions(story: Story) -> list[Question]:
    """The questions that this story answers, in its own script."""
    tables = words.ENGLISH_QUESTIONS if story.script == "english" else words.CHINESE_QUESTIONS
    return [
        Question(role, say(write(question, story.script), story), say(answer, story))
        for role, (question, answer) in tables.items()
        if role in story.meaning
    ]


def instruction(story: Story, seed: int = 0) -> Instruction:
    """An instruction that this story follows."""
    asked = words.ENGLISH_INSTRUCTIONS if story.script == "english" else words.CHINESE_INSTRUCTIONS
    fitting = [roles for roles in asked if set(roles) <= story.meaning.keys()]
    roles = fitting[int(random.Random(seed).random() * len(fitting))]
    wish = say(write(asked[roles], story.script), story)
    return Instruction(wish, story.script, {role: story.meaning[role] for role in roles})


def preference(seed: int = 0, script: str = "english", index: int = 0, world: World = WORLD) -> Preference:
    """An instruction with a story that follows it, and one that does not: it strays, or it contradicts itself."""
    story = sample(seed, script, index, world)
    wish = instruction(story, index)
    if index % 2:
        return Preference(wish, story.text, contradict(story, index, world), "it contradicts itself")
    others = (sample(seed, script, STORIES_PER_SEED - 1 - other, world) for other in range(index, STORIES_PER_SEED))
    stray = next(other.text for other in others if not wish.followed_by(other.text, world))
    return Preference(wish, story.text, stray, "it does not follow the instruction")


def contradict(story: Story, seed: int = 0, world: World = WORLD) -> str:
    """The same story, but its treasure is found where it was not: grammatical throughout, and not consistent."""
    rng = random.Random(seed)
    taken = [story.meaning[role] for role in ("place", "first", "second") if role in story.meaning]
    others = list(elsewhere("place", story.meaning["region"], *taken))
    wrong = {**story.meaning, "place": others[int(rng.random() * len(others))]}
    told = [frame.render(wrong if frame.beat == "find" else story.meaning, rng) for frame in story.frames]
    return world.script(story.script).separator.join(told)


def say(template: str, story: Story) -> str:
    """Fill a template with what the story means."""
    frame = Frame("", template, read_template(template, slots(story.script)))
    return frame.render(story.meaning, random.Random(0))
