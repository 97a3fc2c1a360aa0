"""What the prompts say: name -> (English, Mandarin), and the numbers of both languages.

A Mandarin text may be a pair (characters, pinyin with tone numbers) where a character has several readings.
"""

from __future__ import annotations

PHRASES = {
    # Greeting and menus
    "welcome": ("Welcome, and thank you for calling.", "您好，欢迎致电。"),
    "main_menu": (
        "For sales, press one. For support, press two. For billing, press three.",
        "销售咨询请按一，技术支持请按二，账单查询请按三。",
    ),
    "choose_language": ("For English, press two.", "中文服务请按一。"),
    "invalid_choice": (
        "Sorry, that is not a valid choice.",
        ("对不起，您的选择无效。", "dui4 bu5 qi3, nin2 de5 xuan3 ze2 wu2 xiao4."),
    ),
    "no_input": (
        "Sorry, we did not receive your choice.",
        ("对不起，没有收到您的按键。", "dui4 bu5 qi3, mei2 you3 shou1 dao4 nin2 de5 an4 jian4."),
    ),
    "press_star_to_repeat": (
        "To hear this again, press star.",
        ("重听请按星号键。", "chong2 ting1, qing3 an4 xing1 hao4 jian4."),
    ),
    "press_zero_for_agent": ("To speak to an agent, press zero.", "人工服务请按零。"),
    "call_recorded": (
        "This call may be recorded for quality and training.",
        "为了保证服务质量，您的通话可能会被录音。",
    ),
    "thank_you": ("Thank you.", ("谢谢。", "xie4 xie5.")),
    "goodbye": ("Thank you for calling. Goodbye.", "感谢您的来电，再见。"),
    # Input
    "enter_pin": ("Please enter your PIN, followed by the hash key.", "请输入您的密码，按井号键结束。"),
    "enter_agent_number": (
        "Please enter your agent number, followed by the hash key.",
        "请输入您的工号，按井号键结束。",
    ),
    "wrong_pin": ("That PIN is not correct.", "密码错误。"),
    "enter_account": (
        "Please enter your account number, followed by the hash key.",
        "请输入您的账号，按井号键结束。",
    ),
    "enter_extension": ("Please enter the extension number.", "请输入分机号码。"),
    "you_entered": ("You entered", "您输入的是"),
    "confirm": (
        "If this is correct, press one. To enter it again, press two.",
        "正确请按一，重新输入请按二。",
    ),
    # Waiting
    "please_wait": ("Please wait a moment.", "请稍候。"),
    "stay_on_line": ("Please stay on the line.", "请不要挂机。"),
    "all_agents_busy": (
        "All of our agents are busy. Please stay on the line. Your call will be answered in turn.",
        "坐席全忙，请您耐心等待，我们将尽快为您服务。",
    ),
    "you_are_number": ("You are number", "您现在的排队位置是第"),
    "in_the_queue": ("in the queue.", "位。"),
    "next_in_line": (
        "You are next in line.",
        ("您是下一位，即将为您接通。", "nin2 shi4 xia4 yi2 wei4, ji2 jiang1 wei4 nin2 jie1 tong1."),
    ),
    "estimated_wait": (
        "Your estimated waiting time is",
        ("预计等待时间为", "yu4 ji4 deng3 dai4 shi2 jian1 wei2"),
    ),
    "to": ("up to", ("到", "dao4")),
    "less_than_a_minute": ("less than one minute.", "不到一分钟。"),
    "minute": ("minute.", "分钟。"),
    "minutes": ("minutes.", "分钟。"),
    "seconds": ("seconds.", "秒。"),
    "queue_full": (
        "We are receiving many calls at the moment. Please call again later.",
        "当前来电较多，请您稍后再拨。",
    ),
    "no_agents": ("There are no agents on duty at the moment.", "当前没有坐席值班。"),
    "callback_offer": (
        "To be called back without losing your place, press one.",
        "如需我们给您回电，请按一。",
    ),
    "callback_confirmed": ("We will call you back.", "我们将尽快给您回电。"),
    # Callbacks
    "callback_number": ("We will call you at", "我们将拨打您的号码，"),
    "callback_confirm": (
        "To confirm, press one. To enter another number, press two.",
        ("确认请按一，更改号码请按二。", "que4 ren4 qing3 an4 yi1, geng1 gai3 hao4 ma3 qing3 an4 er4."),
    ),
    "callback_confirm_only": ("To confirm, press one.", ("确认请按一。", "que4 ren4 qing3 an4 yi1.")),
    "callback_enter": (
        "Please enter your telephone number, followed by the hash key.",
        (
            "请输入您的电话号码，按井号键结束。",
            "qing3 shu1 ru4 nin2 de5 dian4 hua4 hao4 ma3, an4 jing3 hao4 jian4 jie2 shu4.",
        ),
    ),
    "callback_not_possible": (
        "Sorry, we cannot call that number.",
        ("对不起，我们无法拨打该号码。", "dui4 bu5 qi3, wo3 men5 wu2 fa3 bo1 da3 gai1 hao4 ma3."),
    ),
    "callback_kept": (
        "Your place is kept. We will call you when it is your turn.",
        (
            "您的位置已保留，轮到您时，我们会给您回电。",
            "nin2 de5 wei4 zhi4 yi3 bao3 liu2, lun2 dao4 nin2 shi2, wo3 men5 hui4 gei3 nin2 hui2 dian4.",
        ),
    ),
    # Connecting
    "queue_sales": ("Connecting you to sales.", "正在为您转接销售部。"),
    "queue_support": ("Connecting you to support.", "正在为您转接技术支持。"),
    "queue_billing": ("Connecting you to billing.", "正在为您转接账单查询。"),
    "queue_agent": ("Connecting you to an agent.", "正在为您转接人工服务。"),
    # Heard by the agent before the caller is
    "call_for_sales": ("A call for sales.", "销售来电。"),
    "call_for_support": ("A call for support.", "技术支持来电。"),
    "call_for_billing": ("A call for billing.", "账单查询来电。"),
    "press_one_to_accept": ("Press one to take the call.", "接听请按一。"),
    "connecting": ("Connecting you now. Please hold.", "正在为您接通，请稍候。"),
    "agent_number": ("Your agent is number", "工号"),
    "at_your_service": ("at your service.", "为您服务。"),
    "rate_call": (
        "Please rate this call from one to five. Five is the best.",
        "请您对本次服务评分，一分最低，五分最高。",
    ),
    # Why a call goes no further
    "closed": (
        "We are closed at the moment. Please call again during our opening hours.",
        "现在是非工作时间，请您在工作时间再次来电。",
    ),
    "holiday": ("We are closed for a public holiday.", "今天是节假日，我们暂停服务。"),
    "technical_problem": (
        "We are having a technical problem. Please call again later.",
        "系统出现故障，请您稍后再拨。",
    ),
    "number_not_in_service": (
        "The number you have dialled is not in service.",
        (
            "您拨打的号码是空号，请核对后再拨。",
            "nin2 bo1 da3 de5 hao4 ma3 shi4 kong1 hao4, qing3 he2 dui4 hou4 zai4 bo1.",
        ),
    ),
    "number_busy": (
        "The number you have dialled is busy.",
        ("您拨打的用户正忙。", "nin2 bo1 da3 de5 yong4 hu4 zheng4 mang2."),
    ),
    "no_answer": ("There is no answer. Please try again later.", "无人接听，请稍后再拨。"),
    "not_reachable": (
        "The person you are calling cannot be reached.",
        ("您拨打的用户暂时无法接通。", "nin2 bo1 da3 de5 yong4 hu4, zan4 shi2 wu2 fa3 jie1 tong1."),
    ),
    "not_permitted": ("You are not permitted to do that.", "您没有权限。"),
    # Voice mail
    "leave_message": (
        "Please leave a message after the tone, then press the hash key.",
        "请在提示音后留言，按井号键结束。",
    ),
    "message_saved": ("Your message has been saved.", ("留言已保存。", "liu2 yan2 yi2 bao3 cun2.")),
    "message_too_short": ("Your message was too short.", "留言太短。"),
    "mailbox_full": ("This mailbox is full. Please call again later.", "留言信箱已满，请您稍后再拨。"),
    "voicemail_menu": (
        "To hear your messages, press one. To record your greeting, press two. To end, press star.",
        "收听留言请按一，录制问候语请按二，退出请按星号键。",
    ),
    "you_have": ("You have", "您有"),
    "new_message": ("new message.", ("条新留言。", "tiao2 xin1 liu2 yan2.")),
    "new_messages": ("new messages.", ("条新留言。", "tiao2 xin1 liu2 yan2.")),
    "saved_message": ("saved message.", ("条已保存留言。", "tiao2 yi3 bao3 cun2 liu2 yan2.")),
    "saved_messages": ("saved messages.", ("条已保存留言。", "tiao2 yi3 bao3 cun2 liu2 yan2.")),
    "no_messages": ("You have no messages.", ("您没有留言。", "nin2 mei2 you3 liu2 yan2.")),
    "message_from": ("Message from", ("留言来自", "liu2 yan2 lai2 zi4")),
    "message_menu": (
        "To hear this message again, press one. To delete it, press seven. To call back, press eight."
        " To save it, press nine. For the previous message, press four. For the next one, press six.",
        (
            "重听请按一，删除请按七，回拨请按八，保存请按九，上一条请按四，下一条请按六。",
            "chong2 ting1 qing3 an4 yi1, shan1 chu2 qing3 an4 qi1, hui2 bo1 qing3 an4 ba1,"
            " bao3 cun2 qing3 an4 jiu3, shang4 yi4 tiao2 qing3 an4 si4, xia4 yi4 tiao2 qing3 an4 liu4.",
        ),
    ),
    "message_deleted": ("Message deleted.", ("留言已删除。", "liu2 yan2 yi3 shan1 chu2.")),
    "message_kept": ("Message saved.", ("留言已保存。", "liu2 yan2 yi2 bao3 cun2.")),
    "no_more_messages": (
        "There are no more messages.",
        ("没有更多留言。", "mei2 you3 geng4 duo1 liu2 yan2."),
    ),
    "record_greeting": (
        "Please record your greeting after the tone, then press the hash key.",
        "请在提示音后录制问候语，按井号键结束。",
    ),
    "greeting_saved": ("Your greeting has been saved.", ("问候语已保存。", "wen4 hou4 yu3 yi2 bao3 cun2.")),
    # Agents
    "agent_signed_in": ("You are signed in.", "签入成功。"),
    "agent_signed_out": ("You are signed out.", "签出成功。"),
    "agent_available": ("You are available.", "您已就绪。"),
    "agent_not_available": ("You are not available.", "您已示忙。"),
    "agent_on_break": ("You are on a break.", ("您已小休。", "nin2 yi2 xiao3 xiu1.")),
}

_ENGLISH_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty".split()
)
_ENGLISH_TENS = "thirty forty fifty sixty seventy eighty ninety".split()
_MONTHS = (
    "January February March April May June July August September October November December".split()
)
_MANDARIN_DIGITS = "零一二三四五六七八九"


def english_numbers() -> dict[str, str]:
    """Prompt name -> word."""
    words = {f"n_{value}": word for value, word in enumerate(_ENGLISH_SMALL)}
    words |= {f"n_{10 * tens}": word for tens, word in enumerate(_ENGLISH_TENS, start=3)}
    words |= {"n_hundred": "hundred", "n_thousand": "thousand", "n_point": "point"}
    words |= {"n_million": "million", "n_billion": "billion", "n_minus": "minus", "and": "and"}
    words |= {f"month_{number}": name for number, name in enumerate(_MONTHS, start=1)}
    words |= {f"day_{number}": name for number, name in enumerate(_ordinals(), start=1)}
    words |= {"oclock": "o'clock", "oh": "oh", "am": "a.m.", "pm": "p.m."}
    for name in "dollar dollars euro euros pound pounds cent cents penny pence yuan fen".split():
        words[name] = name
    return words


def _ordinals() -> list[str]:
    """first to thirty-first."""
    small = (
        "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth "
        "fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth".split()
    )
    twenties = ["twentieth", *(f"twenty-{each}" for each in small[:9])]
    return [*small, *twenties, "thirtieth", "thirty-first"]


def mandarin_numbers() -> dict[str, str]:
    """Prompt name -> characters; `n_yao` is the one of telephone numbers, `n_liang` the two of quantities."""
    words = {f"n_{value}": _below_hundred(value) for value in [*range(21), *range(30, 100, 10)]}
    words |= {
        "n_hundred": "百",
        "n_thousand": "千",
        "n_wan": "万",
        "n_liang": "两",
        "n_yao": "幺",
        "n_point": "点",
        "n_yi": "亿",
        "n_minus": "负",
        "year": "年",
        "am": "上午",
        "pm": "下午",
        "oclock": "点",
        "minute_of_hour": "分",
        "dollars": "美元",
        "cents": "美分",
        "euros": "欧元",
        "euro_cents": "欧分",
        "pounds": "英镑",
        "pence": "便士",
        "yuan": "元",
        "jiao": "角",
        "fen": "分",
    }
    words |= {f"month_{number}": f"{_below_hundred(number)}月" for number in range(1, 13)}
    words |= {f"day_{number}": f"{_below_hundred(number)}日" for number in range(1, 32)}
    return words


def _below_hundred(value: int) -> str:
    tens, ones = divmod(value, 10)
    if not tens:
        return _MANDARIN_DIGITS[ones]
    return ("" if tens == 1 else _MANDARIN_DIGITS[tens]) + "十" + (_MANDARIN_DIGITS[ones] if ones else "")
