"""A corner of the small world: few enough words and sentences that a Decoder learns it in half a minute.

A child by the sea has a treasure, and hides it or has it stolen. The stories are the world's own, only fewer, and
their entropy is known as exactly: ``world.entropy(world=CORNER)``.
"""

from bigmodel.world.telling import WORLD

CORNER = WORLD.restrict(
    frames=1,  # one sentence a beat,
    ways=3,  # told in up to three ways at each choice of style
    region=("sea",),
    hero=("mia", "ben", "ella", "tom", "ruby", "leo", "lucy", "max"),
    trait=("curious", "brave", "dreamy", "cheerful", "shy", "clever"),
    thing=("kite", "drum", "lantern", "hat", "violin", "bell", "teapot", "key"),
    colour=("red", "yellow", "green", "blue", "golden", "silver"),
    giver=("grandmother", "grandfather", "mother", "father"),
    gift=("plain",),
    love=("no",),
    plot=("hide", "steal"),
    time=("rain", "wind", "fog", "stars"),
    rival=("twins", "parrot", "goose", "pirate"),
    thief=("magpie", "puppy", "raccoon", "goat"),
    place=("attic", "bed", "boat", "nets", "dunes", "pier"),
    feeling=("sad", "worried", "cross"),
    searches=("none",),
    nature=("polite", "sleepy", "wise", "grumpy"),
    friend=("seal", "crab", "fox", "seagull"),
    trigger=("sneeze", "bread", "hiccup", "dream"),
    clue=("crumbs", "footprints"),
    ending=("joy", "sleep", "keep"),
    glad=("happy", "proud", "merry"),
    antic=("leg", "somersaults", "moon", "cow"),
)
