"""Logits → tokens → text: how a model that only scores next tokens comes to write."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bigmodel.decoder import Decoder
from bigmodel.model import context_length
from bigmodel.tokenizer import Tokenizer, decode_stream


def probabilities(
    logits: Tensor, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
) -> Tensor:
    """Turn logits into the probabilities that the next token is drawn with.

    The logits are divided by the temperature; of the tokens, only the ``top_k`` most probable are kept, and of
    these only the smallest set whose probabilities reach ``top_p`` (nucleus sampling, Holtzman et al. 2020).

    Args:
        logits: (..., V).

    Returns:
        Probabilities (..., V), each row summing to 1.

    Raises:
        ValueError: temperature is not above 0, top_k is below 1, or top_p is outside 0 < top_p ≤ 1.
    """
    _check_settings(temperature, top_k, top_p)
    if top_k is None and top_p is None:
        return torch.softmax(logits / temperature, dim=-1)
    ordered, tokens = torch.sort(logits / temperature, dim=-1, descending=True, stable=True)  # (..., V)
    if top_k is not None:
        ordered[..., top_k:] = -torch.inf
    if top_p is not None:
        before = torch.softmax(ordered, -1).cumsum(-1) - torch.softmax(
            ordered, -1
        )  # of the more probable ones
        ordered = ordered.masked_fill(before >= top_p, -torch.inf)
    return torch.empty_like(ordered).scatter_(-1, tokens, torch.softmax(ordered, -1))  # (..., V)


@torch.no_grad()
def next_logits(model: nn.Module, ids: Tensor, padding: Tensor | None = None) -> Tensor:
    """Logits for the token that follows each row of ids (B, T); only what fits the model's context is shown to it.

    Returns:
        Logits (B, V).

    Raises:
        ValueError: the rows are empty.
    """
    _check_prompt(ids)
    fits = context_length(model) or ids.shape[1]
    if padding is not None:
        return model(ids[:, -fits:], padding[:, -fits:])[:, -1]  # (B, V)
    return model(ids[:, -fits:])[:, -1]  # (B, V)


@torch.no_grad()
def draw_rows(
    model: nn.Module,
    ids: Tensor,
    length: int,
    *,
    padding: Tensor | None = None,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int = 0,
) -> Iterator[Tensor]:
    """Draw the next token of every row of ids (B, T) at once, (B,), ``length`` times, each given all before it.

    A Decoder reads each token once and keeps its keys and values, until its context is full: the tokens are the
    same as without, only sooner. ``padding`` (B, T) is True where a row has been filled up on its left.
    """
    _check_prompt(ids)
    _check_settings(temperature, top_k, top_p)
    generator = torch.Generator().manual_seed(seed)
    cache = model.new_cache(len(ids)) if isinstance(model, Decoder) else None
    unread = ids
    for _ in range(length):
        if isinstance(model, Decoder) and ids.shape[1] <= model.context:
            with torch.inference_mode():  # as no_grad, with still less to keep account of
                logits = model(unread, padding, cache)[:, -1]  # (B, V)
        else:
            logits = next_logits(model, ids, padding)  # (B, V)
        if top_k == 1:  # nothing is left to chance
            unread = logits.argmax(-1, keepdim=True)  # (B, 1)
        else:
            chances = probabilities(logits, temperature, top_k, top_p)  # (B, V)
            unread = torch.multinomial(chances, 1, generator=generator)  # (B, 1)
        yield unread[:, 0]
        ids = torch.cat([ids, unread], dim=1)  # (B, T + 1)
        if padding is not None:
            padding = F.pad(padding, (0, 1), value=False)  # (B, T + 1)


def stream_ids(
    model: nn.Module,
    ids: list[int],
    length: int,
    *,
    end: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int = 0,
) -> Iterator[int]:
    """Draw up to ``length`` tokens, one after the other, each given all before it; stop at the token ``end``."""
    row = torch.tensor([ids], dtype=torch.long)  # (1, T)
    for drawn in draw_rows(model, row, length, temperature=temperature, top_k=top_k, top_p=top_p, seed=seed):
        if drawn.item() == end:
            return
        yield int(drawn.item())


def stream(
    model: nn.Module,
    tokenizer: Tokenizer,
    prompt: str,
    length: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int = 0,
) -> Iterator[str]:
    """Continue a prompt piece by piece, as the tokens come; no piece ends inside a character.

    Raises:
        ValueError: length is below 0, or a setting of ``probabilities`` is out of range.
    """
    _check_length(length)
    ids = [tokenizer.start, *tokenizer.encode(prompt)]
    drawn = stream_ids(
        model, ids, length, end=tokenizer.end, temperature=temperature, top_k=top_k, top_p=top_p, seed=seed
    )
    return decode_stream(tokenizer, drawn)


def generate(
    model: nn.Module,
    tokenizer: Tokenizer,
    prompt: str,
    length: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int = 0,
) -> str:
    """Return the prompt with up to ``length`` tokens more; the same seed writes the same text.

    Raises:
        ValueError: length is below 0, or a setting of ``probabilities`` is out of range.
    """
    return prompt + "".join(stream(model, tokenizer, prompt, length, temperature, top_k, top_p, seed))


def generate_all(
    model: nn.Module,
    tokenizer: Tokenizer,
    prompts: Sequence[str],
    length: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int = 0,
) -> list[str]:
    """Continue many prompts side by side, by up to ``length`` tokens each, and return the texts.

    Prompts of different lengths are filled up on their left: a Decoder does not look there. (Another model may.)

    Raises:
        ValueError: there are no prompts, length is below 0, or a setting of ``probabilities`` is out of range.
    """
    _check_length(length)
    if not prompts:
        raise ValueError("there are no prompts to continue: give at least one, such as the empty text.")
    rows = [[tokenizer.start, *tokenizer.encode(prompt)] for prompt in prompts]
    longest = max(map(len, rows))
    ids = torch.tensor([[tokenizer.padding] * (longest - len(row)) + row for row in rows])  # (B, T)
    padding = torch.tensor([[i < longest - len(row) for i in range(longest)] for row in rows])  # (B, T)
    shorter = padding if padding.any() and isinstance(model, Decoder) else None
    drawn: list[Tensor] = []
    done = torch.zeros(len(rows), dtype=torch.bool)  # (B,)
    for tokens in draw_rows(
        model, ids, length, padding=shorter, temperature=temperature, top_k=top_k, top_p=top_p, seed=seed
    ):
        drawn.append(tokens)
        done |= tokens == tokenizer.end
        if done.all():
            break
    written = torch.stack(drawn, dim=1).tolist() if drawn else [[] for _ in rows]
    return [
        prompt + tokenizer.decode(_before(tokenizer.end, row))
        for prompt, row in zip(prompts, written, strict=True)
    ]


def _before(end: int, ids: list[int]) -> list[int]:
    return ids[: ids.index(end)] if end in ids else ids


def _check_settings(temperature: float, top_k: int | None, top_p: float | None) -> None:
    if not temperature > 0:
        raise ValueError(
            f"temperature is {temperature}, but logits are divided by it: use a number above 0, or top_k=1 for the "
            "most probable token every time."
        )
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k is {top_k}, but at least 1 token must be left to choose from.")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p is {top_p}, but it is a share of the probability: above 0 and at most 1.")


def _check_length(length: int) -> None:
    if length < 0:
        raise ValueError(f"length is {length}, but a text is not continued by fewer than 0 tokens.")


def _check_prompt(ids: Tensor) -> None:
    if ids.shape[1] == 0:
        raise ValueError(
            "the prompt has no token to continue from: give at least one, such as the start token."
        )
