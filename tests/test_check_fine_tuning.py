"""Each grader accepts right answers, and says what is wrong with the wrong ones that learners give."""

import math

import numpy as np
import pytest
import torch

from bigmodel.check import fine_tuning
from bigmodel.schedule import polynomial


def said(capsys, grader, answer):
    grader(answer)
    return capsys.readouterr().out


def nothing(*arguments):
    return None


def not_tried(*arguments, **named):
    raise NotImplementedError


GRADERS = [
    fine_tuning.decay_to,
    fine_tuning.step_when_spent,
    fine_tuning.decoder_only,
    fine_tuning.lead,
    fine_tuning.warmed,
]


@pytest.mark.parametrize("grader", GRADERS, ids=lambda grader: grader.__name__)
def test_a_stub_gets_a_hint_and_a_forgotten_return_is_named(grader, capsys):
    assert said(capsys, grader, not_tried).startswith("Not tried yet. Hint: ")
    assert "None (is there a return?)" in said(capsys, grader, lambda *_, **__: None)


# decay_to


def refuse(t, T):
    if np.any(np.asarray(t) < 0) or np.any(np.asarray(t) > T):
        raise ValueError("outside")


def decays(formula):
    def answer(t, T, eta_0, eta_end, alpha):
        refuse(t, T)
        return formula(t, T, eta_0, eta_end, alpha)

    return answer


def right_decay(t, T, eta_0, eta_end, alpha):
    return eta_end + (eta_0 - eta_end) * (1 - t / T) ** alpha


def stateful():
    calls = []

    def answer(t, T, eta_0, eta_end, alpha):
        calls.append(t)
        return right_decay(t, T, eta_0, eta_end, alpha) * 0.9 ** len(calls)

    return answer


def in_place(t, T, eta_0, eta_end, alpha):
    refuse(t, T)
    if isinstance(t, np.ndarray):
        left = 1 - t / T
        t *= 0
        return eta_end + (eta_0 - eta_end) * left**alpha
    return right_decay(t, T, eta_0, eta_end, alpha)


def scalar_only(t, T, eta_0, eta_end, alpha):
    if t > T or t < 0:
        raise ValueError("outside")
    return right_decay(t, T, eta_0, eta_end, alpha)


def clamped(t, T, eta_0, eta_end, alpha):
    return right_decay(np.clip(t, 0, T), T, eta_0, eta_end, alpha)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (decays(lambda t, T, a, e, p: e + (a - e) * (t / T) ** p), "α is applied to t/T"),
        (decays(lambda t, T, a, e, p: e + (a - e) * (1 - (t / T) ** p)), "first subtract, then take the power"),
        (decays(lambda t, T, a, e, p: e + a * (1 - t / T) ** p), "the part that falls is η0 − η_end"),
        (decays(lambda t, T, a, e, p: max(e, a * (1 - t / T) ** p)), "shrink the curve instead of cutting it"),
        (decays(lambda t, T, a, e, p: a * (1 - t / T) ** p), "should end at η_end"),
        (decays(lambda t, T, a, e, p: (a - e) * (1 - t / T) ** p), "add η_end again"),
        (decays(lambda t, T, a, e, p: e + (a - e) * (1 - t / (T - 1)) ** p), "divides by T"),
        (decays(lambda t, T, a, e, p: e + (a - e) * (1 - (t + 1) / T) ** p), "one step ahead"),
        (decays(lambda t, T, a, e, p: e + (a - e) * (1 - t // T) ** p), "whole-number division"),
        (decays(lambda t, T, a, e, p: e + (a - e) * (1 - t / T) * p), "it is an exponent"),
        (decays(lambda t, T, a, e, p: (e + (a - e) * (1 - t / T)) ** p), "only 1 − t/T is raised"),
        (decays(lambda t, T, a, e, p: a - (a - e) * t / T), "yours is 0.3"),
        (decays(lambda t, T, a, e, p: 0.7), "yours is 0.7"),
        (right_decay, "(a complex number)"),
        (lambda *s, **n: float(np.real(right_decay(*s, **n))), "an array of steps stops it"),
        (clamped, "there is no such step"),
        (stateful(), "a schedule has no memory"),
        (scalar_only, "an array of steps stops it"),
        (in_place, "changes the array of steps"),
        (lambda t, T, eta_0, eta_end, alpha: "0.2", "it returns a str"),
        (lambda t, T, eta_0, eta_end, alpha: [0.2], "it returns a list"),
        (lambda t, T: 0.2, "TypeError"),
    ],
)  # fmt: skip
def test_decay_to_names_the_mistake(answer, words, capsys):
    sentence = said(capsys, fine_tuning.decay_to, answer)
    assert sentence.startswith("✗")
    assert words in sentence


def test_decay_to_accepts_right_answers(capsys):
    def on_the_package(t, T, eta_0, eta_end, alpha):
        if eta_0 == eta_end:
            return eta_end + 0 * t
        return eta_end + polynomial(t, T, eta_0 - eta_end, alpha)

    for answer in (decays(right_decay), on_the_package):
        assert said(capsys, fine_tuning.decay_to, answer).startswith("✓")


# step_when_spent


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda s, T, a: 1 - (1 - s) ** (1 / (a + 1)), "multiply by T"),
        (lambda s, T, a: T * (1 - s) ** (1 / (a + 1)), "subtract it from T"),
        (lambda s, T, a: T * s ** (1 / (a + 1)), "what is left"),
        (lambda s, T, a: T * (1 - s ** (1 / (a + 1))), "inside the root stands 1 − share"),
        (lambda s, T, a: T * (1 - (1 - s) ** (1 / a)), "has the power α + 1"),
        (lambda s, T, a: T * (1 - (1 - s) ** (a + 1)), "take the root"),
        (lambda s, T, a: T * s / (a + 1), "more is spent early"),
        (lambda s, T, a: T * s, "does not depend on α"),
        (lambda s, T, a: round(T * (1 - (1 - s) ** (1 / (a + 1)))), "It is rounded:"),
        (lambda s, T, a: math.ceil(T * (1 - (1 - s) ** (1 / (a + 1)))), "It is rounded:"),
        (lambda s, T, a: int(T * (1 - (1 - s) ** (1 / (a + 1)))), "It is rounded:"),
        (lambda s, T, a: T * (1 - 2 ** (-1 / (a + 1))), "At share = 0.75"),
        (lambda s, T, a: T * (1 - (1 - s) ** (1 // (a + 1))), "and yours is"),
        (lambda s, T, a: "58.6", "it returns a str"),
    ],
)
def test_step_when_spent_names_the_mistake(answer, words, capsys):
    sentence = said(capsys, fine_tuning.step_when_spent, answer)
    assert sentence.startswith("✗")
    assert words in sentence


def test_step_when_spent_accepts_right_answers(capsys):
    def searched(share, T, alpha):
        low, high = 0.0, float(T)
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (middle, high) if 1 - (1 - middle / T) ** (alpha + 1) < share else (low, middle)
        return low

    for answer in (lambda s, T, a: T - T * (1 - s) ** (1 / (a + 1)), searched):
        assert said(capsys, fine_tuning.step_when_spent, answer).startswith("✓")


# decoder_only


def sgd(parameters, lr, momentum, weight_decay):
    return torch.optim.SGD(parameters, lr=lr, momentum=momentum, weight_decay=weight_decay)


def all_of_it(model, *settings):
    return sgd(model.parameters(), *settings)


def the_encoder(model, *settings):
    return sgd(model.encoder.parameters(), *settings)


def only_its_weight(model, *settings):
    return sgd([model.encoder.bias, *model.decoder.parameters()], *settings)


def a_rate_of_nothing(model, lr, momentum, weight_decay):
    groups = [{"params": model.encoder.parameters(), "lr": 0.0}, {"params": model.decoder.parameters()}]
    return sgd(groups, lr, momentum, weight_decay)


def without_gradient_but_held(model, *settings):
    for parameter in model.encoder.parameters():
        parameter.requires_grad_(False)
    optimizer = sgd(model.parameters(), *settings)
    for parameter in model.encoder.parameters():  # zero_grad would forget it
        parameter.grad = torch.ones_like(parameter)
    optimizer.zero_grad = lambda: model.decoder.zero_grad()
    return optimizer


def gradients_set_to_nothing(model, *settings):
    for parameter in model.encoder.parameters():
        parameter.register_hook(torch.zeros_like)
    return sgd(model.parameters(), *settings)


def without_weight_decay(model, lr, momentum, weight_decay):
    return torch.optim.SGD(model.decoder.parameters(), lr=lr, momentum=momentum)


def without_momentum(model, lr, momentum, weight_decay):
    return torch.optim.SGD(model.decoder.parameters(), lr=lr, weight_decay=weight_decay)


def adam(model, lr, momentum, weight_decay):
    return torch.optim.AdamW(model.decoder.parameters(), lr=lr, weight_decay=weight_decay)


def only_the_weight_of_the_decoder(model, *settings):
    return sgd([model.decoder.weight], *settings)


def a_copy(model, *settings):
    return sgd([parameter.detach().clone() for parameter in model.decoder.parameters()], *settings)


def begins_anew(model, *settings):
    torch.nn.init.zeros_(model.encoder.weight)
    return sgd(model.decoder.parameters(), *settings)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (all_of_it, "encoder.weight moved"),
        (the_encoder, "decoder.weight has not moved at all"),
        (only_its_weight, "encoder.bias moved"),
        (a_rate_of_nothing, "a schedule writes the rate of every group"),
        (without_gradient_but_held, "asks for no gradient any more"),
        (gradients_set_to_nothing, "weight decay and momentum move it all the same"),
        (without_weight_decay, "weight_decay = 0.01"),
        (without_momentum, "momentum = 0.9"),
        (adam, "it returns a AdamW"),
        (only_the_weight_of_the_decoder, "decoder.bias has not moved at all"),
        (a_copy, "has not moved at all"),
        (begins_anew, "before any training"),
        (lambda model, *settings: model, "it returns a BigModel"),
    ],
)
def test_decoder_only_names_the_mistake(answer, words, capsys):
    sentence = said(capsys, fine_tuning.decoder_only, answer)
    assert sentence.startswith("✗")
    assert words in sentence


def test_decoder_only_accepts_right_answers(capsys):
    def without_gradients_too(model, *settings):
        model.encoder.requires_grad_(False)
        return sgd([parameter for parameter in model.parameters() if parameter.requires_grad], *settings)

    def by_hand(model, *settings):
        return sgd(model.decoder.parameters(), *settings)

    for answer in (by_hand, without_gradients_too):
        assert said(capsys, fine_tuning.decoder_only, answer).startswith("✓")


# lead


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda a, b: ((b - a).mean(), (b - a).std() / 8**0.5), "The sign is turned round"),
        (lambda a, b: ((a - b).mean(), (a - b).std()), "divide by it"),
        (lambda a, b: ((a - b).mean(), (a - b).std(correction=0) / 8**0.5), "needs ddof=1"),
        (lambda a, b: ((a - b).mean(), (a - b).std(correction=0)), "not yet divided by √S"),
        (lambda a, b: ((a - b).mean(), (a - b).std() / 8), "divides it by √S"),
        (lambda a, b: ((a - b).mean(), (a - b).std() / 7**0.5), "divides by √(S − 1)"),
        (lambda a, b: ((a - b).mean(), (a - b).var() / 8), "take the root"),
        (lambda a, b: ((a - b).mean(), (a.var() / 8 + b.var() / 8) ** 0.5), "treated as unrelated"),
        (lambda a, b: ((a - b).mean(), abs(a.std() - b.std()) / 8**0.5), "not the spread of the difference"),
        (lambda a, b: ((a - b).mean(), (a - b).std() / 8**0.5 if len(a) == 8 else 0.05), "count the seeds"),
        (lambda a, b: ((a - b).sum(), 0), "your mean lead is 0.8"),
        (lambda a, b: (0.1, 7), "yours is 7.0000"),
        (lambda a, b: (a - b).mean(), "two numbers"),
        (lambda a, b: (a - b, 0.1), "stopped with"),
    ],
)
def test_lead_names_the_mistake(answer, words, capsys):
    sentence = said(capsys, fine_tuning.lead, answer)
    assert sentence.startswith("✗")
    assert words in sentence


def test_lead_with_the_fixed_number_eight_is_found(capsys):
    sentence = said(capsys, fine_tuning.lead, lambda a, b: ((a - b).mean(), (a - b).std() / 8**0.5))
    assert "count the seeds" in sentence


def test_lead_accepts_right_answers(capsys):
    def in_numpy(theirs, ours):
        differences = np.asarray(theirs) - np.asarray(ours)
        return float(differences.mean()), float(differences.std(ddof=1) / len(differences) ** 0.5)

    for answer in (lambda a, b: ((a - b).mean(), (a - b).std() / len(a) ** 0.5), in_numpy):
        assert said(capsys, fine_tuning.lead, answer).startswith("✓")


# warmed


def warms(rise, after):
    return lambda schedule, steps: lambda t: rise(schedule, steps, t) if t < steps else after(schedule, steps, t)


def right_rise(schedule, steps, t):
    return schedule(0) * (t + 1) / steps


def right_after(schedule, steps, t):
    return schedule(t - steps)


def counting(schedule, steps):
    calls = []

    def rate(t):
        calls.append(t)
        t = len(calls) - 1
        return right_rise(schedule, steps, t) if t < steps else schedule(min(t - steps, 4))

    return rate


def for_lines_only(schedule, steps):
    T, eta_0 = 4, schedule(0)
    return lambda t: eta_0 * (t + 1) / steps if t < steps else eta_0 * max(0, 1 - (t - steps) / T)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (warms(lambda s, n, t: s(0) * t / n, right_after), "the first step has rate 0"),
        (warms(lambda s, n, t: s(0) * (t + 1) / (n + 1), right_after), "divide t + 1 by steps"),
        (warms(lambda s, n, t: s(t) * (t + 1) / n, right_after), "do not let the schedule fall"),
        (warms(lambda s, n, t: s(0) * (t + 2) / n, right_after), "rise above the schedule's first rate"),
        (warms(right_rise, lambda s, n, t: s(t)), "ask for schedule(t − steps)"),
        (warms(right_rise, lambda s, n, t: s(min(t, 4))), "ask it for t − steps"),
        (warms(right_rise, lambda s, n, t: s(min(t - n + 1, 4))), "ask it for t − steps"),
        (lambda schedule, steps: lambda t: schedule(min(t, 4)), "there is no warm-up"),
        (lambda schedule, steps: schedule, "it stops with"),
        (counting, "it gives other rates"),
        (for_lines_only, "wrong for a cosine"),
        (lambda schedule, steps: schedule(0) / steps, "it returns a float"),
        (lambda schedule, steps: [schedule(0)] * steps, "it returns a list"),
    ],
)
def test_warmed_names_the_mistake(answer, words, capsys):
    sentence = said(capsys, fine_tuning.warmed, answer)
    assert sentence.startswith("✗")
    assert words in sentence


def test_warmed_accepts_right_answers(capsys):
    def with_the_package(schedule, steps):
        from bigmodel.schedule import warm_up

        return lambda t: warm_up(t, steps, schedule)

    for answer in (warms(right_rise, right_after), with_the_package):
        assert said(capsys, fine_tuning.warmed, answer).startswith("✓")
