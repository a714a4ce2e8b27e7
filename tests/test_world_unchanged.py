"""The world is fixed: every story of every seed stays byte for byte the same, and so does its probability."""

import hashlib

import pytest

from bigmodel import world

WORLDS = {"standard": world.WORLD, "dialect": world.DIALECT}
# World, script -> SHA-256 (its first 16 digits) of 1000 stories, and of their log-probabilities; the entropy in nats.
RECORDED = {
    ("standard", "english"): ("6b187d43c18c1d3a", "9979b047d65b445c", "66.977936074"),
    ("standard", "hanzi"): ("2f83edba52d8fd2d", "88824d13458cf34d", "66.205266146"),
    ("standard", "pinyin"): ("af2b7375a64d17f6", "88824d13458cf34d", "66.205266146"),
    ("dialect", "english"): ("71a8d0077bc923bf", "e885c84d0a2c3729", "65.387611277"),
    ("dialect", "hanzi"): ("1909335c5e272ad7", "e57892d69f4dea04", "64.629773166"),
    ("dialect", "pinyin"): ("11230ffc494f0b88", "e57892d69f4dea04", "64.629773166"),
}
# Script -> the same of how 100 spliced texts are read, and of how probable they are as beginnings.
READ = {
    "english": "ee17f20687c38d66",
    "hanzi": "d65e102b0473bdd2",
    "pinyin": "be672e0ef09ad1a3",
}


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@pytest.mark.parametrize(("name", "script"), RECORDED)
def test_stories_probabilities_and_entropy_are_as_recorded(name: str, script: str) -> None:
    some = WORLDS[name]
    texts = world.stories(1000, 12345, script, some)
    scores = " ".join(f"{world.log_probability(text, script, some):.9g}" for text in texts)
    found = digest("\n\n".join(texts)), digest(scores), f"{world.entropy(script, some):.9f}"
    assert found == RECORDED[name, script]


@pytest.mark.parametrize("script", READ)
def test_readings_and_beginnings_are_as_recorded(script: str) -> None:
    found = []
    for one, other in zip(world.stories(100, 1, script), world.stories(100, 2, script), strict=True):
        cut = len(one) // 3
        text = one[:cut] + other[cut:]
        reading = world.read(text, script)
        facts = [
            (
                sentence.beat,
                sorted((role, sorted(values)) for role, values in sentence.facts.items()),
                sentence.contradicts,
            )
            for sentence in reading.sentences
        ]
        p = [f"{world.prefix_log_probability(text[:n], script):.9g}" for n in (cut // 2, cut, cut + 1, len(text))]
        found.append((reading.valid_characters, reading.valid_sentences, facts, p))
    assert digest(repr(found)) == READ[script]
