"""The engine on a bench: synthetic phones feed packets by position, and what each is sent is kept."""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from softswitch.media import g711
from softswitch.media.engine import EngineSettings, MediaEngine
from softswitch.media.g722 import G722
from softswitch.media.opus import Opus
from softswitch.media.packets import Indices, PacketBatch
from softswitch.media.prompts import PromptError
from softswitch.media.tap import TapFile

HOST = 0x7F000001
FRAME = 160
LEG_0 = np.zeros(1, np.int32)
CODECS = {"PCMU": 0, "PCMA": 8, "G722": 9, "L16": 96, "OPUS": 111, "G729": 18}
WIDE = ("G722", "L16", "OPUS")
CLOCK = {"G722": 1, "L16": 2, "OPUS": 6}
"""What these say and hear is at 16 kHz."""


class Packet(NamedTuple):
    clock: int
    marker: bool
    payload_type: int
    seq: int
    ts: int
    ssrc: int
    payload: bytes


def rtp(
    seq: int, ts: int, ssrc: int, payload: bytes, payload_type: int = 0, *, marker: bool = False
) -> bytes:
    mark = payload_type | 128 * marker
    return struct.pack(">BBHII", 0x80, mark, seq & 0xFFFF, ts & 0xFFFFFFFF, ssrc) + payload


@dataclass
class Phone:
    """A peer at HOST:port; `says` is its audio (looped), and `at` the packets it has sent."""

    id: str
    port: int
    codec: str
    ssrc: int
    seq: int
    ts: int
    says: NDArray[np.int16] | None = None
    at: int = 0
    got: list[Packet] = field(default_factory=list)
    coder: G722 = field(default_factory=lambda: G722(1))
    opus: Opus = field(default_factory=lambda: Opus(1))

    @property
    def law(self) -> int:
        return g711.LAWS[self.codec]

    def packet(self, number: int) -> bytes:
        """The phone's packet `number`: 20 ms of what it says."""
        assert self.says is not None
        if self.codec in WIDE:
            return self._wide_packet(number)
        index = np.arange(number * FRAME, (number + 1) * FRAME) % len(self.says)
        codes = g711.encode(self.says[index], self.law).tobytes()
        return rtp(self.seq + number, self.ts + number * FRAME, self.ssrc, codes, CODECS[self.codec])

    def _wide_packet(self, number: int) -> bytes:
        assert self.says is not None
        index = np.arange(number * 2 * FRAME, (number + 1) * 2 * FRAME) % len(self.says)
        samples, scale = self.says[index].reshape(1, -1), CLOCK[self.codec]
        if self.codec == "OPUS":
            coded, size = self.opus.encode(LEG_0, samples)
            payload = coded[0, : size[0]]
        else:
            payload = self.coder.encode(LEG_0, samples) if self.codec == "G722" else samples.astype(">i2")
        ts = self.ts + number * FRAME * scale
        return rtp(self.seq + number, ts, self.ssrc, payload.tobytes(), CODECS[self.codec])

    def heard(self, since: int = 0) -> NDArray[np.int16]:
        """Decoded audio of all packets from the clock `since` on, in order of arrival."""
        if self.codec == "OPUS":
            return decode_opus([p for p in self.got if p.clock >= since and p.payload_type == 111])
        codes = [p.payload for p in self.got if p.clock >= since and p.payload_type == CODECS[self.codec]]
        if self.codec == "G722":
            return decode_g722(b"".join(codes))
        if self.codec == "L16":
            return np.frombuffer(b"".join(codes), ">i2").astype(np.int16)
        return g711.decode(np.frombuffer(b"".join(codes), np.uint8), self.law)


def decode_opus(packets: list[Packet]) -> NDArray[np.int16]:
    """By PyAV's decoder, at 16 kHz; what was not sent is silence."""
    decoder = av.CodecContext.create("libopus", "r")
    down = av.AudioResampler(format="s16", layout="mono", rate=16_000)
    frames, due = [], packets[0].ts if packets else 0
    for packet in packets:
        frames.append(np.zeros(((packet.ts - due) & 0xFFFFFFFF) // 3, np.int16))
        due = packet.ts + 960 & 0xFFFFFFFF
        for frame in decoder.decode(av.Packet(packet.payload)):
            frames += [each.to_ndarray()[0] for each in down.resample(frame)]
    return np.concatenate(frames) if frames else np.zeros(0, np.int16)


def decode_g722(codes: bytes) -> NDArray[np.int16]:
    coder, batch = G722(1), PacketBatch(1)
    frames = []
    for at in range(0, len(codes), FRAME):
        batch.rows[0, :FRAME] = np.frombuffer(codes[at : at + FRAME], np.uint8)
        batch.size[0] = FRAME
        frames.append(coder.decode(batch, LEG_0, LEG_0)[0][0])
    return np.concatenate(frames) if frames else np.zeros(0, np.int16)


class NoPorts:
    def attach(self, leg: int, port: int, family: int, *, shared: bool = False) -> None:
        pass

    def detach(self, leg: int) -> None:
        pass


class Rig:
    """`run` lets time pass in wakes of 5 ms; each phone sends every 20 ms at its own phase."""

    def __init__(
        self, tmp_path: Path, *, jitter_ms: int = 40, legs: int = 64, succession: Path | None = None
    ) -> None:
        self.random = random.Random(7)
        self.events: list[dict[str, Any]] = []
        self.prompts: dict[str, NDArray[np.int16]] = {}
        self.phones: dict[str, Phone] = {}
        self.taps = TapFile.create(tmp_path / "test.taps", slots=4)
        self.engine = MediaEngine(
            EngineSettings(wake_ms=5, jitter_ms=jitter_ms, legs=legs),
            transmit=self._transmit,
            emit=self.events.append,
            ports=NoPorts(),
            load=self._load,
            taps=self.taps,
            entropy=self.random.randbytes,
            succession=succession,
        )
        self._batch = PacketBatch(4096)

    def _load(self, path: str, rate_hz: int) -> NDArray[np.int16]:
        if path not in self.prompts:
            raise PromptError(f"{path}: no such file")
        return self.prompts[path]

    def _transmit(self, batch: PacketBatch, index: Indices, leg: Indices, length: Indices) -> None:
        for row, one, size in zip(index, leg, length, strict=True):
            settings = self.engine.legs.settings[one]
            assert settings is not None
            raw = batch.rows[row, :size].tobytes()
            _, mark, seq, ts, ssrc = struct.unpack(">BBHII", raw[:12])
            packet = Packet(self.engine.clock, mark >= 128, mark & 127, seq, ts, ssrc, raw[12:])
            self.phones[settings.id].got.append(packet)

    # The switch's side.

    def do(self, do: str, **fields: Any) -> None:
        self.engine.command({"do": do, **fields})

    def phone(
        self, id: str, says: NDArray[np.int16] | None = None, codec: str = "PCMU", **fields: Any
    ) -> Phone:
        """A phone with its leg; `fields` replace those of put_leg."""
        random = self.random
        port = 4000 + 2 * len(self.phones)
        phone = Phone(
            id, port, codec, random.getrandbits(32), random.getrandbits(16), random.getrandbits(32), says
        )
        self.phones[id] = phone
        self.put_leg(phone, **fields)
        return phone

    def put_leg(self, phone: Phone, **fields: Any) -> None:
        standard = {
            "id": phone.id, "port": phone.port + 10_000, "remote": ["127.0.0.1", phone.port],
            "codec": phone.codec, "payload_type": CODECS[phone.codec],
            "receive": {"0": "PCMU", "8": "PCMA", str(CODECS[phone.codec]): phone.codec}, "dtmf_send": 101,
            "dtmf_receive": 101, "ptime_ms": 20, "send": True, "listen": True,
        }  # fmt: skip
        self.do("put_leg", **standard | fields)

    def bridge(self, *members: str, edges: list[list[Any]] | None = None, id: str = "B") -> None:
        self.do("put_bridge", id=id, members=list(members), edges=edges or [])

    # Packets and time.

    def arrive(self, phone: Phone, packet: bytes, ip: int = HOST, port: int | None = None) -> None:
        """One packet arrives on the phone's leg, now."""
        self._batch.append(self.engine.legs.index[phone.id], packet, ip, phone.port if port is None else port)

    def speak(self, *phones: Phone) -> None:
        for phone in phones:
            self.arrive(phone, phone.packet(phone.at))
            phone.at += 1

    def step(self) -> None:
        """One wake with what has arrived."""
        self.engine.receive(self._batch)
        self._batch.count = 0
        self.engine.tick()

    def run(self, seconds: float) -> int:
        """Time passes and everyone with something to say says it. Returns the clock at the beginning."""
        began = self.engine.clock
        for _ in range(round(seconds * 200)):
            phase = self.engine.clock // 40 % 4
            for number, phone in enumerate(self.phones.values()):
                if phone.says is not None and number % 4 == phase and phone.id in self.engine.legs.index:
                    self.speak(phone)
            self.step()
        return began

    def events_of(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == name]


def continuous(packets: list[Packet]) -> bool:
    """One ssrc, no sequence number missing or twice, timestamps never back."""
    steps = {(b.seq - a.seq) & 0xFFFF for a, b in pairwise(packets)}
    back = [1 for a, b in pairwise(packets) if (b.ts - a.ts) & 0xFFFFFFFF >= 0x80000000]
    return len({p.ssrc for p in packets}) == 1 and steps <= {1} and not back
