"""Sentences with slots: a frame is written once, and from it the world both tells a sentence and recognises one.

`"{When} {hero} [hid|tucked] the {thing} {place}."` has four slots, filled from a story's meaning, and one choice of
style between two equally likely ways. A slot with a capital begins with one.
"""

import math
import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

Meaning = dict[str, str]  # role -> value: {"hero": "mia", "thing": "kite", …}


@dataclass(frozen=True, eq=False)
class Slot:
    """A place in a sentence that says one role of the meaning: `texts` holds its words for each value."""

    role: str
    texts: Mapping[str, str]

    @cached_property
    def values(self) -> dict[str, frozenset[str]]:
        """Values of the role that each text can stand for ("she" stands for every girl)."""
        return {
            words: frozenset(value for value, said in self.texts.items() if said == words)
            for words in self.texts.values()
        }


@dataclass(frozen=True)
class Choice:
    """A choice of style: one of several ways, all equally likely."""

    ways: tuple["Parts", ...]


Part = str | Slot | Choice
Parts = tuple[Part, ...]


@dataclass(frozen=True)
class Match:
    """A sentence recognised: where it ends, and for each role that it speaks of, the values it allows."""

    end: int
    facts: dict[str, frozenset[str]]


@dataclass(frozen=True, eq=False)
class Frame:
    """One way of telling a beat."""

    beat: str
    template: str
    parts: Parts

    def with_style(self, ways: int) -> "Frame":
        """The same frame with only the first `ways` ways of each of its choices."""
        fewer = (Choice(part.ways[:ways]) if isinstance(part, Choice) else part for part in self.parts)
        return Frame(self.beat, self.template, tuple(fewer))

    @cached_property
    def style_entropy(self) -> float:
        """Nats of style in this frame: the sum of ln(number of ways), which is also −ln p of any one rendering."""
        return sum(math.log(len(part.ways)) for part in self.parts if isinstance(part, Choice))

    def render(self, meaning: Meaning, rng: random.Random) -> str:
        """Tell the meaning with this frame, drawing the style."""
        return "".join(words for words, _ in self.pieces(meaning, rng))

    def pieces(self, meaning: Meaning, rng: random.Random) -> list[tuple[str, Slot | None]]:
        """The sentence piece by piece, each with the slot that it fills (None: the frame's own words)."""

        def say(parts: Parts) -> Iterator[tuple[str, Slot | None]]:
            for part in parts:
                if isinstance(part, Choice):
                    yield from say(part.ways[int(rng.random() * len(part.ways))])
                elif isinstance(part, Slot):
                    yield part.texts[meaning[part.role]], part
                else:
                    yield part, None

        return list(say(self.parts))

    def renderings(self, meaning: Meaning) -> list[str]:
        """Every text with which this frame can tell the meaning."""

        def all_ways(parts: Parts) -> list[str]:
            texts = [""]
            for part in parts:
                if isinstance(part, Choice):
                    ends = [end for way in part.ways for end in all_ways(way)]
                else:
                    ends = [part if isinstance(part, str) else part.texts[meaning[part.role]]]
                texts = [text + end for text in texts for end in ends]
            return texts

        return all_ways(self.parts)

    @cached_property
    def slots(self) -> tuple[Slot, ...]:
        """All slots, in the order of the pattern's groups."""

        def found(parts: Parts) -> Iterator[Slot]:
            for part in parts:
                if isinstance(part, Slot):
                    yield part
                elif isinstance(part, Choice):
                    for way in part.ways:
                        yield from found(way)

        return tuple(found(self.parts))

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """A regular expression for every sentence that this frame can tell, one group a slot."""

        def pattern(parts: Parts) -> str:
            expression = ""
            for part in parts:
                if isinstance(part, str):
                    expression += re.escape(part)
                elif isinstance(part, Slot):
                    texts = sorted(set(part.texts.values()), key=lambda text: (-len(text), text))
                    expression += f"({'|'.join(map(re.escape, texts))})"
                else:
                    expression += f"(?:{'|'.join(pattern(way) for way in part.ways)})"
            return expression

        return re.compile(pattern(self.parts))

    def match(self, text: str, start: int = 0) -> Match | None:
        """Recognise this frame at `start`, whatever its slots say; None where it does not stand there."""
        found = self.pattern.match(text, start)
        if found is None:
            return None
        facts: dict[str, frozenset[str]] = {}
        for slot, words in zip(self.slots, found.groups(), strict=True):
            if words is not None:
                values = slot.values[words]
                facts[slot.role] = facts[slot.role] & values if slot.role in facts else values
        return Match(found.end(), facts)


@dataclass(frozen=True, eq=False)
class Script:
    """One way of writing the world: its frames for each beat, and what stands between two sentences."""

    name: str
    separator: str
    frames: dict[str, tuple[Frame, ...]]


Slots = Mapping[str, Slot]  # slot name -> slot


def read_template(template: str, slots: Slots) -> Parts:
    """Parse `words {slot} [one|other]` into parts. ValueError for a slot that the script does not have."""
    parts: list[Part] = []
    for piece in re.findall(r"\{\w+\}|\[[^\]]*\]|[^\[{]+", template):
        if piece.startswith("["):
            parts.append(Choice(tuple(read_template(way, slots) for way in piece[1:-1].split("|"))))
        elif piece.startswith("{"):
            parts.append(find_slot(piece[1:-1], slots))
        else:
            parts.append(piece)
    return tuple(parts)


def find_slot(name: str, slots: Slots) -> Slot:
    """The slot of this name; with a capital, the same slot at the head of a sentence."""
    slot = slots.get(name[0].lower() + name[1:])
    if slot is None:
        raise ValueError(f"no slot is called {{{name}}}: use one of {', '.join(sorted(slots))}.")
    if name[0].isupper():
        return Slot(slot.role, {value: text[0].upper() + text[1:] for value, text in slot.texts.items()})
    return slot


def script(name: str, separator: str, slots: Slots, templates: Mapping[str, tuple[str, ...]]) -> Script:
    """Build a script from its slots and its templates for each beat."""
    frames = {
        beat: tuple(Frame(beat, template, read_template(template, slots)) for template in told)
        for beat, told in templates.items()
    }
    return Script(name, separator, frames)
