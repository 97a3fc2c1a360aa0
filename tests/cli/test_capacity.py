"""softswitch capacity: what it reckons, what it warns of, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from softswitch.capacity.costs import SUPPLIED, CannotRead, Costs, RoleCost
from softswitch.capacity.plan import Demand, plan
from softswitch.cli.main import main

COSTS = Costs(
    machine="a machine",
    date="2026-01-01",
    python_ms=5.0,
    roles={
        "switch": RoleCost(steady=0.01, per_call_a_second=0.004, per_conversation=0, per_waiting=0),
        "media": RoleCost(steady=0.1, per_call_a_second=0, per_conversation=0.001, per_waiting=0.0005),
    },
    memory_base_mib=500,
    memory_call_kib=1024,
    journal_call_bytes=20_000,
    database_call_bytes=5_000,
    recording_second_bytes=32_000,
)
DEMAND = Demand(calls_per_hour=3600, handle_s=100, agents=120, menu_s=20)


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["capacity", *words])
    told = capsys.readouterr()
    return int(ended.value.code or 0), told.out, told.err


def test_every_figure_follows_from_the_costs() -> None:
    found = plan(DEMAND, COSTS)
    assert found.conversations == 100
    assert found.waiting == pytest.approx(20 + found.mean_wait_s)
    assert found.cores_by_role["switch"] == pytest.approx(0.014)
    assert found.cores_by_role["media"] == pytest.approx(0.1 + 0.1 + 0.0005 * found.waiting)
    assert (found.cores, found.media_workers, found.warnings) == (2, 1, ())
    assert found.lines > 140
    assert found.memory_mib == pytest.approx(500 + found.lines)
    legs = found.lines + 120
    assert found.bandwidth_mbit_s == pytest.approx(legs * 0.0952)
    assert found.recordings_gib_per_day == pytest.approx(8 * 3600 * 100 * 32_000 / 2**30)
    assert found.records_mib_per_day == pytest.approx(8 * 3600 * 25_000 / 2**20)
    assert found.most_calls_per_hour == pytest.approx(3600 * 0.69 / 0.004)


def test_a_slower_machine_needs_more_and_decides_less() -> None:
    usual, slow = plan(DEMAND, COSTS), plan(DEMAND, COSTS, slowness=2.0)
    assert slow.busy_cores == pytest.approx(2 * usual.busy_cores)
    assert slow.most_calls_per_hour < 0.5 * usual.most_calls_per_hour + 1


def test_many_calls_take_many_cores() -> None:
    found = plan(replace(DEMAND, calls_per_hour=36_000, agents=None), COSTS)
    assert found.agents == found.agents_needed > 1000
    assert found.cores == -(-found.busy_cores // 0.6)
    assert found.media_workers >= 2


def test_too_few_agents_and_a_switch_beyond_its_core_are_warned_of() -> None:
    few = plan(replace(DEMAND, agents=90), COSTS)
    assert "90 agents are too few" in few.warnings[0]
    assert few.conversations == 90
    assert "miss the service level" in plan(replace(DEMAND, agents=101), COSTS).warnings[0]
    many = plan(replace(DEMAND, calls_per_hour=900_000, handle_s=5, agents=None), COSTS)
    assert "the one core that it can use" in many.warnings[0]


def test_wrap_up_keeps_agents_and_no_lines() -> None:
    with_wrap_up = plan(replace(DEMAND, wrap_up_s=50, agents=None), COSTS)
    without = plan(replace(DEMAND, agents=None), COSTS)
    assert with_wrap_up.agents > without.agents + 40
    assert with_wrap_up.conversations == without.conversations


def test_the_supplied_costs_are_whole() -> None:
    costs = Costs.read(SUPPLIED)
    assert {"switch", "media", "recorder", "store", "parent"} <= costs.roles.keys()
    assert 0 < sum(costs.cores(5, 20, 5).values()) < 2


def test_the_table_says_what_it_does_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "--calls-per-hour", "1200", "--handle", "240", "--agents", "100")
    assert status == 0
    names = ("cores", "memory", "bandwidth", "recordings", "trunk lines", "one switch decides")
    assert all(f"\n{name}" in out for name in names)
    assert "Not known:\n  network cards" in out


def test_json_has_every_figure(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--calls-per-hour", "1200", "--handle", "240", "--agents", "50", "--as-measured", "--json"]
    status, out, _ = run(capsys, *words)
    found: dict[str, Any] = json.loads(out)
    assert (status, found["mean_wait_s"], found["slowness"]) == (0, None, 1.0)
    assert found["cores"] >= 2
    assert found["unknown"] and found["warnings"]


def test_a_file_that_has_no_costs_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "costs.json"
    path.write_text('{"machine": "x"}')
    status, _, told = run(capsys, "--calls-per-hour", "1", "--handle", "1", "--costs", str(path))
    assert status == 1
    assert f"{path}: no costs" in told
    with pytest.raises(CannotRead, match="nowhere"):
        Costs.read(tmp_path / "nowhere.json")
