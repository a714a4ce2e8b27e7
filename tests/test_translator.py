"""The encoder–decoder: what may look at what, that given, cached and padded it is the same, and its sentence pairs."""

import math
from functools import partial

import pytest
import torch
from torch.utils.data import TensorDataset

from bigmodel.data import IGNORE_INDEX
from bigmodel.decoder import Config
from bigmodel.optimizer import MuonAdamW
from bigmodel.tokenizer import CharacterTokenizer, WordTokenizer
from bigmodel.train import log_probabilities, train
from bigmodel.translator import Translator, initialise, load_pairs, pairs, read_sources, translate, translation_loss

ENGLISH = ["a red flag", "the old cat sleeps", "a red cat", "the flag"]
CHINESE = ["一面红旗", "老猫在睡觉", "一只红猫", "旗"]


def small(vocab_size, **more):
    return Config(vocab_size, context=16, n_layer=2, n_head=2, n_embd=16, **more)


def random_translator(reads=20, writes=30, **more):
    """One whose weights are all random, so that nothing hides behind a zero."""
    translator = Translator(small(reads, **more), small(writes, **more))
    generator = torch.Generator().manual_seed(0)
    for weight in translator.parameters():
        weight.data = 0.3 * torch.randn(weight.shape, generator=generator)
    return translator.eval()


def inputs():
    source = torch.tensor([[3, 5, 7, 9, 11], [4, 6, 8, 0, 0]])
    padding = torch.tensor([[False] * 5, [False, False, False, True, True]])
    ids = torch.tensor([[1, 12, 13, 14], [1, 22, 23, 24]])
    return source, padding, ids


@pytest.fixture
def tokenizers():
    return WordTokenizer.train("\n".join(ENGLISH)), CharacterTokenizer.train("\n".join(CHINESE))


@pytest.mark.parametrize("more", [{}, {"norm": "rms", "feed_forward": "swiglu", "bias": True}, {"n_kv_head": 1}])
def test_a_position_depends_on_the_past_and_on_the_whole_source(more):
    translator, (source, padding, ids) = random_translator(**more), inputs()
    logits = translator(source, padding, ids)
    assert logits.shape == (2, 4, 30)
    later = ids.clone()
    later[:, 2] = 29
    moved = (translator(source, padding, later) - logits).abs().amax(-1) > 1e-6
    assert moved.tolist() == [[False, False, True, True]] * 2
    for place in range(5):
        other = source.clone()
        other[:, place] = 19
        moved = (translator(other, padding, ids) - logits).abs().amax(-1) > 1e-6
        assert moved[0].all()
        assert moved[1].all() == (place < 3)  # what is padding, nobody sees


def test_padding_changes_nothing():
    translator, (source, padding, ids) = random_translator(), inputs()
    together = translator(source, padding, ids)
    alone = translator(source[1:, :3], padding[1:, :3], ids[1:])
    torch.testing.assert_close(together[1:], alone, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_given_its_sources_it_is_a_language_model():
    translator, (source, padding, ids) = random_translator(), inputs()
    expected = translator(source, padding, ids)
    given = translator.given(source, padding)
    torch.testing.assert_close(given(ids), expected)
    cache = given.new_cache(2)
    parts = [given(ids[:, :2], cache=cache), given(ids[:, 2:3], cache=cache), given(ids[:, 3:], cache=cache)]
    torch.testing.assert_close(torch.cat(parts, dim=1), expected, atol=1e-5, rtol=1e-5)
    one = translator.given(source[:1], padding[:1])  # one source serves any number of rows
    torch.testing.assert_close(one(ids[:1].repeat(3, 1)), expected[:1].repeat(3, 1, 1), atol=1e-5, rtol=1e-5)


def test_the_map_is_that_of_the_forward():
    translator, (source, padding, ids) = random_translator(), inputs()
    seen = []
    for block in translator.blocks:
        original = block.cross_attention.forward

        def spy(x, mask, source=None, block=block, original=original):
            seen.append(block.cross_attention.weights(x, mask, source=source))
            return original(x, mask, source=source)

        block.cross_attention.forward = spy
    translator(source, padding, ids)
    torch.testing.assert_close(translator.cross_attention_maps(source, padding, ids), torch.stack(seen[:2]))


def test_it_begins_with_all_tokens_equally_probable(tokenizers):
    data = pairs(ENGLISH, CHINESE, *tokenizers)
    translator = Translator(small(tokenizers[0].vocab_size), small(tokenizers[1].vocab_size))
    assert translation_loss(translator, data[:]).item() == pytest.approx(math.log(tokenizers[1].vocab_size))


def test_a_seed_decides_all_first_weights():
    drawn = []
    for already in (1, 2):
        torch.manual_seed(already)
        translator = Translator(small(20), small(30))
        torch.manual_seed(0)
        initialise(translator)
        drawn.append(torch.cat([weight.detach().flatten() for weight in translator.parameters()]))
    assert torch.equal(*drawn)


def test_the_loss_is_the_mean_over_the_tokens_of_the_translation(tokenizers):
    data = pairs(ENGLISH, CHINESE, *tokenizers)
    source, padding, ids, targets = data.tensors
    translator = random_translator(tokenizers[0].vocab_size, tokenizers[1].vocab_size)
    logits = translator(source, padding, ids).log_softmax(-1)
    each = [-logits[n, t, k] for n, row in enumerate(targets) for t, k in enumerate(row) if k != IGNORE_INDEX]
    assert len(each) == sum(map(len, CHINESE)) + 4  # every character, and four ends
    assert translation_loss(translator, data[:]).item() == pytest.approx(torch.stack(each).mean().item(), rel=1e-5)
    with torch.no_grad():
        given = translator.given(source, padding)
    total = log_probabilities(given, TensorDataset(ids, targets), batch_size=4)
    assert -total.sum().item() == pytest.approx(torch.stack(each).sum().item(), rel=1e-5)


def test_it_learns_pairs_by_heart_and_translates_them(tokenizers):
    torch.manual_seed(0)
    translator = Translator(small(tokenizers[0].vocab_size), small(tokenizers[1].vocab_size))
    optimizer = partial(MuonAdamW, blocks=[*translator.encoder.blocks, *translator.blocks])
    data = pairs(ENGLISH, CHINESE, *tokenizers)
    train(translator, data, steps=60, learning_rate=0.03, optimizer=optimizer, batch_size=4, loss=translation_loss)
    assert translate(translator, *tokenizers, ENGLISH) == CHINESE
    assert translate(translator, *tokenizers, ENGLISH[1:2], length=2) == ["老猫"]


def test_sources_are_filled_up_on_the_right(tokenizers):
    ids, padding = read_sources(["a red flag", "the"], tokenizers[0])
    assert ids.shape == padding.shape == (2, 3)
    assert padding.tolist() == [[False] * 3, [False, True, True]]
    assert ids[1, 1:].tolist() == [tokenizers[0].padding] * 2


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda a, b: pairs(ENGLISH, CHINESE[:3], a, b), "4 texts have 3 translations"),
        (lambda a, b: pairs([], [], a, b), "nothing to translate"),
        (lambda a, b: pairs(["a red flag", ""], CHINESE[:2], a, b), "none that is empty"),
        (lambda a, b: Translator(small(5), Config(5, n_embd=32)), "the same n_embd"),
        (lambda a, b: Translator(small(5), small(5, position="learned")), "rotary positions"),
        (lambda a, b: random_translator()(torch.ones(1, 17, dtype=torch.long), torch.zeros(1, 17) > 0, inputs()[2][:1]),
         "17 tokens are more than the context of 16"),
        (lambda a, b: random_translator()(*inputs()[:2], torch.ones(2, 17, dtype=torch.long)), "context of 16"),
    ],
)  # fmt: skip
def test_what_cannot_be_translated_is_said_in_a_sentence(call, said, tokenizers):
    with pytest.raises(ValueError, match=said):
        call(*tokenizers)


def test_sentence_pairs_are_read_from_a_file(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("Hello.\t你好。\n\n  The cat.\t猫。 \n", encoding="utf-8")
    assert load_pairs(path) == [("Hello.", "你好。"), ("The cat.", "猫。")]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Hello. 你好。\n", r"line 1 of pairs.tsv is no pair: 'Hello. 你好。'"),
        ("a\tb\nc\t\n", "line 2"),
        ("a\tb\tc\n", "line 1"),
        ("", "is empty"),
        (" \n\n", "is empty"),
    ],
)
def test_a_file_without_pairs_is_refused_with_a_sentence(written, said, tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text(written, encoding="utf-8")
    with pytest.raises(ValueError, match=said):
        load_pairs(path)
