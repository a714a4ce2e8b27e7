"""Tasks with answers that code can check: questions about a story, instructions for one, and which of two is better."""

import random
from dataclasses import dataclass

from bigmodel.world.frames import Frame, Meaning, read_template
from bigmodel.world.lexicon import PLACES
from bigmodel.world.plot import nearby
from bigmodel.world.program import Story, World
from bigmodel.world.story import STORIES_PER_SEED, parse, sample
from bigmodel.world.telling import WORLD, slots, write

# Role asked for -> question, answer.
ENGLISH_QUESTIONS = {
    "hero": ("Who had the {colour} {thing}?", "{hero}"),
    "home": ("Where did {hero} live?", "{home}"),
    "colour": ("What colour was the {thing}?", "{colour}"),
    "giver": ("Who gave {hero} the {thing}?", "{his} {giver}"),
    "food": ("What did {hero} like to eat?", "{food}"),
    "place": ("Where was the {thing} found?", "{place}"),
    "rival": ("Who was not to find the {thing}?", "{rival}"),
    "thief": ("Who took the {thing}?", "the {thief}"),
    "feeling": ("How did {hero} feel without the {thing}?", "{feeling}"),
    "odd": ("What did {hero} find {first}?", "{odd}"),
    "friend": ("Who helped {hero}?", "the {friend}"),
    "glad": ("How did {hero} feel in the end?", "{glad}"),
    "ending": ("How does the story end?", "{ending}"),
}
CHINESE_QUESTIONS = {
    "hero": ("{colour} 的 {thing} 是 谁 的？", "{hero}"),
    "home": ("{hero} 住 在 哪儿？", "{home}"),
    "colour": ("{thing} 是 什么 颜色 的？", "{colour}"),
    "giver": ("{thing} 是 谁 给 {hero} 的？", "{giver}"),
    "food": ("{hero} 爱 吃 什么？", "{food}"),
    "place": ("{thing} 是 在 哪儿 找到 的？", "{place}"),
    "rival": ("{hero} 把 {thing} 藏 起来 是 怕 谁？", "{rival}"),
    "thief": ("{thing} 是 谁 拿 走 的？", "{thief}"),
    "feeling": ("{thing} 不见 了，{hero} 心里 怎么样？", "{feeling}"),
    "odd": ("{hero} 在 {first} 找到 了 什么？", "{odd}"),
    "friend": ("谁 帮 了 {hero}？", "{friend}"),
    "glad": ("最后 {hero} 心里 怎么样？", "{glad}"),
    "ending": ("故事 的 结局 是 什么？", "{ending}"),
}

# Roles asked for -> instruction.
ENGLISH_INSTRUCTIONS = {
    ("friend", "home"): "Write a story {home}, and let the {friend} help.",
    ("hero", "thing"): "Write a story about {hero} and the {thing}.",
    ("thing", "place"): "Write a story in which the {thing} is found {place}.",
    ("feeling", "home"): "Write a story in which somebody {home} is {feeling}.",
    ("hero", "ending"): "Write a story about {hero} that ends {ending}.",
    ("colour", "thing"): "Write a story about a {colour} {thing}.",
}
CHINESE_INSTRUCTIONS = {
    ("friend", "home"): "写 一 个 故事：在 {home}，{friend} 帮 了 忙。",
    ("hero", "thing"): "写 一 个 {hero} 和 {measure} {thing} 的 故事。",
    ("thing", "place"): "写 一 个 在 {place} 找到 {measure} {thing} 的 故事。",
    ("feeling", "home"): "写 一 个 故事：{home} 有 个 孩子 很 {feeling}。",
    ("hero", "ending"): "写 一 个 {hero} 的 故事，结局 是 {ending}。",
    ("colour", "thing"): "写 一 个 关于 {measure} {colour} 的 {thing} 的 故事。",
}


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
    asked = ENGLISH_QUESTIONS if story.script == "english" else CHINESE_QUESTIONS
    return [
        Question(role, say(question, story), say(answer, story, sentence=False))
        for role, (question, answer) in asked.items()
        if role in story.meaning
    ]


def instruction(story: Story, seed: int = 0) -> Instruction:
    """An instruction that this story follows."""
    asked = ENGLISH_INSTRUCTIONS if story.script == "english" else CHINESE_INSTRUCTIONS
    fitting = [roles for roles in asked if set(roles) <= story.meaning.keys()]
    roles = fitting[int(random.Random(seed).random() * len(fitting))]
    return Instruction(say(asked[roles], story), story.script, {role: story.meaning[role] for role in roles})


def preference(seed: int = 0, script: str = "english", index: int = 0, world: World = WORLD) -> Preference:
    """An instruction with a story that follows it, and one that does not: it strays, or it contradicts itself."""
    story = sample(seed, script, index, world)
    wish = instruction(story, index)
    if index % 2:
        return Preference(wish, story.text, contradict(story, index, world), "it contradicts itself")
    others = (
        sample(seed, script, STORIES_PER_SEED - 1 - other, world) for other in range(index, STORIES_PER_SEED)
    )
    stray = next(other.text for other in others if not wish.followed_by(other.text, world))
    return Preference(wish, story.text, stray, "it does not follow the instruction")


def contradict(story: Story, seed: int = 0, world: World = WORLD) -> str:
    """The same story, but its treasure is found where it was not: grammatical throughout, and not consistent."""
    rng = random.Random(seed)
    taken = {story.meaning.get(role) for role in ("place", "first", "second")}
    elsewhere = [place for place in nearby(PLACES, story.meaning["region"]) if place not in taken]
    wrong = {**story.meaning, "place": elsewhere[int(rng.random() * len(elsewhere))]}
    told = [frame.render(wrong if frame.beat == "find" else story.meaning, rng) for frame in story.frames]
    return world.script(story.script).separator.join(told)


def say(template: str, story: Story, sentence: bool = True) -> str:
    """Fill a template of questions or instructions with what the story means."""
    written = write(template, story.script) if sentence else template
    parts = read_template(written, slots(story.script))
    return Frame("", written, parts).render(story.meaning, random.Random(0))
