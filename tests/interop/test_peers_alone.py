"""The phones that judge the product, calling each other without it: the wrappers tell the truth."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.peers.audio import longest_break, seconds_of
from tests.peers.baresip import Baresip
from tests.peers.linphone import Linphone
from tests.peers.phone import Phone
from tests.peers.pjsua import Pjsua
from tests.peers.sipp import Sipp

# Where these fail it is the peers: everything that they do here they do with the switch, too.
pytestmark = pytest.mark.deep

PACKETS = 80


def hears(phone: Phone, own_hz: float, other_hz: float) -> None:
    """The far end's tone for most of the talk, and nothing of the phone's own."""
    samples, rate_hz = phone.heard()
    assert seconds_of(samples, rate_hz, other_hz) > 1, f"{phone.name} does not hear {other_hz} Hz"
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
        callee.wait_for_packets(PACKETS)
        caller.press("5")
        callee.wait_for_digits("5")
        callee.press("72", info=True)
        caller.wait_for_digits("72")
        hears(caller, 600, 1000)
        hears(callee, 1000, 600)
        caller.hang_up()
        callee.wait_for("ended")
        caller.wait_for("ended")


def test_pjsua_refuses_as_told(tmp_path: Path) -> None:
    with (
        Pjsua("caller", tmp_path, host="127.0.0.2") as caller,
        Pjsua("callee", tmp_path, host="127.0.0.3", incoming_status=486) as callee,
    ):
        caller.call(callee.uri)
        caller.wait_for("ended")
        assert caller.last["status"] == 486


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
        callee.wait_for_packets(PACKETS)
        caller.press("5#")
        callee.wait_for_digits("5#")
        hears(callee, 1000, 700)
        caller.hang_up()
        callee.wait_for("ended")
        caller.wait_for("ended")
        hears(caller, 700, 1000)


def test_pjsua_calls_baresip(tmp_path: Path) -> None:
    with (
        Pjsua("caller", tmp_path, host="127.0.0.3", tone_hz=1000) as caller,
        Baresip("callee", tmp_path, tone_hz=700) as callee,
    ):
        caller.call(callee.uri)
        callee.wait_for("ringing")
        caller.wait_for("alerting")
        callee.answer()
        caller.wait_for("talking")
        caller.press("94")
        callee.wait_for_digits("94")
        caller.wait_for_packets(PACKETS)
        caller.hang_up()
        callee.wait_for("ended")
        hears(callee, 700, 1000)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_sipp_calls_pjsua(tmp_path: Path, transport: str) -> None:
    with (
        Sipp("caller", tmp_path, host="127.0.0.2", tone_hz=800, transport=transport) as caller,
        Pjsua("callee", tmp_path, host="127.0.0.3", tone_hz=1000, transport=transport) as callee,
    ):
        caller.call(callee.uri)
        callee.wait_for("ringing")
        caller.wait_for("alerting")
        callee.answer()
        caller.wait_for("talking")
        caller.press("31")
        callee.wait_for_digits("31")
        caller.press("#", info=True)
        callee.wait_for_digits("31#")
        caller.rtp.wait_for_packets(PACKETS, 10)
        hears(callee, 1000, 800)
        caller.hang_up()
        callee.wait_for("ended")
        caller.wait_for("ended")
        hears(caller, 800, 1000)
        assert caller.rtp.missing() == 0
        assert longest_break(*caller.heard(), 1000) < 0.1


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_pjsua_calls_sipp(tmp_path: Path, transport: str) -> None:
    with (
        Pjsua("caller", tmp_path, host="127.0.0.3", tone_hz=1000, transport=transport) as caller,
        Sipp("callee", tmp_path, host="127.0.0.2", tone_hz=800, transport=transport) as callee,
    ):
        callee.listen()
        caller.call(callee.uri)
        callee.wait_for("ringing")
        caller.wait_for("alerting")
        callee.answer()
        callee.wait_for("talking")
        caller.wait_for("talking")
        callee.rtp.wait_for_packets(PACKETS, 10)
        hears(caller, 1000, 800)
        callee.hang_up()
        caller.wait_for("ended")
        callee.wait_for("ended")
        hears(callee, 800, 1000)


def test_sipp_cancels(tmp_path: Path) -> None:
    with (
        Sipp("caller", tmp_path, host="127.0.0.2") as caller,
        Pjsua("callee", tmp_path, host="127.0.0.3") as callee,
    ):
        caller.call(callee.uri)
        callee.wait_for("ringing")
        caller.wait_for("alerting")
        caller.hang_up()
        callee.wait_for("ended")
        caller.wait_for("ended")
        assert caller.refused_with == 487


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_linphone_calls_pjsua(tmp_path: Path, transport: str) -> None:
    with (
        Linphone("caller", tmp_path, tone_hz=900, transport=transport) as caller,
        Pjsua("callee", tmp_path, tone_hz=1100, transport=transport) as callee,
    ):
        caller.call(callee.uri)
        callee.wait_for("ringing")
        caller.wait_for("alerting")
        callee.answer()
        caller.wait_for("talking")
        callee.wait_for("talking")
        callee.wait_for_packets(PACKETS)
        caller.press("8")
        callee.wait_for_digits("8")
        hears(callee, 1100, 900)
        caller.hang_up()
        callee.wait_for("ended")
        caller.wait_for("ended")
        hears(caller, 900, 1100)


def test_pjsua_calls_linphone(tmp_path: Path) -> None:
    with (
        Pjsua("caller", tmp_path, tone_hz=1100) as caller,
        Linphone("callee", tmp_path, tone_hz=900, info=True) as callee,
    ):
        caller.call(callee.uri)
        callee.wait_for("ringing")
        caller.wait_for("alerting")
        callee.answer()
        caller.wait_for("talking")
        caller.wait_for_packets(PACKETS)
        caller.press("6", info=True)
        callee.wait_for_digits("6")
        callee.press("2", info=True)
        caller.wait_for_digits("2")
        hears(caller, 1100, 900)
        caller.hang_up()
        callee.wait_for("ended")
        hears(callee, 900, 1100)
