"""The standard world: the plot, and the three scripts in which it is told, put together."""

import re
from collections.abc import Callable, Mapping
from functools import cache

from bigmodel.world import english, hanzi, lexicon, plot
from bigmodel.world.frames import Script, Slot, Slots, script
from bigmodel.world.pinyin import pinyin
from bigmodel.world.program import World

SCRIPTS = ("english", "hanzi", "pinyin")
Templates = Mapping[str, tuple[str, ...]]


@cache
def slots(script_name: str) -> dict[str, Slot]:
    """The slots of a script: one a role, and one for each further form of a word (`{he}`, `{measure}`)."""
    column = "english" if script_name == "english" else "hanzi"
    found = {}
    for role, rows in plot.ROLES.items():
        found[role] = Slot(role, {value: row[column] for value, row in rows.items()})
        for form in next(iter(rows.values())):
            if form.startswith(f"{column}."):
                found[form.partition(".")[2]] = Slot(role, {value: row[form] for value, row in rows.items()})
    for form in next(iter(lexicon.GENDERS.values())):
        if form.startswith(f"{column}."):
            genders = {value: lexicon.GENDERS[row["gender"]][form] for value, row in lexicon.HEROES.items()}
            found[form.partition(".")[2]] = Slot("hero", genders)
    if script_name == "hanzi":
        return map_slots(found, unspaced)
    if script_name == "pinyin":
        return map_slots(found, pinyin) | {"hero": map_slots({"hero": found["hero"]}, name)["hero"]}
    return found


def write(template: str, script_name: str) -> str:
    """A template as the script writes it: the Chinese ones without spaces, or as sounds with capitals."""
    if script_name == "hanzi":
        return unspaced(template)
    return capitalise(pinyin(template)) if script_name == "pinyin" else template


def unspaced(chinese: str) -> str:
    """Chinese as it is written."""
    return chinese.replace(" ", "")


def name(chinese: str) -> str:
    """A name in pinyin."""
    return pinyin(chinese).capitalize()


def map_slots(found: Slots, spell: Callable[[str], str]) -> dict[str, Slot]:
    """The same slots, their words spelt another way."""
    return {
        slot_name: Slot(slot.role, {value: spell(text) for value, text in slot.texts.items()})
        for slot_name, slot in found.items()
    }


def capitalise(template: str) -> str:
    """A capital at the head of each sentence, and of each quotation that begins one."""

    def capital(found: re.Match[str]) -> str:
        head, start = found.groups()
        if start.startswith("["):
            return (
                head
                + "["
                + "|".join(
                    re.sub(r"^\{?[^\W\d_]", lambda first: first[0].upper(), way)
                    for way in start[1:-1].split("|")
                )
                + "]"
            )
        return head + start[:-1] + start[-1].upper()

    return re.sub(r"(^“?|[.!?] |: “|[.!?] “)(\[[^\]]*\]|\{?[^\W\d_])", capital, template)


def build(script_name: str, separator: str, templates: Templates) -> Script:
    """A script from its templates for each beat."""
    written = {
        beat: tuple(write(template, script_name) for template in told) for beat, told in templates.items()
    }
    return script(script_name, separator, slots(script_name), written)


def world(english_frames: Templates = english.FRAMES, chinese_frames: Templates = hanzi.FRAMES) -> World:
    """The world told with these frames."""
    scripts = (
        build("english", " ", english_frames),
        build("hanzi", "", chinese_frames),
        build("pinyin", " ", chinese_frames),
    )
    return World(plot.BEATS, {script.name: script for script in scripts})


WORLD = world()
