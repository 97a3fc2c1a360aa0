"""Numbers, dates, times and money as sequences of prompt names, by the grammar of each language.

A value is a text, as variables are; one that is none of its kind has no names, so that nothing is said.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from datetime import time as TimeOfDay
from typing import NamedTuple

from softswitch.ivr import english, mandarin

GREATEST = 10**12 - 1
GREATEST_PLACE = 9999
CURRENCIES = ("USD", "EUR", "GBP", "CNY")

Names = tuple[str, ...]
_NUMBER = re.compile(r"(-?)0*([0-9]{1,12})(?:\.([0-9]{1,9}))?", re.ASCII)
_DATE = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})", re.ASCII)
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::[0-9]{2})?", re.ASCII)


class Grammar(NamedTuple):
    """How one language says a whole number, a day, a time of day, and units and hundredths of a currency."""

    whole: Callable[[int], Names]
    day: Callable[[date], Names]
    clock: Callable[[TimeOfDay], Names]
    money: Callable[[int, int, str], Names]


GRAMMARS = {
    "en": Grammar(english.whole, english.day, english.clock, english.money),
    "zh": Grammar(mandarin.whole, mandarin.day, mandarin.clock, mandarin.money),
}


def number(value: int, language: str) -> Names:
    """Prompt names that speak 0 … GREATEST. ValueError for any other number."""
    if not 0 <= value <= GREATEST:
        raise ValueError(f"{value} cannot be spoken; allowed: 0 to {GREATEST}")
    return GRAMMARS[language].whole(value)


def digits(text: str, language: str = "") -> Names:
    """Prompt names that speak the digits of `text` one by one; other characters are left out."""
    return tuple(f"n_{character}" for character in text if character in "0123456789")


def position(place: int, language: str) -> Names:
    """What a waiting caller hears about their place in the queue, from 1."""
    if place == 1:
        return ("next_in_line",)
    if place > GREATEST_PLACE:
        return ("please_wait",)
    return ("you_are_number", *number(place, language), "in_the_queue")


def spoken_number(text: str, language: str) -> Names:
    """`-1250.75`, up to twelve digits before the point and nine after it."""
    found = _NUMBER.fullmatch(text.strip())
    if found is None:
        return ()
    sign, before, after = found.groups()
    names = number(int(before), language)
    if after and after.strip("0"):
        names += ("n_point", *digits(after))
    return ("n_minus", *names) if sign and names != ("n_0",) else names


def spoken_date(text: str, language: str) -> Names:
    """`2026-11-22` or `20261122`."""
    found = _DATE.fullmatch(text.strip())
    try:
        return GRAMMARS[language].day(date(*map(int, found.groups()))) if found else ()
    except ValueError:
        return ()


def spoken_time(text: str, language: str) -> Names:
    """`14:05`; seconds are not said."""
    found = _TIME.fullmatch(text.strip())
    try:
        return GRAMMARS[language].clock(TimeOfDay(int(found[1]), int(found[2]))) if found else ()
    except ValueError:
        return ()


def spoken_money(text: str, language: str) -> Names:
    """`12.50 USD`: an amount, of which hundredths are said, and a currency of CURRENCIES."""
    amount, _, currency = text.strip().partition(" ")
    found = _NUMBER.fullmatch(amount)
    if found is None or currency not in CURRENCIES:
        return ()
    sign, units, parts = found.groups()
    # Half a hundredth counts as a whole one.
    rounded = int(units) * 100 + (int(((parts or "") + "000")[:3]) + 5) // 10
    names = GRAMMARS[language].money(*divmod(rounded, 100), currency)
    return ("n_minus", *names) if sign and rounded else names


SPOKEN: dict[str, Callable[[str, str], Names]] = {
    "number": spoken_number,
    "digits": digits,
    "date": spoken_date,
    "time": spoken_time,
    "money": spoken_money,
}
"""What can be said beside prompts: kind -> the names for a text in a language."""


def waiting_time(low_s: float, high_s: float, language: str) -> Names:
    """What a waiting caller hears about how long that will be: a range of whole minutes."""
    low, high = int(low_s // 60), max(-int(-high_s // 60), 1)
    if high > GREATEST_PLACE:
        return ()
    if high == 1:
        return ("estimated_wait", "less_than_a_minute")
    lowest = (*number(low, language), "to") if 0 < low < high else ()
    return ("estimated_wait", *lowest, *number(high, language), "minutes")
