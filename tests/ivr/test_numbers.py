"""Numbers as prompts, checked by reading them back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from softswitch.ivr.numbers import digits, number, position

MANIFEST = json.loads((Path(__file__).parents[2] / "ivr_prompts" / "manifest.json").read_text())


def mandarin(value: int) -> str:
    return "".join(MANIFEST["zh"][name]["text"] for name in number(value, "zh"))


def english_value(names: tuple[str, ...]) -> int:
    """What a listener understands: units multiply what came before them."""
    total = part = 0
    for name in names:
        if name == "n_thousand":
            total, part = part * 1000, 0
        elif name == "n_hundred":
            part *= 100
        else:
            part += int(name.removeprefix("n_"))
    return total + part


@pytest.mark.parametrize(
    ("value", "names"),
    [
        (0, "0"),
        (7, "7"),
        (13, "13"),
        (20, "20"),
        (21, "20 1"),
        (40, "40"),
        (99, "90 9"),
        (100, "1 hundred"),
        (105, "1 hundred 5"),
        (115, "1 hundred 15"),
        (342, "3 hundred 40 2"),
        (1000, "1 thousand"),
        (2003, "2 thousand 3"),
        (9999, "9 thousand 9 hundred 90 9"),
    ],
)
def test_english(value: int, names: str) -> None:
    assert number(value, "en") == tuple(f"n_{name}" for name in names.split())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "零"),
        (2, "二"),
        (10, "十"),
        (11, "十一"),
        (12, "十二"),
        (20, "二十"),
        (25, "二十五"),
        (100, "一百"),
        (105, "一百零五"),
        (110, "一百一十"),
        (112, "一百一十二"),
        (200, "二百"),
        (222, "二百二十二"),
        (1000, "一千"),
        (1005, "一千零五"),
        (1050, "一千零五十"),
        (1500, "一千五百"),
        (2000, "两千"),
        (2002, "两千零二"),
        (2022, "两千零二十二"),
        (3040, "三千零四十"),
        (9999, "九千九百九十九"),
    ],
)
def test_mandarin(value: int, text: str) -> None:
    assert mandarin(value) == text


def test_every_english_number_is_understood_and_every_mandarin_one_is_different() -> None:
    assert all(english_value(number(value, "en")) == value for value in range(10_000))
    assert len({mandarin(value) for value in range(10_000)}) == 10_000


@pytest.mark.parametrize("language", ["en", "zh"])
def test_only_prompts_that_are_recorded_are_used(language: str) -> None:
    used = {name for place in range(1, 10_001) for name in position(place, language)} | {"n_0"}
    assert used <= set(MANIFEST[language])


@pytest.mark.parametrize("value", [-1, 10_000])
def test_other_numbers_are_refused(value: int) -> None:
    with pytest.raises(ValueError, match="cannot be spoken; allowed: 0 to 9999"):
        number(value, "en")


def test_digits_are_spoken_one_by_one() -> None:
    assert digits("40-1#") == ("n_4", "n_0", "n_1")


def test_position_in_the_queue() -> None:
    assert position(1, "en") == ("next_in_line",)
    assert position(21, "en") == ("you_are_number", "n_20", "n_1", "in_the_queue")
    assert position(21, "zh") == ("you_are_number", "n_20", "n_1", "in_the_queue")
    assert position(10_000, "en") == ("please_wait",)
