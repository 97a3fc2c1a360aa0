"""Codecs and SRTP of real phones through the switch, passed through and transcoded, heard and recorded."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from tests.interop.hearing import both_hear
from tests.interop.house import House, Phones, is_answered, is_recorded, receives, talk_and_hang_up
from tests.interop.matrix import Matrix
from tests.peers.pjsua import Pjsua


class Case(NamedTuple):
    """`codec` is spoken on both sides; the callee's options are those of its wrapper."""

    codec: str
    caller: str
    callee: str

    def __str__(self) -> str:
        return f"{self.codec}-{self.caller}-to-{self.callee}"


CASES = [
    Case("OPUS", "baresip", "linphone"),
    Case("OPUS", "linphone", "baresip"),
    Case("G722", "pjsua", "baresip"),
    Case("G722", "linphone", "pjsua"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_secure_phones_of_one_codec(case: Case, house: House, phones: Phones, matrix: Matrix) -> None:
    options: dict[str, Any] = {"codecs": (case.codec,), "srtp": True}
    callee = phones(case.callee, f"secure-{case.callee}", "tls", **options)
    caller = phones(case.caller, f"secure-{case.caller}", "tls", **options)
    caller.call(phones.uri(f"secure-{case.callee}", "tls"))
    callee.wait_for("ringing")
    callee.answer()
    for phone in (caller, callee):
        phone.wait_for("talking")
    talk_and_hang_up(caller, callee)
    both_hear(caller, callee)
    record = house.record(house.calls_of(f"user:secure-{case.caller}")[-1])
    assert record["outcome"] == "answered"
    for phone in (caller, callee):
        matrix.proven(phone, "srtp", case.codec.lower(), "register_md5")
    matrix.proven(caller, "call_md5", "user_calls", "caller_ends")
    matrix.proven(callee, "user_called")


@pytest.mark.parametrize("kind", ["baresip", "linphone"])
def test_opus_over_srtp_reaches_pcma_over_plain_rtp_and_is_recorded(
    kind: str, house: House, phones: Phones, matrix: Matrix
) -> None:
    agent = phones.agent("pjsua", "secure", codecs=("PCMA",))
    caller = phones(kind, f"secure-{kind}", "tls", codecs=("OPUS",), srtp=True)
    caller.call(phones.uri("205", "tls"))
    caller.wait_for("talking")
    call = house.calls_of(f"user:secure-{kind}")[-1]
    agent.wait_for("ringing")
    receives(caller, 0.6)
    agent.answer()
    agent.wait_for("talking")
    talk_and_hang_up(agent, caller)
    both_hear(caller, agent)
    record = house.record(call)
    is_answered(record, "secure", "agent", waited_s=0.0)
    is_recorded(house, record, caller, agent)
    for phone in (caller, agent):
        matrix.proven(phone, "opus_pcma", "srtp_plain", "recorded")


@pytest.mark.parametrize(
    ("codec", "other"), [("PCMU", "::1"), ("PCMU", "127.0.0.1"), ("OPUS", "127.0.0.1")]
)
def test_audio_on_ipv6(codec: str, other: str, house: House, phones: Phones, matrix: Matrix) -> None:
    """To a phone on IPv6, relayed; to one on IPv4, relayed; and mixed, since it speaks another codec."""
    user = "six-too" if other == "::1" else "four"
    callee = phones("baresip", user, host=other, tone_hz=1250)
    caller = phones("baresip", "six", host="::1", codecs=(codec,))
    caller.call(phones.uri6(callee.name))
    callee.wait_for("ringing")
    callee.answer()
    for phone in (caller, callee):
        phone.wait_for("talking")
    talk_and_hang_up(callee, caller)
    both_hear(caller, callee)
    assert house.record(house.calls_of("user:six")[-1])["outcome"] == "answered"
    matrix.proven(caller, "audio_ipv6", "register_md5", "call_md5", "user_calls")
    if other != "::1":
        matrix.proven(caller, "ipv6_ipv4")


def test_who_speaks_gsm_only_is_refused(phones: Phones, matrix: Matrix) -> None:
    caller = phones("pjsua", "speaks-gsm", codecs=("GSM",))
    assert isinstance(caller, Pjsua)
    caller.call(phones.uri("205"))
    caller.wait_for("ended")
    assert caller.last["status"] == 488
    matrix.proven(caller, "gsm")
