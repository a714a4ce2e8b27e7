"""Exercises in which the reader writes a class of layers: built beside the right one, with the same weights.

    @building(
        hints=(…), why="…", wrong={"the mean is not subtracted": RMSNorm, …},
        build=[((4,), lambda: (torch.randn(2, 3, 4, generator=seeded(0)),)), …],
    )
    class LayerNorm(nn.Module): …

A class of the package is subclassed, ``class Decoder(decoder.Decoder): …``, so that it has its place in the check.
Each of ``build`` is (arguments of the class, inputs of its forward, or a function that makes them). What is compared:
the shapes of the parameters, the outputs, the gradients. Where the outputs are wrong and ``causal`` is set, the
reader's own module is asked whether it looks ahead. With ``by_name`` the parameters must have the names of the right
answer, because weights will be carried over by name.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import islice, permutations, product
from typing import Any

import torch
from torch import Tensor, nn

from bigmodel.check.engine import Compared, Function, Outcome
from bigmodel.check.speech import say
from bigmodel.check.values import differing, plain, same, unlike, written

ORDERS = 200  # ways to order layers of one shape that are tried, at most


class Building(Compared):
    """A class of layers, part by part."""

    def __init__(
        self, right: Any, hints: Sequence[str], why: str, *, build: Sequence[Any], causal: bool = False,
        by_name: bool = False, **more: Any,
    ) -> None:  # fmt: skip
        """Take what `building` takes."""
        self.causal, self.by_name = causal, by_name
        cases = [(arguments, inputs() if callable(inputs) else inputs) for arguments, inputs in build]
        super().__init__(right, hints, why, cases=cases, drive=self.parts, **more)

    @cached_property
    def names(self) -> list[str]:
        """What a case is made of."""
        return ["the arguments", "inputs"]

    def given(self, arguments: Sequence[Any]) -> str:
        """How a case reads: for LayerNorm(4) and an input of shape (2, 3, 4)."""
        if self.words:
            return super().given(arguments)
        made, inputs = arguments
        shapes = [str(tuple(each.shape)) if isinstance(each, Tensor) else written(each) for each in inputs]
        call = ", ".join(map(written, made))
        return f"for {self.name}({call}) and an input of shape {', '.join(shapes)} "

    def parts(self, answer: Function, arguments: tuple[Any, ...], inputs: tuple[Any, ...]) -> Any:
        """Build both, carry the weights over, and run the answer forward and backward."""
        with torch.random.fork_rng(devices=[]):  # the first weights are drawn, and nobody else's draws change
            reference, module = self.right(*arguments), answer(*arguments)
        if not isinstance(module, nn.Module):
            return module
        randomise(reference)
        shapes = [tuple(weights.shape) for weights in parameters(module).values()]
        if sorted(shapes) != sorted(tuple(weights.shape) for weights in parameters(reference).values()):
            return {"parameters": shapes}
        if self.by_name and (other := differing_name(parameters(reference), parameters(module))):
            return {"name": other}
        wanted = reference(*inputs).detach()
        found: dict[str, Any] = {}
        for names in orders(reference, module):
            carry(reference, module, names)
            output = module(*inputs)
            if not found or (isinstance(output, Tensor) and same(plain(output), plain(wanted))):
                found = {"output": output, "names": names}
            if isinstance(output, Tensor) and same(plain(output), plain(wanted)):
                break
        return self.backward(reference, module, found["names"], found["output"], inputs)

    def backward(
        self,
        reference: nn.Module,
        module: nn.Module,
        names: dict[str, str],
        output: Any,
        inputs: tuple[Any, ...],
    ) -> Any:
        """The output and the gradients, under the reference's names; and, asked of the module, if it looks ahead."""
        found = {"output": output, "gradients": {}, "ahead": None}
        if not isinstance(output, Tensor):
            return found
        carry(reference, module, names)
        if self.causal:
            found["ahead"] = looks_ahead(module, inputs)
        output = module(*inputs)
        if output.requires_grad:
            module.zero_grad()
            weights = torch.linspace(-1, 1, output.numel()).view(output.shape)
            (output * weights).sum().backward()
        own = parameters(module)
        found["gradients"] = {name: own[names[name]].grad for name in names}
        return found

    def is_right(self, found: Outcome, expected: Outcome) -> bool:
        """Whether output and gradients are the expected ones."""
        return self.sentence(found.value, expected.value, "") is None if found.error is None else False

    def difference(self, answer: Function, found: list[Outcome], case: int) -> str:
        """Say which part goes wrong first."""
        outcome, given = found[case], self.given(self.arguments(case))
        known = next((said for said, others in self.known.items() if self.agree(found, others)), None)
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
            if value["ahead"] is not None and expected["ahead"] is None:
                return say("causality", given=given, early=value["ahead"][0], late=value["ahead"][1])
            return f"{differing(value['output'], expected['output'], given)}."
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


def differing_name(ours: dict[str, nn.Parameter], theirs: dict[str, nn.Parameter]) -> str | None:
    """The first of our parameters that they do not have, under this name and in this shape."""
    return next((n for n, w in ours.items() if n not in theirs or theirs[n].shape != w.shape), None)


def parameters(module: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters by name, one that is shared once."""
    return dict(module.named_parameters())


def randomise(module: nn.Module) -> None:
    """Give every parameter numbers of its own: ones and zeros hide what is done with them."""
    generator = torch.Generator().manual_seed(0)
    for weights in parameters(module).values():
        weights.data = 0.5 * torch.randn(weights.shape, generator=generator)


def orders(reference: nn.Module, module: nn.Module) -> Iterator[dict[str, str]]:
    """The reader's name for each name of the reference: the same, or by shape and order, in every order of equals."""
    theirs, ours = parameters(module), parameters(reference)
    if all(name in theirs and theirs[name].shape == ours[name].shape for name in ours):
        yield {name: name for name in ours}
        return
    layers, wanted = by_layer(theirs), by_layer(ours)
    kinds = sorted(set(wanted))
    if sorted(layers) == kinds and all(len(layers[kind]) == len(wanted[kind]) for kind in kinds):
        ways = (permutations(layers[kind]) for kind in kinds)
        for way in islice(product(*ways), ORDERS):
            yield {
                mine: yours
                for kind, order in zip(kinds, way, strict=True)
                for layer, other in zip(wanted[kind], order, strict=True)
                for mine, yours in zip(layer, other, strict=True)
            }
        return
    free = dict(theirs)
    names = {}
    for name, weights in ours.items():
        names[name] = next(other for other, tried in free.items() if tried.shape == weights.shape)
        del free[names[name]]
    yield names


def by_layer(weights: dict[str, nn.Parameter]) -> dict[Any, list[list[str]]]:
    """The parameters of each layer, in order, under their shapes: {((4, 4), (4,)): [["a.weight", "a.bias"], …]}."""
    layers: dict[str, list[str]] = {}
    for name in weights:
        layers.setdefault(name.rpartition(".")[0] or name, []).append(name)
    kinds: dict[Any, list[list[str]]] = {}
    for names in layers.values():
        kinds.setdefault(tuple(tuple(weights[name].shape) for name in names), []).append(names)
    return kinds


def carry(reference: nn.Module, module: nn.Module, names: dict[str, str]) -> None:
    """Put the reference's weights into the other module."""
    ours, theirs = parameters(reference), parameters(module)
    for name, other in names.items():
        theirs[other].data = ours[name].data.clone()


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
