"""The course as a book: a site that opens from a disk without a network, made of the executed notebooks.

Sphinx brings search, navigation and the theme, MyST reads the pages of prose, and the cells of a notebook are made by
the code that makes the page of a run. This module lays out what Sphinx reads, and is an extension of it.
"""

import html
import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.cmd.build import build_main
from sphinx.parsers import Parser

from bigmodel.lab import colab, page
from bigmodel.lab.course import NOTEBOOKS, dumps, load_notebook, source
from bigmodel.lab.environment import ROOT

SITE = ROOT / "site"
TERMS = "00_notation_and_terms.md"
GITHUB = "https://github.com/{repository}/{path}"
RUN_IT = {
    "en": 'Run it: {colab}<a href="{home}">on your own computer, with two commands</a>.',
    "zh": '运行它：{colab}<a href="{home}">在自己的电脑上，只需两条命令</a>。',
}
IN_COLAB = {
    "en": '<a href="{address}">in Colab</a>, with nothing to install, or ',
    "zh": '<a href="{address}">在 Colab 中</a>，无需安装；或',
}
LOCALES = {"en": "en", "zh": "zh_CN"}


def build(to: Path, language: str = "en", notebooks: Path = NOTEBOOKS, repository: str | None = None) -> Path:
    """Make the book of the notebooks in a folder and return its first page; nothing is executed.

    Args:
        to: folder of the book; what else lies there stays.
        language: ``"en"`` or ``"zh"``, that of the notebooks in ``notebooks``.
        repository: OWNER/NAME on GitHub, for links to Colab and to what is not in the book.

    Raises:
        ValueError: this is not a whole checkout, or Sphinx cannot make the book.
    """
    if not SITE.exists():
        raise ValueError(f"there is no book's configuration in {ROOT}: clone the whole repository and start there.")
    with tempfile.TemporaryDirectory(prefix="bigmodel-book-") as name:
        sources = Path(name) / "sources"
        lay_out(sources, language, notebooks, repository)
        words = ["-D", f"language={LOCALES[language]}", "-D", f"bigmodel_language={language}"]
        words += ["-D", f"bigmodel_repository={repository or ''}"]
        status = build_main(["-q", "-j", "auto", "-d", f"{name}/doctrees", *words, str(sources), str(to)])
    if status:
        raise ValueError("Sphinx could not make the book, for the reason given above.")
    return to / "index.html"


def lay_out(sources: Path, language: str, notebooks: Path, repository: str | None) -> None:
    """Copy what the book is made of into a folder, as it lies in the repository, so that links hold."""
    shutil.copytree(SITE, sources)
    shutil.copy(page.STYLESHEET, sources)
    shutil.copytree(ROOT / "figures", sources / "figures")
    results = Path("tests/benchmarks/results")
    shutil.copytree(ROOT / results, sources / results)
    readme = ROOT / ("README.md" if language == "en" else f"README.{language}.md")
    shutil.copy(readme, sources / "README.md")
    (sources / "notebooks").mkdir()
    for path in sorted([*notebooks.glob("[0-9]*.ipynb"), NOTEBOOKS / TERMS]):
        shutil.copy(path, sources / "notebooks")
    for path in sources.rglob("*.md"):
        path.write_text(mend_links(path.read_text(encoding="utf-8"), path, sources, repository), encoding="utf-8")
    for path in sources.rglob("*.ipynb"):
        notebook = load_notebook(path)
        for cell in notebook["cells"]:
            if cell["cell_type"] == "markdown":
                cell["source"] = mend_links(source(cell), path, sources, repository)
        path.write_text(dumps(notebook), encoding="utf-8")


def mend_links(text: str, path: Path, sources: Path, repository: str | None) -> str:
    """Markdown whose links to what is in the repository, but not in the book, lead to GitHub or are none."""

    def mend(link: re.Match[str]) -> str:
        target, inside = (path.parent / link[2]).resolve(), sources.resolve()
        if target.exists():
            return link[0]
        if target.is_relative_to(inside):
            there = target.relative_to(inside).as_posix()
            beside = f"{'tree' if (ROOT / there).is_dir() else 'blob'}/main/{there}"
        else:  # as ../../tree/colab, which GitHub understands
            beside = link[2].replace("../", "")
        return f"[{link[1]}]({GITHUB.format(repository=repository, path=beside)})" if repository else link[1]

    return re.sub(r"(?<!!)\[([^\]\n]+)\]\(([\w./-]+)\)", mend, text)


# The extension of Sphinx


def setup(app: Sphinx) -> dict[str, bool]:
    """Teach Sphinx notebooks, formulas as MathML, and the anchors of terms."""
    app.add_config_value("bigmodel_language", "en", "env")
    app.add_config_value("bigmodel_repository", "", "env")
    app.add_source_suffix(".ipynb", "notebook")
    app.add_source_parser(NotebookParser)
    inline, block = partial(write_math, "inline"), partial(write_math, "block")
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    app.connect("doctree-read", anchor_terms)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def write_math(display: str, translator: Any, node: nodes.Element) -> None:
    """Write a formula, in a line or by itself."""
    translator.body.append(page.mathml(node.astext(), display))
    raise nodes.SkipNode


class NotebookParser(Parser):
    """A notebook as sections whose content is the HTML of its cells, which Sphinx indexes as it stands."""

    supported = ("notebook",)

    def parse(self, inputstring: str, document: nodes.document) -> None:
        """Fill the document with the sections of the notebook."""
        self.document = document
        path = Path(document["source"])
        env = document.settings.env
        language = env.config.bigmodel_language
        known = terms((path.parent / TERMS).read_text(encoding="utf-8"), language)
        above: list[tuple[int, nodes.Element]] = [(0, document)]
        for number, part in enumerate(page.sections(json.loads(inputstring), path.parent, language)):
            while above[-1][0] >= part.level:
                above.pop()
            section = nodes.section(ids=[part.anchor or "top"])
            section += nodes.title("", "", *title_nodes(part.title or path.stem))
            if number == 0:
                section += raw(run_it(env.docname, language, env.config.bigmodel_repository))
            section += raw(link_pages(link_terms(part.html, known)))
            above[-1][1].append(section)
            above.append((part.level, section))


def raw(text: str) -> nodes.raw:
    """HTML as it stands."""
    return nodes.raw("", text, format="html")


def title_nodes(title: str) -> Iterator[nodes.Node]:
    """A heading as text and formulas."""
    for piece in re.split(r"(<math .*?</math>)", title):
        if piece.startswith("<math "):
            yield nodes.math("", page.plain(piece))
        elif piece:
            yield nodes.Text(page.plain(piece))


def run_it(page_name: str, language: str, repository: str) -> str:
    """The line that says where a notebook can be run."""
    address = colab.address(Path(page_name).name, repository)
    in_colab = IN_COLAB[language].format(address=address) if repository else ""
    home = "../" * page_name.count("/") + "index.html"
    return f'<p class="run-it">{RUN_IT[language].format(colab=in_colab, home=home)}</p>'


def link_pages(text: str) -> str:
    """HTML whose links to notebooks and pages of Markdown lead to those of the book."""
    return re.sub(r'(<a href="(?![a-z]+:)[^"#]*)\.(?:ipynb|md)(?=["#])', r"\1.html", text)


# Terms

ROW = re.compile(r"^\| ([^|]+) \| ([^|]+) \| (.+?) \| [^|]+ \|$", re.MULTILINE)


@cache
def terms(text: str, language: str) -> dict[str, tuple[str, str]]:
    """The page of terms: each name, in small letters → its anchor and what it means."""
    found: dict[str, tuple[str, str]] = {}
    for english, chinese, meaning in ROW.findall(text):
        name = english if language == "en" else chinese
        for variant in re.split(r", |: |，|、|：|[()（）]", name.replace("`", "")):
            if variant.strip():
                found.setdefault(variant.strip().lower(), (anchor_of(english.replace("`", "")), meaning))
    return found


def anchor_of(name: str) -> str:
    """The anchor of a term, of its English name."""
    return "term-" + re.sub(r"\W+", "-", name.lower()).strip("-")


def link_terms(text: str, known: dict[str, tuple[str, str]]) -> str:
    """HTML in which terms that are set off, as a text does where it explains them, lead to the page of terms."""

    def link(words: re.Match[str]) -> str:
        name = html.unescape(words[2]).lower().rstrip(".,:")
        anchor, meaning = known.get(name) or known.get(name.removesuffix("s")) or ("", "")
        if not anchor:
            return words[0]
        told = html.escape(re.sub(r"[`$*\\]", "", meaning))
        return f'<a class="term" href="{Path(TERMS).stem}.html#{anchor}" title="{told}">{words[0]}</a>'

    return re.sub(r"<(strong|em)>([^<]{2,40})</\1>", link, text)


def anchor_terms(app: Sphinx, doctree: nodes.document) -> None:
    """Give the rows of the page of terms their anchors."""
    if Path(doctree["source"]).name == TERMS:
        for row in doctree.findall(nodes.row):
            if len(row) == 4:
                row["ids"].append(anchor_of(row[0].astext()))
