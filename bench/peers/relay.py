"""Peers that relay RTP: rtpengine in user space, and rtp-io (RTPProxy as a library) in a process.

A call has two legs whose far ends are the same address and port, as the generator is one socket. Recordings
go into the peer's folder: rtpengine writes captures, RTPProxy raw streams, neither makes sound files of them.
"""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from bench.harness import CannotMeasure
from bench.peers import require
from bench.peers.process import PeerProcess
from bench.system import ROOT, python_path

Address = tuple[str, int]
_CONTROL_PORT = 25070
_PORTS = (20000, 60000)
_ANSWER_S = 5.0


class RtpEngine(PeerProcess):
    """Controlled by its ng protocol: bencoded dictionaries over UDP."""

    def __init__(self, directory: Path, host: str) -> None:
        super().__init__("rtpengine", directory)
        self.host = host
        self._control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._cookie = 0

    def start(self) -> None:
        first, last = _PORTS
        options = {
            "table": -1,
            "interface": self.host,
            "listen-ng": f"{self.host}:{_CONTROL_PORT}",
            "port-min": first,
            "port-max": last,
            "num-threads": 2,
            "log-level": 3,
            "recording-dir": self.directory,
            "recording-method": "pcap",
        }
        words = [f"--{name}={value}" for name, value in options.items()]
        self._control.settimeout(_ANSWER_S)
        self._control.connect((self.host, _CONTROL_PORT))
        self.launch([require("rtpengine").found(), "--foreground", "--log-stderr", *words], self._ready)

    def call(self, number: int, source: Address) -> tuple[int, int]:
        """The two ports of a new call whose both ends are at `source`."""
        call = {"call-id": f"call{number}", "from-tag": "a", "ICE": "remove", "sdp": _offer(source)}
        asked = {"command": "offer", **call}, {"command": "answer", "to-tag": "b", **call}
        first, second = (_audio_port(self._ask(command)) for command in asked)
        return first, second

    def record(self, number: int) -> None:
        self._ask({"command": "start recording", "call-id": f"call{number}"})

    def play(self, number: int, path: Path) -> None:
        """Play a file to the first party of a call, of whom the second hears nothing."""
        call = {"call-id": f"call{number}", "from-tag": "a"}
        self._ask({"command": "block media", **call})
        answer = self._ask({"command": "play media", "file": str(path), **call})
        if b"6:result2:ok" not in answer:
            raise CannotMeasure(f"rtpengine plays nothing: {answer[:300].decode(errors='replace')}")

    def stop(self) -> None:
        super().stop()
        self._control.close()

    def _ready(self) -> bool:
        try:
            return b"pong" in self._ask({"command": "ping"})
        except OSError:
            return False

    def _ask(self, command: Mapping[str, str]) -> bytes:
        self._cookie += 1
        self._control.send(f"{self._cookie} {bencoded(command)}".encode())
        return self._control.recv(65535)


class RtpIo(PeerProcess):
    """Controlled by RTPProxy's own commands, one a line, through the process that loads it."""

    def __init__(self, directory: Path, host: str) -> None:
        super().__init__("rtp-io", directory)
        self.host = host
        self._path = directory / "control"
        self._control = socket.socket(socket.AF_UNIX)
        self._control.settimeout(_ANSWER_S)

    def start(self) -> None:
        require("rtp-io")
        first, last = _PORTS
        arguments = [
            "-F",
            "-l",
            self.host,
            "-m",
            str(first),
            "-M",
            str(last),
            "-d",
            "err",
            *_spool(self.directory),
        ]
        command = [sys.executable, "-m", "bench.peers.rtp_io_process", str(self._path), json.dumps(arguments)]
        self.launch(command, self._ready, {"PYTHONPATH": python_path(ROOT)})

    def call(self, number: int, source: Address) -> tuple[int, int]:
        """The two ports of a new call whose both ends are at `source`."""
        there = "{} {}".format(*source)
        return self._ask(f"U call{number} {there} a;1"), self._ask(f"L call{number} {there} a;1 b;1")

    def record(self, number: int) -> None:
        for one, other in ("ab", "ba"):
            self._ask(f"R call{number} {one};1 {other};1")

    def stop(self) -> None:
        self._control.close()
        super().stop()

    def _ready(self) -> bool:
        try:
            self._control.connect(str(self._path))
        except OSError:
            return False
        return True

    def _ask(self, command: str) -> int:
        self._control.sendall(f"{command}\n".encode())
        answer = self._control.recv(1000).decode()
        if not answer[:1].isdigit():
            raise CannotMeasure(f"rtp-io refuses {command!r}: {answer.strip()}")
        return int(answer.split()[0])


def _spool(directory: Path) -> list[str]:
    """Where RTPProxy's recordings go, finished and unfinished."""
    return ["-r", str(directory), "-S", str(directory)]


def recorded_bytes(directory: Path) -> int:
    """Size of what a relay has recorded in its folder."""
    files = [path for suffix in ("*.pcap", "*.rtp") for path in directory.rglob(suffix)]
    return sum(path.stat().st_size for path in files)


def bencoded(values: Mapping[str, str]) -> str:
    """A dictionary of texts in bencoding, keys in order."""
    return "d" + "".join(f"{len(key)}:{key}{len(text)}:{text}" for key, text in sorted(values.items())) + "e"


def _offer(source: Address) -> str:
    host, port = source
    lines = ["v=0", f"o=- 1 1 IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0", f"m=audio {port} RTP/AVP 0"]
    return "".join(f"{line}\r\n" for line in [*lines, "a=rtpmap:0 PCMU/8000"])


def _audio_port(answer: bytes) -> int:
    """The port in the SDP of an answer. Raises CannotMeasure."""
    _, found, rest = answer.partition(b"m=audio ")
    if not found:
        raise CannotMeasure(f"rtpengine refuses a call: {answer[:300].decode(errors='replace')}")
    return int(rest.split()[0])
