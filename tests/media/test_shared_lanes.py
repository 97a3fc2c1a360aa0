"""Many legs on one port: each hears its own peer, and what is not certain is nobody's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from softswitch.media.legs import BadCommand
from softswitch.media.port_pool import DRAIN_S
from softswitch.media.reports import PERIOD
from softswitch.media.rtcp import Sent, pack_report
from softswitch.media.shared_lanes import FLOWS
from softswitch.media.tones import has_tone, tone, tone_power
from tests.media.wire import Peer, Wire
from tests.peers.ports import free_ports

HOST, OTHER_HOST, HOST6 = "127.66.2.1", "127.66.2.2", "::1"
TONES_HZ = (400, 1000, 1700, 2300)


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Wire]:
    wire = Wire(tmp_path, (HOST, HOST6), free_ports(40, HOST6))
    yield wire
    wire.close()


class OnePort(Peer):
    """A peer whose calls all have the socket of its first one: it tells what comes apart by its SSRC."""

    def __init__(self, first: Peer, tone_hz: int, ssrc: int) -> None:
        super().__init__(first.host, tone(tone_hz, 1, 8000), ssrc)
        self.sock.close()
        self.sock = first.sock

    def listen(self) -> None:
        pass


def trunk_leg(wire: Wire, id: str, peer: Peer, **fields: Any) -> None:
    """A leg of the port that all legs of its family share."""
    shared = [leg for leg in wire.engine.legs.settings if leg is not None and leg.shared]
    port = shared[0].port if shared else wire.pool.ready()[0]
    wire.put_leg(id, peer, **{"port": port, "shared": True, **fields})


def house(wire: Wire, hosts: tuple[str, ...] = (HOST, HOST, OTHER_HOST)) -> list[tuple[Peer, Peer]]:
    """Calls from the trunk to phones, as (trunk's end, phone); all say something else."""
    calls = []
    for number, host in enumerate(hosts):
        outside = Peer(host, tone(TONES_HZ[number], 1, 8000), 10 + number)
        phone = Peer(HOST, tone(600 + 300 * number, 1, 8000), 20 + number)
        trunk_leg(wire, f"T{number}", outside)
        wire.put_leg(f"P{number}", phone)
        wire.rig.bridge(f"T{number}", f"P{number}", id=f"B{number}")
        calls.append((outside, phone))
    return calls


def hears_only(peer: Peer, freq_hz: float) -> bool:
    heard = peer.heard()[-4000:]
    others = [each for each in (*TONES_HZ, 600, 900, 1200) if each != freq_hz]
    return has_tone(heard, freq_hz, 8000) and max(tone_power(heard, each, 8000) for each in others) < 0.02


def dropped(wire: Wire) -> int:
    return wire.lanes.shared.dropped


@pytest.mark.parametrize("hosts", [(HOST, HOST, OTHER_HOST), (HOST6, HOST, HOST6)])
def test_calls_of_one_trunk_share_a_port_and_each_hears_its_own(wire: Wire, hosts: tuple[str, ...]) -> None:
    calls = house(wire, hosts)
    wire.run(50)
    for number, (outside, phone) in enumerate(calls):
        assert hears_only(phone, TONES_HZ[number]) and hears_only(outside, 600 + 300 * number)
    assert len({outside.leg_address[1] for outside, _ in calls}) == 1
    assert not dropped(wire) and not wire.engine.legs.dropped_source.any()


def test_as_many_as_a_batch_has_and_more(wire: Wire) -> None:
    """200 packets between two wakes: none is lost, none comes to another leg."""
    calls = house(wire)
    for _ in range(70):
        for outside, _ in calls:
            outside.speak()
    wire.step()
    assert wire.engine.legs.received[[0, 2, 4]].tolist() == [70, 70, 70]


def test_junk_and_strangers_change_nothing(wire: Wire) -> None:
    calls = house(wire)
    port = calls[0][0].leg_address[1]
    stranger = Peer(OTHER_HOST, tone(2300, 1, 8000), calls[0][0].ssrc, leg_address=(HOST, port))
    own_host = Peer(HOST, tone(2300, 1, 8000), calls[0][0].ssrc, leg_address=(HOST, port))
    junk = [b"", b"\x80", bytes(12), b"\xff" * 60, bytes(2000), b"\x80\x00" + bytes(5)]
    for _ in range(50):
        stranger.speak()
        own_host.speak()
        for packet in junk:
            stranger.sock.sendto(packet, (HOST, port))
            calls[0][0].sock.sendto(packet, (HOST, port))
        wire.run(1)
    for number, (outside, phone) in enumerate(calls):
        assert hears_only(phone, TONES_HZ[number]) and hears_only(outside, 600 + 300 * number)
    assert dropped(wire) >= 50 * (2 + len(junk))
    stranger.sock.close()
    own_host.sock.close()


# One address for several calls


def on_one_address(wire: Wire, **second: Any) -> tuple[Peer, OnePort, list[Peer]]:
    one = Peer(HOST, tone(400, 1, 8000), 10)
    phones = [Peer(HOST, tone(600, 1, 8000), 20), Peer(HOST, tone(900, 1, 8000), 21)]
    trunk_leg(wire, "T0", one)
    wire.put_leg("P0", phones[0])
    wire.rig.bridge("T0", "P0", id="B0")
    wire.run(20)
    two = OnePort(one, 1000, 11)
    trunk_leg(wire, "T1", two, **second)
    wire.put_leg("P1", phones[1])
    wire.rig.bridge("T1", "P1", id="B1")
    return one, two, phones


@pytest.mark.parametrize("second", [{}, {"ssrc": 11}])
def test_two_calls_from_one_address_are_told_apart_by_ssrc(wire: Wire, second: dict[str, int]) -> None:
    _, _, phones = on_one_address(wire, **second)
    wire.run(50)
    assert hears_only(phones[0], 400) and hears_only(phones[1], 1000)
    assert dropped(wire) == (0 if second else 1)


def test_what_two_may_have_sent_is_nobodys(wire: Wire) -> None:
    """Both calls begin at once and nothing says which is which: silence, and not another's call."""
    one = Peer(HOST, tone(400, 1, 8000), 10)
    two = OnePort(one, 1000, 11)
    phones = [Peer(HOST, tone(600, 1, 8000), 20), Peer(HOST, tone(900, 1, 8000), 21)]
    for number, peer in enumerate((one, two)):
        trunk_leg(wire, f"T{number}", peer)
        wire.put_leg(f"P{number}", phones[number])
        wire.rig.bridge(f"T{number}", f"P{number}", id=f"B{number}")
    wire.run(30)
    assert dropped(wire) == 60
    assert not any(phone.heard().any() for phone in phones)


def test_a_new_ssrc_is_taken_once_the_old_one_is_silent(wire: Wire) -> None:
    one, _, phones = on_one_address(wire, ssrc=11)
    wire.run(20)
    one.ssrc = 77
    wire.run(FLOWS // 160 + 40)
    assert hears_only(phones[0], 400) and hears_only(phones[1], 1000)
    assert FLOWS // 160 <= dropped(wire) <= FLOWS // 160 + 3


def test_while_a_stream_flows_another_at_its_address_is_not_taken(wire: Wire) -> None:
    """What a peer with one port sends of its next call, before it has answered."""
    one = Peer(HOST, tone(400, 1, 8000), 10)
    phone = Peer(HOST, tone(600, 1, 8000), 20)
    trunk_leg(wire, "T0", one)
    wire.put_leg("P0", phone)
    wire.rig.bridge("T0", "P0")
    wire.run(20)
    early = OnePort(one, 1000, 11)
    early.leg_address = one.leg_address
    for _ in range(40):
        early.speak()
        wire.run(1)
    assert hears_only(phone, 400) and dropped(wire) == 40


# Learning


def test_a_port_at_the_host_of_the_sdp_is_learned_if_one_leg_only_waits_for_it(wire: Wire) -> None:
    calls = house(wire, (HOST, OTHER_HOST))
    outside, phone = calls[0]
    trunk_leg(wire, "T0", outside, remote=[HOST, 9], learn=True)
    wire.run(30)
    assert hears_only(phone, 400) and hears_only(outside, 600)
    leg = wire.engine.legs.index["T0"]
    assert wire.engine.legs.locked[leg] and wire.engine.legs.remote_port[leg] == outside.address[1]


def test_a_port_that_two_may_have_is_not_learned_and_nothing_is_from_elsewhere(wire: Wire) -> None:
    calls = house(wire, (HOST, HOST))
    for number, (outside, _) in enumerate(calls):
        trunk_leg(wire, f"T{number}", outside, remote=[HOST, 9 + number], learn=True)
    stranger = Peer(OTHER_HOST, tone(2300, 1, 8000), 5, leg_address=calls[0][0].leg_address)
    for _ in range(20):
        stranger.speak()
        wire.run(1)
    assert not any(phone.heard().any() for _, phone in calls)
    assert wire.engine.legs.remote_port[[0, 2]].tolist() == [9, 10]
    stranger.sock.close()


def test_a_stream_that_moves_is_followed_after_a_silence(wire: Wire) -> None:
    calls = house(wire, (HOST, OTHER_HOST))
    outside, phone = calls[0]
    trunk_leg(wire, "T0", outside, learn=True)
    wire.run(20)
    moved = outside.fresh_socket()
    old, outside.sock = outside.sock, moved
    wire.run(30)
    assert wire.engine.legs.remote_port[0] == old.getsockname()[1], "not at once"
    wire.run(110)
    assert wire.engine.legs.remote_port[0] == moved.getsockname()[1]
    assert hears_only(phone, 400)
    old.close()


# Sockets


def test_the_port_is_drained_when_the_last_leg_has_gone(wire: Wire) -> None:
    calls = house(wire)
    port = calls[0][0].leg_address[1]
    wire.run(5)
    wire.lanes.now = 100.0
    for number in range(3):
        wire.pool.top_up(100.0)
        assert port not in wire.pool.ready()
        wire.engine.command({"do": "delete", "kind": "leg", "id": f"T{number}"})
        del wire.peers[f"T{number}"]
    wire.pool.top_up(100.0 + DRAIN_S)
    assert port in wire.pool.ready()
    for outside, _ in calls:
        outside.sock.close()


def test_a_leg_keeps_its_kind_of_port_and_stays_with_its_worker(wire: Wire, tmp_path: Path) -> None:
    (outside, _), *_ = house(wire)
    with pytest.raises(BadCommand, match="shares its port, or does not, for life"):
        wire.put_leg("T0", outside)
    port = outside.leg_address[1]
    other = Wire(tmp_path, (OTHER_HOST,), free_ports(8, OTHER_HOST), index=1)
    assert other.handover.takes({"do": "put_leg", "id": "T0", "port": port, "from": 0}, 1.0)
    wire.handover.handle()
    other.handover.handle()
    assert "T0" in wire.engine.legs.index and "T0" not in other.engine.legs.index
    other.close()


def test_its_streams_go_on_in_another_worker_on_a_port_of_its_own(wire: Wire, tmp_path: Path) -> None:
    """With the counters that SRTP needs; the peer is told of the port by SDP."""
    calls = house(wire)
    wire.run(20)
    legs = wire.engine.legs
    ssrc, out_ext, in_ext = (int(getattr(legs, name)[0]) for name in ("out_ssrc", "out_ext", "in_ext"))
    other = Wire(tmp_path, (OTHER_HOST,), free_ports(8, OTHER_HOST), index=1)
    command = {key: value for key, value in wire.engine.snapshot()["legs"][0].items() if key != "shared"}
    assert other.handover.takes({"do": "put_leg", **command, "port": other.pool.ready()[0], "from": 0}, 1.0)
    wire.handover.handle()
    other.handover.handle()
    assert "T0" not in wire.engine.legs.index and not wire.rig.events_of("leg_statistics")
    legs = other.engine.legs
    assert (int(legs.out_ssrc[0]), int(legs.out_ext[0]), int(legs.in_ext[0])) == (ssrc, out_ext, in_ext)
    del wire.peers["T0"]
    wire.run(30)
    assert all(hears_only(calls[number][1], TONES_HZ[number]) for number in (1, 2))
    calls[0][0].sock.close()
    other.close()


def test_a_successor_shares_the_port_again_and_knows_who_is_who(wire: Wire, tmp_path: Path) -> None:
    *_, phones = on_one_address(wire)
    wire.run(30)
    commands = wire.engine.snapshot()["legs"]
    wire.die()
    after = Wire(tmp_path, (HOST, HOST6), range(wire.pool._range.start, wire.pool._range.stop))
    for command in commands:
        after.engine.command({"do": "put_leg", **command})
    for number in range(2):
        after.rig.bridge(f"T{number}", f"P{number}", id=f"B{number}")
    after.peers = wire.peers
    after.run(50)
    assert hears_only(phones[0], 400) and hears_only(phones[1], 1000)
    assert not dropped(after)
    after.close()


# RTCP


def test_reports_are_of_the_leg_whose_ssrc_they_have(wire: Wire) -> None:
    calls = house(wire)
    wire.run(10)
    for tick in range(PERIOD // wire.engine.step):
        wire.reports.tick(tick * wire.engine.step, wire.engine.step, 1.0)
    (leg,) = {wire.lanes.leg_of_rtcp(wire.lanes.rtcp(0).fileno())}
    assert leg is not None
    for number in (2, 1):
        outside, _ = calls[number]
        report = pack_report(outside.ssrc, 4.0 + number, "peer", Sent(0, 10, 1600), None)
        outside.sock.sendto(report, (HOST, outside.leg_address[1] + 1))
    stranger = pack_report(4711, 9.0, "peer", Sent(0, 10, 1600), None)
    calls[0][0].sock.sendto(stranger, (HOST, calls[0][0].leg_address[1] + 1))
    calls[0][0].sock.sendto(b"\x80", (HOST, calls[0][0].leg_address[1] + 1))
    wire.reports.receive(leg, 2.0)
    middles = [wire.reports._intervals[f"T{number}"].ntp_middle for number in range(3)]
    assert middles[0] == 0 and middles[2] - middles[1] == 1 << 16
