"""A notebook as slides: one page that needs no network, with its pictures, and with what to say from the lesson plan.

A slide begins at each heading and each question, and where prose follows on code: it holds a few sentences, the code
that they speak of and what that prints or draws. Long code is folded. Solutions are left out.
"""

import ast
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from nbconvert.filters import ansi2html
from nbconvert.filters.markdown_mistune import MarkdownWithMath
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from bigmodel.lab import course
from bigmodel.lab.environment import ROOT
from bigmodel.lab.exercises import check_of
from bigmodel.lab.page import OfflineRenderer, mathml

PLANS = ROOT / "site" / "teaching"
TEMPLATES = Path(__file__).parent / "templates"
FOLDED = {"code": 12, "picture": 6}  # lines from which on code is folded, alone and above a picture
QUESTION = re.compile(r"\n\n(?=\*\*(?:Predict|On paper|By hand|Pen and paper|Before you run))")
HEADING = re.compile(r"(?m)^(#{1,6}) +(.+?)\s*$")


@dataclass
class Slide:
    """One slide.

    Args:
        title: the heading under which it stands.
        level: of that heading; 0 for a slide that continues.
        parts: its pieces of HTML, in order, each with its kind: prose, code or output.
        notes: what to say.
    """

    title: str
    level: int
    parts: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def heading(self) -> str:
        """The title as HTML."""
        return prose(self.title, Path(), {}).strip().removeprefix("<p>").removesuffix("</p>")

    def has(self, kind: str) -> bool:
        """Whether it holds a piece of this kind."""
        return any(each == kind for each, _ in self.parts)


def write_slides(original: Path, page: Path) -> int:
    """Write the slides of a notebook; returns how many they are."""
    made = slides(course.load_notebook(original), original.parent, notes(PLANS / f"{original.stem}.md"))
    templates = Environment(loader=FileSystemLoader(TEMPLATES), trim_blocks=True, lstrip_blocks=True)
    colours = {
        "light": HtmlFormatter(style="default").get_style_defs("pre.code"),
        "dark": HtmlFormatter(style="github-dark").get_style_defs("pre.code"),
    }
    text = templates.get_template("slides.html.j2").render(title=original.stem, slides=made, colours=colours)
    course.write(page, text)
    return len(made)


def slides(notebook: course.Notebook, folder: Path, said: dict[str, list[str]]) -> list[Slide]:
    """The slides of a notebook; ``said`` is what to say under a heading."""
    made: list[Slide] = []
    for cell in notebook["cells"]:
        if "solution" in course.tags(cell):
            continue
        if cell["cell_type"] == "markdown":
            for level, title, body in sections(course.source(cell)):
                if level or not made or made[-1].parts:
                    made.append(Slide(title or (made[-1].title if made else ""), level))
                    made[-1].notes += said.get(words_of(title), []) if level else []
                made[-1].parts += [("prose", prose(body, folder, cell))] if body else []
        elif cell["cell_type"] == "code" and not is_for_the_reader(course.source(cell)):
            shown = [text for output in cell.get("outputs", []) if (text := look(output))]
            text = code(course.source(cell), any("<img" in text for text in shown))
            if not made or (made[-1].has("output") and (shown or "<details>" not in text)):
                made.append(Slide(made[-1].title if made else "", 0))
            made[-1].parts.append(("code", text))
            made[-1].parts += [("output", text) for text in shown]
    return [slide for slide in made if slide.parts or slide.level]


def sections(text: str) -> Iterator[tuple[int, str, str]]:
    """The pieces of a page of Markdown, cut at headings and questions: level or 0, words of the heading, the rest."""
    parts = HEADING.split(re.sub(r"(?s)```.*?```", lambda found: found[0].replace("\n#", "\n\\#"), text))
    found = [(0, "", parts[0])] if parts[0].strip() else []
    found += [(len(parts[place]), parts[place + 1], parts[place + 2]) for place in range(1, len(parts), 3)]
    for level, title, body in found:
        first, *questions = QUESTION.split(body.strip())
        yield level, title, first.strip()
        yield from ((0, "", question) for question in questions)


def words_of(heading: str) -> str:
    """A heading as it is compared: without marks and capitals."""
    return re.sub(r"[*`_$\\]", "", heading).strip().casefold()


def headings(notebook: course.Notebook) -> list[str]:
    """A notebook's headings."""
    texts = [course.source(cell) for cell in notebook["cells"] if cell["cell_type"] == "markdown"]
    return [title for text in texts for level, title, _ in sections(text) if level]


def prose(text: str, folder: Path, cell: course.Notebook) -> str:
    """Markdown as HTML, its formulas as MathML."""
    attachments = cell.get("attachments", {})
    renderer = OfflineRenderer(escape=False, embed_images=True, path=str(folder), attachments=attachments)
    return str(MarkdownWithMath(renderer=renderer).render(text))


def code(source: str, pictured: bool) -> str:
    """Code in colours; folded where it is long, above a picture sooner."""
    shown = f'<pre class="code">{highlight(source, PythonLexer(), HtmlFormatter(nowrap=True))}</pre>'
    lines = source.count("\n") + 1
    if lines < FOLDED["picture" if pictured else "code"]:
        return shown
    return f"<details><summary>{lines} lines of code</summary>{shown}</details>"


def is_for_the_reader(source: str) -> bool:
    """Whether a cell is of no use on a slide: it only imports, or checks an exercise."""
    statements = ast.parse(source).body
    imports = all(isinstance(node, ast.Import | ast.ImportFrom) for node in statements)
    return imports or any(check_of(node) for node in statements)


def look(output: dict[str, Any]) -> str:
    """What an output shows, as HTML; nothing where it shows nothing."""
    if output["output_type"] == "stream":
        return f"<pre>{ansi2html(''.join(output['text']))}</pre>"
    data = {kind: "".join(value) for kind, value in output.get("data", {}).items() if isinstance(value, list | str)}
    if "image/svg+xml" in data:
        return data["image/svg+xml"]
    if "image/png" in data:
        return f'<img alt="" src="data:image/png;base64,{data["image/png"].strip()}">'
    if "text/latex" in data:
        return mathml(data["text/latex"].strip().strip("$"), display="block")
    return data.get("text/html") or (f"<pre>{html.escape(data['text/plain'])}</pre>" if "text/plain" in data else "")


# The lesson plan


def notes(plan: Path) -> dict[str, list[str]]:
    """What a lesson plan says under which heading of the notebook; {} where there is no plan."""
    found: dict[str, list[str]] = {}
    for minutes, heading, ask in lesson(plan.read_text(encoding="utf-8")) if plan.exists() else []:
        text = str(MarkdownWithMath(renderer=OfflineRenderer(escape=False)).render(f"**{minutes} minutes.** {ask}"))
        found.setdefault(words_of(heading), []).append(text)
    return found


def lesson(plan: str) -> list[tuple[int, str, str]]:
    """The rows of a plan's table: minutes, the heading under which to run cells, what to do and to ask."""
    rows = re.findall(r"(?m)^\| *(\d+) *\| *\*\*(.+?)\*\* *\| *(.+?) *\|$", plan)
    return [(int(minutes), heading, ask) for minutes, heading, ask in rows]
