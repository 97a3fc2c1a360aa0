"""Call progress tones of countries: the data, the sound, and which of them is heard."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from softswitch.config import Node
from softswitch.config.node import ToneCountry
from softswitch.media.tones import tone_power
from softswitch.node import progress_tones
from softswitch.progress_tones import CADENCES, NAMES, RATE_HZ, samples, tone_files


@pytest.mark.parametrize("country", get_args(ToneCountry))
def test_every_tone_sounds_as_it_is_written(country: ToneCountry) -> None:
    assert tuple(CADENCES[country]) == NAMES
    for name, sections in CADENCES[country].items():
        sound = np.array(samples(sections))
        assert len(sound) == sum(ms for _, ms in sections) * RATE_HZ // 1000
        assert abs(sound[0]) + abs(sound[-1]) < 200, "a loop without a click"
        at = 0
        for frequencies, ms in sections:
            part = sound[at : at + ms * RATE_HZ // 1000]
            at += len(part)
            if not frequencies:
                assert not part.any()
                continue
            level = 20 * np.log10(np.sqrt(np.mean((part / 32768) ** 2)))
            assert -25.5 < level < -23.5, (name, level)
            assert sum(tone_power(part, each, RATE_HZ) for each in frequencies) > 0.9, name


def test_the_tones_differ_within_a_country() -> None:
    for country, tones in CADENCES.items():
        ringing = sum(ms for frequencies, ms in tones["ringback"] if not frequencies)
        assert ringing >= 2000, country
        assert tones["ringback"] != tones["busy"] != tones["special_information"]


def test_files_are_made_once(tmp_path: Path) -> None:
    files = tone_files(tmp_path / "tones", "GB")
    with wave.open(files["ringback"]) as file:
        assert (file.getframerate(), file.getnframes()) == (RATE_HZ, 3 * RATE_HZ)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "tones").iterdir()}
    assert tone_files(tmp_path / "tones", "GB") == files
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "tones").iterdir()} == before
    assert len(before) == len(NAMES) + 2  # and the tones of recorded and of supervised calls


def test_a_country_goes_before_the_prompts_and_what_they_lack_is_there(tmp_path: Path) -> None:
    node = Node.model_validate({"run_dir": str(tmp_path)})
    supplied = {"ringback": "/mine/ringback.flac"}
    usual, national = progress_tones(node, supplied)
    assert Path(national["GB"]["ringback"]).name.startswith("GB-ringback-")
    assert usual["ringback"] == "/mine/ringback.flac"
    assert Path(usual["congestion"]).name.startswith("DE-congestion-")
    node = Node.model_validate({"run_dir": str(tmp_path), "media": {"tones": "US"}})
    set_for_the_node, national = progress_tones(node, supplied)
    assert Path(set_for_the_node["ringback"]).name.startswith("US-ringback-")
    assert national == {}
