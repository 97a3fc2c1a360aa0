"""The dial plan towards real peers: numbers in the form of each, failover by route, a refused class."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.interop.centre import OUR_NUMBER, TRUNK_HOST
from tests.interop.hearing import both_hear
from tests.interop.house import House, Phones, talk_and_hang_up
from tests.peers.sipp import Sipp

NORTH_HOST, SOUTH_HOST = "127.0.0.80", "127.0.0.81"
MUNICH = "49891234567"


@pytest.fixture
def peers(house: House, phones: Phones) -> Iterator[tuple[Sipp, Sipp]]:
    """Two carriers; Germany is called over the first, then over the second."""
    north = phones("sipp", "north", host=NORTH_HOST, registers=False)
    south = phones("sipp", "south", host=SOUTH_HOST, registers=False, tone_hz=1650)
    assert isinstance(north, Sipp) and isinstance(south, Sipp)
    trunks = {
        "north": {"addresses": [f"{NORTH_HOST}:{north.port}"], "number_form": "national"},
        "south": {"addresses": [f"{SOUTH_HOST}:{south.port}"], "number_form": "digits"},
    }
    routes = {"germany": {"prefixes": ["+49"], "trunks": ["north", "south"], "caller_id": "030555"}}
    numbering = {"country": "DE", "emergency_numbers": []}  # 110 is an agent's number
    plan = {"numbering": numbering, "trunks": trunks, "routes": routes}
    house.system.command("apply", centre=plan)
    try:
        yield north, south
    finally:
        house.system.command("apply", centre={"numbering": {}})
        house.system.command("route.remove", name="germany")
        for name in trunks:
            house.system.command("trunk.remove", name=name)


def test_a_route_fails_over_and_each_carrier_gets_its_form(
    house: House, phones: Phones, peers: tuple[Sipp, Sipp]
) -> None:
    north, south = peers
    north.refuse(503)
    south.listen()
    before = house.calls_of("user:outgoing")
    caller = phones("sipp", "outgoing")
    caller.call(phones.uri(f"00{MUNICH}"))
    north.wait_for("refused")
    south.wait_for("ringing")
    south.answer()
    for phone in (south, caller):
        phone.wait_for("talking")
    talk_and_hang_up(caller, south)

    both_hear(caller, south)
    assert north.called.startswith("sip:0891234567@")
    assert south.called.startswith(f"sip:{MUNICH}@")
    assert "<sip:030555@" in north.shown
    assert "<sip:4930555@" in south.shown
    record = house.record(house.call_id("user:outgoing", before))
    assert (record["outcome"], record["to_number"]) == ("answered", f"00{MUNICH}")


def test_a_carriers_number_is_read_by_its_country(
    house: House, phones: Phones, peers: tuple[Sipp, Sipp]
) -> None:
    """It calls +4930100 from +49891234567 as 030100 from 0891234567."""
    before = house.calls_of("trunk:line")
    identity = f"sip:0891234567@{TRUNK_HOST}"
    carrier = phones("sipp", "line", host=TRUNK_HOST, identity=identity, registers=False)
    carrier.call(phones.uri("030100"))
    carrier.wait_for("talking")
    carrier.hang_up()
    carrier.wait_for("ended")
    record = house.record(house.call_id("trunk:line", before))
    assert (record["from_number"], record["to_number"]) == (f"+{MUNICH}", OUR_NUMBER)
    assert record["queue"] == "trunk"


def test_a_class_that_the_user_may_not_call_is_refused(
    house: House, phones: Phones, peers: tuple[Sipp, Sipp]
) -> None:
    before = house.calls_of("user:outgoing")
    caller = phones("sipp", "outgoing")
    assert isinstance(caller, Sipp)
    caller.call(phones.uri("09001234567"))
    caller.wait_for("ended")
    assert caller.refused_with == 403
    call = house.call_id("user:outgoing", before)
    assert house.record(call)["reason"] == "forbidden"
    (refused,) = house.facts(call, "calling_refused")
    assert (refused["number"], refused["class"]) == ("+499001234567", "premium")
