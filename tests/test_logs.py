"""The log of every process: its two forms, and what they never tell."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from softswitch.logs import JsonLines, Text, clean, masked, of_part


def record(message: str, *args: object, **more: object) -> logging.LogRecord:
    made = logging.LogRecord("softswitch", logging.WARNING, __file__, 1, message, args, None)
    made.__dict__.update(more)
    return made


@pytest.mark.parametrize(
    ("number", "middle", "every"),
    [
        ("+4930123456", "+4930****56", "+**********"),
        ("030123456", "0301***56", "*********"),
        ("123456", "12**56", "******"),
    ],
)
def test_numbers_keep_their_length(number: str, middle: str, every: str) -> None:
    assert (masked(number, "middle"), masked(number, "all"), masked(number, "none")) == (
        middle,
        every,
        number,
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("call from +4930123456 to 201", "call from +4930****56 to 201"),
        ("INVITE sip:4930123456@192.0.2.1:5060 SIP/2.0", "INVITE sip:4930****56@192.0.2.1:5060 SIP/2.0"),
        ("<tel:+4930123456>;x, 030123456.", "<tel:+4930****56>;x, 0301***56."),
        # Not numbers: addresses, paths, dates, ids.
        ("writing /var/rec/20261122/ab123456.wav", "writing /var/rec/20261122/ab123456.wav"),
        *[(each, each) for each in ("call 5f3a9c123456 at 2026-11-22", "192.168.100.200:16384", "a503123")],
    ],
)  # fmt: skip
def test_numbers_within_a_text(text: str, shown: str) -> None:
    assert clean(text, "middle") == shown
    assert clean(text, "none") == text


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer {}",
        'Proxy-Authorization: Digest username="a", response="{}"\r\nVia: x',
        "{{'password': '{}', 'name': 'a'}}",
        '{{"pin": "{}"}}',
        "https://a/?password={}&b=1",
        "secret={}",
    ],
)
def test_secrets_are_never_told(text: str) -> None:
    assert "s3cr3t-thing" not in clean(text.format("s3cr3t-thing"), "none")
    assert clean("the token ssk_0123456789abcdef was refused", "none") == "the token *** was refused"


def test_json_has_one_line_for_a_traceback_too() -> None:
    try:
        raise ValueError("bad number +4930123456\nin two lines")
    except ValueError:
        line = JsonLines("switch", "node1", "middle").format(
            record("a %s", "b\nc", exc_info=sys.exc_info(), call="c1", alarm="disk_full")
        )
    assert "\n" not in line
    found = json.loads(line)
    assert found.pop("time").endswith("Z")
    assert "+4930****56" in found.pop("error")
    assert found == {
        "level": "warning", "process": "switch", "node": "node1", "message": "a b\nc", "call": "c1",
        "alarm": "disk_full",
    }  # fmt: skip


def test_text_names_the_call_at_the_end() -> None:
    form = Text("%(levelname)s %(message)s", "all")
    assert form.format(record("to %s", "+4930123456", call="c1")) == "WARNING to +********** call=c1"
    assert form.format(record("nothing")) == "WARNING nothing"


def test_parts_of_a_call_name_it() -> None:
    assert of_part("c1.r2") == {"call": "c1"}
    assert of_part("prompt") == {}
