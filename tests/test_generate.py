import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from bigmodel.decoder import Config, Decoder
from bigmodel.generate import (
    draw_rows,
    generate,
    generate_all,
    next_logits,
    probabilities,
    stream,
    stream_ids,
)
from bigmodel.model import BigModel, OneHot
from bigmodel.tokenizer import CharacterTokenizer

TOKENIZER = CharacterTokenizer.train("the key is in the attic 钥匙在阁楼里")


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    size = TOKENIZER.vocab_size
    return nn.Sequential(OneHot(size, context=2), BigModel(2 * size, 32, size))


LOGITS = torch.tensor([2.0, 1.0, 0.0, -1.0])  # probabilities .644, .237, .087, .032


def test_without_settings_it_is_softmax():
    torch.testing.assert_close(probabilities(LOGITS), LOGITS.softmax(-1))


def test_temperature_divides_the_logits():
    torch.testing.assert_close(probabilities(LOGITS, temperature=0.5), (2 * LOGITS).softmax(-1))


def test_top_k_keeps_the_k_most_probable_in_proportion():
    torch.testing.assert_close(
        probabilities(LOGITS, top_k=2), torch.cat([LOGITS[:2].softmax(-1), torch.zeros(2)])
    )


def test_top_p_keeps_the_smallest_set_that_reaches_p():
    assert (probabilities(LOGITS, top_p=0.64) > 0).tolist() == [True, False, False, False]
    assert (probabilities(LOGITS, top_p=0.65) > 0).tolist() == [True, True, False, False]
    assert (probabilities(LOGITS, top_p=1.0) > 0).all()


@given(
    st.lists(st.integers(-30, 30), min_size=2, max_size=20),
    st.floats(0.05, 5),
    st.one_of(st.none(), st.integers(1, 25)),
    st.one_of(st.none(), st.floats(0.01, 1)),
)
def test_probabilities_sum_to_one_and_keep_the_most_probable(values, temperature, top_k, top_p):
    chances = probabilities(torch.tensor(values, dtype=torch.float), temperature, top_k, top_p)
    assert chances.sum().item() == pytest.approx(1, abs=1e-5)
    assert chances[torch.tensor(values).argmax()] == chances.max()
    assert top_k is None or int((chances > 0).sum()) <= top_k


def test_the_logits_given_are_left_as_they_are():
    logits = LOGITS.clone()
    probabilities(logits, 0.7, top_k=1, top_p=0.5)
    assert torch.equal(logits, LOGITS)


def test_the_same_seed_writes_the_same_text_and_another_another(model):
    texts = [generate(model, TOKENIZER, "the", 40, seed=seed) for seed in (0, 0, 1)]
    assert texts[0] == texts[1] != texts[2]
    assert texts[0].startswith("the")


def test_generating_leaves_the_global_generator_alone(model):
    before = torch.random.get_rng_state()
    generate(model, TOKENIZER, "the", 5)
    assert torch.equal(before, torch.random.get_rng_state())


def test_top_k_1_takes_the_most_probable_token_each_time(model):
    ids = TOKENIZER.encode("key")
    for token in stream_ids(model, list(ids), 6, end=TOKENIZER.end, top_k=1):
        assert token == next_logits(model, torch.tensor([ids])).argmax()
        ids.append(token)
    assert len(ids) == 9


def test_a_long_prompt_is_cropped_to_what_the_model_sees(model):
    ids = torch.tensor([TOKENIZER.encode("the key is in the attic")])
    torch.testing.assert_close(next_logits(model, ids), next_logits(model, ids[:, -2:]))


def test_writing_stops_at_the_end_token():
    size = TOKENIZER.vocab_size
    always_end = nn.Sequential(OneHot(size), BigModel(size, 4, size))
    with torch.no_grad():
        for parameter in always_end.parameters():
            parameter.zero_()
        always_end[1].decoder.bias[TOKENIZER.end] = 100.0
    assert generate(always_end, TOKENIZER, "the", 50) == "the"


def test_streaming_gives_the_same_text_in_pieces(model):
    pieces = list(stream(model, TOKENIZER, "钥匙", 30, seed=4))
    assert "钥匙" + "".join(pieces) == generate(model, TOKENIZER, "钥匙", 30, seed=4)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"temperature": 0}, "temperature is 0.*top_k=1"),
        ({"temperature": -1.0}, "temperature is -1"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"top_k": 0}, "top_k is 0"),
        ({"top_p": 0}, "top_p is 0"),
        ({"top_p": 1.5}, "top_p is 1.5"),
        ({"length": -1}, "length is -1"),
    ],
)
def test_settings_out_of_range_are_refused(model, settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        generate(model, TOKENIZER, "the", **{"length": 3, **settings})


def test_no_token_to_continue_from_is_refused(model):
    with pytest.raises(ValueError, match="no token to continue from"):
        next_logits(model, torch.zeros(1, 0, dtype=torch.long))


def new_decoder(**settings) -> Decoder:
    torch.manual_seed(0)
    decoder = Decoder(Config(TOKENIZER.vocab_size, context=24, n_layer=2, n_head=2, n_embd=16, **settings))
    for parameter in decoder.parameters():
        nn.init.normal_(parameter, std=0.5)
    return decoder


@pytest.mark.parametrize("position", ["rotary", "learned"])
@pytest.mark.parametrize("batch_size", [1, 5])
def test_a_cache_changes_no_greedy_token_even_beyond_the_context(position, batch_size):
    decoder = new_decoder(position=position)
    ids = torch.randint(TOKENIZER.vocab_size, (batch_size, 7), generator=torch.Generator().manual_seed(2))
    fast = torch.stack(list(draw_rows(decoder, ids, 40, top_k=1)), dim=1)
    for _ in range(40):
        ids = torch.cat([ids, next_logits(decoder, ids).argmax(-1, keepdim=True)], dim=1)
    assert torch.equal(fast, ids[:, 7:])


def test_a_cached_decoder_reads_each_token_once():
    decoder, read = new_decoder(), []
    decoder.register_forward_pre_hook(lambda module, inputs: read.append(inputs[0].shape[1]))
    list(draw_rows(decoder, torch.zeros(1, 7, dtype=torch.long), 5))
    assert read == [7, 1, 1, 1, 1]


@pytest.mark.parametrize("position", ["rotary", "learned"])
def test_prompts_side_by_side_are_continued_as_each_alone(position):
    decoder = new_decoder(position=position)
    prompts = ["the", "the key is in the at", "", "钥匙"]
    alone = [generate(decoder, TOKENIZER, prompt, 30, top_k=1) for prompt in prompts]
    assert generate_all(decoder, TOKENIZER, prompts, 30, top_k=1) == alone
    assert len(set(alone)) > 1


def test_models_without_a_cache_write_side_by_side_too(model):
    prompts = ["the", "the key is in the at", "钥匙"]
    alone = [generate(model, TOKENIZER, prompt, 20, top_k=1) for prompt in prompts]
    assert generate_all(model, TOKENIZER, prompts, 20, top_k=1) == alone
    assert generate_all(model, TOKENIZER, prompts, 0) == prompts


def test_no_prompts_are_refused(model):
    with pytest.raises(ValueError, match="no prompts to continue"):
        generate_all(model, TOKENIZER, [], 5)
