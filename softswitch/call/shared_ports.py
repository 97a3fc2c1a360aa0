"""Media ports that legs share: one for each media worker, for the trunks that want it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from softswitch.call.media import Worker


@dataclass(slots=True)
class SharedPort:
    """`idle`: the worker counts it among the ports that may be used, as no leg was put on it since."""

    worker: Worker
    port: int
    idle: bool
    legs: set[str] = field(default_factory=set)


class SharedPorts:
    """Legs hold a port from when they are offered it until they end; with the last one it is free again."""

    def __init__(self) -> None:
        self._ports: dict[tuple[int, int], SharedPort] = {}

    def join(self, worker: Worker, leg: str) -> int:
        """The worker's shared port, from now on this leg's too; 0: it has none, and none is free."""
        shared = next((each for each in self._ports.values() if each.worker is worker), None)
        if shared is None:
            if not worker.free_ports:
                return 0
            shared = self._add(worker, worker.free_ports.popleft(), idle=True)
        shared.legs.add(leg)
        return shared.port

    def has(self, worker: Worker) -> bool:
        return any(each.worker is worker for each in self._ports.values())

    def put(self, worker: Worker, port: int, leg: str) -> None:
        """The leg is put on the port, by this process or one before it."""
        shared = self._ports.get((worker.number, port)) or self._add(worker, port, idle=False)
        shared.legs.add(leg)
        shared.idle = False

    def leave(self, worker: Worker, port: int, leg: str) -> None:
        shared = self._ports[worker.number, port]
        shared.legs.discard(leg)
        if not shared.legs:
            del self._ports[worker.number, port]
            worker.taken_ports.discard(port)
            if shared.idle:
                worker.free_ports.append(port)

    def granted(self, worker: Worker, ports: list[int]) -> None:
        """The worker says that these may be used: legs that were put there have gone."""
        for port in ports:
            if (worker.number, port) in self._ports:
                self._ports[worker.number, port].idle = True

    def _add(self, worker: Worker, port: int, *, idle: bool) -> SharedPort:
        worker.taken_ports.add(port)
        shared = self._ports[worker.number, port] = SharedPort(worker, port, idle)
        return shared
