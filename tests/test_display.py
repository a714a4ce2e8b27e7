"""Tokens in colour: boundaries can be told apart with colours and without, and no token is read as markup."""

import re
from html.parser import HTMLParser
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bigmodel.display import BACKGROUNDS, Boundaries

names = st.lists(st.text("ab<>&|␣\"'⏎", min_size=1, max_size=5), max_size=12)


class Boxes(HTMLParser):
    """The texts in <code> elements."""

    def __init__(self):
        super().__init__()
        self.boxes, self.others, self.inside = [], [], False

    def handle_starttag(self, tag, attrs):
        self.inside = tag == "code"
        self.others += [tag] * (tag not in ("code", "div", "br"))
        if self.inside:
            self.boxes.append("")

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.boxes[-1] += data


@given(names=names)
def test_each_token_has_a_box_with_exactly_its_name(names):
    parser = Boxes()
    parser.feed(Boundaries(names)._repr_html_())
    assert parser.boxes == names
    assert parser.others == []


@given(names=names)
def test_neighbours_have_different_colours(names):
    colours = re.findall("background:(#[0-9a-f]{6})", Boundaries(names)._repr_html_())
    assert len(colours) == len(names)
    assert all(one != other for one, other in pairwise(colours))


def test_dark_letters_stand_on_pale_colours_on_any_page():
    html = Boundaries(["a"])._repr_html_()
    assert "color:#1a1a1a" in html
    assert all(int(colour[i : i + 2], 16) > 0x90 for colour in BACKGROUNDS for i in (1, 3, 5))


def test_without_colour_bars_stand_between_tokens_and_lines_end_where_the_text_has_lines():
    assert repr(Boundaries(["Mia", "␣hid", ".⏎", "She"])) == "Mia|␣hid|.⏎\nShe"
    assert repr(Boundaries([])) == ""
