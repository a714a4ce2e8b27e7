"""What ``pretrain`` promises whatever the text: it ends with the clock, and never worse than it was."""

import pytest
import torch

from bigmodel.checkpoint import Checkpoint, History, load_run, save_run
from bigmodel.data import windows
from bigmodel.decoder import Config, Decoder
from bigmodel.lab import plan, watch
from bigmodel.lab.plan import Clock
from bigmodel.lab.quick import CrossEntropy
from bigmodel.lab.watch import Unseen, Watch
from bigmodel.tokenizer import BytePairTokenizer, CharacterTokenizer
from bigmodel.train import train

FOXES = "\n\n".join(f"The fox number {number} counted {number * 7} boats, 狐狸" for number in range(200))


def unseen_of(text, tokenizer):
    return Unseen.of(text, torch.tensor(tokenizer.encode(text)), tokenizer, 16, watched=256)


@pytest.fixture
def passing(monkeypatch):
    """A clock that stands still until it is set forward."""
    now = [0.0]
    monkeypatch.setattr(plan.time, "perf_counter", lambda: now[0])
    return now


def test_the_rate_goes_by_the_clock_and_ends_with_it(passing):
    clock = Clock(100.0, 1.0, History())
    rates = []
    for step, moment in enumerate((0.0, 10.0, 50.0, 51.0, 99.0)):
        passing[0] = moment
        rates.append(clock.rate(step))
    assert rates[0] < 0.05
    assert rates[1:] == pytest.approx([0.9, 0.5, 0.49, 0.01])
    passing[0] = 100.0
    assert clock.share() == 1.0
    assert [clock.rate(step) for step in range(5)] == rates


def test_a_clock_goes_on_where_a_training_was_stopped(passing):
    clock = Clock(100.0, 1.0, History(losses=[3.0, 2.0], rates=[0.1, 0.2], seconds=60.0))
    passing[0] = 10.0
    assert clock.share() == pytest.approx(0.7)
    assert [clock.rate(step) for step in range(3)] == pytest.approx([0.1, 0.2, 0.3])


def test_the_run_holds_the_weights_with_which_unseen_text_cost_least(tmp_path):
    tokenizer = CharacterTokenizer.train(FOXES)
    torch.manual_seed(0)
    model = Decoder(Config(tokenizer.vocab_size, 16, n_layer=1, n_head=2, n_embd=8))
    unseen = unseen_of(FOXES, tokenizer)
    look = Watch(tmp_path, tokenizer, unseen, lambda done: 0.0, Checkpoint(tmp_path / "none")).look
    best = look(model, unseen.watched)
    torch.nn.init.normal_(model.unembedding.weight, std=3.0)
    assert look(model, unseen.watched) > best
    assert unseen.cost(load_run(tmp_path).model, unseen.watched) == pytest.approx(best)


def test_unseen_text_is_judged_alike_whatever_the_tokenizer():
    """A model that knows nothing pays ln V a token, and so by the character what is said."""
    for tokenizer in (CharacterTokenizer.train(FOXES), BytePairTokenizer.train(FOXES, 300)):
        unseen = unseen_of(FOXES, tokenizer)
        model = Decoder(Config(tokenizer.vocab_size, 16, n_layer=1, n_head=2, n_embd=8))
        assert unseen.cost(model, unseen.judged) == pytest.approx(unseen.uniform)
        assert unseen.unigram < unseen.uniform
        assert unseen.tokens_a_character == len(tokenizer.encode(FOXES)) / len(FOXES)


def test_what_is_watched_does_not_judge():
    numbers = " ".join(map(str, range(1000, 4000)))  # no window of it is like another
    unseen = unseen_of(numbers, CharacterTokenizer.train(numbers))
    seen = {tuple(row) for row in unseen.watched.tensors[0].tolist()}
    assert not seen & {tuple(row) for row in unseen.judged.tensors[0].tolist()}


@pytest.mark.parametrize(("sureness", "softened"), [(5.0, True), (0.3, False)])
def test_a_model_that_is_too_sure_is_softened_and_no_other(tmp_path, sureness, softened):
    tokenizer = CharacterTokenizer.train(FOXES)
    torch.manual_seed(0)
    model = Decoder(Config(tokenizer.vocab_size, 16, n_layer=1, n_head=2, n_embd=8))
    data = windows(tokenizer.encode(FOXES), 16)
    train(model, data, steps=100, learning_rate=0.03, optimizer=torch.optim.AdamW)
    with torch.no_grad():
        model.unembedding.weight.mul_(sureness)
    save_run(tmp_path, model, tokenizer)
    unseen = unseen_of(FOXES, tokenizer)
    watch.soften(tmp_path, unseen)
    softer = load_run(tmp_path).model
    before, after = (unseen.cost(one, unseen.judged) for one in (model.eval(), softer))
    assert (after < 0.95 * before) if softened else (after == pytest.approx(before))
    ratio = softer.unembedding.weight / model.unembedding.weight
    assert (ratio < 0.9).all() if softened else (ratio == 1).all()


def test_training_ends_where_unseen_text_only_gets_dearer():
    assert not watch.overfits([3.0, 2.0, 2.1, 2.2])
    assert watch.overfits([3.0, 2.0, 2.1, 2.2, 2.3])
    assert not watch.overfits([3.0, 2.0, 2.1, 2.2, 2.15])


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_the_quick_loss_is_cross_entropy_and_so_is_its_gradient(precision):
    torch.manual_seed(0)
    logits = (3 * torch.randn(50, 40)).to(precision).requires_grad_()
    targets = torch.randint(40, (50,))
    exact = torch.nn.functional.cross_entropy(logits.float(), targets)
    (expected,) = torch.autograd.grad(2 * exact, logits)
    quick = CrossEntropy.apply(logits, targets)
    (found,) = torch.autograd.grad(2 * quick, logits)
    tolerance = 1e-6 if precision == torch.float32 else 1e-2
    torch.testing.assert_close(quick, exact, rtol=tolerance, atol=0)
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance / 50)
