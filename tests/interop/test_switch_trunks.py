"""Trunks: known by address, registering with us, and called by us; and users among themselves."""

from __future__ import annotations

import pytest

from tests.interop.centre import (
    CARRIER_HOST,
    GATEWAY_NUMBER,
    OUR_NUMBER,
    OUTSIDE_NUMBER,
    TRUNK_HOST,
)
from tests.interop.hearing import both_hear
from tests.interop.house import House, Phones, is_answered, is_recorded, receives, talk_and_hang_up
from tests.interop.matrix import Matrix
from tests.peers.pjsua import Pjsua
from tests.peers.sipp import Sipp

ABROAD = "+15550123"


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("trunk", ["line", "gateway"])
def test_a_trunk_calls(trunk: str, transport: str, house: House, phones: Phones, matrix: Matrix) -> None:
    """`line` is known by its address and has no password; `gateway` registers as a user of ours."""
    host, number = (TRUNK_HOST, OUR_NUMBER) if trunk == "line" else ("127.0.0.1", GATEWAY_NUMBER)
    registers = trunk == "gateway"
    agent = phones.agent("pjsua", "trunk")
    peer = phones("sipp", trunk, transport, host=host, identity=f"sip:{ABROAD}@{host}", registers=registers)
    before = house.calls_of(f"trunk:{trunk}")
    peer.call(phones.uri(number, transport))
    peer.wait_for("talking")
    call = house.call_id(f"trunk:{trunk}", before)
    agent.wait_for("ringing")
    assert isinstance(agent, Pjsua)
    assert ABROAD in agent.last["caller"]
    receives(peer, 0.6)
    agent.answer()
    agent.wait_for("talking")
    talk_and_hang_up(peer, agent)

    both_hear(peer, agent)
    record = house.record(call)
    is_answered(record, "trunk", "caller")
    is_recorded(house, record, peer, agent)
    assert (record["direction"], record["from_number"], record["to_number"]) == ("inbound", ABROAD, number)
    matrix.proven(peer, "trunk_registered" if registers else "trunk_address")


def test_a_call_goes_out_through_a_trunk(house: House, phones: Phones, matrix: Matrix) -> None:
    caller = phones("pjsua", "outgoing")
    carrier = phones("sipp", "carrier", host=CARRIER_HOST, port=house.carrier_port, registers=False)
    assert isinstance(carrier, Sipp)
    carrier.listen()
    caller.call(phones.uri(OUTSIDE_NUMBER))
    carrier.wait_for("ringing")
    caller.wait_for("alerting")
    carrier.answer()
    for phone in (carrier, caller):
        phone.wait_for("talking")
    talk_and_hang_up(carrier, caller)

    both_hear(caller, carrier)
    record = house.record(house.call_id("user:outgoing"))
    assert (record["outcome"], record["ended_by"], record["to_number"]) == (
        "answered",
        "agent",
        OUTSIDE_NUMBER,
    )
    assert record["recordings"] == 0
    matrix.proven(carrier, "trunk_called")


USERS = [
    ("linphone", "tcp", "pjsua", "udp"),
    ("pjsua", "tcp", "baresip", "udp"),
    ("sipp", "udp", "linphone", "udp"),
    ("baresip", "tcp", "sipp", "udp"),
]


@pytest.mark.parametrize(("kind", "transport", "other_kind", "other_transport"), USERS)
def test_user_calls_user(
    kind: str,
    transport: str,
    other_kind: str,
    other_transport: str,
    house: House,
    phones: Phones,
    matrix: Matrix,
) -> None:
    caller_name, called_name = f"calls-{kind}", f"called-{other_kind}"
    called = phones(other_kind, called_name, other_transport)
    caller = phones(kind, caller_name, transport)
    if isinstance(called, Sipp):
        called.listen()
    caller.call(phones.uri(called_name, transport))
    called.wait_for("ringing")
    caller.wait_for("alerting")
    called.answer()
    for phone in (called, caller):
        phone.wait_for("talking")
    talk_and_hang_up(caller, called)

    both_hear(caller, called)
    record = house.record(house.call_id(f"user:{caller_name}"))
    told = [record[key] for key in ("direction", "outcome", "ended_by", "agent", "recordings")]
    assert told == ["internal", "answered", "caller", None, 0]
    matrix.proven(caller, "user_calls")
    matrix.proven(called, "user_called")
