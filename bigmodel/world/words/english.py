"""How the story is told in English: for each beat, the sentences that can tell it.

``{thing}`` is a slot, filled from the meaning (``{Thing}`` with a capital); ``[a|b|]`` is a choice of style. All sentences
of a beat are equally likely, and so are all the ways of a choice.
"""
# ruff: noqa: E501

FRAMES: dict[str, tuple[str, ...]] = {
    "opening": (
        "[Once upon a time|Once|Long ago] a {trait} {girl} [called|named] {hero} lived {home}.",
        "{Home} [there lived|lived] a {trait} [little |]{girl} [called|named] {hero}.",
        "Meet {hero}, a {trait} {girl} who lived {home}[ and talked to snails| and never wore matching socks| and hated combs|].",
        "[Do you know|Have you heard of] {hero}, the {trait} {girl} who [lived|grew up] {home}?",
        "When [bears could talk|the moon was young|cats wore boots], a {trait} {girl} called {hero} lived {home}.",
        "A {trait} {girl} lived {home}, and [{his} name was|people called {him}|everybody called {him}] {hero}.",
        "Far away, {home}, lived {hero}, a {trait} [little |]{girl}[ with a loud laugh| in odd socks|].",
        "This is the [story|adventure] of {hero}, a {trait} [little |]{girl} who lived {home}.",
    ),
    "treasure": (
        "{His} {giver} had [given|brought|sent] {him} a {colour} {thing}.",
        "[{Hero}|{He}] [owned|had] a {colour} {thing}, a [present|gift] from {his} {giver}.",
        "{His} [greatest|dearest] [treasure|joy] was a {colour} {thing} from {his} {giver}.",
        "[Above all|Most of all] {he} loved the {colour} {thing} that {his} {giver} had [found|bought] for {him}.",
        "[On the shelf|Under the pillow|By the window] lay a {colour} {thing} from {his} {giver}.",
        "{He} [never lost|always kissed|loved] the {colour} {thing} from {his} {giver}.",
        "{His} {giver} [once|one day] found a {colour} {thing} [at the fair|on a train|in a drawer] and gave it to {him}.",
    ),
    "present": (
        "{Occasion}, {his} {giver} [gave|brought|sent|bought] {him} a {colour} {thing}.",
        "[{Hero}|{He}] [had|owned] a {colour} {thing} that {his} {giver} [gave|brought] {him} {occasion}.",
        "{Occasion}, [{hero}|{he}] [got|had] a {colour} {thing} from {his} {giver}[, and a hug|, and a kiss|, and a wink|].",
        "{His} {giver} [gave|sent|brought] {him} a {colour} {thing} {occasion}.",
    ),
    "love": (
        "{He} [loved|liked] it [even |]more than {food}.",
        "Not even {food} made {him} so [happy|glad].",
        "{He} [liked|loved] {food}, but the {thing} [came first|was better|never got cold].",
        "[Every night|On Sundays|After supper] {he} told it [stories|everything] about {food}.",
        "{He} would not have [swapped|lost] it for a [mountain|house|boat] of {food}.",
        "[For its sake|For it] {he} would [always |]have gone without {food}.",
    ),
    "hide": (
        "{Time} [{hero}|{he}] hid it {place}, [far|safe] from {rival}.",
        "{Time}, [afraid|tired] of {rival}, {hero} [hid|put|left] the {thing} {place}.",
        "[Tired of|Afraid of|Far from] {rival}, [{hero}|{he}] hid the {thing} {place} {time}.",
        "{Time} {rival} came to [tea|play|supper], so [{hero}|{he}] [simply |]hid the {thing} {place}.",
    ),
    "steal": (
        "{Time} a {thief} [took|stole|spotted] the {thing} and [hid|dropped|left] it {place}.",
        "{Time}, while [{hero}|{he}] [slept|brushed {his} teeth|looked for a sock], a {thief} hid the {thing} {place}.",
        "But a {thief} [liked it too|had been watching], and {time} it [hid|dropped] the {thing} {place}.",
        "{Time} a {thief} [hopped|came] through the window and [put|hid|left] the {thing} {place}.",
    ),
    "tidy": (
        "{Time} {his} {giver} {chore} and [put|left|laid] the {thing} [down |]{place}.",
        "{Time}, while [{hero}|{he}] was [out|asleep|at school], {his} {giver} {chore} and [put|left] it {place}.",
        "{His} {giver} {chore} {time} and[, yawning,|, winking,|] [laid|put|left] the {thing} {place}.",
        "But {time} {his} {giver} {chore}, and [in the end |suddenly |]it [lay|was left|was] {place}.",
    ),
    "play": (
        "{Time} [{hero}|{he}] took it along to {game} {place} and [left|forgot|dropped] it there.",
        "{Time} [{hero}|{he}] went to {game} {place} and [came home|came back|ran off|walked home] without it.",
        "{Time}, after trying to {game} {place}, [{hero}|{he}] [left|forgot|lost] the {thing} there.",
        "[{Hero}|{He}] and the {thing} went to {game} {place} {time}, but only one of them [came home|came back|ran home].",
    ),
    "forgot": (
        "[By breakfast|By morning|A day later] {he} had forgotten where, and [{he} felt|that made {him}] {feeling}.",
        "But {hero} had a head like a [sieve|sock|trumpet], forgot the place, and was [very |]{feeling}.",
        "[The next day|The next morning] {he} could not remember where it was and felt {feeling}.",
        "Then {he} [simply |]forgot the place, which made {him} [very |]{feeling}.",
        '"Where did I [put|leave] it?" [wailed|cried|asked] {hero}, quite {feeling}.',
    ),
    "missing": (
        "[The next morning|The next day] it was gone, and {hero} was [very |]{feeling}.",
        "[{Hero}|{He}] [looked|stared] at the empty [shelf|pillow|floor] and felt {feeling}.",
        "{Hero} [looked again|looked twice|looked everywhere], but it was gone, and {he} felt {feeling}.",
        '"Where is my {thing}?" [cried|whispered|wailed] {hero}, [very|quite] {feeling}.',
        "How {feeling} {hero} was when {he} [came back|saw that it was gone|came home]!",
    ),
    "search": (
        "{He} [looked|searched] {first}, but found [only|nothing but] {odd}.",
        "[First|To begin with], [{hero}|{he}] [looked|searched] {first} and found {odd}.",
        "{First}? [No|Alas], [nothing but|only] {odd}.",
        '"[Perhaps|Maybe] it is {first}," {he} [thought|said], but found {odd}.',
        "[{Hero}|{He}] spent [an hour|half a day|all morning] {first} and [came back with|found] {odd}.",
        "[{Hero}|{He}] [crawled|danced|looked] about {first} and discovered {odd}.",
        "It took [all morning|a lamp|an hour] to look {first}, and {he} [only found|found] {odd}.",
    ),
    "search_again": (
        "Then {he} looked {second} and [found|met] {other}.",
        "{Second} was nothing [either|at all], unless you count {other}.",
        "[Next|After that] {he} tried {second}: [just|only] {other}.",
        "{Second} {he} [had no luck either|found nothing], only {other}.",
    ),
    "meet": (
        "[Then|Soon] a {nature} {friend} [came by|stopped] and asked why {he} was so {feeling}.",
        "[On the way home|At the window|At the door] [{hero}|{he}] met a {nature} {friend}.",
        "A {nature} {friend} heard {him} [sigh|sneeze|wail] and [sat down beside {him}|lent {him} a handkerchief].",
        '"Why so {feeling}?" asked a {nature} {friend}[ in boots| in a hat| on skates|].',
        "[Luckily|But then] a {nature} {friend} [saw {him}|wanted to help|knew everything].",
        "[Just then|Suddenly] a {nature} {friend} [tapped {him} on the shoulder|tugged at {his} sleeve].",
    ),
    "advise_hide": (
        '"Where would {rival} never look?" asked the {friend}[, winking|, yawning|].',
        '"Think of {rival}," [said|whispered] the {friend}, "and your feet will know the way."',
        "The {friend} [danced like|talked like|laughed like] {rival}, and {hero} remembered.",
        'The {friend} [whispered|said] something about {rival}, and {hero} [shouted|cried]: "I know!"',
    ),
    "advise_steal": (
        '"I [saw|know] the {thief}," said the {friend}. "Follow me!"',
        '"The {thief} [talked|laughed|sang] about it all day," [whispered|said] the {friend}.',
        "The {friend} had a [cousin|neighbour|dentist] who knew the {thief}[ well|].",
        '"Follow the footprints of the {thief}," said the {friend}[, yawning|, winking|].',
    ),
    "advise_tidy": (
        '"Have you asked your {giver}?" [said|asked] the {friend}[, and {hero} had not|].',
        '"Somebody {chore}," [said|whispered] the {friend}. "Ask your {giver}!"',
        "The {friend} [ran|went] straight to {his} {giver} and [simply |]asked.",
    ),
    "advise_play": (
        '"Did you not {game} yesterday?" [asked|said|whispered] the {friend}.',
        '"[Yesterday|One day] you went to {game}," [said|whispered] the {friend}.',
        "The {friend} [asked|told] {him} to {game} again, and [suddenly |soon |][{hero}|{he}] knew.",
    ),
    "remember": (
        "Then came {trigger}, and {hero} remembered [everything|the place|it all].",
        "It took {trigger} to [bring it back|bring everything back].",
        "[{Hero}|{He}] [sat|lay] down and thought, until {trigger} [brought it back|told {him}].",
        "Thanks to {trigger}, [it all came back|{he} remembered].",
    ),
    "confess": (
        '"[Oh dear|Oh no]," said {his} {giver}. "I put it away myself!"',
        '[At supper|At breakfast] {his} {giver} [dropped|kissed] the spoon and cried: "Oh! The {thing}!"',
        "{His} {giver} [sneezed|laughed|yawned] and whispered [something|everything] in {his} ear.",
    ),
    "track": (
        "[{Hero}|{He}] [saw|found|spotted] {clue}, and only a {thief} leaves that.",
        "There was {clue} on the [floor|pillow], [clearly |]the work of a {thief}.",
        "[{Hero}|{He}] stared at {clue} and [thought|said] rude things about the {thief}.",
    ),
    "find": (
        "[And there|There], {place}, [was|lay] the {colour} {thing}!",
        "{He} ran [like the wind|without {his} shoes|all the way] and found the {colour} {thing} {place}.",
        "[Sure enough|And indeed], the {colour} {thing} was {place}[, only a little dusty|, safe and sound|].",
        "And what [was|lay] {place}? The {colour} {thing}!",
        "{Place}, [behind a cobweb|beside a spider|under a leaf], {he} [found|spotted] the {colour} {thing}.",
        "The {thing}, as {colour} as ever, was [waiting|lying] {place}.",
        '"[Found it|Hurrah]!" [cried|shouted] {hero} {place}, [hugging|kissing] the {colour} {thing}.',
        "[A minute|An hour] later [{hero}|{he}] [stood|danced] {place} with the {colour} {thing}.",
    ),
    "joy": (
        "[{Hero}|The {trait} {girl}] [was|felt] so {glad} that {he} {antic}.",
        "[Oh, how|How] {glad} [{hero}|{he}] was: {he} {antic}!",
        "As {glad} as a [bear in spring|puppy|king|cat in the sun], [{hero}|the {trait} {girl}] {antic}.",
        "[{Hero}|{He}] {antic}[ at once|], that is how {glad} {he} was.",
        "[Nobody|No one] {home} was ever so {glad}, and [{hero}|{he}] {antic} to prove it.",
    ),
    "feast": (
        "That [evening|night] the {trait} {girl} and the {friend} shared {food}[ in bed| in the bath|].",
        "In return the {friend} [asked for|wanted] {food} and ate [all night|all evening|it all].",
        "[{Hero}|{He}] invited the {nature} {friend} for {food}, and now it comes [every Sunday|every day|every evening].",
    ),
    "friends": (
        "The {trait} {girl} and the {nature} {friend} have been friends [ever since|to this day].",
        'The {nature} {friend} [bowed|winked] and said: "It was [nothing|a pleasure]."',
        "[{Hero}|{He}] kissed the {nature} {friend} on the nose, and it [sneezed|laughed|wailed].",
    ),
    "supper": (
        "That [evening|night] {he} and {his} {giver} ate {food} and [laughed|sang].",
        "{His} {giver} [laughed|yawned] and [brought|gave|bought] {him} {food}.",
        "[{Hero}|The {trait} {girl}] told {his} {giver} [everything|the whole story] over {food}.",
    ),
    "hug": (
        "The {trait} {girl} ran to {his} {giver}, and they hugged until [supper|bedtime|the soup got cold].",
        "{His} {giver} [laughed|cried|sang] until [bedtime|the soup got cold|the moon came by].",
        "[{Hero}|{He}] told {his} {giver} the [whole |]story [twice|again].",
    ),
    "sleep": (
        "That night the {colour} {thing} lay on {his} [pillow|bed] and [yawned|sighed|winked].",
        '"Good night, {thing}," [said|whispered] {hero}[, and the moon winked|].',
        "[{Hero}|The {trait} {girl}] held the {colour} {thing} tight and slept like a [stone|snail|bear].",
    ),
    "mystery": (
        "[Only|Just] one question was left: [who had put|who wanted|who had left] {odd} {first}?",
        "But [nobody|no one|not even the mayor] knows [to this day |]who left {odd} {first}.",
        '"But [why|how]," [thought|asked] {hero} in bed, "did I find {odd} {first}?"',
    ),
    "keep": (
        "From then on the {colour} {thing} had [its own bed|a little hat|a name], and {hero} [kissed|hugged] it every morning.",
        "From that day on the {trait} {girl} took the {thing} everywhere, even [into the bath|to the dentist|to school].",
        'Now the {colour} {thing} has a [hat|note] that says: "[Do not touch|Mine|Please do not steal]!"',
    ),
}
