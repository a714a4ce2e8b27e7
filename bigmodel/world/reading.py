"""Judging any text by the world's laws, sentence by sentence: is it grammatical, what does it state, is it consistent.

Three measures of generated text, from weak models to strong: how far it stays a possible story (``valid_characters``,
``valid_sentences``), the share of its sentences that are grammatical, and whether it is grammatical and consistent.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from statistics import fmean

from bigmodel.world.frames import Facts, Frame
from bigmodel.world.prefix import agreements
from bigmodel.world.program import Beat, Draw, Story, World
from bigmodel.world.telling import WORLD

SENTENCE_END = {"english": r"[.!?]\"?(?=\s|$)", "hanzi": r"[。！？]”?", "pinyin": r"[.!?]”?(?=\s|$)"}


@dataclass(frozen=True)
class Sentence:
    """One sentence read: the beat that it tells (None: no sentence of this world) and what it states.

    ``contradicts`` names the roles on which it contradicts an earlier sentence.
    """

    text: str
    beat: str | None
    facts: Facts
    contradicts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reading:
    """A text read: its sentences, how far it is the beginning of a story, and the story that it is, if any."""

    sentences: tuple[Sentence, ...]
    valid_characters: int
    valid_sentences: int
    story: Story | None

    @property
    def grammatical(self) -> float:
        """Share of the sentences that are sentences of this world (0 for a text without any)."""
        return fmean(sentence.beat is not None for sentence in self.sentences) if self.sentences else 0.0

    @property
    def consistent(self) -> bool:
        """Whether every sentence is grammatical and none contradicts another."""
        return self.grammatical == 1 and not any(sentence.contradicts for sentence in self.sentences)


@dataclass(frozen=True)
class Judgement:
    """The measures of many texts, each a mean: characters, sentences, and three shares between 0 and 1."""

    valid_characters: float
    valid_sentences: float
    grammatical: float
    consistent: float
    whole: float


def read(text: str, script: str = "english", world: World = WORLD) -> Reading:
    """Read any text; a story of the world reads as whole, grammatical and consistent."""
    walk = list(world.follow(text, script))
    told = max(len(story.frames) for _, story in walk)
    last = [(beat, story) for beat, story in walk if len(story.frames) == told]
    ends = [end for beat, story in last for end, _ in agreements(text, world, beat, story)]
    whole = next((story for beat, story in last if beat is None and story.text == text), None)
    characters = max([*ends, *(len(story.text) for _, story in last)])
    return Reading(tuple(read_sentences(text, script, world)), characters, told, whole)


def judge(texts: Iterable[str], script: str = "english", world: World = WORLD) -> Judgement:
    """The measures of these texts.

    Raises:
        ValueError: if there are none.
    """
    readings = [read(text, script, world) for text in texts]
    if not readings:
        raise ValueError("no texts: give at least one to judge.")
    return Judgement(
        fmean(reading.valid_characters for reading in readings),
        fmean(reading.valid_sentences for reading in readings),
        fmean(reading.grammatical for reading in readings),
        fmean(reading.consistent for reading in readings),
        fmean(reading.story is not None for reading in readings),
    )


def read_sentences(text: str, script: str, world: World) -> Iterator[Sentence]:
    """Each sentence with what it states, against what was stated before."""
    beats = {beat.name: beat for beat in world.beats}
    told_by = world.script(script).frames
    frames = [frame for name in beats for frame in told_by.get(name, ())]
    known: Facts = {
        draw.role: frozenset(draw.weights()) for beat in world.beats for draw in beat.draws if not draw.given
    }
    start = 0
    while start < len(text):
        if text[start].isspace():
            start += 1
            continue
        told = [found for frame in frames if (found := understand(frame, beats[frame.beat], text, start, known))]
        if told:
            end, sentence, known = min(told, key=lambda found: (len(found[1].contradicts), -found[0]))
        else:
            boundary = re.compile(SENTENCE_END[script]).search(text, start)
            end = boundary.end() if boundary else len(text)
            sentence = Sentence(text[start:end], None, {})
        yield sentence
        start = end


def understand(frame: Frame, beat: Beat, text: str, start: int, known: Facts) -> tuple[int, Sentence, Facts] | None:
    """What this frame, found at ``start``, states: its end, the sentence, and all that is known after it."""
    found = frame.match(text, start)
    if found is None or not all(found[1].values()):
        return None
    end, facts = found
    after, contradicts = dict(known), []
    for role, values in ({role: frozenset(values) for role, values in beat.when} | facts).items():
        both = after.get(role, values) & values
        if both:
            after[role] = both
        else:
            contradicts.append(role)
    contradicts += [draw.role for draw in beat.draws if draw.role not in contradicts and not narrow(draw, after)]
    return end, Sentence(text[start:end], frame.beat, facts, tuple(contradicts)), after


def narrow(draw: Draw, known: Facts) -> bool:
    """Keep, of the roles that a draw looks at, the values under which it can fall as stated; False if none."""
    if not set(draw.given) <= known.keys():
        return True
    possible = [
        dict(zip(draw.given, values, strict=True)) for values in product(*(sorted(known[role]) for role in draw.given))
    ]
    possible = [meaning for meaning in possible if known[draw.role] & draw.probabilities(meaning).keys()]
    for role in draw.given if possible else ():
        known[role] = frozenset(meaning[role] for meaning in possible)
    return bool(possible)
