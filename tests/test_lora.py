import pytest
import torch

from bigmodel.decoder import Config, Decoder
from bigmodel.lora import LoRA, add_lora, lora_weights, merge_lora

IDS = torch.tensor([[1, 2, 3, 4], [5, 6, 0, 1]])


@pytest.fixture
def decoder():
    torch.manual_seed(0)
    made = Decoder(Config(vocab_size=7, n_layer=2, n_head=2, n_embd=8, bias=True))
    for weight in made.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    return made


def trained(model):
    """The additions as if they had been trained."""
    for weight in lora_weights(model).values():
        torch.nn.init.normal_(weight, std=0.3)
    return model


def test_it_begins_by_changing_nothing(decoder):
    before = decoder(IDS)
    add_lora(decoder, rank=2, alpha=4)
    assert torch.equal(decoder(IDS), before)


def test_the_formula():
    layer = LoRA(torch.nn.Linear(3, 2), rank=1, alpha=5.0)
    layer.A.data, layer.B.data = torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[10.0], [-1.0]])
    x = torch.tensor([1.0, 0.0, 2.0])
    torch.testing.assert_close(layer(x) - layer.linear(x), 5.0 * torch.tensor([70.0, -7.0]))


def test_alpha_over_rank_is_the_scale():
    layer = torch.nn.Linear(4, 4)
    assert LoRA(layer, rank=8, alpha=16).scale == LoRA(layer, rank=16, alpha=32).scale == 2


def test_only_the_additions_are_trained(decoder):
    add_lora(decoder, rank=2, alpha=4)
    assert {name for name, weight in decoder.named_parameters() if weight.requires_grad} == lora_weights(decoder).keys()
    trained(decoder)(IDS).sum().backward()
    assert all(weight.grad is not None for name, weight in decoder.named_parameters() if name in lora_weights(decoder))


def test_merged_it_is_a_plain_model_with_the_same_logits(decoder):
    names = list(decoder.state_dict())
    add_lora(decoder, rank=3, alpha=6)
    apart = trained(decoder)(IDS)
    merge_lora(decoder)
    torch.testing.assert_close(decoder(IDS), apart, rtol=0, atol=1e-5)
    assert list(decoder.state_dict()) == names
    assert all(weight.requires_grad for weight in decoder.parameters())


def test_chosen_layers_only(decoder):
    add_lora(decoder, rank=1, alpha=1, layers=("queries", "values"))
    assert {name.split(".")[-2] for name in lora_weights(decoder)} == {"queries", "values"}
    assert len(lora_weights(decoder)) == 2 * 2 * 2


def test_a_wrong_use_gets_a_sentence(decoder):
    with pytest.raises(ValueError, match="rank is 0"):
        add_lora(decoder, rank=0, alpha=1)
    with pytest.raises(ValueError, match="no linear layer called q_proj"):
        add_lora(decoder, rank=1, alpha=1, layers=("q_proj",))
    assert all(weight.requires_grad for weight in decoder.parameters())
    add_lora(decoder, rank=1, alpha=1)
    with pytest.raises(ValueError, match="additions already"):
        add_lora(decoder, rank=1, alpha=1)
