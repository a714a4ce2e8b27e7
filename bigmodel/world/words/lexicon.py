"""The words of the small world: one row a meaning, its English and its Chinese side by side.

The first column is the value's name in a story's meaning; the others are named by the table's head: ``english`` and
``hanzi`` are how each script says it, and any further column is a feature that the plot or a slot looks at. Spaces in
the Chinese part words (pinyin shows them, hanzi does not).
"""

Row = dict[str, str]


def table(text: str) -> dict[str, Row]:
    """Read a table written with | between its columns: value -> {column: words}."""
    head, *lines = [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines()]
    return {line[0]: dict(zip(head[1:], line[1:], strict=True)) for line in lines}


HEROES = table("""
value | english | hanzi | gender
mia   | Mia     | 莉莉  | she
ben   | Ben     | 力力  | he
ella  | Ella    | 琪琪  | she
tom   | Tom     | 奇奇  | he
ruby  | Ruby    | 雯雯  | she
leo   | Leo     | 文文  | he
nora  | Nora    | 佳佳  | she
max   | Max     | 嘉嘉  | he
zoe   | Zoe     | 瑶瑶  | she
sam   | Sam     | 尧尧  | he
lucy  | Lucy    | 圆圆  | she
noah  | Noah    | 元元  | he
anna  | Anna    | 小雨  | she
jack  | Jack    | 小宇  | he
ivy   | Ivy     | 晶晶  | she
oscar | Oscar   | 京京  | he
rose  | Rose    | 小梅  | she
finn  | Finn    | 冬冬  | he
clara | Clara   | 兰兰  | she
hugo  | Hugo    | 小虎  | he
""")

GENDERS = table("""
value | english.he | english.him | english.his | english.girl | hanzi.he | hanzi.girl
she   | she        | her         | her         | girl         | 她       | 小 女孩
he    | he         | him         | his         | boy          | 他       | 小 男孩
""")

TRAITS = table("""
value    | english  | hanzi
curious  | curious  | 爱 提问
brave    | brave    | 勇敢
dreamy   | dreamy   | 爱 做梦
cheerful | cheerful | 开朗
clever   | clever   | 聪明
stubborn | stubborn | 固执
shy      | shy      | 害羞
careless | careless | 粗心
noisy    | noisy    | 吵吵闹闹
hungry   | hungry   | 嘴馋
nimble   | nimble   | 灵活
gentle   | gentle   | 温柔
""")

HOMES = table("""
value      | english                | hanzi         | region
lighthouse | in a lighthouse        | 海边 的 灯塔 里 | sea
harbour    | in the harbour         | 港口          | sea
island     | on a windy island      | 多风 的 小岛 上 | sea
forest     | in the forest          | 森林 里       | forest
treehouse  | in a tree house        | 树屋 里       | forest
watermill  | in a watermill         | 溪边 的 磨坊 里 | forest
mountains  | in the mountains       | 高山 上       | mountain
farm       | on a hill farm         | 山坡 上 的 农场 里 | mountain
valley     | in a deep valley       | 深深 的 山谷 里 | mountain
bakery     | above the bakery       | 面包店 楼上   | town
station    | by the railway station | 火车站 旁边   | town
market     | behind the market      | 集市 后面     | town
""")

THINGS = table("""
value     | english         | hanzi  | hanzi.measure
flag      | flag            | 小旗   | 一 面
chess     | chess set       | 小棋   | 一 副
sword     | wooden sword    | 木剑   | 一 把
arrow     | wooden arrow    | 木箭   | 一 支
star      | paper star      | 星星   | 一 颗
gorilla   | toy gorilla     | 猩猩   | 一 只
saucer    | saucer          | 小碟   | 一 个
butterfly | paper butterfly | 小蝶   | 一 只
clock     | clock           | 小钟   | 一 座
cup       | cup             | 小盅   | 一 只
pig       | clay pig        | 小猪   | 一 只
bead      | glass bead      | 小珠   | 一 颗
book      | picture book    | 小书   | 一 本
comb      | comb            | 小梳   | 一 把
kite      | kite            | 风筝   | 一 只
music_box | music box       | 音乐盒 | 一 个
teapot    | teapot          | 小壶   | 一 把
clay_fox  | clay fox        | 小狐   | 一 只
key       | key             | 钥匙   | 一 把
drum      | drum            | 小鼓   | 一 面
lantern   | lantern         | 灯笼   | 一 盏
umbrella  | umbrella        | 小伞   | 一 把
compass   | compass         | 指南针 | 一 个
hat       | hat             | 帽子   | 一 顶
violin    | violin          | 小提琴 | 一 把
bell      | bell            | 铃铛   | 一 个
""")

COLOURS = table("""
value  | english | hanzi
red    | red     | 红色
yellow | yellow  | 黄色
green  | green   | 绿色
blue   | blue    | 蓝色
white  | white   | 白色
purple | purple  | 紫色
golden | golden  | 金色
silver | silver  | 银色
""")

GIVERS = table("""
value       | english     | hanzi
grandmother | grandmother | 奶奶
grandfather | grandfather | 爷爷
mother      | mother      | 妈妈
father      | father      | 爸爸
aunt        | aunt        | 姑姑
uncle       | uncle       | 叔叔
sister      | big sister  | 姐姐
brother     | big brother | 哥哥
""")

OCCASIONS = table("""
value    | english                        | hanzi
birthday | as a birthday present          | 生日
swim     | for learning to swim           | 学会 游泳
tooth    | for losing a tooth             | 掉 第一 颗 牙
dentist  | for being brave at the dentist | 勇敢 地 看完 牙医
spring   | on the first day of spring     | 立春
school   | on the first day of school     | 开学
soup     | for finishing the soup         | 喝光 一 大 碗 汤
snow     | when the first snow fell       | 下 第一 场 雪
""")

FOODS = table("""
value        | english         | hanzi
pancakes     | pancakes        | 煎饼
dumplings    | dumplings       | 饺子
noodles      | noodles         | 面条
honey_cake   | honey cake      | 蜂蜜 蛋糕
chestnuts    | roast chestnuts | 糖炒 栗子
apple_pie    | apple pie       | 苹果派
strawberries | strawberries    | 草莓
watermelon   | watermelon      | 西瓜
buns         | sweet buns      | 豆沙包
ice_cream    | ice cream       | 冰淇淋
""")

TIMES = table("""
value   | english             | hanzi
rain    | one rainy evening   | 一 个 下雨 的 傍晚
wind    | one windy afternoon | 一 个 刮风 的 下午
fog     | one foggy morning   | 一 个 起雾 的 早晨
stars   | one starry night    | 一 个 满天星斗 的 夜晚
sunday  | one lazy Sunday     | 一 个 懒洋洋 的 星期天
monday  | one quiet Monday    | 一 个 安静 的 星期一
summer  | one summer day      | 一 个 炎热 的 夏日
winter  | one winter day      | 一 个 寒冷 的 冬日
""")

RIVALS = table("""
value     | english            | hanzi
twins     | the noisy twins    | 隔壁 的 双胞胎
neighbour | the nosy neighbour | 爱 打听 的 邻居
cousin    | the baby cousin    | 小 表弟
parrot    | the cheeky parrot  | 调皮 的 鹦鹉
goose     | the greedy goose   | 贪吃 的 大鹅
pirate    | the retired pirate | 退休 的 海盗
postman   | the postman        | 送 信 的 邮递员
""")

THIEVES = table("""
value   | english | hanzi
magpie  | magpie  | 喜鹊
goat    | goat    | 山羊
puppy   | puppy   | 小狗
monkey  | monkey  | 猴子
raven   | raven   | 乌鸦
raccoon | raccoon | 浣熊
ferret  | ferret  | 黄鼠狼
""")

CHORES = table("""
value     | english               | hanzi
house     | swept the whole house | 打扫 屋子
curtains  | washed the curtains   | 洗 窗帘
cupboards | sorted the linen      | 整理 被子
furniture | moved the furniture   | 搬 家具
spoons    | polished every spoon  | 擦 勺子
ceiling   | painted the ceiling   | 刷 天花板
""")

GAMES = table("""
value   | english            | hanzi
pirates | play pirates       | 玩 海盗 游戏
picnic  | have a picnic      | 野餐
whistle | practise whistling | 练习 吹 口哨
ants    | count ants         | 数 蚂蚁
dance   | dance a jig        | 跳舞
poem    | write a poem       | 写诗
clouds  | paint clouds       | 画 云彩
tea     | drink tea          | 喝茶
""")

PLACES = table("""
value       | english                   | hanzi            | region
attic       | in the attic              | 阁楼 里          | any
cellar      | in the cellar             | 地窖 里          | any
bed         | under the bed             | 床 底下          | any
stove       | behind the stove          | 炉子 后面        | any
wardrobe    | in the wardrobe           | 衣柜 里          | any
stairs      | under the stairs          | 楼梯 下面        | any
shed        | in the garden shed        | 花园 的 棚子 里  | any
apple_tree  | under the apple tree      | 苹果树 下        | any
boat        | in the fishing boat       | 渔船 里          | sea
pier        | under the pier            | 码头 下面        | sea
nets        | behind the fishing nets   | 渔网 后面        | sea
dunes       | in the dunes              | 沙丘 后面        | sea
rock        | on the seal rock          | 礁石 上          | sea
hollow_tree | in the hollow tree        | 树洞 里          | forest
brambles    | among the brambles        | 灌木丛 里        | forest
pond        | by the frog pond          | 青蛙 池塘 边     | forest
bridge      | under the wooden bridge   | 木桥 下          | forest
mushrooms   | among the mushrooms       | 蘑菇 丛 中       | forest
waterfall   | behind the waterfall      | 瀑布 后面        | mountain
cave        | in the bear cave          | 熊洞 里          | mountain
boulder     | on top of the big boulder | 大 岩石 上       | mountain
hay         | in the hay                | 干草堆 里        | mountain
sheep_pen   | in the sheep pen          | 羊圈 里          | mountain
clock_tower | in the clock tower        | 钟楼 里          | town
fountain    | behind the fountain       | 喷泉 后面        | town
library     | in the library            | 图书馆 里        | town
bench       | under the park bench      | 公园 长椅 下面   | town
letter_box  | behind the letter box     | 邮筒 后面        | town
""")

ODDS = table("""
value    | english                   | hanzi
cat      | a sleeping cat            | 一 只 睡觉 的 猫
socks    | three odd socks           | 三 只 不 成对 的 袜子
frog     | a surprised frog          | 一 只 吓 了 一 跳 的 青蛙
biscuit  | half a biscuit            | 半 块 饼干
beetles  | a family of beetles       | 一 家子 甲虫
hen      | an angry hen              | 一 只 生气 的 母鸡
spoon    | a rusty spoon             | 一 把 生锈 的 勺子
teeth    | somebody's false teeth    | 一 副 不知 谁 的 假牙
snail    | a snoring snail           | 一 只 打 呼噜 的 蜗牛
letter   | last year's shopping list | 一 张 去年 的 购物单
trousers | a pair of trousers        | 一 条 破 裤子
trumpet  | a bent trumpet            | 一 支 弯 了 的 小号
""")

OTHERS = table("""
value   | english             | hanzi
button  | a lost button       | 一 粒 丢 了 的 纽扣
boots   | two left boots      | 两 只 左脚 的 靴子
feather | a long feather      | 一 根 长长 的 羽毛
spiders | six busy spiders    | 六 只 忙碌 的 蜘蛛
cheese  | some old cheese     | 一 块 陈年 的 奶酪
dust    | nine kinds of dust  | 九 种 灰尘
wig     | a curly wig         | 一 顶 卷卷 的 假发
mitten  | one woolly mitten   | 一 只 毛线 手套
""")

FEELINGS = table("""
value       | english     | hanzi
sad         | sad         | 难过
worried     | worried     | 着急
cross       | cross       | 生气
gloomy      | gloomy      | 沮丧
heartbroken | heartbroken | 伤心
upset       | upset       | 委屈
""")

FRIENDS = table("""
value    | english  | hanzi  | region
fox      | fox      | 狐狸   | any
rabbit   | rabbit   | 兔子   | any
hedgehog | hedgehog | 刺猬   | any
mouse    | mouse    | 老鼠   | any
seal     | seal     | 海豹   | sea
seagull  | seagull  | 海鸥   | sea
crab     | crab     | 螃蟹   | sea
turtle   | turtle   | 海龟   | sea
owl      | owl      | 猫头鹰 | forest
squirrel | squirrel | 松鼠   | forest
deer     | deer     | 小鹿   | forest
mole     | mole     | 鼹鼠   | forest
bear     | bear     | 小熊   | mountain
eagle    | eagle    | 老鹰   | mountain
sheep    | sheep    | 绵羊   | mountain
marmot   | marmot   | 土拨鼠 | mountain
pigeon   | pigeon   | 鸽子   | town
tomcat   | tomcat   | 花猫   | town
sparrow  | sparrow  | 麻雀   | town
poodle   | poodle   | 卷毛狗 | town
""")

NATURES = table("""
value    | english  | hanzi
polite   | polite   | 有 礼貌
sleepy   | sleepy   | 迷迷糊糊
plump    | plump    | 胖乎乎
wise     | wise     | 见多识广
giggling | giggling | 笑嘻嘻
serious  | serious  | 一本正经
grumpy   | grumpy   | 气鼓鼓
lonely   | lonely   | 孤零零
""")

TRIGGERS = table("""
value  | english                 | hanzi
sneeze | a very loud sneeze      | 打 了 一 个 大 喷嚏
bread  | the smell of warm bread | 闻到 了 热 面包 的 香味
pear   | a bite of pear          | 咬 了 一 口 梨
knock  | a knock at the door     | 听见 了 敲门声
hiccup | a hiccup                | 打 了 一 个 嗝
leaf   | a falling leaf          | 看见 了 一 片 落叶
dream  | a strange dream         | 做 了 一 个 怪梦
""")

CLUES = table("""
value      | english            | hanzi
crumbs     | a trail of crumbs  | 一 串 面包屑
footprints | a line of muddy footprints | 一 行 泥 脚印
apple      | a bitten apple     | 半 个 咬 过 的 苹果
scratches  | a row of scratches | 几 道 长长 的 抓痕
""")

GLADS = table("""
value     | english   | hanzi
happy     | happy     | 高兴
proud     | proud     | 得意
merry     | merry     | 快活
delighted | delighted | 开心
excited   | excited   | 激动
thrilled  | thrilled  | 欢喜
""")

ANTICS = table("""
value       | english                      | hanzi
leg         | danced on one leg            | 单脚 跳 起 了 舞
tree        | hugged the nearest tree      | 抱 住 了 身边 的 大树
somersaults | turned three somersaults     | 连 翻 了 三 个 跟头
lunch       | forgot to eat lunch          | 忘 了 吃 午饭
moon        | sang a song to the moon      | 对 着 月亮 唱 起 了 歌
bee         | bowed to a passing bee       | 向 路过 的 蜜蜂 鞠 了 一 个 躬
scarecrow   | shook hands with a scarecrow | 跟 稻草人 握 了 握 手
backwards   | walked home backwards        | 倒 着 走 回 了 家
shoe        | threw a shoe into the air    | 把 鞋子 扔 上 了 天
cow         | kissed a surprised cow       | 亲 了 奶牛 一 口
""")

ENDINGS = table("""
value   | english              | hanzi
joy     | with great joy       | 皆大欢喜
sleep   | at bedtime           | 上床 睡觉
keep    | with better care     | 更加 小心
feast   | with a feast         | 请客 吃饭
friends | with a new friend    | 交 了 朋友
supper  | with a family supper | 全家 吃饭
hug     | with a happy family  | 全家 团圆
mystery | with a riddle        | 一 个 谜
""")
