"""Sippy as another B2BUA between us and a phone: two dialogs, of which we see one, with the phone's SDP."""

from __future__ import annotations

from tests.interop.centre import PROVIDER_NUMBER
from tests.interop.hearing import both_hear
from tests.interop.house import HOST, House, Phones, receive, stops_receiving, talk_and_hang_up, trunk
from tests.interop.matrix import Matrix
from tests.peers.phone import Phone
from tests.peers.pjsua import Pjsua
from tests.peers.sippy_b2bua import Sippy

B2BUA_HOST, BEHIND_HOST = "127.0.0.84", "127.0.0.85"
NUMBER = "0981234"


def test_calls_through_another_b2bua(house: House, phones: Phones, matrix: Matrix) -> None:
    """Out and in, with hold from both sides; each side hangs up once."""
    agent = phones.agent("pjsua", "provider")
    caller = phones("pjsua", "outgoing", tone_hz=1250)
    behind = phones("pjsua", "behind", host=BEHIND_HOST, registers=False, tone_hz=1650)
    assert isinstance(agent, Pjsua) and isinstance(caller, Pjsua) and isinstance(behind, Pjsua)
    outward = Sippy("outward", phones.directory, host=B2BUA_HOST, next_hop=f"{BEHIND_HOST}:{behind.port}")
    inward = Sippy("inward", phones.directory, host=B2BUA_HOST, next_hop=f"{HOST}:{house.system.port}")
    phones.enter(outward)
    phones.enter(inward)
    with trunk(house, "b2bua", outward.address, "UDP"):
        before = house.calls_of("user:outgoing")
        caller.call(phones.uri(NUMBER))
        talks(caller, behind)
        holds(behind, caller)
        holds(caller, behind)
        ends(behind, caller)
        record = house.record(house.call_id("user:outgoing", before))
        assert (record["outcome"], record["ended_by"]) == ("answered", "agent")

        before = house.calls_of("trunk:b2bua")
        behind.call(f"sip:{PROVIDER_NUMBER}@{inward.address}")
        talks(behind, agent)
        holds(agent, behind)
        ends(behind, agent)
        record = house.record(house.call_id("trunk:b2bua", before))
        assert (record["outcome"], record["ended_by"], record["agent"]) == ("answered", "caller", "provider")
    matrix.proven(outward, "b2bua")


def talks(caller: Phone, called: Phone) -> None:
    called.wait_for("ringing")
    called.answer()
    for phone in (called, caller):
        phone.wait_for("talking")
    receive((called, caller), 0.3)


def holds(phone: Pjsua, other: Pjsua) -> None:
    phone.hold()
    stops_receiving(phone)
    phone.resume()
    receive((phone, other), 0.3)


def ends(first: Pjsua, second: Pjsua) -> None:
    for phone in (first, second):
        phone.heard()
    talk_and_hang_up(first, second)
    both_hear(first, second)
