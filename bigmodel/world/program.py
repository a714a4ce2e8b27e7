"""The program that tells the stories, and the one walk through it that samples, scores and enumerates them.

A world is a line of beats. At each beat that happens, the program draws some roles of the meaning (who, what, where),
with probabilities that may depend on roles drawn before, and tells them in one sentence, drawn from the script's
frames. A beat without frames decides silently, and what it decides is heard in the sentences that follow.
Nothing else is random, so the probability of every story is known, and with it the entropy of the world.
"""

import math
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache

from bigmodel.world.frames import Facts, Frame, Meaning, Script

Weights = Mapping[str, float]  # value -> weight


@dataclass(frozen=True)
class Story:
    """A story, whole or half told: its text, what it means, the frames that tell it, and ln of its probability."""

    text: str
    script: str
    meaning: Meaning
    frames: tuple[Frame, ...] = ()
    log_probability: float = 0.0

    def with_meaning(self, meaning: Meaning, log_p: float) -> "Story":
        """The same story, more of its meaning decided."""
        return Story(self.text, self.script, meaning, self.frames, self.log_probability + log_p)

    def with_sentence(self, text: str, frame: Frame, log_p: float) -> "Story":
        """The same story, longer by a sentence, which makes its text this."""
        return Story(text, self.script, self.meaning, (*self.frames, frame), self.log_probability + log_p)


@dataclass(frozen=True)
class Draw:
    """One role of the meaning, drawn with weights that look at roles decided by earlier beats: those in ``given``."""

    role: str
    weights: Callable[..., Weights]
    given: tuple[str, ...] = ()

    def probabilities(self, meaning: Meaning) -> Weights:
        """The probability of each value, where the meaning so far holds every role in ``given``."""
        return normalised(self, tuple([meaning[role] for role in self.given]))

    def entropy(self, meaning: Meaning) -> float:
        """Nats of this draw, where the meaning so far holds every role in ``given``."""
        return -sum(p * math.log(p) for p in self.probabilities(meaning).values())

    def only(self, values: tuple[str, ...]) -> "Draw":
        """The same draw among fewer values."""
        return replace(self, weights=lambda *known: {v: w for v, w in self.weights(*known).items() if v in values})


@cache
def normalised(draw: Draw, known: tuple[str, ...]) -> Weights:
    """A draw's weights as probabilities (kept: there are only some thousands of them, and they are asked for often)."""
    weights = draw.weights(*known)
    total = sum(weights.values())
    return {value: weight / total for value, weight in weights.items() if weight > 0}


def pick(probabilities: Weights, rng: random.Random) -> str:
    """Draw a value with one call of ``rng.random()``, the only source of chance that every Python keeps stable."""
    left = rng.random()
    for value, probability in probabilities.items():
        left -= probability
        if left < 0:
            return value
    return value


@dataclass(frozen=True)
class Beat:
    """One step of a story: what is drawn, and when it happens at all (role -> values; no condition: always)."""

    name: str
    draws: tuple[Draw, ...] = ()
    when: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def happens(self, meaning: Meaning) -> bool:
        """Whether this beat is part of a story with this meaning."""
        for role, values in self.when:  # noqa: SIM110 (asked at every beat of every story: all() takes twice as long)
            if meaning.get(role) not in values:
                return False
        return True

    @property
    def looks_at(self) -> frozenset[str]:
        """The roles on which it depends whether this beat happens, and how it is decided."""
        return frozenset(role for role, _ in self.when).union(*(draw.given for draw in self.draws))

    def draw(self, story: Story, rng: random.Random) -> Story:
        """The story after this beat has been decided by chance."""
        meaning, log_p = dict(story.meaning), 0.0
        for draw in self.draws:
            probabilities = draw.probabilities(meaning)
            value = meaning[draw.role] = pick(probabilities, rng)
            log_p += math.log(probabilities[value])
        return story.with_meaning(meaning, log_p)

    def outcomes(self, story: Story, facts: Facts) -> list[Story]:
        """The story after this beat has been decided, in every way that agrees with the facts."""
        for role, values in facts.items():
            if role in story.meaning and story.meaning[role] not in values:
                return []
        ways = [(story.meaning, 0.0)]
        for draw in self.draws:
            ways = [
                ({**meaning, draw.role: value}, log_p + math.log(p))
                for meaning, log_p in ways
                for value, p in draw.probabilities(meaning).items()
                if draw.role not in facts or value in facts[draw.role]
            ]
        return [story.with_meaning(meaning, log_p) for meaning, log_p in ways]


Step = Callable[[Beat, Story], Iterable[Story]]  # the story before a beat -> the stories after it


@dataclass(frozen=True, eq=False)
class World:
    """A world of stories: the beats of its plot, and the scripts in which they are told."""

    beats: tuple[Beat, ...]
    scripts: Mapping[str, Script]

    def script(self, name: str) -> Script:
        """The script of this name.

        Raises:
            ValueError: if the world has none such.
        """
        if name not in self.scripts:
            raise ValueError(f"no script is called {name!r}: use one of {', '.join(self.scripts)}.")
        return self.scripts[name]

    def walk(self, script: str, step: Step) -> Iterator[tuple[Beat | None, Story]]:
        """Walk from beat to beat, past those that do not happen, in every way that ``step`` goes.

        Yields:
            Each beat on the way with the story before it; at the end of a way, None with the whole story.
        """
        ways = [(0, Story("", self.script(script).name, {}))]
        while ways:
            at, story = ways.pop()
            while at < len(self.beats) and not self.beats[at].happens(story.meaning):
                at += 1
            if at == len(self.beats):
                yield None, story
            else:
                yield self.beats[at], story
                ways += [(at + 1, after) for after in step(self.beats[at], story)]

    def sample(self, script: str, what: random.Random, how: random.Random) -> Story:
        """Draw a story: what happens with one generator, how it is told with the other."""
        *_, (_, happened) = self.walk(script, lambda beat, story: [beat.draw(story, what)])
        return self.tell(happened, how)

    def tell(self, story: Story, rng: random.Random) -> Story:
        """Put what happens in a story into words, drawing the style."""
        script = self.script(story.script)
        beats = [beat for beat in self.beats if beat.name in script.frames and beat.happens(story.meaning)]
        frames = [told[int(rng.random() * len(told))] for told in (script.frames[beat.name] for beat in beats)]
        text = script.separator.join([frame.render(story.meaning, rng) for frame in frames])
        log_p = story.log_probability + sum(script.log_probability(frame) for frame in frames)
        return Story(text, script.name, story.meaning, tuple(frames), log_p)

    def follow(self, text: str, script: str) -> Iterator[tuple[Beat | None, Story]]:
        """Walk along a text: by each sentence of it that tells the next beat and agrees with the story so far."""
        told = self.script(script)

        def step(beat: Beat, story: Story) -> list[Story]:
            if beat.name not in told.frames:
                return beat.outcomes(story, {})
            return [
                after.with_sentence(text[:end], frame, told.log_probability(frame))
                for frame, end, facts in told.recognise(beat.name, text, len(story.text))
                for after in beat.outcomes(story, facts)
            ]

        return self.walk(script, step)

    def derivations(self, text: str, script: str) -> Iterator[Story]:
        """Every run of the program that tells exactly this text: one for a story, none for anything else."""
        return (story for beat, story in self.follow(text, script) if beat is None and story.text == text)

    def enumerate(self, script: str) -> Iterator[Story]:
        """Every story of the world. Only for a restricted world: the standard one has more than 10^30."""
        told = self.script(script)

        def step(beat: Beat, story: Story) -> list[Story]:
            decided = beat.outcomes(story, {})
            if beat.name not in told.frames:
                return decided
            before = story.text + told.gap(len(story.text))
            return [
                after.with_sentence(before + said, frame, told.log_probability(frame))
                for after in decided
                for frame in told.frames[beat.name]
                for said in frame.renderings(after.meaning)
            ]

        return (story for beat, story in self.walk(script, step) if beat is None)

    def entropy(self, script: str | None = None) -> float:
        """Entropy of a whole story in nats, exactly; without a script, of its meaning alone.

        All stories walk at once here: of their meaning we keep only what later beats look at, and how probable it is.
        """
        told = None if script is None else self.script(script)
        nats, ways = 0.0, {frozenset[tuple[str, str]](): 1.0}
        for at, beat in enumerate(self.beats):
            live = frozenset[str]().union(*(later.looks_at for later in self.beats[at + 1 :]))
            lasting = replace(beat, draws=tuple(draw for draw in beat.draws if draw.role in live))
            after: defaultdict[frozenset[tuple[str, str]], float] = defaultdict(float)
            for known, p in ways.items():
                story = Story("", "", dict(known))
                happens = beat.happens(story.meaning)
                if happens:
                    style = told.style_entropy(beat.name) if told else 0.0
                    nats += p * (style + sum(draw.entropy(story.meaning) for draw in beat.draws))
                for longer in lasting.outcomes(story, {}) if happens else [story]:
                    kept = frozenset((role, value) for role, value in longer.meaning.items() if role in live)
                    after[kept] += p * math.exp(longer.log_probability)
            ways = after
        return nats

    def restrict(self, frames: int | None = None, ways: int | None = None, **values: tuple[str, ...]) -> "World":
        """A smaller world.

        Args:
            frames: only this many of the first frames of each beat.
            ways: only this many of the first ways of each choice of style.
            values: role -> its only values.
        """
        beats = [
            replace(beat, draws=tuple(d.only(values[d.role]) if d.role in values else d for d in beat.draws))
            for beat in self.beats
        ]
        scripts = {name: script.restrict(frames, ways) for name, script in self.scripts.items()}
        return World(tuple(beats), scripts)
