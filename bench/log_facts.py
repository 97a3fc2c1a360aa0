"""Facts of calls of a centre, as the switch tells them: menu, queue, an offer missed, an agent, a recording.

A third of the facts carries live state, so that a call has about 16 kB of journal, as queued calls of the
live switch have.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Fact = dict[str, Any]
QUEUES, AGENTS = 20, 400
_STATE = {"dialog": "x" * 900, "media": {"port": 10000, "codec": "PCMA", "target": ["192.0.2.1", 4000]}}


def call_facts(number: int) -> list[Fact]:
    """The facts of one call in their order; the same number gives the same."""
    call, queue, agent = f"{number:016x}", f"queue{number % QUEUES}", f"agent{number % AGENTS}"
    missed = f"agent{(number + 1) % AGENTS}"
    caller, leg, other = f"+4930{number % 1_000_000:07}", f"{call}.l1", f"{call}.l3"
    waited = float(number % 60)
    offer = {"call": call, "queue": queue}
    told: list[tuple[str, Fact]] = [
        ("call_started", {"direction": "inbound", "from_number": caller, "to_number": "+493055501",
                          "source": "trunk:carrier", "sip_call_id": f"{call}@192.0.2.1"}),
        ("leg_started", {"leg": leg, "direction": "inbound", "address": caller, "trunk": "carrier"}),
        ("call_answered", {}), ("leg_answered", {"leg": leg}), ("flow_entered", {"flow": "main"}),
        ("flow_step", {"flow": "main", "step": "menu"}), ("flow_step", {"flow": "main", "step": "queue"}),
        ("call_queued", {"queue": queue, "priority": 0, "require": None, "wanted_agent": ""}),
        ("offer_made", {**offer, "agent": missed, "offer": f"o{call}1"}),
        ("offer_ended", {**offer, "agent": missed, "offer": f"o{call}1", "outcome": "no_answer",
                         "reason": "agent_no_answer", "ring_s": 15.0}),
        ("offer_made", {**offer, "agent": agent, "offer": f"o{call}2"}),
        ("leg_started", {"leg": other, "direction": "outbound", "address": agent, "user": agent,
                         "agent": agent, "sip_call_id": f"{call}b"}),
        ("leg_ringing", {"leg": other}), ("leg_answered", {"leg": other}),
        ("offer_ended", {**offer, "agent": agent, "offer": f"o{call}2", "outcome": "accepted",
                         "ring_s": 3.0}),
        ("queue_left", {"queue": queue, "outcome": "answered", "reason": "", "waited_s": waited,
                        "service_level_s": 20}),
        ("agent_state_changed", {"agent": agent, "state": "talking", "reason": ""}),
        ("call_bridged", {"leg": other, "caller": leg, "user": agent, "agent": agent, "queue": queue}),
        ("recording_started", {"recording": f"{call}.r1", "path": f"/r/{call}.wav", "agent": agent,
                               "queue": queue, "left_leg": leg, "right_leg": other}),
        ("bridge_ended", {"leg": other, "caller": leg, "talk_s": 180.0}),
        ("leg_ended", {"leg": other, "reason": "normal_hang_up_caller", "ended_by": "local"}),
        ("leg_ended", {"leg": leg, "reason": "normal_hang_up_caller", "ended_by": "remote"}),
        ("call_ended", {"reason": "normal_hang_up_caller", "outcome": "answered", "ended_by": "caller",
                        "duration_s": 200.0, "wait_s": waited, "talk_s": 180.0, "queue": queue,
                        "agent": agent}),
        ("agent_state_changed", {"agent": agent, "state": "wrap_up", "reason": ""}),
        ("wrap_up_started", {"agent": agent, "wrap_up_s": 10}),
        ("recording_finished", {"recording": f"{call}.r1", "path": f"/r/{call}.wav", "seconds": 180.0,
                                "expected": {"left": 9000, "right": 9000}, "error": None}),
        ("wrap_up_ended", {"agent": agent}),
        ("agent_state_changed", {"agent": agent, "state": "idle", "reason": ""}),
    ]  # fmt: skip
    facts: list[Fact] = [{"type": kind, "data": {"call": call, **data}} for kind, data in told]
    for place in range(0, len(facts), 3):
        facts[place]["keep"] = {f"call/{call}": _STATE}
    facts[-1]["keep"] = {f"call/{call}": None}
    return facts


FACTS_PER_CALL = len(call_facts(0))


def interleaved(calls: int, at_once: int = 200) -> Iterator[Fact]:
    """Facts of many calls that go on at the same time."""
    going: list[list[Fact]] = []
    started = 0
    while started < calls or going:
        while len(going) < at_once and started < calls:
            going.append(call_facts(started)[::-1])
            started += 1
        for each in going:
            yield each.pop()
        going = [each for each in going if each]
