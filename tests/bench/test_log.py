"""python -m bench log: every figure, on a small scale."""

from __future__ import annotations

import argparse

import pytest

from bench import log


def test_every_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "EVENTS_S": 0.5, "SUBSCRIBERS": 5, "RATES": (500,), "RATE_S": 1.0, "MONTH_CALLS": 100_000,
        "SIZE_CALLS": 50, "BEHIND_S": 5.0, "MONTH_QUEUES": 2,
    }.items():  # fmt: skip
        monkeypatch.setattr(log, name, value)
    result = log.run(argparse.Namespace(rounds=1), lambda text: None)
    assert result.valid, result.problems
    figures = {name: summary.median for name, summary in result.summaries["softswitch"].items()}
    assert set(figures) == {
        "facts_per_call", "event_ms_p50", "event_ms_p99", "frames_per_s", "events_per_s", "views_behind_s",
        "report_month_s", "mib_per_100k_calls", "journal_mib_per_100k_calls",
    }  # fmt: skip
    assert all(value > 0 for name, value in figures.items() if name != "views_behind_s")
