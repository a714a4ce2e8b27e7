"""The world is worth learning: long and varied enough, and not to be known from the last few tokens."""

import math
import re
from collections import Counter
from functools import cache
from statistics import fmean, quantiles

import pytest

from bigmodel import world
from bigmodel.tokenizer import WordTokenizer

FAR = 10  # tokens


def tokens(text: str) -> list[str]:
    """Words with their leading space, and punctuation marks."""
    return re.findall(r" ?[\w']+| ?[^\w\s]", text)


@cache
def told(seed: int, n: int) -> list[world.Story]:
    return [world.sample(seed, index=index) for index in range(n)]


def test_stories_are_long_and_every_word_costs_something() -> None:
    words = [len(re.findall(r"[\w']+", story.text)) for story in told(1_000_003, 500)]
    assert world.entropy("english") >= 60
    assert quantiles(words, n=20)[0] >= 60
    assert 0.6 <= world.entropy("english") / fmean(words) <= 1.2
    assert len({word for story in told(1_000_003, 500) for word in re.findall(r"\w+", story.text.lower())}) >= 500


def test_a_word_tokenizer_of_1000_knows_exactly_the_words_of_the_world() -> None:
    assert WordTokenizer.train(world.text(4000, seed=17)).vocab_size == 1000


@pytest.mark.parametrize("script", world.SCRIPTS)
def test_every_frame_is_used_and_none_too_often(script: str) -> None:
    stories = [world.sample(15, script, index).frames for index in range(1500)]
    counts = Counter(frame for frames in stories for frame in set(frames))
    assert set(counts) == {frame for frames in world.WORLD.script(script).frames.values() for frame in frames}
    assert max(counts.values()) <= 0.2 * len(stories)


def test_a_tenth_of_what_a_bigram_lacks_needs_far_context() -> None:
    stories = told(1_000_003, 500)
    lacking = bigram(stories, told(1_000_004, 5000)) - world.entropy("english")
    assert lacking > 20
    assert fmean(map(far_information, stories)) >= 0.1 * lacking


def bigram(stories: list[world.Story], others: list[world.Story]) -> float:
    """Nats a story of a bigram model, from its start to its end, its counts taken from other stories.

    Counts are interpolated with the unigram: (count + 1 · p(token)) / (count of the context + 1).
    """

    def pairs(story: world.Story) -> list[tuple[str, str]]:
        split = tokens(story.text)
        return list(zip(["<start>", *split], [*split, "<end>"], strict=True))

    counts = Counter(pair for story in others for pair in pairs(story))
    before, after = Counter[str](), Counter[str]()
    for (one, other), count in counts.items():
        before[one] += count
        after[other] += count
    total = sum(after.values()) + len(after) + 1

    def surprise(one: str, other: str) -> float:
        return -math.log((counts[one, other] + (after[other] + 1) / total) / (before[one] + 1))

    return fmean(sum(surprise(*pair) for pair in pairs(story)) for story in stories)


def far_information(story: world.Story) -> float:
    """Nats of a story that whoever forgets what was said more than ten tokens ago cannot know.

    This reader knows the shape of the story, the place in it, and every word of the sentence's frame. But a role that
    was last spoken of more than ten tokens back (a name, a place, a colour, a feeling; also how the treasure was lost)
    it knows only by what its words within the last ten tokens leave possible ("she": a girl). Whoever sees just ten
    tokens knows less still, so this is a lower bound on what they lose. These roles are drawn uniformly, so what is
    forgotten costs ln(values possible / values that fit the words).
    """
    drawn: dict[str, frozenset[str]] = {}  # role -> the values that it could have taken
    heard: list[tuple[int, str, frozenset[str]]] = []  # token at which a role was spoken of, and what that allows
    script, frames, end = world.WORLD.script(story.script), iter(story.frames), 0

    def at(character: int) -> int:
        return len(tokens(story.text[:character]))

    def forgotten(role: str, said: frozenset[str], now: int) -> float:
        recent = [values for when, spoken, values in heard if spoken == role and now - when <= FAR]
        possible = drawn[role].intersection(*recent)
        return math.log(len(possible) / len(possible & said))

    nats = 0.0
    for beat in (beat for beat in world.WORLD.beats if beat.happens(story.meaning)):
        drawn |= {draw.role: frozenset(draw.probabilities(story.meaning)) for draw in beat.draws}
        if beat.name not in script.frames:
            continue
        plots = frozenset(plot for role, values in beat.when if role == "plot" for plot in values)
        if plots and any(role == "plot" for _, role, _ in heard):
            nats += forgotten("plot", plots, at(end))
        frame = next(frames)
        found = frame.pattern.match(story.text, end + len(script.gap(end)))
        assert found
        for group, slot in enumerate(frame.slots, 1):
            if found[group] is not None:
                said = slot.values[found[group]]
                if slot.role not in {draw.role for draw in beat.draws}:
                    nats += forgotten(slot.role, said, at(found.start(group)))
                heard.append((at(found.end(group)), slot.role, said))
        end = found.end()
        if plots:
            heard.append((at(end), "plot", plots))
    return nats
