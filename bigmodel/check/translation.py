"""The exercises of notebook 10: shift, conditional entropy, encoder, block, Translator, a step of a beam, smoothing."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from bigmodel import translator
from bigmodel.attention import causal_mask, cos_sin
from bigmodel.check.building import building
from bigmodel.check.engine import Function, exercise
from bigmodel.check.transformer import around, made, random, small
from bigmodel.check.values import listed
from bigmodel.decoder import Config

Joint = Mapping[tuple[str, str], float]  # (source, target) → the probability that both come together


def named(*names: str) -> Function:
    """A way to use an answer that returns several things: each under its name."""

    def use(answer: Function, *arguments: Any) -> dict[str, Any]:
        found = answer(*arguments)
        if not isinstance(found, (list, tuple, Tensor)) or len(found) != len(names):
            raise ValueError(f"{len(names)} things are asked for: {listed(names)}")
        return dict(zip(names, found, strict=True))

    return use


# One mistake, one line or two.
# fmt: off
@exercise(
    hints=(
        "What does the decoder know before it writes the first token, and what has it to say after the last?",
        "The input begins with start, the targets finish with end. Both are one longer than the translation.",
        "return [start] + …, … + [end]: two lists, in this order.",
    ),
    why="At every position the decoder sees the true tokens before it, and is asked for the next: all in one pass.",
    cases=[([7, 5, 9], 1, 2), ([4, 4], 0, 3), ([8], 6, 1), ([], 1, 2)],
    drive=named("the input", "the targets"),
    wrong={
        "end is missing in the targets, so that it never learns to stop":
            lambda ids, start, end: ([start, *ids], ids),
        "start is missing in the input, so that nothing asks for the first token":
            lambda ids, start, end: (ids, [*ids, end]),
        "that is the shift alone: start stands before the first token, end behind the last":
            lambda ids, start, end: (ids[:-1], ids[1:]),
        "input and target are the same token at each position: the answer stands in front of it":
            lambda ids, start, end: ([start, *ids, end], [start, *ids, end]),
        "the input has one token too many: behind end nothing is to be guessed":
            lambda ids, start, end: ([start, *ids, end], [*ids, end]),
        "start is no target: it is given, not guessed": lambda ids, start, end: ([start, *ids], [start, *ids, end]),
        "the two lists are exchanged: the input first, then the targets":
            lambda ids, start, end: ([*ids, end], [start, *ids]),
        "start and end are exchanged": lambda ids, start, end: ([end, *ids], [*ids, start]),
    },
    also_right=[lambda ids, start, end: [[start, *ids, end][:-1], [start, *ids, end][1:]]],
    refused=[lambda ids, start, end: ([start, *ids], [end, *ids])],
)
def teacher_forcing(ids: list[int], start: int, end: int) -> tuple[list[int], list[int]]:
    return [start] + ids, ids + [end]  # noqa: RUF005 (as a beginner writes it)


TOLD = {("it is cold", "冷"): 0.5, ("it is hot", "热"): 0.25, ("it is hot", "烫"): 0.25}
THREE = {("a", "x"): 0.1, ("a", "y"): 0.3, ("b", "x"): 0.2, ("b", "z"): 0.05, ("c", "y"): 0.35}


def side(joint: Joint, place: int) -> dict[str, float]:
    """The probabilities of the sources alone (place 0), or of the targets (1)."""
    found: dict[str, float] = {}
    for both, p in joint.items():
        found[both[place]] = found.get(both[place], 0.0) + p
    return found


def nats(probabilities: Mapping[Any, float]) -> float:
    return -sum(p * math.log(p) for p in probabilities.values())


def conditional(source_p: Mapping[str, float], joint: Joint) -> float:
    """The conditional entropy, with these probabilities of the sources."""
    return -sum(p * math.log(p / source_p[both[0]]) for both, p in joint.items())


@exercise(
    hints=(
        "How probable is the target, once the source is known?",
        "p(target | source) = p(both) / p(source), and p(source) is the sum of all pairs with this source. "
        "The mean of −ln of it is taken over all pairs, each weighted with p(both).",
        "First add up a dictionary source → p. Then, for each pair: nats −= p * math.log(p / source_p[source]).",
    ),
    why="This is the floor under every translator: what the source leaves open, no model can know.",
    cases=[(TOLD,), (THREE,), ({("a", "x"): 1.0},)],
    given=lambda joint: f"for {dict(list(joint.items())[:3])}{' …' if len(joint) > 3 else ''}",
    wrong={
        "that is the entropy of both together: divide each p by that of its source": nats,
        "that is the entropy of the targets, the sources unknown": lambda joint: nats(side(joint, 1)),
        "that is what source and target have in common: what is left open is the rest": lambda joint:
            nats(side(joint, 0)) + nats(side(joint, 1)) - nats(joint),
        "that is what the target leaves open of the source: the other way round":
            lambda joint: nats(joint) - nats(side(joint, 1)),
        "those are bits, base 2: nats take math.log": lambda joint: conditional(side(joint, 0), joint) / math.log(2),
        "the sign is turned: ln of p(target | source) is never above 0, and minus it is the surprise":
            lambda joint: -conditional(side(joint, 0), joint),
        "each pair is weighted with p(target | source): the weight is p(both)": lambda joint: sum(
            -p / side(joint, 0)[s] * math.log(p / side(joint, 0)[s]) for (s, _), p in joint.items()),
        "the pairs of a source are to be added up: only its last one was kept":
            lambda joint: conditional({both[0]: p for both, p in joint.items()}, joint),
    },
    also_right=[lambda joint: nats(joint) - nats(side(joint, 0))],
    refused=[lambda joint: conditional(side(joint, 0), joint) / len(joint)],
)
def conditional_entropy(joint: dict[tuple[str, str], float]) -> float:
    source_p: dict[str, float] = {}
    for (source, _), p in joint.items():
        source_p[source] = source_p.get(source, 0) + p
    nats = 0.0
    for (source, _), p in joint.items():
        nats -= p * math.log(p / source_p[source])
    return nats


PADDING = torch.tensor([[False, False, False, True], [False, True, True, True]])  # (2, 4)


def reading(forward: Callable[..., Tensor]) -> Any:
    """An encoder with another forward, of itself, the source, the mask and the rotation."""
    def changed(self: Any, source: Tensor, padding: Tensor) -> Tensor:
        turned = cos_sin(torch.arange(source.shape[1]), self.config.n_embd // self.config.n_head)
        return forward(self, source, ~padding[:, None, None, :], turned)

    return made(translator.Encoder, changed)


def through(self: Any, x: Tensor, *others: Any, kept: int = 0) -> Tensor:
    """x, through all blocks."""
    for block in self.blocks:
        x = kept * x + block(x, *others)
    return x


@building(
    hints=(
        "Who may look at whom, when the whole text is there already? And who at padding?",
        "As the Decoder of 09 without its unembedding, and with another mask: True wherever a token is no padding.",
        "mask = ~padding[:, None, None, :]; then embedding, every block with mask and rotation, and the norm.",
    ),
    why="Each word of the source is read with all that stands before and behind it.",
    build=[
        ((small(),), lambda: (torch.tensor([[1, 4, 2, 0], [3, 0, 0, 0]]), PADDING)),
        ((small(3, 1, 6),), lambda: (torch.tensor([[4, 1, 2]]), torch.zeros(1, 3, dtype=torch.bool))),
    ],
    given=lambda arguments, inputs: (
        f"for an Encoder of {arguments[0].n_layer} blocks and a source of shape {tuple(inputs[0].shape)}"
    ),
    wrong={
        "padding is looked at: the mask is False there": reading(
            lambda self, source, m, r: self.norm(through(self, self.embedding(source), torch.ones_like(m), r))),
        "that is the decoder's mask: the whole source is there, so all may look ahead; only padding is hidden": reading(
            lambda self, source, m, r: self.norm(
                through(self, self.embedding(source), causal_mask(source.shape[1]), r))),
        "the mask is the wrong way round: it lets padding be seen, and nothing else": reading(
            lambda self, source, m, r: self.norm(through(self, self.embedding(source), ~m, r))),
        "the mask is laid over those who look: it belongs over those who are looked at, the last dimension": reading(
            lambda self, source, m, r: self.norm(through(self, self.embedding(source), m.mT, r))),
        "the last norm is missing": reading(
            lambda self, source, m, r: through(self, self.embedding(source), m, r)),
        "the rotation is not handed to the blocks, so that the order of words is not seen": reading(
            lambda self, source, m, r: self.norm(through(self, self.embedding(source), m, None))),
        "x is added to what a block returns: the block has done that already": reading(
            lambda self, source, m, r: self.norm(through(self, self.embedding(source), m, r, kept=1))),
        "only the last block has an effect: each is to get what the one before it has made": reading(
            lambda self, source, m, r: self.norm(self.blocks[-1](self.embedding(source), m, r))),
    },
)
class Encoder(translator.Encoder):
    """The package's own: embedding, blocks that look both ways, norm."""


def crossing(forward: Callable[..., Tensor]) -> Any:
    """A block with another forward, of itself, x, its attention, the memory and where it may look."""
    def changed(self: Any, x: Tensor, mask: Any, rotation: Any, memory: Tensor, visible: Tensor) -> Tensor:
        return forward(self, x, lambda y: self.attention(self.attention_norm(y), mask, rotation), memory, visible)

    return made(translator.CrossBlock, changed)


def thought(self: Any, x: Tensor) -> Tensor:
    """The last step."""
    return x + self.feed_forward(self.feed_forward_norm(x))


def looked(self: Any, x: Tensor, memory: Tensor, visible: Any) -> Tensor:
    """What the step across brings."""
    return self.cross_attention(self.cross_norm(x), visible, source=memory)


def summed(looks: Callable[..., Tensor]) -> Any:
    """A block whose second step looks in another way."""
    return crossing(lambda self, x, a, *memory: thought(self, x + a(x) + looks(self, x + a(x), *memory)))


@building(
    hints=(
        "Three steps: what does each read, where does it look, and what becomes of what it brings?",
        "As the block of 09, with a step between its two: attention that asks from a norm of x and looks at memory.",
        "x = x + self.cross_attention(self.cross_norm(x), visible, source=memory), after self.attention's step.",
    ),
    why="Queries from what is being written, keys and values from what was read: that is the whole bridge.",
    causal=True,
    build=[
        ((small(),), lambda: (
            random(2, 3, 4), *around(small(), 3), random(2, 3, 4).flip(0), ~PADDING[:, None, None, :3])),
        ((small(1, 1, 6),), lambda: (
            random(1, 3, 6), *around(small(1, 1, 6), 3), random(1, 3, 6).flip(1), torch.ones(1, 1, 1, 3) > 0)),
    ],
    given=lambda arguments, inputs: f"for a CrossBlock of C = {arguments[0].n_embd} and x of {tuple(inputs[0].shape)}",
    wrong={
        "the step across looks at the text itself: hand over source=memory": summed(
            lambda self, x, m, v: self.cross_attention(self.cross_norm(x), v)),
        "the step across has the mask of the text: hand over visible": made(
            translator.CrossBlock, lambda self, x, mask, rotation, memory, visible: translator.CrossBlock.forward(
                self, x, mask, rotation, memory, mask)),
        "padding of the source is looked at: hand over visible": summed(lambda self, x, m, v: looked(self, x, m, None)),
        "the second step asks from x itself: let it read self.cross_norm(x)": summed(
            lambda self, x, m, v: self.cross_attention(x, v, source=m)),
        "the memory went through cross_norm too: the encoder has normed it already": summed(
            lambda self, x, m, v: looked(self, x, self.cross_norm(m), v)),
        "what the second step brings replaces x: add it": crossing(
            lambda self, x, a, m, v: thought(self, looked(self, x + a(x), m, v))),
        "the step across comes first: let the text so far be gathered before": crossing(
            lambda self, x, a, m, v: thought(self, x + looked(self, x, m, v) + a(x + looked(self, x, m, v)))),
        "the feed-forward step comes last, after the one across": crossing(
            lambda self, x, a, m, v: thought(self, x + a(x)) + looked(self, thought(self, x + a(x)), m, v)),
    },
    refused=[crossing(lambda self, x, a, m, v: thought(self, x + a(x) + looked(self, x, m, v)))],
)
class CrossBlock(translator.CrossBlock):
    """The package's own: attention, cross-attention and a feed-forward network, each added to the stream."""


def writing(forward: Callable[..., Tensor], memory: Callable[..., Tensor] | None = None) -> Any:
    """A Translator with another forward, of itself, ids, their mask and rotation, the memory and where to look."""
    def changed(self: Any, source: Tensor, padding: Tensor, ids: Tensor) -> Tensor:
        mask, turned = around(self.config, ids.shape[1])
        read = self.encoder(source, padding) if memory is None else memory(self, source, padding)
        return forward(self, ids, mask, turned, read, ~padding[:, None, None, :])

    return made(translator.Translator, changed)


def logits(self: Any, ids: Tensor, *others: Any) -> Tensor:
    """The whole of the decoder."""
    return self.unembedding(self.norm(through(self, self.embedding(ids), *others)))


@building(
    hints=(
        "What is read once, before anything is written, and what does every block of the decoder get of it?",
        "memory = self.encoder(source, padding); visible = ~padding[:, None, None, :]; the rest is the Decoder of 09.",
        "for block in self.blocks: x = block(x, mask, rotation, memory, visible); then norm and unembedding.",
    ),
    why="An encoder reads, a decoder writes what it decodes: this is the machine of 2017, written by you.",
    build=[
        ((small(), small()), lambda: (
            torch.tensor([[1, 4, 2], [3, 0, 0]]), PADDING[:, :3], torch.tensor([[1, 3, 0], [1, 2, 4]]))),
        ((Config(6, 8, 1, 1, 6), small(3, 1, 6)), lambda: (
            torch.tensor([[5, 1]]), torch.zeros(1, 2, dtype=torch.bool), torch.tensor([[1, 2, 4, 3]]))),
    ],
    given=lambda arguments, inputs: (
        f"for a Translator of {arguments[1].n_layer} blocks, a source of shape {tuple(inputs[0].shape)} and ids of "
        f"shape {tuple(inputs[2].shape)}"
    ),
    wrong={
        "the text goes through the encoder's embedding: it has one of its own": writing(
            lambda self, ids, *others: self.unembedding(
                self.norm(through(self, self.encoder.embedding(ids), *others)))),
        "padding of the source is looked at: hand visible to the blocks": writing(
            lambda self, ids, m, r, memory, v: logits(self, ids, m, r, memory, torch.ones_like(v))),
        "visible is the wrong way round: True is where there is no padding": writing(
            lambda self, ids, m, r, memory, v: logits(self, ids, m, r, memory, ~v)),
        "the encoder does not know what is padding": writing(
            logits, lambda self, source, padding: self.encoder(source, torch.zeros_like(padding))),
        "the translation may look ahead: causal_mask(T)": writing(
            lambda self, ids, m, r, memory, v: logits(self, ids, None, r, memory, v)),
        "the last norm is missing": writing(
            lambda self, ids, *others: self.unembedding(through(self, self.embedding(ids), *others))),
        "those are probabilities: the logits are asked for, as the loss takes the softmax": writing(
            lambda self, *others: logits(self, *others).softmax(-1)),
        "the rotation is not handed to the blocks": writing(
            lambda self, ids, m, r, memory, v: logits(self, ids, m, None, memory, v)),
    },
)
class Translator(translator.Translator):
    """The package's own: an encoder, and a decoder whose blocks look at what it made."""


def ranked(totals: Tensor, beam: int, width: int = 0) -> list[tuple[int, int, float]]:
    """The best of totals (K, V), as (row, token, total)."""
    values, places = totals.flatten().topk(beam)
    width = width or totals.shape[1]
    return [(place // width, place % width, v) for v, place in zip(values.tolist(), places.tolist(), strict=True)]


def total(scores: Sequence[float], log_probs: Tensor) -> Tensor:
    return torch.tensor(scores)[:, None] + log_probs


def one_row(totals: Tensor, row: int, beam: int) -> list[tuple[int, int, float]]:
    """The best of one row."""
    return [(row, token, score) for _, token, score in ranked(totals[row][None], beam)]


def by_sorting(scores: Sequence[float], log_probs: Tensor, beam: int) -> list[tuple[int, int, float]]:
    """Another right way: one list of all."""
    rows = log_probs.tolist()
    found = [(row, token, scores[row] + p) for row, its in enumerate(rows) for token, p in enumerate(its)]
    return sorted(found, key=lambda each: each[2], reverse=True)[:beam]


def probable(*rows: Sequence[float]) -> Tensor:
    return torch.tensor(rows).log()


@exercise(
    hints=(
        "Every kept beginning can go on with every token. Which of all these longer beginnings are the best?",
        "A beginning's ln p and the token's ln p add up. Take the largest sums of all rows together, not of each row.",
        "Make a list of (row, token, scores[row] + log_probs[row, token]) over all rows and tokens; sort; keep beam.",
    ),
    why="A beginning that looks second best now may be the best in the end: the beam keeps it.",
    cases=[
        ([-1.0, -1.5, -4.0], probable([0.5, 0.3, 0.15, 0.05], [0.05, 0.85, 0.08, 0.02], [0.1, 0.6, 0.1, 0.2]), 3),
        ([0.0], probable([0.2, 0.45, 0.35]), 2),
        ([-2.0, -2.25], probable([0.6, 0.1, 0.05, 0.04, 0.21], [0.07, 0.55, 0.32, 0.02, 0.04]), 4),
        ([-0.5, -0.25, -3.0], probable([0.9, 0.1], [0.3, 0.7], [0.2, 0.8]), 4),
        ([-0.5, -0.75], probable([0.2, 0.8], [0.1, 0.9]), 1),
    ],
    given=lambda scores, log_probs, beam: (
        f"for scores {scores}, log_probs of shape {tuple(log_probs.shape)} and beam = {beam}"
    ),
    wrong={
        "the scores of the beginnings are not counted": lambda s, p, beam: ranked(p, beam),
        "logarithms add where probabilities multiply": lambda s, p, beam: ranked(torch.tensor(s)[:, None] * p, beam),
        "each row may send more than one, and some none: rank all together": lambda s, p, beam: sorted(
            [one_row(total(s, p), row, 1)[0] for row in range(len(s))], key=lambda each: -each[2])[:beam],
        "only the best beginning was continued: rank those of all rows":
            lambda s, p, beam: one_row(total(s, p), s.index(max(s)), beam),
        "row and token are exchanged": lambda s, p, beam: [(t, r, v) for r, t, v in ranked(total(s, p), beam)],
        "the place was divided by the number of rows: a row has V places":
            lambda s, p, beam: ranked(total(s, p), beam, width=p.shape[0]),
        "the best comes first: the order is turned round": lambda s, p, beam: ranked(total(s, p), beam)[::-1],
        "the third number is ln p of the token alone: that of the whole beginning is asked": lambda s, p, beam: [
            (r, t, float(p[r, t])) for r, t, _ in ranked(total(s, p), beam)],
    },
    also_right=[by_sorting],
    refused=[lambda s, p, beam: ranked(total(s, p), min(beam, p.shape[1]))],
)
def beam_step(scores: list[float], log_probs: Tensor, beam: int) -> list[tuple[int, int, float]]:
    totals = torch.tensor(scores)[:, None] + log_probs  # (K, V)
    rows, width = totals.flatten(), log_probs.shape[1]
    return [(place // width, place % width, rows[place].item()) for place in rows.topk(beam).indices.tolist()]


def smoothed(p: Sequence[float], epsilon: float, spread: float) -> list[float]:
    return [(1 - epsilon) * each + epsilon * spread for each in p]


def divergence(p: Sequence[float], q: Sequence[float]) -> float:
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True) if a > 0)


@exercise(
    hints=(
        "Which q makes the loss smallest, when the labels are taken from (1 − ε) p plus an equal share of ε?",
        "It is that mixture itself. How many nats does q lose, when tokens come from p? Sum of p · ln(p / q).",
        "q = (1 − epsilon) * p[i] + epsilon / len(p); add p[i] * math.log(p[i] / q) wherever p[i] > 0.",
    ),
    why="A model trained so is told to be unsure, and is: the price is known before anything is trained.",
    cases=[([0.7, 0.1, 0.0, 0.2], 0.3), ([1.0, 0.0, 0.0, 0.0], 0.1), ([0.7, 0.3], 0.0), ([0.25, 0.0, 0.75], 0.2)],
    wrong={
        "that is the loss, and not what is lost: subtract the entropy of p": lambda p, e: -sum(
            a * math.log(b) for a, b in zip(p, smoothed(p, e, 1 / len(p)), strict=True) if a > 0),
        "that is KL the other way round: tokens come from p, so p is the weight": lambda p, e: sum(
            b * math.log(b / a) for a, b in zip(p, smoothed(p, e, 1 / len(p)), strict=True) if a > 0),
        "epsilon is shared by all tokens: epsilon / V for each": lambda p, e: divergence(p, smoothed(p, e, 1)),
        "p is shortened by the factor 1 − epsilon as well":
            lambda p, e: divergence(p, [a + e / len(p) for a in p]),
        "the sign is turned: what is lost is above 0": lambda p, e: -divergence(p, smoothed(p, e, 1 / len(p))),
        "epsilon is shared by all V tokens, the true one too: not by V − 1":
            lambda p, e: divergence(p, smoothed(p, e, 1 / (len(p) - 1))),
        "those are bits: math.log, not log2": lambda p, e: divergence(p, smoothed(p, e, 1 / len(p))) / math.log(2),
        "that was divided by the number of tokens: p is their weight already":
            lambda p, e: divergence(p, smoothed(p, e, 1 / len(p))) / len(p),
    },
    refused=[lambda p, e: divergence(p, smoothed(p, e, 0))],
)
def smoothing_price(p: list[float], epsilon: float) -> float:
    price = 0.0
    for p_i in p:
        q_i = (1 - epsilon) * p_i + epsilon / len(p)
        if p_i > 0:
            price += p_i * math.log(p_i / q_i)
    return price
