"""Numbers as prompts, checked by reading them back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from softswitch.ivr.numbers import SPOKEN, digits, number, position, waiting_time

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


@pytest.mark.parametrize("value", [-1, 10**12])
def test_other_numbers_are_refused(value: int) -> None:
    with pytest.raises(ValueError, match="cannot be spoken; allowed: 0 to 999999999999"):
        number(value, "en")


def test_digits_are_spoken_one_by_one() -> None:
    assert digits("40-1#") == ("n_4", "n_0", "n_1")


def test_position_in_the_queue() -> None:
    assert position(1, "en") == ("next_in_line",)
    assert position(21, "en") == ("you_are_number", "n_20", "n_1", "in_the_queue")
    assert position(21, "zh") == ("you_are_number", "n_20", "n_1", "in_the_queue")
    assert position(10_000, "en") == ("please_wait",)


SAID = [
    ("number", "10000", "ten thousand", "一万"),
    ("number", "20000", "twenty thousand", "两万"),
    ("number", "21305", "twenty one thousand three hundred five", "两万一千三百零五"),
    ("number", "100010", "one hundred thousand ten", "十万零一十"),
    ("number", "120015", "one hundred twenty thousand fifteen", "十二万零一十五"),
    ("number", "100000005", "one hundred million five", "一亿零五"),
    ("number", "1220000", "one million two hundred twenty thousand", "一百二十二万"),
    ("number", "999999999999", None, "九千九百九十九亿九千九百九十九万九千九百九十九"),
    ("number", "-2.50", "minus two point five zero", "负二点五零"),
    ("number", "007", "seven", "七"),
    ("number", "-0", "zero", "零"),
    ("number", "1e3", "", ""),
    ("date", "2026-11-22", "November twenty-second twenty twenty six", "二零二六年十一月二十二日"),
    ("date", "20050301", "March first two thousand five", "二零零五年三月一日"),
    ("date", "1905-01-31", "January thirty-first nineteen oh five", "一九零五年一月三十一日"),
    ("date", "1900-10-10", "October tenth nineteen hundred", "一九零零年十月十日"),
    ("date", "2026-02-30", "", ""),
    ("date", "tomorrow", "", ""),
    ("time", "14:05", "two oh five p.m.", "下午两点零五分"),
    ("time", "00:00", "twelve o'clock a.m.", "上午十二点"),
    ("time", "9:30:59", "nine thirty a.m.", "上午九点三十分"),
    ("time", "24:00", "", ""),
    ("money", "12.50 USD", "twelve dollars and fifty cents", "十二美元五十美分"),
    ("money", "1.01 EUR", "one euro and one cent", "一欧元一欧分"),
    ("money", "0.02 GBP", "two pence", "两便士"),
    ("money", "2 CNY", "two yuan", "两元"),
    ("money", "12.56 CNY", "twelve yuan and fifty six fen", "十二元五角六分"),
    ("money", "3.05 CNY", "three yuan and five fen", "三元零五分"),
    ("money", "-0.995 USD", "minus one dollar", "负一美元"),
    ("money", "0 EUR", "zero euros", "零欧元"),
    ("money", "12.50 XXX", "", ""),
    ("money", "12.50", "", ""),
    ("digits", "40-1", "four zero one", "四零一"),
]


@pytest.mark.parametrize(("kind", "text", "english", "chinese"), SAID)
def test_what_is_said(kind: str, text: str, english: str | None, chinese: str) -> None:
    spoken = {
        lang: [MANIFEST[lang][name]["text"] for name in SPOKEN[kind](text, lang)] for lang in ("en", "zh")
    }
    assert english is None or " ".join(spoken["en"]) == english
    assert "".join(spoken["zh"]) == chinese


@pytest.mark.parametrize(
    ("low_s", "high_s", "said"),
    [
        (5, 50, ("estimated_wait", "less_than_a_minute")),
        (5, 130, ("estimated_wait", "n_3", "minutes")),
        (130, 290, ("estimated_wait", "n_2", "to", "n_5", "minutes")),
        (240, 250, ("estimated_wait", "n_4", "to", "n_5", "minutes")),
        (60.0, 10_000_000.0, ()),
    ],
)
def test_a_range_of_waiting(low_s: float, high_s: float, said: tuple[str, ...]) -> None:
    assert waiting_time(low_s, high_s, "en") == said
