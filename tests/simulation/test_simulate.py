"""softswitch simulate: the command, its comparison of two configurations, and the load of a day that was."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from softswitch.cli.main import main
from softswitch.config import Agent, Centre, Queue, TimelineStep
from softswitch.config.callback import CallbackSettings
from softswitch.config.errors import ConfigError
from softswitch.simulation.day import Day
from softswitch.simulation.load import Load
from softswitch.simulation.study import load_of_day, study

CENTRE = """
users: {u1: {password: x}, u2: {password: x}, u3: {password: x}}
queues:
  sales: {wrap_up_s: 5, max_wait_s: 300}
agents:
  ann: {user: u1, queues: [sales]}
  bob: {user: u2, queues: [sales]}
"""
LOAD = (
    "{hours: 4, answer_s: 3, missed: 0.05, queues: {sales: {calls_per_h: 50, handle_s: 120, patience_s: 60}}}"
)


def command(tmp_path: Path, *words: str, load: str = LOAD, centre: str = CENTRE) -> Result:
    (tmp_path / "load.yaml").write_text(load)
    (tmp_path / "centre.yaml").write_text(centre)
    (tmp_path / "more.yaml").write_text(centre + "  cid: {user: u3, queues: [sales]}\n")
    paths = [str(tmp_path / word) if "." in word else word for word in words]
    return CliRunner().invoke(main, ["simulate", *paths])


def test_one_more_agent_is_compared_with_the_same_callers(tmp_path: Path) -> None:
    words = ("load.yaml", "--centre", "centre.yaml", "--against", "more.yaml", "--days", "3")
    told = json.loads(command(tmp_path, *words, "--json").stdout)
    now, then = told["now"]["queues"][0], told["against"]["queues"][0]
    assert now["offered"] == then["offered"] > 100
    assert then["service_level"] > now["service_level"] + 0.1
    assert then["abandon_rate"] < now["abandon_rate"] / 2
    assert told["against"]["occupancy"] < told["now"]["occupancy"]
    assert json.loads(command(tmp_path, *words, "--json").stdout) == told, "the same seeds, the same days"
    shown = command(tmp_path, *words).stdout
    assert f"{now['service_level']:.1%}" in shown and "Mean of 3 days" in shown


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_a_plot(tmp_path: Path, kind: str) -> None:
    words = ("load.yaml", "--centre", "centre.yaml", "--against", "more.yaml", "--days", "1")
    result = command(tmp_path, *words, "--plot", f"wait.{kind}")
    assert result.exit_code == 0, result.output
    beginning = (tmp_path / f"wait.{kind}").read_bytes()[:200]
    assert beginning.startswith(b"\x89PNG" if kind == "png" else b"<?xml")


@pytest.mark.parametrize(
    ("load", "says"),
    [
        (
            "{queues: {sale: {calls_per_h: 5}}}",
            "load.yaml:1: queues.sale: there is no queue 'sale'; did you mean sales?",
        ),
        ("{queues: {sales: {calls_per_h: -5}}}", "load.yaml:1: queues.sales.calls_per_h"),
        ("{hours: 2, warm_up_h: 2, queues: {sales: {calls_per_h: 5}}}", "nothing would be counted"),
        ("{queues: {sales: {calls_per_h: 5, require: french >}}}", "cannot be read"),
        ("{queues: {sales: {calls_per_h: 5, patience: 3}}}", "patience"),
    ],
)
def test_a_load_with_a_mistake_is_one_line(tmp_path: Path, load: str, says: str) -> None:
    result = command(tmp_path, "load.yaml", "--centre", "centre.yaml", load=load)
    assert result.exit_code == 1
    assert says in result.stderr and len(result.stderr.splitlines()) == 1, result.stderr


def test_no_load_is_a_mistake(tmp_path: Path) -> None:
    assert "give a LOAD file or --like-day DATE" in command(tmp_path, "--days", "3").stderr


def small(**settings: Any) -> tuple[Centre, Load]:
    agents = {
        name: Agent.model_validate({"name": name, "user": name, "queues": ["q"], **given})
        for name, given in settings.pop("agents", {"ann": {}}).items()
    }
    queue = Queue.model_validate({"name": "q", "wrap_up_s": 0, **settings})
    load = {"hours": 2, "queues": {"q": {"calls_per_h": 30, "handle_s": 60}}}
    return Centre(queues={"q": queue}, agents=agents), Load.model_validate(load)


def test_every_caller_has_an_end() -> None:
    centre, load = small(max_wait_s=30)
    row = Day(centre, load, 1).run().rows()[0]
    assert row["offered"] == row["answered"] + row["abandoned"] + row["sent_on"] > 40
    assert row["sent_on"] > 0


def test_callbacks_count_once_and_none_is_left() -> None:
    centre, _ = small(
        agents={"ann": {}, "bob": {}, "cid": {}},
        callback=CallbackSettings(retry_s=60, attempts=2),
        timeline=(TimelineStep(after_s=30, callback=True),),
    )
    callers = {"calls_per_h": 90, "handle_s": 120, "patience_s": 120}
    takes = {"callback": 0.7, "callback_missed": 0.3}
    load = Load.model_validate({"hours": 6, "queues": {"q": {**callers, **takes}}})
    day = Day(centre, load, 3)
    (row,) = day.run().rows()
    ends = ("answered", "abandoned", "sent_on", "callbacks_failed")
    assert sum(row[end] for end in ends) == row["offered"] > 100
    assert row["callbacks_failed"] and day._acd.callbacks.open == {}
    never = Load.model_validate({"hours": 6, "queues": {"q": callers}})
    without = Day(centre, never, 3).run().rows()[0]
    assert row["abandoned"] < without["abandoned"]


def test_experts_are_faster() -> None:
    agents = {"ann": {"skills": {"expert": 5}}, "bob": {}}
    centre, load = small(agents=agents, strategy="top_down")
    quick = load.model_copy(update={"queues": {"q": load.queues["q"].model_copy(
        update={"handle_by_skill": {"expert": 10.0}})}})  # fmt: skip
    assert study(centre, quick, [1])["occupancy"] < study(centre, load, [1])["occupancy"] * 0.7


def test_calls_come_when_the_load_says() -> None:
    centre, load = small(agents={f"a{n}": {} for n in range(20)})
    day = load.model_copy(update={"queues": {"q": load.queues["q"].model_copy(
        update={"calls_per_h": (0.0, 200.0, 0.0, 0.0)})}})  # fmt: skip
    played = Day(centre, day, 1)
    arrivals = []
    played.tally.arrived = lambda queue, now: arrivals.append(now)  # type: ignore[method-assign]
    played.run()
    assert len(arrivals) > 70 and all(1800 <= when < 3600 for when in arrivals)


def test_the_load_of_a_day_that_was() -> None:
    db = sqlite3.connect(":memory:")
    db.execute("create table queue_calls (queue, queued_at, waited_s, outcome)")
    db.execute("create table calls (queue, started_at, talk_s)")
    db.executemany(
        "insert into queue_calls values ('q', ?, ?, ?)",
        [(100 + n, 20.0, "answered" if n % 4 else "abandoned") for n in range(120)]
        + [(90_000, 1.0, "answered")],
    )
    db.executemany("insert into calls values ('q', 200, ?)", [(100.0,), (200.0,), (0.0,)])
    load = load_of_day(db, 0, 86_400)
    assert load.hours == 24 and load.queues["q"].calls_per_h == (120.0, *[0.0] * 23)
    assert (load.queues["q"].handle_s, load.queues["q"].patience_s) == (150.0, 80.0)
    with pytest.raises(ConfigError, match="no call was queued"):
        load_of_day(db, 200_000, 300_000)
