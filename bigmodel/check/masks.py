"""The exercises of notebook 08: leaks ahead, padding, loss on answers alone, packing, positions, the last rows."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from bigmodel.check.engine import exercise
from bigmodel.check.pictures import maps

# One mistake, one line or two; a blank line within what belongs to an exercise, two between exercises.
# fmt: off
Model = Callable[[Tensor], Tensor]  # ids (B, T) → logits (B, T, V)
POLARITY = (
    "it is the other way round: here True means that a query may look, as for scaled_dot_product_attention. Put a "
    "~ before it"
)

def causal(length: int) -> Tensor:
    """(T, T): True where the key is not later."""
    return torch.ones(length, length, dtype=torch.bool).tril()

def band(queries: int, keys: int, diagonal: int = 0) -> Tensor:
    """(queries, keys): True up to this diagonal, counted from that of the last query and the last key."""
    return torch.ones(queries, keys, dtype=torch.bool).tril(keys - queries + diagonal)

@exercise(
    hints=("Which key is the last query itself, and which the one before it?",
           "The usual mask has its diagonal at 0. With more keys than queries it lies further to the right: by how "
           "much?",
           "torch.ones(queries, keys, dtype=torch.bool).tril(…), with the number of keys that came before the "
           "queries."),
    why="With keys == queries this is the usual mask; with one query, a row of True: a cache may show it everything.",
    cases=[(3, 5), (3, 3), (1, 4), (2, 6)],
    draw=maps,
    wrong={
        POLARITY: lambda queries, keys: ~band(queries, keys),
        "the first query looks as if it were the first of the keys. The queries are the last of them, so the diagonal "
        "moves to the right": lambda queries, keys: torch.ones(queries, keys, dtype=torch.bool).tril(),
        "no query may look at itself. It may: its own token is known; what it has to predict is the next":
            lambda queries, keys: band(queries, keys, -1),
        "each query may look one key ahead of itself, at the very token that it has to predict":
            lambda queries, keys: band(queries, keys, 1),
        "nothing is forbidden, so the first queries see the last keys":
            lambda queries, keys: torch.ones(queries, keys, dtype=torch.bool),
        "that is a row for every key. Only the last tokens ask, so keep the last rows":
            lambda queries, keys: causal(keys),
    },
)
def last_may_look(queries: int, keys: int) -> Tensor:
    return torch.ones(queries, keys, dtype=torch.bool).tril(keys - queries)


def mixes(told: str, mixing: Tensor) -> Model:
    """A model whose position t sees token j with the weight mixing[t, j]. All sums are exact, however batched."""
    generator = torch.Generator().manual_seed(0)
    table = torch.randint(-9, 10, (1000, 5), generator=generator).double()  # (V, 5), whole numbers
    table[:, 4] = torch.arange(1000)  # no two tokens are alike
    def model(ids: Tensor) -> Tensor:
        length = ids.shape[1]
        return mixing[:length, :length] @ table[ids]  # (B, T, 5)
    model.__name__ = told
    return model

def leaks(*pairs: tuple[int, int]) -> Tensor:
    """A causal mixing with a leak at each pair (t, j)."""
    mixing = torch.ones(8, 8, dtype=torch.float64).tril()
    for t, j in pairs:
        mixing[t, j] = 1
    return mixing

ALL = torch.ones(8, 8, dtype=torch.float64)
IDS = [5, 400, 7, 7, 900, 31, 2, 650]
PATIENTS = [
    ("a causal model", ALL.tril(), IDS),
    ("a model that sees one token ahead", ALL.tril(1), IDS),
    ("a model that sees everything", ALL, IDS),
    ("a model that sees everything", ALL, IDS[:5]),
    ("a model in which only position 2 looks ahead, at token 5", leaks((2, 5)), [5, 400, 7, 7, 900, 0, 2, 650]),
    ("a model in which only position 2 looks ahead, at token 5", leaks((2, 5)), [5, 400, 7, 7, 900, 5, 2, 650]),
    ("a model in which position 0 looks at token 1, and position 4 at token 6", leaks((0, 1), (4, 6)), IDS),
    ("a model that sees a trace of everything", ALL.tril() + ALL.triu(1) * 2.0**-34, IDS),
    ("a model that sees what stands before, but not the token itself", ALL.tril(-1), IDS),
    ("a model whose logits are always the same", 0 * ALL, IDS),
    ("a model that sees itself and the future, not the past", ALL.triu(), IDS),
]

def anew(told: str, mixing: Tensor, ids: list[int]) -> Callable[[], tuple[Model, Tensor]]:
    """A case: the model and the ids, made anew."""
    return lambda: (mixes(told, mixing), torch.tensor(ids))

def moved(model: Model, ids: Tensor, least: float = 0.0, other: Callable[[Tensor], Any] | None = None) -> Tensor:
    """(T, T): whether the logits at t move by more than ``least`` if token j is another one."""
    before, rows = model(ids[None])[0], []
    for j in range(len(ids)):
        changed = ids.clone()
        changed[j] = (ids[j] + 1) % 1000 if other is None else other(ids)
        rows.append((model(changed[None])[0] - before).abs().amax(-1) > least)
    return torch.stack(rows, dim=1)

def distances(moves: Tensor) -> list[int]:
    """How far ahead of t each token j is that moves it; at the same place 0, before it negative."""
    return [j - t for t, j in moves.nonzero().tolist()]

def side_by_side(model: Model, ids: Tensor) -> int:
    """All changes in one batch."""
    changed = ids.repeat(len(ids), 1)
    changed.diagonal().add_(1)
    moves = (model(changed) != model(ids[None])).any(-1).T  # (t, j)
    return max([0, *distances(moves)])

@exercise(
    hints=("Which token do you change, and the logits of which positions do you look at?",
           "Change each token j in turn; a position t before it whose logits move looks j − t ahead. Keep the largest.",
           "t, j = torch.nonzero(perturbation_map(model, ids), as_tuple=True) are the pairs that move: which are "
           "ahead?"),
    why="Ten lines, and no model that sees its answers can get past them. Run them before each training.",
    cases=[anew(*patient) for patient in PATIENTS],
    given=lambda model, ids: f"for {model.__name__}, and {len(ids)} tokens,",
    wrong={
        "a token moves its own position, and may. One ahead is j − t = 1, so do not count from 1":
            lambda model, ids: max([0, *(d + 1 for d in distances(moved(model, ids)) if d >= 0)]),
        "that is how far it looks back. Ahead is j − t, with j the token that changes":
            lambda model, ids: max([0, *(-d for d in distances(moved(model, ids)))]),
        "logits that move by very little move all the same. Compare with 0, not with a tolerance":
            lambda model, ids: max([0, *distances(moved(model, ids, least=1e-5))]),
        "a leak may be anywhere, and you changed the last token only. Change each in turn":
            lambda model, ids: max([0, *(d for t, d in zip(*last_only(model, ids), strict=True))]),
        "below 0 is the past, which is no leak. Let the smallest answer be 0":
            lambda model, ids: max(distances(moved(model, ids)), default=0),
        "a token that is 0 already is not changed by setting it to 0. Let another one stand there, such as id + 1":
            lambda model, ids: max([0, *distances(moved(model, ids, other=lambda ids: 0))]),
    },
    also_right=[side_by_side],
    refused=[lambda model, ids: max([0, *distances(moved(model, ids, other=lambda ids: ids[0]))])],
    equal={
        "changed[j] = (ids[j] - 1) % 1000": "another token, whichever",
        "changed[j] = (ids[j] + 2) % 1000": "another token, whichever",
        "changed[j] = (ids[j] + 1) % 1001": "no id of the cases is 999",
    },
)
def looks_ahead(model: Model, ids: Tensor) -> int:
    farthest = 0
    before = model(ids[None])[0]  # (T, V)
    for j in range(len(ids)):
        changed = ids.clone()
        changed[j] = (ids[j] + 1) % 1000
        moves = (model(changed[None])[0] != before).any(-1)  # (T,)
        for t in range(j):
            if moves[t]:
                farthest = max(farthest, j - t)
    return farthest


def last_only(model: Model, ids: Tensor) -> tuple[list[int], list[int]]:
    """The positions that move if the last token is another one, and how far ahead it is of each."""
    found = [t for t in range(len(ids)) if moved(model, ids)[t, -1]]
    return found, [len(ids) - 1 - t for t in found]

def sides(padding: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Keys that are words (B, 1, T), queries that are words (B, T, 1), and each position itself (T, T)."""
    return ~padding[:, None, :], ~padding[:, :, None], torch.eye(padding.shape[1], dtype=torch.bool)

def looking(build: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """A mask built of the causal one, the keys and queries that are words, and each position itself."""
    return lambda padding: (build(causal(padding.shape[1]), *sides(padding))
                            & torch.ones(len(padding), 1, 1, dtype=torch.bool))

@exercise(
    hints=("Who may look at padding, and what may a position look at whose whole past is padding?",
           "Three masks: nobody looks ahead; no key is padding; each position sees itself. Which belong together with "
           "&?",
           "causal & ~padding[:, None, :] | torch.eye(T, dtype=torch.bool), for a causal mask of (T, T)."),
    why="The same three lines stand in Decoder: on any side, no padding touches a word, and no row is empty.",
    cases=[
        (torch.tensor([[1, 1, 0, 0], [0, 0, 1, 1]]).bool(),), (torch.tensor([[1, 0, 0]]).bool(),),
        (torch.tensor([[1, 1, 0], [0, 0, 0], [0, 1, 0]]).bool(),),
    ],
    given=lambda padding: f"for padding = {padding.int().tolist()}",
    draw=maps,
    wrong={
        POLARITY: looking(lambda c, k, q, i: ~(c & k | i)),
        "some row is empty, and a softmax over nothing is 0 / 0. Let each position look at itself":
            looking(lambda c, k, q, i: c & k),
        "nobody looks at padding, but the future is in view. Combine it with the causal mask":
            looking(lambda c, k, q, i: k | i),
        "the future is hidden, but words look at padding: hide the keys that are padding":
            looking(lambda c, k, q, i: c),
        "you hid the padding's rows instead of its columns. Which keys are padding decides: padding[:, None, :]":
            looking(lambda c, k, q, i: c & q | i),
        "padding's rows look at everything before them, other padding included":
            looking(lambda c, k, q, i: c & (k | ~q) | i),
        "the rows of padding are empty, and a softmax over nothing is 0 / 0. Hide keys alone, let each position look "
        "at itself": looking(lambda c, k, q, i: c & k & q),
    },
)
def may_look(padding: Tensor) -> Tensor:
    T = padding.shape[1]
    not_ahead = torch.ones(T, T, dtype=torch.bool).tril()
    itself = torch.eye(T, dtype=torch.bool)
    return not_ahead & ~padding[:, None, :] | itself


def off(shift: int, hide: Callable[[Tensor, int], Tensor], mark: int = -100) -> Callable[[Tensor, int], Tensor]:
    """Targets that are shifted by so much, with the mark at the places that ``hide`` says."""
    def targets(ids: Tensor, n: int) -> Tensor:
        shifted = ids[shift : len(ids) - 1 + shift]
        return shifted.masked_fill(hide(torch.arange(len(shifted)), n), mark)
    return targets

@exercise(
    hints=("At which position is the first token of the answer predicted?",
           "Shift first, ids[1:]; then −100 for the tokens of the prompt. One of them has no target: how many are "
           "left?",
           "targets = ids[1:].clone(); targets[: …] = -100, one less than the prompt is long."),
    why="One place too many, and the model never learns to begin; one too few, and it learns to write questions.",
    cases=[
        (torch.tensor([1, 7, 8, 9, 2]), 3), (torch.tensor([1, 5, 5, 6, 5, 6, 2]), 4), (torch.tensor([1, 4, 2]), 1),
        (torch.tensor([1, 3, 4, 2]), 3),
    ],
    given=lambda ids, prompt_length: f"for ids {tuple(ids.tolist())} and a prompt of {prompt_length}",
    wrong={
        "one place too many is off. The prompt's last token predicts the first of the answer, and that counts":
            off(1, lambda t, n: t < n),
        "one place too few is off: a token of the prompt still counts": off(1, lambda t, n: t < n - 2),
        "the answer is off, and the prompt counts. It is the other way round": off(1, lambda t, n: t >= n - 1),
        "nothing is off: the prompt counts": off(1, lambda t, n: t < 0),
        "they are not shifted. The target at t is the token that follows input t: ids[1:]": off(0, lambda t, n: t < n),
        "0 is the id of a token, and the loss would count it. What it leaves out is −100":
            off(1, lambda t, n: t < n - 1, mark=0),
        "they are as long as the ids. The inputs are ids[:-1], so there is one target less: ids[1:]":
            lambda ids, n: ids.masked_fill(torch.arange(len(ids)) < n, -100),
    },
)
def answer_targets(ids: Tensor, prompt_length: int) -> Tensor:
    targets = ids[1:].clone()
    targets[: prompt_length - 1] = -100
    return targets


def alike(text_number: Tensor) -> Tensor:
    """(T, T): whether two positions belong to the same text."""
    return text_number[:, None] == text_number

@exercise(
    hints=("When do two positions belong to the same text, and which of the two may look at the other?",
           "text_number[:, None] == text_number compares each position with each, (T, T); then nobody may look ahead.",
           "same_text & a causal mask of (T, T), with same_text as in the hint before."),
    why="Packed rows waste nothing, and with this mask no text knows that it has neighbours.",
    cases=[(torch.tensor(numbers),) for numbers in ([0, 0, 0, 1, 1], [0, 1, 1, 2], [3, 3, 3, 3], [5, 5, 2, 9])],
    draw=maps,
    wrong={
        POLARITY: lambda n: ~(alike(n) & causal(len(n))),
        "the texts are apart, but inside a text the future is in view: & the causal mask": alike,
        "causal, but the second text looks at the first: compare the numbers of the texts": lambda n: causal(len(n)),
        "joined with | where & belongs: a key must be both, in the same text and not ahead":
            lambda n: alike(n) | causal(len(n)),
        "the first text alone is kept apart: the others must be, too": lambda n: alike(n == n[0]) & causal(len(n)),
        "no position may look at itself": lambda n: alike(n) & causal(len(n)).tril(-1),
    },
)
def packed(text_number: Tensor) -> Tensor:
    same_text = text_number[:, None] == text_number  # (T, T)
    return same_text & torch.ones_like(same_text).tril()


def on_words(answer: Callable[[Tensor], Any], padding: Tensor) -> dict[str, Any]:
    """What counts of an answer: the positions of words, and what no table of T rows has."""
    value = answer(padding)
    positions = torch.as_tensor(value)
    if positions.shape != padding.shape or positions.dtype == torch.bool or positions.is_floating_point():
        raise TypeError(f"expected whole numbers of shape {tuple(padding.shape)}")
    outside = positions[(positions < 0) | (positions >= padding.shape[1])]
    return {
        "your row of positions, with -1 where the padding is,": positions.masked_fill(padding, -1).tolist(),
        "the list of positions that a table of T rows has not": outside.tolist(),
    }

@exercise(
    hints=("How many words stand to the left of a word, padding not counted?",
           "A cumulative sum of ~padding counts them; but at the first word it says 1. And in front of it?",
           "((~padding).cumsum(dim=1) - 1), and no number below 0: clamp."),
    why="With these positions a text is read alike whether it is alone or pushed to the right by padding.",
    cases=[
        (torch.tensor(rows).bool(),)
        for rows in ([[1, 1, 0, 0, 0]], [[0, 0, 0, 1]], [[1, 0, 0, 1], [0, 0, 0, 0], [0, 1, 0, 0]], [[1, 1, 1]])
    ],
    given=lambda padding: f"for padding = {padding.int().tolist()}",
    drive=on_words,
    wrong={
        "the padding was counted as well, so padding on the left pushes the words to the right":
            lambda padding: torch.arange(padding.shape[1]).expand_as(padding),
        "the first real token has position 1; count from 0": lambda padding: (~padding).cumsum(1).clamp(max=4),
        "you counted the padding, not the words: cumsum of ~padding":
            lambda padding: (padding.cumsum(1) - 1).clamp(min=0),
        "each word was moved by all the padding of its row, also where that stands to the right of it":
            lambda padding: (torch.arange(padding.shape[1]) - padding.sum(1, keepdim=True)).clamp(min=0),
        "no table has a row below 0, padding or not. clamp(min=0) mends it": lambda padding: (~padding).cumsum(1) - 1,
    },
    also_right=[lambda padding: ((~padding).cumsum(1) - 1).masked_fill(padding, 0)],
)
def positions_of(padding: Tensor) -> Tensor:
    counted = (~padding).cumsum(dim=1)  # 1 at the first word
    return (counted - 1).clamp(min=0)
