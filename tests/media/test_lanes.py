"""Ports: pairs bound ahead, drained after use, and nothing of an old call in a new one; RTCP beside them."""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from softswitch.media.addresses import IPV4
from softswitch.media.lane_sockets import by_family
from softswitch.media.lanes import Lanes
from softswitch.media.legs import BadCommand
from softswitch.media.packets import PacketBatch
from softswitch.media.port_pool import DRAIN_S, READY_PAIRS, PortPool
from softswitch.media.reports import PERIOD, Reports
from softswitch.media.rtcp import Heard, PeerReport, ReportBlock, Sent, pack_report, parse_report
from softswitch.media.tones import tone
from tests.media.rig import Rig

HOST = "127.63.8.2"


@pytest.fixture
def pool() -> Iterator[PortPool]:
    pool = PortPool(by_family(HOST), 25000, 25999)
    pool.top_up(0.0)
    yield pool
    pool.close()


@pytest.fixture
def lanes(pool: PortPool) -> Iterator[Lanes]:
    epoll = select.epoll()
    lanes = Lanes(pool, 8, epoll)
    yield lanes
    lanes.close()
    epoll.close()


def outsider(host: str = "127.0.0.1") -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((host, 0))
    sock.settimeout(2.0)
    return sock


def test_as_many_pairs_are_ready_as_legs_may_ring_but_half_of_a_small_range() -> None:
    for last, ready in ((20001, 1), (20199, 50), (20000 + 4 * READY_PAIRS, READY_PAIRS)):
        pool = PortPool(by_family("127.63.8.1"), 20000, last)
        pool.top_up(0.0)
        assert len(pool.granted) == ready
        pool.close()


def test_pairs_are_ready_ahead_and_topped_up_as_they_go(pool: PortPool) -> None:
    assert len(pool.granted) == 250
    first = pool.ready()[0]
    pool.granted.clear()
    pair = pool.take(first)
    assert pair.rtp.getsockname()[1] == first and pair.rtcp.getsockname()[1] == first + 1
    pool.top_up(1.0)
    assert len(pool.granted) == 1 and first not in pool.ready()
    pair.close()


def test_a_port_is_granted_again_only_after_it_has_drained(pool: PortPool) -> None:
    port = pool.ready()[0]
    pool.give_back(pool.take(port), now=10.0)
    pool.granted.clear()
    pool.top_up(10.0 + DRAIN_S - 0.1)
    assert port not in pool.ready()
    pool.top_up(10.0 + DRAIN_S)
    assert port in pool.ready() and port in pool.granted


def test_a_draining_port_may_be_asked_for_by_name(pool: PortPool) -> None:
    port = pool.ready()[0]
    pool.give_back(pool.take(port), now=10.0)
    pair = pool.take(port)
    pool.top_up(100.0)
    assert port not in pool.ready()
    pair.close()


def test_other_peoples_ports_are_passed_over(pool: PortPool) -> None:
    taken = outsider(HOST)
    port = taken.getsockname()[1]
    small = PortPool(by_family(HOST), port - port % 2, port - port % 2 + 9)
    small.top_up(0.0)
    assert port - port % 2 not in small.ready()
    with pytest.raises(BadCommand, match="Address already in use"):
        small.take(port - port % 2)
    with pytest.raises(BadCommand, match="must be even"):
        small.take(25001)
    small.close()
    taken.close()


def test_a_leg_on_an_old_port_hears_nothing_of_the_old_peer(pool: PortPool, lanes: Lanes) -> None:
    port = pool.ready()[0]
    old_peer = outsider()
    for _ in range(3):
        old_peer.sendto(bytes(172), (HOST, port))  # while nobody uses it
    lanes.attach(3, port, IPV4)
    batch = PacketBatch(16)
    assert lanes.drain(batch) == 0
    old_peer.sendto(b"new", (HOST, port))
    assert lanes.drain(batch) == 1
    assert batch.leg[0] == 3 and batch.length[0] == 3 and batch.port[0] == old_peer.getsockname()[1]
    old_peer.sendto(bytes(2000), (HOST, port))
    assert lanes.drain(batch) == 1 and batch.length[0] == 0  # oversized: none of ours
    lanes.detach(3)
    assert lanes.drain(batch) == 0
    old_peer.close()


def test_a_socket_that_has_long_been_silent_is_left_to_the_kernels_watch_and_loses_nothing(
    pool: PortPool,
) -> None:
    epoll = select.epoll()
    lanes, batch, peer = Lanes(pool, 8, epoll), PacketBatch(64), outsider()
    ports = pool.ready()[:2]
    for leg, port in enumerate(ports):
        lanes.attach(leg, port, IPV4)
    for _ in range(250):
        peer.sendto(b"live", (HOST, ports[1]))
        assert lanes.drain(batch) == 1 and batch.leg[0] == 1
        lanes.let_sleep()
    for number in range(5):
        peer.sendto(bytes([number]), (HOST, ports[0]))
    assert lanes.drain(batch) == 0, "it sleeps"
    assert [lanes.wake(fd) for fd, _ in epoll.poll(1)] == [True] and not epoll.poll(0)
    assert [lanes.drain(batch) for _ in range(2)] == [1, 4]
    for _ in range(250):
        lanes.drain(batch)
        lanes.let_sleep()
    pair = lanes.surrender(0)
    assert pair is not None and not lanes.wake(pair.rtp.fileno())
    peer.sendto(b"x", (HOST, ports[0]))
    assert not epoll.poll(0), "who sleeps can be given away"
    pool.give_back(pair, 0.0)
    lanes.close()
    epoll.close()
    peer.close()


def test_a_backlog_is_read_as_soon_as_it_shows(pool: PortPool, lanes: Lanes) -> None:
    port = pool.ready()[0]
    lanes.attach(0, port, IPV4)
    peer = outsider()
    for number in range(20):
        peer.sendto(bytes([number]), (HOST, port))
    batch = PacketBatch(64)
    assert [lanes.drain(batch) for _ in range(3)] == [1, 19, 0]
    assert batch.rows[:19, 0].tolist() == list(range(1, 20))
    peer.close()


def test_after_a_packet_the_socket_rests_and_nothing_is_lost(pool: PortPool) -> None:
    epoll = select.epoll()
    lanes = Lanes(pool, 8, epoll, rest=2)
    port = pool.ready()[0]
    lanes.attach(0, port, IPV4)
    peer = outsider()
    batch = PacketBatch(64)
    received = []
    for number in range(8):
        peer.sendto(bytes([number]), (HOST, port))
        received.append(lanes.drain(batch))
    # Left out twice; then three are waiting, which is a backlog: no more rest until it is gone.
    assert received == [1, 0, 0, 3, 1, 0, 0, 3]
    peer.close()
    lanes.close()
    epoll.close()


def test_reports_are_packed_as_the_rfc_says() -> None:
    heard = Heard(0x01020304, 0.5, -2, 70000, 80, (0xABCD1234, 1.5))
    packet = pack_report(0x0A0B0C0D, 1.5, "media-0", Sent(0x11223344, 7, 1120), heard)
    assert len(packet) % 4 == 0
    fields = struct.unpack(">BBHIIIIII", packet[:28])
    assert fields == (0x81, 200, 12, 0x0A0B0C0D, 2_208_988_801, 1 << 31, 0x11223344, 7, 1120)
    block = struct.unpack(">IBBHIIII", packet[28:52])
    assert block == (0x01020304, 128, 0xFF, 0xFFFE, 70000, 80, 0xABCD1234, 98304)
    assert packet[52:54] == b"\x81\xca" and b"\x01\x07media-0\0" in packet
    assert parse_report(packet) == PeerReport(
        0x0A0B0C0D,
        (2_208_988_801 & 0xFFFF) << 16 | 0x8000,
        (ReportBlock(0x01020304, 0.5, -2, 80, 0xABCD1234, 1.5),),
    )
    receiver = pack_report(5, 0.0, "x", None, None)
    assert receiver[1] == 201 and parse_report(receiver) == PeerReport(5, 0, ())


@pytest.mark.parametrize("packet", [b"", b"\x81\xc8\0\6", bytes(60), b"\x9f\xc9" + bytes(30), b"\xff" * 40])
def test_malformed_reports_are_nothing(packet: bytes) -> None:
    assert parse_report(packet) is None


def test_a_leg_reports_every_five_seconds_and_answers_a_sender_report(
    tmp_path: Path, pool: PortPool, lanes: Lanes
) -> None:
    rig = Rig(tmp_path, legs=8)
    rig.engine._ports = lanes
    peer_rtcp = outsider()
    rtp_port = peer_rtcp.getsockname()[1] - 1
    phone = rig.phone("a", tone(400, 1, 8000), port=pool.ready()[0], remote=["127.0.0.1", rtp_port])
    phone.port = rtp_port
    reports = Reports(rig.engine.legs, lanes, rig.engine.srtp, "media-0", lambda: 1.0, rig.events.append)
    rig.run(1.0)
    sender_report = pack_report(phone.ssrc, 4.0, "peer", Sent(0, 50, 8000), None)
    peer_rtcp.sendto(sender_report, lanes.rtcp(0).getsockname())
    stranger = outsider()
    reports.receive(0, now=10.0)
    for clock in range(0, PERIOD, 40):
        reports.tick(clock, 40, now=12.0)
    packet, _ = peer_rtcp.recvfrom(1500)
    report = parse_report(packet)
    assert report is not None and report.ssrc == rig.engine.legs.out_ssrc[0]
    assert report.blocks[0].fraction_lost == 0.0
    block = struct.unpack(">6I", packet[28:52])
    assert block[0] == phone.ssrc and block[2] == phone.seq + 49
    assert block[4] == ((4 + 2_208_988_800) & 0xFFFF) << 16 and block[5] == 2 * 65536
    peer_rtcp.setblocking(False)
    with pytest.raises(BlockingIOError):
        peer_rtcp.recv(1)
    stranger.close()
    peer_rtcp.close()


def test_with_rtcp_mux_reports_go_and_come_on_the_port_of_the_audio(
    tmp_path: Path, pool: PortPool, lanes: Lanes
) -> None:
    rig = Rig(tmp_path, legs=8)
    rig.engine._ports = lanes
    peer, port = outsider(), pool.ready()[0]
    phone = rig.phone("a", tone(400, 1, 8000), port=port, remote=[*peer.getsockname()], rtcp_mux=True)
    phone.port = peer.getsockname()[1]
    reports = Reports(rig.engine.legs, lanes, rig.engine.srtp, "media-0", lambda: 1.0, rig.events.append)
    rig.engine.slow_path.handlers["rtcp"] = lambda *packet: reports.received_beside_audio(*packet, now=10.0)
    rig.run(1.0)
    received = int(rig.engine.legs.received[0])
    stranger = outsider()
    for ntp, sock in ((4.0, peer), (9.0, stranger)):
        sock.sendto(pack_report(phone.ssrc, ntp, "peer", Sent(0, 50, 8000), None), (HOST, port))
    batch = PacketBatch(8)
    while lanes.drain(batch):
        rig.engine.receive(batch)
    assert rig.engine.legs.received[0] == received and rig.engine.slow_path.counted["rtcp"] == 2
    for clock in range(0, PERIOD, 40):
        reports.tick(clock, 40, now=12.0)
    packet, source = peer.recvfrom(1500)
    assert source == (HOST, port)
    assert struct.unpack(">6I", packet[28:52])[4] == ((4 + 2_208_988_800) & 0xFFFF) << 16
    for sock in (peer, stranger):
        sock.close()


def test_reports_go_where_the_description_says(tmp_path: Path, pool: PortPool, lanes: Lanes) -> None:
    rig = Rig(tmp_path, legs=8)
    rig.engine._ports = lanes
    audio, elsewhere = outsider(), outsider()
    phone = rig.phone(
        "a", tone(400, 1, 8000), port=pool.ready()[0], remote=[*audio.getsockname()],
        rtcp=[*elsewhere.getsockname()],
    )  # fmt: skip
    phone.port = audio.getsockname()[1]
    reports = Reports(rig.engine.legs, lanes, rig.engine.srtp, "media-0", lambda: 1.0, rig.events.append)
    rig.run(0.5)
    for clock in range(0, PERIOD, 40):
        reports.tick(clock, 40, now=12.0)
    packet, source = elsewhere.recvfrom(1500)
    assert parse_report(packet) is not None and source == lanes.rtcp(0).getsockname()
    for sock in (audio, elsewhere):
        sock.close()
