"""The book: made without a warning, whole, and of the same cells as the page of a run; it needs no network."""

import html
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from bigmodel.lab import book, course, page
from bigmodel.lab.environment import ROOT

pytestmark = pytest.mark.filterwarnings("ignore:.*MystReferenceResolver.app")  # MyST's affair


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The whole book, as its command makes it."""
    folder = tmp_path_factory.mktemp("book")
    command = [sys.executable, "-m", "bigmodel", "book", "--to", folder, "--repository", "ada/bigmodel"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    assert str(folder / "index.html") in done.stdout
    return folder


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def addresses(path: Path) -> list[tuple[str, str]]:
    """What a page refers to, and by which attribute."""
    return [(name, html.unescape(address)) for name, address in re.findall(r'\b(href|src)="([^"]*)"', read(path))]


def test_every_link_leads_somewhere(made):
    broken = []
    anchors = {
        path: {html.unescape(anchor) for anchor in re.findall(r'\bid="([^"]+)"', read(path))}
        for path in made.rglob("*.html")
    }
    for path in anchors:
        for _, address in addresses(path):
            if re.match("[a-z]+:", address):
                continue
            name, _, anchor = address.partition("#")
            target = (path.parent / unquote(name.partition("?")[0])).resolve() if name else path
            if not target.exists() or (anchor and unquote(anchor) not in anchors[target]):
                broken.append((path.name, address))
    assert broken == []


def test_no_page_needs_the_network(made):
    for path in made.rglob("*.html"):
        text = re.sub(r"<a\s[^>]*>", "", read(path))
        assert re.findall(r"""(?:src|href)=["'](?:https?:)?//[^"']*""", text) == []
    for path in made.rglob("*.css"):
        assert re.findall(r"""(?:url\(|@import)\s*["']?(?:https?:)?//""", read(path)) == []


def test_it_shows_the_pictures_of_the_readme_with_their_words(made):
    shown = [html.unescape(alt) for alt in re.findall(r'<img alt="([^"]*)"', read(made / "index.html"))]
    expected = re.findall(r"!\[([^\]]+)\]", read(ROOT / "README.md"))
    assert len(expected) > 3
    assert shown == expected


@pytest.mark.parametrize("path", course.originals(), ids=lambda path: path.stem)
def test_a_notebook_is_there_with_its_solutions_folded_and_says_where_to_run_it(made, path):
    text, cells = read(made / "notebooks" / f"{path.stem}.html"), course.load_notebook(path)["cells"]
    assert f"<h1>{course.title(path)}<a" in text
    assert text.count('<div class="input_area">') == sum(cell["cell_type"] == "code" for cell in cells)
    assert text.count('<details class="solution">') == sum("solution" in course.tags(cell) for cell in cells) > 0
    assert f"https://colab.research.google.com/github/ada/bigmodel/blob/colab/{path.stem}.ipynb" in text
    assert '<a href="../index.html">on your own computer, with two commands</a>' in text


def test_its_cells_sections_and_pictures_are_those_of_the_page_of_a_run(made):
    path = course.find("02")
    text, alone = read(made / "notebooks" / f"{path.stem}.html"), page.html(course.load_notebook(path), "", path.parent)
    code, output = re.compile(r'<div class="input_area">.*?</pre>', re.DOTALL), re.compile(r"<pre>.*?</pre>", re.DOTALL)
    assert code.findall(text) == code.findall(alone)
    assert output.findall(text) == output.findall(alone)
    assert re.findall(r"<math.*?</math>", text) == re.findall(r"<math.*?</math>", alone.partition("<main>")[2])
    pictures = re.compile(r'<img [^>]*src\s*=\s*"data:[^>]*>')
    assert pictures.findall(text) == pictures.findall(alone) != []
    assert re.findall(r'<section id="([^"]*)">\n<h\d>', text) == re.findall(r'<h[1-6] id="([^"]*)"', alone)


def test_terms_lead_to_their_rows(made):
    text = read(made / "notebooks" / "01_concepts.html")
    assert re.search(
        r'<a class="term" href="00_notation_and_terms.html#term-softmax" title="[^"]+"><\w+>Softmax</', text
    )
    assert '<tr class="row-' in read(made / "notebooks" / "00_notation_and_terms.html")


def test_lesson_plans_and_measurements_are_in_it(made):
    for path in [*(ROOT / "site" / "teaching").glob("*.md"), ROOT / "tests/benchmarks/results/README.md"]:
        inside = path.relative_to(ROOT / "site" if path.parent.name == "teaching" else ROOT)
        assert f'href="{inside.with_suffix(".html").as_posix()}"' in read(made / "index.html")


def test_another_language_needs_only_its_notebooks(tmp_path):
    cells = [
        new_markdown_cell("# 一 · 概念\n\n**词元** 与 *其他*"),
        new_code_cell("1", metadata={"tags": ["solution"]}),
    ]
    (tmp_path / "zh").mkdir()
    nbformat.write(new_notebook(cells=cells), tmp_path / "zh" / "01_concepts.ipynb")
    first = book.build(tmp_path / "book", language="zh", notebooks=tmp_path / "zh")
    text = read(first.parent / "notebooks" / "01_concepts.html")
    assert '<html class="no-js" lang="zh-CN"' in text
    for word in ("运行它", "参考答案", 'href="00_notation_and_terms.html#term-token"'):
        assert word in text
    assert "colab" not in text  # nobody said where the repository is


@pytest.mark.parametrize(
    ("link", "with_repository", "without"),
    [
        ("[a](notebooks/01.md)", "[a](notebooks/01.md)", "[a](notebooks/01.md)"),
        ("[`a`](LICENSE)", "[`a`](https://github.com/ada/course/blob/main/LICENSE)", "`a`"),
        ("[a](bigmodel/lab)", "[a](https://github.com/ada/course/tree/main/bigmodel/lab)", "a"),
        ("[a](../../tree/colab)", "[a](https://github.com/ada/course/tree/colab)", "a"),
        ("[a](https://example.org/b)", "[a](https://example.org/b)", "[a](https://example.org/b)"),
        ("![a](LICENSE)", "![a](LICENSE)", "![a](LICENSE)"),
    ],
)
def test_links_to_what_is_not_in_the_book_lead_to_github_or_are_none(tmp_path, link, with_repository, without):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "01.md").touch()
    path = tmp_path / "README.md"
    assert book.mend_links(f"see {link}.", path, tmp_path, "ada/course") == f"see {with_repository}."
    assert book.mend_links(f"see {link}.", path, tmp_path, None) == f"see {without}."


def test_without_its_configuration_there_is_no_book(tmp_path, monkeypatch):
    monkeypatch.setattr(book, "SITE", tmp_path / "site")
    with pytest.raises(ValueError, match="clone the whole repository"):
        book.build(tmp_path / "book")
