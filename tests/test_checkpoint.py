import errno
import json
import os
import pickle
import zipfile
from functools import partial

import pytest
import torch
from torch import nn

from bigmodel import files
from bigmodel.checkpoint import (
    PRETRAINED,
    Checkpoint,
    fit_weights,
    load_run,
    load_weights,
    save_run,
    save_weights,
)
from bigmodel.decoder import Config, Decoder
from bigmodel.model import BagOfWords, BigModel, OneHot
from bigmodel.tokenizer import CharacterTokenizer

TOKENIZER = CharacterTokenizer.train("the key is in the attic")
SIZE = TOKENIZER.vocab_size


def new_model(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(OneHot(SIZE, context=2), BigModel(2 * SIZE, 8, SIZE))


def equal(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))


def test_weights_come_back_as_they_were(tmp_path):
    save_weights(new_model(0), tmp_path / "big_model.pth")
    other = new_model(1)
    fit_weights(other, load_weights(tmp_path / "big_model.pth"), "big_model.pth")
    assert equal(other, new_model(0))


def test_the_file_of_weights_is_an_ordinary_state_dict(tmp_path):
    save_weights(BigModel(3, 4, 5), tmp_path / "big_model.pth")
    state = torch.load(tmp_path / "big_model.pth", weights_only=True)
    BigModel(3, 4, 5).load_state_dict(state)


def test_the_same_weights_make_the_same_bytes(tmp_path):
    for name in ("a.pth", "another.pth"):
        save_weights(new_model(0), tmp_path / name)
    assert (tmp_path / "a.pth").read_bytes() == (tmp_path / "another.pth").read_bytes()


class RunsCode:
    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return os.mkdir, (str(self.trace),)


@pytest.mark.parametrize("pack", [partial(pickle.dump, protocol=2), torch.save], ids=["pickle", "torch"])
def test_a_file_that_would_run_code_is_refused_and_runs_none(tmp_path, pack):
    path, trace = tmp_path / "evil.pth", tmp_path / "trace"
    with open(path, "wb") as file:
        pack({"weight": RunsCode(trace)}, file)
    with pytest.raises(ValueError, match=r"evil\.pth is not a file of weights.*nothing in it was run"):
        load_weights(path)
    assert not trace.exists()


def foreign_files(folder):
    whole = folder / "whole.pth"
    save_weights(new_model(), whole)
    content = whole.read_bytes()
    yield "empty", b""
    yield "text", b"Once upon a time there was a file of text.\n" * 9
    yield "truncated", content[: len(content) // 2]
    yield "pickled number", pickle.dumps(7, protocol=2)
    archive = folder / "plain.zip"
    with zipfile.ZipFile(archive, "w") as plain:
        plain.writestr("hello.txt", "hello")
    yield "zip", archive.read_bytes()
    for name, value in (("list", [1, 2]), ("number", {"step": 3}), ("nothing", {})):
        torch.save(value, folder / "value.pth")
        yield name, (folder / "value.pth").read_bytes()


def test_foreign_and_damaged_files_are_refused_with_one_sentence(tmp_path):
    for name, content in foreign_files(tmp_path):
        path = tmp_path / f"{name}.pth"
        path.write_bytes(content)
        with pytest.raises(ValueError, match="is not a file of weights") as caught:
            load_weights(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file .*absent\.pth"):
        load_weights(tmp_path / "absent.pth")
    with pytest.raises(ValueError, match="is a folder"):
        load_weights(tmp_path)


def test_weights_of_other_sizes_are_refused_and_change_nothing():
    model = new_model(0)
    with pytest.raises(ValueError, match=r"of another model: encoder.weight .*\(4, 3\) there and .*\(9, 3\) here"):
        fit_weights(BigModel(3, 9, 5), BigModel(3, 4, 5).state_dict(), "big_model.pth")
    with pytest.raises(ValueError, match="of nothing there"):
        fit_weights(model, {"1.encoder.weight": model[1].encoder.weight.detach() + 1}, "big_model.pth")
    assert equal(model, new_model(0))


@pytest.mark.parametrize(
    "model",
    [new_model(0), nn.Sequential(BagOfWords(SIZE, context=3), BigModel(SIZE, 8, SIZE))],
    ids=["one-hot", "bag of words"],
)
def test_a_run_opens_as_the_model_that_was_saved(tmp_path, model):
    save_run(tmp_path / "run", model, TOKENIZER)
    run = load_run(tmp_path / "run")
    ids = torch.tensor([run.tokenizer.encode("the attic")])
    assert torch.equal(run.model(ids), model(ids))
    assert run.tokenizer.decode(ids[0].tolist()) == "the attic"
    assert sorted(os.listdir(tmp_path / "run")) == ["config.json", "model.safetensors", "tokenizer.json"]


def test_a_model_that_cannot_be_built_again_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match="cannot be saved as a run"):
        save_run(tmp_path / "run", nn.Linear(2, 2), TOKENIZER)
    assert not (tmp_path / "run").exists()


def test_a_run_whose_files_do_not_belong_together_is_refused(tmp_path):
    save_run(tmp_path / "run", new_model(0), TOKENIZER)
    save_run(tmp_path / "other", new_model(1), TOKENIZER)
    (tmp_path / "other" / "model.safetensors").replace(tmp_path / "run" / "model.safetensors")
    with pytest.raises(ValueError, match=r"model\.safetensors is not the file that config\.json was written for"):
        load_run(tmp_path / "run")
    (tmp_path / "run" / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"model\.safetensors"):
        load_run(tmp_path / "run")


def test_a_run_of_an_earlier_version_is_told_how_to_go_on(tmp_path):
    save_weights(new_model(0), tmp_path / "big_model.pth")
    with pytest.raises(ValueError, match="earlier version of this course"):
        load_run(tmp_path)


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"kind": "os.system", "config": {}, "sha256": {}}'])
def test_a_damaged_configuration_is_refused(tmp_path, content):
    save_run(tmp_path / "run", new_model(0), TOKENIZER)
    (tmp_path / "run" / "config.json").write_text(content)
    with pytest.raises(ValueError, match=r"config\.json does not describe a run"):
        load_run(tmp_path / "run")


def test_a_missing_run_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no run at"):
        load_run(tmp_path / "absent")


def test_a_full_disk_leaves_the_old_file_whole(tmp_path, monkeypatch):
    path = tmp_path / "big_model.pth"
    save_weights(new_model(0), path)
    before = path.read_bytes()

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="no room on the disk"):
        save_weights(new_model(1), path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["big_model.pth"]


@pytest.mark.parametrize("tied", [False, True])
def test_a_run_of_a_decoder_can_be_opened_again(tmp_path, tied):
    torch.manual_seed(0)
    config = Config(SIZE, context=12, n_layer=2, n_head=2, n_embd=8, position="learned", tied=tied, bias=True)
    decoder = Decoder(config)
    for parameter in decoder.parameters():
        nn.init.normal_(parameter)
    save_run(tmp_path, decoder, TOKENIZER)
    opened = load_run(tmp_path).model
    assert opened.config == config
    assert equal(opened, decoder)
    assert (opened.unembedding.weight is opened.embedding.weight) == tied
    assert (
        sum(p.numel() for p in decoder.parameters()) * 4
        < (tmp_path / "model.safetensors").stat().st_size
        < (
            sum(p.numel() for p in decoder.parameters()) * 4 + 4000  # and a tied one is written once
        )
    )
    ids = torch.tensor([TOKENIZER.encode("the key")])
    assert torch.equal(opened(ids), decoder(ids))


@pytest.mark.parametrize("wrong", [{"n_layer": 0}, {"n_layer": "2"}, {"layers": 2}, {"vocab_size": None}])
def test_a_run_that_describes_no_decoder_is_refused(tmp_path, wrong):
    save_run(tmp_path, Decoder(Config(SIZE, n_layer=1, n_head=1, n_embd=4)), TOKENIZER)
    config = json.loads((tmp_path / "config.json").read_text())
    config["config"] |= wrong
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="does not describe a run of bigmodel"):
        load_run(tmp_path)


def test_half_precision_is_opened_as_float32(tmp_path):
    model = new_model()
    save_run(tmp_path, new_model().half(), TOKENIZER)
    opened = load_run(tmp_path).model
    assert {weight.dtype for weight in opened.parameters()} == {torch.float32}
    torch.testing.assert_close(opened[1].encoder.weight, model[1].encoder.weight, rtol=1e-3, atol=1e-4)


def test_what_is_wrapped_is_saved_bare(tmp_path):
    model = new_model()
    save_run(tmp_path, torch.compile(model, backend="eager"), TOKENIZER)
    assert equal(load_run(tmp_path).model, model)


def test_the_shipped_run_says_how_it_was_made():
    run = load_run(PRETRAINED)
    assert run.model.config.vocab_size == run.tokenizer.vocab_size == 1000
    assert run.record["steps"] == 8000


def test_a_checkpoint_is_written_each_step_or_more():
    with pytest.raises(ValueError, match="every is 0"):
        Checkpoint("c.pt", every=0)


def test_a_damaged_record_is_named(tmp_path):
    save_run(tmp_path, new_model(), TOKENIZER)
    (tmp_path / "record.json").write_text("{")
    with pytest.raises(ValueError, match=r"record\.json is damaged"):
        load_run(tmp_path)
