"""Numbers as sequences of prompt names, in English and Mandarin.

Prompts of numbers are called `n_<value>`, and `n_hundred`, `n_thousand`; Mandarin has `n_liang` besides, the
two that is used before 千.
"""

from __future__ import annotations

GREATEST = 9999

Names = tuple[str, ...]


def number(value: int, language: str) -> Names:
    """Prompt names that speak 0 … 9999. ValueError for any other number."""
    if not 0 <= value <= GREATEST:
        raise ValueError(f"{value} cannot be spoken; allowed: 0 to {GREATEST}")
    return _mandarin(value) if language == "zh" else _english(value)


def digits(text: str) -> Names:
    """Prompt names that speak the digits of `text` one by one; other characters are left out."""
    return tuple(f"n_{character}" for character in text if character in "0123456789")


def position(place: int, language: str) -> Names:
    """What a waiting caller hears about their place in the queue, from 1."""
    if place == 1:
        return ("next_in_line",)
    if place > GREATEST:
        return ("please_wait",)
    return ("you_are_number", *number(place, language), "in_the_queue")


def _english(value: int) -> Names:
    thousands, rest = divmod(value, 1000)
    hundreds, rest = divmod(rest, 100)
    names: Names = ()
    if thousands:
        names += (f"n_{thousands}", "n_thousand")
    if hundreds:
        names += (f"n_{hundreds}", "n_hundred")
    if rest > 20 and rest % 10:
        return (*names, f"n_{rest - rest % 10}", f"n_{rest % 10}")
    return (*names, f"n_{rest}") if rest or not names else names


def _mandarin(value: int) -> Names:
    if value <= 20:
        # 十二, not 一十二; inside a larger number it is 一十二.
        return (f"n_{value}",)
    names: Names = ()
    gap = False
    for weight in (1000, 100, 10, 1):
        digit = value // weight % 10
        if digit == 0:
            # One 零 stands for any number of zeros between two digits, none for those at the end.
            gap = bool(names)
            continue
        names += ("n_0", *_mandarin_digit(digit, weight)) if gap else _mandarin_digit(digit, weight)
        gap = False
    return names


def _mandarin_digit(digit: int, weight: int) -> Names:
    if weight == 1:
        return (f"n_{digit}",)
    if weight == 10:
        return ("n_1", "n_10") if digit == 1 else (f"n_{digit}0",)
    if weight == 100:
        return (f"n_{digit}", "n_hundred")
    return ("n_liang" if digit == 2 else f"n_{digit}", "n_thousand")
