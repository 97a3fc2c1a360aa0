"""The B2BUA of the Sippy stack: each call becomes one of its own to the next hop, its SDP unchanged."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from tests.peers.phone import Phone
from tests.peers.ports import free_port
from tests.system.running import until


class Sippy(Phone):
    """`next_hop` is `host:port`. UDP only."""

    transport = "udp"

    def __init__(self, name: str, directory: Path, *, host: str, next_hop: str) -> None:
        super().__init__(name, directory, host)
        self.port = free_port(host)
        self.calls: list[str] = []
        self._next_hop = next_hop

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def start(self) -> None:
        """It is there when it answers."""
        where = ["-l", self.host, "-p", str(self.port), "-n", self._next_hop]
        self.launch([sys.executable, "-m", "sippy.b2bua_simple", "-f", *where], SIPLOG_BEND="stderr")
        until(self._answers, "Sippy answers")

    def _answers(self) -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.bind((self.host, 0))
            asking.settimeout(0.2)
            asking.connect((self.host, self.port))
            host, port = asking.getsockname()
            lines = [
                f"OPTIONS sip:{self.host}:{self.port} SIP/2.0",
                f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{port}",
                "Max-Forwards: 70",
                f"From: <sip:{host}>;tag=1",
                f"To: <sip:{self.host}>",
                f"Call-ID: {port}",
                "CSeq: 1 OPTIONS",
                "Content-Length: 0",
            ]
            try:
                asking.send("".join(f"{line}\r\n" for line in [*lines, ""]).encode())
                return b"SIP/2.0" in asking.recv(4096)
            except OSError:
                return False
