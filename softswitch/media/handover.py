"""A leg that goes on in another worker: its sockets and its row in the table go there, nothing is lost.

Workers talk over Unix datagram sockets, `<run_dir>/media-<n>.peer`, one JSON object a datagram. Who is to
have a leg asks (`ask`) the worker that has it, or only its port; that one answers with the pair of sockets
(`give`, SCM_RIGHTS) or that there is nothing (`none`), and hears (`back`) when the port is closed.
"""

from __future__ import annotations

import os
import select
import socket
from array import array
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from softswitch.media.addresses import IPV4
from softswitch.media.engine import MediaEngine
from softswitch.media.lane_sockets import OWN, PortPair
from softswitch.media.lanes import Lanes
from softswitch.media.legs import BadCommand
from softswitch.media.port_pool import PortPool

PATIENCE_S = 0.3
"""For how long an answer is waited for. A worker that was killed is replaced by then, and has nothing."""
_MAX_MESSAGE = 65536

Command = dict[str, Any]


class Handover:
    """One worker's end. Commands that wait for sockets are carried out by `carry_out`."""

    def __init__(
        self,
        directory: Path,
        index: int,
        engine: MediaEngine,
        lanes: Lanes,
        pool: PortPool,
        epoll: select.epoll,
    ) -> None:
        self._directory = directory
        self._index = index
        self._engine = engine
        self._lanes = lanes
        self._pool = pool
        self._epoll = epoll
        self._waiting: dict[str, tuple[float, Command]] = {}
        self.refused: Callable[[Command, str], None] = lambda command, message: None
        path = self._path(index)
        with suppress(FileNotFoundError):
            path.unlink()
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._sock.bind(str(path))
        path.chmod(0o600)
        epoll.register(self._sock, select.EPOLLIN)

    def _path(self, index: int) -> Path:
        return self._directory / f"media-{index}.peer"

    def owns(self, fd: int) -> bool:
        return fd == self._sock.fileno()

    # Getting

    def takes(self, command: Mapping[str, Any], now: float) -> bool:
        """Whether the command has to wait for the sockets of another worker."""
        do, id = command.get("do"), str(command.get("id"))
        if do == "delete" and command.get("kind") == "leg":
            self._waiting.pop(id, None)
        if do != "put_leg" or id in self._engine.legs.index:
            return False
        former = command.get("from", self._index)
        if former == self._index or not isinstance(former, int):
            return False
        wanted = {"ask": id, "port": command.get("port"), "family": command.get("family", IPV4)}
        if id not in self._waiting and not self._say(former, wanted):
            return False
        self._waiting[id] = now + PATIENCE_S, dict(command)
        return True

    def turn(self, now: float) -> None:
        """Answers that never came, and ports that go home."""
        for id, (until, _) in [*self._waiting.items()] if self._waiting else ():
            if now >= until:
                self._go_on(id)
        while self._pool.returned:
            pair = self._pool.returned.pop()
            self._say(pair.home, {"back": pair.port})

    def _go_on(self, id: str) -> None:
        _, command = self._waiting.pop(id)
        try:
            self._engine.command(command)
        except (KeyError, TypeError, ValueError) as error:
            self.refused(command, str(error))

    def _given(self, id: str, row: Mapping[str, str] | None, pair: PortPair) -> None:
        self._pool.adopt(pair, in_use=row is not None)
        if id not in self._waiting:
            self._pool.give_back(self._pool.take(pair.port, pair.family), self._lanes.now)
            return
        if row is not None:
            self._engine.legs.expect(id, row)
        self._go_on(id)

    # Giving

    def handle(self) -> None:
        """All that has come from other workers."""
        while True:
            try:
                text, descriptors, _, _ = socket.recv_fds(self._sock, _MAX_MESSAGE, 2)
            except OSError:
                return
            try:
                self._receive(orjson.loads(text), descriptors)
            except (BadCommand, KeyError, TypeError, ValueError):
                for descriptor in descriptors:
                    with suppress(OSError):
                        os.close(descriptor)

    def _receive(self, message: dict[str, Any], descriptors: list[int]) -> None:
        if "ask" in message:
            self._asked(message)
        elif "give" in message:
            id, port, home, row = (message[name] for name in ("give", "port", "home", "row"))
            rtp, rtcp = (socket.socket(fileno=descriptor) for descriptor in descriptors)
            self._given(id, row, PortPair(port, rtp, rtcp, OWN if home == self._index else home))
        elif "none" in message and message["none"] in self._waiting:
            if message.get("row"):
                self._engine.legs.expect(message["none"], message["row"])
            self._go_on(message["none"])
        elif "back" in message:
            home = self._pool.came_back(message["back"])
            if home != OWN:
                self._say(home, message)

    def _asked(self, message: Mapping[str, Any]) -> None:
        id, port, family, by = (message[name] for name in ("ask", "port", "family", "by"))
        leg = self._engine.legs.index.get(id)
        has_leg = leg is not None and int(self._engine.legs.port[leg]) == port
        if leg is not None and self._lanes.shared.of(leg) is not None:
            self._give_stream(id, leg, port, by)
            return
        pair = self._lanes.pair(leg) if leg is not None and has_leg else self._pool.spare(port, family)
        if pair is None:
            self._say(by, {"none": id})
            return
        row = self._engine.legs.row(leg) if leg is not None and has_leg else None
        home = self._index if pair.home == OWN else pair.home
        if not self._say(by, {"give": id, "port": port, "home": home, "row": row}, pair):
            return  # whoever takes the place of that worker will ask again
        if leg is not None and has_leg:
            self._lanes.surrender(leg)
            self._engine.leave(id)
        self._pool.lend(pair)

    def _give_stream(self, id: str, leg: int, port: int, by: int) -> None:
        """Of a leg on a shared lane: its sockets are others' too, it has others there; its streams go on."""
        row = {**self._engine.legs.row(leg), "port": np.int32(port).tobytes().hex()}
        if int(self._engine.legs.port[leg]) == port or not self._say(by, {"none": id, "row": row}):
            self._say(by, {"none": id})
            return
        self._lanes.detach(leg)
        self._engine.leave(id)

    def _say(self, to: int, message: dict[str, Any], pair: PortPair | None = None) -> bool:
        """False: it has not left."""
        text = orjson.dumps({**message, "by": self._index})
        ancillary = []
        if pair is not None:
            descriptors = array("i", [pair.rtp.fileno(), pair.rtcp.fileno()])
            ancillary.append((socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors))
        try:
            self._sock.sendmsg([text], ancillary, 0, str(self._path(to)))
        except OSError:
            return False
        return True

    def close(self) -> None:
        self._epoll.unregister(self._sock)
        self._sock.close()
        with suppress(FileNotFoundError):
            self._path(self._index).unlink()
