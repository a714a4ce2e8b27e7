"""Logits → tokens → text: how a model that only scores next tokens comes to write."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

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
    if not temperature > 0:
        raise ValueError(
            f"temperature is {temperature}, but logits are divided by it: use a number above 0, or top_k=1 for the "
            "most probable token every time."
        )
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k is {top_k}, but at least 1 token must be left to choose from.")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p is {top_p}, but it is a share of the probability: above 0 and at most 1.")
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
def next_logits(model: nn.Module, ids: Tensor) -> Tensor:
    """Logits for the token that follows each row of ids (B, T); only what fits the model's context is shown to it.

    Returns:
        Logits (B, V).

    Raises:
        ValueError: the rows are empty.
    """
    if ids.shape[1] == 0:
        raise ValueError(
            "the prompt has no token to continue from: give at least one, such as the start token."
        )
    visible = ids[:, -(context_length(model) or ids.shape[1]) :]  # (B, context)
    return model(visible)[:, -1]  # (B, V)


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
    generator = torch.Generator().manual_seed(seed)
    row = torch.tensor([ids], dtype=torch.long)  # (1, T)
    for _ in range(length):
        chances = probabilities(next_logits(model, row), temperature, top_k, top_p)  # (1, V)
        drawn = torch.multinomial(chances, 1, generator=generator)  # (1, 1)
        if drawn.item() == end:
            return
        yield int(drawn.item())
        row = torch.cat([row, drawn], dim=1)  # (1, T + 1)


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
    if length < 0:
        raise ValueError(f"length is {length}, but a text is not continued by fewer than 0 tokens.")
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
