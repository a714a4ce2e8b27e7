"""The world is fixed: every story of every seed stays byte for byte the same, and so does its probability."""

import hashlib

import pytest

from bigmodel import world

WORLDS = {"standard": world.WORLD, "dialect": world.DIALECT}
# World, script -> SHA-256 of 1000 stories, of their log-probabilities to nine digits, and the entropy in nats.
RECORDED = {
    ("standard", "english"): (
        "6b187d43c18c1d3a187df53e32882c446985f7cddd4bc49ff66654c0a5a261b0",
        "9979b047d65b445cc21acfeee938f520e4e5c5a3f2ca495ba144035d0b098d01",
        "66.977936074",
    ),
    ("standard", "hanzi"): (
        "2f83edba52d8fd2d89e479ea63362806208fd1a5fd4ce06962902908ffcf430b",
        "88824d13458cf34ddfd319a2b84e487b9365a799dcc6113384df31495998ec92",
        "66.205266146",
    ),
    ("standard", "pinyin"): (
        "af2b7375a64d17f6adb31b55d539ca681b4b1800407d05378c352a671d23e106",
        "88824d13458cf34ddfd319a2b84e487b9365a799dcc6113384df31495998ec92",
        "66.205266146",
    ),
    ("dialect", "english"): (
        "71a8d0077bc923bfcecd0d0d17e633e786b626fc343bc00b1c8331b0a51a7315",
        "e885c84d0a2c37291adeb2e8d96df594a200eaa4cd2c23437d8f613c4711aeed",
        "65.387611277",
    ),
    ("dialect", "hanzi"): (
        "1909335c5e272ad7b947d6ac0af6f5551510b2d7dfa5015d04e00ec4f2ffd665",
        "e57892d69f4dea04211118c021844bf8bec47c1031cb898490697197026300ac",
        "64.629773166",
    ),
    ("dialect", "pinyin"): (
        "11230ffc494f0b886b5719c8e9f25bec27ebfba0620ea86bc2fd3b9fac65fa4d",
        "e57892d69f4dea04211118c021844bf8bec47c1031cb898490697197026300ac",
        "64.629773166",
    ),
}


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(("name", "script"), RECORDED)
def test_stories_probabilities_and_entropy_are_as_recorded(name: str, script: str) -> None:
    some = WORLDS[name]
    texts = world.stories(1000, 12345, script, some)
    scores = " ".join(f"{world.log_probability(text, script, some):.9g}" for text in texts)
    found = digest("\n\n".join(texts)), digest(scores), f"{world.entropy(script, some):.9f}"
    assert found == RECORDED[name, script]
