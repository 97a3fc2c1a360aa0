"""Debian's linphonec as a phone, driven over its standard input; files are its sound card."""

from __future__ import annotations

import re
import time
from pathlib import Path

import numpy as np

from tests.peers.audio import read_wav, tone, write_wav
from tests.peers.phone import DEADLINE_S, Phone, program
from tests.peers.ports import free_port

CONFIGURATION = """\
[sip]
sip_port={sip_port}
sip_tcp_port={tcp_port}
sip_tls_port={tls_port}
verify_server_certs=0
verify_server_cn=0
media_encryption={encryption}
media_encryption_mandatory={mandatory}
bind_address={host}
guess_hostname=0
contact=sip:{name}@{host}
default_proxy=-1
use_info={info}
use_rfc2833={events}
keepalive_period=0
publish_presence=0
ping_with_options=0

[rtp]
audio_rtp_port={rtp_port}
audio_adaptive_jitt_comp_enabled=0
audio_jitt_comp=40

[sound]
echocancellation=0
remote_ring=

[video]
automatically_initiate=0
automatically_accept=0

[net]
mtu=0
stun_server=
firewall_policy=none

"""

# All that linphone would offer by itself must be named to be left out.
CODECS = ("PCMU/8000", "PCMA/8000", "G722/8000", "opus/48000", "speex/16000", "speex/8000", "G729/8000")

STATES = (
    ("ringing", re.compile(r"Receiving new incoming call from")),
    ("alerting", re.compile(r"Call \d+ to .* ringing")),
    ("alerting", re.compile(r"Call \d+ with .* early media")),
    ("talking", re.compile(r"Call \d+ with .* connected")),
    ("ended", re.compile(r"Call \d+ with .* (ended|error)")),
)
REGISTRATIONS = (
    ("registered", re.compile(r"LinphoneRegistrationOk")),
    ("register_failed", re.compile(r"LinphoneRegistrationFailed|Password for .* on ")),
)
DIGIT = re.compile(r"Receiving tone (\S) from")
LONGEST_CALL_S = 60


def codec_section(number: int, codec: str, wanted: tuple[str, ...]) -> str:
    mime, rate_hz = codec.split("/")
    enabled, channels = int(mime.upper() in wanted), 2 if mime == "opus" else 1
    return f"[audio_codec_{number}]\nmime={mime}\nrate={rate_hz}\nchannels={channels}\nenabled={enabled}\n\n"


class Linphone(Phone):
    """`info` sends its digits in SIP INFO instead of telephone-events: linphone knows one way at a time."""

    tells_every_s = 1.0  # it writes its file in pieces

    def __init__(
        self,
        name: str,
        directory: Path,
        *,
        host: str = "127.0.0.1",
        tone_hz: float = 900,
        transport: str = "udp",
        info: bool = False,
        codecs: tuple[str, ...] = ("PCMU", "PCMA"),
        srtp: bool = False,
    ) -> None:
        super().__init__(name, directory, host)
        self.tone_hz = tone_hz
        self.transport = transport
        self.port = free_port(host)
        self._info = info
        self._codecs = codecs
        self._srtp = srtp
        self._registering = False
        self._recording = self.directory / "heard.wav"

    @property
    def uri(self) -> str:
        return f"sip:{self.name}@{self.host}:{self.port};transport={self.transport}"

    def start(self) -> None:
        settings = CONFIGURATION.format(
            name=self.name,
            host=self.host,
            sip_port=self.port if self.transport == "udp" else 0,
            tcp_port=self.port if self.transport == "tcp" else 0,
            tls_port=self.port if self.transport == "tls" else 0,
            encryption="srtp" if self._srtp else "none",
            mandatory=int(self._srtp),
            rtp_port=free_port(self.host),
            info=int(self._info),
            events=int(not self._info),
        )
        path = self.directory / "linphonerc"
        sections = [codec_section(number, codec, self._codecs) for number, codec in enumerate(CODECS)]
        path.write_text(settings + "".join(sections))
        play = write_wav(self.directory / "tone.wav", tone(self.tone_hz, LONGEST_CALL_S))
        (self.directory / ".local/share/linphone").mkdir(parents=True)
        self.launch([program("linphonec", "linphone-cli"), "-c", str(path)], HOME=str(self.directory))
        # On a machine that has an IPv6 address it would offer that one, to 127.0.0.1 as well.
        self.command("ipv6 disable")
        self.command("soundcard use files")
        self.command(f"play {play}")
        self.command(f"record {self._recording}")
        self.command("status hook")
        self.wait_for("ready")

    def command(self, text: str) -> None:
        self.write(text + "\n")

    def quit(self) -> None:
        self.command("terminate")
        self.command("quit")

    def line_arrived(self, line: str) -> None:
        if "hook=" in line and "ready" not in self._states:
            self.reached("ready")
        for state, pattern in STATES:
            if pattern.search(line):
                self.reached(state)
        for state, pattern in REGISTRATIONS:
            if self._registering and pattern.search(line):
                self._registering = False
                self.reached(state)
        for digit in DIGIT.findall(line):
            self.heard_digit(digit)

    # What a phone does.

    def register(self, registrar: str, user: str, password: str) -> None:
        domain = registrar.rsplit(":", 1)[0]
        self._registering = True
        self.command(f"register sip:{user}@{domain} sip:{registrar};transport={self.transport} {password}")

    def wait_for(self, state: str, deadline_s: float = DEADLINE_S) -> None:
        """linphonec tells of a registration only when it is asked, so it is asked until it knows."""
        end = time.monotonic() + deadline_s
        while self._registering and time.monotonic() < end:
            self.command("states proxies")
            with self._changed:
                self._changed.wait(0.1)
        super().wait_for(state, deadline_s)

    def call(self, uri: str) -> None:
        self.command(f"call {uri}")

    def answer(self) -> None:
        self.command("answer")

    def hang_up(self) -> None:
        self.command("terminate")

    def hold(self) -> None:
        self.command("pause")

    def resume(self) -> None:
        self.command("resume")

    def press(self, digits: str, *, info: bool = False) -> None:
        assert info == self._info, "linphone sends digits the one way it was built with"
        for digit in digits:
            self.command(digit)

    def received_s(self) -> float:
        if not self._recording.exists():
            return 0.0
        with self._recording.open("rb") as file:
            bytes_per_s = int.from_bytes(file.read(32)[28:], "little")
        return self._recording.stat().st_size / (bytes_per_s or 16_000)

    def heard(self) -> tuple[np.ndarray, int]:
        """What came in over its last call; complete once the call has ended."""
        assert self._recording.exists(), self._story("wrote down nothing of what it heard")
        return read_wav(self._recording)
