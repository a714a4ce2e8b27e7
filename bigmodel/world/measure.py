"""How rich the world is, measured: is it worth learning, and does learning it need more than the last token?"""

import math
import random
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean, quantiles

from bigmodel.world.frames import Meaning
from bigmodel.world.program import World
from bigmodel.world.story import entropy, sample
from bigmodel.world.telling import WORLD

WINDOW = 10  # tokens


@dataclass(frozen=True)
class Richness:
    """What a sample of stories shows; `entropy` alone is exact."""

    entropy: float  # nats a story
    words: float  # a story, mean
    shortest: float  # words, 5th percentile
    longest: float  # words, 95th percentile
    nats_per_word: float
    vocabulary: int  # different words in the sample, marks and capitals apart
    tokens: int  # different tokens: words with their leading space, and marks
    commonest_frame: float  # share of the stories that use the commonest sentence frame
    bigram: float  # nats a story, of a bigram counted on other stories
    far: float  # nats a story, at least, that need context from more than ten tokens back

    @property
    def far_share(self) -> float:
        """The part of the distance from bigram to floor that needs far context, at least."""
        return self.far / (self.bigram - self.entropy)


def tokens(text: str, script: str = "english") -> list[str]:
    """Words with their leading space, and punctuation marks; in hanzi, characters."""
    return list(text) if script == "hanzi" else re.findall(r" ?[\w']+| ?[^\w\s]", text)


def richness(n: int = 2000, seed: int = 1_000_003, script: str = "english", world: World = WORLD) -> Richness:
    """Measure `n` stories of this seed; the bigram is counted on ten times as many of the next."""
    told = [sample(seed, script, index, world) for index in range(n)]
    split = [tokens(story.text, script) for story in told]
    words = [len(re.findall(r"\w" if script == "hanzi" else r"[\w']+", story.text)) for story in told]
    frames = Counter(frame for story in told for frame in set(story.frames))
    cuts = quantiles(words, n=20)
    return Richness(
        entropy=entropy(script, world),
        words=fmean(words),
        shortest=cuts[0],
        longest=cuts[-1],
        nats_per_word=entropy(script, world) / fmean(words),
        vocabulary=len(
            {token.strip().lower() for story in split for token in story if token.strip()[0].isalpha()}
        ),
        tokens=len({token for story in split for token in story}),
        commonest_frame=max(frames.values()) / n,
        bigram=bigram(
            split, (tokens(sample(seed + 1, script, i, world).text, script) for i in range(10 * n))
        ),
        far=fmean(far_information(story.meaning, script, index, world) for index, story in enumerate(told)),
    )


def bigram(split: list[list[str]], others: Iterable[list[str]]) -> float:
    """Nats a story of a bigram model, from its start to its end, its counts taken from other stories.

    Counts are interpolated with the unigram: (count + 1 · p(token)) / (count of the context + 1).
    """
    pairs: Counter[tuple[str, str]] = Counter()
    for story in others:
        pairs.update(zip(["<start>", *story], [*story, "<end>"], strict=True))
    before, after = Counter[str](), Counter[str]()
    for (one, other), count in pairs.items():
        before[one] += count
        after[other] += count
    total = sum(after.values()) + len(after) + 1

    def surprise(one: str, other: str) -> float:
        return -math.log((pairs[one, other] + (after[other] + 1) / total) / (before[one] + 1))

    return fmean(sum(map(surprise, ["<start>", *story], [*story, "<end>"])) for story in split)


def far_information(meaning: Meaning, script_name: str, seed: int, world: World = WORLD) -> float:
    """Nats of one story, told anew, that whoever forgets what was said more than ten tokens ago cannot know.

    This reader knows the shape of the story, the place in it, and every word of the sentence's frame. But a role that
    was last spoken of more than ten tokens back (a name, a place, a colour, a feeling; also how the treasure was lost)
    it knows only by what its words within the last ten tokens leave possible ("she": a girl). Whoever sees just ten
    tokens knows less still, so this is a lower bound on what they lose. These roles are drawn uniformly, so what is
    forgotten costs ln(values possible / values that fit the words).
    """
    script, rng = world.script(script_name), random.Random(seed)
    heard: list[
        tuple[int, str, frozenset[str]]
    ] = []  # token at which a role was spoken of, and what that allows
    drawn: dict[str, frozenset[str]] = {}  # role -> the values that it could have taken
    at = 0

    def forgotten(role: str, said: frozenset[str]) -> float:
        recent = [values for when, spoken, values in heard if spoken == role and at - when <= WINDOW]
        possible = drawn[role].intersection(*recent)
        return math.log(len(possible) / len(possible & said))

    nats = 0.0
    for beat in (beat for beat in world.beats if beat.happens(meaning)):
        drawn |= {draw.role: frozenset(draw.probabilities(meaning)) for draw in beat.draws}
        if beat.name not in script.frames:
            continue
        plots = frozenset(plot for role, values in beat.when if role == "plot" for plot in values)
        if plots and any(role == "plot" for _, role, _ in heard):
            nats += forgotten("plot", plots)
        told = script.frames[beat.name]
        new = {draw.role for draw in beat.draws}
        for words, slot in told[int(rng.random() * len(told))].pieces(meaning, rng):
            if slot is not None and slot.role not in new:
                nats += forgotten(slot.role, slot.values[words])
            at += len(tokens(words, script_name))
            if slot is not None:
                heard.append((at, slot.role, slot.values[words]))
        if plots:
            heard.append((at, "plot", plots))
    return nats
