"""The demo's judge: what it counts, and that it notices what is wrong."""

from __future__ import annotations

import wave
from array import array
from itertools import chain, combinations
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from softswitch.media.tones import tone
from softswitch.phone.centre import AGENT_TONES_HZ, CALLER_TONES_HZ
from softswitch.phone.verdict import Figures, broken_conditions, judge, recording_problems, tone_problems
from softswitch.phone.visit import Plan, Visit

CALLER_HZ, AGENT_HZ, RATE_HZ = 1450, 450, 8000
TALKED_S = 1.0


def samples(*tones_hz: int, seconds: float = 1.0) -> array[int]:
    parts = [tone(hz, seconds, RATE_HZ).tolist() for hz in tones_hz]
    return array("h", [sum(values) // len(parts) for values in zip(*parts, strict=True)])


def silence(seconds: float) -> array[int]:
    return array("h", bytes(2 * round(seconds * RATE_HZ)))


def recording(path: Path, left: array[int], right: array[int]) -> dict[str, object]:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(array("h", chain.from_iterable(zip(left, right, strict=True))).tobytes())
    return {"path": str(path), "error": None}


def test_a_right_recording(tmp_path: Path) -> None:
    row = recording(tmp_path / "x.wav", samples(CALLER_HZ), samples(AGENT_HZ))
    assert recording_problems([row], CALLER_HZ, AGENT_HZ, TALKED_S) == []


@pytest.mark.parametrize(
    ("left", "right", "complaints"),
    [
        ((AGENT_HZ,), (CALLER_HZ,), 4),
        ((CALLER_HZ, AGENT_HZ), (CALLER_HZ, AGENT_HZ), 4),
        ((CALLER_HZ,), (1900,), 1),
    ],
    ids=["swapped", "mixed", "another agent"],
)
def test_a_wrong_recording(
    tmp_path: Path, left: tuple[int, ...], right: tuple[int, ...], complaints: int
) -> None:
    row = recording(tmp_path / "x.wav", samples(*left), samples(*right))
    found = recording_problems([row], CALLER_HZ, AGENT_HZ, TALKED_S)
    assert 2 <= len(found) <= complaints or len(found) == complaints == 1


def test_a_recording_that_is_missing_broken_or_ended_with_an_error(tmp_path: Path) -> None:
    assert recording_problems([], CALLER_HZ, AGENT_HZ, TALKED_S) == ["0 recordings"]
    (tmp_path / "y.wav").write_bytes(b"RIFF")
    (broken,) = recording_problems([{"path": str(tmp_path / "y.wav")}], CALLER_HZ, AGENT_HZ, TALKED_S)
    assert "cannot be read" in broken
    row = recording(tmp_path / "x.wav", samples(CALLER_HZ), samples(AGENT_HZ))
    assert recording_problems([row | {"error": "disk full"}], CALLER_HZ, AGENT_HZ, TALKED_S) == [
        "the recording ended with: disk full"
    ]


def test_two_recordings_of_one_conversation_are_one_too_many(tmp_path: Path) -> None:
    """Each of them right: neither may hide the other."""
    rows = [recording(tmp_path / name, samples(CALLER_HZ), samples(AGENT_HZ)) for name in ("x.wav", "y.wav")]
    assert recording_problems(rows, CALLER_HZ, AGENT_HZ, TALKED_S) == ["2 recordings"]


def answered(number: str) -> Visit:
    """A conversation as `judge` sees it, of which nobody was unheard."""
    plan = Plan(number, "1", "sales", listens_packets=1, talk_s=TALKED_S, caller_hangs_up=True)
    calls = [
        SimpleNamespace(talking_since=0.0, ended_at=1.5, phone=SimpleNamespace(frequency_hz=hz))
        for hz in (CALLER_HZ, AGENT_HZ)
    ]
    return cast(
        Visit,
        SimpleNamespace(
            plan=plan,
            outcome="answered",
            unheard=[],
            agent="anna",
            phone=calls[0].phone,
            call=calls[0],
            agent_call=calls[1],
        ),
    )


@pytest.mark.parametrize("count", [0, 1, 2])
def test_the_judge_counts_the_recordings_of_a_call(tmp_path: Path, count: int) -> None:
    told = {"from_number": "100", "queue": "sales", "outcome": "answered", "agent": "anna"}
    rows = [
        {**recording(tmp_path / f"{name}.wav", samples(CALLER_HZ), samples(AGENT_HZ)), "from_number": "100"}
        for name in range(count)
    ]
    verdict = judge([answered("100")], [told], rows)
    assert verdict.figures.recordings == (count == 1)
    assert (f"call of 100 to sales: {count} recordings" in verdict.complaints) == (count != 1)
    assert bool(verdict.complaints) == (count != 1)


def test_what_a_phone_hears() -> None:
    def problems(heard: array[int]) -> int:
        return len(tone_problems("it heard", heard, RATE_HZ, AGENT_HZ, CALLER_HZ, TALKED_S))

    assert problems(samples(AGENT_HZ)) == 0
    assert problems(silence(1.0)) == 1
    assert problems(array("h")) == 1
    assert problems(samples(CALLER_HZ)) == 2
    assert problems(samples(AGENT_HZ, CALLER_HZ)) >= 1
    assert problems(samples(AGENT_HZ, seconds=0.3) + silence(0.7)) == 1, "a burst, then nothing"
    assert problems(samples(AGENT_HZ, seconds=0.3)) == 1, "packets stopped coming"


def test_a_leak_whose_phase_jumps_is_found() -> None:
    """Over the whole second the two halves of the other's tone, in opposite phase, would cancel out."""
    both = samples(AGENT_HZ, CALLER_HZ, seconds=0.5)
    turned = array("h", [a - c for a, c in zip(tone_of(AGENT_HZ), tone_of(CALLER_HZ), strict=True)])
    (problem,) = tone_problems("it heard", both + turned, RATE_HZ, AGENT_HZ, CALLER_HZ, 0.0)
    assert f"of {CALLER_HZ} Hz" in problem


def tone_of(freq_hz: int) -> list[int]:
    return [value // 2 for value in samples(freq_hz, seconds=0.5)]


def test_a_recording_that_stopped_early(tmp_path: Path) -> None:
    row = recording(tmp_path / "x.wav", samples(CALLER_HZ, seconds=0.5), samples(AGENT_HZ, seconds=0.5))
    assert len(recording_problems([row], CALLER_HZ, AGENT_HZ, TALKED_S)) == 2


GOOD = {"calls": 10, "answered": 8, "abandoned": 2, "two_way_audio": 8, "recordings": 8, "cdrs": 10}


def test_good_figures_have_no_broken_condition() -> None:
    assert broken_conditions(Figures(**GOOD)) == []


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"answered": 7, "abandoned": 3, "two_way_audio": 7, "recordings": 7}, "80 %"),
        ({"abandoned": 1}, "is not 10 calls"),
        ({"cdrs": 9}, "9 call records for 10 calls"),
        ({"cdrs": 11}, "11 call records for 10 calls"),
        ({"two_way_audio": 7}, "two-way audio in 7 of 8"),
        ({"recordings": 9}, "recordings of 9 of 8"),
    ],
)
def test_each_condition_can_break_alone(wrong: dict[str, int], told: str) -> None:
    (broken,) = broken_conditions(Figures(**GOOD | wrong))
    assert told in broken


def test_no_tone_is_an_overtone_of_another() -> None:
    tones_hz = sorted((*AGENT_TONES_HZ, *CALLER_TONES_HZ))
    assert len(set(tones_hz)) == len(tones_hz)
    for low, high in combinations(tones_hz, 2):
        assert high % low, f"{high} Hz is an overtone of {low} Hz"
    assert max(AGENT_TONES_HZ) < 1000 < min(CALLER_TONES_HZ)
