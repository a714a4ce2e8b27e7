"""A notebook as one page of HTML that needs no network: formulas in MathML, pictures inside the page."""

import html as escaping
import json
import logging
import re
from pathlib import Path
from typing import Any

import nbformat
from jinja2 import pass_context
from latex2mathml.converter import convert
from nbconvert.exporters import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

QUIET = logging.getLogger(__name__)  # nbconvert warns of every picture without a description
QUIET.setLevel(logging.ERROR)

# nbconvert's own page, without what it would fetch from the network.
TEMPLATE = """\
{%- extends 'lab/index.html.j2' -%}
{%- block html_head_js -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
"""


def html(notebook: dict[str, Any], title: str, folder: Path) -> str:
    """The page of a notebook; its pictures are looked for from ``folder`` on."""
    node = nbformat.reads(json.dumps(notebook), as_version=4)
    for cell in node.cells:
        for output in cell.get("outputs", []):
            if "text/latex" in output.get("data", {}):
                latex = output.data["text/latex"].strip().strip("$")
                output.data["text/html"] = mathml(latex, display="block")
    resources = {"metadata": {"name": title, "path": str(folder)}}
    page, _ = OfflineExporter(raw_template=TEMPLATE, log=QUIET).from_notebook_node(node, resources)
    return str(page)


def mathml(latex: str, display: str) -> str:
    """A formula as MathML, or, where it cannot be converted, its source as it stands."""
    known = re.sub(r"\\(begin|end)\{(aligned|split|gathered)\}", r"\\\1{align*}", latex.strip())
    known = known.replace(r"\operatorname*", r"\operatorname")
    try:
        formula = convert(known, display=display)
    except Exception:  # the converter's own errors have no common class
        formula = "\\"
    # What it does not know, it lets through as it stands, with the backslash or the ampersand.
    return f"<code>{escaping.escape(latex.strip())}</code>" if re.search(r"\\|>&<", formula) else str(formula)


class OfflineRenderer(IPythonRenderer):
    """Markdown whose formulas are MathML."""

    def inline_math(self, body: str) -> str:
        return mathml(body, display="inline")

    def block_math(self, body: str) -> str:
        return mathml(body, display="block")

    def latex_environment(self, name: str, body: str) -> str:
        return mathml(f"\\begin{{{name}}}{body}\\end{{{name}}}", display="block")


class OfflineExporter(HTMLExporter):
    """nbconvert's exporter with our renderer."""

    @pass_context
    def markdown2html(self, context: Any, source: str) -> str:
        renderer = OfflineRenderer(
            escape=False,
            embed_images=True,
            path=context["resources"]["metadata"]["path"],
            attachments=context["cell"].get("attachments", {}),
        )
        return str(MarkdownWithMath(renderer=renderer).render(source))
