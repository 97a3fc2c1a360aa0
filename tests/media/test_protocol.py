"""The control protocol's server end, over a real Unix socket, with the engine on its bench."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from softswitch.media.handover import Handover
from softswitch.media.lane_sockets import by_family
from softswitch.media.lanes import Lanes
from softswitch.media.port_pool import PortPool
from softswitch.media.protocol import PATIENCE_S, ControlServer, Outbox
from tests.media.rig import Rig

LEG = {
    "port": 20000, "remote": None, "codec": "PCMU", "payload_type": 0, "receive": {"0": "PCMU"},
    "dtmf_send": 101, "dtmf_receive": 101,
}  # fmt: skip


class Station:
    """Server and rig, driven turn by turn; `now` is simulated."""

    def __init__(self, directory: Path) -> None:
        self.rig = Rig(directory)
        self.now = 0.0
        self.epoll = select.epoll()
        self.pool = PortPool(by_family("127.63.8.4"), 24000, 24300)
        self.pool.top_up(0.0)
        self.outbox = Outbox()
        self.rig.engine._emit = self.rig.engine._recorders._emit = self.outbox.emit
        self.switches: list[socket.socket] = []
        self.path = str(directory / "m.sock")
        lanes = Lanes(self.pool, 8, self.epoll)
        self.handover = Handover(directory, 3, self.rig.engine, lanes, self.pool, self.epoll)
        self.server = ControlServer(
            self.path, 3, self.rig.engine, self.pool, self.outbox, self.epoll, self.handover
        )

    def turn(self) -> None:
        for _ in range(3):
            for fd, _ in self.epoll.poll(0):
                self.server.handle(fd, self.now)
            self.rig.step()
            self.server.turn(self.now)

    def close(self) -> None:
        for sock in self.switches:
            sock.close()
        self.server.close()
        self.handover.close()
        self.pool.close()
        self.epoll.close()


class Switch:
    def __init__(self, station: Station, generation: int | None = 1) -> None:
        self._station = station
        self._rest = b""
        self.sock = socket.socket(socket.AF_UNIX)
        station.switches.append(self.sock)
        self.sock.connect(station.path)
        self.sock.setblocking(False)
        self.greeting = [] if generation is None else self.say(do="hello", version=1, generation=generation)

    def say(self, **command: Any) -> list[dict[str, Any]]:
        return self.write(orjson.dumps(command) + b"\n")

    def write(self, data: bytes) -> list[dict[str, Any]]:
        self.sock.sendall(data)
        return self.read()

    def read(self) -> list[dict[str, Any]]:
        self._station.turn()
        with suppress(BlockingIOError):
            self._rest += self.sock.recv(1 << 20)
        *lines, self._rest = self._rest.split(b"\n")
        return [orjson.loads(line) for line in lines]

    def closed(self) -> bool:
        self._station.turn()
        try:
            return self.sock.recv(1) == b""
        except BlockingIOError:
            return False


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    station = Station(tmp_path)
    yield station
    station.close()


def test_hello_is_answered_by_a_snapshot_and_the_ports(station: Station) -> None:
    snapshot, ports = Switch(station).greeting
    instance = snapshot.pop("instance")
    assert len(instance) == 16
    assert snapshot == {
        "event": "snapshot", "version": 1, "generation": 1, "worker": 3, "legs": [], "bridges": [],
        "players": [], "recorders": [],
    }  # fmt: skip
    assert len(ports["granted"]) == 75 and all(port % 2 == 0 for port in ports["granted"])


def test_a_snapshot_says_what_was_put(station: Station) -> None:
    first = Switch(station)
    first.say(do="put_leg", id="L", **LEG)
    first.say(do="put_bridge", id="B", members=["L"], edges=[])
    snapshot = Switch(station, 2).greeting[0]
    assert snapshot["legs"] == [{"id": "L", **LEG}]
    assert snapshot["bridges"] == [{"id": "B", "members": ["L"], "edges": []}]


def test_nothing_before_hello(station: Station) -> None:
    stranger = Switch(station, None)
    (error,) = stranger.say(do="put_leg", id="L", **LEG)
    assert error == {"event": "error", "about": {"do": "put_leg", "id": "L"}, "message": "say hello first"}
    assert not station.rig.engine.legs.index


def test_an_older_generation_is_refused_and_the_newer_one_not_disturbed(station: Station) -> None:
    newer = Switch(station, 5)
    older = Switch(station, 4)
    assert older.greeting[0]["event"] == "refused" and older.greeting[0]["generation"] == 5
    assert older.closed() and not newer.closed()
    newer.say(do="put_leg", id="L", **LEG)
    assert "L" in station.rig.engine.legs.index


def test_a_newer_generation_fences_the_old_switch(station: Station) -> None:
    older = Switch(station, 4)
    Switch(station, 5)
    assert older.closed()


def test_another_version_is_refused(station: Station) -> None:
    stranger = Switch(station, None)
    assert stranger.say(do="hello", version=2, generation=1)[0]["event"] == "refused"
    assert stranger.closed()


def test_numbered_events_wait_for_their_acknowledgement(station: Station) -> None:
    switch = Switch(station)
    switch.say(do="put_leg", id="L", **LEG)
    for digit in "12":
        station.rig.engine._digit(0, digit)
    events = switch.read()
    assert [(e["n"], e["digit"]) for e in events] == [(1, "1"), (2, "2")]
    switch.say(do="ack", n=1)
    switch.sock.close()
    station.rig.engine._digit(0, "3")
    again = [e for e in Switch(station).greeting if e["event"] == "digit"]
    assert [(e["n"], e["digit"]) for e in again] == [(2, "2"), (3, "3")]


def test_a_player_that_finished_unheard_of_is_not_played_again(station: Station) -> None:
    station.rig.prompts["/p"] = np.ones(400, np.int16)
    switch = Switch(station)
    put = {"do": "put_player", "id": "P", "legs": [], "items": ["/p"]}
    switch.say(**put)
    station.rig.run(0.1)
    (finished,) = switch.read()
    assert finished["reason"] == "finished"
    assert switch.say(**put) == []
    station.rig.run(0.1)
    assert switch.read() == []
    switch.say(do="ack", n=finished["n"])
    switch.say(**put)
    station.rig.run(0.1)
    assert [e["event"] for e in switch.read()] == ["player_finished"]


def test_what_a_new_switch_does_not_put_again_goes_after_thirty_seconds(station: Station) -> None:
    old = Switch(station, 1)
    for id in ("kept", "orphan"):
        old.say(do="put_leg", id=id, **LEG)
    old.sock.close()
    new = Switch(station, 2)
    new.say(do="put_leg", id="kept", **LEG)
    station.now = 29.0
    new.read()
    assert set(station.rig.engine.legs.index) == {"kept", "orphan"}
    station.now = 31.0
    events = new.read()
    assert set(station.rig.engine.legs.index) == {"kept"}
    assert [(e["event"], e["leg"]) for e in events] == [("leg_statistics", "orphan")]


def test_a_reconnect_of_the_same_switch_makes_no_orphans(station: Station) -> None:
    first = Switch(station, 1)
    station.now = 31.0
    first.say(do="put_leg", id="L", **LEG)
    first.sock.close()
    Switch(station, 1)
    station.now = 90.0
    station.turn()
    assert "L" in station.rig.engine.legs.index


@pytest.mark.parametrize(
    "line",
    [
        b"{", b"[]", b"1", b'"x"', b"{}", b'{"do":1}', b'{"do":"put_leg"}', b'{"do":"put_leg","id":["x"]}',
        b'{"do":"put_leg","id":"x","port":"y"}', b'{"do":"put_bridge","id":"x","members":3}',
        b'{"do":"put_player","id":"x","items":3}', b'{"do":"put_recorder","id":"x","path":"relative.wav"}',
        b'{"do":"delete"}', b'{"do":"ack","n":"x"}', b'{"do":"send_digits"}',
        b'{"do":"hello","generation":{}}',
        b'{"do":"put_player","id":{},"items":[{}]}', b"\xff\xfe", b'{"do":"preload","items":[]}',
    ],
)  # fmt: skip
def test_bad_lines_are_answered_and_the_connection_goes_on(station: Station, line: bytes) -> None:
    switch = Switch(station)
    answers = switch.write(line + b"\n")
    assert answers and {answer["event"] for answer in answers} <= {"error", "player_finished"}
    assert switch.say(do="put_leg", id="L", **LEG) == []
    assert "L" in station.rig.engine.legs.index


def test_lines_may_come_in_any_pieces(station: Station) -> None:
    switch = Switch(station)
    data = b"".join(orjson.dumps({"do": "put_leg", "id": f"L{n}", **LEG}) + b"\n" for n in range(3))
    for k in range(0, len(data), 7):
        assert switch.write(data[k : k + 7]) == []
    assert set(station.rig.engine.legs.index) == {"L0", "L1", "L2"}


def test_events_without_a_switch_are_kept_only_when_numbered() -> None:
    outbox = Outbox()
    outbox.emit({"event": "load", "legs": 0})
    outbox.emit({"event": "digit", "leg": "L", "digit": "1"})
    assert outbox.take(0.0) == b""
    outbox.open = True
    outbox.repeat()
    assert orjson.loads(outbox.take(0.0)) == {"n": 1, "event": "digit", "leg": "L", "digit": "1"}


def test_what_nobody_waits_for_leaves_together(station: Station) -> None:
    switch = Switch(station)
    for name in ("L1", "L2"):
        switch.say(do="put_leg", id=name, **LEG)
        assert switch.say(do="delete", kind="leg", id=name) == []
    station.now += PATIENCE_S
    assert [event["leg"] for event in switch.read()] == ["L1", "L2"]


def test_an_urgent_event_takes_the_others_along_in_their_order(station: Station) -> None:
    switch = Switch(station)
    switch.say(do="put_leg", id="L", **LEG)
    switch.say(do="delete", kind="leg", id="L")
    told = switch.say(do="delete", kind="nothing", id="L")
    assert [event["event"] for event in told] == ["leg_statistics", "error"]
