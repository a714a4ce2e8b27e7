"""The course and the book in a real browser, as a reader meets them. Without a Chromium here, all are skipped.

The server, the pages and the browser are on this machine; the browser reaches no other.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bigmodel.lab import book, course

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
    pytest.mark.filterwarnings("ignore:.*MystReferenceResolver.app"),  # MyST's affair
    pytest.mark.skipif(sys.platform == "win32", reason="JupyterLab is stopped by a signal that is POSIX's"),
]

PATIENCE = 40_000  # milliseconds to wait for anything; a busy machine is slow
CHOSEN = ("00_foundations", "02_loss_math")


@pytest.fixture(scope="module")
def browser():
    """A Chromium that knows no other machine."""
    arguments = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"]
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def view(browser, request):
    """An empty window, of the size and in the colours that a test asks for; what it asked others for is a failure."""
    width, colours = getattr(request, "param", (1400, "light"))
    asked: list[str] = []
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=colours)
    page.set_default_timeout(PATIENCE)
    page.on("request", lambda sent: asked.append(sent.url))
    yield page
    page.close()
    assert [url for url in asked if not re.match(r"(http|ws)://(localhost|127\.0\.0\.1):|file:|data:|blob:", url)] == []


narrow = pytest.mark.parametrize("view", [(420, "light")], indirect=True)
dark = pytest.mark.parametrize("view", [(1400, "dark")], indirect=True)


# JupyterLab


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The course opened as a learner opens it, in a checkout of its own: the address, and what makes it ours."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(course.ROOT / "bigmodel", folder / "bigmodel", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "notebooks").mkdir()
    for name in (course.START, f"{CHOSEN[0]}.ipynb", "00_notation_and_terms.md"):
        shutil.copy(course.NOTEBOOKS / name, folder / "notebooks")
    own = {"JUPYTER_CONFIG_DIR": str(folder / "config"), "JUPYTER_DATA_DIR": str(folder / "data")}
    own |= {"IPYTHONDIR": str(folder / "ipython")}
    kept = {name: value for name, value in os.environ.items() if name not in ("BIGMODEL_STATIC", "TQDM_DISABLE")}
    process = subprocess.Popen(
        [sys.executable, "-m", "bigmodel", "--no-browser"], cwd=folder, env=kept | own, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, encoding="utf-8", start_new_session=True,
    )  # fmt: skip
    try:
        found = (re.search(r"(http://localhost:\d+)/lab/tree/(\S+)\?(token=\w+)", line) for line in process.stderr)
        address = next(filter(None, found))
        threading.Thread(target=process.stderr.read, daemon=True).start()  # so that it never waits for us
        yield address
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


def open_notebook(view, lab, place):
    """Open the shortest notebook, and wait until it can be worked with.

    Windows of JupyterLab remember their tabs by the name after ``workspaces``: each test has a window of its own.
    """
    view.goto(f"{lab[1]}/{place}/my-notebooks/{CHOSEN[0]}.ipynb?{lab[3]}")
    view.get_by_role("heading", name="Do you need this notebook?").wait_for()
    view.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').first.wait_for(state="attached")


def cell_with(view, text):
    """The code cell in whose source a text stands now, whatever is written into it later."""
    cells = view.locator(".jp-CodeCell")
    sources = cells.locator(".jp-Cell-inputArea").all_text_contents()
    return cells.nth(next(place for place, source in enumerate(sources) if text in source))


def write_and_run(view, cell, text):
    """Put a text into a cell in place of what it has, and run it."""
    cell.locator(".cm-content").click()
    view.keyboard.press("ControlOrMeta+a")
    view.keyboard.insert_text(text)
    view.keyboard.press("Shift+Enter")


def answered(view, cell, text):
    """Wait until a cell shows a text."""
    playwright.expect(cell.locator(".jp-OutputArea")).to_contain_text(text, timeout=PATIENCE)


def test_the_start_page_leads_to_a_notebook(view, lab):
    view.goto(f"{lab[1]}/lab/tree/{lab[2]}?{lab[3]}")
    view.get_by_role("heading", name="bigmodel: start here").wait_for()
    view.locator(".jp-RenderedHTML a", has_text="00 · Foundations").first.click()
    view.get_by_role("heading", name="Do you need this notebook?").wait_for()


def test_a_notebook_runs_and_an_exercise_is_answered(view, lab):
    """All of it, in the order of a learner: run all, a slider, a hint, a wrong answer, the right one."""
    open_notebook(view, lab, "lab/workspaces/exercises/tree")
    view.get_by_role("menuitem", name="Run", exact=True).click()
    view.get_by_role("menuitem", name="Run All Cells").first.click()
    last = view.locator(".jp-CodeCell").last
    playwright.expect(last.locator(".jp-InputPrompt")).to_have_text(re.compile(r"\[\d+\]"), timeout=PATIENCE)
    assert view.locator('.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stderr"]').count() == 0
    assert view.locator('.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.error"]').count() == 0

    play = cell_with(view, "play(picture")
    play.scroll_into_view_if_needed()
    before = play.locator("img").first.get_attribute("src")
    play.locator(".noUi-handle").first.focus()
    view.keyboard.press("ArrowRight")
    playwright.expect(play.locator("img").first).not_to_have_attribute("src", before, timeout=PATIENCE)

    stub, check = cell_with(view, "def centre(x):"), cell_with(view, "check.centre(")
    answered(view, check, "Not tried yet")
    write_and_run(view, check, "check.centre.hint()")
    answered(view, check, "1/3")
    write_and_run(view, stub, "def centre(x):\n    return x - x.mean(1)")
    write_and_run(view, check, "check.centre(centre)")
    answered(view, check, "laid along the rows")
    write_and_run(view, stub, "def centre(x):\n    return x - x.mean(1, keepdim=True)")
    write_and_run(view, check, "check.centre(centre)")
    answered(view, check, "✓")


@dark
def test_in_the_dark_what_cells_show_can_be_read(view, lab):
    open_notebook(view, lab, "lab/workspaces/dark/tree")
    view.locator('body[data-jp-theme-light="false"]').wait_for(state="attached")
    cell = cell_with(view, "import")
    write_and_run(view, cell, "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()")
    picture = cell.locator("img")
    picture.wait_for()
    assert background(picture) == "rgb(255, 255, 255)"
    prose = view.get_by_role("heading", name="Do you need this notebook?")
    assert brightness(prose.evaluate("part => getComputedStyle(part).color")) > 150


@narrow
def test_on_a_phone_the_notebook_alone_fills_the_window(view, lab):
    open_notebook(view, lab, "notebooks")
    prose = view.locator(".jp-MarkdownCell p").first
    assert prose.bounding_box()["width"] > 250
    assert view.evaluate("document.documentElement.scrollWidth") <= 420


def background(part) -> str:
    """The colour of what lies behind a part of a page."""
    return str(part.evaluate("part => getComputedStyle(part).backgroundColor"))


def brightness(colour: str) -> float:
    """Of a colour as a browser gives it, 0 to 255."""
    numbers = [float(number) for number in re.findall(r"[\d.]+", colour)[:3]]
    return sum(numbers) / 3


# The book


class Quiet(SimpleHTTPRequestHandler):
    """A server of files that says nothing."""

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A book of two notebooks."""
    notebooks = tmp_path_factory.mktemp("notebooks")
    for name in CHOSEN:
        shutil.copy(course.NOTEBOOKS / f"{name}.ipynb", notebooks)
    return book.build(tmp_path_factory.mktemp("book"), notebooks=notebooks).parent


@pytest.fixture(scope="module")
def served(folder):
    """The address of the book on a server of this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def search(view, address, words):
    """Type words into the book's search, and give the titles found."""
    view.goto(f"{address}/index.html")
    view.locator(".sidebar-search").fill(words)
    view.locator(".sidebar-search").press("Enter")
    results = view.locator("#search-results li a")
    results.first.wait_for()
    playwright.expect(view.locator("#search-results")).to_contain_text("02 · The mathematics of the loss")
    return results


def test_the_book_is_searched_on_a_server_and_from_the_disk(view, served, folder):
    results = search(view, served, "perplexity")
    playwright.expect(view.locator("#search-results")).to_contain_text("the loss for people")
    results.get_by_text("02 · The mathematics of the loss").first.click()
    view.get_by_role("heading", name="02 · The mathematics of the loss").wait_for()
    search(view, Path(folder).as_uri(), "perplexity")


def test_the_book_folds_solutions_and_draws_formulas_and_pictures(view, served):
    view.goto(f"{served}/notebooks/02_loss_math.html")
    solution = view.locator("details.solution").first
    code = solution.locator(".input_area")
    assert not code.is_visible()
    solution.locator("summary").click()
    code.wait_for()
    formula = view.locator('math[display="block"]').first
    assert formula.bounding_box()["height"] > 20
    assert view.locator("article img").evaluate_all("all => all.every(one => one.complete && one.naturalWidth > 0)")
    term = view.locator("a.term").first
    anchor = term.get_attribute("href").partition("#")[2]
    term.click()
    assert view.locator(f"tr#{anchor}").is_visible()


@dark
def test_the_book_is_dark_where_the_reader_is(view, served):
    view.goto(f"{served}/notebooks/02_loss_math.html")
    assert brightness(background(view.locator("body"))) < 60
    assert background(view.locator("article img").first) == "rgb(255, 255, 255)"
    assert brightness(background(view.locator(".input_area .highlight").first)) < 60
    assert brightness(view.locator("article p").first.evaluate("part => getComputedStyle(part).color")) > 150


@narrow
@pytest.mark.parametrize("name", ["index", "notebooks/02_loss_math", "notebooks/00_notation_and_terms"])
def test_the_book_fits_a_phone(view, served, name):
    view.goto(f"{served}/{name}.html")
    assert view.evaluate("document.documentElement.scrollWidth") <= 420
    view.locator('label.nav-overlay-icon[for="__navigation"]').click()
    view.locator(".sidebar-tree").get_by_text("00 · Foundations", exact=True).wait_for()
