"""Prompt files as samples: decoding, resampling, caching, and files that are no audio."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from softswitch.media.arrays import FloatSamples
from softswitch.media.prompts import PromptCache, PromptError, resample, to_int16
from softswitch.media.tones import tone_power


def tone(hertz: float, rate_hz: int, seconds: float = 1.0) -> FloatSamples:
    time = np.arange(int(rate_hz * seconds)) / rate_hz
    return (0.5 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


@pytest.mark.parametrize("from_hz", [8000, 16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("to_hz", [8000, 16_000, 48_000])
def test_a_tone_keeps_its_pitch_level_and_phase(from_hz: int, to_hz: int) -> None:
    out = resample(tone(1000, from_hz), from_hz, to_hz)
    assert len(out) == to_hz
    np.testing.assert_allclose(out[50:-50], tone(1000, to_hz)[50:-50], atol=2e-3)


def test_what_the_lower_rate_cannot_carry_is_gone() -> None:
    for hertz in (4500, 5000, 6500, 7900):
        assert np.abs(resample(tone(hertz, 16_000), 16_000, 8000)[100:-100]).max() < 5e-3


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 441])
def test_the_shortest_inputs_have_their_length(count: int) -> None:
    assert len(resample(np.ones(count, np.float32), 44_100, 8000)) == -(-count * 8000 // 44_100)


def test_int16_is_rounded_and_saturates() -> None:
    values = np.array([0, 1 / 32768, -1.0, 1.0, 3.0, -3.0, np.nan], np.float32)
    assert to_int16(values).tolist() == [0, 1, -32768, 32767, 32767, -32768, 0]


@pytest.mark.parametrize("name", ["p.wav", "p.flac", "p.ogg", "p.mp3", "p.opus", "p.aiff"])
def test_every_format_is_decoded_and_stereo_is_mixed(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    one = tone(1000, 16_000)
    how = {"format": "OGG", "subtype": "OPUS"} if name == "p.opus" else {}
    soundfile.write(path, np.stack((one, np.zeros_like(one)), axis=1), 16_000, **how)
    samples = PromptCache().load(path, 8000)
    assert samples.dtype == np.int16 and abs(len(samples) - 8000) <= 400  # MP3 has whole frames only
    middle = samples[2000:6000].astype(float)
    assert tone_power(middle, 1000, 8000) > 0.98
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.25 * 32768 / np.sqrt(2), rel=0.1)


def test_a_prompt_is_decoded_once_and_again_when_it_was_replaced(tmp_path: Path) -> None:
    path = tmp_path / "p.wav"
    soundfile.write(path, tone(500, 8000), 8000)
    cache = PromptCache()
    first = cache.load(path, 8000)
    assert cache.load(str(path), 8000) is first
    assert not first.flags.writeable
    soundfile.write(path, tone(500, 8000, 2.0), 8000)
    assert len(cache.load(path, 8000)) == 16_000


def test_the_least_recently_played_is_dropped(tmp_path: Path) -> None:
    for name in "abc":
        soundfile.write(tmp_path / f"{name}.wav", tone(500, 8000), 8000)
    cache = PromptCache(max_bytes=2 * 16_000)
    first, second = cache.load(tmp_path / "a.wav", 8000), cache.load(tmp_path / "b.wav", 8000)
    cache.load(tmp_path / "a.wav", 8000)
    cache.load(tmp_path / "c.wav", 8000)
    assert cache.size_bytes == 32_000
    assert cache.load(tmp_path / "a.wav", 8000) is first
    assert cache.load(tmp_path / "b.wav", 8000) is not second


@pytest.mark.parametrize(
    "content", [b"", b"RIFF", b"no audio at all" * 50, b"fLaC" + bytes(200), b"OggS" * 99]
)
def test_what_is_no_audio_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "p.wav"
    path.write_bytes(content)
    with pytest.raises(PromptError, match=r"p\.wav"):
        PromptCache().load(path, 8000)


def test_every_cut_of_a_file_is_played_or_refused(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.flac", tmp_path / "cut.flac"
    soundfile.write(whole, tone(500, 8000, 0.05), 8000)
    content = whole.read_bytes()
    cache = PromptCache()
    for size in range(0, len(content), 7):
        cut.write_bytes(content[:size])
        try:
            assert len(cache.load(cut, 8000)) <= 400
        except PromptError:
            assert size < len(content)


def test_a_header_that_claims_hours_does_not_take_memory(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    soundfile.write(path, np.zeros(8, np.int16), 8000)
    os.truncate(path, 44 + 2 * 8000 * 3600)
    content = bytearray(path.read_bytes()[:44])
    content[40:44] = (2 * 8000 * 3600).to_bytes(4, "little")
    with path.open("r+b") as file:
        file.write(content)
    with pytest.raises(PromptError, match="longer than"):
        PromptCache().load(path, 8000)


def test_what_is_not_a_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.wav")
    for path in (tmp_path / "fifo.wav", tmp_path, tmp_path / "missing.wav", tmp_path / "nul\0.wav"):
        with pytest.raises(PromptError):
            PromptCache().load(path, 8000)
