"""python -m bench smoke: what it says is dearer, and that its yardstick is one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import smoke
from bench.__main__ import main
from bench.calibration import Calibration
from bench.harness import Result
from bench.output import as_json, print_table

KEPT = {"call": [100.0, 102.0, 98.0], "tick": [10.0, 10.0, 10.0]}


def judged(call: float, tick: float) -> Result:
    return smoke.judged({"call": [call], "tick": [tick]}, KEPT)


def test_a_quarter_more_is_allowed(capsys: pytest.CaptureFixture[str]) -> None:
    result = judged(125.0, 12.5)
    assert (result.valid, result.dearer) == (True, ())
    print_table(result)
    assert "call_change" in capsys.readouterr().out
    assert json.loads(as_json(result))["figures"]["call_change"] == 1.25


def test_what_is_dearer_is_told_with_both_medians_and_spreads(capsys: pytest.CaptureFixture[str]) -> None:
    result = judged(130.0, 9.0)
    assert result.dearer == ("call is 30 % dearer: 130 (130 to 130), was 100 (98 to 102)",)
    print_table(result)
    assert result.dearer[0] in capsys.readouterr().out
    assert json.loads(as_json(result))["dearer"] == [*result.dearer]


def test_one_window_does_not_decide() -> None:
    result = smoke.judged({"call": [100.0, 101.0, 900.0], "tick": [10.0]}, KEPT)
    assert result.dearer == ()


def test_another_kind_of_machine_has_no_figures(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(smoke, "BASELINE", tmp_path / "baseline.json")
    assert main(["smoke"]) == 2
    assert f"({smoke.kind_of_machine()}): give --update" in capsys.readouterr().err


def test_what_is_measured_is_kept_and_compared_with(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The status tells a script: costs that are the yardstick's times 1, then times 2."""
    factor = 1.0

    class Steady(Calibration):
        def taken_ms(self) -> float:
            return 2.0

    monkeypatch.setattr(smoke, "BASELINE", tmp_path / "baseline.json")
    monkeypatch.setattr(smoke, "Calibration", Steady)
    monkeypatch.setattr(smoke, "MEASURES", {"call": lambda: iter([factor * 6.0] * 3)})
    assert main(["smoke", "--update"]) == 0
    assert json.loads((tmp_path / "baseline.json").read_text())[smoke.kind_of_machine()] == {
        "call": [3.0] * 3
    }
    assert main(["smoke"]) == 0
    factor = 2.0
    assert main(["smoke"]) == 1
    assert "call is 100 % dearer" in capsys.readouterr().out


def test_every_measure_has_kept_figures() -> None:
    for kept in json.loads(smoke.BASELINE.read_text()).values():
        assert kept.keys() == smoke.MEASURES.keys()
        assert all(len(values) == smoke.WINDOWS and min(values) > 0 for values in kept.values())


def test_the_yardstick_works_until_it_is_not_needed() -> None:
    with Calibration() as calibration:
        assert calibration.taken_ms() > 0
        assert calibration.taken_ms() > 0
    assert calibration._process.returncode == 0
