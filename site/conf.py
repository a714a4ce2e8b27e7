"""How Sphinx makes the book; `python -m bigmodel book` lays the sources out and gives the language."""

from bigmodel.lab import page

project = "bigmodel"
extensions = ["myst_parser", "bigmodel.lab.book"]
exclude_patterns = ["README.md", "tests/benchmarks/results/[a-z]*.md"]
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = "bigmodel"
html_static_path = ["page.css", "book.css"]
html_css_files = ["page.css", "book.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
pygments_style = page.LIGHT
pygments_dark_style = page.DARK
html_math_renderer = "mathml"
myst_update_mathjax = False
