import subprocess
import sys

import pytest
import torch

from bigmodel import pretrained, world
from bigmodel.generate import Sampling, generate_all
from bigmodel.ladder import excess


def test_the_shipped_decoder_is_as_good_on_fresh_stories_as_its_record_says():
    model, tokenizer = pretrained.load()
    record = pretrained.load_record()
    found = excess(model, tokenizer, script=record.script, stories=400, seed=record.fresh_seed)
    assert found.mean == pytest.approx(record.excess, abs=2e-4)
    other = excess(model, tokenizer, script=record.script, stories=100, seed=record.fresh_seed + 1)
    assert abs(other.mean - record.excess) < 4 * (other.standard_error + record.standard_error)


def test_the_shipped_files_are_small():
    assert sum(path.stat().st_size for path in pretrained.FOLDER.iterdir() if path.is_file()) < 3_000_000


def test_what_it_writes_is_mostly_of_the_world():
    model, tokenizer = pretrained.load()
    texts = generate_all(model, tokenizer, [""] * 24, length=250, sampling=Sampling(seed=3))
    assert sum(world.judge([text]).grammatical for text in texts) >= 12


def test_saved_and_loaded_it_is_the_same_to_half_precision(tmp_path):
    model, tokenizer = pretrained.load()
    pretrained.save(tmp_path, model, tokenizer, pretrained.load_record())
    again, its_tokenizer = pretrained.load(tmp_path)
    assert its_tokenizer.tokens == tokenizer.tokens
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))


@pytest.mark.parametrize("name", [pretrained.WEIGHTS, pretrained.RECORD, pretrained.TOKENIZER])
def test_a_damaged_or_missing_file_is_named(tmp_path, name):
    model, tokenizer = pretrained.load()
    pretrained.save(tmp_path, model, tokenizer, pretrained.load_record())
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:50])
    with pytest.raises(ValueError, match=name):
        pretrained.load(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(FileNotFoundError, match=name):
        pretrained.load(tmp_path)


def test_the_command_makes_files_that_load_reads(tmp_path):
    command = [sys.executable, "-m", "bigmodel.pretrained", "--steps", "3", "--precision", "float32"]
    subprocess.run([*command, "--to", tmp_path], check=True, capture_output=True)
    assert pretrained.load_record(tmp_path).steps == 3
    pretrained.load(tmp_path)
