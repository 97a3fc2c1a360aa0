"""English: numbers, dates, times and money as sequences of prompt names.

`n_<value>` are 0 to 20 and the tens; `day_<n>` are ordinals, `month_<n>` the names of months.
"""

from __future__ import annotations

from datetime import date, time

Names = tuple[str, ...]

_SCALES = ((10**9, "n_billion"), (10**6, "n_million"), (1000, "n_thousand"))
# Currency -> unit and its hundredth, each for one and for several.
_UNITS = {
    "USD": ("dollar", "dollars", "cent", "cents"),
    "EUR": ("euro", "euros", "cent", "cents"),
    "GBP": ("pound", "pounds", "penny", "pence"),
    "CNY": ("yuan", "yuan", "fen", "fen"),
}


def whole(value: int) -> Names:
    """A number of at least 0: 21305 is twenty one thousand three hundred five."""
    names: Names = ()
    for scale, name in _SCALES:
        count, value = divmod(value, scale)
        if count:
            names += (*_below_thousand(count), name)
    return names + _below_thousand(value) if value or not names else names


def _below_thousand(value: int) -> Names:
    hundreds, rest = divmod(value, 100)
    names: Names = (f"n_{hundreds}", "n_hundred") if hundreds else ()
    return names + _below_hundred(rest) if rest or not names else names


def _below_hundred(value: int) -> Names:
    if value > 20 and value % 10:
        return (f"n_{value - value % 10}", f"n_{value % 10}")
    return (f"n_{value}",)


def day(value: date) -> Names:
    """November twenty second, twenty twenty six."""
    return (f"month_{value.month}", f"day_{value.day}", *_year(value.year))


def _year(year: int) -> Names:
    century, rest = divmod(year, 100)
    if (century % 10 == 0 and rest < 10) or year < 1000:
        return whole(year)
    if rest == 0:
        return (*_below_hundred(century), "n_hundred")
    return (*_below_hundred(century), *(("oh",) if rest < 10 else ()), *_below_hundred(rest))


def clock(value: time) -> Names:
    """Two oh five p.m."""
    hour = value.hour % 12 or 12
    half = "am" if value.hour < 12 else "pm"
    if value.minute == 0:
        return (f"n_{hour}", "oclock", half)
    return (f"n_{hour}", *(("oh",) if value.minute < 10 else ()), *_below_hundred(value.minute), half)


def money(units: int, hundredths: int, currency: str) -> Names:
    """Twelve dollars and fifty cents."""
    one, several, one_part, parts = _UNITS[currency]
    names: Names = (*whole(units), one if units == 1 else several) if units or not hundredths else ()
    if hundredths:
        part = one_part if hundredths == 1 else parts
        names += (*(("and",) if names else ()), *_below_hundred(hundredths), part)
    return names
