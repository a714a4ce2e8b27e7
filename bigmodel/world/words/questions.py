"""Questions about a story with their answers, and instructions for one, in English and in Chinese.

Written like the sentences of a story: ``{slot}`` is filled from its meaning.
"""

# Role asked for -> question, answer.
ENGLISH_QUESTIONS = {
    "hero": ("Who had the {colour} {thing}?", "{hero}"),
    "home": ("Where did {hero} live?", "{home}"),
    "colour": ("What colour was the {thing}?", "{colour}"),
    "giver": ("Who gave {hero} the {thing}?", "{his} {giver}"),
    "food": ("What did {hero} like to eat?", "{food}"),
    "place": ("Where was the {thing} found?", "{place}"),
    "rival": ("Who was not to find the {thing}?", "{rival}"),
    "thief": ("Who took the {thing}?", "the {thief}"),
    "feeling": ("How did {hero} feel without the {thing}?", "{feeling}"),
    "odd": ("What did {hero} find {first}?", "{odd}"),
    "friend": ("Who helped {hero}?", "the {friend}"),
    "glad": ("How did {hero} feel in the end?", "{glad}"),
    "ending": ("How does the story end?", "{ending}"),
}
CHINESE_QUESTIONS = {
    "hero": ("{colour} 的 {thing} 是 谁 的？", "{hero}"),
    "home": ("{hero} 住 在 哪儿？", "{home}"),
    "colour": ("{thing} 是 什么 颜色 的？", "{colour}"),
    "giver": ("{thing} 是 谁 给 {hero} 的？", "{giver}"),
    "food": ("{hero} 爱 吃 什么？", "{food}"),
    "place": ("{thing} 是 在 哪儿 找到 的？", "{place}"),
    "rival": ("{hero} 把 {thing} 藏 起来 是 怕 谁？", "{rival}"),
    "thief": ("{thing} 是 谁 拿 走 的？", "{thief}"),
    "feeling": ("{thing} 不见 了，{hero} 心里 怎么样？", "{feeling}"),
    "odd": ("{hero} 在 {first} 找到 了 什么？", "{odd}"),
    "friend": ("谁 帮 了 {hero}？", "{friend}"),
    "glad": ("最后 {hero} 心里 怎么样？", "{glad}"),
    "ending": ("故事 的 结局 是 什么？", "{ending}"),
}

# Roles asked for -> instruction.
ENGLISH_INSTRUCTIONS = {
    ("friend", "home"): "Write a story {home}, and let the {friend} help.",
    ("hero", "thing"): "Write a story about {hero} and the {thing}.",
    ("thing", "place"): "Write a story in which the {thing} is found {place}.",
    ("feeling", "home"): "Write a story in which somebody {home} is {feeling}.",
    ("hero", "ending"): "Write a story about {hero} that ends {ending}.",
    ("colour", "thing"): "Write a story about a {colour} {thing}.",
}
CHINESE_INSTRUCTIONS = {
    ("friend", "home"): "写 一 个 故事：在 {home}，{friend} 帮 了 忙。",
    ("hero", "thing"): "写 一 个 {hero} 和 {measure} {thing} 的 故事。",
    ("thing", "place"): "写 一 个 在 {place} 找到 {measure} {thing} 的 故事。",
    ("feeling", "home"): "写 一 个 故事：{home} 有 个 孩子 很 {feeling}。",
    ("hero", "ending"): "写 一 个 {hero} 的 故事，结局 是 {ending}。",
    ("colour", "thing"): "写 一 个 关于 {measure} {colour} 的 {thing} 的 故事。",
}
