"""The benchmarks' harness on tiny sizes: what it compares is comparable, and its tables are whole. Nothing is timed."""

import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from benchmarks import __main__ as benchmarks
from benchmarks import course, floor, ingredients, loss, measure, minutes, sampling, scaling, tokenizer, training
from nbformat.v4 import new_code_cell, new_notebook, writes

from bigmodel.decoder import Decoder
from bigmodel.lab import environment

FOXES = "\n\n".join(f"The fox number {number} counted {number * 7} boats, 狐狸" for number in range(120))
TINY = training.Shape(n_layer=1, n_head=2, n_embd=8, batch_size=2, length=8, vocab_size=20)
MODEL = replace(sampling.MODEL, vocab_size=50, context=16, n_layer=1, n_head=2, n_embd=8)


def pictures(folder: Path) -> set[str]:
    return {path.stem for path in folder.glob("*.svg")}


def test_cases_take_turns_and_the_first_round_does_not_count():
    calls: list[str] = []
    turns = measure.take_turns({name: lambda name=name: calls.append(name) or len(calls) for name in "ab"}, 2)
    assert calls == ["a", "b", "a", "b", "a", "b"]
    assert turns == {"a": [3, 5], "b": [4, 6]}


def test_a_spread_is_the_median_between_its_quartiles():
    assert measure.spread([5.0, 1.0, 2.0, 4.0, 3.0]) == measure.Spread(2.0, 3.0, 4.0)
    assert measure.ratio([2.0, 9.0], [1.0, 3.0]) == measure.Spread(2.25, 2.5, 2.75)
    assert str(measure.Spread(1200.0, 12345.6, 99999.0)) == "12,346 (1,200 – 99,999)"
    assert str(measure.Spread(0.5, 0.5, 0.5)) == "0.50"


def test_the_floor_is_measured_from_above(tmp_path):
    recipes = {
        "plain": floor.Recipe(1, 1, 8, 2, 0.01),
        "all of it": floor.Recipe(1, 1, 8, 2, 0.01, neighbours=2, easy=0.5),
    }
    part = floor.run(tmp_path, seconds=0.02, fresh=4, recipes=recipes)
    assert [row[0] for row in part.rows] == list(recipes)
    for row in part.rows:
        assert float(row[4].partition("%")[0]) > 100  # after a few steps, far above it


def test_neighbours_are_earlier_tokens_alone():
    embedding = floor.Neighbours(torch.nn.Embedding(5, 2), 3)
    torch.nn.init.normal_(embedding.shares)
    before, after = embedding(torch.tensor([[1, 2, 3, 4, 1, 2]])), embedding(torch.tensor([[1, 3, 3, 4, 1, 2]]))
    changed = (before != after).any(-1)[0].tolist()
    assert changed == [False, True, True, True, True, False]


def test_both_recipes_race_over_the_same_text(tmp_path):
    part = loss.run(tmp_path, {"foxes": lambda: FOXES}, share=0.004, slices=1)
    assert [row[:2] for row in part.rows] == [("foxes", "plain recipe"), ("foxes", "bigmodel")]
    assert pictures(tmp_path) == {"loss_foxes"}
    training_ids, fresh, vocab_size = loss.ids_of(FOXES)  # whole paragraphs are held out
    assert len(training_ids) > 4 * len(fresh) > 0
    assert max(training_ids.max(), fresh.max()) < vocab_size


def test_a_minute_is_given_to_both_ways_and_judged_alike(tmp_path, monkeypatch):
    asked: list[list[str]] = []

    def pretrained(words, source, fresh, folder):
        assert len(source.read_text(encoding="utf-8")) == 500
        assert fresh not in source.read_text(encoding="utf-8")
        asked.append(list(words))
        nats = 1.2 if words[0] == "--minutes" else 1.5
        return minutes.Outcome("2 × 96", 5 + int(words[1]) / 50 if words[0] == "--steps" else 60.0, 600.0, nats)

    monkeypatch.setattr(minutes, "pretrained", pretrained)
    (tmp_path / "foxes").write_text(FOXES, encoding="utf-8")
    part = minutes.run(tmp_path, minutes=(1.0,), texts=[f"{tmp_path / 'foxes'}:500"])
    assert asked == [["--steps", "50"], ["--steps", "200"], ["--steps", "2750"], ["--minutes", "1.0"]]
    assert [(row[2], row[6], row[7]) for row in part.rows] == [
        ("fixed steps", "1.500", "0.0%"),
        ("bigmodel", "1.200", "20.0%"),
    ]
    assert pictures(tmp_path) == {"minutes_foxes_500"}


def test_each_recipe_of_the_chain_changes_one_thing_and_the_last_is_ours():
    chain = ingredients.chain(vocab_size=20, precision="bfloat16")
    made = [make(30) for make in chain.values()]
    first, weights, rotary, rate, muon, narrow, last = made
    assert (first.model.config.tied, weights.model.config.tied) == (True, False)
    assert replace(weights.model.config, position="rotary") == rotary.model.config == rate.model.config
    assert [recipe.learning_rate(29) for recipe in (weights, rotary)] == [first.learning_rate(29)] * 2
    assert rate.learning_rate(1) == pytest.approx(0.01, rel=0.05)
    assert rate.optimizer is rotary.optimizer is not muon.optimizer
    assert muon.model.config == rate.model.config != narrow.model.config == last.model.config
    assert (narrow.precision, last.precision) == ("float32", "bfloat16")


def test_each_ingredient_has_a_row_and_about_the_same_seconds(tmp_path):
    part = ingredients.run(tmp_path, {"foxes": lambda: FOXES}, seconds=0.01, slices=1, tried=1)
    assert [row[1] for row in part.rows] == list(ingredients.chain(20, "float32"))
    assert pictures(tmp_path) == {"ingredients_foxes"}


def test_a_recipe_in_slices_is_the_recipe_in_one(tmp_path):
    training_ids, fresh, vocab_size = loss.ids_of(FOXES)
    finals = [
        loss.race([loss.ours(vocab_size, "float32", steps=6)], training_ids, fresh, slices)["bigmodel"].final
        for slices in (1, 3)
    ]
    assert finals[0] == finals[1]


def test_training_has_a_row_for_each_model_and_precision(tmp_path):
    part = training.run(tmp_path, (TINY,), rounds=2)
    names = [row[1] for row in part.rows]
    models = ("bigmodel", "bigmodel, Muon", "transformers", "torch")
    assert names == [f"{model}, {precision}" for precision in training.PRECISIONS for model in models]
    assert len(pictures(tmp_path)) == 1


@pytest.mark.parametrize("model", [training.TorchDecoder, training.gpt2])
def test_the_peers_see_no_token_that_is_yet_to_come(model):
    peer = model(TINY)
    ids = torch.arange(8)[None]
    changed = torch.cat([ids[:, :-1], ids[:, :1]], dim=1)
    first, second = (output if torch.is_tensor(output) else output.logits for output in (peer(ids), peer(changed)))
    torch.testing.assert_close(first[:, :-1], second[:, :-1])
    assert not torch.allclose(first[:, -1], second[:, -1])


def test_sampling_compares_ways_that_write_the_same(tmp_path):
    part = sampling.run(tmp_path, MODEL, (sampling.Setting(1, 3, 5), sampling.Setting(2, 3, 5)), rounds=2)
    assert len(part.rows) == 10
    assert pictures(tmp_path) == {"sampling_batch_1", "sampling_batch_2"}


def test_a_draft_that_is_wrong_changes_no_token():
    model = sampling.decoder_of(sampling.peer_of(MODEL), MODEL)
    torch.manual_seed(1)
    other = Decoder(replace(MODEL, n_embd=4))
    torch.nn.init.normal_(other.embedding.weight)
    ids = torch.tensor([[3, 4]])
    assert torch.equal(sampling.with_draft(model, other, ids, 6), sampling.with_cache(model, ids, 6))


def test_other_tokens_are_noticed(monkeypatch):
    with pytest.raises(AssertionError, match="token 1 of row 0 is another than without it"):
        sampling.check_equal(torch.tensor([[1, 2]]), torch.tensor([[1, 3]]), "without it")
    wrong = lambda model, ids, length, draft=None: torch.zeros(len(ids), length, dtype=torch.long) - 1  # noqa: E731
    monkeypatch.setattr(sampling, "by_transformers", wrong)
    with pytest.raises(AssertionError, match="that of transformers"):
        sampling.measure_setting(MODEL, sampling.Setting(1, 3, 5), rounds=1)


def test_the_tokenizers_learn_and_write_the_same(tmp_path):
    part = tokenizer.run(tmp_path, {"foxes": FOXES}, naive_length=500, vocab_size=280, rounds=2)
    assert [(row[0], row[3]) for row in part.rows] == [
        ("training, 7 merges", "naive"),
        ("training, 280 ids", "Rust"),
        ("first encoding", "Rust"),
        ("later encoding", "Rust"),
    ]


def test_other_merges_are_noticed(monkeypatch):
    monkeypatch.setattr(tokenizer, "naive_merges", lambda pieces, n: [])
    with pytest.raises(AssertionError, match="the merges learned are not the same"):
        list(tokenizer.training_rows({"foxes": FOXES}, 500, 280, 1))


def test_scaling_has_its_rows_and_pictures(tmp_path):
    part = scaling.run(tmp_path, {"context": (TINY, replace(TINY, length=4))}, rounds=2, base=TINY)
    assert [row[:2] for row in part.rows[:2]] == [("context", "8"), ("context", "4")]
    assert [row[1] for row in part.rows[2:]] == [*scaling.KINDS, "everything else"]
    assert pictures(tmp_path) == {"scaling_context", "scaling_profile"}


def test_notebooks_are_executed_one_after_the_other_in_one_folder(tmp_path):
    notebooks = [tmp_path / "1_writes.ipynb", tmp_path / "2_reads.ipynb"]
    sources = ["import json, re\nopen('left', 'w').write(json.dumps(1))", "assert open('left').read() == '1'"]
    for path, source in zip(notebooks, sources, strict=True):
        path.write_text(writes(new_notebook(cells=[new_code_cell(source)])), encoding="utf-8")
    part = course.run(tmp_path, notebooks, first_text=[["--version"]])
    assert [(row[0], row[4]) for row in part.rows[:2]] == [("1_writes", "re"), ("2_reads", "nothing")]
    assert sys.platform == "win32" or all(10 < int(row[3]) < 1000 for row in part.rows[:2])  # MiB of a bare kernel
    assert [row[0] for row in part.rows[2:]] == [
        "all notebooks",
        "python -m bigmodel --version",
        "first text of a model of one's own",
    ]


# The command


def test_the_command_knows_the_parts_and_pytest_collects_none():
    files = {path.name for path in (environment.ROOT / "tests" / "benchmarks").rglob("*")}
    assert {f"{part}.py" for part in benchmarks.BENCHMARKS} <= files
    assert not [name for name in files if re.fullmatch(r"test_.*|.*_test\.py|.*\.ipynb|conftest\.py", name)]


def test_the_page_has_each_part_that_was_measured_and_its_pictures(tmp_path):
    for name in ("machine.md", "loss.md", "sampling.md", "loss_foxes.svg", "sampling_batch_1.svg"):
        (tmp_path / name).write_text(f"## {name}\n")
    found = re.findall(r"## (\S+)|\]\((\S+)\)", benchmarks.page(tmp_path))
    assert [text or picture for text, picture in found] == [
        "machine.md", "loss.md", "loss_foxes.svg", "sampling.md", "sampling_batch_1.svg",
    ]  # fmt: skip
