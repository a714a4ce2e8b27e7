"""Graders of notebook 08: a causal mask, leaks ahead, padding, loss on answers alone, packing, positions."""

from collections.abc import Callable
from operator import index
from typing import Any

import torch
from matplotlib.colors import ListedColormap
from torch import Tensor

from bigmodel import plot
from bigmodel.check.grader import grader

Model = Callable[[Tensor], Tensor]  # ids (B, T) → logits (B, T, V)
POLARITY = (
    "it is the other way round: here True means that a query may look, as for scaled_dot_product_attention. Put a "
    "~ before it"
)


@grader(
    hint="torch.ones(queries, keys, dtype=torch.bool).tril(diagonal): by how much must the diagonal move to the right?",
    why="With keys == queries this is the usual mask; with one query, a row of True: a cache may show it everything.",
)
def last_may_look(answer: Callable[[int, int], Tensor]) -> str | None:
    for queries, keys in ((3, 5), (3, 3), (1, 4), (2, 6)):
        full = torch.ones(queries, keys, dtype=torch.bool)
        offset = keys - queries
        value = answer(queries, keys)
        given = f"for {queries} queries and {keys} keys"
        if isinstance(value, Tensor) and value.shape == (keys, keys) != full.shape:
            return f"{given} your mask has {keys} rows: only the last {queries} tokens ask, so keep the last rows."
        mistakes = {
            "the first query looks as if it were the first of the keys. The queries are the last of them, so the "
            "diagonal moves right by keys − queries": full.tril(),
            "no query may look at itself. It may: its own token is known; what it has to predict is the next": (
                full.tril(offset - 1)
            ),
            "each query may look one key ahead of itself, at the very token that it has to predict": (
                full.tril(offset + 1)
            ),
            "each query may look at itself and at the future: tril, not triu": full.triu(offset),
            "nothing is forbidden, so the first queries see the last keys": full,
        }
        if (wrong := _wrong_mask(value, full.tril(offset), given, mistakes)) is not None:
            return wrong
    return None


@grader(
    hint="t, j = torch.nonzero(perturbation_map(model, ids), as_tuple=True) are the pairs that move: which is ahead?",
    why="Ten lines, and no model that sees its answers can get past them. Run them before each training.",
)
def looks_ahead(answer: Callable[[Model, Tensor], int]) -> str | None:
    ids = torch.tensor([5, 400, 7, 7, 900, 31, 2, 650])
    full = torch.ones(8, 8, dtype=torch.float64)
    cases: tuple[tuple[str, Tensor, int], ...] = (
        ("a causal model", full.tril(), 0),
        ("a model that sees one token ahead", full.tril(1), 1),
        ("a model that sees everything", full, 7),
        ("a model in which only position 2 looks ahead, at token 5", full.tril() + _one(2, 5), 3),
        ("a model in which position 0 looks at token 1, and position 4 at token 6", _two_leaks(), 2),
        ("a model that sees a trace of everything", full.tril() + full.triu(1) * 2.0**-34, 7),
        ("a model that sees what stands before, but not the token itself", full.tril(-1), 0),
        ("a model whose logits are always the same", 0 * full, 0),
        ("a model that sees itself and the future, not the past", full.triu(), 7),
    )
    for name, mixing, expected in cases:
        kept = ids.clone()
        try:
            value = answer(_mixes(mixing), kept)
        except (RuntimeError, ValueError, IndexError) as error:
            if mixing.any():
                raise
            return f"{name} stops your function with {type(error).__name__}: {error}. Nothing moves: return 0."
        if not torch.equal(kept, ids):
            return "the ids were changed in place: the next token is then tried on another text. Change a clone."
        if (wrong := _wrong_reach(value, expected, name)) is not None:
            return wrong
    return None


def _mixes(mixing: Tensor) -> Model:
    """A model whose position t sees token j with the weight mixing[t, j]. All sums are exact, however batched."""
    generator = torch.Generator().manual_seed(0)
    table = torch.randint(-9, 10, (1000, 5), generator=generator).double()  # (V, 5), whole numbers
    table[:, 4] = torch.arange(1000)  # no two tokens are alike

    def model(ids: Tensor) -> Tensor:
        length = ids.shape[1]
        return mixing[:length, :length] @ table[ids]  # (B, T, 5)

    return model


def _one(t: int, j: int) -> Tensor:
    return torch.zeros(8, 8, dtype=torch.float64).index_put((torch.tensor(t), torch.tensor(j)), torch.ones(()).double())


def _two_leaks() -> Tensor:
    return torch.ones(8, 8, dtype=torch.float64).tril() + _one(0, 1) + _one(4, 6)


def _wrong_reach(value: Any, expected: int, name: str) -> str | None:
    if value is None:
        return "your function returns nothing: give back the number of tokens."
    if isinstance(value, bool) or (isinstance(value, Tensor) and value.dtype == torch.bool):
        return f"for {name} your answer is {value}: say how many tokens ahead, {expected}."
    try:
        reach = index(value)
    except (TypeError, ValueError, RuntimeError):
        return f"for {name} your answer is {value!r:.60}, expected a whole number: {expected}."
    if reach == expected:
        return None
    said = f"for {name} your answer is {reach}, expected {expected}"
    if reach < 0:
        return f"{said}: below 0 is the past, which is no leak. Let the smallest answer be 0."
    if expected == 0 and reach == 1:
        return f"{said}: a token moves its own position, and may. One ahead is j − t = 1, so do not count from 1."
    if expected == 0:
        return f"{said}: that is how far it looks back. Ahead is j − t, with j the token that changes."
    if "trace" in name:
        return f"{said}: the logits move by very little, but they move. Compare with 0, not with a tolerance."
    if "one token ahead" in name and reach == 2:
        return f"{said}: count the steps from t to j, not the tokens with both ends."
    if "one token ahead" in name and reach == 7:
        return f"{said}: 7 pairs move. How far ahead is the farthest, not how many pairs there are."
    if "only position 2" in name:
        return f"{said}: the leak is in the middle. Change every token, and look at the logits of every position."
    if "and position 4" in name:
        return f"{said}: there are two leaks, of one token and of two. Return the farther."
    if reach > 7:
        return f"{said}: in 8 tokens nobody sees more than 7 ahead."
    return f"{said}: the largest j − t for which another token j moves the logits at t."


@grader(
    hint="three masks: causal (T, T), the keys that are no padding (B, 1, T), and torch.eye for each position itself.",
    why="The same three lines stand in Decoder: on any side, no padding touches a word, and no row is empty.",
)
def may_look(answer: Callable[[Tensor], Tensor]) -> str | None:
    for rows in ([[1, 1, 0, 0], [0, 0, 1, 1]], [[1, 0, 0]], [[1, 1, 0], [0, 0, 0], [0, 1, 0]]):
        padding = torch.tensor(rows).bool()  # (B, T)
        batch_size, length = padding.shape
        given = f"for padding = {rows}"
        kept = padding.clone()
        value = answer(kept)
        if not torch.equal(kept, padding):
            return "padding was changed in place, but the loss still needs it. Write ~padding, which is a new tensor."
        expected = torch.stack([_padded(row) for row in padding])
        if isinstance(value, Tensor) and value.shape == (batch_size, 1, length, length):
            return f"{given} the shape is {tuple(value.shape)}: right for several heads, but (B, T, T) was asked for."
        causal = torch.ones(length, length, dtype=torch.bool).tril()
        itself = torch.eye(length, dtype=torch.bool)
        keys, queries = ~padding[:, None, :], ~padding[:, :, None]
        everywhere = torch.ones_like(expected)
        mistakes = {
            "some row is empty, and a softmax over nothing is 0 / 0. Let each position look at itself": (
                causal & keys & everywhere
            ),
            "nobody looks at padding, but the future is in view. Combine it with the causal mask": (
                keys & everywhere | itself
            ),
            "the future is hidden, but words look at padding: hide the keys that are padding": causal & everywhere,
            "you hid the padding's rows instead of its columns. Which keys are padding decides: padding[:, None, :]": (
                causal & queries & everywhere | itself
            ),
            "padding's rows look at everything before them, other padding included": (
                causal & (keys | ~queries) | itself
            ),
            "the rows of padding are empty, and a softmax over nothing is 0 / 0. Hide keys alone, let each position "
            "look at itself": causal & keys & queries,
            "the rows of padding look everywhere, at the future and at other padding. Itself is enough": (
                causal & keys | ~queries & everywhere
            ),
            "you kept the padding and hid the words: padding is True where a token is padding": (
                causal & ~keys & everywhere | itself
            ),
            "rows and columns are both hidden. Words may be seen by padding, there is no harm in it; only keys count": (
                causal & keys & queries | itself
            ),
            "joined with | where & belongs: a key must be both, not ahead and no padding": causal | keys & everywhere,
        }
        if (wrong := _wrong_mask(value, expected, given, mistakes)) is not None:
            return wrong
    return None


def _padded(padding: Tensor) -> Tensor:
    """The mask of one row, position by position, (T, T)."""
    length = len(padding)
    looks = [[t == j or (j < t and not padding[j]) for j in range(length)] for t in range(length)]
    return torch.tensor(looks)


@grader(
    hint="shift first (ids[1:], as a copy); then −100 for the tokens of the prompt. How many of them are left?",
    why="One place too many, and the model never learns to begin; one too few, and it learns to write questions.",
)
def answer_targets(answer: Callable[[Tensor, int], Tensor]) -> str | None:
    for row, prompt_length in (
        ([1, 7, 8, 9, 2], 3),
        ([1, 5, 5, 6, 5, 6, 2], 4),
        ([1, 4, 2], 1),
        ([1, 3, 4, 2], 3),
    ):
        ids = torch.tensor(row)
        kept = ids.clone()
        value = answer(kept, prompt_length)
        given = f"for ids {_row(ids)} and a prompt of {prompt_length}"
        if not torch.equal(kept, ids):
            return f"{given} the ids themselves were changed: ids[1:] is a view of them. Take ids[1:].clone()."
        expected = torch.tensor([ids[t + 1].item() if t + 1 >= prompt_length else -100 for t in range(len(ids) - 1)])
        if (wrong := _wrong_targets(value, ids, prompt_length, expected, given)) is not None:
            return wrong
    return None


def _wrong_targets(value: Any, ids: Tensor, n: int, expected: Tensor, given: str) -> str | None:
    if not isinstance(value, Tensor):
        kind = "nothing" if value is None else f"a {type(value).__name__}, expected a tensor"
        return f"your function returns {kind}."
    shown = f"{given} your targets are {_row(value)}, expected {_row(expected)}"
    if value.shape == ids.shape:
        return f"{shown}: they are as long as the ids. The inputs are ids[:-1], so there is one target less: ids[1:]."
    if value.shape != expected.shape:
        return f"{given} the shape is {tuple(value.shape)}, expected {tuple(expected.shape)}: a target for each input."
    if value.is_floating_point() or value.dtype == torch.bool:
        return f"your targets are {value.dtype}: ids of tokens are whole numbers (torch.long)."
    if torch.equal(value.long(), expected):
        return None
    shifted, hidden = ids[1:], torch.arange(len(ids) - 1)
    mistakes = {
        "one place too many is off. The prompt's last token predicts the first of the answer, and that counts": (
            shifted.masked_fill(hidden < n, -100)
        ),
        "one place too few is off: a token of the prompt still counts": shifted.masked_fill(hidden < n - 2, -100),
        "the answer is off, and the prompt counts. It is the other way round": shifted.masked_fill(
            hidden >= n - 1, -100
        ),
        "nothing is off: the prompt counts": shifted,
        "they are not shifted. The target at t is the token that follows input t: ids[1:]": (
            ids[:-1].masked_fill(hidden < n, -100)
        ),
        "not shifted either, and off by one: the target at t is ids[t + 1]": ids[:-1].masked_fill(hidden < n - 1, -100),
        "0 is the id of a token, and the loss would count it. What it leaves out is −100": (
            shifted.masked_fill(hidden < n - 1, 0)
        ),
        "tokens were hidden because they occur in the prompt, not because they stand in it": (
            shifted.masked_fill(torch.isin(shifted, ids[:n]), -100)
        ),
    }
    for sentence, wrong in mistakes.items():
        if torch.equal(value.long(), wrong):
            return f"{shown}: {sentence}."
    return f"{shown}: shift, then −100 on the first prompt_length − 1 targets."


@grader(
    hint="text_number[:, None] == text_number compares each position with each, (T, T); then nobody may look ahead.",
    why="Packed rows waste nothing, and with this mask no text knows that it has neighbours.",
)
def packed(answer: Callable[[Tensor], Tensor]) -> str | None:
    for numbers in ([0, 0, 0, 1, 1], [0, 1, 1, 2], [3, 3, 3, 3], [5, 5, 2, 9]):
        text_number = torch.tensor(numbers)
        full = torch.ones(len(numbers), len(numbers), dtype=torch.bool)
        same = text_number[:, None] == text_number
        first_text = text_number == text_number[0]
        mistakes = {
            "the texts are apart, but inside a text the future is in view: & the causal mask": same,
            "causal, but the second text looks at the first: compare the numbers of the texts": full.tril(),
            "joined with | where & belongs: a key must be both, in the same text and not ahead": same | full.tril(),
            "each position looks at the other texts: == instead of !=": ~same & full.tril(),
            "the first text alone is kept apart: the others must be, too": full.tril()
            & (first_text[:, None] == first_text),
            "no position may look at itself": same & full.tril(-1),
        }
        value = answer(text_number.clone())
        if (
            wrong := _wrong_mask(value, same & full.tril(), f"for the texts {_row(text_number)}", mistakes)
        ) is not None:
            return wrong
    return None


@grader(
    hint="counting real tokens from the left is a cumsum of ~padding; at the first of them it says 1.",
    why="With these positions a text is read alike whether it is alone or pushed to the right by padding.",
)
def positions_of(answer: Callable[[Tensor], Tensor]) -> str | None:
    for rows in ([[1, 1, 0, 0, 0]], [[0, 0, 0, 1]], [[1, 0, 0, 1], [0, 0, 0, 0], [0, 1, 0, 0]], [[1, 1, 1]]):
        padding = torch.tensor(rows).bool()  # (B, T)
        value = answer(padding.clone())
        if (wrong := _wrong_positions(value, padding, f"for padding = {rows}")) is not None:
            return wrong
    return None


def _wrong_positions(value: Any, padding: Tensor, given: str) -> str | None:
    if not isinstance(value, Tensor):
        kind = "nothing" if value is None else f"a {type(value).__name__}, expected a tensor"
        return f"your function returns {kind}."
    if value.shape != padding.shape:
        return f"{given} the shape is {tuple(value.shape)}, expected {tuple(padding.shape)}: a position for each token."
    if value.is_floating_point() or value.dtype == torch.bool:
        return f"your positions are {value.dtype}, but they choose rows of a table: whole numbers (torch.long)."
    length, real = padding.shape[1], ~padding
    expected = torch.tensor([[sum(row[:t].tolist()) for t in range(length)] for row in real])
    shown = f"{given} your positions are {value.tolist()}"
    if torch.equal(value[real].long(), expected[real]):
        if (value < 0).any():
            return f"{shown}: no table has a row below 0, padding or not. clamp(min=0) mends it."
        if (value >= length).any():
            return f"{shown}: a row of {length} has no position {int(value.max())}. Padding needs one that exists."
        return None
    mistakes = {
        "the padding was counted as well, so padding on the left pushes the words to the right": (
            torch.arange(length).expand_as(padding)
        ),
        "the first real token has position 1; count from 0": real.cumsum(1),
        "you counted the padding, not the words: cumsum of ~padding": (padding.cumsum(1) - 1).clamp(min=0),
        "each word was moved by all the padding of its row, also where that stands to the right of it": (
            torch.arange(length) - padding.sum(1, keepdim=True)
        ),
        "they count from the right; the first word has position 0": real.flip(1).cumsum(1).flip(1) - 1,
    }
    for sentence, wrong in mistakes.items():
        if torch.equal(value[real].long().clamp(min=0), wrong[real].clamp(min=0)):
            return f"{shown}: {sentence}."
    wanted = expected.masked_fill(padding, -1).tolist()
    return f"{shown}, expected {wanted} (where it says -1, any): how many real tokens stand before each."


def _wrong_mask(value: Any, expected: Tensor, given: str, mistakes: dict[str, Tensor]) -> str | None:
    """What is wrong with a mask that should be the expected one, and a drawing of both; None if nothing is."""
    if not isinstance(value, Tensor):
        kind = "nothing" if value is None else f"a {type(value).__name__}, expected a tensor"
        return f"your function returns {kind}."
    if value.dtype != torch.bool:
        return f"your mask is {value.dtype}, expected torch.bool: True where a query may look, False where it may not."
    if value.shape != expected.shape:
        return f"{given} the shape is {tuple(value.shape)}, expected {tuple(expected.shape)}."
    if torch.equal(value, expected):
        return None
    draw_masks(value, expected)
    for sentence, wrong in {POLARITY: ~expected, **mistakes}.items():
        if torch.equal(value, wrong):
            return f"{given}, {sentence}."
    *batch, t, j = (value != expected).nonzero()[0].tolist()
    where = f"in row {batch[0]} of the batch, " if len(expected) > 1 and batch else ""
    may = "may" if value[*batch, t, j] else "may not"
    should = "must not" if value[*batch, t, j] else "should"
    return f"{given}, {where}query {t} {may} look at key {j}, and it {should}."


def draw_masks(value: Tensor, expected: Tensor) -> None:
    """Draw the reader's mask beside the expected one; of a batch, the first row in which they differ."""
    if value.ndim == 3:
        row = int((value != expected).flatten(1).any(1).nonzero()[0])
        value, expected = value[row], expected[row]
    panels = plot.panels(["yours", "expected"], "key", "query", width=5, height=2.6)
    for ax, mask in zip(panels, (value, expected), strict=True):
        ax.imshow(mask.int().numpy(), cmap=ListedColormap(["white", plot.BLUE]), vmin=0, vmax=1)
        ax.set(xticks=range(mask.shape[1]), yticks=range(mask.shape[0]))
        ax.grid(False)


def _row(values: Tensor) -> str:
    return "(" + ", ".join(str(value) for value in values.flatten().tolist()[:12]) + ")"
