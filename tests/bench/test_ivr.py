"""python -m bench ivr: every figure, with a few callers for a moment."""

from __future__ import annotations

import argparse

import pytest

from bench import ivr, ivr_steps


def test_every_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ivr_steps, "KEYS", 3)
    result = ivr.run(argparse.Namespace(rounds=1, callers=8, seconds=3), lambda text: None)
    assert result.valid, result.problems
    figures = {name: summary.median for name, summary in result.summaries["softswitch"].items()}
    names = {"step_us_p50", "step_us_p99", "callers", "keys", "prompt_start_ms_p50", "prompt_start_ms_p99"}
    assert set(figures) == names | {"cpu_switch", "cpu_media"}
    assert 0 < figures["step_us_p50"] <= figures["step_us_p99"]
    assert figures["callers"] == 8 and figures["keys"] >= 20
    assert 0 < figures["prompt_start_ms_p50"] <= figures["prompt_start_ms_p99"]
