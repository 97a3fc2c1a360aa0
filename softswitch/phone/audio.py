"""The audio of all phones of the process: one clock, and one RTP stream a call."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import socket
from collections import deque
from collections.abc import Callable

from softswitch.media import tones
from softswitch.phone import g711
from softswitch.phone.heard import Heard
from softswitch.rtp.packet import BadPacket, RtpPacket, TelephoneEvent, event_of
from softswitch.sdp.negotiation import NegotiatedAudio

PACKET_S = 0.02
PACKET_SAMPLES = 160
# A tone with whole periods in a packet has the same payload in every packet.
TONE_STEP_HZ = 50
KEY_PACKETS, KEY_END_PACKETS, KEY_PAUSE_PACKETS = 5, 3, 3
KEY_VOLUME = 10
LATEST_S = 0.2
MAX_DATAGRAM = 2048


@functools.cache
def tone_payload(frequency_hz: int, encoding: str) -> bytes:
    """20 ms of a tone; ValueError unless the frequency is a multiple of 50 Hz."""
    if frequency_hz % TONE_STEP_HZ:
        raise ValueError(f"a phone's tone must be a multiple of {TONE_STEP_HZ} Hz, not {frequency_hz}")
    samples = tones.tone(frequency_hz, PACKET_S, g711.RATE_HZ)
    return g711.encode(samples.tolist(), encoding)


class AudioClock:
    """Lets every stream receive and send once in 20 ms, by one timer that stands still when there is none."""

    def __init__(self) -> None:
        self._streams: set[Stream] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._next = 0.0

    def add(self, stream: Stream) -> None:
        self._streams.add(stream)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._next = loop.time() + PACKET_S
            self._timer = loop.call_at(self._next, self._tick)

    def discard(self, stream: Stream) -> None:
        self._streams.discard(stream)
        if not self._streams and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        # A late tick is made up for, so that the far end's buffer is not drained by our lateness.
        self._next = max(self._next, now - LATEST_S)
        due = 0
        while self._next <= now:
            self._next += PACKET_S
            due += 1
        for stream in [*self._streams]:
            stream.receive(now)
            for _ in range(due):
                stream.send()
        if self._streams:
            self._timer = loop.call_at(self._next, self._tick)
        else:
            self._timer = None


class Stream:
    """RTP of one call in both directions on a port of its own; sends the phone's tone once it is started.

    `on_digit` is told each key that comes as telephone-event (RFC 4733).
    """

    def __init__(
        self, clock: AudioClock, host: str, frequency_hz: int | None, on_digit: Callable[[str], None]
    ) -> None:
        self.heard = Heard()
        self._clock = clock
        self._frequency_hz = frequency_hz
        self._on_digit = on_digit
        self._sock, self._control_sock = _port_pair(host)
        self._audio: NegotiatedAudio | None = None
        self._encodings: dict[int, str] = {}
        self._payload = b""
        self._keys: deque[tuple[TelephoneEvent, bool] | None] = deque()
        self._key_timestamp = 0
        self._last_key: int | None = None
        self._ssrc = int.from_bytes(os.urandom(4))
        self._sequence = int.from_bytes(os.urandom(2))
        self._timestamp = int.from_bytes(os.urandom(4))

    @property
    def port(self) -> int:
        return int(self._sock.getsockname()[1])

    def start(self, audio: NegotiatedAudio) -> None:
        """Send and receive what was agreed on, or go on with something else."""
        self._audio = audio
        self._encodings = {each.payload_type: each.encoding for each in audio.receive}
        encoding = audio.send.encoding
        if self._frequency_hz is None:
            self._payload = g711.encode([0], encoding) * PACKET_SAMPLES
        else:
            self._payload = tone_payload(self._frequency_hz, encoding)
        self._clock.add(self)

    def press(self, digits: str) -> None:
        """Send keys one after the other, 100 ms each; ValueError where the far end takes none."""
        if self._audio is None or self._audio.dtmf_send is None:
            raise ValueError("the far end takes no telephone-events")
        for digit in digits:
            event = event_of(digit)
            for packet in range(KEY_PACKETS):
                duration = (packet + 1) * PACKET_SAMPLES
                self._keys.append((TelephoneEvent(event, False, KEY_VOLUME, duration), packet == 0))
            end = TelephoneEvent(event, True, KEY_VOLUME, KEY_PACKETS * PACKET_SAMPLES)
            self._keys.extend([(end, False)] * KEY_END_PACKETS + [None] * KEY_PAUSE_PACKETS)

    def close(self) -> None:
        self._clock.discard(self)
        self._sock.close()
        self._control_sock.close()

    # By the clock

    def send(self) -> None:
        """The packet of these 20 ms: a key under way, else the tone."""
        audio = self._audio
        if audio is None:
            return
        key = self._keys.popleft() if self._keys else None
        if audio.direction in ("sendrecv", "sendonly"):
            packet = self._tone(audio) if key is None else self._key(audio, *key)
            # What the kernel does not take is lost like any other packet.
            with contextlib.suppress(OSError):
                self._sock.sendto(packet.pack(), (audio.remote_host, audio.remote_port))
            self._sequence += 1
        self._timestamp += PACKET_SAMPLES

    def receive(self, now: float) -> None:
        """Everything that has come since the last time."""
        while True:
            try:
                datagram = self._sock.recv(MAX_DATAGRAM)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                continue
            try:
                self._take(RtpPacket.parse(datagram), now)
            except BadPacket:
                continue

    def _take(self, packet: RtpPacket, now: float) -> None:
        encoding = self._encodings.get(packet.payload_type)
        if encoding is not None:
            self.heard.add(now, encoding, packet.payload)
        elif self._audio is not None and packet.payload_type == self._audio.dtmf_receive:
            event = TelephoneEvent.parse(packet.payload)
            if packet.timestamp != self._last_key:
                self._last_key = packet.timestamp
                self._on_digit(event.digit)

    def _tone(self, audio: NegotiatedAudio) -> RtpPacket:
        return RtpPacket(audio.send.payload_type, self._sequence, self._timestamp, self._ssrc, self._payload)

    def _key(self, audio: NegotiatedAudio, event: TelephoneEvent, first: bool) -> RtpPacket:
        if first:
            self._key_timestamp = self._timestamp
        payload_type = audio.dtmf_send or 0
        return RtpPacket(
            payload_type, self._sequence, self._key_timestamp, self._ssrc, event.pack(), marker=first
        )


def _port_pair(host: str) -> tuple[socket.socket, socket.socket]:
    """Sockets for RTP on an even port and for RTCP, which nobody reads, on the next one (RFC 3550 §11)."""
    while True:
        rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        rtp.setblocking(False)
        rtp.bind((host, 0))
        port = rtp.getsockname()[1]
        rtcp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            if port % 2 == 0:
                rtcp.bind((host, port + 1))
                return rtp, rtcp
        except OSError:
            pass
        rtp.close()
        rtcp.close()
