"""The page of a notebook: it fetches nothing, and all that is in the notebook can be read and found in it."""

import json
import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from bigmodel.lab import page

FETCHES = re.compile(r"""(?:src|href|data-src)\s*=\s*["'](?!data:|#)|@import|url\(\s*["']?(?!data:|#)|import\(""")
PNG = new_output("display_data", data={"image/png": "iVBORw0KGgo=", "text/plain": "<Figure>"})


def code(source, *tags, outputs=()):
    return new_code_cell(source, metadata={"tags": list(tags)}, outputs=list(outputs))


def html(*cells, folder, **options):
    notebook = json.loads(nbformat.writes(new_notebook(cells=list(cells))))
    return page.html(notebook, title="a page", folder=folder, **options)


def test_a_page_fetches_nothing(tmp_path):
    (tmp_path / "line.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>", encoding="utf-8")
    latex = new_output("display_data", data={"text/latex": "$\\frac{1}{2}$", "text/plain": "half"})
    text = html(
        new_markdown_cell("# Title\n\n$x^2$ ![line](line.svg) <img src='line.svg'>"), code("1", outputs=[latex, PNG]),
        folder=tmp_path,
    )  # fmt: skip
    assert FETCHES.findall(text) == []
    assert "<script" not in text
    assert text.count('src="data:image/svg+xml;base64,') == 2
    assert 'src="data:image/png;base64,iVBORw0KGgo="' in text
    assert "<mfrac>" in text


def test_the_contents_lead_to_every_heading(tmp_path):
    prose = [
        '# One $x$\n\n## Two "too"\n\ntext\n\n```\n# a comment\n```',
        "## Two\n\n### `three`\n\n## Two\n\n<h2>no</h2>",
    ]
    text = html(*map(new_markdown_cell, prose), code("# no heading"), folder=tmp_path)
    links = re.findall(r'<a href="#([^"]*)">', text)
    assert links == ["One-x", "Two-too", "Two", "three", "Two-2"]
    assert re.findall(r'<h[1-6] id="([^"]*)">', text) == links
    assert text.count("<h2>no</h2>") == 1


def test_what_stands_before_the_first_heading_is_kept(tmp_path):
    assert "<p>before</p>" in html(new_markdown_cell("before"), new_markdown_cell("# Title"), folder=tmp_path)
    assert "<p>alone</p>" in html(new_markdown_cell("alone"), folder=tmp_path)


@pytest.mark.parametrize(
    ("source", "alt"),
    [
        ('ax = plot.axes("Falls & rises", "step", "loss")', "Falls &amp; rises"),
        ('title = "Falls"\nplot.losses(history, title, rungs)', "Falls"),
        ('plot.panels(("left", "right"), "", "")\nplot.save(ax, "file")', "left; right"),
        ('diagram.flow(f"{number} boxes", "in", steps)', "… boxes"),
        ('ax.set_title("Mia\\nand Ben")', "Mia and Ben"),
        ('ax.set_xlabel("step")', "Slopes"),
        ("%matplotlib inline", "Slopes"),
    ],
)
def test_a_picture_is_called_by_its_title_or_by_the_heading_above_it(tmp_path, source, alt):
    text = html(new_markdown_cell("# Title\n\n## Slopes"), code(source, outputs=[PNG]), folder=tmp_path)
    assert re.findall(r'alt="([^"]*)"', text) == [alt]


def test_solutions_are_folded_and_say_of_what(tmp_path):
    done = new_output("stream", name="stdout", text="well done")
    cells = [code("shown = 1"), code("hidden = 1\ncheck.sum_of(hidden)", "solution", outputs=[done])]
    text = html(*cells, folder=tmp_path, language="zh")
    (folded,) = re.findall(r'<details class="solution">.*?</details>', text, re.DOTALL)
    assert "<summary>参考答案 · <code>sum_of</code></summary>" in folded
    assert "hidden" in folded
    assert "well done" in folded
    assert "shown" not in folded


def test_what_a_text_folds_stays_folded(tmp_path):
    text = html(
        new_markdown_cell("<details><summary>More</summary>\n\ninside <b>and strong</b>\n\n</details>\n\nafter"),
        folder=tmp_path,
    )
    (folded,) = re.findall(r"<main>.*<details>(.*?)</details>", text, re.DOTALL)
    assert "inside <b>and strong</b>" in folded
    assert "after" not in folded


# Formulas


def without_sources(text):
    return re.sub(r' alttext="[^"]*"', "", text)


def test_formulas_become_mathml(tmp_path):
    source = "$\\eta_0 (1 - t/T)^\\alpha$ and $a*b*c$\n\n$$L = -\\frac{1}{N} \\sum_i \\log p_i$$\n\n| $x_1$ |\n|---|\n"
    text = html(new_markdown_cell(source), folder=tmp_path)
    assert text.count("<math") == 4
    assert "<em>" not in text
    assert "\\frac" not in without_sources(text)


@pytest.mark.parametrize("latex", [r"\notacommand{x}", "x_{", "a & b"])
def test_a_formula_that_cannot_be_converted_is_shown_as_it_stands(latex):
    assert page.mathml(latex, "inline") == f"<code>{latex.replace('&', '&amp;')}</code>"


@pytest.mark.parametrize("name", ["aligned", "split", "gathered"])
def test_formulas_of_several_lines_have_rows(name):
    assert page.mathml(f"\\begin{{{name}}} a &= b \\\\ c &= d \\end{{{name}}}", "block").count("<mtr>") == 2


@pytest.mark.parametrize(
    ("latex", "spaces"), [(r"\ln V", 1), (r"\log_2 p", 1), (r"\ln\frac{1}{p}", 1), (r"\ln(2)", 0), ("x y", 0)]
)
def test_a_function_stands_apart_from_what_it_is_of(latex, spaces):
    assert page.mathml(latex, "inline").count("<mspace") == spaces


def test_dollars_in_code_are_no_formulas(tmp_path):
    assert "<math" not in html(new_markdown_cell("`$HOME$`\n\n```\n$x$\n```\n"), code("'$x$'"), folder=tmp_path)
