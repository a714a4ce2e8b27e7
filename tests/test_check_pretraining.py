"""The graders of notebook 03: each accepts its solution, and tells what is wrong with answers that learners give."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from bigmodel.check import pretraining as check
from bigmodel.data import windows
from bigmodel.ladder import unigram_loss as unigram_rung


@pytest.fixture(autouse=True)
def close_pictures():
    yield
    plt.close("all")


def said(capsys, grader, answer):
    grader(answer)
    return capsys.readouterr().out


def stub(*arguments):
    raise NotImplementedError


# The solutions


def make_windows(ids, length):
    starts = range(0, len(ids) - length, length)
    return [ids[s : s + length] for s in starts], [ids[s + 1 : s + length + 1] for s in starts]


def training_step(model, optimizer, inputs, targets):
    loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def early_stop(losses, patience):
    best = 0
    for number, loss in enumerate(losses):
        if loss < losses[best]:
            best = number
        elif number - best >= patience:
            break
    return best


def count_steps(examples, batch_size, epochs, drop_last):
    return (examples // batch_size if drop_last else math.ceil(examples / batch_size)) * epochs


def momentum_step(weight, velocity, gradient, rate, beta):
    velocity = beta * velocity + gradient
    return weight - rate * velocity, velocity


def unigram_loss(training_ids, fresh_ids, vocab_size):
    counts = np.bincount(training_ids, minlength=vocab_size) + 1
    return -np.log(counts / counts.sum())[fresh_ids].mean()


SOLUTIONS = {
    check.make_windows: make_windows,
    check.training_step: training_step,
    check.early_stop: early_stop,
    check.count_steps: count_steps,
    check.momentum_step: momentum_step,
    check.unigram_loss: unigram_loss,
}


def package_windows(ids, length):
    return windows(ids, length).tensors


def arrays_of_windows(ids, length):
    return tuple(np.array(part) for part in make_windows(ids, length))


def step_without_zero_grad(model, optimizer, inputs, targets):
    for parameter in model.parameters():
        parameter.grad = None
    loss = F.cross_entropy(model(inputs).transpose(1, 2), targets)
    loss.backward()
    optimizer.step()
    return float(loss.detach())


def zero_grad_at_the_end(model, optimizer, inputs, targets):
    loss = F.nll_loss(model(inputs).log_softmax(-1).view(-1, 5), targets.view(-1))
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss.item()


def early_stop_by_counting(losses, patience):
    best, best_loss, waited = 0, math.inf, 0
    for number, loss in enumerate(losses):
        if loss < best_loss:
            best, best_loss, waited = number, loss, 0
        else:
            waited += 1
        if waited == patience:
            return best
    return best


def unigram_by_hand(training_ids, fresh_ids, vocab_size):
    total = len(training_ids) + vocab_size
    return sum(-math.log((training_ids.count(token) + 1) / total) for token in fresh_ids) / len(fresh_ids)


@pytest.mark.parametrize("grader", SOLUTIONS, ids=lambda grader: grader.__name__)
def test_a_solution_is_right(capsys, grader):
    assert said(capsys, grader, SOLUTIONS[grader]).startswith("✓ ")


@pytest.mark.parametrize(
    ("grader", "answer"),
    [
        (check.make_windows, package_windows),
        (check.make_windows, arrays_of_windows),
        (check.training_step, step_without_zero_grad),
        (check.training_step, zero_grad_at_the_end),
        (check.early_stop, early_stop_by_counting),
        (check.count_steps, lambda n, b, e, d: sum(len(range(0, n - (b - 1) * d, b)) for _ in range(e))),
        (check.momentum_step, lambda w, v, g, eta, beta: [w - eta * (beta * v + g), beta * v + g]),
        (check.unigram_loss, unigram_by_hand),
        (check.unigram_loss, lambda *ids: torch.tensor(unigram_loss(*ids))),
    ],
)
def test_another_right_way_is_right(capsys, grader, answer):
    assert said(capsys, grader, answer).startswith("✓ ")


@pytest.mark.parametrize("grader", SOLUTIONS, ids=lambda grader: grader.__name__)
def test_a_stub_gets_a_hint(capsys, grader):
    assert said(capsys, grader, stub).startswith("Not tried yet. Hint: ")


@pytest.mark.parametrize("grader", SOLUTIONS, ids=lambda grader: grader.__name__)
@pytest.mark.parametrize(
    "given",
    [
        *(
            None,
            "seven",
            True,
            0,
            1e9,
            math.nan,
            math.inf,
            -1,
            [],
            (),
            {},
            (None, None),
            ([], []),
            ([[]], [[]]),
        ),
        *(
            torch.zeros(2),
            np.zeros((2, 2)),
            (torch.zeros(2), 1),
            ([["a"]], [["b"]]),
            (1, 2, 3),
            object(),
            int,
        ),
    ],
)
def test_answers_of_any_kind_are_refused_in_a_sentence(capsys, grader, given):
    verdict = said(capsys, grader, lambda *arguments: given)
    assert verdict.startswith("✗ ")
    assert "stopped with" not in verdict
    assert len(verdict) < 420


# Wrong answers, each with a part of what is said about it


def windows_without_shift(ids, length):
    inputs, _ = make_windows(ids, length)
    return inputs, inputs


def windows_swapped(ids, length):
    return make_windows(ids, length)[::-1]


def windows_that_overlap(ids, length):
    starts = range(len(ids) - length)
    return [ids[s : s + length] for s in starts], [ids[s + 1 : s + length + 1] for s in starts]


def windows_with_a_rest(ids, length):
    starts = range(0, len(ids) - 1, length)
    return [ids[s : s + length] for s in starts], [ids[s + 1 : s + length + 1] for s in starts]


def windows_to_the_end(ids, length):
    starts = range(0, len(ids) - length + 1, length)
    return [ids[s : s + length] for s in starts], [ids[s + 1 : s + length + 1] for s in starts]


def windows_shifted_twice(ids, length):
    starts = range(0, len(ids) - length, length)
    return [ids[s : s + length] for s in starts], [(ids + ids)[s + 2 : s + length + 2] for s in starts]


def windows_shifted_back(ids, length):
    starts = range(0, len(ids) - length, length)
    return [ids[s : s + length] for s in starts], [(ids[-1:] + ids)[s : s + length] for s in starts]


def windows_missing_the_last(ids, length):
    inputs, targets = make_windows(ids, length)
    return inputs[:-1], targets[:-1]


def windows_of_next_tokens(ids, length):
    starts = range(0, len(ids) - length, length)
    return [ids[s : s + length] for s in starts], [ids[s + length] for s in starts]


def windows_as_pairs(ids, length):
    return list(zip(*make_windows(ids, length), strict=True))


def step_forgotten(model, optimizer, inputs, targets):
    loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
    optimizer.zero_grad()
    loss.backward()
    return loss.item()


def backward_forgotten(model, optimizer, inputs, targets):
    loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
    optimizer.zero_grad()
    optimizer.step()
    return loss.item()


def zero_grad_forgotten(model, optimizer, inputs, targets):
    loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
    loss.backward()
    optimizer.step()
    return loss.item()


def zero_grad_too_late(model, optimizer, inputs, targets):
    loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
    return loss.item()


def step_too_early(model, optimizer, inputs, targets):
    loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
    optimizer.zero_grad()
    optimizer.step()
    loss.backward()
    return loss.item()


def step_twice(model, optimizer, inputs, targets):
    training_step(model, optimizer, inputs, targets)
    return training_step(model, optimizer, inputs, targets)


def stepping_twice(model, optimizer, inputs, targets):
    loss = training_step(model, optimizer, inputs, targets)
    optimizer.step()
    return loss


def uphill(model, optimizer, inputs, targets):
    loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
    optimizer.zero_grad()
    (-loss).backward()
    optimizer.step()
    return loss.item()


def a_tensor(model, optimizer, inputs, targets):
    loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def nothing(model, optimizer, inputs, targets):
    training_step(model, optimizer, inputs, targets)


def loss_after(model, optimizer, inputs, targets):
    training_step(model, optimizer, inputs, targets)
    return F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten()).item()


def stepping_by(loss_of):
    def answer(model, optimizer, inputs, targets):
        loss = loss_of(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return answer


def stop_at_the_end(losses, patience):
    waited, best = 0, losses[0]
    for number, loss in enumerate(losses):
        waited = 0 if number == 0 or loss < best else waited + 1
        best = min(best, loss)
        if waited == patience:
            return number
    return losses.index(best)


def stop_by_the_one_before(losses, patience):
    rising = 0
    for number in range(1, len(losses)):
        rising = rising + 1 if losses[number] >= losses[number - 1] else 0
        if rising == patience:
            return number - patience
    return len(losses) - 1


def stop_never_forgetting(losses, patience):
    best, waited = 0, 0
    for number, loss in enumerate(losses):
        if loss < losses[best]:
            best = number
        elif number:
            waited += 1
        if waited == patience:
            break
    return best


def stop_with(comparison, patience_of=lambda patience: patience):
    def answer(losses, patience):
        best = 0
        for number, loss in enumerate(losses):
            if comparison(loss, losses[best]):
                best = number
            elif number - best >= patience_of(patience):
                break
        return best

    return answer


def momentum_in_place(weight, velocity, gradient, rate, beta):
    velocity = beta * velocity + gradient
    weight -= rate * velocity
    return weight, velocity


def momentum_of_a_norm(weight, velocity, gradient, rate, beta):
    velocity = beta * velocity + gradient
    return weight - rate * torch.as_tensor(velocity).sum(), velocity


def shares(training_ids, vocab_size, imagined=1):
    counts = np.bincount(training_ids, minlength=vocab_size) + imagined
    return counts / counts.sum()


def surprise(training_ids, fresh_ids, vocab_size, imagined=1):
    with np.errstate(divide="ignore"):
        return -np.log(shares(training_ids, vocab_size, imagined))[fresh_ids]


WRONG = [
    (check.make_windows, windows_without_shift, "targets equal the inputs"),
    (check.make_windows, windows_swapped, "changed places"),
    (check.make_windows, windows_that_overlap, "your windows overlap ([5, 6], [6, 7])"),
    (check.make_windows, windows_with_a_rest, "tokens instead of 2"),
    (check.make_windows, windows_to_the_end, "tokens instead of 2"),
    (check.make_windows, windows_shifted_twice, "the targets of [5, 6] are [6, 7], one token later"),
    (check.make_windows, windows_shifted_back, "and yours are [9, 5]"),
    (check.make_windows, windows_missing_the_last, "the last window is missing: [7, 8]"),
    (check.make_windows, windows_of_next_tokens, "each window a list of ids"),
    (check.make_windows, windows_as_pairs, "all inputs, then all targets"),
    (check.make_windows, lambda ids, length: make_windows(ids, length)[0], "a list of windows"),
    (check.training_step, step_forgotten, "optimizer.step() is missing"),
    (check.training_step, backward_forgotten, "loss.backward() is missing"),
    (check.training_step, zero_grad_forgotten, "optimizer.zero_grad() is missing"),
    (check.training_step, zero_grad_too_late, "between backward() and step()"),
    (check.training_step, step_too_early, "step() came before backward()"),
    (check.training_step, step_twice, "the loss after the update"),
    (check.training_step, stepping_twice, "One call is one update"),
    (check.training_step, uphill, "the gradient that of the mean loss"),
    (check.training_step, a_tensor, "returned a tensor"),
    (check.training_step, nothing, "returned nothing"),
    (check.training_step, loss_after, "the loss after the update"),
    (
        check.training_step,
        stepping_by(lambda logits, targets: F.cross_entropy(logits.softmax(-1).flatten(0, 1), targets.flatten())),
        "takes the softmax itself",
    ),
    (
        check.training_step,
        stepping_by(lambda logits, targets: F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum")),
        "take the mean",
    ),
    (
        check.training_step,
        stepping_by(lambda logits, targets: F.cross_entropy(logits[:, -1], targets[:, -1])),
        "the last position only",
    ),
    (
        check.training_step,
        stepping_by(lambda logits, targets: F.nll_loss(logits.flatten(0, 1), targets.flatten())),
        "wants log-probabilities",
    ),
    (
        check.training_step,
        stepping_by(lambda logits, targets: F.cross_entropy(logits, targets)),
        "stopped with",
    ),
    (
        check.early_stop,
        lambda losses, patience: int(np.argmin(losses)),
        "comes after you should have given up",
    ),
    (check.early_stop, lambda losses, patience: min(losses), "is a loss; its number"),
    (check.early_stop, lambda losses, patience: early_stop(losses, patience) + 1, "one more than"),
    (check.early_stop, stop_at_the_end, "is where you gave up"),
    (check.early_stop, stop_by_the_one_before, "not below 5.0. The future"),
    (check.early_stop, stop_never_forgetting, "each new best starts the count anew"),
    (check.early_stop, stop_with(lambda loss, best: loss <= best), "The future may not be looked at"),
    (
        check.early_stop,
        stop_with(lambda loss, best: loss < best, lambda patience: patience + 1),
        "The future may not be looked at",
    ),
    (
        check.early_stop,
        stop_with(lambda loss, best: loss < best, lambda patience: patience - 1),
        "came before",
    ),
    (check.early_stop, lambda losses, patience: len(losses), "they count from 0"),
    (check.count_steps, lambda n, b, e, d: n // b * e, "is a step too"),
    (check.count_steps, lambda n, b, e, d: math.ceil(n / b) * e, "The rest of an epoch is dropped"),
    (check.count_steps, lambda n, b, e, d: n / b * e, "Nobody takes a part of a step"),
    (check.count_steps, lambda n, b, e, d: (n // b + (not d)) * e, "no batch beyond the full ones"),
    (check.count_steps, lambda n, b, e, d: n * e, "counts examples"),
    (check.count_steps, lambda n, b, e, d: n // b if d else math.ceil(n / b), "multiply by the epochs"),
    (
        check.count_steps,
        lambda n, b, e, d: n * e // b if d else math.ceil(n * e / b),
        "No batch reaches over the end of an epoch",
    ),
    (check.count_steps, lambda n, b, e, d: float(count_steps(n, b, e, d)), "a whole number"),
    (check.momentum_step, lambda w, v, g, eta, beta: (w - eta * g, g), "That is plain SGD"),
    (check.momentum_step, lambda w, v, g, eta, beta: (w + eta * (beta * v + g), beta * v + g), "subtract it"),
    (check.momentum_step, lambda w, v, g, eta, beta: (w - eta * v, beta * v + g), "renew it first"),
    (
        check.momentum_step,
        lambda w, v, g, eta, beta: (w - eta * (beta * v + (1 - beta) * g), beta * v + (1 - beta) * g),
        "makes it an average",
    ),
    (
        check.momentum_step,
        lambda w, v, g, eta, beta: (w - (beta * v + eta * g), beta * v + eta * g),
        "The rate stands in the velocity",
    ),
    (
        check.momentum_step,
        lambda w, v, g, eta, beta: momentum_step(w, v, g, eta, beta)[::-1],
        "changed places",
    ),
    (
        check.momentum_step,
        lambda w, v, g, eta, beta: (w - eta * (g + beta * (beta * v + g)), beta * v + g),
        "Nesterov",
    ),
    (check.momentum_step, lambda w, v, g, eta, beta: (w - eta * (v + g), v + g), "Nothing was forgotten"),
    (check.momentum_step, lambda w, v, g, eta, beta: (w - eta * (v + beta * g), v + beta * g), "not the new"),
    (check.momentum_step, lambda w, v, g, eta, beta: (w - eta * g, beta * v + g), "goes along the velocity"),
    (check.momentum_step, lambda w, v, g, eta, beta: w - eta * (beta * v + g), "return the new weight and"),
    (check.momentum_step, momentum_in_place, "changed the weight that it was given"),
    (check.momentum_step, momentum_of_a_norm, "each by itself"),
    (check.momentum_step, lambda w, v, g, eta, beta: (w - eta * (0.9 * v + g), 0.9 * v + g), "With beta = 0"),
    (check.unigram_loss, lambda t, f, n: (surprise(t, f, n) / math.log(2)).mean(), "in bits"),
    (check.unigram_loss, lambda t, f, n: (surprise(t, f, n) / math.log(10)).mean(), "base 10"),
    (check.unigram_loss, lambda t, f, n: -surprise(t, f, n).mean(), "the sign is missing"),
    (check.unigram_loss, lambda t, f, n: surprise(t, f, n).sum(), "the sum over the fresh tokens"),
    (check.unigram_loss, lambda t, f, n: math.exp(surprise(t, f, n).mean()), "perplexity"),
    (check.unigram_loss, lambda t, f, n: surprise(f, f, n).mean(), "counts are of the fresh text"),
    (check.unigram_loss, lambda t, f, n: surprise(t, f, n, 0).mean(), "Add 1 to each count"),
    (check.unigram_loss, lambda t, f, n: surprise(t, slice(None), n).mean(), "over the vocabulary"),
    (check.unigram_loss, lambda t, f, n: (shares(t, n) * surprise(t, slice(None), n)).sum(), "by its share"),
    (check.unigram_loss, lambda t, f, n: -math.log(shares(t, n)[f].mean()), "the mean of −ln"),
    (
        check.unigram_loss,
        lambda t, f, n: -np.log((np.bincount(t, minlength=n) + 1) / len(t))[f].mean(),
        "do not add up to 1",
    ),
    (check.unigram_loss, lambda t, f, n: surprise(t, f, n, 0.5).mean(), "with 1 added"),
    (check.unigram_loss, lambda t, f, n: unigram_rung([[0, *t]], [[0, *f]], n), "with 1 added"),
]


@pytest.mark.parametrize(("grader", "answer", "part"), WRONG)
def test_a_wrong_answer_is_told_what_is_wrong(capsys, grader, answer, part):
    verdict = said(capsys, grader, answer)
    assert verdict.startswith("✗ ")
    assert part in verdict


def test_a_wrong_stop_is_drawn_beside_the_right_one(capsys):
    said(capsys, check.early_stop, lambda losses, patience: len(losses) - 1)
    assert [line.get_label() for line in plt.gcf().axes[0].lines][1:] == ["right", "yours"]
    plt.close("all")
    said(capsys, check.early_stop, early_stop)
    assert plt.get_fignums() == []
