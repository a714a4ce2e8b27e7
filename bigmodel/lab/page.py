"""A notebook as HTML that needs no network: its sections, for the book, and all of it as one page, for ``run``.

Formulas are MathML, pictures lie inside the page, solutions are folded.
"""

import ast
import html as escaping
import json
import re
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import nbformat
from jinja2 import Environment, FileSystemLoader, pass_context
from latex2mathml.converter import convert
from nbconvert.exporters import HTMLExporter
from nbconvert.filters.highlight import Highlight2HTML
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbconvert.filters.widgetsdatatypefilter import WidgetsDataTypeFilter
from pygments.formatters import HtmlFormatter

from bigmodel.lab.course import Notebook

STYLESHEET = Path(__file__).with_name("page.css")
LIGHT, DARK = "default", "monokai"  # Pygments' styles for code
WORDS = {
    "en": {"contents": "Contents", "solution": "Solution"},
    "zh": {"contents": "目录", "solution": "参考答案"},
}
TEMPLATES = Path(__file__).with_name("templates")
MARK = re.compile("<!--(prose|code|output)-->")
HEADING = re.compile(r'<h([1-6]) data-title="">(.*?)</h\1>', re.DOTALL)
TITLE = re.compile(r"^#+ +(.+)$", re.MULTILINE)
# Which argument of a drawing function is the picture's title.
TITLE_PLACES = {
    "axes": 0, "panels": 0, "losses": 1, "flow": 0, "loop": 0, "merge_tree": 0, "set_title": 0, "suptitle": 0,
}  # fmt: skip


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it, up to the next heading; ``title`` and ``html`` are HTML."""

    level: int
    title: str
    anchor: str
    html: str


def html(notebook: Notebook, title: str, folder: Path, language: str = "en") -> str:
    """The page of a notebook; its pictures are looked for from ``folder`` on."""
    style = f"{colours()}\n{STYLESHEET.read_text(encoding='utf-8')}"
    parts, contents = sections(notebook, folder, language), WORDS[language]["contents"]
    return filled("page.html.j2", title=title, language=language, style=style, contents=contents, parts=parts)


def filled(template: str, **values: Any) -> str:
    """One of the templates, filled in; what is HTML already is marked there as safe."""
    templates = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return templates.get_template(template).render(**values)


def colours() -> str:
    """The style of code, light and dark."""
    light, dark = (HtmlFormatter(style=style).get_style_defs(".highlight") for style in (LIGHT, DARK))
    return f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}"


def sections(notebook: Notebook, folder: Path, language: str = "en") -> list[Section]:
    """The sections of a notebook, in their order; what stands before the first heading has an empty title."""
    return divided(MARK.sub("", body(notebook, folder, language)))


def body(notebook: Notebook, folder: Path, language: str = "en") -> str:
    """A notebook's cells as HTML: each piece of prose, code and outputs behind its mark, as <!--prose-->."""
    node = nbformat.reads(json.dumps(notebook), as_version=4)
    heading = ""
    for cell in node.cells:
        for output in cell.get("outputs", []):
            if "text/latex" in output.get("data", {}):
                output.data["text/html"] = mathml(output.data["text/latex"].strip().strip("$"), display="block")
            if "image/png" in output.get("data", {}):
                alt = {"alt": picture_title(cell.source) or heading}
                output.metadata["image/png"] = {**alt, **output.metadata.get("image/png", {})}
        if cell.cell_type == "markdown":
            heading = [heading, *TITLE.findall(cell.source)][-1]
    text, _ = exporter().from_notebook_node(node, {"metadata": {"path": str(folder)}, "words": WORDS[language]})
    return str(text)


@cache
def exporter() -> "OfflineExporter":
    """nbconvert's exporter, with our template."""
    template = (TEMPLATES / "cells.html.j2").read_text(encoding="utf-8")
    made = OfflineExporter(raw_template=template, exclude_input_prompt=True, exclude_output_prompt=True)
    made.register_filter("answered", answered)
    return made


def answered(source: str) -> str:
    """Which exercise a solution is for, by the call that checks it."""
    found = re.findall(r"\bcheck\.(\w+)\(", source)
    return f" · <code>{found[-1]}</code>" if found else ""


def divided(body: str) -> list[Section]:
    """HTML cut at the headings of its prose; a heading that comes twice gets two anchors."""
    found = list(HEADING.finditer(body))
    start = body[: found[0].start() if found else len(body)]
    parts, anchors = [Section(1, "", "", start)] if start.strip() else [], set[str]()
    for heading, after in pairwise([*found, None]):
        assert heading is not None
        end = after.start() if after else len(body)
        first = anchor = re.sub(r'["<>&]', "", plain(heading[2])).replace(" ", "-")  # nearly as JupyterLab's
        number = 1
        while anchor in anchors:
            number += 1
            anchor = f"{first}-{number}"
        anchors.add(anchor)
        parts.append(Section(int(heading[1]), heading[2], anchor, body[heading.end() : end]))
    return parts


def plain(html: str) -> str:
    """The text of a piece of HTML; of a formula, its source."""
    return escaping.unescape(re.sub(r"<[^>]+>", "", re.sub(r'<math [^>]*alttext="([^"]*)".*?</math>', r"\1", html)))


# What a picture shows


def picture_title(source: str) -> str:
    """The title that a code cell gives to its picture; empty where it is not written there."""
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except SyntaxError:  # IPython's own commands
        return ""
    assigned = {ast.unparse(to): node.value for node in nodes if isinstance(node, ast.Assign) for to in node.targets}
    for call in (node for node in nodes if isinstance(node, ast.Call)):
        place = TITLE_PLACES.get(ast.unparse(call.func).rpartition(".")[2], len(call.args))
        for title in call.args[place : place + 1]:
            if found := words_of(assigned.get(ast.unparse(title), title)):
                return found
    return ""


def words_of(node: ast.expr) -> str:
    """A string, or several, as written, with … for what is filled in; empty for what is no string."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value.replace("\n", " ")
    if isinstance(node, ast.JoinedStr):
        return "".join(words_of(part) or "…" for part in node.values)
    if isinstance(node, ast.List | ast.Tuple):
        return "; ".join(filter(None, map(words_of, node.elts)))
    return ""


# Formulas

FUNCTION = r"<m[io]>(?:ln|log|exp|max|min|[a-z]{4,})</m[io]>(?:<m\w>[^<]*</m\w></msub>)?"
OPERAND = r"<m(?:i|n|sub|sup|frac|sqrt|row)>"


def mathml(latex: str, display: str) -> str:
    """A formula as MathML, or, where it cannot be converted, its source as it stands."""
    source = escaping.escape(latex.strip())
    known = re.sub(r"\\(begin|end)\{(aligned|split|gathered)\}", r"\\\1{align*}", latex.strip())
    known = known.replace(r"\operatorname*", r"\operatorname")
    try:
        formula = str(convert(known, display=display))
    except Exception:  # the converter's own errors have no common class
        formula = "\\"
    # What it does not know, it lets through as it stands, with the backslash or the ampersand.
    if re.search(r"\\|>&<", formula):
        return f"<code>{source}</code>"
    formula = re.sub(f"({FUNCTION})(?={OPERAND})", r'\1<mspace width="0.167em" />', formula)  # ln V, not lnV
    return formula.replace("<math ", f'<math alttext="{source}" ', 1)


class OfflineRenderer(IPythonRenderer):
    """Markdown whose formulas are MathML, and whose headings can be told from those of other HTML."""

    def heading(self, text: str, level: int, **attributes: Any) -> str:
        return f'<h{level} data-title="">{text}</h{level}>\n'

    def block_html(self, html: str) -> str:
        # Where pictures lie inside, nbconvert would close what a later piece of HTML closes: <details>, for one.
        return str(super().block_html(html)) if "<img" in html else html

    def inline_html(self, html: str) -> str:
        return str(super().inline_html(html)) if "<img" in html else html

    def inline_math(self, body: str) -> str:
        return mathml(body, display="inline")

    def block_math(self, body: str) -> str:
        return mathml(body, display="block")

    def latex_environment(self, name: str, body: str) -> str:
        return mathml(f"\\begin{{{name}}}{body}\\end{{{name}}}", display="block")


class OfflineExporter(HTMLExporter):
    """nbconvert's exporter with our renderer."""

    def from_notebook_node(self, nb: Any, resources: Any = None, **more: Any) -> Any:
        """What nbconvert does, but for reading the whole page again to describe pictures: ours are described."""
        resources = self._init_resources(resources)
        widgets = WidgetsDataTypeFilter(notebook_metadata=self._nb_metadata, parent=self, resources=resources)
        self.register_filter("highlight_code", Highlight2HTML(pygments_lexer="ipython3", parent=self))
        self.register_filter("filter_data_type", widgets)
        return super(HTMLExporter, self).from_notebook_node(nb, resources, **more)

    @pass_context
    def markdown2html(self, context: Any, source: str) -> str:
        return prose(source, context["resources"]["metadata"]["path"], context["cell"].get("attachments", {}))


def prose(text: str, folder: str = "", attachments: dict[str, Any] | None = None) -> str:
    """Markdown as HTML; pictures are looked for from ``folder`` on."""
    renderer = OfflineRenderer(escape=False, embed_images=True, path=folder, attachments=attachments or {})
    return str(MarkdownWithMath(renderer=renderer).render(text))
