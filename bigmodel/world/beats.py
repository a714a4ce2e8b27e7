"""What can happen in a story: its beats in order, what each of them decides, and with which weights.

A child owns a treasure, loses it, looks in wrong places, is helped, finds it where the reader knew it was, rejoices.
"""

from bigmodel.world.program import Beat, Draw, Weights
from bigmodel.world.words import lexicon
from bigmodel.world.words.lexicon import Row

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


def even(*values: str) -> Weights:
    """Equal weights."""
    return dict.fromkeys(values, 1.0)


def uniform(role: str) -> Draw:
    """Any value of this role, all equally likely."""
    return Draw(role, lambda: even(*ROLES[role]))


def nearby(role: str, *before: str) -> Draw:
    """Any value of this role that is found in the story's region, other than those of the roles before it."""
    return Draw(role, lambda region, *but: elsewhere(role, region, *but), ("region", *before))


def elsewhere(role: str, region: str, *but: str) -> Weights:
    """Equal weights for what is found in this region, other than those already spoken of."""
    found = (value for value, row in ROLES[role].items() if row["region"] in ("any", region))
    return even(*(value for value in found if value not in but))


def ways(plot: str) -> Weights:
    """How the treasure is traced: a friend helps, or what fits the way in which it was lost."""
    alone = {"hide": "remember", "play": "remember", "tidy": "confess", "steal": "track"}[plot]
    return {"friend": 0.6, alone: 0.4}


def endings(way: str, love: str, searches: str) -> Weights:
    """How it ends: in joy, in bed, careful for ever, at the table or with a new friend, or with a riddle."""
    fond, cool = ("feast", "friends") if way == "friend" else ("supper", "hug")
    weights = {"joy": 1.5, "sleep": 1.0, "keep": 1.0, fond if love == "yes" else cool: 1.3}
    return weights if searches == "none" else {**weights, "mystery": 1.0}


def when(**values: str | tuple[str, ...]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """A beat's condition: each role has this value, or one of these."""
    return tuple((role, (some,) if isinstance(some, str) else some) for role, some in values.items())


GIFT = (uniform("thing"), uniform("colour"), uniform("giver"))

BEATS = (
    Beat("where", (Draw("region", lambda: even("sea", "forest", "mountain", "town")),)),
    Beat("opening", (uniform("hero"), nearby("home"), uniform("trait"))),
    Beat("which gift", (Draw("gift", lambda: {"plain": 0.75, "occasion": 0.25}),)),
    Beat("treasure", GIFT, when(gift="plain")),
    Beat("present", (*GIFT, uniform("occasion")), when(gift="occasion")),
    Beat("how dear", (Draw("love", lambda: {"yes": 0.4, "no": 0.6}),)),
    Beat("love", (uniform("food"),), when(love="yes")),
    Beat("what happens", (Draw("plot", lambda: even("hide", "steal", "tidy", "play")),)),
    Beat("hide", (uniform("time"), uniform("rival"), nearby("place")), when(plot="hide")),
    Beat("steal", (uniform("time"), uniform("thief"), nearby("place")), when(plot="steal")),
    Beat("tidy", (uniform("time"), uniform("chore"), nearby("place")), when(plot="tidy")),
    Beat("play", (uniform("time"), uniform("game"), nearby("place")), when(plot="play")),
    Beat("forgot", (uniform("feeling"),), when(plot=("hide", "play"))),
    Beat("missing", (uniform("feeling"),), when(plot=("steal", "tidy"))),
    Beat("how long", (Draw("searches", lambda: {"none": 0.4, "one": 0.45, "two": 0.15}),)),
    Beat("search", (nearby("first", "place"), uniform("odd")), when(searches=("one", "two"))),
    Beat("search_again", (nearby("second", "place", "first"), uniform("other")), when(searches="two")),
    Beat("which way", (Draw("way", ways, ("plot",)),)),
    Beat("meet", (uniform("nature"), nearby("friend")), when(way="friend")),
    Beat("advise_hide", when=when(way="friend", plot="hide")),
    Beat("advise_steal", when=when(way="friend", plot="steal")),
    Beat("advise_tidy", when=when(way="friend", plot="tidy")),
    Beat("advise_play", when=when(way="friend", plot="play")),
    Beat("remember", (uniform("trigger"),), when(way="remember")),
    Beat("confess", when=when(way="confess")),
    Beat("track", (uniform("clue"),), when(way="track")),
    Beat("find"),
    Beat("which ending", (Draw("ending", endings, ("way", "love", "searches")),)),
    Beat("joy", (uniform("glad"), uniform("antic")), when(ending="joy")),
    *(
        Beat(ending, when=when(ending=ending))
        for ending in ("sleep", "keep", "feast", "friends", "supper", "hug", "mystery")
    ),
)
