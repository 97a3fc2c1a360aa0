"""python -m bench api: on a small scale."""

from __future__ import annotations

import argparse

import pytest

from bench import api, api_system
from bench.api_subscribers import _frame
from bench.offered import Seen
from bench.sipp import CallCounts
from softswitch.api.event_socket import text_frame


def test_figures_of_a_system_without_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "READ_S": 0.3, "SETTLE_S": 0.1, "COMMANDS": 5, "EVENTS_S": 0.3, "SUBSCRIBERS": 5,
    }.items():  # fmt: skip
        monkeypatch.setattr(api, name, value)
    monkeypatch.setattr(api_system, "AGENTS", 2)
    options = argparse.Namespace(rounds=1, only=["reads", "commands", "events"])
    result = api.run(options, lambda text: None)
    assert result.valid, result.problems
    figures = {name: summary.median for name, summary in result.summaries["softswitch"].items()}
    assert set(figures) == {
        "reads_per_s", "reads_per_s_reached", "command_ms_p50", "command_ms_p99", "event_ms_p50",
        "event_ms_p99", "event_cpu", "frames_per_s",
    }  # fmt: skip
    assert all(value > 0 for value in figures.values())


def test_what_is_slower_is_told_as_a_share() -> None:
    """Two windows: the switch needs a tenth more for a call, and half as long again to set it up."""
    invited = {f"c{number}": number / 10 for number in range(20)}
    answered = {call: at + 0.001 * (api.PHONE_MS + (10 if at < 1 else 15)) for call, at in invited.items()}
    counts = CallCounts(20, 0, 0, 0)
    seen = Seen(20, counts, counts, {"invite": invited, "answered": answered}, "")
    figures = api.slowdown_figures(seen, [(False, 0.0, 1.0, 0.040), (True, 1.0, 2.0, 0.044)])
    assert figures["signalling_slowdown_cpu"] == pytest.approx(0.1)
    assert figures["signalling_slowdown_setup"] == figures["signalling_slowdown"] == pytest.approx(0.5)


@pytest.mark.parametrize("length", [0, 125, 126, 65_535, 65_536])
def test_frames_of_every_length(length: int) -> None:
    frame = text_frame(b"x" * length)
    assert _frame(frame + b"more") == (b"x" * length, len(frame))
    assert _frame(frame[:-1]) is None if length else True
