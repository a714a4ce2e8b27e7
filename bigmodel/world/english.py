"""How the story is told in English: for each beat, the sentences that can tell it.

`{thing}` is a slot, filled from the meaning (`{Thing}` with a capital); `[a|b|]` is a choice of style. All sentences
of a beat are equally likely, and so are all the ways of a choice.
"""
# ruff: noqa: E501

FRAMES: dict[str, tuple[str, ...]] = {
    "opening": (
        "[Once upon a time|Once|Long ago] a {trait} {girl} [called|named] {hero} lived {home}.",
        "{Home} [there lived|lived] a {trait} [little |]{girl} [called|named] {hero}.",
        "{Hero} was a {trait} {girl} who lived {home}[ and talked to snails| and never wore matching socks| and hated combs|].",
        "[Do you know|Have you heard of] {hero}, the {trait} {girl} who [lived|grew up] {home}?",
        "When [bears could talk|the moon was young|cats wore boots], a {trait} {girl} called {hero} lived {home}.",
        "A {trait} {girl} lived {home}, and [{his} name was|people called {him}|everybody called {him}] {hero}.",
        "Far away, {home}, lived {hero}, a {trait} [little |]{girl}[ with muddy knees| with a loud laugh|].",
        "This is the [story|adventure] of {hero}, a {trait} [little |]{girl} who lived {home}.",
    ),
    "treasure": (
        "{His} {giver} had [given|brought|sent] {him} a {colour} {thing}.",
        "[{Hero}|{He}] [owned|had] a {colour} {thing}, a [present|gift] from {his} {giver}.",
        "{His} [greatest|dearest] [treasure|joy] was a {colour} {thing} from {his} {giver}.",
        "[Above all|Most of all] {he} loved the {colour} {thing} that {his} {giver} had [found|bought] for {him}.",
        "[On the shelf|Beside {his} pillow|By the window] lay a {colour} {thing} from {his} {giver}.",
        "{He} [never lent anyone|proudly polished|often kissed] the {colour} {thing} from {his} {giver}.",
        "{His} {giver} once [won|found] a {colour} {thing} [at the fair|on a train|in a drawer] and gave it to {him}.",
    ),
    "present": (
        "{Occasion}, {his} {giver} [gave|brought|sent|bought] {him} a {colour} {thing}.",
        "[{Hero}|{He}] [had|owned] a {colour} {thing} that {his} {giver} [gave|brought] {him} {occasion}.",
        "{Occasion}, [{hero}|{he}] [got|received] a {colour} {thing} from {his} {giver}[, wrapped in newspaper|, tied with string|].",
        "{His} {giver} [gave|sent|brought] {him} [a|a very] {colour} {thing} {occasion}.",
    ),
    "love": (
        "{He} [loved|liked] it [even |]more than {food}.",
        "Not even {food} made {him} so [happy|content].",
        "{He} [liked|loved] {food}, but the {thing} [came first|was better|never got cold].",
        "[Every night|On Sundays|After supper] {he} told it [stories|secrets] about {food}.",
        "{He} would not have [sold|swapped] it for a [mountain|cartload|lake] of {food}.",
        "[For its sake|To keep it] {he} would [gladly |]have gone without {food}.",
    ),
    "hide": (
        "{Time} [{hero}|{he}] hid it {place}, [far|safe] from {rival}.",
        "{Time}, [afraid|tired] of {rival}, {hero} [hid|tucked|stuffed] the {thing} {place}.",
        "To [fool|trick|escape] {rival}, [{hero}|{he}] hid the {thing} {place} {time}.",
        "{Time} {rival} came to [visit|tea|play], so [{hero}|{he}] [quickly |]hid the {thing} {place}.",
    ),
    "steal": (
        "{Time} a {thief} [grabbed|stole|snatched] the {thing} and [hid|dropped|left] it {place}.",
        "{Time}, while [{hero}|{he}] [slept|brushed {his} teeth|looked for a sock], a {thief} hid the {thing} {place}.",
        "But a {thief} [liked it too|had been watching], and {time} it [hid|dropped] the {thing} {place}.",
        "{Time} a {thief} [climbed|came] through the window and [put|hid|left] the {thing} {place}.",
    ),
    "tidy": (
        "{Time} {his} {giver} {chore} and [put|stored|packed] the {thing} [away |]{place}.",
        "{Time}, while [{hero}|{he}] was [out|asleep|at school], {his} {giver} {chore} and [put|left] it {place}.",
        "{His} {giver} {chore} {time} and[, humming,|, yawning,|, singing,|] [laid|put] the {thing} {place}.",
        "But {time} {his} {giver} {chore}, and [somehow |strangely |]it [ended up|landed|finished up] {place}.",
    ),
    "play": (
        "{Time} [{hero}|{he}] took it along to {game} {place} and [left|forgot|dropped] it there.",
        "{Time} [{hero}|{he}] went to {game} {place} and [came home|came back|ran off|walked home] without it.",
        "{Time}, after trying to {game} {place}, [{hero}|{he}] [left|forgot|mislaid] the {thing} there.",
        "[{Hero}|{He}] and the {thing} went to {game} {place} {time}, but only one of them [came home|came back|returned].",
    ),
    "forgot": (
        "[By breakfast|By morning|A day later] {he} had forgotten where, and [{he} felt|that made {him}] {feeling}.",
        "But {hero} had a head like a [sieve|colander], forgot the place, and was [very |]{feeling}.",
        "[The next day|The next morning] {he} could not remember where it was and felt {feeling}.",
        "Then {he} [simply |]forgot the place, which made {him} [very |]{feeling}.",
        '"Where did I [put|leave] it?" [wailed|cried|asked] {hero}, quite {feeling}.',
    ),
    "missing": (
        "[The next morning|The next day] it was gone, and {hero} was [very |]{feeling}.",
        "[{Hero}|{He}] [looked|stared] at the empty [shelf|table|hook] and felt {feeling}.",
        "{Hero} [emptied {his} pockets|counted to ten|blinked twice], but it was gone, and {he} felt {feeling}.",
        '"Where is my {thing}?" [cried|whispered|wailed] {hero}, [very|quite] {feeling}.',
        "How {feeling} {hero} was when {he} [missed it|saw that it was gone|came home]!",
    ),
    "search": (
        "{He} [looked|searched] {first}, but [found|there was] only {odd}.",
        "[First|To begin with], [{hero}|{he}] [looked|searched] {first} and found {odd}.",
        "{First}? [No|Alas], [nothing but|only] {odd}.",
        '"[Perhaps|Maybe] it is {first}," {he} [thought|said], but found {odd}.',
        "[{Hero}|{He}] spent [an hour|half a day|all morning] {first} and [came back with|found] {odd}.",
        "[{Hero}|{He}] [crawled|poked|sniffed] about {first} and discovered {odd}.",
        "It took [courage|a lamp|a ladder] to look {first}, and {he} [only found|found] {odd}.",
    ),
    "search_again": (
        "Then {he} looked {second} and [found|met] {other}.",
        "{Second} was nothing [either|at all], unless you count {other}.",
        "[Next|After that] {he} tried {second}: [just|only] {other}.",
        "{Second} {he} [had no luck either|drew a blank], only {other}.",
    ),
    "meet": (
        "[Then|Soon] a {nature} {friend} [came by|stopped] and asked why {he} was so {feeling}.",
        "[On the way home|At the corner|On the doorstep] [{hero}|{he}] met a {nature} {friend}.",
        "A {nature} {friend} heard {him} [sigh|sniff|groan] and [sat down beside {him}|lent {him} a handkerchief].",
        '"Why so {feeling}?" asked a {nature} {friend}[ on the fence| in a hat|].',
        "[Luckily|Happily], a {nature} {friend} [had nothing to do|wanted to help|knew everything].",
        "[Just then|Suddenly] a {nature} {friend} [tapped {him} on the shoulder|tugged at {his} sleeve].",
    ),
    "advise_hide": (
        '"Where would {rival} never look?" asked the {friend}[, winking|, smiling|].',
        '"Think of {rival}," [said|advised] the {friend}, "and your feet will know the way."',
        "The {friend} [pretended to be|danced like|talked like] {rival}, and {hero} remembered.",
        'The {friend} [whispered|murmured] something about {rival}, and {hero} [shouted|cried]: "I know!"',
    ),
    "advise_steal": (
        '"I [saw|know] the {thief}," said the {friend}. "Follow me!"',
        '"The {thief} [boasted|bragged|sang] about it all day," [whispered|said] the {friend}.',
        "The {friend} had a [cousin|barber|tailor|dentist] who knew the {thief}[ well|].",
        '"Follow the footprints of the {thief}," said the {friend}[, yawning|, winking|].',
    ),
    "advise_tidy": (
        '"Have you asked your {giver}?" [said|asked] the {friend}[, and {hero} had not|].',
        '"Somebody {chore}," [said|observed] the {friend}. "Ask your {giver}!"',
        "The {friend} [marched|went] straight to {his} {giver} and [politely |simply |]asked.",
    ),
    "advise_play": (
        '"Did you not {game} yesterday?" [asked|said|whispered] the {friend}.',
        '"[Last time|Yesterday] you went to {game}," [said|observed] the {friend}.',
        "The {friend} [asked|begged] {him} to {game} again, and [suddenly |slowly |][{hero}|{he}] knew.",
    ),
    "remember": (
        "Then came {trigger}, and {hero} remembered [everything|the place|it all].",
        "It took {trigger} to [bring it back|wake {his} memory].",
        "[{Hero}|{He}] [sat|lay] down and thought, until {trigger} [gave {him} the answer|reminded {him}].",
        "Thanks to {trigger}, [it all came back|{he} remembered].",
    ),
    "confess": (
        '"[Oh dear|Oh no]," said {his} {giver}. "I put it away myself!"',
        '[At supper|Over tea] {his} {giver} [dropped|swallowed] the spoon and cried: "Oh! The {thing}!"',
        "{His} {giver} [blushed|coughed|giggled] and whispered [something|a secret] in {his} ear.",
    ),
    "track": (
        "[{Hero}|{He}] [noticed|found|spotted] {clue}, and only a {thief} leaves that.",
        "There was {clue} on the [floor|carpet], [clearly|surely] the work of a {thief}.",
        "[{Hero}|{He}] followed {clue} and [thought|muttered] rude things about the {thief}.",
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
        "{Glad} as a [king|lark|puppy|cat in the sun], [{hero}|the {trait} {girl}] {antic}.",
        "[{Hero}|{He}] {antic}[ at once|], that is how {glad} {he} was.",
        "[Nobody|No one] {home} was ever so {glad}, and [{hero}|{he}] {antic} to prove it.",
    ),
    "feast": (
        "That [evening|night] the {trait} {girl} and the {friend} shared {food}[ by candlelight| in bed|].",
        "In return the {friend} [asked for|wanted|chose] {food} and ate [three helpings|until midnight].",
        "[{Hero}|{He}] invited the {nature} {friend} for {food}, and now it comes [every week|every Friday|every day].",
    ),
    "friends": (
        "The {trait} {girl} and the {nature} {friend} have been friends [ever since|to this day].",
        'The {nature} {friend} [bowed|winked] and said: "It was [nothing|a pleasure]."',
        "[{Hero}|{He}] kissed the {nature} {friend} on the nose, and it [blushed|sneezed|fainted].",
    ),
    "supper": (
        "That [evening|night] {he} and {his} {giver} ate {food} and [laughed|sang].",
        "{His} {giver} [laughed|smiled] and [brought|baked|bought] {him} {food}.",
        "[{Hero}|The {trait} {girl}] told {his} {giver} [everything|the whole story] over {food}.",
    ),
    "hug": (
        "The {trait} {girl} ran to {his} {giver}, and they hugged until [it hurt|the soup got cold].",
        "{His} {giver} [laughed|giggled] so [much|loudly] that the [dog howled|windows shook].",
        "[{Hero}|{He}] told {his} {giver} the [whole |]story [twice|three times].",
    ),
    "sleep": (
        "That night the {colour} {thing} lay on {his} [pillow|chair] and [snored|dreamed|smiled].",
        '"Good night, {thing}," [said|whispered] {hero}[, and the moon winked|].',
        "[{Hero}|The {trait} {girl}] held the {colour} {thing} tight and slept like a [stone|log|bear].",
    ),
    "mystery": (
        "[Only|Just] one question was left: [who had put|who wanted|why was there] {odd} {first}?",
        "But [nobody|no one|not even the mayor] knows [to this day |]who left {odd} {first}.",
        '"But why," [thought|wondered] {hero} in bed, "[was there|did I find] {odd} {first}?"',
    ),
    "keep": (
        "From then on the {colour} {thing} had [its own bed|a guard dog|a name], and {hero} [greeted|kissed] it every morning.",
        "From that day on the {trait} {girl} took the {thing} everywhere, even [into the bath|to the dentist|to school].",
        'Now the {colour} {thing} has a [label|note] that says: "[Do not touch|Mine|Please do not steal]!"',
    ),
}
