"""Reading and writing numbers by the rules of a country (ITU-T E.164).

The rules of all countries (calling codes, prefixes, lengths, kinds, short and emergency numbers) are the data
of the library phonenumbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, product
from typing import TYPE_CHECKING

import phonenumbers
from phonenumbers import (
    NumberParseException,
    PhoneMetadata,
    PhoneNumber,
    PhoneNumberFormat,
    PhoneNumberType,
    ShortNumberCost,
    ValidationResult,
    shortnumberinfo,
)

if TYPE_CHECKING:
    from softswitch.config import Numbering
    from softswitch.config.dialplan import NumberForm, NumberKind

EVERYWHERE = frozenset(("112", "911"))
"""What every phone may call at any time (3GPP TS 22.101 §10.1.1), where no country is set."""
_EVERY_LINE = {"AU": "000", "BR": "190", "HK": "999", "MX": "911"}
"""Where 112 is for mobile phones only."""
_SEPARATORS = re.compile(r"[-.() ]")
_NUMBER = re.compile(r"\+?[0-9]{2,20}")
_KINDS: dict[int, NumberKind] = {
    PhoneNumberType.FIXED_LINE: "national",
    PhoneNumberType.FIXED_LINE_OR_MOBILE: "national",
    PhoneNumberType.VOIP: "national",
    PhoneNumberType.VOICEMAIL: "national",
    PhoneNumberType.MOBILE: "mobile",
    PhoneNumberType.TOLL_FREE: "toll_free",
    PhoneNumberType.SHARED_COST: "shared_cost",
    PhoneNumberType.UAN: "shared_cost",
    PhoneNumberType.PREMIUM_RATE: "premium",
    PhoneNumberType.PERSONAL_NUMBER: "premium",
    PhoneNumberType.PAGER: "premium",
}
_SHORT_KINDS: dict[int, NumberKind] = {
    ShortNumberCost.TOLL_FREE: "toll_free",
    ShortNumberCost.STANDARD_RATE: "national",
    ShortNumberCost.PREMIUM_RATE: "premium",
}
_COSTLY = ("+870", "+878", "+881", "+882", "+883", "+979")
"""Calling codes of satellites and international services, at rates like those of premium numbers."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number outside: `dialled` without separators and outside prefix, `e164` with + if it can be read."""

    dialled: str
    e164: str | None
    kind: NumberKind

    @property
    def text(self) -> str:
        """What prefixes are compared with."""
        return self.e164 or self.dialled


class NumberingPlan:
    """The settings `numbering`, applied. Nothing here raises: what cannot be read stays as it was dialled."""

    def __init__(self, settings: Numbering) -> None:
        self.settings = settings

    def normalised(self, text: str, country: str | None = None) -> str | None:
        """`text` in E.164 with +, None if it is no number of `country` (unset: that of the settings)."""
        parsed = self._parsed(_SEPARATORS.sub("", text), country or self.settings.country)
        return None if parsed is None else phonenumbers.format_number(parsed, PhoneNumberFormat.E164)

    def outside(self, dialled: str) -> Number | None:
        """The number outside that is meant; None if it is none that could be called."""
        text = self._without_prefix(_SEPARATORS.sub("", dialled))
        if text is None or not _NUMBER.fullmatch(text) or self._is_extension(text):
            return None
        short = self._short_kind(text)
        if short is not None:
            return Number(text, None, short)
        parsed = self._parsed(text, self.settings.country)
        if parsed is None:
            return Number(text, None, "other")
        e164 = phonenumbers.format_number(parsed, PhoneNumberFormat.E164)
        return Number(text, e164, self._kind(parsed, e164))

    def emergency(self, dialled: str) -> str | None:
        """The emergency number that is dialled, with or without the prefix for numbers outside."""
        candidates = (dialled, self._without_prefix(dialled))
        return next((text for text in candidates if text and self._is_emergency(text)), None)

    @property
    def emergency_number(self) -> str | None:
        """What is dialled for `urn:service:sos` (RFC 5031): the first of the settings, else the one that
        works from every line of the country."""
        if self.settings.emergency_numbers is not None:
            return next(iter(self.settings.emergency_numbers), None)
        country = self.settings.country
        american = country is not None and phonenumbers.country_code_for_region(country) == 1
        usual = (_EVERY_LINE.get(country or "", ""), "911" if american else "", "112", "999", "111", "110")
        known = chain(usual, (f"{number:03}" for number in range(1000)))
        return next((text for text in known if text and self._is_emergency(text)), None)

    def written(self, text: str, form: NumberForm, country: str | None = None) -> str:
        """A number in E.164 in the form of a peer in `country`; anything else stays as it is.

        A number abroad has no national form: it is written as one would dial it from there.
        """
        if form in ("dialled", "e164") or not text.startswith("+"):
            return text
        region = country or self.settings.country
        if form == "digits" or region is None:
            return text.removeprefix("+")
        metadata = _metadata(region)
        parsed = self._parsed(text, None)
        abroad = parsed is None or parsed.country_code != metadata.country_code
        if form == "international" or abroad or parsed is None:
            return _international_prefix(region) + text.removeprefix("+")
        return (metadata.national_prefix or "") + phonenumbers.national_significant_number(parsed)

    def _without_prefix(self, text: str) -> str | None:
        prefix = self.settings.outside_prefix
        if not prefix or text.startswith("+"):
            return text
        return text.removeprefix(prefix) if text.startswith(prefix) else None

    def _is_extension(self, text: str) -> bool:
        most = self.settings.extension_digits
        return most is not None and not text.startswith("+") and len(text) <= most

    @property
    def assumes_emergency(self) -> bool:
        """Whether neither a country nor settings say which the emergency numbers are."""
        return self.settings.country is None and self.settings.emergency_numbers is None

    def _is_emergency(self, text: str) -> bool:
        if self.settings.emergency_numbers is not None:
            return text in self.settings.emergency_numbers
        country = self.settings.country
        if country is None:
            return text in EVERYWHERE
        return text.isdecimal() and _is_emergency(text, country)

    def _short_kind(self, text: str) -> NumberKind | None:
        """The kind of a short number of the country, such as a directory service; None: it is none."""
        country = self.settings.country
        return None if country is None or text.startswith("+") else _short_kind(text, country)

    def _parsed(self, text: str, country: str | None) -> PhoneNumber | None:
        if not _NUMBER.fullmatch(text):
            return None
        for candidate in self._readings(text, country):
            parsed = _parse(candidate, country)
            if parsed is not None:
                return parsed
        return None

    def _readings(self, text: str, country: str | None) -> Iterator[str]:
        """A number without any prefix is one of our own area, if there is such a number."""
        area = self.settings.area_code
        if area and country is not None and country == self.settings.country and text[0] != "+":
            metadata = _metadata(country)
            local = f"+{metadata.country_code}{area}{text}"
            if not _has_prefix(text, metadata) and _is_valid(local):
                yield local
        yield text

    def _kind(self, parsed: PhoneNumber, e164: str) -> NumberKind:
        kind = _KINDS.get(phonenumbers.number_type(parsed), "other")
        if kind == "premium" or e164.startswith(_COSTLY):
            return "premium"
        home = self.settings.country
        if home is None:
            return "international"
        # A premium number with digits too many is of no known kind, and connected all the same.
        if kind != "other" and phonenumbers.region_code_for_number(parsed) != home:
            return "international"
        national = phonenumbers.national_significant_number(parsed)
        area = self.settings.area_code
        return "local" if kind == "national" and area and national.startswith(area) else kind


def _metadata(country: str) -> PhoneMetadata:
    metadata = PhoneMetadata.metadata_for_region(country)
    if metadata is None:
        raise ValueError(f"no rules for the country {country!r}")
    return metadata


@lru_cache(maxsize=64)
def _international_prefix(country: str) -> str:
    """The preferred one of a country's prefixes, else the shortest, that no digit behind it makes another.

    The data has them as a regular expression, and the preferred one with a ~ where one waits for a tone.
    """
    metadata = _metadata(country)
    preferred = (metadata.preferred_international_prefix or "").replace("~", "")
    digits = ("".join(each) for length in range(1, 5) for each in product("0123456789", repeat=length))
    known = metadata.international_prefix or ""
    return next((text for text in chain([preferred], digits) if text and _is_whole(known, text)), "00")


def _is_whole(known: str, text: str) -> bool:
    matches = [re.match(known, text + digit) for digit in "123456789"]
    return all(match is not None and match.end() == len(text) for match in matches)


def _has_prefix(text: str, metadata: PhoneMetadata) -> bool:
    national = metadata.national_prefix
    international = re.match(metadata.international_prefix or "(?!)", text)
    return bool(national and text.startswith(national)) or international is not None


@lru_cache(maxsize=2048)
def _parse(text: str, country: str | None) -> PhoneNumber | None:
    try:
        parsed = phonenumbers.parse(text, country)
    except NumberParseException:
        return None
    possible = phonenumbers.is_possible_number_with_reason(parsed)
    return parsed if possible == ValidationResult.IS_POSSIBLE else None


def _is_valid(text: str) -> bool:
    parsed = _parse(text, None)
    return parsed is not None and phonenumbers.is_valid_number(parsed)


@lru_cache(maxsize=256)
def _is_emergency(text: str, country: str) -> bool:
    return shortnumberinfo.is_emergency_number(text, country)


@lru_cache(maxsize=256)
def _short_kind(text: str, country: str) -> NumberKind | None:
    if len(text) > 6:
        return None
    number = PhoneNumber(
        country_code=phonenumbers.country_code_for_region(country),
        national_number=int(text),
        italian_leading_zero=text.startswith("0") or None,
    )
    if not shortnumberinfo.is_valid_short_number_for_region(number, country):
        return None
    cost = shortnumberinfo.expected_cost_for_region(number, country)
    return _SHORT_KINDS.get(cost, "other")
