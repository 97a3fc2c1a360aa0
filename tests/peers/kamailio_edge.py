"""Debian's Kamailio as the edge of a carrier in front of the switch: a proxy that stays in every dialog."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from tests.peers.phone import Phone, program
from tests.peers.ports import free_port

CONFIGURATION = Path(__file__).with_name("kamailio") / "edge.cfg"
MARK = re.compile(r"@@(\w+) (\w+) (\S+) (\d+) (\S*)@@")


class Relayed(NamedTuple):
    """A request as it came in: over which transport, from which address, how often it may be passed on."""

    method: str
    transport: str
    source: str
    max_forwards: int
    user: str


class Kamailio(Phone):
    """What is addressed to `host:port` goes to `behind` (`host:port;transport=`); numbers that begin with
    `returned` go back to the `switch` (`host:port`) instead. `transport` is that of the switch towards it.
    """

    def __init__(
        self,
        name: str,
        directory: Path,
        *,
        host: str,
        switch: str,
        behind: str = "",
        returned: str = "none",
        transport: str = "udp",
        port: int = 0,
    ) -> None:
        super().__init__(name, directory, host)
        self.transport = transport
        self.port = port or free_port(host)
        self.requests: list[Relayed] = []
        self._values = {"SWITCH": switch, "BEHIND": behind or switch, "RETURNED": returned}

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def start(self) -> None:
        """Its sockets are there when its first worker says so."""
        text = CONFIGURATION.read_text("utf-8")
        for key, value in {**self._values, "HOST": self.host, "PORT": str(self.port)}.items():
            text = text.replace(f"%{key}%", value)
        path = self.directory / "kamailio.cfg"
        path.write_text(text, "utf-8")
        memory = ["-m", "16", "-M", "4"]
        files = ["-Y", str(self.directory), "-w", str(self.directory)]
        self.launch([program("kamailio", "kamailio"), "-DD", "-E", "-f", str(path), *memory, *files])
        self.wait_for("ready")

    def line_arrived(self, line: str) -> None:
        for method, transport, source, forwards, user in MARK.findall(line):
            self.requests.append(Relayed(method, transport, source, int(forwards), user))
            self.reached(method)
        if "@@ready@@" in line:
            self.reached("ready")

    def seen(self, method: str, source: str = "") -> list[Relayed]:
        """The requests of this method that came from this address, from any if it is empty."""
        return [each for each in self.requests if each.method == method and source in ("", each.source)]
