"""Telephone numbers in URIs."""

from __future__ import annotations

import pytest

from softswitch.sip.telephone import telephone
from softswitch.sip.uri import Uri


@pytest.mark.parametrize(
    ("uri", "number"),
    [
        ("tel:+49-30-123.45", "+493012345"),
        ("tel:+49(30)12345", "+493012345"),
        ("tel:7042;phone-context=+49-30-55", "+4930557042"),
        ("tel:7042;phone-context=example.com", "7042"),
        ("tel:*21", "*21"),
        ("sip:+49-30-12345@example.com;user=phone", "+493012345"),
        ("sip:7042;phone-context=+4930@example.com;user=phone", "+49307042"),
        ("sip:7042;phone-context=a.example@example.com;user=phone", "7042"),
        ("sip:a.b-c@example.com", "a.b-c"),
        ("sips:100@example.com", "100"),
        ("sip:example.com", ""),
    ],
)
def test_the_number(uri: str, number: str) -> None:
    assert telephone(Uri.parse(uri)) == number
