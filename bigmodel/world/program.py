"""One program, run in three ways: it samples a story, scores a text, and enumerates a (small) world.

A world is a line of beats. At each beat that happens, the program draws some roles of the meaning (who, what, where),
with probabilities that may depend on roles drawn before, and tells them in one sentence, drawn from the script's
frames. A beat without frames decides silently, and what it decides is heard in the sentences that follow.
Nothing else is random, so the probability of every story is known, and with it the entropy of the world.
"""

import math
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache

from bigmodel.world.frames import Frame, Meaning, Script

Weights = Mapping[str, float]  # value -> weight


@dataclass(frozen=True)
class Draw:
    """One role of the meaning, drawn with weights that look at the roles in `given`, and at nothing else."""

    role: str
    weights: Callable[..., Weights]
    given: tuple[str, ...] = ()

    def probabilities(self, meaning: Meaning) -> Weights:
        """The probability of each value, where the meaning so far holds every role in `given`."""
        return normalised(self, tuple(meaning[role] for role in self.given))

    def only(self, values: tuple[str, ...]) -> "Draw":
        """The same draw among fewer values."""
        return replace(
            self, weights=lambda *known: {v: w for v, w in self.weights(*known).items() if v in values}
        )


@cache
def normalised(draw: Draw, known: tuple[str, ...]) -> Weights:
    """A draw's weights as probabilities (kept: there are only some thousands of them, and they are asked for often)."""
    weights = draw.weights(*known)
    total = sum(weights.values())
    return {value: weight / total for value, weight in weights.items() if weight > 0}


@dataclass(frozen=True)
class Beat:
    """One step of a story: what is drawn, and when it happens at all (role -> values; no condition: always)."""

    name: str
    draws: tuple[Draw, ...] = ()
    when: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def happens(self, meaning: Meaning) -> bool:
        """Whether this beat is part of a story with this meaning."""
        return all(meaning.get(role) in values for role, values in self.when)

    def outcomes(
        self, meaning: Meaning, allowed: Mapping[str, frozenset[str]] | None = None
    ) -> list[tuple[Meaning, float]]:
        """Every way in which the draws can fall (within `allowed`): the meaning after them, the log-probability."""
        outcomes = [(meaning, 0.0)]
        for draw in self.draws:
            outcomes = [
                ({**known, draw.role: value}, log_p + math.log(p))
                for known, log_p in outcomes
                for value, p in draw.probabilities(known).items()
                if allowed is None or value in allowed[draw.role]
            ]
        return outcomes


@dataclass(frozen=True)
class Story:
    """A story: its text, what it means (role -> value), the frames that tell it, and ln of its exact probability."""

    text: str
    script: str
    meaning: Meaning
    frames: tuple[Frame, ...]
    log_probability: float


@dataclass(frozen=True, eq=False)
class World:
    """A world of stories: the beats of its plot, and the scripts in which they are told."""

    beats: tuple[Beat, ...]
    scripts: Mapping[str, Script]

    def script(self, name: str) -> Script:
        """The script of this name; ValueError if the world has none such."""
        if name not in self.scripts:
            raise ValueError(f"no script is called {name!r}: use one of {', '.join(self.scripts)}.")
        return self.scripts[name]

    def log_p_frame(self, frame: Frame, script: Script) -> float:
        """Log-probability of this frame at its beat, with any one rendering of it."""
        return -math.log(len(script.frames[frame.beat])) - frame.style_entropy

    # The first run: sample.

    def sample_meaning(self, rng: random.Random) -> tuple[Meaning, float]:
        """Draw what happens; return it with its log-probability."""
        meaning: Meaning = {}
        log_p = 0.0
        for beat in self.beats:
            for draw in beat.draws if beat.happens(meaning) else ():
                probabilities = draw.probabilities(meaning)
                value = pick(probabilities, rng)
                meaning[draw.role] = value
                log_p += math.log(probabilities[value])
        return meaning, log_p

    def tell(
        self, meaning: Meaning, script_name: str, rng: random.Random
    ) -> tuple[str, tuple[Frame, ...], float]:
        """Put a meaning into words: the text, its frames, and the log-probability of the style."""
        script = self.script(script_name)
        frames: list[Frame] = []
        for beat in self.beats:
            if beat.name in script.frames and beat.happens(meaning):
                told = script.frames[beat.name]
                frames.append(told[int(rng.random() * len(told))])
        text = script.separator.join(frame.render(meaning, rng) for frame in frames)
        return text, tuple(frames), sum(self.log_p_frame(frame, script) for frame in frames)

    # The second run: score.

    def ahead(self, at: int, meaning: Meaning) -> Iterator[tuple[int, Meaning, float]]:
        """The beats that may be told next from beat `at` on, past silent ones; `len(beats)` is the story's end."""
        if at == len(self.beats) or (self.is_told(at) and self.beats[at].happens(meaning)):
            yield at, meaning, 0.0
        elif not self.beats[at].happens(meaning):
            yield from self.ahead(at + 1, meaning)
        else:
            for known, log_p in self.beats[at].outcomes(meaning):
                for beat, after, log_q in self.ahead(at + 1, known):
                    yield beat, after, log_p + log_q

    def is_told(self, at: int) -> bool:
        """Whether this beat has frames (in every script or in none)."""
        return all(self.beats[at].name in script.frames for script in self.scripts.values())

    def derivations(self, text: str, script_name: str) -> Iterator[Story]:
        """Every run of the program that tells exactly this text: one for a story, none for anything else."""
        script = self.script(script_name)

        def search(
            at: int, end: int, meaning: Meaning, frames: tuple[Frame, ...], log_p: float
        ) -> Iterator[Story]:
            for beat, known, log_q in self.ahead(at, meaning):
                if beat == len(self.beats):
                    if end == len(text):
                        yield Story(text, script.name, known, frames, log_p + log_q)
                    continue
                for frame, stop, after, log_r in self.steps(text, end, script, beat, known):
                    yield from search(beat + 1, stop, after, (*frames, frame), log_p + log_q + log_r)

        yield from search(0, 0, {}, (), 0.0)

    def steps(
        self, text: str, end: int, script: Script, at: int, meaning: Meaning
    ) -> Iterator[tuple[Frame, int, Meaning, float]]:
        """Every way in which the sentence after `end` tells beat `at` and agrees with `meaning`."""
        start = end + len(script.separator) if end else 0
        if not text.startswith(script.separator if end else "", end):
            return
        for frame in script.frames[self.beats[at].name]:
            match = frame.match(text, start)
            if match is None or any(
                meaning[role] not in match.facts[role] for role in meaning.keys() & match.facts
            ):
                continue
            for after, log_p in self.beats[at].outcomes(meaning, match.facts):
                yield frame, match.end, after, log_p + self.log_p_frame(frame, script)

    # The third run: enumerate.

    def enumerate(self, script_name: str) -> Iterator[Story]:
        """Every story of the world. Only for a restricted world: the standard one has more than 10^30."""
        script = self.script(script_name)

        def walk(
            at: int, text: str, meaning: Meaning, frames: tuple[Frame, ...], log_p: float
        ) -> Iterator[Story]:
            for beat, known, log_q in self.ahead(at, meaning):
                if beat == len(self.beats):
                    yield Story(text, script.name, known, frames, log_p + log_q)
                    continue
                for after, log_r in self.beats[beat].outcomes(known):
                    for frame in script.frames[self.beats[beat].name]:
                        log_s = log_p + log_q + log_r + self.log_p_frame(frame, script)
                        for said in frame.renderings(after):
                            longer = text + script.separator + said if text else said
                            yield from walk(beat + 1, longer, after, (*frames, frame), log_s)

        yield from walk(0, "", {}, (), 0.0)

    # The entropy, by recursion over what the rest of the story still depends on.

    def entropy(self, script_name: str | None = None) -> float:
        """Entropy of a whole story in nats, exactly; without a script, of its meaning alone."""
        script = self.script(script_name) if script_name is not None else None
        steps = [(beat, draw) for beat in self.beats for draw in (*beat.draws, None)]  # None: tell the beat
        live: list[frozenset[str]] = [
            frozenset()
        ]  # roles that decide what comes after each step, from the last
        for beat, draw in reversed(steps):
            live.append(live[-1] | {role for role, _ in beat.when} | set(draw.given if draw else ()))
        live.reverse()

        @cache
        def rest(i: int, known: frozenset[tuple[str, str]]) -> float:
            if i == len(steps):
                return 0.0
            beat, draw = steps[i]
            meaning = dict(known)
            if not beat.happens(meaning):
                return after(i, meaning)
            if draw is None:
                return style_entropy(script, beat) + after(i, meaning)
            return sum(
                p * (after(i, {**meaning, draw.role: value}) - math.log(p))
                for value, p in draw.probabilities(meaning).items()
            )

        def after(i: int, meaning: Meaning) -> float:
            return rest(i + 1, frozenset((role, meaning[role]) for role in live[i + 1] & meaning.keys()))

        return rest(0, frozenset())

    # Smaller worlds, and others.

    def restrict(self, frames: int | None = None, **values: tuple[str, ...]) -> "World":
        """The same world with only the first `frames` frames of each beat, and only these values of the roles named."""
        beats = tuple(
            replace(beat, draws=tuple(d.only(values[d.role]) if d.role in values else d for d in beat.draws))
            for beat in self.beats
        )
        scripts = {
            name: replace(script, frames={beat: told[:frames] for beat, told in script.frames.items()})
            for name, script in self.scripts.items()
        }
        return World(beats, scripts)

    def with_style(self, ways: int) -> "World":
        """The same world with only the first `ways` ways of each choice of style."""
        scripts = {
            name: replace(
                script,
                frames={
                    beat: tuple(f.with_style(ways) for f in told) for beat, told in script.frames.items()
                },
            )
            for name, script in self.scripts.items()
        }
        return World(self.beats, scripts)


def style_entropy(script: Script | None, beat: Beat) -> float:
    """Entropy in nats of how a script tells a beat, its meaning known."""
    if script is None or beat.name not in script.frames:
        return 0.0
    told = script.frames[beat.name]
    return math.log(len(told)) + sum(frame.style_entropy for frame in told) / len(told)


def pick(probabilities: Mapping[str, float], rng: random.Random) -> str:
    """Draw a value with one call of `rng.random()`, the only source of chance that every Python keeps stable."""
    left = rng.random()
    for value, probability in probabilities.items():
        left -= probability
        if left < 0:
            return value
    return value
