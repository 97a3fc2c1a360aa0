"""Trunks: known by address, registering with us, and called by us; and users among themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.interop.centre import (
    CARRIER_HOST,
    GATEWAY_NUMBER,
    OUR_NUMBER,
    OUTSIDE_NUMBER,
    PROVIDER_HOST,
    PROVIDER_NUMBER,
    TRUNK_HOST,
)
from tests.interop.hearing import both_hear
from tests.interop.house import House, Phones, is_answered, is_recorded, receives, talk_and_hang_up
from tests.interop.matrix import Matrix
from tests.peers.pjsua import Pjsua
from tests.peers.sipp import Sipp
from tests.system.running import until

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
    before = house.calls_of("user:outgoing")
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
    record = house.record(house.call_id("user:outgoing", before))
    assert (record["outcome"], record["ended_by"], record["to_number"]) == (
        "answered",
        "agent",
        OUTSIDE_NUMBER,
    )
    assert record["recordings"] == 0
    matrix.proven(carrier, "trunk_called")


PROVIDER_USER, PROVIDER_PASSWORD, PROVIDER_REALM = "us", "provider-secret", "provider.example"


@contextmanager
def provider(house: House, registrar: Sipp, password: str = PROVIDER_PASSWORD) -> Iterator[None]:
    """The only trunk outwards is one that wants us to register with it."""
    address = f"{PROVIDER_HOST}:{registrar.port}"
    wanted = {
        "name": "provider",
        "addresses": [address],
        "registrar": address,
        "transport": registrar.transport.upper(),
        "username": PROVIDER_USER,
        "password": password,
        "realm": PROVIDER_REALM,
    }
    registrar.take_registration(PROVIDER_USER, PROVIDER_PASSWORD, PROVIDER_REALM)
    house.system.command("trunk.remove", name="carrier")
    house.system.command("trunk.set", fields=wanted)
    try:
        yield
    finally:
        house.system.command("trunk.remove", name="provider")
        carrier = {"name": "carrier", "addresses": [f"{CARRIER_HOST}:{house.carrier_port}"]}
        house.system.command("trunk.set", fields=carrier)


def stands(house: House, registered: bool, status: int) -> None:
    """Wait until our registration with the provider is told like this."""
    wanted = {"calls": 0, "registered": registered, "status": status}
    until(lambda: wanted.items() <= house.system.command("status")["trunks"]["provider"].items(), f"{wanted}")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_we_register_with_a_trunk_and_both_call(
    transport: str, house: House, phones: Phones, matrix: Matrix
) -> None:
    """SIPp challenges our REGISTER, judges the answer, calls from the same address, and is called there."""
    registrar = phones("sipp", "registrar", transport, host=PROVIDER_HOST, registers=False)
    assert isinstance(registrar, Sipp)
    with provider(house, registrar):
        registrar.wait_for("registered")
        stands(house, True, 200)
        registrar.close()
        _provider_calls(house, phones, transport)
        _provider_is_called(house, phones, transport, registrar.port)
    matrix.proven(registrar, "trunk_registrar")


def test_a_registrar_that_knows_another_password_refuses_us(house: House, phones: Phones) -> None:
    """So what it accepts above is an answer to its challenge, and a refusal is told."""
    registrar = phones("sipp", "strict", host=PROVIDER_HOST, registers=False)
    assert isinstance(registrar, Sipp)
    with provider(house, registrar, "another-secret"):
        registrar.wait_for("register_failed")
        stands(house, False, 403)


def _provider_calls(house: House, phones: Phones, transport: str) -> None:
    agent = phones.agent("pjsua", "provider")
    before = house.calls_of("trunk:provider")
    identity = f"sip:{ABROAD}@{PROVIDER_HOST}"
    peer = phones("sipp", "calls", transport, host=PROVIDER_HOST, identity=identity, registers=False)
    peer.call(phones.uri(PROVIDER_NUMBER, transport))
    agent.wait_for("ringing")
    agent.answer()
    for phone in (agent, peer):
        phone.wait_for("talking")
    talk_and_hang_up(peer, agent)

    both_hear(peer, agent)
    record = house.record(house.call_id("trunk:provider", before))
    is_answered(record, "provider", "caller", waited_s=0)
    assert (record["direction"], record["from_number"]) == ("inbound", ABROAD)


def _provider_is_called(house: House, phones: Phones, transport: str, port: int) -> None:
    before = house.calls_of("user:outgoing")
    caller = phones("pjsua", "outgoing")
    peer = phones("sipp", "called", transport, host=PROVIDER_HOST, port=port, registers=False)
    assert isinstance(peer, Sipp)
    peer.listen()
    caller.call(phones.uri(OUTSIDE_NUMBER))
    peer.wait_for("ringing")
    peer.answer()
    for phone in (peer, caller):
        phone.wait_for("talking")
    talk_and_hang_up(peer, caller)

    both_hear(caller, peer)
    record = house.record(house.call_id("user:outgoing", before))
    assert (record["outcome"], record["to_number"]) == ("answered", OUTSIDE_NUMBER)


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
    before = house.calls_of(f"user:{caller_name}")
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
    record = house.record(house.call_id(f"user:{caller_name}", before))
    told = [record[key] for key in ("direction", "outcome", "ended_by", "agent", "recordings")]
    assert told == ["internal", "answered", "caller", None, 0]
    matrix.proven(caller, "user_calls")
    matrix.proven(called, "user_called")
