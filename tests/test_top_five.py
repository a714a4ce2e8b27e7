"""Tokens coloured by loss: the numbers are the model's own, and no token is read as markup."""

import math
import re

import pytest
import torch
from torch import nn

from bigmodel.tokenizer import CharacterTokenizer
from bigmodel.top_five import TopFive

tokenizer = CharacterTokenizer.train('a<"&')
V = tokenizer.vocab_size


class Fixed(nn.Module):
    """Gives half the probability to "a", three eighths to "<", and the rest to all others."""

    vocab_size, context = V, 8

    def forward(self, ids):
        chances = torch.full((V,), 0.125 / (V - 2))
        chances[tokenizer.encode("a<")] = torch.tensor([0.5, 0.375])
        return chances.log().expand(*ids.shape, V)


def test_each_token_has_its_loss_and_what_was_expected():
    read = TopFive(Fixed(), tokenizer, "a<&")
    assert read.names == ["a", "<", "&"]
    assert read.losses == pytest.approx([-math.log(0.5), -math.log(0.375), -math.log(0.125 / (V - 2))])
    assert [[name for name, _ in best] for best in read.best] == [["a", "<"]] * 3
    assert repr(read).startswith("a(0.69) <(0.98) &(")


def test_the_page_has_a_box_a_token_darker_with_its_loss_and_escapes_everything():
    page = TopFive(Fixed(), tokenizer, 'a<&"')._repr_html_()
    assert re.findall("<(/?[a-z]+)", page) == ["div", *["code", "/code"] * 4, "/div"]
    assert "0.50  a\n0.38  &lt;" in page or "0.50  a\n0.37  &lt;" in page
    light = [float(number) for number in re.findall(r"hsl\(41,100%,([\d.]+)%\)", page)]
    assert light[0] > light[1] > light[2] == light[3] == 50


def test_other_vocabularies_and_no_text_are_refused():
    with pytest.raises(ValueError, match="the text is empty"):
        TopFive(Fixed(), tokenizer, "")
    small = Fixed()
    small.vocab_size = 10
    with pytest.raises(ValueError, match="outside the vocabulary"):
        TopFive(small, tokenizer, '"')
