import pytest

from bigmodel import world
from bigmodel.checkpoint import PRETRAINED, load_run
from bigmodel.generate import Sampling, generate_all
from bigmodel.ladder import excess


def test_the_shipped_decoder_is_as_good_on_fresh_stories_as_its_record_says():
    run = load_run(PRETRAINED)
    record = run.record
    found = excess(run.model, run.tokenizer, script=record["script"], stories=400, seed=record["fresh_seed"])
    assert found.mean == pytest.approx(record["excess"], abs=2e-4)


def test_the_shipped_files_are_small():
    assert sum(path.stat().st_size for path in PRETRAINED.iterdir()) < 3_000_000


def test_what_it_writes_is_mostly_of_the_world():
    run = load_run(PRETRAINED)
    texts = generate_all(run.model, run.tokenizer, [""] * 24, length=250, sampling=Sampling(seed=3))
    assert sum(world.judge([text]).grammatical for text in texts) >= 12
