"""The laws of the small world: it scores what it tells, nothing else has a probability, its floor is exact."""

import math
import re
import statistics
from collections import Counter
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bigmodel import world
from bigmodel.world.beats import ROLES
from bigmodel.world.corner import CORNER
from bigmodel.world.frames import read_template
from bigmodel.world.telling import slots
from bigmodel.world.words import lexicon
from bigmodel.world.words.pinyin import pinyin

SCRIPTS = world.SCRIPTS
WORLDS = {"standard": world.WORLD, "dialect": world.DIALECT, "corner": CORNER}
every_script = pytest.mark.parametrize("script", SCRIPTS)
every_world = pytest.mark.parametrize("name", WORLDS)


VALUES = """
    hero=mia,ben region=sea home=harbour trait=shy gift=plain thing=flag,chess colour=red giver=aunt food=buns time=rain
    rival=twins thief=goat chore=spoons game=poem place=attic,pier first=dunes second=attic,pier,nets searches=none,two
    feeling=sad odd=frog other=wig nature=wise friend=fox trigger=hiccup clue=apple glad=happy antic=leg
"""


@cache
def tiny_world() -> world.World:
    """Small enough to enumerate, yet with every plot, every helper and every ending."""
    values = dict(one.split("=") for one in VALUES.split())
    return world.WORLD.restrict(frames=1, ways=1, **{role: tuple(some.split(",")) for role, some in values.items()})


# Probability.


@every_world
@every_script
def test_score_is_the_probability_with_which_a_story_was_drawn(script: str, name: str) -> None:
    for index in range(300):
        story = world.sample(3, script, index, WORLDS[name])
        derivations = list(WORLDS[name].derivations(story.text, script))
        assert [(found.meaning, found.frames) for found in derivations] == [(story.meaning, story.frames)]
        assert derivations[0].log_probability == pytest.approx(story.log_probability, abs=1e-9)


@every_world
@every_script
def test_what_a_sentence_means_can_be_heard_in_it(script: str, name: str) -> None:
    """A beat's sentences all differ, none begins as its own frame ends, and each says all that the beat decides."""
    meaning = {role: next(iter(rows)) for role, rows in ROLES.items()}
    for beat in WORLDS[name].beats:
        frames = WORLDS[name].script(script).frames.get(beat.name, ())
        told = [text for frame in frames for text in frame.renderings(meaning)]
        assert len(told) == len(set(told)), beat.name
        for frame in frames:
            texts = sorted(frame.renderings(meaning))
            assert math.log(len(texts)) == pytest.approx(frame.style_entropy)
            assert not any(longer.startswith(text) for text, longer in pairwise(texts)), frame.template
            for text in texts:
                end, facts = frame.match(text) or (0, {})
                assert end == len(text)
                assert facts.keys() >= {draw.role for draw in beat.draws}, frame.template
                assert all(meaning[role] in values for role, values in facts.items())


@every_world
@every_script
def test_entropy_is_the_mean_of_minus_log_probability(script: str, name: str) -> None:
    surprises = [-world.sample(5, script, index, WORLDS[name]).log_probability for index in range(600)]
    error = statistics.stdev(surprises) / math.sqrt(len(surprises))
    assert error < 0.4
    assert abs(statistics.mean(surprises) - world.entropy(script, WORLDS[name])) < 4 * error


@every_script
def test_a_restricted_world_sums_to_one_and_its_entropy_agrees(script: str) -> None:
    small = tiny_world()
    told = list(small.enumerate(script))
    assert 100 < len(told) == len({telling.text for telling in told})
    assert math.fsum(math.exp(telling.log_probability) for telling in told) == pytest.approx(1, abs=1e-12)
    entropy = -math.fsum(math.exp(telling.log_probability) * telling.log_probability for telling in told)
    assert entropy == pytest.approx(small.entropy(script), abs=1e-9)
    assert small.entropy() == pytest.approx(entropy, abs=1e-9)  # told in one way only: no style
    for telling in told[::17]:
        (found,) = small.derivations(telling.text, script)
        assert found.log_probability == pytest.approx(telling.log_probability, abs=1e-9)


@every_script
def test_perfect_tokens_cost_together_what_the_story_costs(script: str) -> None:
    for index in range(5):
        story = world.sample(8, script, index)
        surprises = world.surprises(re.findall(r".\S*", story.text), script)
        assert min(surprises) >= -1e-9
        assert sum(surprises) == pytest.approx(-story.log_probability, abs=1e-6)


@every_script
def test_a_beginning_is_as_probable_as_all_stories_that_begin_so(script: str) -> None:
    small = tiny_world()
    told = list(small.enumerate(script))
    for text in ("", told[0].text[:1], told[0].text[:80], told[5].text[:90], told[-1].text, "Xylophone"):
        begun = [math.exp(telling.log_probability) for telling in told if telling.text.startswith(text)]
        found = math.exp(world.prefix_log_probability(text, script, small))
        assert found == pytest.approx(math.fsum(begun), rel=1e-9)
        assert (found > 0) == (text != "Xylophone")


@every_script
def test_stories_are_spaced_and_punctuated_as_they_should_be(script: str) -> None:
    for text in world.stories(500, 16, script):
        assert text == text.strip()
        wrong = r"\s\s|\s[,.!?:;。，！？：]|[,.!?:;]{2}|[。，！？：]{2}|[{}\[\]|\n]"
        assert re.search(wrong, text) is None, text
        assert text[-1] in '.!?"。！？”'
        assert script != "hanzi" or " " not in text
        assert script == "hanzi" or not re.search(r'[.!?] "?[a-zāáǎàēéěèōóǒò]', text), text


# Rich enough to be worth learning.


def test_stories_are_long_and_every_word_costs_something() -> None:
    told = world.stories(500, 1_000_003)
    words = [len(re.findall(r"[\w']+", text)) for text in told]
    assert world.entropy("english") >= 60
    assert statistics.quantiles(words, n=20)[0] >= 60
    assert 0.6 <= world.entropy("english") / statistics.fmean(words) <= 1.2
    assert len(set(re.findall(r"\w+", " ".join(told).lower()))) >= 500


@every_script
def test_every_frame_is_used_and_none_too_often(script: str) -> None:
    stories = [world.sample(15, script, index).frames for index in range(1500)]
    counts = Counter(frame for frames in stories for frame in set(frames))
    assert set(counts) == {frame for frames in world.WORLD.script(script).frames.values() for frame in frames}
    assert max(counts.values()) <= 0.2 * len(stories)


def test_the_corner_is_a_part_of_the_world() -> None:
    for story in world.stories(50, seed=3, world=CORNER):
        assert world.parse(story, world=CORNER) is not None
        assert -math.inf < world.log_probability(story) < world.log_probability(story, world=CORNER)
    assert all(world.parse(story, world=CORNER) is None for story in world.stories(50, seed=3))
    opening = world.World(CORNER.beats[:12], CORNER.scripts)
    assert all(world.read(story, world=opening).consistent for story in world.stories(5, seed=1, world=opening))


# Seeds (and tests/test_world_unchanged.py).


def test_another_seed_is_another_text() -> None:
    assert not set(world.stories(300, seed=1)) & set(world.stories(300, seed=2))
    assert world.text(stories=3, seed=1).split("\n\n") == world.stories(3, seed=1)


def test_bad_arguments_are_refused_with_one_sentence() -> None:
    with pytest.raises(ValueError, match="'klingon'"):
        world.stories(1, script="klingon")
    with pytest.raises(ValueError, match="seed -1"):
        world.sample(seed=-1)
    with pytest.raises(ValueError, match="no texts"):
        world.judge([])
    with pytest.raises(ValueError, match=r"\{dragon\}"):
        read_template("A {dragon}!", slots("english"))
    with pytest.raises(ValueError, match="'龘'"):
        pinyin("龘")


# Meaning, then words.


def test_one_meaning_is_told_in_three_scripts() -> None:
    for index in range(200):
        told = [world.sample(6, script, index) for script in SCRIPTS]
        assert told[0].meaning == told[1].meaning == told[2].meaning
        for story in told:
            again = world.tell(story.meaning, story.script, seed=index)
            parsed = world.parse(again, story.script)
            assert parsed is not None
            assert parsed.meaning == story.meaning


@every_world
def test_pinyin_follows_from_hanzi_one_to_one_over_whole_stories(name: str) -> None:
    for index in range(300):
        hanzi = world.sample(7, "hanzi", index, WORLDS[name])
        sounds = world.sample(7, "pinyin", index, WORLDS[name])
        assert hanzi.log_probability == sounds.log_probability
        assert len(list(WORLDS[name].derivations(sounds.text, "pinyin"))) == 1


def test_at_least_ten_sets_of_homophones_that_only_context_settles() -> None:
    written: dict[str, set[str]] = {"tā": {"他", "她", "它"}}
    for row in (*lexicon.HEROES.values(), *lexicon.THINGS.values()):
        written.setdefault(pinyin(row["hanzi"]), set()).add(row["hanzi"].replace(" ", ""))
    homophones = {sound: words for sound, words in written.items() if len(words) > 1}
    assert len(homophones) >= 10
    told = " ".join(world.stories(400, 3, "hanzi"))
    assert all(word in told for words in homophones.values() for word in words)


def test_readings_know_what_characters_do_not() -> None:
    assert pinyin("一 只 狐狸") == "yī zhī húli"
    assert pinyin("只 有 三 只") == "zhǐ yǒu sān zhī"
    assert pinyin("晚安") == "wǎn'ān"
    assert pinyin("“对 了！”{hero} 说。") == "“duì le!” {hero} shuō."


# What is not a story.


@every_script
def test_text_that_is_not_of_the_world_has_none(script: str) -> None:
    story = world.sample(7, script).text
    for text in ("", story[:-1], story + story, story + " ", " " + story, "What is this?", story.lower()):
        if text != story:
            assert world.parse(text, script) is None
            assert world.log_probability(text, script) == -math.inf


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 500), st.data())
def test_a_spliced_text_is_read_at_least_to_the_splice(index: int, data: st.DataObject) -> None:
    script = data.draw(st.sampled_from(SCRIPTS))
    one, other = world.sample(1, script, index).text, world.sample(2, script, index).text
    cut = data.draw(st.integers(0, min(len(one), len(other))))
    spliced = one[:cut] + other[cut:]
    reading = world.read(spliced, script)
    assert cut <= reading.valid_characters <= len(spliced)
    assert reading.story == world.parse(spliced, script)
    assert reading.story is None or reading.consistent


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.text(max_size=60))
def test_any_text_can_be_read(text: str) -> None:
    for script in SCRIPTS:
        reading = world.read(text, script)
        kept = "".join("".join(sentence.text for sentence in reading.sentences).split())
        assert kept == "".join(text.split())
        assert 0 <= reading.grammatical <= 1
        assert reading.valid_characters <= len(text)


# Reading.


@every_script
def test_a_story_reads_as_valid_grammatical_and_consistent(script: str) -> None:
    for index in range(60):
        story = world.sample(9, script, index)
        reading = world.read(story.text, script)
        assert reading.valid_characters == len(story.text)
        assert reading.valid_sentences == len(story.frames) == len(reading.sentences)
        assert [sentence.beat for sentence in reading.sentences] == [frame.beat for frame in story.frames]
        assert reading.consistent
        assert reading.story is not None
        facts: dict[str, frozenset[str]] = {}
        for sentence in reading.sentences:
            for role, values in sentence.facts.items():
                facts[role] = facts.get(role, values) & values
        assert all(story.meaning[role] in values for role, values in facts.items())


@every_script
def test_a_contradiction_is_found_where_it_stands(script: str) -> None:
    for index in range(40):
        story = world.sample(10, script, index)
        text = world.contradict(story, index)
        reading = world.read(text, script)
        assert reading.grammatical == 1
        assert not reading.consistent
        wrong = [sentence for sentence in reading.sentences if sentence.contradicts]
        assert [(sentence.beat, sentence.contradicts) for sentence in wrong] == [("find", ("place",))]
        assert reading.story is None
        assert 0 < reading.valid_sentences < len(story.frames)


def test_a_foreign_sentence_is_ungrammatical_and_the_rest_is_read() -> None:
    story = world.sample(11).text
    head, rest = story.split(". ", 1)
    reading = world.read(f"{head}. The moon is cheese! {rest}")
    foreign = [sentence.text for sentence in reading.sentences if sentence.beat is None]
    assert foreign == ["The moon is cheese!"]
    assert reading.valid_sentences == 1
    assert reading.valid_characters == len(head) + 2
    assert not reading.consistent


def test_pronouns_and_plots_contradict_too() -> None:
    text = "Meet Mia, a shy girl who lived in the harbour. Her aunt had given her a red key. "
    swapped = world.read(text + "He loved it even more than noodles.")
    assert swapped.sentences[-1].contradicts == ("hero",)
    steal = "One rainy evening a goat stole the key and hid it in the attic. "
    stolen = world.read(text + steal + '"Did you not count ants yesterday?" said the fox.')
    assert stolen.sentences[-1].contradicts == ("plot",)


def test_judging_is_the_mean_over_texts() -> None:
    story = world.sample(12).text
    both = world.judge([story, "Hello."])
    assert both.whole == both.consistent == both.grammatical == 0.5
    assert both.valid_characters == (len(story) + world.read("Hello.").valid_characters) / 2


# Tasks.


@every_script
def test_questions_are_answered_by_the_story(script: str) -> None:
    asked = set()
    for index in range(100):
        story = world.sample(13, script, index)
        for question in world.questions(story):
            asked.add(question.role)
            assert question.accepts(question.answer)
            assert question.accepts(f" {question.answer.upper()}. ")
            assert not question.accepts("nobody knows")
            if question.role != "ending":
                assert question.answer.removeprefix("the ").lower() in story.text.lower()
    assert len(asked) == 13


@every_script
def test_instructions_and_preferences_can_be_checked(script: str) -> None:
    faults = set()
    for index in range(40):
        better = world.preference(14, script, index)
        faults.add(better.fault)
        assert better.instruction.followed_by(better.chosen)
        assert not better.instruction.followed_by(better.rejected)
        assert world.read(better.rejected, script).grammatical == 1
        assert world.read(better.rejected, script).consistent == (better.fault == "it does not follow the instruction")
    assert len(faults) == 2
