from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import lr_scheduler

from bigmodel.schedule import (
    constant,
    cosine,
    inverse_polynomial,
    polynomial,
    step,
    warm_up,
    warm_up_stable_decay,
)

SCHEDULES = {
    "constant": partial(constant, eta_0=0.1),
    "polynomial": partial(polynomial, T=50, eta_0=0.1, alpha=1.5),
    "polynomial, alpha 0": partial(polynomial, T=50, eta_0=0.1, alpha=0),
    "step": partial(step, eta_0=0.1, every=7, factor=0.5),
    "cosine": partial(cosine, T=50, eta_0=0.1),
    "inverse_polynomial": partial(inverse_polynomial, eta_0=0.1, beta=0.3, alpha=2),
    "warm_up": partial(warm_up, steps=10, then=partial(polynomial, T=40, eta_0=0.1, alpha=1)),
    "warm_up_stable_decay": partial(warm_up_stable_decay, T=50, eta_0=0.1, up=5, down=20),
}


def torch_rates(make_scheduler, steps, eta_0=0.3):
    """The rates that a torch scheduler gives an optimizer at steps 0, 1, …"""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=eta_0)
    scheduler = make_scheduler(optimizer)
    for _ in range(steps):
        yield optimizer.param_groups[0]["lr"]
        optimizer.step()
        scheduler.step()


# Values worked out by hand


def test_inverse_polynomial_is_a_half_and_a_quarter():
    assert [inverse_polynomial(t, eta_0=1, beta=0.5, alpha=1) for t in (0, 2, 6)] == [1, 0.5, 0.25]
    assert inverse_polynomial(2, eta_0=1, beta=0.5, alpha=2) == 0.25


def test_warm_up_stable_decay_rises_stays_and_falls():
    rates = [warm_up_stable_decay(t, T=10, eta_0=1, up=2, down=4) for t in range(11)]
    assert rates == [0.5, 1, 1, 1, 1, 1, 1, 0.75, 0.5, 0.25, 0]
    assert warm_up_stable_decay(5, T=10, eta_0=0.3, up=0, down=0) == 0.3


def test_the_last_step_has_the_rate_of_the_formula():
    assert polynomial(10, T=10, eta_0=0.5, alpha=2) == 0
    assert polynomial(7, T=7, eta_0=0.2, alpha=0) == 0.2
    assert cosine(8, T=8, eta_0=0.6) == pytest.approx(0)
    assert warm_up(3, steps=0, then=partial(polynomial, T=4, eta_0=0.8, alpha=1)) == pytest.approx(0.2)


# Equal to torch's schedulers


@given(alpha=st.sampled_from([0, 0.5, 1, 2, 4]), T=st.integers(1, 60))
def test_polynomial_equals_torch_step_for_step(alpha, T):
    rates = torch_rates(lambda opt: lr_scheduler.PolynomialLR(opt, total_iters=T, power=alpha), T)
    assert [polynomial(t, T, 0.3, alpha) for t in range(T)] == pytest.approx(list(rates), rel=1e-9)


@given(every=st.integers(1, 20), factor=st.sampled_from([0.1, 0.5, 1]))
def test_step_equals_torch_step_for_step(every, factor):
    rates = torch_rates(lambda opt: lr_scheduler.StepLR(opt, every, factor), 60)
    assert [step(t, 0.3, every, factor) for t in range(60)] == pytest.approx(list(rates), rel=1e-9)


@given(T=st.integers(1, 60))
def test_cosine_equals_torch_step_for_step(T):
    rates = torch_rates(lambda opt: lr_scheduler.CosineAnnealingLR(opt, T), T)
    assert [cosine(t, T, 0.3) for t in range(T)] == pytest.approx(list(rates), rel=1e-6, abs=1e-12)


@given(steps=st.integers(2, 20), T=st.integers(1, 30))
def test_warm_up_equals_torch_step_for_step(steps, T):
    def sequential(opt):
        rising = lr_scheduler.LinearLR(opt, start_factor=1 / steps, total_iters=steps - 1)
        falling = lr_scheduler.PolynomialLR(opt, total_iters=T, power=2)
        return lr_scheduler.SequentialLR(opt, [rising, falling], milestones=[steps])

    rates = torch_rates(sequential, steps + T)
    then = partial(polynomial, T=T, eta_0=0.3, alpha=2)
    ours = [warm_up(t, steps, then) for t in range(steps + T)]
    assert ours == pytest.approx(list(rates), rel=1e-6, abs=1e-12)


# Over numbers and arrays


@pytest.mark.parametrize("name", SCHEDULES)
def test_an_array_of_steps_gives_the_rates_of_its_elements(name):
    t = np.arange(51)
    rates = SCHEDULES[name](t)
    assert rates.shape == (51,)
    np.testing.assert_allclose(rates, [SCHEDULES[name](int(number)) for number in t], rtol=1e-12)
    np.testing.assert_array_equal(t, np.arange(51))


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_step_gives_a_plain_float_between_nothing_and_eta_0(name):
    for t in (0, 7, 50):
        rate = SCHEDULES[name](t)
        assert type(rate) is float
        assert 0 <= rate <= 0.1


# What has no rate


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (partial(constant, -1, 0.1), "step t = -1 is outside the schedule"),
        (partial(polynomial, 11, 10, 0.1, 1), "from 0 to T = 10"),
        (partial(polynomial, np.array([0, 12]), 10, 0.1, 1), "outside the schedule"),
        (partial(polynomial, 0, 10, 0.1, -1), "alpha is -1"),
        (partial(polynomial, 0, 10, 0.1, float("nan")), "alpha is nan"),
        (partial(polynomial, 0, 10, float("inf"), 1), "eta_0 is inf"),
        (partial(polynomial, 0, 0, 0.1, 1), "T is 0"),
        (partial(step, -1, 0.1, 5, 0.5), "step t = -1"),
        (partial(step, 0, 0.1, 0, 0.5), "every is 0"),
        (partial(step, 0, 0.1, 5, 1.5), "factor is 1.5"),
        (partial(step, 0, 0, 5, 0.5), "eta_0 is 0"),
        (partial(cosine, 11, 10, 0.1), "from 0 to T = 10"),
        (partial(cosine, 0, 10, -0.1), "eta_0 is -0.1"),
        (partial(inverse_polynomial, -2, 0.1, 1, 1), "step t = -2"),
        (partial(inverse_polynomial, 0, 0.1, -1, 1), "beta is -1"),
        (partial(inverse_polynomial, 0, 0, 1, 1), "eta_0 is 0"),
        (partial(warm_up, 0, -1, partial(constant, eta_0=0.1)), "steps is -1"),
        (partial(warm_up, -1, 5, partial(constant, eta_0=0.1)), "step t = -1"),
        (partial(warm_up_stable_decay, 0, 10, 0.1, 6, 5), "up = 6 and down = 5"),
        (partial(warm_up_stable_decay, 0, 10, 0.1, -1, 5), "up = -1"),
        (partial(warm_up_stable_decay, 11, 10, 0.1, 2, 5), "from 0 to T = 10"),
        (partial(warm_up_stable_decay, 0, 10, 0, 2, 5), "eta_0 is 0"),
    ],
)
def test_what_no_schedule_can_mean_is_refused(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
