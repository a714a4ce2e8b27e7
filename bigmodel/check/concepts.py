"""Graders of the exercises in notebook 01."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from bigmodel.check.grader import grader

SENSES = ("output layer", "tokenizer.decode", "encoder–decoder", "decoder-only")
OVERHEARD = {
    "A": ("encoder–decoder", "it writes in one language what another part has read in a second language"),
    "B": ("output layer", "BigModel's attribute `decoder` is its last Linear: 5000 · 1000 + 1000 parameters"),
    "C": ("tokenizer.decode", "it makes text of ids, and a character may need several of them"),
    "D": ("decoder-only", "the whole model is one part, and it goes on from what it is given"),
}


@grader(
    hint="a layer from n numbers to m has n · m weights and m biases; BigModel has two layers.",
    why="You can now tell whether a model fits into memory before you build it.",
)
def count_parameters(answer: Callable[[int, int, int], int]) -> str | None:
    """Examine a count of BigModel's parameters: (input_size, hidden_size, output_size) → number."""
    for sizes in ((4, 3, 5), (3, 2, 3), (1000, 5000, 1000)):
        number = answer(*sizes)
        if not is_number(number):
            return f"expected a number, but for the sizes {sizes} your answer is {shown(number)}."
        if number != parameters(*sizes):
            return (
                f"for the sizes {sizes} your answer is {number:,}, expected {parameters(*sizes):,}. "
                + miscount(number, *sizes)
            ).rstrip()
    return None


def parameters(n: int, hidden: int, m: int) -> int:
    """Parameters of BigModel(n, hidden, m)."""
    return n * hidden + hidden + hidden * m + m


def miscount(number: float, n: int, hidden: int, m: int) -> str:
    """Which well-known mistake gives this number, if any."""
    mistakes = {
        n * hidden + hidden * m: "The biases are missing: one for each number that comes out of a layer.",
        n * hidden + hidden: "That is the encoder alone; the decoder has parameters too.",
        hidden * m + m: "That is the decoder alone; the encoder has parameters too.",
        n * hidden + n + hidden * m + hidden: "A bias belongs to each number that comes *out* of a layer.",
        n * hidden + hidden * m + hidden: "The biases of the decoder are missing: one for each output.",
        n * hidden + hidden * m + m: "The biases of the encoder are missing: one for each hidden number.",
        n * hidden + hidden * m + 2: "A layer has not one bias but one for each number that comes out of it.",
        n * hidden * m: "The layers stand one after the other: their weights are added, not multiplied.",
        n + hidden + m: "Every input is joined to every hidden number by a weight of its own: multiply.",
        n * hidden + hidden + hidden * m + m + hidden: "ReLU has no parameters.",
    }
    return mistakes.get(int(number), "")


@grader(
    hint="raise e to each logit with math.exp, then divide each power by the sum of them all.",
    why="Every language model ends in these two lines: positive numbers in the order of the logits, summing to 1.",
)
def softmax(answer: Callable[[list[float]], Sequence[float]]) -> str | None:
    """Examine a softmax: a list of logits → the list of their probabilities."""
    for logits in ([2.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0], [-1.0, 3.0], [0.5]):
        given = list(logits)
        found = numbers(answer(given))
        if found is None or len(found) != len(logits):
            return f"for the logits {logits} expected a list of {len(logits)} probabilities."
        if given != logits:
            return (
                f"your function changed the list that it was given, {logits}, into {given}: make a new one."
            )
        expected = soft(logits)
        if not close(found, expected, 1e-4):
            return (
                f"for the logits {logits} your answer is {rounded(found)}, expected {rounded(expected)}. "
                + (missoft(found, logits))
            )
    return None


def soft(logits: list[float]) -> list[float]:
    """Softmax, from its definition."""
    powers = [math.exp(logit) for logit in logits]
    return [power / sum(powers) for power in powers]


def missoft(found: list[float], logits: list[float]) -> str:
    """Which well-known mistake gives these numbers, or what rule of probabilities they break."""
    powers = [math.exp(logit) for logit in logits]
    doubled = [2**logit for logit in logits]
    mistakes = [
        (powers, "These are the powers of e; they still have to be divided by their sum."),
        ([math.log(p) for p in soft(logits)], "These are the logarithms of the probabilities."),
        (soft([-logit for logit in logits]), "The sign is turned: the highest logit must get the most."),
        ([power / max(powers) for power in powers], "Divide by the sum of the powers, not by the largest."),
        ([power / len(powers) for power in powers], "Divide by the sum of the powers, not by their number."),
        ([power / sum(doubled) for power in doubled], "The base is e = 2.718…, not 2: use math.exp."),
        ([1 / (1 + math.exp(-z)) for z in logits], "That is the sigmoid, which looks at each logit alone."),
        (
            [float(z == max(logits)) for z in logits],
            "That gives all to the best; softmax leaves a share to each.",
        ),
        (soft(soft(logits)), "Softmax was applied twice."),
        ([round(p, 2) for p in soft(logits)], "Do not round: rounded probabilities no longer sum to 1."),
    ]
    if sum(logits):
        mistakes.append(
            ([z / sum(logits) for z in logits], "Raise e to each logit before you divide by the sum.")
        )
    for numbers_of_mistake, words in mistakes:
        if close(found, numbers_of_mistake, 1e-6):
            return words
    if min(found) < 0:
        return "No probability is negative."
    if abs(sum(found) - 1) > 1e-4:
        return f"Probabilities sum to 1; yours sum to {sum(found):.2f}."
    return ""


@grader(
    hint="what probability does each of V equal tokens get? The loss is the surprise at it, −ln p.",
    why="A model that has learned nothing starts at this loss; one that starts far above it is broken.",
)
def uniform_loss(answer: Callable[[int], float]) -> str | None:
    """Examine the loss of guessing: vocab_size → nats a token."""
    for vocab_size in (5, 1000, 50257):
        found = answer(vocab_size)
        if not is_number(found):
            return f"expected a number, but for V = {vocab_size} your answer is {shown(found)}."
        expected = math.log(vocab_size)
        if abs(float(found) - expected) > 1e-3:
            words = f"for V = {vocab_size} your answer is {float(found):.4g}, expected {expected:.4g}."
            return f"{words} {misguess(float(found), vocab_size)}".rstrip()
    return None


def misguess(found: float, vocab_size: int) -> str:
    """Which well-known mistake gives this number, if any."""
    loss = math.log(vocab_size)
    mistakes = [
        (-loss, "The minus is missing: the logarithm of a probability is negative, surprise is not."),
        (loss / math.log(2), "That is in bits. A nat uses the natural logarithm, math.log."),
        (
            math.log10(vocab_size),
            "That is the logarithm to base 10; the loss uses the natural one, math.log.",
        ),
        (
            1 / vocab_size,
            "That is the probability of the right token; the loss is the surprise at it, −ln p.",
        ),
        (loss / vocab_size, "The surprise at the right token is −ln p, not −p ln p: it is met every time."),
        (vocab_size * loss, "The loss is the mean over the tokens of a text, not a sum over the vocabulary."),
        (1 - 1 / vocab_size, "That is the share of wrong guesses; the loss is the surprise, −ln p."),
        (float(vocab_size), "That is how many tokens there are to choose from; the loss is its logarithm."),
        (math.log(1000), "That is right for 1000 tokens only: use the argument."),
    ]
    return next((words for number, words in mistakes if abs(found - number) < 1e-3), "")


@grader(
    hint="begin with vocab_size zeros, then put a 1 at the place of the token; places are counted from 0.",
    why="This is all that a model is told about a token: which one it is, and nothing about what it means.",
)
def one_hot(answer: Callable[[int, int], Sequence[float]]) -> str | None:
    """Examine a one-hot vector: (token, vocab_size) → a list of vocab_size numbers."""
    for token, vocab_size in ((2, 5), (0, 3), (3, 4)):
        found = numbers(answer(token, vocab_size))
        call = f"for token {token} of {vocab_size}"
        if found is None:
            return f"{call} expected a list of {vocab_size} numbers."
        if len(found) != vocab_size:
            return f"{call} your list has {len(found)} numbers, expected {vocab_size}: one for each token."
        expected = [float(place == token) for place in range(vocab_size)]
        if found != expected:
            return f"{call} your answer is {whole(found)}, expected {whole(expected)}. {mishot(found, token)}".rstrip()
    return None


def mishot(found: list[float], token: int) -> str:
    """Which well-known mistake gives this vector, if any."""
    places = [place for place, number in enumerate(found) if number]
    if places == [token - 1]:
        return "Places are counted from 0, so that id 0 is the first."
    if places == [token + 1]:
        return "The 1 is one place too far: the place is the id itself."
    if places == [token]:
        return "The number at the place is 1 for every token; the id only says where."
    if not places:
        return "The 1 is missing."
    if len(places) > 1:
        return "Exactly one number is 1."
    return "The 1 is at the wrong place: the place is the id itself, counted from 0."


@grader(
    hint="look for the largest probability, and return its place in the list, counted from 0.",
    why="A model chooses ids, not probabilities; only tokenizer.decode makes text of them.",
)
def greedy(answer: Callable[[list[float]], int]) -> str | None:
    """Examine a greedy choice: a list of probabilities → the id of the most probable token."""
    for chances in ([0.1, 0.6, 0.2, 0.02, 0.08], [0.7, 0.1, 0.2], [0.2, 0.15, 0.15, 0.1, 0.4], [1.0]):
        given = list(chances)
        found = answer(given)
        expected = chances.index(max(chances))
        if not is_number(found):
            return f"expected an id, a whole number, but for {chances} your answer is {shown(found)}."
        if given != chances:
            return f"your function changed the list that it was given, {chances}, into {given}."
        if found != expected:
            return f"for {chances} your answer is {found}, expected {expected}. {mischoice(found, chances)}".rstrip()
    return None


def mischoice(found: float, chances: list[float]) -> str:
    """Which well-known mistake gives this id, if any."""
    expected = chances.index(max(chances))
    if found == max(chances):
        return "That is the probability itself; asked for is its place in the list, the id."
    if found == expected + 1:
        return "Ids are counted from 0."
    if found == expected - len(chances):
        return "That counts from the end of the list; ids are counted from its beginning, from 0."
    if found == chances.index(min(chances)):
        return "That is the least probable token."
    if found == len(chances) - 1:
        return "That is the last token. If you sorted the list: sorting loses which probability is whose."
    return "Greedy takes the most probable token every time; nothing is drawn by chance."


@grader(
    hint='return a dictionary such as {"A": "output layer", …}; ask of each sentence what goes in and what comes out.',
    why="Whenever you read 'decoder' from now on, you can ask which of the four is meant.",
)
def which_decoder(answer: Callable[[], Any]) -> str | None:
    """Examine which decoder each overheard sentence speaks of: () → {letter: sense}."""
    found = answer()
    if not isinstance(found, dict):
        return f"expected a dictionary with the letters A to D, but your answer is {shown(found)}."
    missing = [letter for letter in OVERHEARD if letter not in found]
    if missing:
        return f"the letter {missing[0]} is missing from your dictionary."
    for letter, (sense, reason) in OVERHEARD.items():
        said = name(found[letter])
        if said not in map(name, SENSES):
            return f"{letter}: {shown(found[letter])} is none of the four names: {', '.join(SENSES)}."
        if said != name(sense):
            return f"{letter} does not speak of the {found[letter]}. Look again: {reason}."
    return None


def name(sense: Any) -> str:
    """A name as it is compared: the dash that keyboards have counts as the other one."""
    return str(sense).strip().lower().replace("-", "–")


def is_number(value: Any) -> bool:
    """Whether this is one number: of Python, or a tensor or array that holds one."""
    try:
        return not isinstance(value, str | bool) and math.isfinite(float(value))
    except (TypeError, ValueError, RuntimeError):
        return False


def numbers(values: Any) -> list[float] | None:
    """The numbers in a list, tuple, array or tensor of one dimension; None for anything else."""
    try:
        return None if isinstance(values, str | dict) else [float(value) for value in values]
    except (TypeError, ValueError, RuntimeError):
        return None


def close(found: Sequence[float], expected: Sequence[float], tolerance: float) -> bool:
    """Whether two lists of numbers are equal but for rounding."""
    return all(abs(a - b) <= tolerance for a, b in zip(found, expected, strict=True))


def rounded(values: Sequence[float]) -> list[float]:
    """Numbers short enough to read."""
    return [round(value, 3) for value in values]


def whole(values: Sequence[float]) -> list[float]:
    """Whole numbers without a decimal point."""
    return [int(value) if value == int(value) else value for value in values]


def shown(value: Any) -> str:
    """A value as a reader would write it, cut short."""
    text = "None (is a return missing?)" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
