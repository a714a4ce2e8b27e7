"""The two worlds, each put together: what happens, and the frames that tell it in three scripts."""

import re
from functools import cache

from bigmodel.world.beats import BEATS, ROLES
from bigmodel.world.frames import Frame, Script, Slot, read_template
from bigmodel.world.program import World
from bigmodel.world.words import dialect, english, hanzi
from bigmodel.world.words.dialect import Templates
from bigmodel.world.words.pinyin import pinyin

SCRIPTS = ("english", "hanzi", "pinyin")


def spell(words: str, script: str) -> str:
    """Words of the tables as the script spells them: the Chinese ones without spaces, or as sounds."""
    if script == "hanzi":
        return words.replace(" ", "")
    return pinyin(words) if script == "pinyin" else words


def write(template: str, script: str) -> str:
    """A template as the script writes it; in pinyin, with the capitals that Chinese has not."""
    written = spell(template, script)
    return capitalise(written) if script == "pinyin" else written


def capitalise(template: str) -> str:
    """A capital at the head of each sentence, and of each quotation that begins one."""

    def capital(words: str) -> str:
        return re.sub(r"^\{?[^\W\d_]", lambda first: first[0].upper(), words)

    def head(found: re.Match[str]) -> str:
        before, start = found.groups()  # the start is a letter, a slot's, or a choice: then each of its ways
        return before + re.sub(r"[^\[|\]]+", lambda way: capital(way[0]), start)

    return re.sub(r"(^“?|[.!?] |: “|[.!?] “)(\[[^\]]*\]|\{?[^\W\d_])", head, template)


@cache
def slots(script: str) -> dict[str, Slot]:
    """The slots of a script: one a role, and one for each further form of a word (``{he}``, ``{measure}``)."""
    language = "english" if script == "english" else "hanzi"
    found = {}
    for role, rows in ROLES.items():
        for column in next(iter(rows.values())):
            spoken, _, form = column.partition(".")
            if spoken == language:
                texts = {value: spell(row[column], script) for value, row in rows.items()}
                found[form or role] = Slot(role, texts)
    if script == "pinyin":
        names = {hero: name.capitalize() for hero, name in found["hero"].texts.items()}
        found["hero"] = Slot("hero", names)
    return found


def build(script: str, separator: str, templates: Templates) -> Script:
    """A script from the sentences that tell each beat."""
    frames = {
        beat: tuple(
            Frame(beat, template, read_template(template, slots(script)))
            for template in (write(sentence, script) for sentence in told)
        )
        for beat, told in templates.items()
    }
    return Script(script, separator, frames)


def world(english_frames: Templates, chinese_frames: Templates) -> World:
    """The world told with these sentences."""
    scripts = (
        build("english", " ", english_frames),
        build("hanzi", "", chinese_frames),
        build("pinyin", " ", chinese_frames),
    )
    return World(BEATS, {script.name: script for script in scripts})


WORLD = world(english.FRAMES, hanzi.FRAMES)
DIALECT = world(dialect.ENGLISH, dialect.CHINESE)
