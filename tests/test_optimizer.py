from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from bigmodel.checkpoint import Checkpoint
from bigmodel.data import windows
from bigmodel.decoder import Config, Decoder
from bigmodel.optimizer import Muon, MuonAdamW, orthogonalise
from bigmodel.train import train

CONFIG = Config(vocab_size=20, context=16, n_layer=2, n_head=2, n_embd=16)


def decoder_and_data(seed: int = 0):
    torch.manual_seed(seed)
    ids = torch.randint(20, (400,), generator=torch.Generator().manual_seed(1))
    return Decoder(CONFIG), windows(ids, 16)


@given(rows=st.integers(2, 40), columns=st.integers(2, 40), seed=st.integers(0, 99), scale=st.floats(1e-3, 1e3))
def test_orthogonalise_keeps_the_singular_vectors_and_evens_the_values(rows, columns, seed, scale):
    matrix = torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed)) * scale
    u, values, v = torch.linalg.svd(matrix, full_matrices=False)
    result = u.T @ orthogonalise(matrix) @ v.T
    assert torch.allclose(result, result.diag().diag(), atol=1e-3)
    well_in = values > 0.05 * values.max()  # the smallest ones would need more iterations
    assert ((result.diag()[well_in] > 0.3) & (result.diag()[well_in] < 1.3)).all()


def test_many_matrices_at_once_are_each_made_orthogonal_alone():
    many = torch.randn(3, 8, 24, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(orthogonalise(many), torch.stack([orthogonalise(one) for one in many]), atol=1e-5)


def test_muon_is_torchs_own_but_for_bfloat16():
    draws = torch.Generator().manual_seed(0)
    ours = [nn.Parameter(torch.randn(shape, generator=draws)) for shape in ((16, 48), (16, 48), (48, 16))]
    theirs = [nn.Parameter(p.detach().clone()) for p in ours]
    first = {id(p): p.detach().clone() for p in ours}
    muon = Muon(ours, lr=0.1)
    peer = torch.optim.Muon(theirs, lr=0.1, weight_decay=0.0, adjust_lr_fn="original")
    for _ in range(5):
        for one, other in zip(ours, theirs, strict=True):
            one.grad = torch.randn(one.shape, generator=draws)
            other.grad = one.grad.clone()
        muon.step()
        peer.step()
    for one, other in zip(ours, theirs, strict=True):
        moved = (one - first[id(one)]).norm()
        assert (one - other).norm() < 0.02 * moved


def test_a_parameter_without_gradient_stays_where_it_is():
    parameter = nn.Parameter(torch.ones(3, 3))
    Muon([parameter], lr=1.0).step()
    assert torch.equal(parameter, torch.ones(3, 3))


def test_block_matrices_go_to_muon_and_all_else_to_adamw():
    decoder, _ = decoder_and_data()
    muon, adamw = MuonAdamW(decoder.parameters(), lr=0.01, blocks=decoder.blocks).parts
    shapes = [tuple(parameter.shape) for parameter in muon.param_groups[0]["params"]]
    assert sorted(shapes) == sorted(2 * [*(4 * [(16, 16)]), (64, 16), (16, 64)])
    assert len(adamw.param_groups[0]["params"]) == len(list(decoder.parameters())) - 12


def test_the_rate_that_train_sets_reaches_both_parts():
    decoder, data = decoder_and_data()
    before = [parameter.detach().clone() for parameter in decoder.parameters()]
    tiny = 1e-12
    train(decoder, data, steps=3, learning_rate=tiny, optimizer=partial(MuonAdamW, blocks=decoder.blocks))
    assert all(torch.allclose(a, b, atol=1e-9) for a, b in zip(before, decoder.parameters(), strict=True))


def test_a_factor_moves_what_is_not_a_matrix_of_the_blocks_so_much_further():
    moved = []
    for factor in (1.0, 2.0):
        decoder, _ = decoder_and_data()
        before = decoder.embedding.weight.detach().clone()
        optimizer = MuonAdamW(decoder.parameters(), 0.01, decoder.blocks, factor=factor)
        decoder.embedding.weight.grad = torch.ones_like(before)
        optimizer.step()
        assert {group["lr"] for group in optimizer.param_groups} == {0.01}
        moved.append(decoder.embedding.weight.detach() - before)
    torch.testing.assert_close(moved[1], 2 * moved[0])


def test_it_learns_and_resumes_number_for_number(tmp_path):
    def run(steps, checkpoint=None):
        decoder, data = decoder_and_data()
        return train(
            decoder, data, steps=steps, learning_rate=0.01, batch_size=8, checkpoint=checkpoint,
            optimizer=partial(MuonAdamW, blocks=decoder.blocks),
        )  # fmt: skip

    whole = run(30)
    assert whole.losses[-1] < whole.losses[0] - 0.3
    run(17, Checkpoint(tmp_path / "c.pth"))
    assert run(30, Checkpoint(tmp_path / "c.pth")).losses == whole.losses


def test_blocks_of_another_model_are_refused():
    decoder, _ = decoder_and_data()
    with pytest.raises(ValueError, match="no matrix of the blocks is among the parameters"):
        MuonAdamW(decoder.parameters(), lr=0.01, blocks=decoder_and_data()[0].blocks)
