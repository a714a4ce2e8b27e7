"""Logits → tokens → text: how a model that only scores next tokens comes to write."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bigmodel.model import check_ids, context_length, part_with
from bigmodel.tokenizer import Tokenizer, decode_stream


@dataclass(frozen=True)
class Sampling:
    """How the next token is drawn: as ``Sampling()`` says, with the model's own probabilities.

    Attributes:
        temperature: what logits are divided by; below 1 safer, above wilder.
        top_k: of the tokens, only so many of the most probable are kept.
        top_p: of these, only the smallest set whose probabilities reach it (nucleus, Holtzman et al. 2020).
        seed: the same one draws the same text.

    Raises:
        ValueError: temperature is not above 0, top_k is below 1, or top_p is outside 0 < top_p ≤ 1.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise ValueError(
                f"temperature is {self.temperature}, but logits are divided by it: use a number above 0, or top_k=1 "
                "for the most probable token every time."
            )
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f"top_k is {self.top_k}, but at least 1 token must be left to choose from.")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise ValueError(f"top_p is {self.top_p}, but it is a share of the probability: above 0 and at most 1.")


def probabilities(logits: Tensor, sampling: Sampling = Sampling()) -> Tensor:
    """Turn logits (..., V) into the probabilities (..., V) that the next token is drawn with."""
    if sampling.top_k is None and sampling.top_p is None:
        return torch.softmax(logits / sampling.temperature, dim=-1)
    ordered, tokens = torch.sort(logits / sampling.temperature, dim=-1, descending=True, stable=True)
    if sampling.top_k is not None:
        ordered[..., sampling.top_k :] = -torch.inf
    if sampling.top_p is not None:
        chances = torch.softmax(ordered, dim=-1)  # (..., V)
        before = chances.cumsum(-1) - chances  # of the more probable ones
        ordered = ordered.masked_fill(before >= sampling.top_p, -torch.inf)
    return torch.empty_like(ordered).scatter_(-1, tokens, torch.softmax(ordered, dim=-1))  # (..., V)


def next_logits(model: nn.Module, ids: Tensor, padding: Tensor | None = None) -> Tensor:
    """Logits for the token that follows each row of ids (B, T); only what fits the model's context is shown to it.

    Returns:
        Logits (B, V).

    Raises:
        ValueError: the rows are empty.
    """
    _check_prompt(model, ids)
    return _read_anew(model, ids, padding)


@torch.no_grad()
def _read_anew(model: nn.Module, ids: Tensor, padding: Tensor | None) -> Tensor:
    fits = context_length(model) or ids.shape[1]
    if padding is None:
        return model(ids[:, -fits:])[:, -1]  # (B, V)
    reader = part_with(model, "new_cache")
    return _call(model, reader, ids[:, -fits:], padding=padding[:, -fits:])[:, -1]  # (B, V)


def draw_rows(
    model: nn.Module, ids: Tensor, length: int, sampling: Sampling = Sampling(), padding: Tensor | None = None
) -> Iterator[Tensor]:
    """Draw the next token of every row of ids (B, T) at once, (B,), ``length`` times, each given all before it.

    A model that offers ``new_cache`` reads each token once and keeps its keys and values, until its context is
    full: the tokens are the same as without, only sooner. ``padding`` (B, T) is True where a row has been filled up
    on its left.

    Raises:
        ValueError: the rows are empty, or an id is outside the model's vocabulary.
    """
    _check_prompt(model, ids)
    model = getattr(model, "_orig_mod", model)  # torch.compile would compile anew for every length
    reader = part_with(model, "new_cache")
    cache = reader.new_cache(len(ids)) if reader is not None else None
    room = (context_length(model) or 0) if cache else 0
    generator = torch.Generator(ids.device).manual_seed(sampling.seed)
    unread = ids
    for _ in range(length):
        if ids.shape[1] <= room:
            with torch.inference_mode():  # as no_grad, with still less to keep account of
                logits = _call(model, reader, unread, padding=padding, cache=cache)[:, -1]  # (B, V)
        else:
            logits = _read_anew(model, ids, padding)  # (B, V)
        if sampling.top_k == 1:  # nothing is left to chance
            unread = logits.argmax(-1, keepdim=True)  # (B, 1)
        else:
            unread = torch.multinomial(probabilities(logits, sampling), 1, generator=generator)  # (B, 1)
        yield unread[:, 0]
        ids = torch.cat([ids, unread], dim=1)  # (B, T + 1)
        if padding is not None:
            padding = F.pad(padding, (0, 1), value=False)  # (B, T + 1)


def stream_ids(
    model: nn.Module, ids: list[int], length: int, sampling: Sampling = Sampling(), *, end: int
) -> Iterator[int]:
    """Draw up to ``length`` tokens, one after the other, each given all before it; stop at the token ``end``."""
    row = torch.tensor([ids], device=_device(model), dtype=torch.long)  # (1, T)
    for drawn in draw_rows(model, row, length, sampling):
        token = int(drawn.item())
        if token == end:
            return
        yield token


def stream(
    model: nn.Module, tokenizer: Tokenizer, prompt: str, length: int, sampling: Sampling = Sampling()
) -> Iterator[str]:
    """Continue a prompt piece by piece, as the tokens come; no piece ends inside a character.

    Raises:
        ValueError: length is below 0, or the model does not know the tokenizer's ids.
    """
    _check_length(length)
    ids = [tokenizer.start, *tokenizer.encode(prompt)]
    return decode_stream(tokenizer, stream_ids(model, ids, length, sampling, end=tokenizer.end))


def generate(model: nn.Module, tokenizer: Tokenizer, prompt: str, length: int, sampling: Sampling = Sampling()) -> str:
    """Return the prompt with up to ``length`` tokens more; the same seed writes the same text.

    Raises:
        ValueError: length is below 0, or the model does not know the tokenizer's ids.
    """
    return prompt + "".join(stream(model, tokenizer, prompt, length, sampling))


def generate_all(
    model: nn.Module,
    tokenizer: Tokenizer,
    prompts: Sequence[str],
    length: int,
    sampling: Sampling = Sampling(),
) -> list[str]:
    """Continue many prompts side by side, by up to ``length`` tokens each, and return the texts.

    Prompts of different lengths are filled up on their left: a model with a cache does not look there. (Another
    may.)

    Raises:
        ValueError: there are no prompts, length is below 0, or the model does not know the tokenizer's ids.
    """
    _check_length(length)
    if not prompts:
        raise ValueError("there are no prompts to continue: give at least one, such as the empty text.")
    rows = [[tokenizer.start, *tokenizer.encode(prompt)] for prompt in prompts]
    longest = max(map(len, rows))
    left = torch.tensor([longest - len(row) for row in rows], device=_device(model))  # (B,)
    filled = [[tokenizer.padding] * (longest - len(row)) + row for row in rows]
    ids = torch.tensor(filled, device=left.device)  # (B, T)
    padding = None
    if left.any() and part_with(model, "new_cache") is not None:
        padding = torch.arange(longest, device=left.device) < left[:, None]  # (B, T)
    drawn: list[Tensor] = []
    done = torch.zeros_like(left, dtype=torch.bool)  # (B,)
    for tokens in draw_rows(model, ids, length, sampling, padding):
        drawn.append(tokens)
        done |= tokens == tokenizer.end
        if done.all():
            break
    written = torch.stack(drawn, dim=1).tolist() if drawn else [[] for _ in rows]
    return [
        prompt + tokenizer.decode(_before(tokenizer.end, row)) for prompt, row in zip(prompts, written, strict=True)
    ]


def _call(model: nn.Module, reader: nn.Module | None, ids: Tensor, **more: object) -> Tensor:
    """Call a model so that the reader in it gets more than ids, inside of wrappers that may know of ids alone."""
    if reader is None or reader is model:
        return model(ids, **more)

    def add(_: nn.Module, ids_alone: tuple, known: dict) -> tuple[tuple, dict]:
        return ids_alone, known | more

    with reader.register_forward_pre_hook(add, with_kwargs=True):
        return model(ids)


def _device(model: nn.Module) -> torch.device:
    return next((parameter.device for parameter in model.parameters()), torch.device("cpu"))


def _before(end: int, ids: list[int]) -> list[int]:
    return ids[: ids.index(end)] if end in ids else ids


def _check_length(length: int) -> None:
    if length < 0:
        raise ValueError(f"length is {length}, but a text is not continued by fewer than 0 tokens.")


def _check_prompt(model: nn.Module, ids: Tensor) -> None:
    if ids.shape[1] == 0:
        raise ValueError("the prompt has no token to continue from: give at least one, such as the start token.")
    sized = part_with(model, "vocab_size")
    if sized is not None:
        check_ids(ids, sized.vocab_size)
