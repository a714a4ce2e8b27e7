"""Judging any text by the world's laws, sentence by sentence: is it grammatical, what does it state, is it consistent.

Three measures of generated text, from weak models to strong: how far it stays a possible story (`valid_characters`,
`valid_sentences`), the share of its sentences that are grammatical, and whether it is grammatical and consistent.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from statistics import fmean

from bigmodel.world.frames import Choice, Frame, Meaning, Parts, Script, Slot
from bigmodel.world.program import Beat, Draw, Story, World
from bigmodel.world.story import parse
from bigmodel.world.telling import WORLD

Facts = dict[str, frozenset[str]]  # role -> the values that are possible for all that has been said

SENTENCE_END = {"english": r"[.!?]\"?(?=\s|$)", "hanzi": r"[。！？]”?", "pinyin": r"[.!?]”?(?=\s|$)"}


@dataclass(frozen=True)
class Sentence:
    """One sentence read: the beat that it tells (None: no sentence of this world) and what it states.

    `contradicts` names the roles on which it contradicts an earlier sentence.
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
    characters, sentences = valid_prefix(text, script, world)
    story = parse(text, script, world) if characters == len(text) else None
    return Reading(tuple(read_sentences(text, script, world)), characters, sentences, story)


def judge(texts: Iterable[str], script: str = "english", world: World = WORLD) -> Judgement:
    """The measures of these texts. ValueError if there are none."""
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
    frames = [frame for frames in world.script(script).frames.values() for frame in frames]
    known: Facts = {
        draw.role: frozenset(draw.weights()) for beat in world.beats for draw in beat.draws if not draw.given
    }
    start = 0
    while start < len(text):
        if text[start].isspace():
            start += 1
            continue
        told = [found for frame in frames if (found := state(frame, beats[frame.beat], text, start, known))]
        if told:
            end, sentence, known = min(told, key=lambda found: (len(found[1].contradicts), -found[0]))
        else:
            boundary = re.compile(SENTENCE_END[script]).search(text, start)
            end = boundary.end() if boundary else len(text)
            sentence = Sentence(text[start:end], None, {})
        yield sentence
        start = end


def state(
    frame: Frame, beat: Beat, text: str, start: int, known: Facts
) -> tuple[int, Sentence, Facts] | None:
    """What this frame, found at `start`, states: its end, the sentence, and all that is known after it."""
    match = frame.match(text, start)
    if match is None or not all(match.facts.values()):
        return None
    after, contradicts = dict(known), []
    implied = {role: frozenset(values) for role, values in beat.when}
    for role, values in (implied | match.facts).items():
        both = after[role] & values if role in after else values
        if both:
            after[role] = both
        else:
            contradicts.append(role)
    contradicts += [
        draw.role for draw in beat.draws if draw.role not in contradicts and not narrow(draw, after)
    ]
    return match.end, Sentence(text[start : match.end], frame.beat, match.facts, tuple(contradicts)), after


def narrow(draw: Draw, known: Facts) -> bool:
    """Keep, of the roles that a draw looks at, the values under which it can fall as stated; False if none."""
    if not set(draw.given) <= known.keys():
        return True
    possible = [
        dict(zip(draw.given, values, strict=True))
        for values in product(*(sorted(known[role]) for role in draw.given))
    ]
    possible = [meaning for meaning in possible if known[draw.role] & draw.probabilities(meaning).keys()]
    for role in draw.given if possible else ():
        known[role] = frozenset(meaning[role] for meaning in possible)
    return bool(possible)


def valid_prefix(text: str, script_name: str, world: World) -> tuple[int, int]:
    """How many characters, and how many whole sentences, of this text can begin a story."""
    script = world.script(script_name)
    front: list[tuple[int, int, Meaning]] = [(0, 0, {})]  # beat, end of what was told, meaning so far
    sentences = 0
    while True:
        longer: dict[tuple[int, int, tuple[tuple[str, str], ...]], tuple[int, int, Meaning]] = {}
        ahead = [
            (end, beat, known) for at, end, meaning in front for beat, known, _ in world.ahead(at, meaning)
        ]
        ahead = [(end, beat, known) for end, beat, known in ahead if beat < len(world.beats)]
        for end, beat, known in ahead:
            for _, stop, after, _ in world.steps(text, end, script, beat, known):
                longer[beat, stop, tuple(after.items())] = (beat + 1, stop, after)
        if not longer:
            told = max(end for _, end, _ in front)
            return max(
                [told, *(reach_beat(text, end, script, world, beat, known) for end, beat, known in ahead)]
            ), sentences
        front = list(longer.values())
        sentences += 1


def reach_beat(text: str, end: int, script: Script, world: World, at: int, known: Meaning) -> int:
    """How far `text`, after `end`, agrees with some sentence that can tell beat `at`."""
    separator = script.separator if end else ""
    start = end + common_prefix(text, end, separator)
    if start < end + len(separator):
        return start
    allowed: Facts = {role: frozenset((value,)) for role, value in known.items()}
    for draw in world.beats[at].draws:
        allowed[draw.role] = frozenset(draw.probabilities(known))
    return max(reach(frame.parts, text, start, allowed)[0] for frame in script.frames[world.beats[at].name])


def reach(parts: Parts, text: str, start: int, allowed: Facts) -> tuple[int, list[tuple[int, Facts]]]:
    """How far `text` agrees with these parts from `start` on, and where, knowing what, it may be after them."""
    furthest, places = start, [(start, allowed)]
    for part in parts:
        after = []
        for at, facts in places:
            if isinstance(part, Choice):
                for way in part.ways:
                    far, ends = reach(way, text, at, facts)
                    furthest = max(furthest, far)
                    after += ends
                continue
            for words, narrowed in wordings(part, facts):
                agreed = common_prefix(text, at, words)
                furthest = max(furthest, at + agreed)
                if agreed == len(words):
                    after.append((at + agreed, narrowed))
        places = after
    return furthest, places


def wordings(part: str | Slot, allowed: Facts) -> list[tuple[str, Facts]]:
    """The words that may stand here, each with what it leaves possible."""
    if isinstance(part, str):
        return [(part, allowed)]
    words = dict.fromkeys(text for value, text in part.texts.items() if value in allowed[part.role])
    return [(text, {**allowed, part.role: allowed[part.role] & part.values[text]}) for text in words]


def common_prefix(text: str, start: int, words: str) -> int:
    """How many characters of `words` stand in `text` at `start`."""
    for length, (one, other) in enumerate(zip(words, text[start : start + len(words)], strict=False)):
        if one != other:
            return length
    return min(len(words), len(text) - start)
