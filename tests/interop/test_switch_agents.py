"""What agents' phones do beside answering: not answer, hold, and speak another codec than the caller."""

from __future__ import annotations

import pytest

from tests.interop.hearing import both_hear
from tests.interop.house import (
    House,
    Phones,
    is_answered,
    is_recorded,
    receive,
    receives,
    recorded_channels,
    stops_receiving,
    talk_and_hang_up,
)
from tests.interop.matrix import Matrix
from tests.peers.audio import longest_break, seconds_of
from tests.peers.phone import Phone

NOT_ANSWERING = ["sipp", "baresip", "linphone", "pjsua"]
HELD_S = 0.6


@pytest.mark.parametrize("kind", NOT_ANSWERING)
def test_who_does_not_answer_is_passed_over(kind: str, house: House, phones: Phones, matrix: Matrix) -> None:
    """The slow phone rings first, until the call goes on to the next agent."""
    slow = phones.agent(kind, "slow")
    quick = phones.agent("pjsua", "quick", incoming_status=200)
    caller = phones("sipp", "hunter")
    before = house.calls_of("user:hunter")
    caller.call(phones.uri("204"))
    caller.wait_for("talking")
    call = house.call_id("user:hunter", before)
    slow.wait_for("ringing")
    quick.wait_for("talking")
    slow.wait_for("ended")
    talk_and_hang_up(caller, quick)

    both_hear(caller, quick)
    record = house.record(call)
    told = [record[key] for key in ("outcome", "queue", "agent", "ended_by")]
    assert told == ["answered", "hunting", "quick", "caller"]
    offers = [(offer["agent"], offer["outcome"]) for offer in house.facts(call, "offer_ended")]
    assert offers == [("slow", "no_answer"), ("quick", "accepted")]
    state = house.agent_state("slow")
    assert (state["status"], state["reason"]) == ("not_available", "agent_no_answer")
    matrix.proven(slow, "no_answer")


def held_and_resumed(holder: Phone, other: Phone) -> None:
    receive((holder, other), 0.8)
    holder.hold()
    stops_receiving(holder)
    holder.resume()
    receives(holder, 0.8)


@pytest.mark.parametrize(
    ("kind", "transport", "role"),
    [
        ("pjsua", "udp", "caller"),
        ("pjsua", "tcp", "agent"),
        ("linphone", "udp", "agent"),
        ("linphone", "tcp", "caller"),
    ],
)
def test_holds_and_resumes(
    kind: str, transport: str, role: str, house: House, phones: Phones, matrix: Matrix
) -> None:
    """A recorded call is held and resumed by re-INVITE; the other phone goes on speaking all the time."""
    caller_kind, agent_kind = (kind, "sipp") if role == "caller" else ("sipp", kind)
    user = f"holds-{kind}-{role}"
    agent = phones.agent(agent_kind, "holding", transport)
    caller = phones(caller_kind, user, transport)
    before = house.calls_of(f"user:{user}")
    caller.call(phones.uri("200", transport))
    caller.wait_for("talking")
    call = house.call_id(f"user:{user}", before)
    agent.wait_for("ringing")
    agent.answer()
    agent.wait_for("talking")
    holder, other = (caller, agent) if role == "caller" else (agent, caller)
    held_and_resumed(holder, other)
    talk_and_hang_up(holder, other)

    record = house.record(call)
    is_answered(record, "holding", role, waited_s=0)
    left, right, rate_hz = recorded_channels(house.system.recording(call)["path"])
    own, others = (left, right) if role == "caller" else (right, left)
    assert longest_break(others, rate_hz, other.tone_hz) <= 0.1, "who was held was not recorded all the time"
    assert seconds_of(*holder.heard(), other.tone_hz) > 1.5, "the holder hears nobody when it has resumed"
    samples, heard_hz = other.heard()
    assert seconds_of(samples, heard_hz, holder.tone_hz) > 1.5
    # linphone sends its file as music on hold.
    silent_s = HELD_S if kind == "pjsua" else 0.0
    assert longest_break(own, rate_hz, holder.tone_hz) >= silent_s, "the holder was not silent"
    assert longest_break(samples, heard_hz, holder.tone_hz) >= silent_s
    matrix.proven(holder, "hold")
    matrix.proven(other, "held")


def test_each_side_keeps_its_codec(house: House, phones: Phones, matrix: Matrix) -> None:
    """PCMA only calls PCMU only: mixing is what brings them together."""
    agent = phones.agent("pjsua", "codec", "tcp", codecs=("PCMU",), tone_hz=2250)
    caller = phones("pjsua", "codec-pjsua", codecs=("PCMA",))
    before = house.calls_of("user:codec-pjsua")
    caller.call(phones.uri("201"))
    caller.wait_for("talking")
    call = house.call_id("user:codec-pjsua", before)
    agent.wait_for("ringing")
    receives(caller, 0.6)
    agent.answer()
    agent.wait_for("talking")
    talk_and_hang_up(agent, caller)

    both_hear(caller, agent)
    record = house.record(call)
    is_answered(record, "codec", "agent")
    is_recorded(house, record, caller, agent)
    for phone in (caller, agent):
        matrix.proven(phone, "transcoded")
