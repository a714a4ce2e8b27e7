"""What can happen in a story: its beats in order, what each of them decides, and with which weights.

A child owns a treasure, loses it, looks in wrong places, is helped, finds it where the reader knew it was, rejoices.
"""

from bigmodel.world.program import Beat, Draw, Weights
from bigmodel.world.words import lexicon
from bigmodel.world.words.lexicon import Row


def any_of(rows: dict[str, Row] | tuple[str, ...]) -> Weights:
    """Equal weights."""
    return dict.fromkeys(rows, 1.0)


def nearby(rows: dict[str, Row], region: str) -> Weights:
    """Equal weights for what is found in this region."""
    return {value: 1.0 for value, row in rows.items() if row["region"] in ("any", region)}


def homes(region: str) -> Weights:
    """Homes in this region."""
    return nearby(lexicon.HOMES, region)


def places(region: str, *but: str) -> Weights:
    """Places in this region, other than those already spoken of."""
    return {place: weight for place, weight in nearby(lexicon.PLACES, region).items() if place not in but}


def friends(region: str) -> Weights:
    """Animals who live in this region."""
    return nearby(lexicon.FRIENDS, region)


def ways(plot: str) -> Weights:
    """How the treasure is traced: a friend helps, or what fits the way in which it was lost."""
    alone = {"hide": "remember", "play": "remember", "tidy": "confess", "steal": "track"}[plot]
    return {"friend": 0.6, alone: 0.4}


def endings(way: str, love: str, searches: str) -> Weights:
    """How it ends: in joy, in bed, at the table, with a new friend, careful for ever, or with a riddle."""
    together = {
        ("friend", "yes"): "feast",
        ("friend", "no"): "friends",
        ("alone", "yes"): "supper",
        ("alone", "no"): "hug",
    }
    weights = {
        "joy": 1.5,
        "sleep": 1.0,
        "keep": 1.0,
        together["friend" if way == "friend" else "alone", love]: 1.3,
    }
    return weights if searches == "none" else {**weights, "mystery": 1.0}


def when(**values: str | tuple[str, ...]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """A beat's condition: each role has this value, or one of these."""
    return tuple(
        (role, (allowed,) if isinstance(allowed, str) else allowed) for role, allowed in values.items()
    )


TIME = Draw("time", lambda: any_of(lexicon.TIMES))
GIFT = (
    Draw("thing", lambda: any_of(lexicon.THINGS)),
    Draw("colour", lambda: any_of(lexicon.COLOURS)),
    Draw("giver", lambda: any_of(lexicon.GIVERS)),
)
PLACE = Draw("place", places, ("region",))

BEATS = (
    Beat("where", (Draw("region", lambda: any_of(("sea", "forest", "mountain", "town"))),)),
    Beat(
        "opening",
        (
            Draw("hero", lambda: any_of(lexicon.HEROES)),
            Draw("home", homes, ("region",)),
            Draw("trait", lambda: any_of(lexicon.TRAITS)),
        ),
    ),
    Beat("which gift", (Draw("gift", lambda: {"plain": 0.75, "occasion": 0.25}),)),
    Beat("treasure", GIFT, when(gift="plain")),
    Beat("present", (*GIFT, Draw("occasion", lambda: any_of(lexicon.OCCASIONS))), when(gift="occasion")),
    Beat("how dear", (Draw("love", lambda: {"yes": 0.4, "no": 0.6}),)),
    Beat("love", (Draw("food", lambda: any_of(lexicon.FOODS)),), when(love="yes")),
    Beat("what happens", (Draw("plot", lambda: any_of(("hide", "steal", "tidy", "play"))),)),
    Beat("hide", (TIME, Draw("rival", lambda: any_of(lexicon.RIVALS)), PLACE), when(plot="hide")),
    Beat("steal", (TIME, Draw("thief", lambda: any_of(lexicon.THIEVES)), PLACE), when(plot="steal")),
    Beat("tidy", (TIME, Draw("chore", lambda: any_of(lexicon.CHORES)), PLACE), when(plot="tidy")),
    Beat("play", (TIME, Draw("game", lambda: any_of(lexicon.GAMES)), PLACE), when(plot="play")),
    Beat("forgot", (Draw("feeling", lambda: any_of(lexicon.FEELINGS)),), when(plot=("hide", "play"))),
    Beat("missing", (Draw("feeling", lambda: any_of(lexicon.FEELINGS)),), when(plot=("steal", "tidy"))),
    Beat("how long", (Draw("searches", lambda: {"none": 0.4, "one": 0.45, "two": 0.15}),)),
    Beat(
        "search",
        (Draw("first", places, ("region", "place")), Draw("odd", lambda: any_of(lexicon.ODDS))),
        when(searches=("one", "two")),
    ),
    Beat(
        "search_again",
        (Draw("second", places, ("region", "place", "first")), Draw("other", lambda: any_of(lexicon.OTHERS))),
        when(searches="two"),
    ),
    Beat("which way", (Draw("way", ways, ("plot",)),)),
    Beat(
        "meet",
        (Draw("nature", lambda: any_of(lexicon.NATURES)), Draw("friend", friends, ("region",))),
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
    Beat("which ending", (Draw("ending", endings, ("way", "love", "searches")),)),
    Beat(
        "joy",
        (Draw("glad", lambda: any_of(lexicon.GLADS)), Draw("antic", lambda: any_of(lexicon.ANTICS))),
        when(ending="joy"),
    ),
    *(
        Beat(ending, when=when(ending=ending))
        for ending in ("sleep", "keep", "feast", "friends", "supper", "hug", "mystery")
    ),
)

# Role of a story's meaning -> the table that its values come from.
ROLES: dict[str, dict[str, Row]] = {
    "hero": {hero: row | lexicon.GENDERS[row["gender"]] for hero, row in lexicon.HEROES.items()},
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
    "ending": lexicon.ENDINGS,
}
