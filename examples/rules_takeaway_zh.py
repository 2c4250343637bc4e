"""外卖评论的标注规则：好评还是差评？

    duiqi label default-zh labelled.csv --pool reviews.csv --rules examples/rules_takeaway_zh.py --self-label --out more

每个函数读一条评论，返回一个类别；看不出来就返回 None。规则不必全对：
每条规则有多可信，由它们彼此的出入和已标注的评论来定。
"""

import re

VERY = "(?:很|挺|真|也|还|太|超|好|极|特别|非常|超级|实在|相当|蛮|有点|都)"
TASTES_BAD = "难吃|不好吃|难喝|不好喝|不新鲜|没味|没有味|没熟|不熟|变味|臭|馊|恶心|难以下咽|吃不下|没法吃|没食欲"
TASTES_GOOD = f"(?<![不没难])好吃|(?<!不)好喝|美味|鲜美|可口|味道{VERY}*(?:好|棒|不错|赞)|口味{VERY}*(?:好|不错)"
LATE = "[一两二三四五六1-9半]个?多?半?(?:小时|钟头)|(?:[4-9]|1[0-9])[0-9]多?分钟|迟到|超时|晚了|催"
QUICK = f"(?<![不没]){VERY}*快|速度快|送餐快|神速|迅速|及时|准时|送.{{0,3}}快"
COLD = "凉[了的透]|都凉|[冰凉]凉|冷[了的]|冰冷|不热|[坨沱陀]了|泡烂"
WARM = "热乎|还是热|还热|热热的|烫|保温|趁热"
PRAISE = "(?<![不没])赞|棒|给力|完美|(?<!不)满意|(?<!不)喜欢|好评|推荐|支持|[五5]分|良心|贴心|划算|实惠|超值|爱吃"
THANKS = f"辛苦|感谢|谢谢|暖|服务{VERY}*好|态度{VERY}*好"
QUITE_GOOD = "不错|很好|挺好|真好|非常好|特别好|蛮好|可以[的，。！,!]|良好"
BUT = "但|就是|可是|不过|只是|太|不好|不满|差|慢|没|凉|少|贵|咸|硬|油|一般|难|如果|希望|建议|错|漏|洒|撒"
ANGRY = (
    "差评|垃圾|坑|骗|投诉|气死|生气|无语|醉了|奇葩|恶劣|太差|很差|差劲|失望|糟|后悔|不满|敷衍|服了"
    "|特么|尼玛|妈的|黑心|呵呵"
)
NEVER_AGAIN = "(?:再也|以后|下次|绝对?|坚决)[不没]|不会再|不再|不想再|最后一次|拉黑|不敢"
MISSING = "没(?:有)?(?:给|送|放|带|加|餐具|筷子|勺|吸管|发票|酱|汤|收到|看|打)|少[了送给放一]|漏送|错了|送错|缺|忘|不给"
SPILLED = "洒|撒了|撒出|全撒|漏了|漏汤|破了|碎了|压扁|烂"
TOO_LITTLE = "[太好真很点么这超更偏量]少|越来越[少小]|不够吃|没吃饱|吃不饱|量小|太小|一点点|可怜|缩水"
WRONG = f"{VERY}+(?:咸|油|腻|酸|硬|淡|苦|腥)|齁|肥肉|夹生|糊了|头发|虫|异物|过期|拉肚子|脏"
SO_SO = "一般|凑合|勉强|不怎么样|不咋|不值|不如|没有以前|将就|性价比低|贵"
RUDE = f"态度{VERY}*(?:差|不好|恶劣|有问题)|不耐烦|不接|挂了|吼|骂|不负责|不管"
WHY = "为什么|怎么[会能没不还那这]|凭什么|什么(?:玩意|态度|鬼|意思|情况)|居然|竟然|[？?]{2,}|能不能|有没有搞错"


def _says(pattern, text, label):
    return label if re.search(pattern, text) else None


def tastes_bad(text):
    return _says(TASTES_BAD, text, "negative")


def tastes_good(text):
    return _says(TASTES_GOOD, text, "positive")


def slow(text):
    return _says("慢", text, "negative")


def late(text):
    return _says(LATE, text, "negative")


def quick(text):
    return _says(QUICK, text, "positive")


def cold(text):
    return _says(COLD, text, "negative")


def warm(text):
    return _says(WARM, text, "positive")


def praise(text):
    return _says(PRAISE, text, "positive")


def thanks(text):
    return _says(THANKS, text, "positive")


def quite_good(text):
    return _says(QUITE_GOOD, text, "positive")


def good_without_but(text):
    good = f"{QUITE_GOOD}|好吃|赞|棒|满意|给力|快|喜欢"
    return None if re.search(BUT, text) else _says(good, text, "positive")


def angry(text):
    return _says(ANGRY, text, "negative")


def never_again(text):
    return _says(NEVER_AGAIN, text, "negative")


def missing(text):
    return _says(MISSING, text, "negative")


def spilled(text):
    return _says(SPILLED, text, "negative")


def too_little(text):
    return _says(TOO_LITTLE, text, "negative")


def wrong(text):
    return _says(WRONG, text, "negative")


def so_so(text):
    return _says(SO_SO, text, "negative")


def rude(text):
    return _says(RUDE, text, "negative")


def asks_why(text):
    return _says(WHY, text, "negative")


def many_marks(text):
    return _says("[！!]{4,}|[.。…]{4,}", text, "negative")


def long_text(text):
    return "negative" if len(text) > 60 else None
