"""The way of one call, each phone as caller and as agent over each transport: menu, queue, agent, record."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from tests.interop.centre import number_of
from tests.interop.hearing import agent_hears_the_caller, caller_hears_the_way
from tests.interop.house import House, Phones, is_answered, is_recorded, receives, talk_and_hang_up
from tests.interop.matrix import Matrix


class Case(NamedTuple):
    """`keys`: how the caller sends the first and the second key; `ended_by`: caller or agent."""

    caller: str
    caller_transport: str
    keys: tuple[str, str]
    agent: str
    agent_transport: str
    ended_by: str

    def __str__(self) -> str:
        return f"{self.caller}-{self.caller_transport}-to-{self.agent}-{self.agent_transport}"


EVENTS, INFO, BOTH = ("rfc4733",) * 2, ("info",) * 2, ("rfc4733", "info")

# Each phone is once the caller and once the agent over each transport, and hangs up on both sides.
CASES = [
    Case("sipp", "udp", BOTH, "baresip", "udp", "caller"),
    Case("sipp", "tcp", BOTH, "linphone", "tcp", "agent"),
    Case("baresip", "udp", EVENTS, "pjsua", "tcp", "agent"),
    Case("baresip", "tcp", EVENTS, "sipp", "tcp", "caller"),
    Case("linphone", "udp", EVENTS, "pjsua", "udp", "caller"),
    Case("linphone", "tcp", INFO, "baresip", "tcp", "agent"),
    Case("pjsua", "udp", BOTH, "sipp", "udp", "agent"),
    Case("pjsua", "tcp", BOTH, "linphone", "udp", "caller"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_caller_reaches_an_agent(case: Case, house: House, phones: Phones, matrix: Matrix) -> None:
    agent_name = f"{case.agent}-{case.agent_transport}"
    caller_name = f"caller-{case.caller}-{case.caller_transport}"
    options = {"info": case.keys == INFO} if case.caller == "linphone" else {}
    agent = phones.agent(case.agent, agent_name, case.agent_transport)
    caller = phones(case.caller, caller_name, case.caller_transport, **options)

    before = house.calls_of(f"user:{caller_name}")
    caller.call(phones.uri(number_of(agent_name), case.caller_transport))
    caller.wait_for("talking")
    call = house.call_id(f"user:{caller_name}", before)
    receives(caller, 0.8)
    for key, kind, step in zip("12", case.keys, (1, 2), strict=True):
        caller.press(key, info=kind == "info")
        house.asks(call, step)
    agent.wait_for("ringing")
    receives(caller, 0.9)
    agent.answer()
    agent.wait_for("talking")
    first, second = (caller, agent) if case.ended_by == "caller" else (agent, caller)
    talk_and_hang_up(first, second)

    caller_hears_the_way(caller, agent)
    agent_hears_the_caller(agent, caller)
    record = house.record(call)
    is_answered(record, agent_name, case.ended_by)
    is_recorded(house, record, caller, agent)
    matrix.proven(caller, "register_md5", "call_md5", "caller_hears", "recorded", *case.keys)
    matrix.proven(agent, "register_md5", "agent_hears", "recorded")
    matrix.proven(first, f"{case.ended_by}_ends")
