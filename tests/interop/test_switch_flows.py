"""Real phones walk through every kind of step of a flow, by telephone-events, INFO and tones, and hear it."""

from __future__ import annotations

import numpy as np
import pytest

from tests.interop.centre import TOUR
from tests.interop.hearing import ALIKE, RATE_HZ, at_8000, cut, likeness, sound
from tests.interop.house import House, Phones, receives

ENDS_S = 25.0
# What is heard of a question before a key cuts it short, and what of it has to be recognised.
HEARD_S, FIRST_S, PIECE_S = 0.4, 0.06, 0.24


def heard_in_order(samples: np.ndarray, files: list[str]) -> None:
    """Each prompt after the one before it; two of the same name are two that are heard."""
    at = 0
    for number, file in enumerate(files):
        piece = cut(sound(f"{file}.flac"), FIRST_S, PIECE_S)
        alike = likeness(samples[at:], piece)
        found = np.flatnonzero(alike > ALIKE)
        assert len(found), f"{file}, prompt {number + 1}, is not heard after {at / RATE_HZ:.1f} s"
        # The best place of the first stretch that is like it.
        first = found[0]
        best = first + int(alike[first : first + len(piece)].argmax())
        at += best + len(piece)


@pytest.mark.parametrize(
    ("kind", "by"),
    [
        ("pjsua", "info"),
        pytest.param("baresip", "events", marks=pytest.mark.deep),
        pytest.param("sipp", "tones", marks=pytest.mark.deep),
    ],
)
def test_a_phone_walks_through_every_kind_of_step(kind: str, by: str, house: House, phones: Phones) -> None:
    options = {"events": by != "tones"} if kind == "sipp" else {}
    user = f"walks-{by}"
    phone = phones(kind, user, **options)
    before = house.calls_of(f"user:{user}")
    phone.call(phones.uri("300", "udp"))
    phone.wait_for("talking")
    call = house.call_id(f"user:{user}", before)
    receives(phone, HEARD_S)
    phone.press("1", info=by == "info")
    house.asks(call, 1)
    receives(phone, HEARD_S)
    for digit in "67":
        phone.press(digit, info=by == "info")
    house.asks(call, 6)
    receives(phone, HEARD_S)
    phone.press("5", info=by == "info")
    house.asks(call, 11)
    receives(phone, HEARD_S)
    phone.press("4", info=by == "info")
    phone.wait_for("ended", ENDS_S)
    assert house.record(call)["reason"] == "flow_finished"
    kinds = {fact["kind"] for fact in house.facts(call, "flow_step")}
    assert kinds >= {"menu", "collect", "say", "set", "branch", "loop", "flow", "return", "record", "dial"}
    assert kinds >= {"queue", "transfer", "hang_up", "survey", "python", "hours"}
    assert [fact["score"] for fact in house.facts(call, "survey_answered")] == [4]
    samples, rate_hz = phone.heard()
    heard_in_order(at_8000(samples, rate_hz), TOUR)
