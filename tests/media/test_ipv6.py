"""Audio over IPv6, and between IPv6 and IPv4: the same rules, by other addresses."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from softswitch.media import _codecs, addresses
from softswitch.media.legs import BadCommand
from softswitch.media.port_pool import DRAIN_S
from softswitch.media.reports import PERIOD
from softswitch.media.rtcp import Sent, pack_report, parse_report
from softswitch.media.srtp import SUITES
from softswitch.media.tones import has_tone, tone, tone_power
from tests.media.wire import Peer, Wire
from tests.peers.ports import free_ports

HOST, HOST6 = "127.66.1.1", "::1"
LOW, HIGH = tone(400, 1, 8000), tone(1000, 1, 8000)


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Wire]:
    wire = Wire(tmp_path, (HOST, HOST6), free_ports(80, HOST6))
    yield wire
    wire.close()


def call(wire: Wire, host: str, other: str, **fields: object) -> tuple[Peer, Peer]:
    a, b = Peer(host, LOW, 1), Peer(other, HIGH, 2)
    wire.put_leg("A", a, **fields)
    wire.put_leg("B", b, **fields)
    wire.rig.bridge("A", "B")
    return a, b


def both_hear(a: Peer, b: Peer) -> bool:
    return has_tone(a.heard()[-4000:], 1000, 8000) and has_tone(b.heard()[-4000:], 400, 8000)


# Numbers of addresses


@pytest.mark.parametrize("host", ["192.0.2.1", "::1", "2001:db8::7", "fe80::1"])
def test_an_address_is_one_number_and_back(host: str) -> None:
    number = addresses.number_of(host)
    assert number is not None and number == addresses.number_of(host)
    assert addresses.target_of(number, 4000)[:2] == (host, 4000)
    assert addresses.is_wide(number) == (":" in host)
    assert addresses.unpack(addresses.pack(number)) == (number if ":" in host else None)


def test_a_link_local_address_is_another_one_on_each_link() -> None:
    one, other = (addresses.number_of_source(("fe80::1%x", 5, 0, scope)) for scope in (1, 2))
    assert one != other and addresses.target_of(other, 5) == ("fe80::1", 5, 0, 2)


@pytest.mark.parametrize("host", ["240.0.0.1", "255.255.255.255", "::ffff:192.0.2.1", "phone.example", ""])
def test_what_cannot_be_a_peer_is_refused(host: str) -> None:
    with pytest.raises(ValueError):
        addresses.number_of(host)


def test_unspecified_addresses_are_none() -> None:
    assert addresses.number_of("::") is None and addresses.number_of("0.0.0.0") is None


def test_a_flood_of_strangers_leaves_room_for_those_that_are_known() -> None:
    seed = random.Random(6)
    known = [addresses.number_of(f"2001:db8:1::{n:x}") for n in range(1, 200)]
    numbers = [_codecs.wide_number(seed.randbytes(16), 0) for _ in range(20_000)]
    assert numbers[-1] == addresses.NOBODY, "the table is bounded"
    assert addresses.crowded()
    addresses.keep([np.array(known, np.uint32)])
    assert not addresses.crowded()
    assert [addresses.number_of(f"2001:db8:1::{n:x}") for n in range(1, 200)] == known
    gone = next(number for number in numbers if number not in known)
    with pytest.raises(OSError, match="not known any more"):
        addresses.target_of(gone, 1)
    assert _codecs.wide_number(seed.randbytes(16), 0) != addresses.NOBODY


# Legs


@pytest.mark.parametrize(("host", "other"), [(HOST6, HOST6), (HOST, HOST6), (HOST, HOST)])
def test_both_ways_relayed(wire: Wire, host: str, other: str) -> None:
    a, b = call(wire, host, other)
    wire.run(50)
    assert both_hear(a, b)
    assert a.sources == {a.leg_address} and b.sources == {b.leg_address}
    legs = wire.engine.legs
    assert (legs.relay_ear[:2] >= 0).all() and legs.received[:2].tolist() == [50, 50]


def test_both_ways_mixed_with_a_third(wire: Wire) -> None:
    a, _ = call(wire, HOST, HOST6)
    c = Peer(HOST6, tone(1700, 1, 8000), 3)
    wire.put_leg("C", c)
    wire.rig.bridge("A", "B", "C")
    wire.run(60)
    assert all(tone_power(a.heard()[-4000:], freq_hz, 8000) > 0.3 for freq_hz in (1000, 1700))
    assert all(tone_power(c.heard()[-4000:], freq_hz, 8000) > 0.3 for freq_hz in (400, 1000))


@pytest.mark.parametrize("suite", [SUITES[0], SUITES[2]])
def test_sealed_on_both_sides(wire: Wire, suite: str) -> None:
    """Two legs of this worker, each the other's peer: what one seals the other opens."""
    key = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0e"[: 40 if suite == SUITES[0] else 36]
    key = key if suite == SUITES[0] else "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHA=="
    srtp = {"suite": suite, "send": key, "receive": key}
    a, b = Peer(HOST6, LOW, 1), Peer(HOST6, HIGH, 2)
    wire.put_leg("A", a)
    wire.put_leg("B", b)
    ports = wire.pool.ready()
    trunk = [Peer(HOST6, LOW, 3), Peer(HOST6, LOW, 4)]
    for id, port, to, peer in zip(("X", "Y"), ports, ports[1::-1], trunk, strict=False):
        wire.put_leg(id, peer, port=port, remote=[HOST6, to], srtp=srtp)
        del wire.peers[id]
        peer.sock.close()
    wire.rig.bridge("A", "X", id="left")
    wire.rig.bridge("Y", "B", id="right")
    wire.run(60)
    assert both_hear(a, b)
    assert not wire.engine.legs.dropped_crypto[:4].any()


def test_a_third_address_injects_nothing(wire: Wire) -> None:
    a, b = call(wire, HOST6, HOST6)
    stranger = Peer(HOST6, tone(1700, 1, 8000), 1)
    stranger.leg_address = a.leg_address
    for _ in range(40):
        stranger.speak()
        wire.run(1)
        stranger.listen()
    assert both_hear(a, b) and tone_power(b.heard()[-4000:], 1700, 8000) < 0.01
    assert not stranger.codes
    assert wire.engine.legs.dropped_source[wire.engine.legs.index["A"]] == 40
    stranger.sock.close()


def test_a_source_is_learned_and_kept(wire: Wire) -> None:
    a, b = call(wire, HOST6, HOST)
    wire.put_leg("A", a, remote=["2001:db8::99", 4000], learn=True)
    wire.run(20)
    assert both_hear(a, b)
    stranger = a.fresh_socket()
    for _ in range(10):
        a.speak(stranger)
        wire.step()
    assert wire.engine.legs.remote_port[wire.engine.legs.index["A"]] == a.address[1]
    stranger.close()


def test_a_leg_goes_on_in_the_other_family(wire: Wire) -> None:
    """A re-INVITE from another network: the same port and stream, other sockets."""
    a, b = call(wire, HOST6, HOST)
    wire.run(20)
    leg = wire.engine.legs.index["A"]
    ssrc, port = int(wire.engine.legs.out_ssrc[leg]), int(wire.engine.legs.port[leg])
    moved = Peer(HOST, LOW, 1, number=a.number)
    wire.put_leg("A", moved)
    wire.run(30)
    assert both_hear(moved, b) and moved.leg_address == (HOST, port)
    assert wire.engine.legs.out_ssrc[leg] == ssrc
    a.sock.close()
    wire.engine.command({"do": "delete", "kind": "leg", "id": "A"})
    wire.pool.top_up(DRAIN_S + 1)
    assert port in wire.pool.ready()
    for family in (4, 6):
        wire.pool.take(port, family).close()


def test_a_leg_of_a_family_that_is_not_served_is_refused(tmp_path: Path) -> None:
    wire = Wire(tmp_path, (HOST,), free_ports(20, HOST))
    peer = Peer(HOST6, LOW, 1)
    with pytest.raises(BadCommand, match="this worker has no address of IPv6"):
        wire.put_leg("A", peer)
    with pytest.raises(BadCommand, match="remote ::1 is not reached from a leg of IPv4; say family"):
        wire.put_leg("A", peer, family=4)
    with pytest.raises(BadCommand, match="family 5: allowed are 4 and 6"):
        wire.put_leg("A", peer, family=5)
    assert not wire.engine.legs.index
    peer.sock.close()
    wire.close()


def test_reports_go_both_ways(wire: Wire) -> None:
    a, _ = call(wire, HOST6, HOST)
    leg = wire.engine.legs.index["A"]
    theirs = a.fresh_socket()
    wire.put_leg("A", a, rtcp=[HOST6, theirs.getsockname()[1]])
    wire.run(10)
    for tick in range(PERIOD // wire.engine.step):
        wire.reports.tick(tick * wire.engine.step, wire.engine.step, 1.0)
    report = parse_report(theirs.recv(1500))
    assert report is not None and report.blocks[0].ssrc == a.ssrc
    theirs.sendto(pack_report(a.ssrc, 4.0, "peer", Sent(0, 10, 1600), None), (HOST6, a.leg_address[1] + 1))
    wire.reports.receive(leg, 2.0)
    assert wire.reports._intervals["A"].ntp_middle
    theirs.close()


def test_silence_is_told(wire: Wire) -> None:
    call(wire, HOST6, HOST6)
    wire.run(5)
    for _ in range(4 * 200):
        wire.step()
    assert {event["leg"] for event in wire.rig.events_of("no_media")} == {"A", "B"}


# Other workers


def test_it_goes_to_another_worker_with_what_was_learned(wire: Wire, tmp_path: Path) -> None:
    other = Wire(tmp_path, (HOST, HOST6), free_ports(20, HOST6), index=1)
    a = Peer(HOST6, LOW, 1)
    command = wire.put_leg("A", a, remote=["2001:db8::99", 4000], learn=True)
    wire.run(20)
    assert not other.handover.takes({**command, "from": 1}, 1.0)
    assert other.handover.takes({**command, "from": 0}, 1.0)
    wire.handover.handle()
    other.handover.handle()
    legs, leg = other.engine.legs, other.engine.legs.index["A"]
    assert addresses.target_of(int(legs.remote_ip[leg]), 1)[0] == HOST6 and legs.locked[leg]
    other.peers["A"] = wire.peers.pop("A")
    b = Peer(HOST, HIGH, 2)
    other.put_leg("B", b)
    other.rig.bridge("A", "B")
    other.run(30)
    assert both_hear(a, b) and not wire.engine.legs.index
    other.close()


def test_a_successor_knows_what_was_learned(wire: Wire, tmp_path: Path) -> None:
    a = Peer(HOST6, LOW, 1)
    command = wire.put_leg("A", a, remote=["2001:db8::99", 4000], learn=True)
    wire.run(20)
    wire.lanes.pair(0).close()
    addresses.keep([np.zeros(1, np.uint32)])  # another process has a table of its own
    next_one = Wire(tmp_path, (HOST, HOST6), free_ports(20, HOST6))
    next_one.engine.command(command)
    legs = next_one.engine.legs
    assert addresses.target_of(int(legs.remote_ip[0]), int(legs.remote_port[0]))[:2] == tuple(a.address)
    assert legs.locked[0] and legs.received[0] == 20
    next_one.close()


def test_a_port_is_granted_when_it_is_free_in_both_families(tmp_path: Path) -> None:
    ports = free_ports(10, HOST6)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as taken:
        taken.bind((HOST6, ports.start))
        wire = Wire(tmp_path, (HOST, HOST6), range(ports.start, ports.stop - 1))
        assert wire.pool.ready() == [ports.start + 2, ports.start + 4]
    wire.close()
