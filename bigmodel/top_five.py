"""A model reading a text: each token in the colour of its loss, and under the pointer what the model expected."""

import html

import torch
from torch import nn

from bigmodel.model import check_ids, part_with
from bigmodel.tokenizer import Tokenizer

# White at loss 0, orange from loss 6 on: the lightness falls, and dark letters are readable on all of it.
STYLE = "background:hsl(41,100%,{:.2f}%); color:#1a1a1a; padding:1px 2px; border-radius:3px"
WHITE, ORANGE, MOST = 100.0, 50.0, 6.0


class TopFive:
    """The tokens of a text, coloured by the model's loss; the pointer on one shows the model's five most probable.

    A notebook shows an object of this class by itself, if it is the last line of a cell, or with ``display``.

    Attributes:
        names: the tokens as they are to be read.
        losses: the model's loss at each, in nats.
        best: for each, the five most probable tokens at its place, (name, probability), those under 0.005 left out.

    Raises:
        ValueError: the text is empty, longer than the model's context, or the model has another vocabulary.
    """

    @torch.no_grad()
    def __init__(self, model: nn.Module, tokenizer: Tokenizer, text: str) -> None:
        ids = torch.tensor([[tokenizer.start, *tokenizer.encode(text)]])  # (1, T + 1)
        if ids.shape[1] == 1:
            raise ValueError("the text is empty, but the model is asked about its tokens: give at least one.")
        sized = part_with(model, "vocab_size")
        if sized is not None:
            check_ids(ids, sized.vocab_size)
        scores = torch.log_softmax(model(ids[:, :-1])[0], dim=-1)  # (T, V)
        self.names = [tokenizer.tokens[token] for token in ids[0, 1:]]
        self.losses = scores.gather(-1, ids[0, 1:, None])[:, 0].abs().tolist()
        self.best = []
        for row in scores.exp():
            best = [(tokenizer.tokens[token], p.item()) for p, token in zip(*row.topk(5), strict=True)]
            self.best.append([(name, p) for name, p in best if p >= 0.005])

    def __repr__(self) -> str:
        return " ".join(f"{name}({loss:.2f})" for name, loss in zip(self.names, self.losses, strict=True))

    def _repr_html_(self) -> str:
        tokens = []
        for name, loss, best in zip(self.names, self.losses, self.best, strict=True):
            lines = [
                f"loss {loss:.2f} nats; most probable here:",
                *(f"{p:.2f}  {other}" for other, p in best),
            ]
            lightness = WHITE + (ORANGE - WHITE) * min(loss / MOST, 1)
            told, style = html.escape("\n".join(lines)), STYLE.format(lightness)
            tokens.append(f'<code title="{told}" style="{style}">{html.escape(name)}</code>')
        return f'<div style="line-height:1.8">{" ".join(tokens)}</div>'
