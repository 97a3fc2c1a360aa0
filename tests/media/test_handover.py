"""A leg goes from one worker to another: its stream and its peer stay, and its port goes home afterwards."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from softswitch.media.handover import PATIENCE_S, Handover
from softswitch.media.lane_sockets import by_family
from softswitch.media.lanes import Lanes
from softswitch.media.packets import PacketBatch
from softswitch.media.port_pool import DRAIN_S, PortPool
from softswitch.media.tones import tone
from tests.media.rig import Rig, rtp

HOST, FIRST = "127.63.8.3", 25200


class Station:
    """One worker's engine, ports and sockets, driven turn by turn; `now` is simulated."""

    def __init__(self, directory: Path, index: int) -> None:
        (directory / str(index)).mkdir()
        self.rig = Rig(directory / str(index), legs=8)
        self.engine = self.rig.engine
        self.epoll = select.epoll()
        self.pool = PortPool(by_family(HOST), FIRST + 100 * index, FIRST + 100 * index + 19)
        self.pool.top_up(0.0)
        self.lanes = Lanes(self.pool, 8, self.epoll)
        self.engine._ports = self.lanes
        self.handover = Handover(directory, index, self.engine, self.lanes, self.pool, self.epoll)
        self.refused: list[str] = []
        self.handover.refused = lambda _, message: self.refused.append(message)

    def turn(self, now: float = 1.0) -> None:
        self.lanes.now = now
        for fd, _ in self.epoll.poll(0):
            if self.handover.owns(fd):
                self.handover.handle()
        self.pool.top_up(now)
        self.handover.turn(now)

    def say(self, command: dict[str, Any], now: float = 1.0) -> None:
        if not self.handover.takes(command, now):
            self.engine.command(command)

    def close(self) -> None:
        self.handover.close()
        self.lanes.close()
        self.epoll.close()


@pytest.fixture
def stations(tmp_path: Path) -> Iterator[list[Station]]:
    made = [Station(tmp_path, index) for index in range(3)]
    yield made
    for station in made:
        station.close()


@pytest.fixture
def peer() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock


def put_leg(port: int, peer: socket.socket, **more: Any) -> dict[str, Any]:
    return {
        "do": "put_leg", "id": "A", "port": port, "remote": [*peer.getsockname()], "codec": "PCMU",
        "payload_type": 0, "receive": {"0": "PCMU"}, "dtmf_send": 101, "dtmf_receive": 101, **more,
    }  # fmt: skip


def turns(stations: list[Station], now: float = 1.0) -> None:
    for _ in range(3):
        for station in stations:
            station.turn(now)


def test_the_leg_goes_on_with_its_socket_and_its_stream(stations: list[Station], peer: socket.socket) -> None:
    one, other, _ = stations
    port = one.pool.ready()[0]
    command = put_leg(port, peer)
    one.say(command)
    leg = one.engine.legs.index["A"]
    one.engine.legs.out_ext[leg], one.engine.legs.received[leg] = 4711, 17
    ssrc = one.engine.legs.out_ssrc[leg]
    other.say(put_leg(port, peer, **{"from": 0}))
    peer.sendto(rtp(1, 160, 5, bytes(160)), (HOST, port))
    turns(stations)
    assert not one.engine.legs.index and not one.engine.snapshot()["legs"]
    legs, leg = other.engine.legs, other.engine.legs.index["A"]
    assert (legs.out_ext[leg], legs.received[leg], legs.out_ssrc[leg]) == (4711, 17, ssrc)
    batch = PacketBatch(4)
    assert other.lanes.drain(batch) == 1, "what arrived meanwhile is not lost"
    assert not one.rig.events_of("leg_statistics")
    one.pool.granted.clear()
    one.say({"do": "delete", "kind": "leg", "id": "A"})  # too late: nothing of it is here
    other.say({"do": "delete", "kind": "leg", "id": "A"})
    assert other.rig.events_of("leg_statistics")[0]["received"] == 17
    turns(stations, 2.0)
    assert port not in one.pool.ready()
    turns(stations, 2.0 + DRAIN_S)
    turns(stations, 2.1 + DRAIN_S)
    assert port in one.pool.granted and port not in other.pool.granted


def test_through_three_workers_and_home(stations: list[Station], peer: socket.socket) -> None:
    one, other, third = stations
    port = one.pool.ready()[0]
    one.say(put_leg(port, peer))
    ssrc = one.engine.legs.out_ssrc[0]
    other.say(put_leg(port, peer, **{"from": 0}))
    turns(stations)
    third.say(put_leg(port, peer, **{"from": 1}))
    turns(stations)
    assert third.engine.legs.out_ssrc[0] == ssrc
    one.say(put_leg(port, peer, **{"from": 2}))
    turns(stations)
    assert one.engine.legs.out_ssrc[one.engine.legs.index["A"]] == ssrc
    third.say(put_leg(port, peer, **{"from": 0}))
    turns(stations)
    third.say({"do": "delete", "kind": "leg", "id": "A"}, 2.0)
    one.pool.granted.clear()
    for now in (2.0 + DRAIN_S, 2.1 + DRAIN_S, 2.2 + DRAIN_S):
        turns(stations, now)
    assert port in one.pool.granted


def test_a_port_may_be_borrowed_before_a_leg_is_on_it(stations: list[Station], peer: socket.socket) -> None:
    one, other, _ = stations
    port = one.pool.ready()[0]
    peer.sendto(b"stray", (HOST, port))
    other.say(put_leg(port, peer, **{"from": 0}))
    turns(stations)
    assert "A" in other.engine.legs.index and port not in one.pool.ready()
    assert not other.lanes.drain(PacketBatch(4)), "what came before is nobody's"


def test_of_a_worker_that_is_away_the_port_is_bound_anew(
    stations: list[Station], peer: socket.socket
) -> None:
    one, other, _ = stations
    port = one.pool.ready()[0]
    one.handover._path(0).unlink()
    one.pool.take(port).close()
    other.say(put_leg(port, peer, **{"from": 0}))
    assert "A" in other.engine.legs.index


def test_of_a_worker_that_hangs_the_command_is_refused(stations: list[Station], peer: socket.socket) -> None:
    one, other, _ = stations
    port = one.pool.ready()[0]
    other.say(put_leg(port, peer, **{"from": 0}))
    other.turn(1.0 + PATIENCE_S)
    assert other.refused == [f"port {port} on {HOST}: Address already in use"]
    turns(stations, 2.0)
    for now in (2.0 + DRAIN_S, 2.1 + DRAIN_S):
        turns(stations, now)
    assert port in one.pool.ready(), "what came too late has gone home"


def test_a_leg_deleted_while_it_is_on_its_way(stations: list[Station], peer: socket.socket) -> None:
    one, other, _ = stations
    port = one.pool.ready()[0]
    one.say(put_leg(port, peer))
    other.say(put_leg(port, peer, **{"from": 0}))
    other.say({"do": "delete", "kind": "leg", "id": "A"})
    for now in (1.0, 1.1 + DRAIN_S, 1.2 + DRAIN_S):
        turns(stations, now)
    assert not one.engine.legs.index and not other.engine.legs.index
    assert port in one.pool.ready()


@pytest.mark.parametrize("message", [b"", b"[]", b"{", b'{"ask": 1}', b'{"give": "A"}', b'{"none": []}'])
def test_malformed_messages_change_nothing(stations: list[Station], message: bytes) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(message, str(stations[0].handover._path(0)))
    turns(stations)
    assert not stations[0].engine.legs.index


def test_what_two_say_is_heard_in_one_bridge_after_the_move(
    stations: list[Station], peer: socket.socket, tmp_path: Path
) -> None:
    """The jitter buffer's place is that of the row: the stream is not anchored anew."""
    one, other, _ = stations
    phone = one.rig.phone("A", tone(400, 1, 8000), port=one.pool.ready()[0])
    one.rig.run(0.5)
    position = int(one.engine.legs.in_pos[0])
    moved = {**one.engine.snapshot()["legs"][0], "do": "put_leg", "from": 0}
    other.engine.skip(one.engine.clock)
    other.say(moved)
    turns(stations)
    other.rig.phones["A"] = phone
    other.rig.run(0.02)
    assert int(other.engine.legs.in_pos[other.engine.legs.index["A"]]) - position in (160, 320)
    assert other.engine.legs.expected(other.engine.legs.index["A"]) == phone.at
