"""A trunk with several addresses, of which SIPp answers at the last: refused, silent, nobody there."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.interop.centre import CARRIER_HOST, OUTSIDE_NUMBER
from tests.interop.hearing import both_hear
from tests.interop.house import House, Phones, talk_and_hang_up
from tests.peers.ports import free_port
from tests.peers.sipp import Sipp

HOST = "127.0.0.82"


@pytest.fixture
def silent() -> Iterator[int]:
    """A port where everything is taken and nothing answered."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
        sock.bind((HOST, 0))
        yield sock.getsockname()[1]


def test_every_address_has_its_turn(house: House, phones: Phones, silent: int) -> None:
    full, late = (phones("sipp", name, host=HOST, registers=False) for name in ("full", "late"))
    last = phones("sipp", "last", host=HOST, registers=False, tone_hz=1650)
    assert isinstance(full, Sipp) and isinstance(late, Sipp) and isinstance(last, Sipp)
    ports = [full.port, late.port, silent, free_port(HOST), last.port]
    settings = {
        "name": "several",
        "addresses": [f"{HOST}:{port}" for port in ports],
        "failover_after_s": 0.3,
    }
    full.refuse(503)
    late.refuse(408)
    last.listen()
    before = house.calls_of("user:outgoing")
    caller = phones("sipp", "outgoing")
    house.system.command("trunk.remove", name="carrier")
    house.system.command("trunk.set", fields=settings)
    try:
        caller.call(phones.uri(OUTSIDE_NUMBER))
        for phone in (full, late):
            phone.wait_for("refused")
        last.wait_for("ringing")
        last.answer()
        for phone in (last, caller):
            phone.wait_for("talking")
        talk_and_hang_up(caller, last)

        both_hear(caller, last)
        record = house.record(house.call_id("user:outgoing", before))
        assert (record["outcome"], record["to_number"]) == ("answered", OUTSIDE_NUMBER)
        listed = json.loads(house.system.cli("trunk", "list", "--json"))
        (state,) = (row["state"] for row in listed if row["name"] == "several")
        assert state["failures"] == {"408": 3, "503": 1}
        assert (state["calls"], state["outbound"], state["asr_percent"]) == (0, 5, 20.0)
    finally:
        house.system.command("trunk.remove", name="several")
        carrier = {"name": "carrier", "addresses": [f"{CARRIER_HOST}:{house.carrier_port}"]}
        house.system.command("trunk.set", fields=carrier)
