"""Debian's baresip as a phone, driven over its ctrl_tcp module.

It plays a long file (a call ends for it when the file ends), and its sndfile module writes down what it
hears. It knows MD5 digest only.
"""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path

import numpy as np

from tests.peers.audio import read_wav, tone, write_wav
from tests.peers.phone import DEADLINE_S, Phone, free_port, program

STATES = {
    "REGISTER_OK": "registered",
    "REGISTER_FAIL": "register_failed",
    "CALL_INCOMING": "ringing",
    "CALL_RINGING": "alerting",
    "CALL_PROGRESS": "alerting",
    "CALL_ESTABLISHED": "talking",
    "CALL_CLOSED": "ended",
}

CONFIGURATION = """\
sip_listen {host}:{port}
net_interface {host}
call_local_timeout 120
audio_source aufile,{tone}
audio_player aubridge,nowhere
audio_alert aubridge,nowhere
audio_level no
ausrc_srate 8000
auplay_srate 8000
snd_path {directory}
rtp_ports {first_rtp}-{last_rtp}
jitter_buffer_delay 2-10
ctrl_tcp_listen {host}:{control}
module_path /usr/lib/baresip/modules
module g711.so
module aufile.so
module aubridge.so
module sndfile.so
module_tmp uuid.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
"""

LONGEST_CALL_S = 60
BYTES_PER_S = 16000


class Baresip(Phone):
    def __init__(
        self,
        name: str,
        directory: Path,
        *,
        host: str = "127.0.0.1",
        tone_hz: int = 700,
        transport: str = "udp",
        automatic: bool = False,
    ) -> None:
        super().__init__(name, directory, host)
        self.tone_hz = tone_hz
        self.transport = transport
        self.port = free_port(host)
        self._automatic = automatic
        self._control_port = free_port(host, socket.SOCK_STREAM)
        self._control: socket.socket | None = None

    @property
    def uri(self) -> str:
        return f"sip:{self.name}@{self.host}:{self.port};transport={self.transport}"

    def start(self) -> None:
        first_rtp = free_port(self.host) & ~1
        settings = CONFIGURATION.format(
            host=self.host,
            port=self.port,
            control=self._control_port,
            directory=self.directory,
            tone=write_wav(self.directory / "tone.wav", tone(self.tone_hz, LONGEST_CALL_S)),
            first_rtp=first_rtp,
            last_rtp=first_rtp + 20,
        )
        (self.directory / "config").write_text(settings)
        (self.directory / "accounts").write_text(
            self._account(f"{self.name}@{self.host}:{self.port}", "regint=0")
        )
        (self.directory / "contacts").write_text("")
        self.launch([program("baresip", "baresip-core"), "-f", str(self.directory)], HOME=str(self.directory))
        self.wait_for("ready")
        self._control = socket.create_connection((self.host, self._control_port), DEADLINE_S)
        self._listener = threading.Thread(target=self._listen, daemon=True, name=f"{self.name} control")
        self._listener.start()

    def _account(self, address: str, parameters: str) -> str:
        answer = "auto" if self._automatic else "manual"
        return f"<sip:{address};transport={self.transport}>;answermode={answer};{parameters}\n"

    def close(self) -> None:
        super().close()
        if self._control:
            self._control.close()
            self._listener.join(5)
            self._control = None

    def line_arrived(self, line: str) -> None:
        if "baresip is ready" in line:
            self.reached("ready")

    # The control connection: netstrings of JSON both ways.

    def command(self, command: str, parameters: str = "") -> None:
        assert self._control
        text = json.dumps({"command": command, "params": parameters}).encode()
        self._control.sendall(b"%d:%s," % (len(text), text))

    def _listen(self) -> None:
        assert self._control
        self._control.settimeout(None)
        rest = b""
        while chunk := self._receive(self._control):
            rest += chunk
            while (colon := rest.find(b":")) > 0 and len(rest) > colon + 1 + int(rest[:colon]):
                end = colon + 1 + int(rest[:colon])
                self._event(json.loads(rest[colon + 1 : end]))
                rest = rest[end + 1 :]

    @staticmethod
    def _receive(control: socket.socket) -> bytes:
        try:
            return control.recv(65536)
        except OSError:
            return b""

    def _event(self, event: dict[str, str]) -> None:
        kind = event.get("type", "")
        if kind == "CALL_DTMF_START":
            self.heard_digit(event["param"])
        elif kind in STATES:
            self.reached(STATES[kind])

    # What a phone does.

    def register(self, registrar: str, user: str, password: str) -> None:
        account = self._account(
            f"{user}@{registrar}", f"auth_user={user};auth_pass={password};regint=300"
        ).strip()
        self.command("uanew", account)
        # It calls with the account that is current, which a new one does not become by itself.
        self.command("uafind", f"sip:{user}@{registrar}")

    def call(self, uri: str) -> None:
        # It adds its account's transport by itself, to one that is there as well.
        self.command("dial", uri.partition(";transport=")[0])

    def answer(self) -> None:
        self.command("accept")

    def hang_up(self) -> None:
        self.command("hangup")

    def transfer(self, uri: str) -> None:
        self.command("transfer", uri.partition(";transport=")[0])

    def press(self, digits: str, *, info: bool = False) -> None:
        assert not info, "this baresip sends telephone-events only"
        self.command("sndcode", digits)

    def received_s(self) -> float:
        return sum(file.stat().st_size for file in self.directory.glob("dump-*-dec.wav")) / BYTES_PER_S

    def heard(self) -> tuple[np.ndarray, int]:
        """What came in over all its calls; complete once a call has ended."""
        files = sorted(self.directory.glob("dump-*-dec.wav"))
        pieces = [read_wav(file) for file in files]
        assert pieces, self._story("wrote down nothing of what it heard")
        rate_hz = pieces[0][1]
        return np.concatenate([samples for samples, _ in pieces]), rate_hz
