import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from bigmodel.decoder import Config, Decoder
from bigmodel.generate import (
    Sampling,
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

GREEDY = Sampling(top_k=1)
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
    torch.testing.assert_close(probabilities(LOGITS, Sampling(temperature=0.5)), (2 * LOGITS).softmax(-1))


def test_top_k_keeps_the_k_most_probable_in_proportion():
    torch.testing.assert_close(
        probabilities(LOGITS, Sampling(top_k=2)), torch.cat([LOGITS[:2].softmax(-1), torch.zeros(2)])
    )


def test_top_p_keeps_the_smallest_set_that_reaches_p():
    assert (probabilities(LOGITS, Sampling(top_p=0.64)) > 0).tolist() == [True, False, False, False]
    assert (probabilities(LOGITS, Sampling(top_p=0.65)) > 0).tolist() == [True, True, False, False]
    assert (probabilities(LOGITS, Sampling(top_p=1.0)) > 0).all()


@given(
    st.lists(st.integers(-30, 30), min_size=2, max_size=20),
    st.floats(0.05, 5),
    st.one_of(st.none(), st.integers(1, 25)),
    st.one_of(st.none(), st.floats(0.01, 1)),
)
def test_probabilities_sum_to_one_and_keep_the_most_probable(values, temperature, top_k, top_p):
    logits = torch.tensor(values, dtype=torch.float)
    chances = probabilities(logits, Sampling(temperature, top_k, top_p))
    assert chances.sum().item() == pytest.approx(1, abs=1e-5)
    assert chances[torch.tensor(values).argmax()] == chances.max()
    assert top_k is None or int((chances > 0).sum()) <= top_k


def test_the_logits_given_are_left_as_they_are():
    logits = LOGITS.clone()
    probabilities(logits, Sampling(0.7, top_k=1, top_p=0.5))
    assert torch.equal(logits, LOGITS)


def test_the_same_seed_writes_the_same_text_and_another_another(model):
    texts = [generate(model, TOKENIZER, "the", 40, Sampling(seed=seed)) for seed in (0, 0, 1)]
    assert texts[0] == texts[1] != texts[2]
    assert texts[0].startswith("the")


def test_generating_leaves_the_global_generator_alone(model):
    before = torch.random.get_rng_state()
    generate(model, TOKENIZER, "the", 5)
    assert torch.equal(before, torch.random.get_rng_state())


def test_top_k_1_takes_the_most_probable_token_each_time(model):
    ids = TOKENIZER.encode("key")
    for token in stream_ids(model, list(ids), 6, GREEDY, end=TOKENIZER.end):
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
    pieces = list(stream(model, TOKENIZER, "钥匙", 30, Sampling(seed=4)))
    assert "钥匙" + "".join(pieces) == generate(model, TOKENIZER, "钥匙", 30, Sampling(seed=4))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"temperature": 0}, "temperature is 0.*top_k=1"),
        ({"temperature": -1.0}, "temperature is -1"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"top_k": 0}, "top_k is 0"),
        ({"top_p": 0}, "top_p is 0"),
        ({"top_p": 1.5}, "top_p is 1.5"),
    ],
)
def test_settings_out_of_range_are_refused(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        Sampling(**settings)


def test_a_length_below_0_is_refused(model):
    with pytest.raises(ValueError, match="length is -1"):
        generate(model, TOKENIZER, "the", -1)


def test_a_prompt_outside_the_model_s_vocabulary_is_refused():
    small = nn.Sequential(OneHot(5), BigModel(5, 4, 5))
    with pytest.raises(ValueError, match="outside the vocabulary of 5 tokens: model and tokenizer must"):
        generate(small, TOKENIZER, "the", 3)


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
    fast = torch.stack(list(draw_rows(decoder, ids, 40, GREEDY)), dim=1)
    for _ in range(40):
        ids = torch.cat([ids, next_logits(decoder, ids).argmax(-1, keepdim=True)], dim=1)
    assert torch.equal(fast, ids[:, 7:])


def test_a_cached_decoder_reads_each_token_once():
    decoder, read = new_decoder(), []
    decoder.register_forward_pre_hook(lambda module, inputs: read.append(inputs[0].shape[1]))
    list(draw_rows(decoder, torch.zeros(1, 7, dtype=torch.long), 5))
    assert read == [7, 1, 1, 1, 1]


class Wrapper(nn.Module):
    """As of DistributedDataParallel, but knowing of ids alone."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, ids):
        return self.module(ids)


WRAPPED = {
    "compiled": lambda decoder: torch.compile(decoder, backend="eager"),
    "wrapped": Wrapper,
    "in a Sequential": nn.Sequential,
    "a Sequential, compiled": lambda decoder: torch.compile(nn.Sequential(decoder), backend="eager"),
}


@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED)
def test_a_wrapped_decoder_writes_the_same_with_its_cache_padding_and_context(wrap):
    decoder = new_decoder()
    prompts = ["the", "the key is in the at", "钥匙"]
    expected = generate_all(decoder, TOKENIZER, prompts, 20, GREEDY)
    model, read = wrap(decoder), []
    for _ in range(2):  # as if nothing of the first time were kept
        assert generate_all(model, TOKENIZER, prompts, 20, GREEDY) == expected
    ids = torch.ones(2, 7, dtype=torch.long)
    assert torch.equal(model(ids), decoder(ids))
    decoder.register_forward_pre_hook(lambda module, inputs: read.append(inputs[0].shape[1]))
    torch._dynamo.reset()  # a compiled model would not see the new hook
    list(draw_rows(model, ids, 25, GREEDY))
    assert read == [7] + 17 * [1] + 7 * [24]


def test_what_a_wrapper_does_to_the_logits_is_not_lost():
    decoder = new_decoder()
    opposite = nn.Sequential(decoder, nn.Linear(TOKENIZER.vocab_size, TOKENIZER.vocab_size))
    opposite[1].weight = nn.Parameter(-torch.eye(TOKENIZER.vocab_size))
    nn.init.zeros_(opposite[1].bias)
    ids = torch.ones(1, 7, dtype=torch.long)
    (first,) = draw_rows(opposite, ids, 1, GREEDY)
    assert first == decoder(ids)[0, -1].argmin()


@pytest.mark.parametrize("position", ["rotary", "learned"])
def test_prompts_side_by_side_are_continued_as_each_alone(position):
    decoder = new_decoder(position=position)
    prompts = ["the", "the key is in the at", "", "钥匙"]
    alone = [generate(decoder, TOKENIZER, prompt, 30, GREEDY) for prompt in prompts]
    assert generate_all(decoder, TOKENIZER, prompts, 30, GREEDY) == alone
    assert len(set(alone)) > 1


def test_models_without_a_cache_write_side_by_side_too(model):
    prompts = ["the", "the key is in the at", "钥匙"]
    alone = [generate(model, TOKENIZER, prompt, 20, GREEDY) for prompt in prompts]
    assert generate_all(model, TOKENIZER, prompts, 20, GREEDY) == alone
    assert generate_all(model, TOKENIZER, prompts, 0) == prompts


def test_no_prompts_are_refused(model):
    with pytest.raises(ValueError, match="no prompts to continue"):
        generate_all(model, TOKENIZER, [], 5)
