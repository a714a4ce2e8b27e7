"""The package's own rules: imports run one way, every name is needed, and nothing reaches for what it was not given."""

import ast
from functools import cache
from pathlib import Path

import pytest

import bigmodel
from bigmodel.lab import course

PACKAGE = Path(bigmodel.__file__).parent
# A module imports only from those before it.
LAYERS = [
    {"files", "display", "world", "schedule", "optimizer", "lora"},
    {"text", "tokenizer"},
    {"data"},
    {"model", "attention"},
    {"decoder"},
    {"checkpoint"},
    {"train"},
    {"ladder", "generate"},
    {"translator"},
    {"plot", "top_five", "chat"},
    {"diagram", "guess"},
    {"check"},
    {"lab"},
    {"__init__", "__main__"},
]
LAYER_OF = {name: layer for layer, names in enumerate(LAYERS) for name in names}
SOURCES = sorted(PACKAGE.rglob("*.py"))
# Functions and classes that only their own module and the tests use. Nothing may be added; what goes, goes from here.
UNUSED = {
    "checkpoint.build_big_model", "checkpoint.config_of", "checkpoint.unwrapped",
    "optimizer.Muon", "text.Corpus", "text.corpus",
    "text.deduplicate", "text.download", "tokenizer.LongestMatch", "tokenizer.PairCounts",
    "tokenizer.from_readable", "tokenizer.pieces_pattern", "train.device_of", "world/beats.even",
    "world/beats.nearby", "world/frames.find_slot", "world/frames.wordings",
    "world/prefix.beginnings", "world/program.normalised",
    "world/reading.narrow", "world/reading.read_sentences", "world/reading.understand",
    "world/tasks.contradict", "world/tasks.instruction", "world/tasks.preference",
    "world/telling.capitalise", "world/words/dialect.retell", "world/words/pinyin.pinyin_words",
    "world/words/pinyin.word_readings",
}  # fmt: skip

every_source = pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(PACKAGE).as_posix())


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def part(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_parts(path: Path) -> set[str]:
    """Names of the parts of bigmodel that a source file imports, within functions too."""
    found = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ImportFrom) and node.module == "bigmodel":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("bigmodel."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("bigmodel.")}
    return found - {part(path), "__version__"}


def called(path: Path) -> set[str]:
    """The names, with dots, of everything that a source file calls."""
    return {ast.unparse(node.func) for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call)}


@every_source
def test_imports_run_one_way(path):
    assert {name for name in imported_parts(path) if LAYER_OF[name] >= LAYER_OF[part(path)]} == set()


@every_source
def test_only_graders_guesses_and_commands_print(path):
    if part(path) not in {"check", "guess", "lab"} and path.name != "__main__.py":
        assert "print" not in called(path)


@every_source
def test_no_global_chance_is_touched(path):
    seeded = {"random.seed", "np.random.seed", "numpy.random.seed", "torch.seed", "torch.manual_seed"}
    global_draws = {"random.random", "random.choice", "random.shuffle", "np.random.rand", "np.random.randn"}
    # train seeds inside a fork of the generator, which its tests prove; a command owns its whole process
    allowed = {"torch.manual_seed"} if part(path) in {"train", "lab"} else set()
    assert called(path) & (seeded | global_draws) <= allowed


def test_the_package_imports_nothing_heavy_by_itself():
    assert not [node for node in tree_of(PACKAGE / "__init__.py").body if isinstance(node, ast.Import | ast.ImportFrom)]


# Each name is needed


def names_in(tree: ast.AST) -> set[str]:
    """Every name that a piece of code mentions."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.ImportFrom):
            found |= {alias.name for alias in node.names}
    return found


@cache
def names_of(path: Path) -> set[str]:
    return names_in(tree_of(path))


def names_in_notebooks() -> set[str]:
    cells = [cell for path in course.originals() for cell in course.load_notebook(path)["cells"]]
    return set().union(*(names_in(ast.parse(course.source(c))) for c in cells if c["cell_type"] == "code"))


def names_in_signatures(path: Path) -> set[str]:
    """What the annotations of a module mention: who calls its functions has these in hand."""
    nodes = list(ast.walk(tree_of(path)))
    annotations = [node.annotation for node in nodes if isinstance(node, ast.arg | ast.AnnAssign)]
    annotations += [node.returns for node in nodes if isinstance(node, ast.FunctionDef)]
    return set().union(*(names_in(annotation) for annotation in annotations if annotation))


def test_each_public_name_is_used_by_a_notebook_or_by_another_module():
    notebooks = names_in_notebooks()
    unused = set()
    for path in SOURCES:
        if part(path) == "lab":
            continue
        # __init__ only passes names on
        others = [names_of(other) for other in SOURCES if other != path and other.name != "__init__.py"]
        used = notebooks.union(names_in_signatures(path), *others)
        if part(path) == "check":  # a page of graders, whose helpers are its own
            used |= names_of(path)
        defined = [node for node in tree_of(path).body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
        names = {node.name for node in defined if not node.name.startswith("_") and node.name not in used}
        unused |= {f"{path.relative_to(PACKAGE).with_suffix('').as_posix()}.{name}" for name in names}
    assert unused - UNUSED == set(), "use it, give it a leading underscore, or take it away"
    assert UNUSED - unused == set(), "these are used now: take them off the list"
