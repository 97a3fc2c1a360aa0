"""pjsua2 as a phone: a tone goes out, what comes in is recorded."""

from __future__ import annotations

import json
import queue
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from tests.peers.audio import read_wav
from tests.peers.phone import DEADLINE_S, Phone

CHILD = Path(__file__).with_name("pjsua_process.py")
STATES = {"registered", "register_failed", "unregistered", "ringing", "alerting", "talking", "ended", "error"}

TOLD = {
    "presence": ("presence", "state"),
    "waiting": ("waiting", "counts"),
    "text": ("texts", "text"),
    "delivered": ("delivered", "status"),
}
"""Event -> list that it goes into, and which of its values."""


class Pjsua(Phone):
    """`incoming_status` is said at once to a call: 180 rings, 200 answers, 486 is busy, 0 stays silent.

    With `messages` it asks how many wait, which `waiting` has.
    `transport` is udp, tcp or tls; over TLS the server's certificate must be one of `authorities` (PEM file).
    Everything goes through `proxy` (`host:port`), if there is one.
    """

    def __init__(
        self,
        name: str,
        directory: Path,
        *,
        host: str = "127.0.0.1",
        tone_hz: int = 600,
        transport: str = "udp",
        codecs: tuple[str, ...] = ("PCMU", "PCMA"),
        incoming_status: int = 180,
        messages: bool = False,
        rtp_port: int = 0,
        log_level: int = 0,
        authorities: Path | None = None,
        srtp: bool = False,
        proxy: str = "",
    ) -> None:
        super().__init__(name, directory, host)
        self.tone_hz = tone_hz
        self.transport = transport
        self.port = 0
        self.last: dict[str, Any] = {}
        self.presence: list[str] = []
        self.waiting: list[str] = []
        self.texts: list[str] = []
        self.delivered: list[int] = []
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self._settings = {
            "name": name,
            "host": host,
            "tone_hz": tone_hz,
            "transport": transport,
            "codecs": codecs,
            "incoming_status": incoming_status,
            "messages": messages,
            "rtp_port": rtp_port,
            "directory": str(self.directory),
            "log_level": log_level,
            "authorities": str(authorities or ""),
            "srtp": srtp,
            "proxy": proxy,
        }

    @property
    def uri(self) -> str:
        transport = "" if self.transport == "udp" else f";transport={self.transport}"
        return f"sip:{self.name}@{self.host}:{self.port}{transport}"

    def start(self) -> None:
        self.launch([sys.executable, str(CHILD), json.dumps(self._settings)])
        self.wait_for("ready")

    def quit(self) -> None:
        self.tell("quit")

    def tell(self, do: str, **values: Any) -> None:
        self.write(json.dumps({"do": do, **values}) + "\n")

    def line_arrived(self, line: str) -> None:
        if not line.startswith('{"event"'):
            return
        event = json.loads(line)
        kind = event["event"]
        if kind == "ready":
            self.port = event["port"]
            self.reached("ready")
        elif kind == "digit":
            self.heard_digit(event["digit"])
        elif kind in TOLD:
            getattr(self, TOLD[kind][0]).append(event[TOLD[kind][1]])
        elif kind in STATES:
            self.last = event
            self.reached(kind)
        else:
            self._answers.put(event)

    def register(self, registrar: str, user: str, password: str) -> None:
        self.tell("register", registrar=registrar, user=user, password=password)

    def unregister(self) -> None:
        self.tell("unregister")

    def call(self, uri: str) -> None:
        self.tell("call", uri=uri)

    def answer(self, status: int = 200) -> None:
        self.tell("answer", status=status)

    def hang_up(self) -> None:
        self.tell("hang_up")

    def watch(self, uri: str) -> None:
        """Subscribe to somebody's presence; `presence` has what was told."""
        self.tell("watch", uri=uri)

    def write_to(self, uri: str, text: str) -> None:
        """Send a text message; `delivered` has the status."""
        self.tell("write_to", uri=uri, text=text)

    def hold(self) -> None:
        self.tell("hold")

    def resume(self) -> None:
        self.tell("resume")

    def transfer(self, uri: str) -> None:
        self.tell("transfer", uri=uri)

    def connect(self) -> None:
        """Attended transfer of the first of two calls to the second."""
        self.tell("connect")

    def press(self, digits: str, *, info: bool = False) -> None:
        self.tell("press", digits=digits, info=info)

    def statistics(self) -> dict[str, Any]:
        """RTP counters of the call that is up: received, lost, reordered, duplicated, sent."""
        self.tell("statistics")
        return self._answers.get(timeout=DEADLINE_S)

    def wait_for_packets(self, count: int, deadline_s: float = DEADLINE_S) -> None:
        """Returns when the call has received `count` RTP packets."""
        deadline = time.monotonic() + deadline_s
        while (received := self.statistics()["received"]) < count:
            assert time.monotonic() < deadline, f"{self.name} received {received} packets, not {count}"

    def received_s(self) -> float:
        return float(self.statistics()["received"]) * 0.02

    def heard(self) -> tuple[np.ndarray, int]:
        """What came in since the call began, or since this was last asked."""
        self.tell("heard")
        path = self._answers.get(timeout=DEADLINE_S)["path"]
        return read_wav(Path(path)) if path else (np.zeros(0, np.int16), 8000)
