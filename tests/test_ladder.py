import math

import pytest
import torch
from torch import nn

from bigmodel import world
from bigmodel.ladder import bigram_loss, excess, rungs, unigram_loss
from bigmodel.tokenizer import BytePairTokenizer

TOKENIZER = BytePairTokenizer.train(world.text(200, seed=0), vocab_size=600)


class Uniform(nn.Module):
    def forward(self, ids):
        return torch.zeros(*ids.shape, TOKENIZER.vocab_size)


def test_unigram_is_the_entropy_of_frequencies_worked_out_by_hand():
    row = [0, *([1] * 4 + [2] * 4) * 4000]  # the 0 is given; then 1 and 2 are equally frequent
    assert unigram_loss([row], [row], 3) == pytest.approx(math.log(2), abs=1e-3)


def test_bigram_knows_the_token_before_and_no_more():
    counted = [[0, 1, 2] * 5000]  # each token has one successor
    assert bigram_loss(counted, counted, 3) == pytest.approx(0, abs=1e-2)
    coin = [[0, 1], [0, 2]] * 5000  # after 0 come 1 and 2, equally often
    assert bigram_loss(coin, coin, 3) == pytest.approx(math.log(2), abs=1e-3)


def test_what_was_never_counted_is_not_impossible():
    assert math.isfinite(unigram_loss([[0, 1]], [[0, 2]], 3))
    assert math.isfinite(bigram_loss([[0, 1]], [[2, 2]], 3))


def test_each_rung_is_below_the_one_before():
    levels = rungs(TOKENIZER, stories=400)
    assert list(levels) == ["uniform", "unigram", "bigram", "floor"]
    assert levels["uniform"] == math.log(600)
    assert list(levels.values()) == sorted(levels.values(), reverse=True)


def test_the_floor_of_a_story_does_not_depend_on_the_tokenizer():
    other = BytePairTokenizer.train(world.text(50, seed=1), vocab_size=300)
    for tokenizer in (TOKENIZER, other):
        texts = world.stories(400, seed=1_000_000)
        tokens = sum(len(tokenizer.encode(text)) + 1 for text in texts) / len(texts)
        assert rungs(tokenizer, stories=400)["floor"] * tokens == pytest.approx(world.entropy("english"))


def test_the_excess_of_guessing_blindly_is_what_it_must_be():
    found = excess(Uniform(), TOKENIZER, stories=50, seed=7)
    told = [world.sample(7, "english", index) for index in range(50)]
    tokens = sum(len(TOKENIZER.encode(story.text)) + 1 for story in told)
    by_hand = math.log(600) + sum(story.log_probability for story in told) / tokens
    assert found.mean == pytest.approx(by_hand, rel=1e-5)


def test_the_standard_error_is_the_spread_of_the_excess_over_samples():
    found = [excess(Uniform(), TOKENIZER, stories=20, seed=seed) for seed in range(40)]
    spread = torch.tensor([one.mean for one in found]).std().item()
    claimed = sum(one.standard_error for one in found) / len(found)
    assert claimed == pytest.approx(spread, rel=0.3)  # 40 samples know their spread to about a ninth
