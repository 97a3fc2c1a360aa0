"""Debian's SIPp as a phone: its scenarios do the signalling, `RtpEnd` the audio.

One SIPp process a call. As it has no remote control for a single call, the wrapper sends it requests with the
call's own Call-ID (see sipp/caller.xml).
"""

from __future__ import annotations

import re
import socket
import subprocess
import threading
import time
from pathlib import Path

import numpy as np

from tests.peers.phone import DEADLINE_S, Phone, program
from tests.peers.ports import free_port, is_open
from tests.peers.rtp import FRAME_S, RtpEnd

SCENARIOS = Path(__file__).with_name("sipp")
TRANSPORTS = {"udp": "u1", "tcp": "t1"}
REFUSALS = (400, 403, 404, 406, 408, 410, 415, 420, 480, 481, 484, 486, 488, 500, 503, 600, 603, 604, 606)
MARK = re.compile(r"@@(\w+) ?([^@]*(?:@[^@]+)?)@@")

SDP = """v=0
o=sipp 1 1 IN IP4 {host}
s=-
c=IN IP4 {host}
t=0 0
m=audio {port} RTP/AVP 0 101
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=ptime:20
a=sendrecv"""


WITHOUT_EVENTS = "\n".join(line.replace(" 0 101", " 0") for line in SDP.split("\n") if ":101 " not in line)


def refusals(label: int) -> str:
    return "\n".join(
        f'  <recv response="{status}" optional="true" next="{label}">'
        f'<action><log message="@@ended {status}@@"/></action></recv>'
        for status in REFUSALS
    )


class Sipp(Phone):
    """`identity` is the caller's address (From); `user` and `password` answer a challenge.

    As a caller it exists from `call` to the end of that call; `listen` makes it a phone that can be called.
    """

    def __init__(
        self,
        name: str,
        directory: Path,
        *,
        host: str = "127.0.0.1",
        tone_hz: float = 800,
        transport: str = "udp",
        user: str = "",
        password: str = "",
        identity: str = "",
        port: int = 0,
        events: bool = True,
    ) -> None:
        """`events`: whether it offers telephone-events; without them its keys are tones."""
        super().__init__(name, directory, host)
        self.transport = transport
        self.events = events
        self.port = port or free_port(host)
        self.tone_hz = tone_hz
        self.user, self.password = user or name, password
        self.identity = identity or f"sip:{name}@{host}"
        self.refused_with = 0
        self.texts: list[str] = []
        self.called = self.shown = ""
        self.rtp = RtpEnd(host, tone_hz)
        self._call_id = f"{name}-{self.port}@{host}"

    @property
    def uri(self) -> str:
        return f"sip:{self.name}@{self.host}:{self.port};transport={self.transport}"

    def start(self) -> None:
        """Nothing runs until a call is made or awaited."""

    def close(self) -> None:
        super().close()
        self.rtp.close()

    def _scenario(self, name: str, **values: str) -> Path:
        values |= {
            "NAME": self.name,
            "NONCE": f"{self.name}{self.port}",
            "IDENTITY": self.identity,
            "USER": self.user,
            "PASSWORD": self.password,
            "SDP": (SDP if self.events else WITHOUT_EVENTS).format(host=self.host, port=self.rtp.port),
            "REFUSALS1": refusals(11),
            "REFUSALS2": refusals(12),
        }
        text = (SCENARIOS / f"{name}.xml").read_text()
        for key, value in values.items():
            text = text.replace(f"%{key}%", value)
        path = self.directory / f"{name}.xml"
        path.write_text(text)
        return path

    def _command(self, scenario: Path, port: int, *more: str) -> list[str]:
        settings = ["-i", self.host, "-p", str(port), "-t", TRANSPORTS[self.transport], "-m", "1", "-nostdin"]
        logs = ["-trace_logs", "-log_file", "/dev/stderr", "-trace_err", "-error_file", "errors.log"]
        return [program("sipp", "sip-tester"), "-sf", str(scenario), *settings, *logs, *more]

    def line_arrived(self, line: str) -> None:
        for state, rest in MARK.findall(line):
            if state == "ringing":
                self._call_id = rest
            elif state in ("called", "shown"):
                setattr(self, state, rest)
            elif state == "talking":
                host, port = rest.split()
                self.rtp.talk_to(host, int(port))
            elif state == "read":
                self.texts.append(rest)
            elif state == "ended":
                self.refused_with = int(rest)
                self.rtp.fall_silent()
            self.reached(state)

    # What a phone does.

    def register(self, registrar: str, user: str, password: str) -> None:
        """Registers this phone's listening address, in a process of its own that has ended on return."""
        self.user, self.password = user, password
        contact = f"sip:{user}@{self.host}:{self.port};transport={self.transport}"
        scenario = self._scenario("register", REGISTRAR=registrar, CONTACT=contact)
        command = self._command(scenario, free_port(self.host), registrar)
        ended = subprocess.run(
            command,
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=10,
            check=False,
        )
        for line in (ended.stdout + ended.stderr).decode(errors="replace").splitlines():
            self._take(line)

    def take_registration(self, user: str, password: str, realm: str) -> None:
        """Is a registrar for one REGISTER, which it challenges; `registered` or `register_failed` follows."""
        self.user, self.password = user, password
        self._wait_with("registrar", REALM=realm)

    def listen(self) -> None:
        """Waits for one call in the background."""
        self._wait_with("callee")

    def refuse(self, status: int) -> None:
        """Refuses one call in the background; `refused` follows."""
        self._wait_with("refusing", STATUS=str(status))

    def call(self, uri: str) -> None:
        """Calls 'sip:user@host:port'."""
        address = uri.split("@")[-1].split(";")[0].removeprefix("sip:")
        scenario = self._scenario("caller", URI=uri)
        self.launch(self._command(scenario, self.port, "-cid_str", self._call_id, address))

    def read(self) -> None:
        """Waits for one text message, which `texts` has then."""
        self._wait_with("reader")

    def write_to(self, uri: str, text: str, *, by: str) -> None:
        """Sends a text message as this user: `sent`, or `ended` with a status."""
        self._ask("message", uri, by, TEXT=text)

    def watch(self, uri: str, *, by: str) -> None:
        """Subscribes to a lamp until a call is over: `watching`, each state, `unwatched`."""
        self._ask("watcher", uri, by)

    def _wait_with(self, scenario: str, **values: str) -> None:
        """Starts what waits to be called; on return its port is open."""
        self.launch(self._command(self._scenario(scenario, **values), self.port))
        deadline, nothing = time.monotonic() + DEADLINE_S, threading.Event()
        while not is_open(self.port):
            assert time.monotonic() < deadline, f"{self.name} does not open port {self.port}"
            nothing.wait(0.005)

    def _ask(self, scenario: str, uri: str, by: str, **values: str) -> None:
        address = uri.split("@")[-1].split(";")[0]
        self.user, self.password, self.identity = by, f"{by}-secret", f"sip:{by}@{address}"
        self.launch(self._command(self._scenario(scenario, URI=uri, **values), self.port, address))

    def answer(self) -> None:
        self._steer("MESSAGE")

    def hang_up(self) -> None:
        self._steer("MESSAGE")

    def press(self, digits: str, *, info: bool = False) -> None:
        """One digit at a time when in SIP INFO."""
        if info:
            self._steer("NOTIFY", digits)
        elif not self.events:
            self.rtp.sound(digits)
        else:
            self.rtp.press(digits)

    def _steer(self, method: str, body: str = "") -> None:
        kind = socket.SOCK_STREAM if self.transport == "tcp" else socket.SOCK_DGRAM
        with socket.socket(socket.AF_INET, kind) as control:
            control.bind((self.host, 0))
            control.connect((self.host, self.port))
            host, port = control.getsockname()
            control.sendall(
                (
                    f"{method} sip:{self.name}@{self.host} SIP/2.0\r\n"
                    f"Via: SIP/2.0/{self.transport.upper()} {host}:{port};branch=z9hG4bK-steer\r\n"
                    f"From: <sip:wrapper@{host}>;tag=1\r\nTo: <sip:{self.name}@{self.host}>\r\n"
                    f"Call-ID: {self._call_id}\r\nCSeq: 1 {method}\r\n"
                    f"Content-Length: {len(body)}\r\n\r\n{body}"
                ).encode()
            )

    def received_s(self) -> float:
        return len(self.rtp.arrivals) * FRAME_S

    def heard(self) -> tuple[np.ndarray, int]:
        return self.rtp.heard(), 8000
