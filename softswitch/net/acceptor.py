"""Takes connections from a listening socket, if the limits allow, before a byte of them is read."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable

from softswitch.net.connection import Connection
from softswitch.net.sockets import Listener
from softswitch.net.streams import Streams
from softswitch.net.tls import Renewable
from softswitch.sip.flow import SipFlow

BURST = 64
HANDSHAKE_S = 10.0
NO_DESCRIPTORS_PAUSE_S = 0.5
QUIET_S, PROBE_S, PROBES = 60, 10, 6

log = logging.getLogger(__name__)

Make = Callable[[SipFlow], Connection]


class Acceptor:
    """One listening socket, which stays open and bound when this process ends."""

    def __init__(
        self, listener: Listener, streams: Streams, make: Make, secured: Renewable | None = None
    ) -> None:
        self._listener = listener
        self._streams = streams
        self._make = make
        self._secured = secured
        self._tasks: set[asyncio.Task[None]] = set()
        self._pause: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._pause = None
        asyncio.get_running_loop().add_reader(self._listener.sock, self._ready)

    def stop(self) -> None:
        asyncio.get_running_loop().remove_reader(self._listener.sock)
        if self._pause is not None:
            self._pause.cancel()
        for task in self._tasks:
            task.cancel()

    def _ready(self) -> None:
        for _ in range(BURST):
            try:
                sock, remote = self._listener.sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._out_of_descriptors(error)
                return
            self._take(sock, remote[:2])

    def _out_of_descriptors(self, error: OSError) -> None:
        """What waits stays in the kernel; to be asked again at once would only burn the processor."""
        log.error("no connection can be taken: %s", error.strerror)
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._listener.sock)
        self._pause = loop.call_later(NO_DESCRIPTORS_PAUSE_S, self.start)

    def _take(self, sock: socket.socket, remote: tuple[str, int]) -> None:
        if not self._streams.admit(remote[0]):
            sock.close()
            return
        task = asyncio.get_running_loop().create_task(self._hand_over(sock, remote))
        self._tasks.add(task)
        self._streams.stranger(task, task.cancel)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._streams.acquainted(task)

    async def _hand_over(self, sock: socket.socket, remote: tuple[str, int]) -> None:
        """Let a protocol have the connection, after the TLS handshake where there is one."""
        made: list[Connection] = []

        def make() -> Connection:
            made.append(self._make(SipFlow(self._listener.transport, self._listener.address, remote)))
            return made[0]

        try:
            keep_alive(sock)
            await asyncio.get_running_loop().connect_accepted_socket(
                make,
                sock,
                ssl=None if self._secured is None else self._secured.context(),
                ssl_handshake_timeout=None if self._secured is None else HANDSHAKE_S,
            )
        except OSError as error:
            log.debug("%s handshake of %s:%s failed: %s", self._listener.transport, *remote, error)
        finally:
            if not made or not made[0].flow.connection:
                sock.close()
                self._streams.released(remote[0])


def keep_alive(sock: socket.socket) -> None:
    """Have the kernel find out that a silent peer is gone, within two minutes."""
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, QUIET_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, PROBE_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, PROBES)
