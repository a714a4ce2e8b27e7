"""What notebook 11 rests on: its cache is the package's, and its speculation leaves every distribution as it was."""

from itertools import product

import pytest
import torch

from bigmodel.check import fast_decoding as check
from bigmodel.decoder import Config, Decoder
from bigmodel.lab import course

P, Q = torch.tensor([0.1, 0.3, 0.6]), torch.tensor([0.5, 0.3, 0.2])
MIDDLES = [(number + 0.5) / 20 for number in range(20)]  # of equal parts, on whose edges every p / q here lies


@pytest.fixture
def model() -> Decoder:
    torch.manual_seed(0)
    model = Decoder(Config(30, context=16, n_layer=2, n_head=2, n_kv_head=1, n_embd=8)).eval()
    for block in model.blocks:
        torch.nn.init.normal_(block.attention.output.weight)
        torch.nn.init.normal_(block.feed_forward.down.weight)
    torch.nn.init.normal_(model.unembedding.weight)
    return model


def distribution(rule) -> torch.Tensor:
    """Exactly how often each token comes first, over all drafts and chances."""
    shares = torch.zeros(3)
    for token, one, two in product(range(3), MIDDLES, MIDDLES):
        shares[rule(torch.stack([P, P]), Q[None], [token], [one, two])[0]] += Q[token] / len(MIDDLES) ** 2
    return shares


def test_one_round_draws_exactly_the_large_models_distribution():
    torch.testing.assert_close(distribution(check.verify.right), P)


def test_resampling_from_p_draws_another():
    wrong = distribution(lambda *round: check.verified(*round, instead=lambda p, q: p))
    torch.testing.assert_close(wrong, torch.tensor([0.14, 0.42, 0.44]))


def test_the_readers_cache_serves_the_decoder_as_the_packages_does(model):
    ids = torch.randint(0, 30, (2, 9), generator=torch.Generator().manual_seed(0))
    whole = model(ids)
    theirs, ours = [check.Cache.right() for _ in model.blocks], model.new_cache(2)
    for start, end in ((0, 4), (4, 5), (5, 9)):
        logits = model(ids[:, start:end], cache=theirs)
        torch.testing.assert_close(logits, model(ids[:, start:end], cache=ours))
        torch.testing.assert_close(logits, whole[:, start:end])


def test_what_was_cut_was_never_read(model):
    ids = torch.randint(0, 30, (1, 8), generator=torch.Generator().manual_seed(0))
    cache = [check.Cache.right() for _ in model.blocks]
    model(torch.cat([ids[:, :5], ids[:, :3]], dim=1), cache=cache)
    for layer in cache:
        layer.cut(5)
    torch.testing.assert_close(model(ids[:, 5:], cache=cache), model(ids)[:, 5:])


def test_the_bytes_are_those_of_the_cache(model):
    cache = model.new_cache(3)
    model(torch.zeros(3, 16, dtype=torch.long), cache=cache)
    room = {part.shape[2] for layer in cache for part in (layer.keys, layer.values)}
    assert room == {16 + cache[0].SPARE}
    taken = sum(part.untyped_storage().nbytes() for layer in cache for part in (layer.keys, layer.values))
    assert taken == check.cache_bytes.right(2, 1, 4, *room, 3)


def test_the_graders_and_the_notebook_draw_alike():
    cells = course.load_notebook(course.find("11"))["cells"]
    space = {"torch": torch, "Tensor": torch.Tensor}
    source = next(course.source(cell) for cell in cells if cell.get("id") == "draw")
    exec(source.partition("three =")[0], space)
    for chance in (0.0, 0.05, 0.1, 0.39, 0.41, 1 - 2**-24):
        assert space["draw"](P, chance) == check.draw(P, chance)


def test_int8_moves_no_weight_by_more_than_half_a_step():
    weights = torch.randn(5, 7, generator=torch.Generator().manual_seed(0))
    whole, scales = check.quantised.right(weights)
    assert whole.dtype == torch.int8
    assert ((whole * scales - weights).abs() <= scales / 2 + 1e-7).all()
