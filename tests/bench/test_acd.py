"""python -m bench acd: every figure, and a small floor that behaves."""

from __future__ import annotations

import argparse

import pytest

from bench import acd


def test_every_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acd, "SIZES", ((50, 5), (100, 10), (200, 20)))
    monkeypatch.setattr(acd, "EVENTS", 50)
    monkeypatch.setattr(acd, "DAY_CALLS", 2000)
    monkeypatch.setattr(acd, "DAY_AGENTS", 60)
    result = acd.run(argparse.Namespace(rounds=1), lambda text: None)
    assert result.valid, result.problems
    figures = {name: summary.median for name, summary in result.summaries["softswitch"].items()}
    assert set(figures) == {"decision_us_p50", "decision_us_p99", "growth_slope", "simulated_calls_per_s"}
    assert 0 < figures["decision_us_p50"] <= figures["decision_us_p99"]
    assert figures["simulated_calls_per_s"] > 0
