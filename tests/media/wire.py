"""The engine with real sockets, and peers that are sockets too, in simulated time."""

from __future__ import annotations

import select
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softswitch.media import g711
from softswitch.media.addresses import FAMILIES, family_of
from softswitch.media.handover import Handover
from softswitch.media.lane_sockets import by_family
from softswitch.media.lanes import Lanes
from softswitch.media.packets import Indices, PacketBatch
from softswitch.media.port_pool import PortPool
from softswitch.media.reports import Reports
from tests.media.rig import FRAME, Rig, rtp

WAKES_A_FRAME = 4


@dataclass
class Peer:
    """A phone that is a socket at an address of its own; `heard` are the payloads that came."""

    host: str
    says: NDArray[np.int16]
    ssrc: int
    sock: socket.socket = field(init=False)
    leg_address: tuple[str, int] = ("", 0)
    number: int = 0
    sources: set[tuple[str, int]] = field(default_factory=set)
    codes: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sock = self.fresh_socket()

    def fresh_socket(self) -> socket.socket:
        sock = socket.socket(FAMILIES[family_of(self.host)], socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        sock.bind((self.host, 0))
        return sock

    @property
    def address(self) -> list[Any]:
        return [*self.sock.getsockname()[:2]]

    def speak(self, sock: socket.socket | None = None) -> None:
        index = np.arange(self.number * FRAME, (self.number + 1) * FRAME) % len(self.says)
        codes = g711.encode(self.says[index], 0).tobytes()
        packet = rtp(self.number, self.number * FRAME, self.ssrc, codes)
        (sock or self.sock).sendto(packet, self.leg_address)
        self.number += 1

    def listen(self) -> None:
        while True:
            try:
                packet, source = self.sock.recvfrom(2048)
            except OSError:
                return
            self.sources.add(source[:2])
            self.codes.append(packet[12:])

    def heard(self) -> NDArray[np.int16]:
        return g711.decode(np.frombuffer(b"".join(self.codes), np.uint8), 0)


class Wire:
    """One worker's parts on `hosts`; `run` lets frames of 20 ms pass in which every peer says one."""

    def __init__(self, directory: Path, hosts: tuple[str, ...], ports: range, index: int = 0) -> None:
        (directory / str(index)).mkdir(exist_ok=True)
        self.rig = Rig(directory / str(index), legs=16, succession=directory / f"media-{index}.legs")
        self.engine = self.rig.engine
        self.epoll = select.epoll()
        self.pool = PortPool(by_family(*hosts), ports.start, ports.stop)
        self.pool.top_up(0.0)
        self.lanes = Lanes(self.pool, 16, self.epoll)
        self.lanes.shared.legs = self.engine.legs
        self.engine._ports = self.lanes
        self.engine._sender._transmit = self._transmit
        self.handover = Handover(directory, index, self.engine, self.lanes, self.pool, self.epoll)
        self.reports = Reports(
            self.engine.legs, self.lanes, self.engine.srtp, "media", lambda: 1.0, self.rig.events.append
        )
        self.peers: dict[str, Peer] = {}
        self.alive = True
        self.hosts = by_family(*hosts)
        self.batch = PacketBatch(256)

    def _transmit(self, batch: PacketBatch, index: Indices, leg: Indices, length: Indices) -> None:
        self.lanes.transmit(self.engine.legs, batch, index, leg, length)

    def put_leg(self, id: str, peer: Peer, **fields: Any) -> dict[str, Any]:
        """A leg for the peer, in its family; returns the command."""
        family = family_of(peer.host)
        former = self.engine.legs.index.get(id)
        port = self.pool.ready()[0] if former is None else int(self.engine.legs.port[former])
        command = {
            "do": "put_leg", "id": id, "port": port, "family": family, "remote": peer.address,
            "codec": "PCMU", "payload_type": 0, "receive": {"0": "PCMU"}, "dtmf_send": 101,
            "dtmf_receive": 101, **fields,
        }  # fmt: skip
        self.engine.command(command)
        peer.leg_address = (self.hosts[family], int(command["port"]))
        self.peers[id] = peer
        return command

    def step(self) -> None:
        while self.lanes.drain(self.batch, self.engine.clock):
            self.engine.receive(self.batch)
        self.engine.tick()

    def run(self, frames: int) -> None:
        for _ in range(frames):
            for peer in self.peers.values():
                peer.speak()
            for _ in range(WAKES_A_FRAME):
                self.step()
            for peer in self.peers.values():
                peer.listen()

    def die(self) -> None:
        """As a killed worker leaves it: its ports are free, and its table is there."""
        self.lanes.close()
        self.alive = False

    def close(self) -> None:
        self.handover.close()
        if self.alive:
            self.lanes.close()
        self.epoll.close()
        for peer in self.peers.values():
            peer.sock.close()
