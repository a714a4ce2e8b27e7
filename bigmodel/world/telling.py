"""The standard world: the plot, and the three scripts in which it is told, put together."""

import re
from collections.abc import Callable, Mapping

from bigmodel.world import english, hanzi, lexicon, plot
from bigmodel.world.frames import Script, Slot, Slots, script
from bigmodel.world.pinyin import pinyin
from bigmodel.world.program import World

SCRIPTS = ("english", "hanzi", "pinyin")
Templates = Mapping[str, tuple[str, ...]]


def slots(column: str) -> dict[str, Slot]:
    """The slots of a script: one a role, and one for each further form of a word (`{he}`, `{measure}`)."""
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
    return found


def english_script(frames: Templates = english.FRAMES) -> Script:
    """Words and spaces."""
    return script("english", " ", slots("english"), frames)


def hanzi_script(frames: Templates = hanzi.FRAMES) -> Script:
    """Chinese characters: the words of the Chinese frames, without the spaces between them."""
    return script("hanzi", "", map_slots(slots("hanzi"), unspaced), map_templates(frames, unspaced))


def pinyin_script(frames: Templates = hanzi.FRAMES) -> Script:
    """The same Chinese frames as sounds: tone marks, words parted by spaces."""
    words = map_slots(slots("hanzi"), pinyin)
    names = {value: name[0].upper() + name[1:] for value, name in words["hero"].texts.items()}
    sentences = map_templates(frames, lambda template: capitalise(pinyin(template)))
    return script("pinyin", " ", {**words, "hero": Slot("hero", names)}, sentences)


def unspaced(chinese: str) -> str:
    """Chinese as it is written."""
    return chinese.replace(" ", "")


def map_slots(found: Slots, write: Callable[[str], str]) -> dict[str, Slot]:
    """The same slots, their words written another way."""
    return {
        name: Slot(slot.role, {value: write(text) for value, text in slot.texts.items()})
        for name, slot in found.items()
    }


def map_templates(frames: Templates, write: Callable[[str], str]) -> dict[str, tuple[str, ...]]:
    """The same frames, written another way."""
    return {beat: tuple(map(write, templates)) for beat, templates in frames.items()}


def capitalise(template: str) -> str:
    """A capital at the head of each sentence and of each quotation that begins one."""

    def capital(found: re.Match[str]) -> str:
        head, start = found.groups()
        if start.startswith("["):
            return head + "[" + "|".join(way[:1].upper() + way[1:] for way in start[1:-1].split("|")) + "]"
        return head + start[:-1] + start[-1].upper()

    return re.sub(r"(^“?|[.!?] |: “|[.!?] “)(\[[^\]]*\]|\{?[^\W\d_])", capital, template)


def world(english_frames: Templates = english.FRAMES, chinese_frames: Templates = hanzi.FRAMES) -> World:
    """The world told with these frames."""
    scripts = (english_script(english_frames), hanzi_script(chinese_frames), pinyin_script(chinese_frames))
    return World(plot.BEATS, {script.name: script for script in scripts})


WORLD = world()
