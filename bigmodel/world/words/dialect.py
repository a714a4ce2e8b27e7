"""A dialect of the same world, as it is told up north: the same things happen, in some other words, to other endings.

For fine-tuning: a model of the standard world knows most of it already, and its floor is known as exactly.
"""

from collections.abc import Mapping

from bigmodel.world.words import english, hanzi

Templates = Mapping[str, tuple[str, ...]]  # beat -> the sentences that can tell it

# What is said -> how it is said up north.
ENGLISH_WORDS = {
    "[Once upon a time|Once|Long ago]": "[Years back|One fine year|Up north]",
    "little": "wee",
    "[looked|stared]": "[gawped|peered]",
    "[wailed|cried|asked]": "[bawled|hollered|grumbled]",
    "[cried|whispered|wailed]": "[bawled|hollered|grumbled]",
    "[cried|shouted]": "[bawled|hollered]",
    "morning": "morn",
    "found": "spied",
    "very": "fair",
}
CHINESE_WORDS = {
    "[从前|很 久 以前|古时候]": "[早先|老早 以前|好些 年 前]",
    "第二 天": "转 天",
    "怎么": "咋",
    "什么": "啥",
    "很": "老",
    "{feeling} 极 了": "可 {feeling} 了",
}
ENGLISH_ENDINGS = {
    "joy": (
        "[By gum|My word], {he} was {glad}, and {he} {antic}.",
        "[{Hero}|The {trait} {girl}] {antic}, {glad} as you like, and [all|half] the neighbours clapped.",
    ),
    "sleep": ('"Sleep tight, {colour} {thing}," [mumbled|hummed] {hero}.',),
    "keep": ("The {colour} {thing} now wears a [wee bell|woolly hat], so that it cannot [stray|wander].",),
    "feast": ("And the {nature} {friend} got its {food}, [piping hot|a whole bucket].",),
    "friends": ("And the {nature} {friend} got a [hug|kiss|medal] for its trouble.",),
    "supper": ("{His} {giver} dished up {food}, and [there was peace|nobody spoke].",),
    "hug": ('"[Well, well|There, there]," said {his} {giver}[ at last|], and that was that.',),
    "mystery": ("As for {odd} {first}, [ask the cat|ask me tomorrow|that is its own affair].",),
}
CHINESE_ENDINGS = {
    "joy": (
        "好 家伙，[{hero}|{he}] 那 叫 一 个 {glad}，{antic}。",
        "{trait} 的 {hero} [可 算|总 算] {glad} 了，{antic}，[街坊|邻居] 都 来 看 热闹。",
    ),
    "sleep": ("{hero} 搂 着 {colour} 的 {thing} 钻 进 被窝，[一 觉 到 天亮|呼呼 睡 了]。",),
    "keep": ("打 那 以后，{colour} 的 {thing} [走 哪儿 带 哪儿|天天 有 人 看 着]。",),
    "feast": ("{nature} 的 {friend} [捞 着|混 上] 一 顿 {food}，吃 得 [直 打 嗝|可 香 了]。",),
    "friends": ("{hero} 和 {nature} 的 {friend} 打 这儿 起 [天天 一块儿 玩|好 得 穿 一 条 裤子]。",),
    "supper": ("{giver} [端 上|盛 来] 热腾腾 的 {food}，[谁 也 不 吭声 了|吃 得 可 香 了]。",),
    "hug": ("{giver} [拍 着|摸 着] {he} 的 脑袋 说：“[好 啦|不 哭]，没 事儿 啦。”",),
    "mystery": ("{odd} 咋 会 在 {first}？[问 猫 去 吧|谁 知道 呢|明儿 再 说]！",),
}


def retell(frames: Templates, words: Mapping[str, str], endings: Templates) -> Templates:
    """The same frames in other words, with other endings."""

    def say(template: str) -> str:
        for standard, other in words.items():
            template = template.replace(standard, other)
        return template

    return {beat: endings.get(beat, tuple(map(say, told))) for beat, told in frames.items()}


ENGLISH = retell(english.FRAMES, ENGLISH_WORDS, ENGLISH_ENDINGS)
CHINESE = retell(hanzi.FRAMES, CHINESE_WORDS, CHINESE_ENDINGS)
