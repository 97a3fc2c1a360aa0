"""Numbers read and written by the rules of countries."""

from __future__ import annotations

from typing import Any

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.config import Numbering
from softswitch.config.dialplan import NUMBER_KINDS
from softswitch.numbering.plan import NumberingPlan

MUNICH = {"country": "DE", "area_code": "89", "extension_digits": 4}


def plan(**settings: Any) -> NumberingPlan:
    return NumberingPlan(Numbering(**settings))


@pytest.mark.parametrize(
    ("settings", "dialled", "e164", "kind"),
    [
        (MUNICH, "030 1234567", "+49301234567", "national"),
        (MUNICH, "(089) 301-2345", "+49893012345", "local"),
        # Without prefixes it is a number of our own area, although Berlin has it too.
        (MUNICH, "3012345", "+49893012345", "local"),
        (MUNICH, "01711234567", "+491711234567", "mobile"),
        (MUNICH, "0049301234567", "+49301234567", "national"),
        (MUNICH, "08001234567", "+498001234567", "toll_free"),
        (MUNICH, "09001234567", "+499001234567", "premium"),
        (MUNICH, "01805123456", "+491805123456", "shared_cost"),
        (MUNICH, "0012125551234", "+12125551234", "international"),
        (MUNICH, "00882161234567", "+882161234567", "premium"),
        # Networks connect a number that has digits too many: it must not pass for an ordinary one.
        (MUNICH, "0900123456789", "+49900123456789", "other"),
        (MUNICH, "09001234567123456789", None, "other"),
        (MUNICH, "116117", None, "toll_free"),
        ({"country": "US"}, "2125551234", "+12125551234", "national"),
        ({"country": "US"}, "12125551234", "+12125551234", "national"),
        ({"country": "US"}, "18765551234", "+18765551234", "international"),
        ({"country": "US"}, "0114930123456", "+4930123456", "international"),
        ({"country": "US", "area_code": "212"}, "5551234", "+12125551234", "local"),
        ({"country": "IT"}, "061234567", "+39061234567", "national"),
        ({"country": "CN"}, "01012345678", "+861012345678", "national"),
        ({"country": "DE", "outside_prefix": "9"}, "9030123456", "+4930123456", "national"),
        ({"country": "DE", "outside_prefix": "9"}, "+4930123456", "+4930123456", "national"),
        ({}, "+4930123456", "+4930123456", "international"),
        ({}, "0049123456", None, "other"),
    ],
)
def test_numbers_outside(settings: dict[str, Any], dialled: str, e164: str | None, kind: str) -> None:
    number = plan(**settings).outside(dialled)
    assert number is not None
    assert (number.e164, number.kind) == (e164, kind)


@pytest.mark.parametrize(
    ("settings", "dialled"),
    [
        (MUNICH, "1234"),
        (MUNICH, "alice"),
        (MUNICH, "*72"),
        (MUNICH, ""),
        (MUNICH, "1" * 21),
        ({"country": "DE", "outside_prefix": "9"}, "030123456"),
        ({}, "7"),
    ],
)
def test_what_is_no_number_outside(settings: dict[str, Any], dialled: str) -> None:
    assert plan(**settings).outside(dialled) is None


@pytest.mark.parametrize(
    ("country", "form", "number", "written"),
    [
        ("DE", "e164", "+49301234567", "+49301234567"),
        ("DE", "digits", "+49301234567", "49301234567"),
        ("DE", "national", "+49301234567", "0301234567"),
        ("DE", "international", "+49301234567", "0049301234567"),
        ("DE", "national", "+12125551234", "0012125551234"),
        ("US", "national", "+12125551234", "12125551234"),
        ("US", "international", "+49301234567", "01149301234567"),
        ("IT", "national", "+39061234567", "061234567"),
        ("DE", "national", "112", "112"),
        (None, "national", "+49301234567", "49301234567"),
    ],
)
def test_forms(country: str | None, form: Any, number: str, written: str) -> None:
    assert plan(country=country).written(number, form) == written


@pytest.mark.parametrize(
    ("settings", "dialled", "number"),
    [
        ({"country": "DE"}, "112", "112"),
        ({"country": "DE"}, "110", "110"),
        ({"country": "DE", "outside_prefix": "0"}, "0112", "112"),
        ({"country": "DE", "outside_prefix": "0"}, "112", "112"),
        ({"country": "US"}, "911", "911"),
        ({"country": "GB"}, "999", "999"),
        ({"country": "CN"}, "120", "120"),
        ({"country": "DE"}, "911", None),
        ({"country": "DE"}, "1123", None),
        ({"country": "DE", "emergency_numbers": ["19222"]}, "19222", "19222"),
        ({"country": "DE", "emergency_numbers": []}, "112", None),
        ({}, "112", "112"),
        ({}, "911", "911"),
        ({}, "110", None),
        ({"emergency_numbers": ["112"]}, "112", "112"),
    ],
)
def test_emergency_numbers(settings: dict[str, Any], dialled: str, number: str | None) -> None:
    assert plan(**settings).emergency(dialled) == number


@given(
    st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)), st.sampled_from(["national", "international"])
)
def test_what_is_written_is_read_again(country: str, form: Any) -> None:
    example = phonenumbers.example_number(country)
    assert example is not None
    e164 = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
    numbering = plan(country=country)
    assert numbering.normalised(e164) == e164
    assert numbering.normalised(numbering.written(e164, form)) == e164


@given(st.sampled_from([None, "DE", "US", "IT", "CN"]), st.text("+0123456789*#- a", max_size=24))
def test_whatever_is_dialled_is_no_error_and_has_a_kind(country: str | None, dialled: str) -> None:
    numbering = plan(country=country, area_code="30")
    number = numbering.outside(dialled)
    if number is not None:
        assert number.kind in NUMBER_KINDS
        assert number.e164 is None or number.e164[1:].isdecimal()
    numbering.emergency(dialled)
