"""The corner of the world: its stories are stories of the world, and its floor is exact."""

import math

from bigmodel import world
from bigmodel.world.corner import CORNER


def test_every_story_of_the_corner_is_one_of_the_world() -> None:
    for story in world.stories(50, seed=3, world=CORNER):
        assert world.parse(story, world=CORNER) is not None
        assert world.log_probability(story) < world.log_probability(story, world=CORNER)


def test_the_world_tells_of_more_than_the_corner() -> None:
    assert all(world.parse(story, world=CORNER) is None for story in world.stories(50, seed=3))


def test_the_entropy_is_the_mean_surprise_of_its_stories() -> None:
    surprises = [-world.sample(5, index=index, world=CORNER).log_probability for index in range(2000)]
    mean = sum(surprises) / len(surprises)
    deviation = math.sqrt(sum((surprise - mean) ** 2 for surprise in surprises) / len(surprises))
    assert abs(mean - world.entropy("english", CORNER)) < 4 * deviation / math.sqrt(len(surprises))


def test_stories_stay_varied() -> None:
    told = world.stories(1000, seed=5, world=CORNER)
    assert len(set(told)) == 1000
    assert world.entropy("english", CORNER) > 25
    assert sum(len(story.split()) for story in told) > 60 * 1000


def test_a_world_with_fewer_beats_can_be_read() -> None:
    opening = world.World(CORNER.beats[:12], CORNER.scripts)
    for story in world.stories(5, seed=1, world=opening):
        assert world.read(story, world=opening).consistent
