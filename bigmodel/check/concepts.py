"""The exercises of notebook 01: the journey in five parts; parameters, the loss of guessing, greedy, four decoders.

The parts of the journey are one-hot vectors, BigModel, softmax, the choice of a token, and the loop around them all.
"""

import math
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bigmodel import model as models
from bigmodel.check.building import building
from bigmodel.check.engine import examined, exercise
from bigmodel.check.values import written


# One mistake, one line or two; a blank line within what belongs to an exercise, two between exercises.
# fmt: off
@exercise(
    hints=("What does one Linear layer need to make m numbers of n? Count its weights, then its biases.",
           "A layer from n numbers to m has n · m weights and m biases. BigModel has two layers, and ReLU has none.",
           "The encoder has input_size · hidden_size + hidden_size; the decoder is counted in the same way."),
    why="You can now tell whether a model fits into memory before you build it.",
    cases=[(4, 3, 5), (3, 2, 3), (7, 11, 2), (1000, 5000, 1000)],
    wrong={
        "the biases are missing, one for each number that comes out of a layer": lambda n, h, m: n * h + h * m,
        "that is the encoder alone; the decoder has parameters too": lambda n, h, m: n * h + h,
        "a bias belongs to each number that comes out of a layer, not to each that goes in":
            lambda n, h, m: n * h + n + h * m + h,
        "the biases of the decoder are missing, one for each output": lambda n, h, m: n * h + h + h * m,
        "the biases of the encoder are missing, one for each hidden number": lambda n, h, m: n * h + h * m + m,
        "ReLU has no parameters": lambda n, h, m: n * h + h + h * m + m + h,
        "a layer has not one bias, but one for each number that comes out of it": lambda n, h, m: n * h + 1 + h * m + 1,
        "the layers stand one after the other: their weights are added, not multiplied": lambda n, h, m: n * h * m,
    },
)
def count_parameters(input_size: int, hidden_size: int, output_size: int) -> int:
    encoder = input_size * hidden_size + hidden_size
    decoder = hidden_size * output_size + output_size
    return encoder + decoder


def divided(powers: list[float]) -> list[float]:
    """Numbers that sum to 1."""
    return [power / sum(powers) for power in powers]

def soft(logits: Sequence[float]) -> list[float]:
    """Softmax, from its definition."""
    return divided([math.exp(logit) for logit in logits])

@exercise(
    hints=("Logits may be negative, probabilities may not. What makes every number positive and keeps their order?",
           "Raise e to each logit with math.exp, then divide each power by the sum of them all.",
           "powers = [math.exp(logit) for logit in logits], and the result is a list of power / sum(powers)."),
    why="Every language model ends in these two lines: positive numbers in the order of the logits, summing to 1.",
    cases=[([2.0, 1.0, 0.0],), ([0.0, 0.0, 0.0, 0.0],), ([-1.0, 3.0, 0.5],), ([0.5],)],
    wrong={
        "these are the powers of e; they still have to be divided by their sum": lambda z: [math.exp(x) for x in z],
        "the sign is turned: the highest logit must get the most": lambda z: soft([-x for x in z]),
        "divide by the sum of the powers, not by the largest": lambda z: [math.exp(x - max(z)) for x in z],
        "the base is e = 2.718…, not 2: use math.exp": lambda z: divided([2**x for x in z]),
        "that is the sigmoid, which looks at each logit alone": lambda z: [1 / (1 + math.exp(-x)) for x in z],
        "raise e to each logit before you divide by the sum": lambda z: [x / sum(z) for x in z],
    },
    also_right=[lambda z: np.exp(z) / np.exp(z).sum()],
)
def softmax(logits: list[float]) -> list[float]:
    powers = [math.exp(logit) for logit in logits]
    total = sum(powers)
    return [power / total for power in powers]


@exercise(
    hints=("What probability does each of vocab_size equal tokens get, and how surprised is one who sees it?",
           "The loss is the surprise at the right token, −ln p, and p is the same for all.",
           "p = 1 / vocab_size, and the loss is −math.log(p)."),
    why="A model that has learned nothing starts at this loss; one that starts far above it is broken.",
    cases=[(5,), (1000,), (50257,)],
    wrong={
        "the minus is missing: the logarithm of a probability is negative, surprise is not": lambda V: math.log(1 / V),
        "that is in bits. A nat uses the natural logarithm, math.log": math.log2,
        "that is the probability of the right token; the loss is the surprise at it, −ln p": lambda V: 1 / V,
        "the surprise at the right token is −ln p, not −p ln p: it is met every time": lambda V: math.log(V) / V,
    },
)
def uniform_loss(vocab_size: int) -> float:
    return -math.log(1 / vocab_size)


def at(place: int, size: int, number: float = 1) -> list[float]:
    """Zeros, with a number at a place."""
    return [number if other == place else 0 for other in range(size)]

@exercise(
    hints=("How long is the list, and how many of its numbers are not 0?",
           "Begin with vocab_size zeros, then put a 1 at the place of the token; places are counted from 0.",
           "vector = [0] * vocab_size, then vector[token] = 1."),
    why="This is all that a model is told about a token: which one it is, and nothing about what it means.",
    cases=[(2, 5), (0, 3), (3, 4)],
    wrong={
        "places are counted from 0, so that id 0 is the first": lambda token, V: at(token - 1, V),
        "the 1 is one place too far: the place is the id itself": lambda token, V: at(token + 1, V),
        "the number at the place is 1 for every token; the id only says where": lambda token, V: at(token, V, token),
        "the 1 is missing": lambda token, V: [0] * V,
        "the list ends at the token: it needs a number for each of the vocabulary":
            lambda token, V: at(token, token + 1),
        "one number too many: ids go from 0 to vocab_size − 1": lambda token, V: at(token, V + 1),
    },
    also_right=[lambda token, V: [place == token for place in range(V)]],
)
def one_hot(token: int, vocab_size: int) -> list[int]:
    vector = [0] * vocab_size
    vector[token] = 1
    return vector


def largest(p: list[float], places: range) -> int:
    """The place of the largest among some places."""
    return max(places, key=lambda place: p[place], default=0)

@exercise(
    hints=("Is a token chosen by its probability, or by the place at which that stands?",
           "Look for the largest probability, and return its place in the list, counted from 0.",
           "max(probabilities) is the largest, and a list's index() finds the place of a number."),
    why="A model chooses ids, not probabilities; only tokenizer.decode makes text of them.",
    cases=[
        ([0.1, 0.6, 0.2, 0.02, 0.08],), ([0.7, 0.06, 0.24],), ([0.2, 0.12, 0.18, 0.1, 0.4],),
        ([0.11, 0.3, 0.14, 0.35, 0.1],), ([1.0],),
    ],
    wrong={
        "that is the probability itself; asked for is its place in the list, the id": max,
        "ids are counted from 0": lambda p: p.index(max(p)) + 1,
        "that is the last place of a sorted list: sorting loses which probability is whose":
            lambda p: sorted(p).index(max(p)),
        "the last place was never looked at": lambda p: largest(p, range(len(p) - 1)),
        "a larger one comes later: that is only the first that is larger than its neighbour":
            lambda p: next((i for i in range(len(p) - 1) if p[i] > p[i + 1]), len(p) - 1),
    },
    also_right=[lambda p: torch.tensor(p).argmax()],
    equal={"if probability >= probabilities[best]:": "of two that are equal either will do"},
)
def greedy(probabilities: list[float]) -> int:
    best = 0
    for token, probability in enumerate(probabilities):
        if probability > probabilities[best]:
            best = token
    return best


class Variant(nn.Module):
    """Two layers, and what somebody does before, between and after them."""

    def __init__(self, n: int, h: int, m: int, *, between: Any = torch.relu, before: Any = None, after: Any = None):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(n, h), nn.Linear(h, m)
        self.steps = [before, self.encoder, between, self.decoder, after]

    def forward(self, x: Tensor) -> Tensor:
        """Take the steps that there are."""
        for step in self.steps:
            x = x if step is None else step(x)
        return x

@building(
    hints=("Which numbers does the second layer read, and how many of them are there?",
           "self.encoder = nn.Linear(input_size, hidden_size) stands in __init__, and the decoder in the same way. In "
           "forward, x goes through the encoder, then through torch.relu, then through the decoder.",
           "hidden = torch.relu(self.encoder(x)) in forward; what it returns is self.decoder(hidden)."),
    why="This is the model of this course: what comes later changes what it reads, and how much it sees.",
    build=[
        ((3, 2, 4), (torch.tensor([[0.0, 1.0, 0.0], [0.5, -2.0, 3.0]]),)),
        ((2, 5, 3), (torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, -1.0]]),)),
        ((4, 6, 4), (torch.tensor([0.0, 0.0, 1.0, 0.0]),)),
    ],
    wrong={
        "ReLU is missing; without it two layers are no more than one": lambda *sizes: Variant(*sizes, between=None),
        "ReLU stands between the layers; logits may be negative":
            lambda *sizes: Variant(*sizes, between=None, after=torch.relu),
        "ReLU stands after the encoder alone; logits may be negative": lambda *sizes: Variant(*sizes, after=torch.relu),
        "ReLU stands after the encoder, not before it": lambda *sizes: Variant(*sizes, between=None, before=torch.relu),
        "a BigModel gives logits; softmax comes later":
            lambda *sizes: Variant(*sizes, after=lambda logits: logits.softmax(-1)),
    },
    also_right=[lambda *sizes: Variant(*sizes, between=nn.ReLU())],
)
class BigModel(models.BigModel):
    """The package's own."""


def drawn(probabilities: Sequence[float], number: float) -> int:
    """The place on whose piece of the line from 0 to 1 a number falls; the last, if rounding left a gap there."""
    ends = np.cumsum(probabilities)
    return min(int((ends <= number).sum()), len(ends) - 1)

@exercise(
    hints=("The first token's piece goes from 0 to its probability. Where does the second token's piece begin and end?",
           "Walk along the tokens and keep the sum of their probabilities. The first token at which the sum is larger "
           "than the number is the one.",
           "reached = 0.0, then for token, probability in enumerate(probabilities): add the probability to reached, "
           "and return token if number < reached."),
    why="Whatever is drawn in this course, texts above all, is drawn like this: each as often as it is probable.",
    cases=[
        ([0.1, 0.3, 0.4, 0.2], 0.55), ([0.5, 0.12, 0.38], 0.45), ([0.45, 0.15, 0.25, 0.15], 0.72),
        ([0.12, 0.18, 0.3, 0.4], 0.25), ([0.2, 0.35, 0.45], 0.97), ([0.05, 0.6, 0.35], 0.04),
    ],
    wrong={
        "that is the most probable token each time: let the number decide": lambda p, number: int(np.argmax(p)),
        "the number was compared with each probability alone: a piece begins where the one before it ends":
            lambda p, number: next((i for i in range(len(p)) if number < p[i]), len(p) - 1),
        "one piece too early: the number lies on the piece before whose end the sum is larger than the number":
            lambda p, number: max(drawn(p, number) - 1, 0),
        "that is the probability; asked for is the id, the place of the token": lambda p, number: p[drawn(p, number)],
        "the probabilities were sorted, so that the places are no longer ids":
            lambda p, number: drawn(sorted(p, reverse=True), number),
    },
    also_right=[lambda p, number: torch.searchsorted(torch.tensor(p).cumsum(0), number)],
    equal={
        "if number <= reached:": "a number exactly at an end may count to either piece",
        "return len(probabilities) + 1": "rounding seldom leaves a gap",
        "return len(probabilities) - 2": "rounding seldom leaves a gap",
    },
)
def choose(probabilities: list[float], number: float) -> int:
    reached = 0.0
    for token, probability in enumerate(probabilities):
        reached += probability
        if number < reached:
            return token
    return len(probabilities) - 1  # the sum was rounded, and ended just under 1


def letters(text: str) -> Any:
    """A tokenizer whose tokens are the letters of a text."""
    return SimpleNamespace(
        vocab_size=len(text), tokens=list(text), encode=lambda prompt: [text.index(letter) for letter in prompt],
        decode=lambda ids: "".join(text[token] for token in ids))

def writer(seed: int, size: int) -> nn.Module:
    """A model from vectors to logits, the same for the same seed."""
    layer = nn.utils.skip_init(nn.Linear, size, size, bias=False)
    layer.weight.data = 2 * torch.randn(size, size, generator=torch.Generator().manual_seed(seed))
    return layer

def continued(
    model: nn.Module, tokenizer: Any, prompt: str, numbers: Sequence[float], temperature: float = 1, *,
    place: int = -1, pick: Callable[[list[float], float], int] = drawn,
) -> str:  # fmt: skip
    """The journey, with what may go wrong: the place that is read, and the pick."""
    ids = tokenizer.encode(prompt)
    for number in numbers:
        logits = model(torch.eye(tokenizer.vocab_size)[ids[place]])
        ids.append(pick((logits / temperature).softmax(0).tolist(), number))
    return tokenizer.decode(ids)

def from_the_prompt(model: nn.Module, tokenizer: Any, prompt: str, numbers: Sequence[float], t: float) -> str:
    """Each token is drawn as if it were the first."""
    return prompt + "".join(continued(model, tokenizer, prompt, [number], t)[-1] for number in numbers)

def cooled_late(model: nn.Module, tokenizer: Any, prompt: str, numbers: Sequence[float], t: float) -> str:
    """The temperature divides the probabilities."""
    return continued(model, tokenizer, prompt, numbers, pick=lambda p, number: drawn([each / t for each in p], number))

@exercise(
    hints=("Which of the ids does the model read, and what has to happen to the chosen id before the next round?",
           "ids = tokenizer.encode(prompt). In each round: the last id becomes a one-hot vector, the model makes "
           "logits of it, softmax makes probabilities, choose picks an id, and that is appended to ids.",
           "vector = torch.tensor(one_hot(ids[-1], tokenizer.vocab_size), dtype=torch.float32), then logits = "
           "model(vector).tolist(), and [logit / temperature for logit in logits] goes into softmax."),
    why="This is how every language model writes. What differs is the model.",
    cases=[
        lambda: (writer(0, 6), letters("abcdef"), "fade", [0.3, 0.9, 0.05, 0.6, 0.45, 0.75], 1.0),
        lambda: (writer(1, 6), letters("uvwxyz"), "wu", [0.55, 0.1, 0.85, 0.35], 2.0),
        lambda: (writer(2, 5), letters("klmno"), "no", [0.7, 0.25, 0.5, 0.95, 0.15], 0.5),
    ],
    wrong={
        "the prompt is missing: keep its ids, and decode them all": lambda *a: continued(*a).removeprefix(a[2]),
        "every token is drawn after the end of the prompt: append the chosen id, and read the last": from_the_prompt,
        "the model reads the first id each time: the last one is ids[-1]": lambda *a: continued(*a, place=0),
        "the most probable token is taken each time: hand the number to choose":
            lambda *a: continued(*a, pick=lambda p, number: int(np.argmax(p))),
        "the temperature multiplies the logits: divide": lambda m, t, p, n, heat: continued(m, t, p, n, 1 / heat),
        "the temperature divides the logits, before softmax": cooled_late,
        "the temperature is not used": lambda m, t, p, n, heat: continued(m, t, p, n),
    },
    given=lambda model, tokenizer, prompt, numbers, temperature: (
        f'for the prompt "{prompt}", the numbers {written(numbers)} and temperature {temperature:g}'
    ),
)
def continue_text(model: nn.Module, tokenizer: Any, prompt: str, numbers: list[float], temperature: float) -> str:
    ids = tokenizer.encode(prompt)
    for number in numbers:
        vector = torch.tensor(at(ids[-1], tokenizer.vocab_size), dtype=torch.float32)  # (V,)
        logits = model(vector).tolist()
        ids.append(drawn(soft([logit / temperature for logit in logits]), number))
    return str(tokenizer.decode(ids))


SENSES = ("output layer", "tokenizer.decode", "encoder–decoder", "decoder-only")
OVERHEARD = {
    "A": ("encoder–decoder", "it writes in one language what another part has read in a second language"),
    "B": ("output layer", "BigModel's attribute `decoder` is its last Linear: 5000 · 1000 + 1000 parameters"),
    "C": ("tokenizer.decode", "it makes text of ids, and a character may need several of them"),
    "D": ("decoder-only", "the whole model is one part, and it goes on from what it is given"),
}
DECODERS = {letter: sense for letter, (sense, _) in OVERHEARD.items()}

def name(sense: Any) -> str:
    """A name as it is compared: the dash that keyboards have counts as the other one."""
    return str(sense).strip().lower().replace("-", "–")

@examined(
    hints=("What goes in, and what comes out, of the thing that each sentence speaks of?",
           "The four names are those of the text above: output layer, tokenizer.decode, encoder–decoder, decoder-only.",
           'Return a dictionary with all four letters, {"A": "…", "B": "…", "C": "…", "D": "…"}; each name is used '
           'once.'),
    why="Whenever you read 'decoder' from now on, you can ask which of the four is meant.",
    right=lambda: DECODERS,
    also_right=[lambda: DECODERS | {"A": " Encoder-Decoder "}],
    wrong={
        "A does not speak of the output layer": lambda: DECODERS | {"A": "output layer"},
        "it makes text of ids": lambda: DECODERS | {"C": "output layer"},
        "'the last layer' is none of the four names": lambda: DECODERS | {"B": "the last layer"},
        "the letter B is missing": lambda: {"A": "encoder–decoder"},
        "expected a dictionary": lambda: list(DECODERS.values()),
    },
)
def which_decoder(answer: Callable[[], Any]) -> str | None:
    found = answer()
    if not isinstance(found, dict):
        return f"expected a dictionary with the letters A to D, but your answer is {written(found)}."
    for letter, (sense, reason) in OVERHEARD.items():
        if letter not in found:
            return f"the letter {letter} is missing from your dictionary."
        if name(found[letter]) not in map(name, SENSES):
            return f"{letter}: {written(found[letter])} is none of the four names: {', '.join(SENSES)}."
        if name(found[letter]) != name(sense):
            return f"{letter} does not speak of the {found[letter]}. Look again: {reason}."
    return None
