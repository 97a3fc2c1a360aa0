"""Mandarin: numbers, dates, times and money as sequences of prompt names.

`n_<value>` are 0 to 20 and the tens; `n_liang` is the two of quantities, `n_wan` and `n_yi` are 10⁴ and 10⁸.
"""

from __future__ import annotations

from datetime import date, time

Names = tuple[str, ...]

_MYRIADS = ((10**8, "n_yi"), (10**4, "n_wan"), (1, ""))
# Currency -> its unit and the hundredth; that of China has a tenth as well.
_UNITS = {"USD": ("dollars", "cents"), "EUR": ("euros", "euro_cents"), "GBP": ("pounds", "pence")}


def whole(value: int) -> Names:
    """A number of at least 0: 21305 is 两万一千三百零五."""
    if value <= 20:
        # 十二, not 一十二; inside a larger number it is 一十二.
        return (f"n_{value}",)
    names: Names = ()
    for scale, name in _MYRIADS:
        part, value = divmod(value, scale)
        if not part:
            continue
        if part == 2 and name:
            names += ("n_liang", name)
            continue
        # One 零 stands for the zeros that lead a part after a greater one.
        zero = ("n_0",) if names and part < 1000 else ()
        first = 10 <= part < 20 and not names
        names += (*zero, *((f"n_{part}",) if first else _below_myriad(part)), *((name,) if name else ()))
    return names


def _below_myriad(value: int) -> Names:
    names: Names = ()
    gap = False
    for weight in (1000, 100, 10, 1):
        digit = value // weight % 10
        if digit == 0:
            # One 零 stands for any number of zeros between two digits, none for those at the end.
            gap = bool(names)
            continue
        names += ("n_0", *_digit(digit, weight)) if gap else _digit(digit, weight)
        gap = False
    return names


def _digit(digit: int, weight: int) -> Names:
    if weight == 1:
        return (f"n_{digit}",)
    if weight == 10:
        return ("n_1", "n_10") if digit == 1 else (f"n_{digit}0",)
    if weight == 100:
        return (f"n_{digit}", "n_hundred")
    return ("n_liang" if digit == 2 else f"n_{digit}", "n_thousand")


def day(value: date) -> Names:
    """二零二六年十一月二十二日."""
    year = tuple(f"n_{digit}" for digit in str(value.year))
    return (*year, "year", f"month_{value.month}", f"day_{value.day}")


def clock(value: time) -> Names:
    """下午两点零五分."""
    hour = value.hour % 12 or 12
    names: Names = ("am" if value.hour < 12 else "pm", *_counted(hour), "oclock")
    if value.minute:
        names += (*(("n_0",) if value.minute < 10 else ()), *_below_hundred(value.minute), "minute_of_hour")
    return names


def money(units: int, hundredths: int, currency: str) -> Names:
    """十二元五角."""
    tenths, last = divmod(hundredths, 10)
    if currency != "CNY":
        unit, part = _UNITS[currency]
        names: Names = (*_counted(units), unit) if units or not hundredths else ()
        return (*names, *_counted(hundredths), part) if hundredths else names
    names = (*_counted(units), "yuan") if units or not hundredths else ()
    if tenths:
        names += (*_counted(tenths), "jiao")
    elif last and names:
        names += ("n_0",)
    return (*names, *_counted(last), "fen") if last else names


def _counted(value: int) -> Names:
    """两 before a measure word."""
    return ("n_liang",) if value == 2 else whole(value)


def _below_hundred(value: int) -> Names:
    return whole(value) if value <= 20 else _below_myriad(value)
