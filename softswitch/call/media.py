"""The switch's picture of the media plane: which worker holds what, and which ports are free.

The control protocol is declarative, so the picture is simply what every worker should hold. A worker
that connects (for the first time, after its own restart, or after ours) is told all of it again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from softswitch.call.outputs import MediaCommand
from softswitch.sdp.negotiation import NegotiatedAudio


class Worker:
    """One media process: its free ports, those that legs have, and what it should hold, by `(kind, id)`."""

    __slots__ = ("connected", "free_ports", "number", "taken_ports", "wanted")

    def __init__(self, number: int) -> None:
        self.number = number
        self.connected = False
        self.free_ports: deque[int] = deque()
        self.taken_ports: set[int] = set()
        self.wanted: dict[tuple[str, str], dict[str, Any]] = {}


class MediaPlane:
    """Places legs on workers and remembers what was put, so that it can be put again.

    A worker that a former process had and this one has not is never connected, and told nothing.
    """

    def __init__(self, host: str, workers: int) -> None:
        self.host = host
        self.workers = [Worker(number) for number in range(workers)]

    @property
    def ready(self) -> bool:
        """Whether every worker is there and has ports for calls."""
        return all(worker.connected and worker.free_ports for worker in self.workers)

    def allocate(self, near: int | None = None) -> tuple[int, int] | None:
        """A worker and one of its free ports, on worker `near` where a leg must meet another one."""
        usable = self._usable(near)
        if not usable:
            return None
        worker = min(usable, key=lambda each: len(each.wanted))
        port = worker.free_ports.popleft()
        worker.taken_ports.add(port)
        return worker.number, port

    def has_port(self, near: int | None = None) -> bool:
        """Whether `allocate` would find one now."""
        return bool(self._usable(near))

    def _usable(self, near: int | None) -> list[Worker]:
        candidates = self.workers if near is None else [self.workers[near]] if self.has(near) else []
        return [worker for worker in candidates if worker.connected and worker.free_ports]

    def has(self, worker: int) -> bool:
        return worker < len(self.workers)

    def release_unused(self, worker: int, port: int) -> None:
        """Give back a port on which no leg was ever put."""
        self.workers[worker].taken_ports.discard(port)
        self.workers[worker].free_ports.append(port)

    def put(self, worker: int, kind: str, id: str, fields: dict[str, Any], out: list[Any]) -> None:
        if not self.has(worker):
            return
        command = {"do": f"put_{kind}", "id": id, **fields}
        self.workers[worker].wanted[kind, id] = command
        if kind == "leg":
            self.workers[worker].taken_ports.add(fields["port"])
        out.append(MediaCommand(worker, command))

    def delete(self, worker: int, kind: str, id: str, out: list[Any]) -> None:
        """The port of a deleted leg comes back when the worker grants it again."""
        command = self.workers[worker].wanted.pop((kind, id), None) if self.has(worker) else None
        if command is None:
            return
        if kind == "leg":
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
        for kind in reversed(_ORDER):
            for held in snapshot[f"{kind}s"]:
                if (kind, held["id"]) not in state.wanted:
                    out.append(_deletion(worker, kind, held["id"]))
        for _, command in sorted(state.wanted.items(), key=_legs_first):
            out.append(MediaCommand(worker, command))

    def disconnected(self, worker: int) -> None:
        self.workers[worker].connected = False
        self.workers[worker].free_ports.clear()

    def ports_granted(self, worker: int, ports: list[int]) -> None:
        state = self.workers[worker]
        known = state.taken_ports.union(state.free_ports)
        state.free_ports.extend(port for port in ports if port not in known)


_ORDER = {"leg": 0, "player": 1, "bridge": 2, "recorder": 3}


def _legs_first(item: tuple[tuple[str, str], dict[str, Any]]) -> int:
    return _ORDER[item[0][0]]


def _deletion(worker: int, kind: str, id: str) -> MediaCommand:
    return MediaCommand(worker, {"do": "delete", "kind": kind, "id": id})


def leg_fields(port: int, audio: NegotiatedAudio, *, learn: bool, keys_by: str) -> dict[str, Any]:
    """The fields of `put_leg` for what the two sides agreed on; port 0: the other side is not known yet."""
    keys = audio.crypto
    srtp = {"suite": keys.suite, "send": keys.send, "receive": keys.receive} if keys else None
    return {
        "port": port,
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
        **({"tones": True} if keys_by == "inband" else {}),
    }
