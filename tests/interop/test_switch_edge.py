"""Kamailio as the edge of a carrier: a proxy between us and the far end, and between us and a phone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.interop.centre import BEHIND_HOST, EDGE_HOST, PROVIDER_NUMBER
from tests.interop.hearing import both_hear
from tests.interop.house import (
    HOST,
    House,
    Phones,
    is_answered,
    receive,
    stops_receiving,
    talk_and_hang_up,
    trunk,
)
from tests.interop.matrix import Matrix
from tests.peers.kamailio_edge import Kamailio
from tests.peers.pjsua import Pjsua
from tests.peers.ports import free_port
from tests.system.running import until

FAR_NUMBER, RETURNED_NUMBER = "0981234", "0991234"
OTHER = {"udp": "tcp", "tcp": "udp"}


def edge_before(house: House, phones: Phones, transport: str, **settings: Any) -> Kamailio:
    switch = f"{HOST}:{house.system.port}"
    name = f"edge-{transport}"
    return phones.enter(
        Kamailio(name, phones.directory, host=EDGE_HOST, switch=switch, transport=transport, **settings)
    )


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_calls_through_the_edge(transport: str, house: House, phones: Phones, matrix: Matrix) -> None:
    """The far end is on the other transport, so that the edge has two entries in every route."""
    port = free_port(EDGE_HOST)
    proxy = f"{EDGE_HOST}:{port}"
    kind = OTHER[transport]
    behind = phones("pjsua", "behind", kind, host=BEHIND_HOST, registers=False, tone_hz=1650, proxy=proxy)
    assert isinstance(behind, Pjsua)
    address = f"{BEHIND_HOST}:{behind.port};transport={kind}"
    edge = edge_before(house, phones, transport, port=port, behind=address)
    caller = phones("pjsua", "outgoing")
    with trunk(house, "edge", edge.address, edge.transport.upper()):
        _gives_up(house, phones, edge, caller, behind)
        _is_called(house, phones, edge, caller, behind)
        _calls(house, phones, edge, behind)
    matrix.proven(edge, "edge_calls")


def _gives_up(house: House, phones: Phones, edge: Kamailio, caller: Any, behind: Pjsua) -> None:
    before = house.calls_of("user:outgoing")
    caller.call(phones.uri(FAR_NUMBER))
    behind.wait_for("ringing")
    caller.wait_for("alerting")
    caller.hang_up()
    for phone in (behind, caller):
        phone.wait_for("ended")
    assert edge.seen("CANCEL", HOST)
    record = house.record(house.call_id("user:outgoing", before))
    assert (record["outcome"], record["ended_by"]) == ("abandoned", "caller")


def _is_called(house: House, phones: Phones, edge: Kamailio, caller: Any, behind: Pjsua) -> None:
    """The far end holds and resumes by re-INVITE, then the caller hangs up: both go along the route."""
    before = house.calls_of("user:outgoing")
    caller.call(phones.uri(FAR_NUMBER))
    behind.wait_for("ringing")
    behind.answer()
    for phone in (behind, caller):
        phone.wait_for("talking")
    receive((behind, caller), 0.5)
    behind.hold()
    stops_receiving(behind)
    behind.resume()
    receive((behind, caller), 0.5)
    for phone in (behind, caller):
        phone.heard()
    talk_and_hang_up(caller, behind)

    both_hear(caller, behind)
    record = house.record(house.call_id("user:outgoing", before))
    assert (record["outcome"], record["ended_by"], record["to_number"]) == ("answered", "caller", FAR_NUMBER)
    assert {each.transport for each in edge.seen("ACK", HOST)} == {edge.transport}
    assert len(edge.seen("INVITE", BEHIND_HOST)) == 2
    assert edge.seen("BYE", HOST)


def _calls(house: House, phones: Phones, edge: Kamailio, behind: Pjsua) -> None:
    """An agent of ours takes the call and hangs up: our requests along the route that we were given."""
    agent = phones.agent("pjsua", "provider")
    before = house.calls_of("trunk:edge")
    parameter = "" if edge.transport == "udp" else ";transport=tcp"
    behind.call(f"sip:{PROVIDER_NUMBER}@{HOST}:{house.system.port}{parameter}")
    agent.wait_for("ringing")
    agent.answer()
    for phone in (agent, behind):
        phone.wait_for("talking")
    behind.heard()
    talk_and_hang_up(agent, behind)

    both_hear(agent, behind)
    is_answered(house.record(house.call_id("trunk:edge", before)), "provider", "agent", waited_s=0)
    assert len(edge.seen("BYE", HOST)) == 2


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_phone_registers_through_the_edge(
    transport: str, house: House, phones: Phones, matrix: Matrix
) -> None:
    """Its Contact is reached by the Path of its REGISTER only, which the other transport is a part of."""
    edge = edge_before(house, phones, "udp")
    user = f"behind-{transport}"
    phone = phones("pjsua", user, transport, proxy=edge.address)
    assert [each.transport for each in edge.seen("REGISTER")] == [transport] * 2
    caller = phones("pjsua", "colleague", tone_hz=1250)
    caller.call(phones.uri(user))
    phone.wait_for("ringing")
    phone.answer()
    for each in (phone, caller):
        each.wait_for("talking")
    talk_and_hang_up(caller, phone)
    both_hear(caller, phone)
    (invite,) = edge.seen("INVITE", HOST)
    assert (invite.transport, invite.user) == ("udp", user)
    _calls_back(house, phones, edge, phone, caller)
    matrix.proven(phone, "behind_edge")
    matrix.proven(edge, "edge_registers")


def _calls_back(house: House, phones: Phones, edge: Kamailio, phone: Any, caller: Any) -> None:
    phone.call(f"sip:colleague@{HOST}:{house.system.port}")
    caller.wait_for("ringing")
    caller.answer()
    for each in (phone, caller):
        each.wait_for("talking")
        each.heard()
    talk_and_hang_up(caller, phone)
    both_hear(caller, phone)
    assert len(edge.seen("BYE")) == 2


def test_a_call_that_is_sent_back_again_and_again_ends(house: House, phones: Phones, matrix: Matrix) -> None:
    """Each round takes two of the hops that are left, and all that the rounds held is free afterwards."""
    edge = edge_before(house, phones, "udp", returned="099")
    before, free = house.calls_of("user:outgoing"), free_ports(house)
    caller = phones("pjsua", "outgoing")
    assert isinstance(caller, Pjsua)
    with trunk(house, "edge", edge.address, edge.transport.upper()):
        caller.call(phones.uri(RETURNED_NUMBER))
        caller.wait_for("ended")
    assert caller.last["status"] == 483
    left = [each.max_forwards for each in edge.seen("INVITE")]
    assert left == sorted(left, reverse=True)
    assert left[-1] in (0, 1)
    record = house.record(house.call_id("user:outgoing", before))
    assert (record["outcome"], record["reason"]) == ("rejected", "too_many_hops")
    until(lambda: free_ports(house) == free, "every port is free again")
    matrix.proven(edge, "edge_loops")


def free_ports(house: House) -> list[int]:
    return [worker["free_ports"] for worker in house.system.command("status")["media"]]
