"""The package's own rules: imports run one way, and nothing reaches for what it was not given."""

import ast
from pathlib import Path

import pytest

import bigmodel

PACKAGE = Path(bigmodel.__file__).parent
# A module imports only from those before it.
LAYERS = [
    {"files", "display", "world", "schedule", "optimizer"},
    {"download"},
    {"text", "tokenizer"},
    {"data"},
    {"model", "attention"},
    {"decoder"},
    {"checkpoint"},
    {"train"},
    {"ladder", "generate"},
    {"pretrained"},
    {"plot", "top_five"},
    {"diagram", "guess"},
    {"check"},
]
COMMANDS = {"__init__", "__main__", "commands", "course", "environment", "page", "shell"}
LAYER_OF = {name: layer for layer, names in enumerate(LAYERS) for name in names}
SOURCES = sorted(PACKAGE.rglob("*.py"))


def part(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_parts(path: Path) -> set[str]:
    """Names of the parts of bigmodel that a source file imports, within functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "bigmodel":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("bigmodel."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("bigmodel.")}
    return found - {part(path), "__version__"}


def called(path: Path) -> set[str]:
    """The names, with dots, of everything that a source file calls."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


def test_every_part_has_its_place():
    assert {part(path) for path in SOURCES} <= LAYER_OF.keys() | COMMANDS
    assert all((PACKAGE / name).exists() or (PACKAGE / f"{name}.py").exists() for name in LAYER_OF)


@pytest.mark.parametrize(
    "path",
    [path for path in SOURCES if part(path) in LAYER_OF],
    ids=lambda path: path.relative_to(PACKAGE).as_posix(),
)
def test_imports_run_one_way(path):
    later = {name for name in imported_parts(path) if LAYER_OF.get(name, 99) >= LAYER_OF[part(path)]}
    assert later == set()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_only_graders_guesses_and_commands_print(path):
    if part(path) not in COMMANDS | {"check", "guess"} and path.name != "__main__.py":
        assert "print" not in called(path)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_global_chance_is_touched(path):
    seeded = {"random.seed", "np.random.seed", "numpy.random.seed", "torch.seed", "torch.manual_seed"}
    global_draws = {"random.random", "random.choice", "random.shuffle", "np.random.rand", "np.random.randn"}
    # train seeds inside a fork of the generator, which its tests prove; a command owns its whole process
    owner = part(path) in {"train", "commands"} or path.name == "__main__.py"
    allowed = {"torch.manual_seed"} if owner else set()
    assert called(path) & (seeded | global_draws) <= allowed


def test_the_package_imports_nothing_heavy_by_itself():
    assert imported_parts(PACKAGE / "__init__.py") == set()
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
