"""The control protocol's server end: JSON lines on a Unix stream socket, inside the media loop.

Declarative and idempotent: the switch says what should be there. Events that must not be lost carry a number,
are kept until the switch acknowledges them and are sent again after a reconnect. The generation fences an old
switch: once a newer one has said hello, an older one is refused.
"""

from __future__ import annotations

import logging
import os
import select
import socket
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import orjson

from softswitch import logs
from softswitch.media.engine import ENGINE_COMMANDS, MediaEngine
from softswitch.media.handover import Handover
from softswitch.media.legs import BadCommand
from softswitch.media.port_pool import PortPool

VERSION = 1
ORPHANS_AFTER_S = 30.0
NUMBERED = frozenset(
    {
        "digit",
        "player_finished",
        "recorder_finished",
        "recorder_alarm",
        "leg_statistics",
        "no_media",
        "long_silence",
        "talk_over",
    }
)
PATIENT = frozenset({"ports", "leg_statistics", "leg_quality", "load"})
"""Events that nobody waits for: they leave together, or with the next urgent one."""
PATIENCE_S = 0.1
EVENTS = NUMBERED | {"snapshot", "refused", "ports", "error", "load", "leg_quality", "active_speaker"}
COMMANDS = frozenset({"hello", "ack", *ENGINE_COMMANDS})
_MAX_LINE = 4 * 1024 * 1024
_MAX_UNSENT = 64 * 1024 * 1024
_MAX_KEPT = 100_000

log = logging.getLogger(__name__)


class Outbox:
    """Events on their way to the switch. Works without a switch: numbered ones wait for the next one."""

    def __init__(self) -> None:
        self._last = 0
        self._kept: deque[dict[str, Any]] = deque(maxlen=_MAX_KEPT)
        self._lines: list[bytes] = []
        self._leave_at = 0.0
        self._urgent = False
        self.open = False

    def emit(self, event: dict[str, Any]) -> None:
        self._urgent = self._urgent or event["event"] not in PATIENT
        if event["event"] in NUMBERED:
            self._last += 1
            event = {"n": self._last, **event}
            self._kept.append(event)
        if self.open:
            self._lines.append(orjson.dumps(event) + b"\n")

    def acknowledge(self, n: int) -> None:
        """Everything up to `n` has been taken care of."""
        while self._kept and self._kept[0]["n"] <= n:
            self._kept.popleft()

    def due(self, now: float) -> bool:
        """Whether what is here has to leave: each leaving wakes the switch."""
        return self._urgent or now >= self._leave_at

    def repeat(self) -> None:
        self._lines.extend(orjson.dumps(event) + b"\n" for event in self._kept)

    def finished_players(self) -> set[str]:
        """Players whose end the switch may not know of yet."""
        return {event["id"] for event in self._kept if event["event"] == "player_finished"}

    def take(self, now: float) -> bytes:
        lines = b"".join(self._lines)
        self._lines.clear()
        self._urgent, self._leave_at = False, now + PATIENCE_S
        return lines


@dataclass(slots=True)
class _Connection:
    sock: socket.socket
    greeted: bool = False
    received: bytearray = field(default_factory=bytearray)
    unsent: bytearray = field(default_factory=bytearray)


class ControlServer:
    def __init__(
        self,
        path: str,
        worker: int,
        engine: MediaEngine,
        pool: PortPool,
        outbox: Outbox,
        epoll: select.epoll,
        handover: Handover,
    ) -> None:
        self._path = path
        self._worker = worker
        self._engine = engine
        self._pool = pool
        self._outbox = outbox
        self._epoll = epoll
        self._handover = handover
        handover.refused = self._refused
        self._instance = os.urandom(8).hex()
        self._greeted = 0
        self._orphans_at: float | None = None
        self._connections: dict[int, _Connection] = {}
        self._switch: _Connection | None = None
        self._listener = _listen(path)
        epoll.register(self._listener, select.EPOLLIN)

    def owns(self, fd: int) -> bool:
        return fd in self._connections or fd == self._listener.fileno()

    def handle(self, fd: int, now: float) -> None:
        """One ready socket of ours."""
        if fd == self._listener.fileno():
            self._accept()
            return
        connection = self._connections[fd]
        try:
            chunk = connection.sock.recv(1 << 20)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        if not chunk:
            self._close(connection)
            return
        connection.received += chunk
        self._lines(connection, now)

    def _accept(self) -> None:
        with suppress(OSError):
            sock, _ = self._listener.accept()
            sock.setblocking(False)
            self._connections[sock.fileno()] = _Connection(sock)
            self._epoll.register(sock, select.EPOLLIN)

    def _lines(self, connection: _Connection, now: float) -> None:
        *lines, rest = connection.received.split(b"\n")
        connection.received = bytearray(rest)
        for line in lines:
            if line.strip() and connection.sock.fileno() >= 0:
                self._line(connection, bytes(line), now)
        if len(rest) > _MAX_LINE:
            log.warning("control connection closed: a line longer than %d bytes", _MAX_LINE)
            self._close(connection)

    def _line(self, connection: _Connection, line: bytes, now: float) -> None:
        command: Any = {}
        try:
            command = orjson.loads(line)
            if not isinstance(command, dict):
                raise BadCommand("a command is a JSON object")
            self._command(connection, command, now)
        except (KeyError, TypeError, ValueError) as error:  # BadCommand and bad JSON are ValueErrors
            self._error(connection, _about(command), str(error))

    def _refused(self, command: dict[str, Any], message: str) -> None:
        """A command that had to wait."""
        about = _about(command)
        log.warning("command refused: %s: %s", about, message, extra=_call(about))
        self._outbox.emit({"event": "error", "about": about, "message": message})

    def _error(self, connection: _Connection, about: Mapping[str, Any], message: str) -> None:
        log.warning("command refused: %s: %s", dict(about), message, extra=_call(about))
        event = {"event": "error", "about": about, "message": message}
        if connection is self._switch:
            self._outbox.emit(event)
        else:
            connection.unsent += orjson.dumps(event) + b"\n"

    def _command(self, connection: _Connection, command: dict[str, Any], now: float) -> None:
        do = command.get("do")
        if do == "hello":
            self._hello(connection, command, now)
        elif connection is not self._switch:
            raise BadCommand("say hello first")
        elif do == "ack":
            self._outbox.acknowledge(int(command.get("n", 0)))
        elif do == "put_player" and str(command.get("id")) in self._outbox.finished_players():
            return  # played to its end already; the event is on its way
        elif not self._handover.takes(command, now):
            self._engine.command(command)

    def _hello(self, connection: _Connection, command: Mapping[str, Any], now: float) -> None:
        generation = int(command.get("generation", 0))
        if command.get("version") != VERSION or generation < self._engine.generation:
            reason = f"this worker speaks version {VERSION} and follows generation {self._engine.generation}"
            event = {"event": "refused", "generation": self._engine.generation, "message": reason}
            connection.unsent += orjson.dumps(event) + b"\n"
            self._flush(connection)
            self._close(connection)
            return
        if self._switch is not None and self._switch is not connection:
            self._close(self._switch)
        if generation > self._engine.generation or self._greeted == 0:
            self._orphans_at = now + ORPHANS_AFTER_S
        self._greeted += 1
        self._engine.generation = generation
        self._switch = connection
        self._outbox.take(now)
        self._outbox.open = True
        self._outbox.emit(
            {
                "event": "snapshot", "version": VERSION, "generation": generation, "worker": self._worker,
                "instance": self._instance, **self._engine.snapshot(),
            }
        )  # fmt: skip
        self._outbox.repeat()
        self._pool.granted = self._pool.ready()

    def turn(self, now: float) -> None:
        """The end of a loop turn: granted ports, orphans, and one write."""
        if self._orphans_at is not None and now >= self._orphans_at:
            self._orphans_at = None
            self._engine.remove_orphans()
        if self._switch is not None and self._outbox.due(now):
            if self._pool.granted:
                self._outbox.emit({"event": "ports", "granted": self._pool.granted})
                self._pool.granted = []
            self._switch.unsent += self._outbox.take(now)
        for connection in list(self._connections.values()):
            self._flush(connection)

    def _flush(self, connection: _Connection) -> None:
        if not connection.unsent:
            return
        try:
            sent = connection.sock.send(connection.unsent)
            del connection.unsent[:sent]
        except BlockingIOError:
            if len(connection.unsent) > _MAX_UNSENT:
                self._close(connection)
        except OSError:
            self._close(connection)

    def _close(self, connection: _Connection) -> None:
        fd = connection.sock.fileno()
        if fd < 0:
            return
        self._epoll.unregister(connection.sock)
        del self._connections[fd]
        connection.sock.close()
        if connection is self._switch:
            self._switch = None
            self._outbox.open = False

    def close(self) -> None:
        for connection in list(self._connections.values()):
            self._flush(connection)
            self._close(connection)
        self._listener.close()
        with suppress(FileNotFoundError):
            os.unlink(self._path)


def _about(command: Any) -> dict[str, Any]:
    known = command if isinstance(command, dict) else {}
    return {key: known[key] for key in ("do", "kind", "id", "leg") if key in known}


def _call(about: Mapping[str, Any]) -> dict[str, str]:
    return logs.of_part(str(about.get("leg") or about.get("id") or ""))


def _listen(path: str) -> socket.socket:
    """A fresh listening socket; what a killed worker left at the path is taken away."""
    with suppress(FileNotFoundError):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    listener.bind(path)
    os.chmod(path, 0o600)
    listener.listen(8)
    return listener
