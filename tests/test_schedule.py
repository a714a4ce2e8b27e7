from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bigmodel.schedule import constant, polynomial


def test_the_rate_falls_as_worked_out_by_hand():
    assert polynomial(0, T=10, eta_0=0.5, alpha=2) == 0.5
    assert polynomial(5, T=10, eta_0=0.5, alpha=2) == 0.125  # 0.5 · (1/2)²
    assert polynomial(10, T=10, eta_0=0.5, alpha=2) == 0


@given(alpha=st.sampled_from([0, 0.5, 1, 2, 4]), T=st.integers(1, 60))
def test_equals_torch_polynomial_lr_step_for_step(alpha, T):
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=0.3)
    reference = torch.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=T, power=alpha)
    for t in range(T):
        assert optimizer.param_groups[0]["lr"] == pytest.approx(polynomial(t, T, 0.3, alpha), rel=1e-9)
        optimizer.step()
        reference.step()


@pytest.mark.parametrize(
    "schedule", [partial(polynomial, T=50, eta_0=0.1, alpha=1.5), partial(constant, eta_0=0.1)]
)
def test_an_array_of_steps_gives_the_rates_of_its_elements(schedule):
    t = np.arange(51)
    np.testing.assert_allclose(schedule(t), [schedule(int(step)) for step in t], rtol=1e-12)


def test_alpha_zero_is_constant_up_to_the_last_step():
    assert polynomial(7, T=7, eta_0=0.2, alpha=0) == 0.2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((-1, 10, 0.1, 1), "step t = -1 is outside the schedule"),
        ((11, 10, 0.1, 1), "from 0 to T = 10"),
        ((np.array([0, 12]), 10, 0.1, 1), "outside the schedule"),
        ((0, 10, 0.1, -1), "alpha is -1"),
        ((0, 10, 0.1, float("nan")), "alpha is nan"),
        ((0, 10, 0, 1), "eta_0 is 0"),
        ((0, 10, float("inf"), 1), "eta_0 is inf"),
        ((0, 0, 0.1, 1), "T is 0"),
    ],
)
def test_what_has_no_rate_is_refused(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        polynomial(*arguments)
