"""What can happen in a story: its beats in order, what each of them decides, and with which weights.

A child owns a treasure, loses it, looks in wrong places, is helped, finds it where the reader knew it was, rejoices.
"""

from bigmodel.world import lexicon
from bigmodel.world.lexicon import Row
from bigmodel.world.program import Beat, Draw, Weights


def any_of(rows: dict[str, Row] | tuple[str, ...]) -> Weights:
    """Equal weights."""
    return dict.fromkeys(rows, 1.0)


def nearby(rows: dict[str, Row], home: str) -> Weights:
    """Equal weights for what is found in the region of this home."""
    return {
        value: 1.0 for value, row in rows.items() if row["region"] in ("any", lexicon.HOMES[home]["region"])
    }


def places(home: str, *but: str) -> Weights:
    """Places near this home, other than those already spoken of."""
    return {place: weight for place, weight in nearby(lexicon.PLACES, home).items() if place not in but}


def friends(home: str) -> Weights:
    """Animals who live near this home."""
    return nearby(lexicon.FRIENDS, home)


def ways(plot: str) -> Weights:
    """How the treasure is traced: a friend helps, or what fits the way in which it was lost."""
    alone = {"hide": "remember", "play": "remember", "tidy": "confess", "steal": "track"}[plot]
    return {"friend": 0.64, alone: 0.36}


def endings(way: str) -> Weights:
    """How it ends: with the friend, or with the giver at the table; asleep, puzzled, or careful for ever."""
    return {"feast" if way == "friend" else "supper": 1.3, "sleep": 1.0, "mystery": 1.0, "keep": 1.0}


def when(**values: str | tuple[str, ...]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """A beat's condition: each role has this value, or one of these."""
    return tuple(
        (role, (allowed,) if isinstance(allowed, str) else allowed) for role, allowed in values.items()
    )


TIME = Draw("time", lambda: any_of(lexicon.TIMES))
PLACE = Draw("place", places, ("home",))

BEATS = (
    Beat(
        "opening",
        (
            Draw("hero", lambda: any_of(lexicon.HEROES)),
            Draw("home", lambda: any_of(lexicon.HOMES)),
            Draw("trait", lambda: any_of(lexicon.TRAITS)),
        ),
    ),
    Beat(
        "treasure",
        (
            Draw("thing", lambda: any_of(lexicon.THINGS)),
            Draw("colour", lambda: any_of(lexicon.COLOURS)),
            Draw("giver", lambda: any_of(lexicon.GIVERS)),
            Draw("occasion", lambda: any_of(lexicon.OCCASIONS)),
        ),
    ),
    Beat("love", (Draw("food", lambda: any_of(lexicon.FOODS)),)),
    Beat("what happens", (Draw("plot", lambda: any_of(("hide", "steal", "tidy", "play"))),)),
    Beat("hide", (TIME, Draw("rival", lambda: any_of(lexicon.RIVALS)), PLACE), when(plot="hide")),
    Beat("steal", (TIME, Draw("thief", lambda: any_of(lexicon.THIEVES)), PLACE), when(plot="steal")),
    Beat("tidy", (TIME, Draw("chore", lambda: any_of(lexicon.CHORES)), PLACE), when(plot="tidy")),
    Beat("play", (TIME, Draw("game", lambda: any_of(lexicon.GAMES)), PLACE), when(plot="play")),
    Beat("forgot", (Draw("feeling", lambda: any_of(lexicon.FEELINGS)),), when(plot=("hide", "play"))),
    Beat("missing", (Draw("feeling", lambda: any_of(lexicon.FEELINGS)),), when(plot=("steal", "tidy"))),
    Beat("search", (Draw("first", places, ("home", "place")), Draw("odd", lambda: any_of(lexicon.ODDS)))),
    Beat("how long", (Draw("searches", lambda: {"one": 0.6, "two": 0.4}),)),
    Beat(
        "search_again",
        (Draw("second", places, ("home", "place", "first")), Draw("other", lambda: any_of(lexicon.OTHERS))),
        when(searches="two"),
    ),
    Beat("which way", (Draw("way", ways, ("plot",)),)),
    Beat(
        "meet",
        (Draw("nature", lambda: any_of(lexicon.NATURES)), Draw("friend", friends, ("home",))),
        when(way="friend"),
    ),
    Beat("advise_hide", when=when(way="friend", plot="hide")),
    Beat("advise_steal", when=when(way="friend", plot="steal")),
    Beat("advise_tidy", when=when(way="friend", plot="tidy")),
    Beat("advise_play", when=when(way="friend", plot="play")),
    Beat("remember", (Draw("trigger", lambda: any_of(lexicon.TRIGGERS)),), when(way="remember")),
    Beat("confess", when=when(way="confess")),
    Beat("track", (Draw("clue", lambda: any_of(lexicon.CLUES)),), when(way="track")),
    Beat("find"),
    Beat(
        "joy",
        (Draw("glad", lambda: any_of(lexicon.GLADS)), Draw("antic", lambda: any_of(lexicon.ANTICS))),
    ),
    Beat("which ending", (Draw("ending", endings, ("way",)),)),
    Beat("feast", when=when(ending="feast")),
    Beat("supper", when=when(ending="supper")),
    Beat("sleep", when=when(ending="sleep")),
    Beat("mystery", when=when(ending="mystery")),
    Beat("keep", when=when(ending="keep")),
)

# Role of a story's meaning -> the table that its values come from.
ROLES: dict[str, dict[str, Row]] = {
    "hero": lexicon.HEROES,
    "home": lexicon.HOMES,
    "trait": lexicon.TRAITS,
    "thing": lexicon.THINGS,
    "colour": lexicon.COLOURS,
    "giver": lexicon.GIVERS,
    "occasion": lexicon.OCCASIONS,
    "food": lexicon.FOODS,
    "time": lexicon.TIMES,
    "rival": lexicon.RIVALS,
    "thief": lexicon.THIEVES,
    "chore": lexicon.CHORES,
    "game": lexicon.GAMES,
    "place": lexicon.PLACES,
    "first": lexicon.PLACES,
    "second": lexicon.PLACES,
    "feeling": lexicon.FEELINGS,
    "odd": lexicon.ODDS,
    "other": lexicon.OTHERS,
    "nature": lexicon.NATURES,
    "friend": lexicon.FRIENDS,
    "trigger": lexicon.TRIGGERS,
    "clue": lexicon.CLUES,
    "glad": lexicon.GLADS,
    "antic": lexicon.ANTICS,
}
