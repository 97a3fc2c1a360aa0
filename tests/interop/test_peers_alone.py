"""The phones that judge the product, calling each other without it: the wrappers tell the truth."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.peers.audio import seconds_of
from tests.peers.baresip import Baresip
from tests.peers.phone import Phone
from tests.peers.pjsua import Pjsua

TALK_S = 1.5


def hears(phone: Phone, own_hz: float, other_hz: float) -> None:
    """The far end's tone for most of the talk, and nothing of the phone's own."""
    samples, rate_hz = phone.heard()
    assert seconds_of(samples, rate_hz, other_hz) > TALK_S / 2, f"{phone.name} does not hear {other_hz} Hz"
    assert seconds_of(samples, rate_hz, own_hz) < 0.15, f"{phone.name} hears its own {own_hz} Hz"


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_pjsua_calls_pjsua(tmp_path: Path, transport: str) -> None:
    with (
        Pjsua("caller", tmp_path, host="127.0.0.2", tone_hz=600, transport=transport) as caller,
        Pjsua("callee", tmp_path, host="127.0.0.3", tone_hz=1000, transport=transport) as callee,
    ):
        caller.call(callee.uri)
        callee.wait_for("ringing")
        caller.wait_for("alerting")
        callee.answer()
        caller.wait_for("talking")
        callee.wait_for("talking")
        caller.press("5")
        callee.wait_for_digits("5")
        callee.press("72", info=True)
        caller.wait_for_digits("72")
        caller.hang_up()
        callee.wait_for("ended")
        caller.wait_for("ended")


def test_baresip_calls_pjsua(tmp_path: Path) -> None:
    with (
        Baresip("caller", tmp_path, tone_hz=700) as caller,
        Pjsua("callee", tmp_path, host="127.0.0.3", tone_hz=1000) as callee,
    ):
        caller.call(callee.uri)
        callee.wait_for("ringing")
        caller.wait_for("alerting")
        callee.answer()
        caller.wait_for("talking")
        callee.wait_for("talking")
        caller.press("5#")
        callee.wait_for_digits("5#")
        caller.hang_up()
        callee.wait_for("ended")
