"""How the story is told in Chinese: for each beat, the sentences that can tell it.

Written like the English sentences (``{slot}``, ``[choice|of style]``). Spaces part words: hanzi drops them, pinyin keeps
them. The same frames make both scripts, so a pinyin story follows from the hanzi story word by word.
"""
# ruff: noqa: E501

FRAMES: dict[str, tuple[str, ...]] = {
    "opening": (
        "[从前|很 久 以前|古时候]，{home} 住 着 一 个 {trait} 的 {girl}，[名 叫|叫] {hero}。",
        "{hero} 是 个 {trait} 的 {girl}，[家 住|住 在] {home}[，最 爱 跟 蜗牛 聊天|，袜子 从来 不 成对|，最 讨厌 梳头|]。",
        "{girl} {hero} [住 在|家 在] {home}，[大家 都 说 |人人 都 说 |]{he} 是 个 {trait} 的 孩子。",
        "在 {home}，有 一 个 {trait} 的 {girl}，[人人 都 叫 {he}|大家 都 叫 {he}|名字 叫] {hero}。",
        "你 [认识|听说 过] {hero} 吗？{he} 是 个 {trait} 的 {girl}，[就 |]住 在 {home}。",
        "那 时候 [熊 还 会 说话|猫 都 穿 靴子|月亮 还 很 年轻]，{home} 住 着 {trait} 的 {girl} {hero}。",
        "{home} 有 个 {trait} 的 {girl} 叫 {hero}[，膝盖 上 总 沾 着 泥|，笑 起来 声音 特别 大|]。",
        "[今天 讲 的 是|这 是] {hero} 的 [故事|历险记]：{he} 是 个 {trait} 的 {girl}，家 在 {home}。",
    ),
    "treasure": (
        "{giver} [送 给|带 给|买 给] {he} {measure} {colour} 的 {thing}。",
        "{he} 有 {measure} {colour} 的 {thing}，[是|那 是] {giver} [送 的|给 的|买 的]。",
        "{he} 最 [宝贝|心爱|得意] 的 东西 是 {giver} [送|给] 的 {measure} {colour} 的 {thing}。",
        "{giver} [特别|最] 疼 {he}，送 了 {he} {measure} {colour} 的 {thing}。",
        "{measure} {colour} 的 {thing} 是 [{hero}|{he}] 的 [心肝 宝贝|命根子]，是 {giver} 送 的。",
        "[{hero}|{he}] 的 [枕头 边|窗台 上|书桌 上] 放 着 {measure} {colour} 的 {thing}，是 {giver} 给 的 [礼物|宝贝]。",
        "{giver} 从 [集市 上|火车 上|抽屉 里] [买 到|找到] {measure} {colour} 的 {thing}，送 给 了 {he}。",
    ),
    "present": (
        "{occasion} 那 天，{giver} [送 给|送 了] {he} {measure} {colour} 的 {thing}。",
        "{he} 有 {measure} {colour} 的 {thing}，[是|那 是] {occasion} 那 天 {giver} 送 的。",
        "{occasion} 那 天，[{hero}|{he}] 从 {giver} 那儿 得到 了 {measure} {colour} 的 {thing}。",
        "{giver} 在 {occasion} 那 天 送 给 {he} {measure} {colour} 的 {thing}，[还 用 报纸 包 着|还 扎 着 丝带]。",
    ),
    "love": (
        "{he} [爱 它|喜欢 它|宝贝 它] 胜过 {food}。",
        "就算 拿 [一 座 山 的|一 车|一 大 锅] {food} 来 换，{he} 也 不 [肯|干]。",
        "在 {he} [心里|眼里]，[连 |]{food} 也 比 不 上 它。",
        "每 天 [晚上|睡 前|晚饭 后]，{he} 都 给 它 讲 {food} 的 [故事|笑话]。",
        "{food} [固然|虽然] 好吃，[可|可是] {he} 更 喜欢 这 个 宝贝。",
        "有 了 {thing}，{he} 连 {food} 都 [忘 了|不 想 吃 了|不 馋 了]。",
    ),
    "hide": (
        "{time}，{hero} 怕 {rival} [发现|看见]，就 把 {thing} 藏 在 了 {place}。",
        "{time}，{he} [悄悄|偷偷|急忙] 把 {thing} 藏 到 {place}，[免得|省得] {rival} 找到。",
        "为了 [瞒 过|躲 开|防 着] {rival}，{time}，[{hero}|{he}] 把 {thing} 塞 到 了 {place}。",
        "{time}，{rival} 来 [串门|做客|喝茶]，{hero} [赶紧|连忙] 把 {thing} 藏 在 {place}。",
    ),
    "steal": (
        "{time}，一 只 {thief} [偷 走|抢 走|抱 走] 了 {thing}，[丢|藏|扔] 在 了 {place}。",
        "{time}，[{hero}|{he}] [睡 得 正 香|正 在 刷牙|正 在 找 袜子]，一 只 {thief} 溜 进来，把 {thing} 藏 到 了 {place}。",
        "谁 知道 一 只 {thief} 也 [看上|喜欢] 它，{time}，把 它 [带|搬] 到 了 {place}。",
        "{time}，[窗外|门外] 来 了 一 只 {thief}，它 拿 走 {thing}，[藏|丢] 在 {place}。",
    ),
    "tidy": (
        "{time}，{giver} {chore}，[顺手|随手] 把 {thing} [放|搁] 在 了 {place}。",
        "{time}，{hero} [不 在 家|在 上学|在 睡觉]，{giver} {chore}，把 它 [收|放] 在 了 {place}。",
        "{giver} [爱 干净|闲 不 住|是 个 急性子]，{time}，{chore} 时 把 {thing} 搁 到 了 {place}。",
        "{time}，{giver} [哼 着 歌|打 着 哈欠] {chore}，不 知 怎么 的，{thing} 就 到 了 {place}。",
    ),
    "play": (
        "{time}，[{hero}|{he}] 带 着 它 在 {place} {game}，[走 的 时候|回家 时] 忘 了 带 上 它。",
        "{time}，{he} 跑 到 {place} {game}，[结果|却] 把 {thing} [落|丢|忘] 在 了 那儿。",
        "{time}，{hero} 在 {place} {game}，[人|自己] 回 了 家，{thing} 却 没 [跟 着 |]回来。",
        "{hero} 爱 在 {place} {game}，{time}，[只顾 着 高兴|听见 叫 吃饭]，把 {thing} [丢|忘] 在 那儿 了。",
    ),
    "forgot": (
        "[第二 天|第二 天 一早]，{he} 怎么 也 想 不 起来 它 在 哪儿，{feeling} 极 了。",
        "[可|可是] {hero} 睡 了 一 觉 就 [全 忘 了|忘 光 了]，心里 [很|真] {feeling}。",
        "{he} 的 [脑袋|记性] 像 个 筛子，[隔 天|转眼] 就 忘 了 地方，{feeling} 得 [直 跺脚|吃 不 下 饭]。",
        "“我 把 它 [放|藏|丢] 哪儿 了？”{hero} [嚷|喊] 起来，{feeling} 得 [眼圈 都 红 了|团团转]。",
        "等 到 想 玩 时，{he} [却|偏偏] 忘 了 地方，[真|好] {feeling}。",
    ),
    "missing": (
        "第二 天 [早上|一早|醒来]，它 不见 了，{hero} {feeling} 极 了。",
        "“我 的 {thing} 呢？”{hero} [喊|叫|嚷] 起来，{feeling} 得 [直 跺脚|吃 不 下 饭]。",
        "看 着 空空 的 [架子|桌子|窗台]，[{hero}|{he}] 心里 [很|真] {feeling}。",
        "{hero} [把 口袋 翻 了 三 遍|数 了 两 遍 宝贝]，它 真 的 没 了，[{he} |]越 想 越 {feeling}。",
        "发现 它 [丢 了|没 了|不见 了]，{hero} [好|多么|真是] {feeling} 啊！",
    ),
    "search": (
        "{he} [先|赶紧] 去 {first} 找，只 [找到|看见] {odd}。",
        "{first} [会 不 会 有|有 没有] 呢？[没有|唉]，只 有 {odd}。",
        "[{hero}|{he}] 在 {first} [翻|找] 了 [半天|一 个 钟头|一 上午]，找 出 {odd}。",
        "“[也许|说不定|会 不 会] 在 {first}？”{he} 想，[可是|谁知] 那里 只 有 {odd}。",
        "[{hero}|{he}] [点 着 蜡烛|打 着 手电]，在 {first} 照 了 又 照，只 照 见 {odd}。",
        "{hero} 在 {first} 找 了 个 遍，[除了 {odd}，什么 也 没有|只 碰 上 {odd}]。",
        "[起初|一 开始]，{he} 壮 着 胆子 [跑|摸] 到 {first}，[迎面 |]碰 上 {odd}。",
    ),
    "search_again": (
        "{he} 又 去 {second} 找，[还是 没有|也 没有]，[倒是|只] 找到 {other}。",
        "{second} 也 [空空 的|没有]，除非 算 上 {other}。",
        "接着 {he} [跑|赶] 到 {second}，[结果|却] 带 回 {other}。",
        "再 看看 {second} 吧：[唉|哎呀|可惜]，只 有 {other}。",
    ),
    "meet": (
        "这 时，一 只 {nature} 的 {friend} [走 过来|停 下来]，问 {he} [为什么|怎么] 这么 {feeling}。",
        "[在 回家 路上|在 路口|在 家 门口]，[{hero}|{he}] 遇见 了 一 只 {nature} 的 {friend}。",
        "一 只 {nature} 的 {friend} 听见 {he} [叹气|抽泣]，[就 坐 到 {he} 身边|递 给 {he} 一 块 手帕]。",
        "“[怎么 这么|干吗 这么|为什么 这么] {feeling} 呀？”一 只 {nature} 的 {friend} 问。",
        "[幸好|好在] 来 了 一 只 {nature} 的 {friend}，它 [最 爱 帮忙|正 闲 着|什么 都 知道]。",
        "[忽然|突然]，一 只 {nature} 的 {friend} [拍 了 拍 {he} 的 肩膀|拉 了 拉 {he} 的 袖子]。",
    ),
    "advise_hide": (
        "“{rival} [最 想 不 到|从来 不 去] 的 地方 是 哪儿？”{friend} 问。",
        "“想想 {rival}，”{friend} 说，“你 的 [脚|鼻子] 会 记得 路。”",
        "{friend} [装成|扮成] {rival} 的 样子，{hero} [一下子|马上] 就 [想 起来|明白] 了。",
        "{friend} 一 提 {rival}，{hero} [拍 着 脑门|跳 起来] 喊：“我 知道 了！”",
    ),
    "advise_steal": (
        "“我 [看见 了|认识] 那 只 {thief}，”{friend} 说，“跟 我 来！”",
        "“那 只 {thief} [吹 了 一 天 牛|到处 说 这 事儿|得意 了 一 天]。”{friend} [说|告诉 {he}]。",
        "{friend} 的 [表哥|裁缝|理发师] [认识|见 过] 那 只 {thief}，秘密 [很 快 就|马上] 传 开 了。",
        "“跟 着 {thief} 的 脚印 走。”{friend} [出 主意 说|小声 说|打 着 哈欠 说]。",
    ),
    "advise_tidy": (
        "“你 问 过 {giver} [吗|没有]？”{friend} [说|问]。",
        "“有 人 {chore} [了|来 着]，”{friend} 说，“去 问 {giver} 吧。”",
        "{friend} 直接 去 找 {giver}，[客客气气 地|一 句 话 就] 问 出 了 答案。",
    ),
    "advise_play": (
        "“你 昨天 不是 {game} 去 了 吗？”{friend} [提醒 说|眨 着 眼 说|问]。",
        "“[上 次|昨天] 见 你，你 正 要 去 {game}。”{friend} 说。",
        "{friend} 让 {he} [闭 上 眼睛|坐 下来]，想想 {game} 的 时候，{hero} 一下子 就 [想 起来|明白] 了。",
    ),
    "remember": (
        "{hero} [忽然|突然] {trigger}，[什么 都|一下子 全] 想 起来 了。",
        "{he} {trigger}，[脑子 里|心里] 一 亮：“对 了！”",
        "说来 [好笑|奇怪]，[{hero}|{he}] {trigger}，倒 把 地方 想 起来 了。",
        "[{hero}|{he}] [坐|躺] 下来 想 啊 想，直到 {trigger}，才 想 起来。",
    ),
    "confess": (
        "“[哎呀|糟 了]，”{giver} 说，“是 我 [收|放] 起来 的！”",
        "吃 [晚饭|早饭] 时，{giver} [放 下|咬 着] 筷子 说：“[对 了|坏 了]，{thing}！”",
        "{giver} 红 着 脸，在 {he} 耳边 说 了 [一 句 悄悄话|实话|几 句]。",
    ),
    "track": (
        "{he} 发现 了 {clue}，[一 看 就|准] 是 {thief} 留下 的。",
        "[地上|门口] 有 {clue}，[原来|不用 说] 是 {thief} 干 的 好事。",
        "[{hero}|{he}] 看 着 {clue}，[心里|嘴里] [骂 着|念叨 着] 那 只 {thief}。",
    ),
    "find": (
        "[瞧|看 哪|啊]，{colour} 的 {thing} 就 在 {place}！",
        "{he} [一口气 跑|光 着 脚 跑|飞快 地 跑] 过去，在 {place} 找到 了 {colour} 的 {thing}。",
        "[果然|没 错]，{colour} 的 {thing} 就 在 {place}[，一点儿 没 坏|，只是 落 了 点儿 灰|]。",
        "{he} 往 {place} 一 看，[你 猜 怎么 着|咦]？{colour} 的 {thing}！",
        "{place}，[蜘蛛网 底下|枯叶 下面|蜘蛛 旁边]，{colour} 的 {thing} [闪闪 发光|露 出 一 角]。",
        "{colour} 的 {thing} 还 是 老 样子，[乖乖 地|静静 地] [在 {place} 等 着|待 在 {place}]。",
        "“[找到 啦|太 好 了]！”[{hero}|{he}] 从 {place} 捧 出 了 {colour} 的 {thing}。",
        "[不 一会儿|过 了 一 个 钟头]，{hero} [就|便] [抱 着|举 着] {colour} 的 {thing} 从 {place} 出来 了。",
    ),
    "joy": (
        "[{hero}|{he}] {glad} 得 {antic}。",
        "[{hero}|{trait} 的 {hero}] [实在|真是] 太 {glad} 了，{antic}。",
        "这 下 [{hero}|{he}] 可 {glad} [了|坏 了]，{antic}。",
        "[{hero}|{trait} 的 {hero}] {glad} 得 像 [过年|捡 到 了 金子|晒 太阳 的 猫] 一样，{antic}。",
        "{home} [谁 也 没|从来 没 人] 这么 {glad} 过：{he} {antic}！",
    ),
    "feast": (
        "那 天 [晚上|夜里]，{trait} 的 {hero} 请 {friend} 吃 {food}，[一直 吃 到 月亮 出来|吃 到 走 不 动 路]。",
        "为了 谢谢 {friend}，{hero} [端 出|做] 了 {food}，它 一口气 吃 了 [三|五] 份。",
        "后来 {nature} 的 {friend} [每 个 星期|天天] 都 来 做客，[当然|大概] 是 为了 {food}。",
    ),
    "friends": (
        "[从此|从 那 以后]，{trait} 的 {hero} 和 {nature} 的 {friend} 成 了 [最 好 的|一辈子 的] 朋友。",
        "{nature} 的 {friend} [鞠 了 一 个 躬|眨 了 眨 眼]，说：“[不 客气|小 事儿]。”",
        "{hero} 亲 了 {friend} 一 口，它 [脸 都 红 了|打 了 个 喷嚏|差点儿 晕 过去]。",
    ),
    "supper": (
        "那 天 [晚上|夜里]，{hero} 和 {giver} [一边 吃 {food}，一边 笑|笑 着 吃 完 了 {food}]。",
        "{giver} [哈哈 大笑|松 了 一口气]，给 {he} [端 来|做] 了 {food}。",
        "{hero} 跑 去 告诉 {giver}，两 个 人 吃 着 {food}，[笑|说] 了 一 晚上。",
    ),
    "hug": (
        "{trait} 的 {hero} [扑 进|跑 进] {giver} 怀里，[汤 都 凉 了|天 都 黑 了] 也 不 松 手。",
        "{giver} [笑 得|乐 得] [直 擦 眼泪|窗户 都 响 了|小狗 也 叫 起来]。",
        "{hero} 把 这 [件 事|个 故事] 给 {giver} 讲 了 [两|三|五] 遍。",
    ),
    "sleep": (
        "那 天 夜里，{colour} 的 {thing} [躺|睡] 在 {hero} 的 枕头 边，[好像 在 笑|好像 在 打 呼噜]。",
        "睡觉 时，[{hero}|{he}] [对|跟] {thing} 说：“[晚安|做 个 好 梦]。”",
        "[{hero}|{trait} 的 {hero}] 抱 着 {colour} 的 {thing}，睡 得 [又 香 又 甜|像 块 石头|像 只 小熊]。",
    ),
    "mystery": (
        "只 有 一 件 事 [没 弄 明白|说 不 清]：{odd} 怎么 会 在 {first}？",
        "至于 {first} [为什么|怎么] 有 {odd}，[到 今天 也 没 人 知道|那 就 是 另 一 个 故事 了]。",
        "“[可是|不过]，”{hero} 躺 在 床上 想，“{first} [怎么|为什么] 会 有 {odd} 呢？”",
    ),
    "keep": (
        "从 那 以后，{colour} 的 {thing} 有 了 自己 的 [小 床|名字]，[{hero}|{he}] 每 天 都 跟 它 说 [早安|悄悄话]。",
        "从此 [{hero}|{trait} 的 {hero}] 走 到 哪儿 都 带 着 {thing}，[连 洗澡 也 不 例外|看 牙医 也 不 放 手|上学 也 不 例外]。",
        "现在 {colour} 的 {thing} 旁边 贴 着 [一 张 纸条|一 块 牌子]：“[不许 动|我 的|请 别 偷]！”",
    ),
}
