"""The switch's picture of the media plane: which worker holds what, and which ports are free.

The control protocol is declarative, so the picture is simply what every worker should hold. A worker
that connects (for the first time, after its own restart, or after ours) is told all of it again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

from softswitch.call.outputs import MediaCommand
from softswitch.call.shared_ports import SharedPorts
from softswitch.sdp.addresses import IPV6, Hosts
from softswitch.sdp.negotiation import NegotiatedAudio


class Place(NamedTuple):
    """Where a leg is: the worker that serves it, its port, and the worker that the port came from; `shared`:
    other legs may be on that port."""

    worker: int
    port: int
    port_of: int
    shared: bool = False


_LEAST_CPU = 1e-3
"""What one thing put on a worker is taken to cost before that has been measured: share of a processor."""
NOWHERE = Place(-1, 0, -1)


class Worker:
    """One media process: its free ports, those that legs have, and what it should hold, by `(kind, id)`; what
    it told of its load, and how many things it held then."""

    __slots__ = ("connected", "free_ports", "held", "load", "number", "taken_ports", "wanted")

    def __init__(self, number: int) -> None:
        self.number = number
        self.connected = False
        self.free_ports: deque[int] = deque()
        self.taken_ports: set[int] = set()
        self.wanted: dict[tuple[str, str], dict[str, Any]] = {}
        self.load: Mapping[str, Any] = {}
        self.held = 0

    def report(self, load: Mapping[str, Any]) -> None:
        """What the worker tells of itself every 5 s."""
        self.load, self.held = load, len(self.wanted)

    def describe(self) -> dict[str, Any]:
        """For whoever asks; what the worker has not told yet is null."""
        told = ("legs", "cpu", "late_ms_p50", "late_ms_p99", "late_ms_max", "counters")
        return {
            "worker": self.number,
            "connected": self.connected,
            "free_ports": len(self.free_ports),
            **{name: self.load.get(name) for name in told},
        }

    @property
    def busy(self) -> float:
        """Share of a processor: what was measured last, and as much for each thing put since then."""
        cpu = float(self.load.get("cpu", 0.0))
        each = max(cpu / self.held, _LEAST_CPU) if self.held else _LEAST_CPU
        return cpu + (len(self.wanted) - self.held) * each


class MediaPlane:
    """Places legs on workers and remembers what was put, so that it can be put again.

    A worker that a former process had and this one has not is never connected, and told nothing.
    """

    def __init__(self, hosts: Hosts, workers: int) -> None:
        self.hosts = hosts
        self.workers = [Worker(number) for number in range(workers)]
        self._shared = SharedPorts()

    @property
    def ready(self) -> bool:
        """Whether every worker is there and has ports for calls."""
        return all(worker.connected and worker.free_ports for worker in self.workers)

    def allocate(self, near: int | None = None, shared_by: str = "") -> Place | None:
        """A place for a leg; on worker `near`, with a port of another if need be, where legs must meet.

        `shared_by`: id of a leg that may share a port with others of its kind.
        """
        if shared_by and (place := self._allocate_shared(near, shared_by)) is not None:
            return place
        usable = self._usable(near)
        if not usable:
            return None
        of = min(usable, key=lambda each: (each.number != near, each.busy))
        worker, port = of if near is None else self.workers[near], of.free_ports.popleft()
        worker.taken_ports.add(port)
        return Place(worker.number, port, of.number)

    def _allocate_shared(self, near: int | None, leg: str) -> Place | None:
        usable = [each for each in self.workers if each.connected and near in (None, each.number)]
        usable = [each for each in usable if each.free_ports or self._shared.has(each)]
        if not usable:
            return None
        worker = min(usable, key=lambda each: each.busy)
        return Place(worker.number, self._shared.join(worker, leg), worker.number, shared=True)

    def has_port(self, near: int | None = None) -> bool:
        """Whether `allocate` would find one now."""
        return bool(self._usable(near))

    def _usable(self, near: int | None) -> list[Worker]:
        if near is not None and not (self.has(near) and self.workers[near].connected):
            return []
        return [worker for worker in self.workers if worker.connected and worker.free_ports]

    def has(self, worker: int) -> bool:
        return worker < len(self.workers)

    def release_unused(self, place: Place, leg: str) -> None:
        """Give back a port on which the leg was never put."""
        if place.shared:
            self._shared.leave(self.workers[place.worker], place.port, leg)
            return
        self.workers[place.worker].taken_ports.discard(place.port)
        self.workers[place.port_of].free_ports.append(place.port)

    def move(self, place: Place, to: int, id: str, out: list[Any]) -> Place:
        """The leg goes on in another worker, at its port: that one gets its sockets from the present one."""
        former = self.workers[place.worker]
        command = former.wanted.pop(("leg", id))
        former.taken_ports.discard(place.port)
        fields = {name: value for name, value in command.items() if name not in ("do", "id")}
        self.put(to, "leg", id, {**fields, "from": former.number}, out)
        return Place(to, place.port, former.number)

    def move_apart(self, place: Place, to: int, id: str, out: list[Any]) -> Place | None:
        """The leg, which shares its port, goes on in another worker at a port of its own; the party must be
        told. None: there is no port, and nothing has changed."""
        fresh = self.allocate(to)
        if fresh is None:
            return None
        former = self.workers[place.worker]
        command = former.wanted.pop(("leg", id))
        self._shared.leave(former, place.port, id)
        own = fresh.port_of == to
        dropped = ("do", "id", "shared", "ssrc")
        fields = {name: value for name, value in command.items() if name not in dropped}
        fields |= {"port": fresh.port, "from": former.number if own else fresh.port_of}
        self.put(to, "leg", id, fields, out)
        if not own:
            out.append(_deletion(former.number, "leg", id))
        return fresh

    def put(self, worker: int, kind: str, id: str, fields: dict[str, Any], out: list[Any]) -> None:
        if not self.has(worker):
            return
        command = {"do": f"put_{kind}", "id": id, **fields}
        self.workers[worker].wanted[kind, id] = command
        if kind == "leg" and fields.get("shared"):
            self._shared.put(self.workers[worker], fields["port"], id)
        elif kind == "leg":
            self.workers[worker].taken_ports.add(fields["port"])
        out.append(MediaCommand(worker, command))

    def delete(self, worker: int, kind: str, id: str, out: list[Any]) -> None:
        """The port of a deleted leg comes back when the worker grants it again."""
        command = self.workers[worker].wanted.pop((kind, id), None) if self.has(worker) else None
        if command is None:
            return
        if kind == "leg" and command.get("shared"):
            self._shared.leave(self.workers[worker], command["port"], id)
        elif kind == "leg":
            self.workers[worker].taken_ports.discard(command["port"])
        out.append(_deletion(worker, kind, id))

    def wants(self, worker: int, kind: str, id: str) -> bool:
        return (kind, id) in self.workers[worker].wanted

    def forget(self, worker: int, kind: str, id: str) -> None:
        """The worker itself has finished with it (a prompt that was played to its end)."""
        self.workers[worker].wanted.pop((kind, id), None)

    def music(self, worker: int, path: str, out: list[Any]) -> str:
        """The id of the one player of this file on this worker that all waiting callers share."""
        id = f"music:{path}"
        if ("player", id) not in self.workers[worker].wanted:
            self.put(worker, "player", id, {"legs": [], "items": [path], "loop": True, "gain": 1.0}, out)
        return id

    def connected(self, worker: int, snapshot: Mapping[str, Any], out: list[Any]) -> None:
        """The worker answered our greeting with what it holds: it loses what it should not hold (its delete
        may have been lost, or we are a new process) and is told all the rest again."""
        state = self.workers[worker]
        state.connected = True
        state.free_ports.clear()
        puts = (item for each in self.workers for item in each.wanted.items())
        going = {key for key, command in puts if command.get("from") == worker}
        for kind in reversed(_ORDER):
            for held in snapshot[f"{kind}s"]:
                if (kind, held["id"]) not in state.wanted and (kind, held["id"]) not in going:
                    out.append(_deletion(worker, kind, held["id"]))
        for _, command in sorted(state.wanted.items(), key=_legs_first):
            out.append(MediaCommand(worker, command))

    def disconnected(self, worker: int) -> None:
        self.workers[worker].connected = False
        self.workers[worker].free_ports.clear()
        self.workers[worker].load, self.workers[worker].held = {}, 0

    def ports_granted(self, worker: int, ports: list[int]) -> None:
        state = self.workers[worker]
        self._shared.granted(state, ports)
        known = set(state.free_ports).union(*(each.taken_ports for each in self.workers))
        state.free_ports.extend(port for port in ports if port not in known)


_ORDER = {"leg": 0, "player": 1, "bridge": 2, "recorder": 3}


def _legs_first(item: tuple[tuple[str, str], dict[str, Any]]) -> int:
    return _ORDER[item[0][0]]


def _deletion(worker: int, kind: str, id: str) -> MediaCommand:
    return MediaCommand(worker, {"do": "delete", "kind": kind, "id": id})


def leg_fields(
    place: Place, audio: NegotiatedAudio, *, family: int, learn: bool, keys_by: str
) -> dict[str, Any]:
    """The fields of `put_leg` for what the two sides agreed on; port 0: the other side is not known yet."""
    keys = audio.crypto
    srtp = {"suite": keys.suite, "send": keys.send, "receive": keys.receive} if keys else None
    return {
        "port": place.port,
        **({"family": family} if family == IPV6 else {}),
        "remote": [audio.remote_host, audio.remote_port] if audio.remote_port else None,
        "learn": learn,
        "codec": audio.send.encoding,
        "payload_type": audio.send.payload_type,
        "receive": {str(each.payload_type): each.encoding for each in audio.receive},
        "dtmf_send": audio.dtmf_send if keys_by == "rfc4733" else None,
        "dtmf_receive": audio.dtmf_receive,
        "ptime_ms": audio.ptime_ms,
        "send": audio.direction in ("sendrecv", "sendonly"),
        "listen": audio.direction in ("sendrecv", "recvonly"),
        **({"srtp": srtp} if srtp else {}),
        **({"rtcp_mux": True} if audio.rtcp_mux else {"rtcp": [*audio.rtcp]} if audio.rtcp else {}),
        **({"shared": True} if place.shared else {}),
        **({"ssrc": audio.ssrc} if place.shared and audio.ssrc else {}),
        **({"from": place.port_of} if place.port_of != place.worker else {}),
        **({"tones": True} if keys_by == "inband" else {}),
    }
