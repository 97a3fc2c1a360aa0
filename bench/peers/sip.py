"""Peers that speak SIP: Kamailio as stateful proxy and registrar, Sippy's B2BUA. UDP only.

What is called goes to `next_hop`; nobody is asked for a password but who registers.
"""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

from bench.peers import require
from bench.peers.process import PeerProcess, answers_options
from bench.peers.template import filled
from bench.system import SIP_PORT, Addresses

Hop = tuple[str, int]


class Kamailio(PeerProcess):
    """Two worker processes, as it would be set up for two cores; no database."""

    def __init__(self, directory: Path, addresses: Addresses) -> None:
        super().__init__("kamailio", directory)
        self.address: Hop = (addresses.switch, SIP_PORT)
        self._here = addresses.callers
        self._next: Hop = (addresses.agents, SIP_PORT)

    def configuration(self) -> str:
        host, port = self.address
        return filled(
            "kamailio.cfg",
            HOST=host,
            PORT=port,
            CHILDREN=2,
            NEXT="{}:{}".format(*self._next),
            SECRET=secrets.token_hex(16),
        )

    def start(self) -> None:
        path = self.directory / "kamailio.cfg"
        path.write_text(self.configuration())
        folder = str(self.directory)
        command = [require("kamailio").found(), "-DD", "-E", "-f", str(path)]
        memory = ["-m", "512", "-M", "16"]
        self.launch(
            [*command, *memory, "-Y", folder, "-w", folder],
            lambda: answers_options(self._here, self.address),
        )


class Sippy(PeerProcess):
    def __init__(self, directory: Path, addresses: Addresses) -> None:
        super().__init__("sippy", directory)
        self.address: Hop = (addresses.switch, SIP_PORT)
        self._here = addresses.callers
        self._next: Hop = (addresses.agents, SIP_PORT)

    def start(self) -> None:
        require("sippy")
        host, port = self.address
        where = ["-l", host, "-p", str(port), "-n", "{}:{}".format(*self._next)]
        self.launch(
            [sys.executable, "-m", "sippy.b2bua_simple", "-f", *where],
            lambda: answers_options(self._here, self.address),
            {"SIPLOG_BEND": "stderr", "SIPLOG_LVL": "CRIT"},
        )
