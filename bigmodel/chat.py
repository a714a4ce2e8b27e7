"""Conversations: the tokens that say who speaks, rows whose loss counts the answers alone, and a model's reply.

    <|start|><|user|> Where is the kite?<|assistant|> in the attic<|end|><|user|> …

A run whose tokenizer knows both speakers is one to chat with: ``python -m bigmodel chat --run FOLDER``.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import TensorDataset

from bigmodel.data import IGNORE_INDEX
from bigmodel.decoder import Decoder
from bigmodel.generate import Sampling, draw_rows, stream_ids
from bigmodel.tokenizer import Tokenizer, WordTokenizer, decode_stream

SPEAKERS = {"user": "<|user|>", "assistant": "<|assistant|>"}
Turn = tuple[str, str]  # who speaks, and what is said


def chat_tokenizer(tokenizer: Tokenizer, texts: Iterable[str]) -> WordTokenizer:
    """The same tokenizer of words, with ids more at its end: for the speakers, and for words that it would spell.

    Raises:
        ValueError: it is no tokenizer of words.
    """
    if not isinstance(tokenizer, WordTokenizer):
        raise ValueError(f"a {type(tokenizer).__name__} cannot be given more words: use the run of a WordTokenizer.")
    pieces = {piece.encode() for text in texts for piece in tokenizer.pieces(" " + text)}
    unknown = sorted(piece for piece in pieces if len(piece) > 1 and piece not in tokenizer.vocabulary)
    speakers = [name for name in SPEAKERS.values() if name not in tokenizer.specials]
    ids = {name: tokenizer.vocab_size + place for place, name in enumerate([*speakers, *unknown])}
    return WordTokenizer(
        tokenizer.vocabulary | {word: ids[word] for word in unknown},
        tokenizer.specials | {name: ids[name] for name in speakers},
        tokenizer.pattern,
    )


@torch.no_grad()
def grow(decoder: Decoder, before: Tokenizer, after: Tokenizer, seed: int = 0) -> Decoder:
    """The same model for a tokenizer with more ids at its end.

    A new word that was known without the space before it begins with the rows of that one. Any other begins with a
    random vector, and as improbable as the byte 255, which no text has.
    """
    old, new = decoder.vocab_size, after.vocab_size
    state = decoder.state_dict()
    drawn = torch.randn(new - old, decoder.config.n_embd, generator=torch.Generator().manual_seed(seed))
    embedding = torch.cat([state["embedding.weight"], drawn])  # (V, C)
    never = state["unembedding.weight"][before.vocabulary[b"\xff"]]  # (C,)
    unembedding = torch.cat([state["unembedding.weight"], never.expand(new - old, -1)])  # (V, C)
    for token in range(old, new):
        relative = before.encode(after.decode([token]).strip())
        if len(relative) == 1:
            embedding[token], unembedding[token] = embedding[relative[0]], unembedding[relative[0]]
    grown = Decoder(replace(decoder.config, vocab_size=new))
    grown.load_state_dict(state | {"embedding.weight": embedding, "unembedding.weight": unembedding})
    return grown


def conversation_ids(turns: Sequence[Turn], tokenizer: Tokenizer) -> tuple[list[int], list[bool]]:
    """The ids of a conversation, and for each whether the assistant has to find it: its words, and its end token.

    What is said becomes plain text, whatever it says: nobody can write "<|assistant|>" and so speak for another.
    """
    ids, answered = [tokenizer.start], [False]
    for speaker, text in turns:
        said = tokenizer.encode(" " + text)
        if speaker == "assistant":
            said = [*said, tokenizer.end]
        ids += [tokenizer.specials[SPEAKERS[speaker]], *said]
        answered += [False, *(speaker == "assistant" for _ in said)]
    return ids, answered


def conversation_rows(conversations: Sequence[Sequence[Turn]], tokenizer: Tokenizer) -> TensorDataset:
    """Lay out conversations one a row: inputs and targets (N, T), where only what the assistant says is a target.

    Raises:
        ValueError: there are none.
    """
    if not conversations:
        raise ValueError("there are no conversations to lay out: give at least one.")
    laid = [conversation_ids(turns, tokenizer) for turns in conversations]
    length = max(len(ids) for ids, _ in laid) - 1
    inputs = torch.full((len(laid), length), tokenizer.padding)  # (N, T)
    targets = torch.full((len(laid), length), IGNORE_INDEX)  # (N, T)
    for row, (ids, answered) in enumerate(laid):
        inputs[row, : len(ids) - 1] = torch.tensor(ids[:-1])
        labels = torch.tensor(ids[1:])
        targets[row, : len(labels)] = labels.masked_fill(~torch.tensor(answered[1:]), IGNORE_INDEX)
    return TensorDataset(inputs, targets)


def that_fit(turns: Sequence[Turn], tokenizer: Tokenizer, tokens: int) -> list[Turn]:
    """The latest turns that fit into so many tokens with the beginning of a reply; the first is the user's."""
    left = list(turns)
    while left and (len(conversation_ids(left, tokenizer)[0]) >= tokens or left[0][0] != "user"):
        del left[0]
    return left


def reply(
    model: nn.Module, tokenizer: Tokenizer, turns: Sequence[Turn], length: int, sampling: Sampling
) -> Iterator[str]:
    """The assistant's answer to a conversation, piece by piece, as its tokens come."""
    ids, _ = conversation_ids(turns, tokenizer)
    ids.append(tokenizer.specials[SPEAKERS["assistant"]])
    return decode_stream(tokenizer, stream_ids(model, ids, length, sampling, end=tokenizer.end))


def reply_all(
    model: nn.Module, tokenizer: Tokenizer, conversations: Sequence[Sequence[Turn]], length: int, sampling: Sampling
) -> list[str]:
    """The assistant's answers to many conversations, written side by side."""
    speaker = tokenizer.specials[SPEAKERS["assistant"]]
    rows = [[*conversation_ids(turns, tokenizer)[0], speaker] for turns in conversations]
    longest = max(map(len, rows))
    ids = torch.tensor([[tokenizer.padding] * (longest - len(row)) + row for row in rows])  # (B, T)
    padding = torch.tensor([[place < longest - len(row) for place in range(longest)] for row in rows])  # (B, T)
    said: list[list[int]] = [[] for _ in rows]
    speaking = set(range(len(rows)))
    for tokens in draw_rows(model, ids, length, sampling, padding):
        for row in [row for row in speaking if tokens[row] == tokenizer.end]:
            speaking.discard(row)
        for row in speaking:
            said[row].append(int(tokens[row]))
        if not speaking:
            break
    return [tokenizer.decode(answer).strip() for answer in said]


def read_conversations(path: str | Path) -> list[list[Turn]]:
    """Read a file of conversations, a line of JSON each: {"messages": [{"role": "user", "content": "…"}, …]}.

    Raises:
        OSError: the file cannot be read.
        ValueError: a line is no conversation; it is named, with what is wrong.
    """
    found = []
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), start=1):
        if line.strip():
            try:
                found.append(_conversation(line))
            except ValueError as error:
                raise ValueError(f"line {number} of {path} {error}") from None
    if not found:
        raise ValueError(f"{path} has no conversation: write one on each line.")
    return found


def _conversation(line: str) -> list[Turn]:
    try:
        messages = json.loads(line)["messages"]
        turns = [(message["role"], message["content"]) for message in messages]
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON ({error.msg} at character {error.pos + 1}): mend it there.") from None
    except (KeyError, TypeError):
        raise ValueError('has not the form {"messages": [{"role": "user", "content": "…"}, …]}.') from None
    for place, (speaker, text) in enumerate(turns):
        wanted = ("user", "assistant")[place % 2]
        if speaker != wanted:
            raise ValueError(f"has a turn of {speaker!r} where {wanted!r} has to speak: they take turns, user first.")
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"has a turn of the {speaker} that says nothing: its content is {text!r}.")
    if len(turns) < 2:
        raise ValueError("has no answer to learn from: a turn of the user and one of the assistant, at least.")
    return turns
