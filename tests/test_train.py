import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import TensorDataset

from bigmodel.checkpoint import Checkpoint, load_weights
from bigmodel.data import IGNORE_INDEX, windows
from bigmodel.model import BigModel, OneHot
from bigmodel.schedule import polynomial
from bigmodel.train import Validation, evaluate, log_probabilities, train

SIZE = 20
IDS = torch.randint(SIZE, (400,), generator=torch.Generator().manual_seed(0))
DATA = windows(IDS[:300], length=4)
FRESH = windows(IDS[300:], length=4)
PADDED = TensorDataset(  # rows in which 1 to 4 targets count
    DATA.tensors[0], DATA.tensors[1].masked_fill(torch.arange(4) > torch.arange(len(DATA))[:, None] % 4, IGNORE_INDEX)
)
ADAM = partial(torch.optim.AdamW, weight_decay=0.1)


def new_model(dropout: float = 0.0) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(OneHot(SIZE), nn.Dropout(dropout), BigModel(SIZE, 16, SIZE))


def run(model, **changes):
    arguments = {
        "steps": 30,
        "learning_rate": partial(polynomial, T=30, eta_0=0.05, alpha=1),
        "batch_size": 8,
    }
    return train(model, DATA, **{**arguments, "optimizer": ADAM, **changes})


def test_one_step_of_sgd_is_the_formula():
    model, reference = new_model(), new_model()
    inputs, targets = DATA.tensors
    history = train(model, DATA, steps=1, learning_rate=0.3, batch_size=len(DATA))
    loss = F.cross_entropy(reference(inputs).flatten(0, 1), targets.flatten())
    loss.backward()
    assert history.losses == [pytest.approx(loss.item(), rel=1e-6)]
    for trained, before in zip(model.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(trained, before - 0.3 * before.grad)


def test_history_holds_every_step_and_the_rates_of_the_schedule():
    model = new_model()
    history = run(model, validation=Validation(FRESH, every=10))
    assert len(history.losses) == 30
    assert history.rates == [polynomial(t, T=30, eta_0=0.05, alpha=1) for t in range(30)]
    assert history.validation_steps == [0, 10, 20, 30]
    first, *_, last = history.validation_losses
    assert (first, last) == (evaluate(new_model(), FRESH), evaluate(model, FRESH))
    assert not history.interrupted


@pytest.mark.parametrize(("stop", "dropout"), [(1, 0.2), (9, 0.0), (10, 0.2), (29, 0.0)])
def test_a_stopped_training_goes_on_number_for_number(tmp_path, stop, dropout):
    unbroken_model, model = new_model(dropout), new_model(dropout)
    unbroken = run(unbroken_model, validation=Validation(FRESH, every=10))

    def interrupt(step, loss):
        if step == stop:
            signal.raise_signal(signal.SIGINT)

    resumable = {
        "validation": Validation(FRESH, every=10),
        "checkpoint": Checkpoint(tmp_path / "c.pt", every=7),
    }
    first = run(model, on_step=interrupt, **resumable)
    assert first.interrupted
    assert len(first.losses) == stop
    anew = new_model(dropout)  # as after a restart: nothing is left but the file
    second = run(anew, **resumable)
    assert replace(second, seconds=0) == replace(unbroken, seconds=0)
    assert all(torch.equal(a, b) for a, b in zip(anew.parameters(), unbroken_model.parameters(), strict=True))


def test_a_finished_training_is_not_done_again(tmp_path):
    history = run(new_model(), checkpoint=Checkpoint(tmp_path / "c.pt"))
    steps_taken = []
    again = run(
        new_model(),
        checkpoint=Checkpoint(tmp_path / "c.pt"),
        on_step=lambda step, loss: steps_taken.append(step),
    )
    assert steps_taken == []
    assert again.losses == history.losses


def test_on_step_ends_a_training_by_answering_true(tmp_path):
    kept = Checkpoint(tmp_path / "c.pt")
    assert kept.history().losses == []
    history = run(new_model(), checkpoint=kept, on_step=lambda step, loss: step == 7)
    assert len(history.losses) == len(kept.history().losses) == 7
    assert history.interrupted


SCRIPT = """
    import sys, time
    from bigmodel.checkpoint import Checkpoint
    from tests.test_train import new_model, run
    path, pause = sys.argv[1], float(sys.argv[2])
    def slowly(step, loss):
        print(step, flush=True)
        time.sleep(pause)
    history = run(new_model(), checkpoint=Checkpoint(path, every=1), on_step=slowly)
    print("losses", history.losses, flush=True)
"""


def test_a_killed_process_leaves_a_whole_checkpoint_to_go_on_from(tmp_path):
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), str(tmp_path / "c.pt")]
    with subprocess.Popen([*command, "0.01"], env=environment, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.strip() == "13":
                process.kill()
                break
    resumed = subprocess.run([*command, "0"], env=environment, capture_output=True, text=True, check=True).stdout
    first_step = int(resumed.split()[0])
    assert 0 < first_step <= 15  # it went on, and did not begin again further back than one checkpoint
    assert resumed.splitlines()[-1] == f"losses {run(new_model()).losses}"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"batch_size": 4}, "batch_size 8, and this call has batch_size 4"),
        ({"seed": 1}, "seed 0, and this call has seed 1"),
        ({"optimizer": torch.optim.SGD}, "optimizer AdamW.*and this call has optimizer SGD"),
        ({"optimizer": torch.optim.AdamW}, r"weight_decay 0\.1, and this call has weight_decay 0\.01"),
        ({"learning_rate": 0.05}, "learning rate of 0.04833 at step 1, and this call has 0.05"),
        ({"steps": 3}, "already at step 30, and this call ends at 3"),
    ],
)
def test_the_checkpoint_of_another_training_is_refused_and_kept(tmp_path, change, sentence):
    path = tmp_path / "c.pt"
    run(new_model(), checkpoint=Checkpoint(path))
    before = path.read_bytes()
    with pytest.raises(ValueError, match=sentence):
        run(new_model(), checkpoint=Checkpoint(path), **change)
    assert path.read_bytes() == before


def test_a_foreign_checkpoint_is_refused_and_kept(tmp_path):
    path = tmp_path / "c.pt"
    for content in (b"", b"not a checkpoint"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"c\.pt"):
            run(new_model(), checkpoint=Checkpoint(path))
        assert path.read_bytes() == content


def test_ctrl_c_keeps_what_was_learned_and_gives_the_handler_back():
    before = signal.getsignal(signal.SIGINT)
    model = new_model()
    history = run(model, on_step=lambda step, loss: step == 5 and signal.raise_signal(signal.SIGINT))
    assert history.interrupted
    assert len(history.losses) == 5
    assert signal.getsignal(signal.SIGINT) is before
    reference = new_model()
    run(reference, steps=5)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), reference.parameters(), strict=True))


def test_a_second_ctrl_c_acts_at_once():
    def twice(step, loss):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run(new_model(), on_step=twice)


def test_training_works_in_a_thread_where_no_signal_arrives():
    histories = []
    thread = threading.Thread(target=lambda: histories.append(run(new_model())))
    thread.start()
    thread.join()
    assert histories[0].losses == run(new_model()).losses


def test_training_leaves_the_global_generator_alone():
    model = new_model(dropout=0.5)
    before = torch.random.get_rng_state()
    run(model)
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_clipped_gradient_is_as_long_as_the_clip_at_most():
    model, reference = new_model(), new_model()
    train(model, DATA, steps=1, learning_rate=1.0, clip=1e-3)
    moved = torch.cat([(a - b).flatten() for a, b in zip(model.parameters(), reference.parameters(), strict=True)])
    assert moved.norm().item() == pytest.approx(1e-3, rel=1e-3)


def test_frozen_parameters_stay():
    model = new_model()
    model[2].encoder.requires_grad_(False)
    run(model)
    assert torch.equal(model[2].encoder.weight, new_model()[2].encoder.weight)
    assert not torch.equal(model[2].decoder.weight, new_model()[2].decoder.weight)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_optimizer_multiplies_in_the_precision_of_the_training(precision):
    found = []

    class Noting(torch.optim.SGD):
        def step(self, closure=None):
            found.append((torch.ones(2, 2) @ torch.ones(2, 2)).dtype)
            super().step(closure)

    run(new_model(), optimizer=Noting, steps=1, precision=precision)
    assert found == [getattr(torch, precision)]


def test_bfloat16_trains_to_nearly_the_same_loss():
    exact, rough = run(new_model()).losses[-1], run(new_model(), precision="bfloat16").losses[-1]
    assert rough == pytest.approx(exact, rel=0.02)


def test_a_loss_that_is_no_number_stops_with_a_sentence_before_the_weights_are_lost():
    model = new_model()
    with pytest.raises(FloatingPointError, match=r"became (nan|inf) at step \d+, with a learning rate of 1e\+30"):
        train(model, DATA, steps=30, learning_rate=1e30)


def test_log_probabilities_and_loss_are_those_of_the_definition():
    model = new_model()
    inputs, targets = FRESH.tensors
    targets = targets.clone()
    targets[0, 1:] = IGNORE_INDEX
    data = torch.utils.data.TensorDataset(inputs, targets)
    log_p = model(inputs).log_softmax(-1)
    by_hand = [
        sum(log_p[n, t, targets[n, t]].item() for t in range(4) if targets[n, t] != IGNORE_INDEX)
        for n in range(len(data))
    ]
    np.testing.assert_allclose(log_probabilities(model, data, batch_size=5), by_hand, rtol=1e-5)
    assert evaluate(model, data) == pytest.approx(-sum(by_hand) / (4 * len(data) - 3), rel=1e-5)


def test_evaluating_leaves_the_mode_as_it_was():
    model = new_model(dropout=0.5).eval()
    evaluate(model, FRESH)
    assert not model.training
    model.train()
    assert evaluate(model, FRESH) == evaluate(model, FRESH)  # without dropout, then
    assert model.training


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"steps": 0}, "steps is 0"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"clip": 0}, "clip is 0"),
        ({"precision": "float8"}, "float8"),
        ({"learning_rate": 0}, "eta_0 is 0"),
        ({"learning_rate": -0.1}, "eta_0 is -0.1"),
    ],
)
def test_bad_arguments_get_one_clear_sentence(change, sentence):
    with pytest.raises(ValueError, match=sentence):
        run(new_model(), **change)


def test_data_without_a_target_that_counts_are_refused():
    inputs, targets = FRESH.tensors
    nothing = torch.utils.data.TensorDataset(inputs, torch.full_like(targets, IGNORE_INDEX))
    with pytest.raises(ValueError, match="no target that counts"):
        evaluate(new_model(), nothing)


def test_a_model_is_not_shown_columns_in_which_nothing_counts():
    inputs, targets = (part.clone() for part in DATA[:8])
    targets[:, 2:] = IGNORE_INDEX
    seen = []
    model = new_model()
    model.register_forward_pre_hook(lambda module, shown: seen.append(tuple(shown[0].shape)))
    history = train(model, TensorDataset(inputs, targets), steps=2, learning_rate=0.1, batch_size=4)
    assert seen == [(4, 2), (4, 2)]
    short = train(new_model(), TensorDataset(inputs[:, :2], targets[:, :2]), steps=2, learning_rate=0.1, batch_size=4)
    assert history.losses == short.losses


def test_a_batch_may_be_any_tuple_and_the_loss_any_function():
    xs = torch.linspace(-1, 1, 40).unsqueeze(1)  # (N, 1)
    data = TensorDataset(xs, 3 * xs, torch.ones(40))
    model = nn.Linear(1, 1, bias=False)

    def weighted(model, batch):
        x, y, weight = batch
        return (weight * (model(x) - y).square().squeeze(1)).mean()

    fit = train(model, data, steps=200, learning_rate=0.3, batch_size=20, loss=weighted)
    assert fit.losses[-1] < 1e-6 < fit.losses[0]
    assert model.weight.item() == pytest.approx(3, abs=1e-3)


TWO = """
    import os, sys, torch
    from torch.nn.parallel import DistributedDataParallel
    from bigmodel.checkpoint import Checkpoint, save_weights, unwrapped
    from tests.test_train import PADDED, new_model
    from bigmodel.train import train
    rank, port, folder = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    torch.distributed.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    model = DistributedDataParallel(new_model())
    file = Checkpoint(f"{folder}/rank-{rank}.pt", every=5)
    train(model, PADDED, steps=20, learning_rate=0.1, batch_size=4, clip=1.0, checkpoint=file)
    if rank == 0:
        save_weights(unwrapped(model), f"{folder}/two.pth")
    torch.distributed.barrier()
    os._exit(0)  # gloo's threads sometimes abort an interpreter that ends in the usual way
"""


def test_two_processes_end_where_one_ends_with_batches_twice_as_large(tmp_path):
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", textwrap.dedent(TWO)]
    both = [subprocess.Popen([*command, str(rank), str(port), str(tmp_path)], env=environment) for rank in (0, 1)]
    assert [process.wait(timeout=120) for process in both] == [0, 0]
    alone = new_model()
    train(alone, PADDED, steps=20, learning_rate=0.1, batch_size=8, clip=1.0)
    for together, weight in zip(load_weights(tmp_path / "two.pth").values(), alone.parameters(), strict=True):
        torch.testing.assert_close(together, weight.detach(), rtol=0, atol=1e-6)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rank-0.pt", "two.pth"]  # only rank 0 writes
    again = new_model()  # what two processes wrote, one can open
    train(
        again,
        PADDED,
        steps=20,
        learning_rate=0.1,
        batch_size=8,
        clip=1.0,
        checkpoint=Checkpoint(tmp_path / "rank-0.pt"),
    )
    torch.testing.assert_close(again[2].encoder.weight, alone[2].encoder.weight, rtol=0, atol=1e-6)
