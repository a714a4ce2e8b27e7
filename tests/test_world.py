"""The laws of the small world: what it tells it can score, what it cannot tell has no probability, its entropy is exact."""

import math
import random
import statistics

import pytest

from bigmodel import world

SCRIPTS = world.SCRIPTS


@pytest.mark.parametrize("script", SCRIPTS)
def test_score_is_the_probability_with_which_a_story_was_drawn(script: str) -> None:
    for index in range(400):
        story = world.sample(3, script, index)
        assert world.log_probability(story.text, script) == pytest.approx(story.log_probability, abs=1e-9)


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_story_has_one_derivation_and_parses_to_its_meaning(script: str) -> None:
    for index in range(400):
        story = world.sample(4, script, index)
        derivations = list(world.WORLD.derivations(story.text, script))
        assert [found.meaning for found in derivations] == [story.meaning]
        assert derivations[0].frames == story.frames


@pytest.mark.parametrize("script", SCRIPTS)
def test_entropy_is_the_mean_of_minus_log_probability(script: str) -> None:
    surprises = [-world.sample(5, script, index).log_probability for index in range(4000)]
    error = statistics.stdev(surprises) / math.sqrt(len(surprises))
    assert abs(statistics.mean(surprises) - world.entropy(script)) < 4 * error


def tiny_world() -> world.World:
    """Small enough to enumerate, yet with every plot, every helper and every ending."""
    return world.WORLD.restrict(
        frames=1,
        hero=("mia", "ben"),
        home=("island",),
        trait=("shy",),
        thing=("flag", "chess"),
        colour=("red",),
        giver=("aunt",),
        occasion=("swim",),
        food=("buns",),
        time=("rain",),
        rival=("twins",),
        thief=("goat",),
        chore=("spoons",),
        game=("poem",),
        place=("attic", "pier"),
        first=("attic", "pier", "dunes"),
        second=("attic", "pier", "dunes"),
        feeling=("sad",),
        odd=("cat",),
        other=("wig",),
        nature=("wise",),
        friend=("fox",),
        trigger=("pear",),
        clue=("apple",),
        glad=("happy",),
        antic=("moon",),
    )


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_restricted_world_sums_to_one_and_its_entropy_agrees(script: str) -> None:
    small = tiny_world()
    told = list(small.enumerate(script))
    assert len({telling.text for telling in told}) == len(told) > 100
    assert math.fsum(math.exp(telling.log_probability) for telling in told) == pytest.approx(1, abs=1e-12)
    by_enumeration = -math.fsum(math.exp(t.log_probability) * t.log_probability for t in told)
    assert by_enumeration == pytest.approx(small.entropy(script), abs=1e-9)
    for telling in random.Random(0).sample(told, 50):
        (found,) = small.derivations(telling.text, script)
        assert found.log_probability == pytest.approx(telling.log_probability, abs=1e-9)


def test_pinyin_and_hanzi_are_one_to_one_over_whole_stories() -> None:
    for index in range(300):
        hanzi, pinyin = world.sample(6, "hanzi", index), world.sample(6, "pinyin", index)
        assert hanzi.meaning == pinyin.meaning
        assert hanzi.log_probability == pinyin.log_probability
    assert world.entropy("hanzi") == world.entropy("pinyin")


@pytest.mark.parametrize("script", SCRIPTS)
def test_text_that_is_not_of_the_world_has_none(script: str) -> None:
    story = world.sample(7, script).text
    for text in ("", story[:-1], story + story, story + " ", " " + story, "What is this?"):
        assert world.parse(text, script) is None
        assert world.log_probability(text, script) == -math.inf


def test_the_same_seed_is_the_same_text_and_another_seed_another() -> None:
    assert world.stories(5, seed=1) == world.stories(5, seed=1)
    assert not set(world.stories(200, seed=1)) & set(world.stories(200, seed=2))
    assert world.text(stories=3, seed=1).split("\n\n") == world.stories(3, seed=1)


def test_unknown_script_and_negative_seed_are_refused() -> None:
    with pytest.raises(ValueError, match="klingon"):
        world.stories(1, script="klingon")
    with pytest.raises(ValueError, match="seed -1"):
        world.sample(seed=-1)
