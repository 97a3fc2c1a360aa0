"""A long call recorded: clocks that are wrong, loss and changes of codec, and all of it where it was said."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from softswitch.media.recorder import Recorder
from softswitch.media.tones import tone
from tests.media.rig import CODECS, FRAME, Phone, Rig

LOSS = 0.15
# No two pips in a row are of one length, so that each tells which one it is.
PIPS = np.array([at < loud for loud in (5, 8, 4, 11, 6, 9, 7, 13) for at in range(20)])
WINDOW_MS, REACH_MS = 6400, 200
RIGHT_MS, DEPTH_MS = 20, 40


def pips(rate_hz: int) -> NDArray[np.int16]:
    frame = rate_hz // 50
    return tone(450, len(PIPS) / 50, rate_hz) * np.repeat(PIPS, frame)


@dataclass
class Speaker:
    """A phone whose clock runs `drift` too fast."""

    phone: Phone
    drift: float
    random: np.random.Generator
    sent: int = 0
    lost: int = 0

    def speak(self, rig: Rig, now: int) -> None:
        while self.sent * FRAME <= now * (1 + self.drift):
            packet = self.phone.packet(self.sent)
            self.sent += 1
            if self.random.random() < LOSS:
                self.lost += 1
            else:
                rig.arrive(self.phone, packet)

    def change(self, rig: Rig, codec: str) -> None:
        """As after a re-INVITE: the new codec, in a stream of its own where the RTP clock differs."""
        phone = self.phone
        phone.codec, phone.says = codec, pips(16_000)
        if codec == "OPUS":
            phone.ssrc ^= 1
        receive = {str(CODECS[each]): each for each in ("PCMU", codec)}
        rig.put_leg(phone, receive=receive)

    def lags_ms(self, recorded: NDArray[np.int16]) -> list[int]:
        """How long after it was said each tenth second stands on the record."""
        loud = np.abs(recorded[: len(recorded) // 8 * 8].reshape(-1, 8).astype(float)).mean(axis=1)
        loud = np.convolve(loud, np.ones(5) / 5, "same")
        lags = []
        for at in range(2000, len(loud) - WINDOW_MS - REACH_MS, 10_000):
            time_s = np.arange(at - REACH_MS, at + WINDOW_MS + REACH_MS) / 1000
            said = PIPS[(time_s * (1 + self.drift) * 50).astype(int) % len(PIPS)].astype(float)
            choices = np.lib.stride_tricks.sliding_window_view(said, WINDOW_MS)[::-1]
            choices = choices - choices.mean(axis=1, keepdims=True)
            likeness = choices @ loud[at : at + WINDOW_MS] / np.linalg.norm(choices, axis=1)
            lags.append(int(np.argmax(likeness)) - REACH_MS)
        return lags


@pytest.mark.parametrize(
    ("seconds", "drift"), [(120, 1e-3), pytest.param(3600, 1e-4, marks=pytest.mark.deep)]
)
def test_clocks_loss_and_codecs_move_nothing_on_the_record(
    rig: Rig, tmp_path: Path, seconds: int, drift: float
) -> None:
    speakers = [
        Speaker(rig.phone(name, pips(8000)), wrong, np.random.default_rng(seed))
        for seed, (name, wrong) in enumerate((("a", drift), ("b", -drift)))
    ]
    rig.bridge("a", "b")
    path = tmp_path / "rec" / "x.wav"
    rig.do("put_recorder", id="R", left="a", right="b", path=str(path))
    (tmp_path / "media-0.taps").hardlink_to(rig.taps.path)
    recorder = Recorder(tmp_path, tmp_path / "rec")
    began = rig.engine.clock
    changes = {seconds // 3: "G722", seconds * 2 // 3: "OPUS"}
    for second in range(seconds):
        if second in changes:
            speakers[0].change(rig, changes[second])
        for _ in range(200):
            for speaker in speakers:
                speaker.speak(rig, rig.engine.clock - began)
            rig.step()
        recorder.poll(float(second))
    rig.do("delete", kind="recorder", id="R")
    recorder.poll(float(seconds))
    samples, rate_hz = soundfile.read(path, dtype="int16")
    assert len(samples) == seconds * rate_hz
    packets = json.loads(path.with_name("x.wav.json").read_text())["packets"]
    for speaker, side, channel in zip(speakers, ("left", "right"), samples.T, strict=True):
        lags = speaker.lags_ms(channel)
        assert all(abs(lag - DEPTH_MS) <= RIGHT_MS for lag in lags), lags
        assert abs(packets["expected"][side] - speaker.sent) <= 3
        assert abs(packets["expected"][side] - packets["received"][side] - speaker.lost) <= 3
        # Opus makes up for some of what was lost by itself.
        assert 0.6 < packets["concealed"][side] / speaker.lost < 1.1
