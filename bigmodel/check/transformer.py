"""The exercises of notebook 09: norm, feed-forward network, block, Decoder; parameters, promise, rate, FLOPs, head."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bigmodel import decoder, plot
from bigmodel.attention import causal_mask, cos_sin
from bigmodel.check.building import building
from bigmodel.check.engine import exercise
from bigmodel.decoder import Config

# One mistake, one line or two; a blank line within what belongs to an exercise, two between exercises.
# fmt: off
Pairs = Sequence[tuple[int, int]]

def random(*shape: int) -> Tensor:
    """Numbers that are the same each time, and whose mean is not 0."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0)) + 0.5

def normed(x: Tensor, dim: int = -1, eps: float = 1e-5, unbiased: bool = False) -> Tensor:
    """The mean subtracted, then divided by the standard deviation."""
    return (x - x.mean(dim, True)) / (x.var(dim, unbiased=unbiased, keepdim=True) + eps).sqrt()

@exercise(
    hints=("What has to be subtracted so that the numbers of a vector have the mean 0, and what is then their size?",
           "Each vector by itself: x.mean(-1, keepdim=True), subtract; the mean of the squares; plus eps; its root.",
           "centred = x − mean; centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt(), times weight."),
    why="Whatever has piled up in the stream, each step now reads numbers of one size.",
    cases=[
        (torch.tensor([2.0, 4.0, 6.0, 8.0]), torch.ones(4)),
        (torch.tensor([2.0, 4.0, 6.0, 8.0]), torch.tensor([1.0, 2.0, 0.5, -1.0])),
        (random(2, 3, 4), torch.tensor([0.5, 1.0, 1.5, 2.0])), (0.004 * random(3, 2), torch.tensor([1.0, 3.0])),
        (torch.full((2, 2), 7.0), torch.tensor([1.0, 3.0])),
    ],
    wrong={
        "the mean was not subtracted; without that it is an RMSNorm": lambda x, w: F.rms_norm(x, x.shape[-1:], w, 1e-5),
        "the mean was subtracted, and nothing divided": lambda x, w: (x - x.mean(-1, True)) * w,
        "that is divided by the variance: by its root":
            lambda x, w: normed(x) * w / (x.var(-1, False, keepdim=True) + 1e-5).sqrt(),
        "the weight was forgotten": lambda x, w: normed(x),
        "the squares were divided by C − 1, as torch's std and var do: their mean divides by C":
            lambda x, w: normed(x, unbiased=True) * w,
        "that is the mean of all vectors together. Each has its own: mean(-1, keepdim=True)":
            lambda x, w: (x - x.mean()) / ((x - x.mean()).square().mean() + 1e-5).sqrt() * w,
        "the mean goes along the last dimension, -1: the components of one vector": lambda x, w: normed(x, 0) * w,
        "0 / 0 where all components are equal: eps keeps the root above 0": lambda x, w: normed(x, eps=0) * w,
    },
    also_right=[lambda x, w: F.layer_norm(x, x.shape[-1:], w)],
    refused=[lambda x, w: normed(x, eps=0.1) * w],
)
def layer_norm(x: Tensor, weight: Tensor) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    variance = centred.square().mean(-1, keepdim=True)
    return weight * centred / (variance + 1e-5).sqrt()


def made(parent: Any, forward: Callable[..., Tensor], change: Callable[[Any], Any] = lambda self: None) -> Any:
    """A class like its parent, but for its forward, and for what is done to it when it is made."""
    def start(self: Any, *arguments: Any) -> None:
        parent.__init__(self, *arguments)
        change(self)
    return type(parent.__name__, (parent,), {"__init__": start, "forward": forward})

class Wide(decoder.FeedForward):
    """The package's own, to be spoiled."""

    def __init__(self, n_embd: int, times: int = 4, bias: bool = False) -> None:
        super().__init__(n_embd, times * n_embd, bias)

def gelu(x: Tensor) -> Tensor:
    return F.gelu(x, approximate="tanh")

@building(
    hints=("How many numbers go into the first layer, how many come out, and what stands between the two?",
           "In __init__ two layers, self.up from C to 4C and self.down back, without biases; in forward up, GELU, "
           "down.",
           'self.up = nn.Linear(n_embd, 4 * n_embd, bias=False), and self.down(F.gelu(self.up(x), '
           'approximate="tanh")).'),
    why="That is BigModel, once more, at every position: two thirds of a block's weights stand in it.",
    build=[((2,), lambda: (random(2, 3, 2),)), ((3,), lambda: (random(1, 2, 3),))],
    wrong={
        "between the two layers nothing bends, so they are one linear layer: GELU":
            made(Wide, lambda self, x: self.down(self.up(x))),
        "that is a ReLU: the corner is to be rounded off, F.gelu":
            made(Wide, lambda self, x: self.down(self.up(x).relu())),
        'that is the exact GELU; GPT-2\'s, which we take, is approximate="tanh"':
            made(Wide, lambda self, x: self.down(F.gelu(self.up(x)))),
        "the GELU came after the second layer: it belongs between them":
            made(Wide, lambda self, x: gelu(self.down(self.up(x)))),
        "x was added here: the block will do that": made(Wide, lambda self, x: x + self.down(gelu(self.up(x)))),
        "the layers are to have no biases: bias=False": lambda n_embd: Wide(n_embd, bias=True),
        "the hidden layer has 4 · n_embd numbers": lambda n_embd: Wide(n_embd, times=1),
    },
)
class FeedForward(decoder.FeedForward):
    """The package's own: C → 4C → C, at each position by itself."""

    def __init__(self, n_embd: int) -> None:
        super().__init__(n_embd, 4 * n_embd, bias=False)


def small(n_layer: int = 2, n_head: int = 2, n_embd: int = 4) -> Config:
    return Config(5, 8, n_layer, n_head, n_embd)

def around(config: Config, T: int) -> tuple[Tensor, Any]:
    """The mask and the rotation of T positions."""
    return causal_mask(T), cos_sin(torch.arange(T), config.n_embd // config.n_head)

def block_of(forward: Callable[..., Tensor]) -> Any:
    """A block with another forward, of x, its attention, and the rest."""
    return made(decoder.Block, lambda self, x, mask, rotation: forward(
        x, lambda y: self.attention(y, mask, rotation), self.feed_forward, self.attention_norm, self.feed_forward_norm
    ))

def in_place(self: Any, x: Tensor, mask: Tensor, rotation: Any) -> Tensor:
    x += self.attention(self.attention_norm(x), mask, rotation)
    return x + self.feed_forward(self.feed_forward_norm(x))

@building(
    hints=("Two steps: what does each read, and what becomes of that which it computed?",
           "Each reads a norm of x, and what it returns is added to x. The second step's x is the sum of the first.",
           "x = x + self.attention(self.attention_norm(x), mask, rotation), and then the same with feed_forward."),
    why="What is added leaves x in the sum: a straight way up for the token, and down for the gradient.",
    causal=True,
    build=[
        ((small(),), lambda: (random(2, 3, 4), *around(small(), 3))),
        ((small(1, 1, 6),), lambda: (random(1, 4, 6), *around(small(1, 1, 6), 4))),
    ],
    wrong={
        "nothing is added, so the steps replace what they read": block_of(lambda x, a, f, m, n: f(n(a(m(x))))),
        "the second step is not added: it replaces x": block_of(lambda x, a, f, m, n: f(n(x + a(m(x))))),
        "the steps read x itself: let each read its norm of x": block_of(lambda x, a, f, m, n: x + a(x) + f(x + a(x))),
        "that is post-norm, as in the paper of 2017: the norms come after the sums and stand in the way of x itself":
            block_of(lambda x, a, f, m, n: n(m(x + a(x)) + f(m(x + a(x))))),
        "both steps read the same x: the second must read the sum that the first has made":
            block_of(lambda x, a, f, m, n: x + a(m(x)) + f(n(x))),
        "the two norms are exchanged": block_of(lambda x, a, f, m, n: x + a(n(x)) + f(m(x + a(n(x))))),
        "the mask is not handed to the attention":
            made(decoder.Block, lambda self, x, mask, rotation: decoder.Block.forward(self, x, mask | True, rotation)),
        "the rotation is not handed to the attention, so it does not see the order of words":
            made(decoder.Block, lambda self, x, mask, rotation: decoder.Block.forward(self, x, mask, None)),
    },
    also_right=[decoder.Block],
    refused=[made(decoder.Block, in_place)],
)
class Block(decoder.Block):
    """The package's own: attention and a feed-forward network, each added to the stream behind a norm."""


def decoder_of(forward: Callable[..., Tensor], change: Callable[[Any], Any] = lambda self: None) -> Any:
    """A Decoder with another forward, of itself, the ids, and what ``around`` gives."""
    return made(decoder.Decoder, lambda self, ids: forward(self, ids, *around(self.config, ids.shape[1])), change)

def through(self: Any, x: Tensor, mask: Any, rotation: Any, blocks: Any = None) -> Tensor:
    """x, through all blocks."""
    for block in self.blocks if blocks is None else blocks:
        x = block(x, mask, rotation)
    return x

def logits(self: Any, x: Tensor) -> Tensor:
    return self.unembedding(self.norm(x))

def each_from_the_embedding(self: Any, ids: Tensor, m: Tensor, r: Any) -> Tensor:
    outputs = [block(self.embedding(ids), m, r) for block in self.blocks]
    return logits(self, sum(outputs[1:], outputs[0]))

def from_scratch(self: Any, ids: Tensor) -> Tensor:
    """Another right way: a loop by numbers, and positions that begin at 1, whose distances are the same."""
    T, x = ids.shape[1], self.embedding(ids)
    for layer in range(len(self.blocks)):
        rotation = cos_sin(torch.arange(1, T + 1), self.config.n_embd // self.config.n_head)
        x = self.blocks[layer](x, torch.ones(T, T).tril() > 0, rotation)
    return F.linear(self.norm(x), self.unembedding.weight)

def in_a_list(self: Any) -> None:
    self.hidden, self.blocks = tuple(self.blocks), nn.ModuleList()

@building(
    hints=("What becomes of the ids first, what of x in each block, and what of x after the last?",
           "embedding(ids); mask and rotation for T = ids.shape[1] positions; x through each block; norm; unembedding.",
           "x = self.embedding(ids); for block in self.blocks: x = block(x, mask, rotation); unembedding(norm(x))."),
    why="You have written a language model, whole: from here on it is yours that is trained.",
    causal=True,
    build=[
        ((small(),), lambda: (torch.tensor([[1, 4, 2], [3, 0, 3]]),)),
        ((small(3, 1, 6),), lambda: (torch.tensor([[4, 1, 2, 0]]),)),
    ],
    wrong={
        "the last norm is missing: it stands before the unembedding":
            decoder_of(lambda self, ids, m, r: self.unembedding(through(self, self.embedding(ids), m, r))),
        "the norm stands after the blocks, not before them":
            decoder_of(lambda self, ids, m, r: self.unembedding(through(self, self.norm(self.embedding(ids)), m, r))),
        "the blocks are not used": decoder_of(lambda self, ids, m, r: logits(self, self.embedding(ids))),
        "each block reads the embedding: let it read what the block below has made":
            decoder_of(each_from_the_embedding),
        "the mask forbids nothing: causal_mask(T)":
            decoder_of(lambda self, ids, m, r: logits(self, through(self, self.embedding(ids), torch.ones_like(m), r))),
        "the blocks get no rotation, so they do not see the order of words":
            decoder_of(lambda self, ids, m, r: logits(self, through(self, self.embedding(ids), m, None))),
        "these are probabilities. Return the logits: the loss has the softmax in it": decoder_of(
            lambda self, ids, m, r: torch.softmax(logits(self, through(self, self.embedding(ids), m, r)), -1)),
        "torch does not see layers in a list: nn.ModuleList": decoder_of(
            lambda self, ids, m, r: logits(self, through(self, self.embedding(ids), m, r, self.hidden)),
            in_a_list),
    },
    also_right=[made(decoder.Decoder, from_scratch)],
    refused=[decoder_of(lambda self, ids, m, r: logits(self, through(self, self.embedding(ids).detach(), m, r)))],
)
class Decoder(decoder.Decoder):
    """The package's own: embedding, blocks, norm, unembedding."""


def priced(V: int = 2, block: int = 12, norms: int = 2, last: int = 1) -> Callable[[int, int, int], int]:
    """A bill with other numbers of matrices and norms."""
    return lambda v, C, n: V * v * C + n * (block * C**2 + norms * C) + last * C

@exercise(
    hints=("A matrix from a to b numbers has a · b weights: how many stand in a block, and how many outside?",
           "In a block 12 · C² and two norms of C; outside two matrices of V · C, and one norm more.",
           "2 * vocab_size * n_embd, plus n_layer * (12 * n_embd**2 + 2 * n_embd), plus n_embd."),
    why="Now you can price any Transformer before you build it: nearly all of a large one is 12 · C² for each block.",
    cases=[(1000, 64, 2), (5, 2, 1), (1000, 96, 3), (7, 4, 5)],
    wrong={
        "embedding and unembedding have a matrix each, V · C": priced(V=1),
        "the norms are missing: two in each block and one at the end, C weights each": priced(norms=0, last=0),
        "the last norm is missing, C weights after all blocks": priced(last=0),
        "attention has a fourth matrix, C · C, after the heads": priced(block=11),
        "queries, keys and values have a matrix each: 3 · C² in a block": priced(block=10),
        "the hidden layer of the feed-forward network has 4 · C numbers, not C": priced(block=6),
        "this Decoder has no biases in its linear layers": priced(norms=11),
        "that is the bill for one block: there are n_layer of them": lambda v, C, n: priced()(v, C, 1),
        "only the blocks are there n_layer times: embedding, last norm and unembedding once":
            lambda v, C, n: n * priced()(v, C, 1),
    },
)
def parameters(vocab_size: int, n_embd: int, n_layer: int) -> int:
    block = 12 * n_embd**2 + 2 * n_embd
    return 2 * vocab_size * n_embd + n_layer * block + n_embd


@exercise(
    hints=("The bound speaks of the KL of a whole story: how many nats are that?",
           "KL = excess · tokens_a_story. The share is at least e to the power of minus KL.",
           "math.exp(−excess * tokens_a_story)."),
    why="A loss, which nobody can picture, has become a promise about stories, which anybody can count.",
    cases=[(0.02, 125.0), (0.004, 100.0), (0.2, 7.0)],
    wrong={
        "the bound holds for a whole story: multiply the excess by its tokens": lambda e, n: math.exp(-e),
        "1 − KL lies below e^(−KL): a true bound, but a weaker one": lambda e, n: 1 - e * n,
        "that is the KL of a story: now e to the power of minus that": lambda e, n: e * n,
        "nats go with e, not with 2": lambda e, n: 2.0 ** (-e * n),
    },
    refused=[lambda e, n: max(0, 1 - e * n)],
)
def least_valid(excess: float, tokens_a_story: float) -> float:
    return math.exp(-excess * tokens_a_story)


def risen(t: int, warm_up: int) -> float:
    return (t + 1) / warm_up

def fallen(t: int, T: int, warm_up: int) -> float:
    return (T - t) / (T - warm_up)

def draw_rates(yours: Any, expected: Any) -> None:
    """Draw both rates, step by step."""
    ax = plot.axes("yours, and the one asked for", "step t", "learning rate", height=2.4)
    ax.plot(expected, color=plot.BLUE)
    ax.plot(yours, color=plot.RED, linestyle="--")
    plot.label_ends(ax, [("asked for", expected[-1], plot.BLUE), ("yours", yours[-1], plot.RED)])

def rates(answer: Callable[[int, int, float, int], float], T: int, eta_0: float, warm_up: int) -> list[float]:
    return [answer(t, T, eta_0, warm_up) for t in range(T)]

@exercise(
    hints=("Which share of eta_0 does step 0 get, which the last step of the warm-up, which the last step of all?",
           "Below warm_up the share is (t + 1) / warm_up; from there on a line that is 1 at t = warm_up and 0 at t = "
           "T.",
           "if t < warm_up: return eta_0 * (t + 1) / warm_up; otherwise eta_0 * (T − t) / (T − warm_up)."),
    why="The first steps are short while the optimizer knows little, the last ones short so that the noise dies down.",
    drive=rates,
    draw=draw_rates,
    cases=[(8, 0.5, 3), (20, 2.0, 5), (6, 1.0, 1)],
    wrong={
        "there is no warm-up: it falls from the first step on": lambda t, T, e, w: e * (T - t) / T,
        "step 0 would change nothing. Let it be the first to do something: t + 1":
            lambda t, T, e, w: e * t / w if t < w else e * fallen(t, T, w),
        "the rate rises, but is not multiplied by eta_0":
            lambda t, T, e, w: risen(t, w) if t < w else e * fallen(t, T, w),
        "the fall has to start from eta_0 where the warm-up ends":
            lambda t, T, e, w: e * risen(t, w) if t < w else e * (1 - t / T),
        "the warm-up is one step too long": lambda t, T, e, w: e * risen(t, w) if t <= w else e * fallen(t, T, w),
        "the fall must end at T": lambda t, T, e, w: e * risen(t, w) if t < w else e * (1 - (t - w) / T),
        "the rate does not fall": lambda t, T, e, w: e * min(risen(t, w), 1),
        "the fall asked for is a straight line, not a cosine":
            lambda t, T, e, w: (e * risen(t, w) if t < w else e * (1 + math.cos(math.pi * (t - w) / (T - w))) / 2),
    },
)
def learning_rate(t: int, T: int, eta_0: float, warm_up: int) -> float:
    if t < warm_up:
        return eta_0 * (t + 1) / warm_up
    return eta_0 * (T - t) / (T - warm_up)


def work(weights: float = 6, attention: float = 12, T_power: int = 1) -> Callable[..., float]:
    """A bill with other numbers."""
    return lambda w, n, C, T, tokens: (weights * w + attention * n * C * T**T_power) * tokens

@exercise(
    hints=("The formula counts one token: how many are there, and which of the five numbers do you need?",
           "6 for each weight, 12 · n_layer · C · T for attention, all of that for each token.",
           "(6 * weights + 12 * n_layer * n_embd * length) * tokens."),
    why="FLOPs are known before the first step, so the bill is, too.",
    cases=[(16_000, 2, 64, 100, 1000), (500, 3, 8, 50, 7), (1000, 1, 10, 3, 2)],
    wrong={
        "that is one token: multiply by the tokens": lambda w, n, C, T, N: work()(w, n, C, T, 1),
        "that is the forward pass alone. Backward takes twice as much again": work(2, 4),
        "a weight takes an addition and a multiplication, forward and twice backward: 6": work(3, 12),
        "an addition and a multiplication are two": work(3, 6),
        "attention is missing": work(6, 0),
        "attention is counted for one block": lambda w, n, C, T, N: work()(w, 1, C, T, N),
        "attention has to be multiplied by the tokens, too": lambda w, n, C, T, N: 6 * w * N + 12 * n * C * T,
        "a token looks at T others, not at T²": work(T_power=2),
    },
)
def training_flops(weights: int, n_layer: int, n_embd: int, length: int, tokens: int) -> int:
    return (6 * weights + 12 * n_layer * n_embd * length) * tokens


def copied(maps: Tensor, pairs: Pairs, query: int = -1, key: int = 0) -> Tensor:
    """The weight of each head at each pair, (pairs, n_layer, H)."""
    return torch.stack([maps[:, :, place + query, original + key] for place, original in pairs])

def place_of(weights: Tensor) -> tuple[int, int]:
    """Where the largest of (n_layer, H) stands."""
    layer, head = divmod(int(weights.argmax()), weights.shape[1])
    return layer, head

def layer_first(weights: Tensor) -> tuple[int, int]:
    """The layer whose heads have the largest mean, and its best head."""
    layer = int(weights.mean(1).argmax())
    return layer, int(weights[layer].argmax())

def heads(n_layer: int, n_head: int, pairs: Pairs, seed: int) -> tuple[Tensor, Pairs]:
    """Attention maps of random weights, and where the copies stand."""
    T = max(place for place, _ in pairs) + 2
    scores = 2 * torch.randn(n_layer, n_head, T, T, generator=torch.Generator().manual_seed(seed))
    return torch.softmax(scores.masked_fill(~causal_mask(T), -torch.inf), -1), pairs

@exercise(
    hints=("From which place is the token at place t guessed: where does a head stand when it looks for it?",
           "A head's weight for a pair is maps[layer, head, t − 1, s]: take the mean over the pairs, then the largest.",
           "torch.stack([maps[:, :, t − 1, s] for t, s in pairs]).mean(0) is (n_layer, H); its argmax, by divmod."),
    why="That head is where the key's hiding place comes from: what it looks at is what the model says next.",
    cases=[
        heads(3, 4, [(8, 3), (11, 5), (6, 2)], 0), heads(2, 5, [(12, 7), (9, 4), (5, 1), (10, 2)], 1),
        heads(4, 2, [(9, 6), (4, 1), (7, 2)], 2), heads(2, 3, [(9, 5), (8, 3)], 3),
        heads(3, 4, [(10, 4), (5, 2), (8, 1)], 4),
    ],
    wrong={
        "a head that looks from the copy itself is too late: the token at place t is guessed at place t − 1":
            lambda m, p: place_of(copied(m, p, query=0).mean(0)),
        "that head looks one place after the originals": lambda m, p: place_of(copied(m, p, key=1).mean(0)),
        "that head has the largest single weight: take the mean over the pairs":
            lambda m, p: place_of(copied(m, p).amax(0)),
        "only the first pair counted": lambda m, p: place_of(copied(m, p)[0]),
        "that is the best head of the layer with the best mean: the best head may stand in another layer":
            lambda m, p: layer_first(copied(m, p).mean(0)),
        "the layer comes first, as in maps[layer, head]": lambda m, p: place_of(copied(m, p).mean(0))[::-1],
        "the place among all heads was divided by the number of layers: by that of the heads":
            lambda m, p: divmod(int(copied(m, p).mean(0).argmax()), m.shape[0]),
    },
)
def copying_head(maps: Tensor, pairs: Pairs) -> tuple[int, int]:
    weights = [maps[:, :, place - 1, original] for place, original in pairs]  # of each copy, (n_layer, H)
    return divmod(int(torch.stack(weights).mean(0).argmax()), maps.shape[1])
