"""nbval with numbers compared to the precision that they are printed with.

Text must be the same to the letter. A number with two decimals or more may differ by one unit of its last
digit: low bits depend on the processor and on the number of threads. Whole numbers, versions and dates are
exact.
"""

import copy
import re
from decimal import Decimal
from typing import Any

from nbval.plugin import IPyNbCell

# Not part of a word or of a dotted sequence, so neither v2.13 nor 2.13.0 nor 23.11.2026; the spaces before it
# belong to it, since a minus sign or one digit more may take one of them.
NUMBER = re.compile(r" *(?<![\w.])[-+]?(?<![\w.])\d+\.\d{2,}(?:[eE][-+]?\d+)?(?!\w|\.\w)")


def same(reference: str, new: str) -> bool:
    """Whether two texts are equal but for the last digit of their decimals."""
    if NUMBER.sub(shape, reference) != NUMBER.sub(shape, new):
        return False
    pairs = zip(NUMBER.findall(reference), NUMBER.findall(new), strict=True)
    return all(close(Decimal(a.strip()), Decimal(b.strip())) for a, b in pairs)


def shape(match: re.Match[str]) -> str:
    """What must be equal of a number: whether space stands before it, and how many decimals it has."""
    decimals = re.split("[eE]", match[0])[0].partition(".")[2]
    return (" " if match[0].startswith(" ") else "") + "0." + "0" * len(decimals)


def close(a: Decimal, b: Decimal) -> bool:
    """Whether two printed numbers differ by at most one unit of the last digit."""
    unit = max(Decimal(1).scaleb(int(number.as_tuple().exponent)) for number in (a, b))
    return abs(a - b) <= unit


def tolerant(outputs: list[Any], reference: list[Any]) -> list[Any]:
    """The new outputs, with the reference's text wherever theirs is the same but for last digits."""
    outputs = copy.deepcopy(outputs)
    for new, old in zip(outputs, reference, strict=False):
        if new.output_type == old.output_type == "stream" and new.name == old.name and same(old.text, new.text):
            new.text = old.text
        for kind, text in new.get("data", {}).items():
            before = old.get("data", {}).get(kind)
            if isinstance(text, str) and isinstance(before, str) and same(before, text):
                new.data[kind] = before
    return outputs


strict_compare = IPyNbCell.compare_outputs


def compare_outputs(self: IPyNbCell, test: list[Any], ref: list[Any], skip_compare: Any = None) -> bool:
    """nbval's comparison, after the last digits have been made equal."""
    return bool(strict_compare(self, tolerant(test, ref), ref, skip_compare))


IPyNbCell.compare_outputs = compare_outputs
