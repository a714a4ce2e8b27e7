"""Pinyin from Chinese words: tone marks, one space between words, an apostrophe where syllables would run together.

A word's reading is that of its characters, unless ``WORDS`` knows better (了 is le, but 只 has two readings, and which
one a word wants is said there). Spelling follows GB/T 16159: 一 and 不 keep their own tones.
"""
# ruff: noqa: E501

import re

# Every character of the world, under its usual reading.
CHARACTERS = """
a 啊 | ài 爱 | āi 哎唉 | àn 案 | ān 安 | ba 吧 | bà 爸 | bǎ 把 | bái 白 | bàn 半扮 | bān 搬
bǎn 板 | bàng 傍 | bāng 帮 | bǎng 膀 | bào 报抱豹 | bāo 包胞 | bǎo 宝 | bèi 被贝辈 | běn 本
bì 壁闭 | bí 鼻 | bǐ 比 | biàn 便遍 | biān 边 | biǎo 表 | bié 别 | bīng 冰 | bǐng 饼 | bō 拨
bù 不布 | cā 擦 | cái 才裁 | cāi 猜 | cǎi 彩 | cān 餐 | cáng 藏 | cǎo 草 | chà 差 | chá 茶
chán 馋 | chàng 唱 | cháng 长 | chǎng 场 | chǎo 吵炒 | chē 车 | chén 尘晨陈 | chéng 成盛 | chí 池
chī 吃 | chóng 虫 | chōu 抽 | chù 处 | chú 除 | chū 出初 | chuàn 串 | chuán 传船 | chuān 穿
chuáng 床 | chuāng 窗 | chuī 吹 | chūn 春 | cì 刺次 | cǐ 此 | cóng 丛从 | cōng 聪 | cū 粗
cuò 错 | dà 大 | dā 答 | dǎ 打 | dài 带待袋 | dàn 蛋 | dān 单 | dǎn 胆 | dāng 当铛 | dào 倒到盗稻道
dāo 叨 | dǎo 岛 | de 地得的 | dēng 灯 | děng 等 | dì 弟第递 | dǐ 底 | diàn 店电 | diǎn 点 | diào 掉
dié 碟蝶 | dìng 定 | dǐng 顶 | diū 丢 | dòng 动洞 | dōng 东冬 | dòu 豆 | dōu 都 | dǒu 斗
duān 端 | duì 对 | duī 堆 | dùn 顿 | duò 跺 | duō 多 | duǒ 躲 | é 鹅 | èr 二 | ér 儿 | ěr 耳
fā 发 | fàn 饭 | fān 翻 | fàng 放 | fáng 坊防 | fāng 方 | fēi 非飞 | fèn 份 | fèng 缝 | fēng 蜂风
fù 副 | gài 概盖 | gān 干肝 | gǎn 敢赶 | gǎng 港 | gào 告 | gāo 糕高 | gè 个 | gé 嗝阁隔 | gē 哥搁歌鸽
gěi 给 | gēn 根跟 | gèng 更 | gōng 公躬 | gòu 购 | gǒu 狗 | gù 固故顾 | gū 姑孤菇 | gǔ 古谷鼓
guā 刮瓜 | guài 怪 | guāi 乖 | guàn 灌 | guān 关 | guǎn 馆 | guāng 光 | guǎng 广 | guì 柜
guī 龟 | guò 过 | guō 锅 | guǒ 果 | hā 哈 | hài 害 | hái 孩还 | hǎi 海 | hán 寒 | hǎn 喊
hào 号 | hǎo 好 | hé 和盒 | hē 喝 | hēi 黑 | hén 痕 | hěn 很 | hēng 哼 | hóng 红 | hòu 候后
hóu 猴 | hù 户 | hú 壶狐糊 | hū 乎呼忽 | hǔ 虎 | huà 画话 | huā 花 | huài 坏 | huái 怀 | huàn 换浣
huān 欢 | huáng 黄 | huì 会 | huí 回 | huī 灰 | hùn 混 | huó 活 | huǒ 伙火 | jì 记 | jí 急极集
jī 激鸡 | jǐ 几己 | jià 架 | jiā 佳加嘉家 | jiǎ 假甲 | jiàn 件剑箭见 | jiān 煎肩 | jiǎn 捡 | jiǎng 讲
jiào 叫窖 | jiāo 交礁 | jiǎo 脚角饺 | jié 结 | jiē 接皆街 | jiě 姐 | jìn 进 | jīn 今金 | jǐn 紧
jìng 净静 | jīng 京晶睛经 | jiù 就 | jiǔ 久九 | jù 具句 | jú 局 | jū 居鞠 | jǔ 举沮 | juǎn 卷 | jué 觉
kāi 开 | kàn 看 | kè 客 | kē 颗 | kě 可 | kěn 肯 | kēng 吭 | kōng 空 | kòu 扣 | kǒu 口 | kù 裤
kū 哭枯 | kuài 块快筷 | la 啦 | là 蜡 | lā 拉 | lái 来 | lán 兰蓝 | lǎn 懒 | láng 狼 | lǎng 朗
lào 酪 | lāo 捞 | lǎo 老 | le 了 | lè 乐 | lèi 泪 | lěng 冷 | lì 例力历栗立粒莉 | lí 梨狸 | lǐ 理礼里
liàn 练 | lián 帘连 | liǎn 脸 | liàng 亮 | liáng 凉 | liǎng 两 | liáo 聊 | lín 林淋邻 | lìng 另
líng 灵铃零 | liù 六 | liú 留 | liū 溜 | lóng 笼 | lóu 楼 | lǒu 搂 | lù 碌路露鹿 | lú 炉 | lū 噜
lǜ 绿 | luò 落 | ma 吗 | mà 骂 | má 麻 | mā 妈 | mǎ 码蚂马 | mǎi 买 | mán 瞒 | mǎn 满 | máng 忙
mào 帽貌 | máo 毛 | māo 猫 | me 么 | méi 梅没莓 | měi 每 | mén 门 | mèng 梦 | mì 密秘蜜 | mí 谜迷
miàn 面 | mián 绵 | miǎn 免 | mìng 命 | míng 名明 | mò 磨 | mó 蘑 | mō 摸 | mù 木 | mǔ 母
nà 那 | ná 拿 | nǎ 哪 | nǎi 奶 | nán 南男难 | nào 闹 | nǎo 脑 | ne 呢 | ní 泥 | nǐ 你 | niàn 念
nián 年 | niú 牛 | niǔ 纽 | nòng 弄 | nóng 农 | nǚ 女 | ōu 鸥 | pà 帕怕 | pài 派 | pái 牌
pāi 拍 | pàng 胖 | páng 旁螃 | pǎo 跑 | pēn 喷 | pèng 碰 | péng 朋棚 | pěng 捧 | pí 皮 | piàn 片
piān 偏 | píng 苹 | pò 破 | pō 坡 | pù 瀑 | pū 扑 | qì 气泣 | qí 奇旗棋淇琪 | qī 期 | qǐ 起
qiàn 欠 | qián 前 | qiǎng 抢 | qiáo 桥瞧 | qiāo 悄敲 | qín 琴 | qīn 亲 | qīng 清轻青 | qǐng 请
qiū 丘 | qù 去 | qū 屈 | quán 全泉 | quān 圈 | què 却雀鹊 | rán 然 | ràng 让 | rǎng 嚷 | rè 热
rèn 认 | rén 人 | rēng 扔 | rì 日 | róu 柔 | sāi 塞 | sān 三 | sǎn 伞 | sàng 丧 | sǎo 扫
sè 色 | sēn 森 | shá 啥 | shā 沙 | shài 晒 | shāi 筛 | shān 山 | shǎn 闪 | shàng 上 | shāng 伤
shào 哨 | sháo 勺 | shéi 谁 | shén 什 | shēn 深身 | shèng 胜 | shēng 声生 | shěng 省 | shi 匙
shì 事市是 | shí 实时石识 | shī 师诗 | shǐ 始 | shōu 收 | shǒu 手 | shù 树 | shū 书叔梳 | shǔ 数鼠
shuā 刷 | shuāng 双 | shuì 睡 | shùn 顺 | shuō 说 | sī 丝 | sòng 送 | sōng 松 | sù 诉
suàn 算 | suí 随 | suī 虽 | tā 他她它 | tǎ 塔 | tài 太 | tái 台 | tāi 胎 | tàn 叹 | tān 贪
táng 塘糖 | tāng 汤 | tǎng 躺 | tào 套 | tǎo 讨 | tè 特 | téng 疼腾 | tì 嚏屉 | tí 提 | tī 梯
tián 甜 | tiān 天 | tiào 跳 | tiáo 条调 | tiē 贴 | tíng 停 | tīng 听 | tǒng 筒 | tóu 头
tōu 偷 | tù 兔 | tú 图 | tū 突 | tǔ 土 | tuán 团 | tuì 退 | wà 袜 | wā 蛙 | wài 外 | wán 完玩
wān 弯 | wǎn 晚碗 | wàng 忘 | wǎng 往网 | wei 猬 | wèi 为味 | wěi 委 | wèn 问 | wén 文闻雯 | wēn 温
wò 握 | wō 窝蜗 | wǒ 我 | wù 物雾 | wū 乌屋 | wǔ 五午舞鹉 | xì 戏 | xí 习 | xī 嘻惜溪膝西 | xǐ 喜洗
xià 下吓夏 | xiàn 现线 | xián 闲 | xiān 先 | xiǎn 险 | xiàng 像向 | xiāng 香 | xiǎng 响想
xiào 笑 | xiǎo 小 | xiè 屑蟹谢 | xié 鞋 | xiē 些 | xiě 写 | xìn 信 | xīn 心 | xìng 兴幸性
xíng 行 | xīng 星猩 | xǐng 醒 | xióng 熊 | xiù 袖锈 | xiū 休羞 | xǔ 许 | xué 学 | xuē 靴 | xuě 雪
ya 呀 | yá 牙 | yā 鸦 | yàn 厌 | yán 岩炎颜 | yǎn 眼鼹 | yàng 样 | yáng 洋羊阳 | yào 要钥 | yáo 尧瑶
yǎo 咬 | yè 叶夜 | yé 爷 | yě 也野 | yì 意 | yí 咦 | yī 一医衣 | yǐ 以椅蚁 | yìn 印 | yín 银 | yīn 音
yíng 迎 | yīng 鹦鹰 | yòng 用 | yǒng 勇泳 | yòu 又 | yóu 游邮 | yǒu 友有 | yù 遇 | yú 于渔
yǔ 宇羽雨 | yuán 元原员园圆 | yuè 月越 | yún 云 | yūn 晕 | zǎ 咋 | zài 再在 | zāo 糟 | zǎo 早澡
zěn 怎 | zhā 扎 | zhǎ 眨 | zhàn 站 | zhān 沾 | zhǎn 盏 | zhāng 张 | zhào 照 | zhǎo 找 | zhe 着
zhè 这 | zhēn 真针 | zhěn 枕 | zhèng 正 | zhēng 筝 | zhěng 整 | zhì 至 | zhí 执直 | zhī 支知蜘
zhǐ 只指纸 | zhōng 中盅钟 | zhǒng 种 | zhù 住 | zhú 烛 | zhū 猪珠蛛 | zhǔ 主 | zhuā 抓 | zhuǎn 转
zhuàng 壮 | zhuāng 装 | zhǔn 准 | zhuō 桌 | zi 子 | zì 字自 | zǐ 紫 | zǒng 总 | zǒu 走
zuān 钻 | zuì 最 | zuǐ 嘴 | zuò 做坐座 | zuó 昨 | zuǒ 左
"""

# Words whose reading is not the sum of their characters': light syllables, second readings, and single characters.
WORDS = """
妈妈 mā ma | 爸爸 bà ba | 奶奶 nǎi nai | 爷爷 yé ye | 姐姐 jiě jie | 哥哥 gē ge | 姑姑 gū gu | 叔叔 shū shu | 星星 xīng xing
猩猩 xīng xing | 谢谢 xiè xie | 看看 kàn kan | 想想 xiǎng xiang | 眨眨 zhǎ zha | 东西 dōng xi | 朋友 péng you | 喜欢 xǐ huan
告诉 gào su | 明白 míng bai | 认识 rèn shi | 地方 dì fang | 地上 dì shang | 地窖 dì jiào | 月亮 yuè liang | 晚上 wǎn shang
早上 zǎo shang | 床上 chuáng shang | 故事 gù shi | 时候 shí hou | 枕头 zhěn tou | 石头 shí tou | 跟头 gēn tou | 码头 mǎ tou
呼噜 hū lu | 狐狸 hú li | 钥匙 yào shi | 灯笼 dēng long | 铃铛 líng dang | 打听 dǎ ting | 脑袋 nǎo dai | 羊圈 yáng juàn | 假发 jiǎ fà | 迷迷糊糊 mí mi hū hū | 哎呀 āi yā | 石子 shí zǐ | 记性 jì xing
念叨 niàn dao | 委屈 wěi qu | 快活 kuài huo | 得意 dé yì | 得到 dé dào | 蘑菇 mó gu | 干吗 gàn má | 干净 gān jìng | 干草堆 gān cǎo duī
饼干 bǐng gān | 一会儿 yī huìr | 一点儿 yī diǎnr | 点儿 diǎnr | 事儿 shìr | 那儿 nàr | 哪儿 nǎr | 客客气气 kè ke qì qì | 着急 zháo jí
睡觉 shuì jiào | 音乐盒 yīn yuè hé | 底下 dǐ xia | 眼睛 yǎn jing | 答案 dá àn | 知道 zhī dào | 鹦鹉 yīng wǔ | 干 gàn | 哪 na | 觉 jiào
着 zhe | 过 guo | 行 háng | 一 只 yī zhī | 三 只 sān zhī | 六 只 liù zhī | 那 只 nà zhī | 两 只 liǎng zhī | 像 只 xiàng zhī
理发师 lǐ fà shī | 裁缝 cái feng | 窗户 chuāng hu | 待 dāi | 团团转 tuán tuán zhuàn | 便 biàn | 落 là | 落 了 点儿 灰 luò le diǎnr huī
吵吵闹闹 chǎo chǎo nào nào | 孤零零 gū líng líng | 笑话 xiào hua | 扎 着 zā zhe | 打 着 哈欠 dǎ zhe hā qian
膝盖 xī gài | 大概 dà gài | 抽屉 chōu ti | 讨厌 tǎo yàn | 差点儿 chà diǎnr | 鼻子 bí zi | 小号 xiǎo hào | 晕 yūn | 露 出 lù chū | 结局 jié jú | 皆大欢喜 jiē dà huān xǐ | 上床 shàng chuáng | 谜 mí | 颜色 yán sè | 最后 zuì hòu | 孩子 hái zi | 怎么样 zěn me yàng | 团圆 tuán yuán | 更加 gèng jiā
交 jiāo | 帮 bāng | 写 xiě | 家伙 jiā huo | 热闹 rè nao | 街坊 jiē fang | 一块儿 yī kuàir | 明儿 míngr | 这儿 zhèr | 吭声 kēng shēng | 钻 zuān | 盛 chéng | 转 zhuǎn
"""

PUNCTUATION = {"，": ",", "。": ".", "！": "!", "？": "?", "：": ":", "“": "“", "”": "”"}


def readings(text: str) -> dict[str, str]:
    """Parse ``reading words | reading words``: each word (or character) -> its reading."""
    entries = [entry.split() for entry in re.split(r"[|\n]", text) if entry.strip()]
    return {character: entry[0] for entry in entries for character in entry[1]}


def word_readings(text: str) -> dict[str, str]:
    """Parse ``word syllables``, also of several words: each -> its reading, spelt as pinyin spells it."""
    found = {}
    for entry in re.split(r"[|\n]", text):
        if entry.strip():
            words = " ".join(re.findall(r"[一-鿿]+", entry))
            syllables = re.findall(r"[^一-鿿\s]+", entry)
            found[words] = " ".join(syllables) if " " in words else join(syllables)
    return found


def join(syllables: list[str]) -> str:
    """One word from its syllables: dá + àn is dá'àn."""
    word = syllables[0]
    for syllable in syllables[1:]:
        word += ("'" if syllable[0] in "aāáǎàeēéěèoōóǒò" else "") + syllable
    return word


READINGS = readings(CHARACTERS)
WORD_READINGS = word_readings(WORDS)


def pinyin(chinese: str) -> str:
    """Pinyin of Chinese text whose words are parted by spaces; marks like ``{slot}`` and ``[a|b]`` pass through.

    Raises:
        ValueError: for a character that the world does not use.
    """
    pieces = re.split(r"(\{\w+\}|[^一-鿿 ]| (?=[^一-鿿])|(?<=[^一-鿿]) )", chinese)
    spelt = "".join(
        pinyin_words(piece) if re.match("[一-鿿]", piece) else PUNCTUATION.get(piece, piece) for piece in pieces
    )
    spelt = re.sub(r"([,.!?:])(?=[^\s,.!?:”|\]])", r"\1 ", spelt)  # a space after each mark, before the next word
    return re.sub(r"”(?=[^\s,.!?|\]])", "” ", spelt)


def pinyin_words(words: str) -> str:
    """Pinyin of words parted by spaces, the longest known run of words first (一 只 is yī zhī, 只 alone zhǐ)."""
    parts = words.split()
    spelt: list[str] = []
    while parts:
        size = next((n for n in range(min(4, len(parts)), 0, -1) if " ".join(parts[:n]) in WORD_READINGS), 0)
        spelt.append(WORD_READINGS[" ".join(parts[:size])] if size else spell(parts[0]))
        parts = parts[size or 1 :]
    return " ".join(spelt)


def spell(word: str) -> str:
    """Pinyin of a word by its characters."""
    unknown = [character for character in word if character not in READINGS]
    if unknown:
        raise ValueError(f"no reading is known for {unknown[0]!r} (in {word!r}): add it to CHARACTERS.")
    return join([READINGS[character] for character in word])
