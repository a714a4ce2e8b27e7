"""Exercises in which the reader writes a class of layers: built beside the right one, with the same weights.

    @building(
        hints=(…), why="…", wrong={"the mean is not subtracted": RMSNorm, …},
        build=[((4,), lambda: (torch.randn(2, 3, 4, generator=seeded(0)),)), …],
    )
    class LayerNorm(nn.Module): …

A class of the package is subclassed, ``class Decoder(decoder.Decoder): …``, so that it has its place in the check.
Each of ``build`` is (arguments of the class, inputs of its forward, or a function that makes them). What is compared:
the parameters, whose names must be those of the right answer, as weights are carried over by name; the outputs; the
gradients. Where the outputs are wrong and ``causal`` is set, the reader's own module is asked whether it looks ahead.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from bigmodel.check.engine import Compared, Function, Outcome
from bigmodel.check.speech import say
from bigmodel.check.values import cut, differing, plain, same, unlike, written


class Building(Compared):
    """A class of layers, part by part."""

    def __init__(self, right: Any, *, build: Sequence[Any], causal: bool = False, **more: Any) -> None:
        """Take what `building` takes."""
        self.causal = causal
        cases = [(arguments, inputs() if callable(inputs) else inputs) for arguments, inputs in build]
        super().__init__(right, cases=cases, drive=self.parts, **more)

    @cached_property
    def names(self) -> list[str]:
        """What a case is made of."""
        return ["the arguments", "inputs"]

    def given(self, arguments: Sequence[Any]) -> str:
        """How a case reads: for LayerNorm(4) and an input of shape (2, 3, 4)."""
        if self.words:
            return super().given(arguments)
        made, inputs = arguments
        call = ", ".join(cut(written(each), 40) for each in made)
        return f"for {self.name}({call}) and an input of shape {tuple(inputs[0].shape)} "

    def parts(self, answer: Function, arguments: tuple[Any, ...], inputs: tuple[Any, ...]) -> Any:
        """Build both, carry the weights over, and run the answer forward and backward."""
        with torch.random.fork_rng(devices=[]):  # the first weights are drawn, and nobody else's draws change
            reference, module = self.right(*arguments), answer(*arguments)
        if not isinstance(module, nn.Module):
            return module
        randomise(reference)
        ours, theirs = dict(reference.named_parameters()), dict(module.named_parameters())
        shapes = [tuple(weights.shape) for weights in theirs.values()]
        if Counter(shapes) != Counter(tuple(weights.shape) for weights in ours.values()):
            return {"parameters": shapes}
        absent = [name for name in ours if name not in theirs or theirs[name].shape != ours[name].shape]
        if absent:
            return {"name": absent[0]}
        for name, weights in ours.items():
            theirs[name].data = weights.data.clone()
        output = module(*inputs)
        found = {"output": output, "gradients": {}, "ahead": None}
        if not isinstance(output, Tensor):
            return found
        if self.causal:
            found["ahead"] = looks_ahead(module, inputs)
        if output.requires_grad:
            try:
                (output * torch.linspace(-1, 1, output.numel()).view(output.shape)).sum().backward()
            except RuntimeError as error:
                if "inplace" not in str(error):
                    raise
                return {"output": output, "in place": True}
        return found | {"gradients": {name: weights.grad for name, weights in theirs.items()}}

    def is_right(self, found: Outcome, expected: Outcome) -> bool:
        """Whether output and gradients are the expected ones."""
        return self.sentence(found.value, expected.value, "") is None if found.error is None else False

    def difference(self, answer: Function, found: list[Outcome], case: int) -> str:
        """Say which part goes wrong first."""
        outcome, given = found[case], self.given(self.arguments(case))
        known = next((said for said, others in self.known.items() if self.agree(found, others)), None)
        if outcome.changed and known is None:
            return say("in place", given=given, names=outcome.changed[0])
        if outcome.error is not None:
            text = self.stopped(outcome.error, given)
        else:
            text = self.sentence(outcome.value, self.expected[case].value, given) or ""
        return f"{text.removesuffix('.')}: {say(known)}." if known else text

    def sentence(self, value: Any, expected: dict[str, Any], given: str) -> str | None:
        """What is wrong with one case: parameters, output, a look ahead, gradients; None if nothing is."""
        if not (isinstance(value, dict) and value.keys() & {"output", "parameters", "name"}):
            return say("not a module", given=given, value="nothing" if value is None else written(value))
        if "parameters" in value:
            shapes = [tuple(gradient.shape) for gradient in expected["gradients"].values()]
            missing, more = left_over(shapes, value["parameters"]), left_over(value["parameters"], shapes)
            return say("parameters", given=given, missing=missing, more=more)
        if "name" in value:
            return say("name", given=given, expected=value["name"])
        if (odd := unlike(value["output"], expected["output"], given)) is not None:
            return odd
        if not same(plain(value["output"]), plain(expected["output"]), self.tolerance):
            if value.get("ahead") is not None and expected["ahead"] is None:
                return say("causality", given=given, early=value["ahead"][0], late=value["ahead"][1])
            return f"{differing(value['output'], expected['output'], given)}."
        if "in place" in value:
            return say("in place inside", given=given)
        for name, wanted in expected["gradients"].items():
            gradient = value["gradients"][name]
            if (gradient is None) != (wanted is None):
                return say("no gradient", given=given, value=name)
            if wanted is not None and not same(plain(gradient), plain(wanted), 10 * self.tolerance):
                return say("gradients", given=given, value=name)
        return None


def left_over(shapes: Sequence[tuple[int, ...]], others: Sequence[tuple[int, ...]]) -> str:
    """The shapes that are not among the others, in words."""
    left = sorted((Counter(shapes) - Counter(others)).elements())
    return ", ".join(map(str, left[:4])) + (" …" if len(left) > 4 else "") if left else "none"


def randomise(module: nn.Module) -> None:
    """Give every parameter numbers of its own: ones and zeros hide what is done with them."""
    generator = torch.Generator().manual_seed(0)
    for weights in module.parameters():
        weights.data = 0.5 * torch.randn(weights.shape, generator=generator)


def looks_ahead(module: nn.Module, inputs: tuple[Any, ...]) -> tuple[int, int] | None:
    """The first position that changes when only a later one is changed, and that one; None for a causal module."""
    first = inputs[0]
    with torch.no_grad():
        before = module(*inputs)
        for late in range(first.shape[1] - 1, 0, -1):
            other = first.clone()
            other[:, late] = first[:, late].roll(1, -1) if first.is_floating_point() else (first[:, late] + 1) % 2
            moved = (module(other, *inputs[1:]) - before).abs().flatten(2).amax((0, 2))[:late]
            if bool((moved > 0).any()):
                return int(moved.nonzero()[0]), late
    return None


def building(**settings: Any) -> Callable[[Any], Building]:
    """Make an exercise of a class of layers, see above; takes what `exercise` takes, but ``build`` instead of cases."""
    return lambda right: Building(right, **settings)
