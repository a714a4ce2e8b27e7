"""Sentences with slots: a frame is written once, and from it the world both tells a sentence and recognises one.

``"{When} {hero} [hid|tucked] the {thing} {place}."`` has four slots, filled from a story's meaning, and one choice of
style between two equally likely ways. A slot with a capital begins with one.
"""

import math
import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, product

Meaning = dict[str, str]  # role -> value: {"hero": "mia", "thing": "kite", …}
Facts = dict[str, frozenset[str]]  # role -> the values that are possible, for all that has been said


@dataclass(frozen=True, eq=False)
class Slot:
    """A place in a sentence that says one role of the meaning: ``texts`` holds its words for each value."""

    role: str
    texts: Mapping[str, str]

    @cached_property
    def values(self) -> Facts:
        """Words -> the values that they can stand for ("she" stands for every girl)."""
        return {
            words: frozenset(value for value, said in self.texts.items() if said == words)
            for words in self.texts.values()
        }


Way = tuple[str | Slot, ...]  # words and slots, one after the other
Choice = tuple[Way, ...]  # ways of saying it, all equally likely; often just one


@dataclass(frozen=True, eq=False)
class Frame:
    """One way of telling a beat: choices, one after the other."""

    beat: str
    template: str
    choices: tuple[Choice, ...]

    @cached_property
    def style_entropy(self) -> float:
        """Nats of style in this frame: the sum of ln(number of ways), which is also −ln p of any one rendering."""
        return sum(math.log(len(choice)) for choice in self.choices)

    def render(self, meaning: Meaning, rng: random.Random) -> str:
        """Tell the meaning with this frame, drawing the style."""
        ways = [c[0] if len(c) == 1 else c[int(rng.random() * len(c))] for c in self.choices]
        return say(chain.from_iterable(ways), meaning)

    def renderings(self, meaning: Meaning) -> list[str]:
        """Every text with which this frame can tell the meaning."""
        return [say(chain.from_iterable(ways), meaning) for ways in product(*self.choices)]

    @cached_property
    def slots(self) -> tuple[Slot, ...]:
        """All slots, in the order of the pattern's groups."""
        ways = chain.from_iterable(self.choices)
        return tuple(part for part in chain.from_iterable(ways) if isinstance(part, Slot))

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """A regular expression for every sentence that this frame can tell, one group a slot."""

        def one_of(words: Iterator[str], opening: str = "(?:") -> str:
            return f"{opening}{'|'.join(words)})"

        def expression(part: str | Slot) -> str:
            if isinstance(part, str):
                return re.escape(part)
            longest_first = sorted(set(part.texts.values()), key=lambda words: (-len(words), words))
            return one_of(map(re.escape, longest_first), "(")

        return re.compile("".join(one_of("".join(map(expression, way)) for way in choice) for choice in self.choices))

    def match(self, text: str, start: int = 0) -> tuple[int, Facts] | None:
        """Recognise this frame at ``start``, whatever its slots say.

        Returns:
            Where the sentence ends, and for each role that it speaks of, the values that it allows; None where it
            does not stand there.
        """
        found = self.pattern.match(text, start)
        if found is None:
            return None
        facts: Facts = {}
        for slot, words in zip(self.slots, found.groups(), strict=True):
            if words is not None:
                values = slot.values[words]
                facts[slot.role] = facts[slot.role] & values if slot.role in facts else values
        return found.end(), facts

    def follow(self, text: str, start: int, facts: Facts) -> Iterator[tuple[int, float, Facts]]:
        """Tell this frame along ``text``, in every way that agrees with the facts, each as far as the text agrees.

        Yields:
            Where the text leaves this way of telling, or ends; the probability of the style up to there; and the
            facts that are left.
        """
        return follow((), self.choices, text, start, facts, 1.0)


def say(way: Iterator[str | Slot], meaning: Meaning) -> str:
    """The words of a way, its slots filled."""
    return "".join(part if isinstance(part, str) else part.texts[meaning[part.role]] for part in way)


def follow(
    way: Way, choices: tuple[Choice, ...], text: str, at: int, facts: Facts, p: float
) -> Iterator[tuple[int, float, Facts]]:
    """``Frame.follow`` for what is left to say: the rest of a way, and then the choices after it."""
    if at == len(text) or not (way or choices):
        yield at, p, facts
    elif not way:
        for chosen in choices[0]:
            yield from follow(chosen, choices[1:], text, at, facts, p / len(choices[0]))
    else:
        for words, left in wordings(way[0], facts):
            agreed = common_prefix(text, at, words)
            if agreed < len(words):
                yield at + agreed, p, left
            else:
                yield from follow(way[1:], choices, text, at + agreed, left, p)


def wordings(part: str | Slot, facts: Facts) -> list[tuple[str, Facts]]:
    """The words that may stand here, each with what it leaves possible."""
    if isinstance(part, str):
        return [(part, facts)]
    words = dict.fromkeys(text for value, text in part.texts.items() if value in facts[part.role])
    return [(text, {**facts, part.role: facts[part.role] & part.values[text]}) for text in words]


def common_prefix(text: str, start: int, words: str) -> int:
    """How many characters of ``words`` stand in ``text`` at ``start``."""
    there = text[start : start + len(words)]
    for length, (one, other) in enumerate(zip(words, there, strict=False)):
        if one != other:
            return length
    return len(there)


@dataclass(frozen=True, eq=False)
class Script:
    """One way of writing the world: its frames for each beat, and what stands between two sentences."""

    name: str
    separator: str
    frames: Mapping[str, tuple[Frame, ...]]

    def gap(self, at: int) -> str:
        """What stands between the first ``at`` characters of a story and its next sentence."""
        return self.separator if at else ""

    def recognise(self, beat: str, text: str, at: int) -> Iterator[tuple[Frame, int, Facts]]:
        """Each frame of this beat that stands in ``text`` after ``at``, where it ends there, and what it says."""
        gap = self.gap(at)
        for frame in self.frames[beat] if text.startswith(gap, at) else ():
            if match := frame.match(text, at + len(gap)):
                yield frame, *match

    def log_probability(self, frame: Frame) -> float:
        """ln of the probability of telling its beat with this frame, in any one of its ways."""
        return -math.log(len(self.frames[frame.beat])) - frame.style_entropy

    def style_entropy(self, beat: str) -> float:
        """Entropy in nats of how this beat is told, its meaning known; 0 for a silent one."""
        told = self.frames.get(beat)
        return -sum(map(self.log_probability, told)) / len(told) if told else 0.0

    def restrict(self, frames: int | None, ways: int | None) -> "Script":
        """The same script with only the first frames of each beat, and the first ways of each choice."""
        fewer = {
            beat: tuple(
                Frame(beat, frame.template, tuple(choice[:ways] for choice in frame.choices)) for frame in told[:frames]
            )
            for beat, told in self.frames.items()
        }
        return Script(self.name, self.separator, fewer)


def read_template(template: str, slots: Mapping[str, Slot]) -> tuple[Choice, ...]:
    """Parse ``words {slot} [one|other]``.

    Args:
        template: the sentence as it is written.
        slots: slot name -> slot.

    Raises:
        ValueError: for a slot that the script does not have.
    """

    def read_way(words: str) -> Way:
        pieces = re.findall(r"\{\w+\}|[^{]+", words)
        return tuple(find_slot(piece[1:-1], slots) if piece[0] == "{" else piece for piece in pieces)

    pieces = re.findall(r"\[[^\]]*\]|[^\[]+", template)
    return tuple(tuple(map(read_way, piece[1:-1].split("|") if piece[0] == "[" else [piece])) for piece in pieces)


def find_slot(name: str, slots: Mapping[str, Slot]) -> Slot:
    """The slot of this name; with a capital, the same slot at the head of a sentence."""
    slot = slots.get(name[0].lower() + name[1:])
    if slot is None:
        raise ValueError(f"no slot is called {{{name}}}: use one of {', '.join(sorted(slots))}.")
    if name[0].isupper():
        return Slot(slot.role, {value: text[0].upper() + text[1:] for value, text in slot.texts.items()})
    return slot
