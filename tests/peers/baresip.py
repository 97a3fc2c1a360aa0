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
from tests.peers.phone import DEADLINE_S, Phone, program
from tests.peers.ports import free_port, free_ports

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
sip_listen {address}:{port}
net_interface {host}
net_af {family}
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
ctrl_tcp_listen {address}:{control}
module_path /usr/lib/baresip/modules
{modules}module aufile.so
module aubridge.so
module sndfile.so
module_tmp uuid.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
"""

LONGEST_CALL_S = 60
# What a codec is called in an account, its module, and how many bytes a second the file of it has.
CODECS = {
    "PCMU": ("PCMU/8000/1", "g711", 16_000),
    "PCMA": ("PCMA/8000/1", "g711", 16_000),
    "G722": ("G722/16000/1", "g722", 32_000),
    "OPUS": ("opus/48000/2", "opus", 192_000),
}


class Baresip(Phone):
    """`srtp`: nothing else is spoken, with keys in the SDP."""

    def __init__(
        self,
        name: str,
        directory: Path,
        *,
        host: str = "127.0.0.1",
        tone_hz: int = 700,
        transport: str = "udp",
        automatic: bool = False,
        codecs: tuple[str, ...] = ("PCMU", "PCMA"),
        srtp: bool = False,
    ) -> None:
        super().__init__(name, directory, host)
        self.tone_hz = tone_hz
        self.transport = transport
        self.port = free_port(host)
        self._automatic = automatic
        self._codecs = codecs
        self._srtp = srtp
        self._control_port = free_port(host)
        self._control: socket.socket | None = None

    @property
    def uri(self) -> str:
        return f"sip:{self.name}@{self._address}:{self.port};transport={self.transport}"

    @property
    def _address(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host

    def start(self) -> None:
        rtp_ports = free_ports(22, self.host)
        settings = CONFIGURATION.format(
            host=self.host,
            address=self._address,
            family="ipv6" if ":" in self.host else "ipv4",
            port=self.port,
            control=self._control_port,
            directory=self.directory,
            tone=write_wav(self.directory / "tone.wav", self._tone()),
            first_rtp=rtp_ports.start,
            modules="".join(f"module {name}.so\n" for name in sorted(self._modules())),
            last_rtp=rtp_ports[-1],
        )
        (self.directory / "config").write_text(settings)
        (self.directory / "accounts").write_text(
            self._account(f"{self.name}@{self._address}:{self.port}", "regint=0")
        )
        (self.directory / "contacts").write_text("")
        self.launch([program("baresip", "baresip-core"), "-f", str(self.directory)], HOME=str(self.directory))
        self.wait_for("ready")
        self._control = socket.create_connection((self.host, self._control_port), DEADLINE_S)
        self._listener = threading.Thread(target=self._listen, daemon=True, name=f"{self.name} control")
        self._listener.start()

    def _tone(self) -> np.ndarray:
        """It does not play a file to a codec that has other channels; its Opus has two."""
        mono = tone(self.tone_hz, LONGEST_CALL_S)
        return np.column_stack((mono, mono)) if "OPUS" in self._codecs else mono

    def _modules(self) -> set[str]:
        return {CODECS[codec][1] for codec in self._codecs} | ({"srtp"} if self._srtp else set())

    def _account(self, address: str, parameters: str) -> str:
        answer = "auto" if self._automatic else "manual"
        parameters += f";audio_codecs={','.join(CODECS[codec][0] for codec in self._codecs)}"
        parameters += ";mediaenc=srtp-mand" if self._srtp else ""
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
        written = sum(file.stat().st_size for file in self.directory.glob("dump-*-dec.wav"))
        return written / CODECS[self._codecs[0]][2]

    def heard(self) -> tuple[np.ndarray, int]:
        """What came in over all its calls; complete once a call has ended."""
        files = sorted(self.directory.glob("dump-*-dec.wav"))
        pieces = [read_wav(file) for file in files]
        assert pieces, self._story("wrote down nothing of what it heard")
        rate_hz = pieces[0][1]
        # Opus comes as stereo with the same on both sides.
        mono = [samples if samples.ndim == 1 else samples[:, 0] for samples, _ in pieces]
        return np.concatenate(mono), rate_hz
