"""Every figure of the reports, counted by hand from a written-out day."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from softswitch.store.histogram import ERROR
from softswitch.store.queries import open_views
from softswitch.store.report_columns import REPORT_COLUMNS
from softswitch.store.reports import REPORTS, Period, TooManyRows
from tests.store.facts import Fact, copy_all, fact, journal

MIDNIGHT = time.mktime((2026, 1, 12, 0, 0, 0, 0, 0, -1))
NINE, TEN = MIDNIGHT + 9 * 3600, MIDNIGHT + 10 * 3600


class Day:
    """Facts at times of one day."""

    def __init__(self, state_dir: Path) -> None:
        self.at = MIDNIGHT
        self.state_dir = state_dir
        self.log = journal(state_dir, wall=lambda: self.at, monotonic=lambda: self.at)

    def tell(self, at: float, *facts: Fact) -> None:
        self.at = at
        self.log.append(facts)

    def queued(self, call: str, at: float, waited: float, outcome: str, **settings: Any) -> None:
        queue = settings.get("queue", "sales")
        caller = settings.get("by", "1")
        self.tell(at, fact("call_started", call=call, direction="inbound", from_number=caller,
                           to_number="100", source="trunk:carrier"),
                  fact("leg_started", call=call, leg=f"{call}.l1", direction="inbound", trunk="carrier"),
                  fact("flow_step", call=call, flow="main", step="menu"),
                  fact("call_queued", call=call, queue=queue))  # fmt: skip
        if outcome == "answered":
            self.tell(at, fact("leg_answered", call=call, leg=f"{call}.l1"))
        self.tell(at + waited, fact("queue_left", call=call, queue=queue, outcome=outcome, waited_s=waited,
                                    service_level_s=settings.get("level", 20)))  # fmt: skip
        reason = "normal_hang_up_caller" if outcome == "answered" else "abandoned_in_queue"
        self.tell(at + waited + 30, fact("leg_ended", call=call, leg=f"{call}.l1", reason=reason),
                  fact("call_ended", call=call, reason=reason, outcome=outcome, wait_s=waited,
                       talk_s=30.0 if outcome == "answered" else 0.0, duration_s=waited + 30))  # fmt: skip

    def views(self) -> sqlite3.Connection:
        self.log.close()
        copy_all(self.state_dir)
        return open_views(self.state_dir)


def report(
    db: sqlite3.Connection, name: str, by: str = "", until: float = MIDNIGHT + 86400
) -> list[dict[str, Any]]:
    rows = REPORTS[name].run(db, Period(MIDNIGHT, until, by))
    columns = [*(["interval"] if by and name != "timeline" else []), *REPORT_COLUMNS[name]]
    assert all([*row] == columns for row in rows), "the table of columns says something else"
    return rows


def test_queues(tmp_path: Path) -> None:
    day = Day(tmp_path)
    for number, (waited, outcome) in enumerate(
        [(4, "answered"), (10, "answered"), (20, "answered"), (21, "answered"),
         (3, "abandoned"), (5, "abandoned"), (40, "abandoned"), (60, "timeout")]
    ):  # fmt: skip
        day.queued(f"c{number}", NINE + 200 * number, waited, outcome)
    day.queued("other", TEN, 1, "answered", queue="support")
    sales, support = report(day.views(), "queues")
    assert sales == {
        "queue": "sales", "offered": 8, "answered": 4, "abandoned": 3, "short_abandoned": 2, "sent_on": 1,
        "repeated": 7, "service_level": 3 / 6, "abandon_rate": 1 / 6, "wait_s": 163 / 8,
        "speed_of_answer_s": 55 / 4, "wait_p50_s": pytest.approx(10, rel=ERROR),
        "wait_p90_s": pytest.approx(21, rel=ERROR), "wait_p95_s": pytest.approx(21, rel=ERROR),
        "wait_max_s": 60, "abandon_s": 16,
        "talk_s": None, "hold_s": None, "wrap_up_s": None, "handle_s": None,
        "transfers": 0, "satisfaction": None,
    }  # fmt: skip
    assert (support["queue"], support["offered"], support["service_level"]) == ("support", 1, 1.0)


def test_by_hour_and_the_level_that_held_then(tmp_path: Path) -> None:
    day = Day(tmp_path)
    day.queued("c1", NINE + 3599, 25, "answered", level=20)
    day.queued("c2", TEN, 25, "answered", level=30)
    db = day.views()
    rows = report(db, "queues", "hour")
    assert [(row["interval"], row["service_level"]) for row in rows] == [
        ("2026-01-12 09:00", 0.0), ("2026-01-12 10:00", 1.0),
    ]  # fmt: skip
    assert [row["interval"] for row in report(db, "queues", "day")] == ["2026-01-12"]
    assert [row["interval"] for row in report(db, "queues", "month")] == ["2026-01"]
    assert [row["offered"] for row in report(db, "queues", until=TEN)] == [1], "the end is not within"


def test_who_still_waits_is_not_offered_yet(tmp_path: Path) -> None:
    day = Day(tmp_path)
    day.tell(NINE, fact("call_started", call="c1"), fact("call_queued", call="c1", queue="sales"))
    assert report(day.views(), "queues") == []


def test_agents(tmp_path: Path) -> None:
    day = Day(tmp_path)
    call: dict[str, Any] = {"call": "c1", "leg": "c1.l2"}
    offers = [{"call": "c1", "queue": "sales", "agent": "ann", "offer": f"o{number}"} for number in range(4)]
    outcomes = ("accepted", "no_answer", "rejected", "busy")
    said = {"call": "c1", "agent": "ann", "queue": "sales"}
    for at, facts in {
        0: [fact("agent_signed_in", agent="ann", user="u"),
            fact("agent_status_changed", agent="ann", status="available", reason=""),
            fact("agent_state_changed", agent="ann", state="idle", reason="")],
        100: [fact("agent_state_changed", agent="ann", state="ringing", reason=""),
              fact("call_started", call="c1"), fact("call_queued", call="c1", queue="sales"),
              fact("leg_started", **call, direction="outbound", agent="ann", user="u"),
              *(fact("offer_made", **offer) for offer in offers),
              *(fact("offer_ended", **offer, outcome=outcome)
                for offer, outcome in zip(offers, outcomes, strict=True))],
        110: [fact("agent_state_changed", agent="ann", state="talking", reason=""),
              fact("call_bridged", **call, agent="ann", queue="sales")],
        150: [fact("leg_held", **call)],
        170: [fact("leg_resumed", **call)],
        200: [fact("bridge_ended", **call, talk_s=90.0), fact("call_transferred", call="c1", by="user:u"),
              fact("agent_state_changed", agent="ann", state="wrap_up", reason=""),
              fact("wrap_up_started", agent="ann", call="c1"),
              fact("survey_answered", **said, question="service", score=4),
              fact("survey_answered", **said, question="service", score=1),
              fact("disposition_set", **said, disposition="sold"),
              fact("disposition_set", **said, disposition="thinks", note="Monday")],
        230: [fact("wrap_up_ended", agent="ann", call="c1"),
              fact("agent_state_changed", agent="ann", state="idle", reason="")],
        300: [fact("agent_status_changed", agent="ann", status="on_break", reason="lunch")],
        900: [fact("agent_signed_out", agent="ann", user="u", reason="signed_out")],
    }.items():  # fmt: skip
        day.tell(NINE + at, *facts)
    db = day.views()
    (ann,) = report(db, "agents")
    assert ann == {
        "agent": "ann", "offers": 4, "answered": 1, "missed": 1, "refused": 2, "talk_s": 70.0, "hold_s": 20.0,
        "wrap_up_s": 30.0, "handle_s": 120.0, "transfers": 1, "signed_in_s": 900.0, "available_s": 170.0,
        "break_s": 600.0, "occupancy": pytest.approx(130 / 300), "satisfaction": 0.5,
    }  # fmt: skip
    assert report(db, "surveys") == [
        {"queue": "sales", "question": "service", "answers": 2, "mean_score": 2.5, "satisfaction": 0.5}]
    assert report(db, "dispositions") == [{"queue": "sales", "disposition": "thinks", "calls": 1}]
    noted = db.execute("SELECT disposition, note FROM dispositions").fetchall()
    assert [tuple(row.values()) if isinstance(row, dict) else tuple(row) for row in noted] == [
        ("thinks", "Monday")]
    lunch = report(db, "timeline")[-1]
    assert (lunch["agent"], lunch["status"], lunch["reason"], lunch["seconds"]) == (
        "ann", "on_break", "lunch", 600)


def test_time_is_divided_among_the_intervals_and_what_goes_on_counts_until_now(tmp_path: Path) -> None:
    day = Day(tmp_path)
    day.tell(NINE + 3000, fact("agent_signed_in", agent="ann", user="u"),
             fact("agent_status_changed", agent="ann", status="available", reason=""),
             fact("agent_state_changed", agent="ann", state="idle", call=None))
    day.tell(TEN + 600, fact("agent_status_changed", agent="ann", status="on_break", reason="tea"))
    db = day.views()
    span = Period(MIDNIGHT, MIDNIGHT + 86400, "hour", now=TEN + 1000)
    rows = REPORTS["agents"].run(db, span)
    found = [(row["interval"][-5:], row["signed_in_s"], row["break_s"]) for row in rows]
    assert found == [("09:00", 600, 0), ("10:00", 1000, 400)]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "Australia/Adelaide", "America/St_Johns"])
def test_hours_are_those_of_the_clock_on_the_wall(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        nine = time.mktime((2026, 7, 12, 9, 0, 0, 0, 0, -1))
        day = Day(tmp_path)
        for number, late in enumerate((0, 29, 30, 59)):
            day.queued(f"c{number}", nine + 60 * late, 10, "answered")
        db = day.views()
        for by, expected in {
            "15m": [("09:00", 1), ("09:15", 1), ("09:30", 1), ("09:45", 1)],
            "30m": [("09:00", 2), ("09:30", 2)],
            "hour": [("09:00", 4)],
        }.items():
            rows = REPORTS["queues"].run(db, Period(nine - 3600, nine + 7200, by))
            assert [(row["interval"], row["offered"]) for row in rows] == [
                (f"2026-07-12 {name}", count) for name, count in expected
            ]
    finally:
        monkeypatch.undo()
        time.tzset()


def test_skills_and_one_name_only(tmp_path: Path) -> None:
    day = Day(tmp_path)
    day.tell(NINE, fact("call_started", call="c1"), fact("call_queued", call="c1", queue="sales"))
    day.tell(NINE + 7, fact("queue_left", call="c1", queue="sales", outcome="answered", waited_s=7.0,
                            skills=["dutch", "tax"]))
    db = day.views()
    assert [(row["skill"], row["answered"]) for row in report(db, "skills")] == [("dutch", 1), ("tax", 1)]
    only = REPORTS["skills"].run(db, Period(MIDNIGHT, TEN, only="tax"))
    assert [row["skill"] for row in only] == ["tax"]


def test_trunks_numbers_flows_and_reasons(tmp_path: Path) -> None:
    day = Day(tmp_path)
    for number, (caller, outcome) in enumerate([("1", "answered"), ("1", "abandoned"), ("2", "answered")]):
        day.queued(f"c{number}", NINE + 100 * number, 10, outcome, by=caller)
    db = day.views()
    (trunk,) = report(db, "trunks")
    assert (trunk["trunk"], trunk["legs"], trunk["inbound"], trunk["answered"]) == ("carrier", 3, 3, 2)
    assert trunk["answer_rate"] == pytest.approx(2 / 3) and trunk["seconds"] == pytest.approx(120)
    assert trunk["most_at_once"] == 1 and trunk["erlangs"] == pytest.approx(120 / 86400)
    (number_row,) = report(db, "numbers")
    assert (number_row["to_number"], number_row["calls"], number_row["talked"]) == ("100", 3, 2)
    assert (number_row["repeated"], number_row["abandoned"], number_row["talk_s"]) == (1, 1, 60)
    assert report(db, "flows") == [{"flow": "main", "step": "menu", "times": 3, "calls": 3}]
    assert [(row["reason"], row["calls"]) for row in report(db, "reasons")] == [
        ("abandoned_in_queue", 1), ("normal_hang_up_caller", 2),
    ]  # fmt: skip
    assert all(row["interval"] == "2026-01-12" for row in report(db, "reasons", "day"))


def test_a_callback_counts_once_with_the_whole_wait(tmp_path: Path) -> None:
    """The caller keeps the place after a minute; the first attempt misses the customer, the second not."""
    day = Day(tmp_path)
    day.queued("c1", NINE, 60, "callback")
    for call, back_s, waited, outcome in (("a1", 60, 70.0, "callback"), ("a2", 400, 430.0, "answered")):
        visit = {"call": call, "queue": "sales"}
        day.tell(NINE + back_s, fact("call_queued", **visit, callback="b1", waited_s=float(back_s)))
        left = fact("queue_left", **visit, outcome=outcome, waited_s=waited, service_level_s=20)
        day.tell(NINE + waited, left)
    db = day.views()
    (row,) = report(db, "queues")
    assert (row["offered"], row["answered"], row["abandoned"], row["sent_on"]) == (1, 1, 0, 0)
    assert row["service_level"] == 0 and row["wait_max_s"] == 430
    db.close()


def test_how_often_estimates_were_right(tmp_path: Path) -> None:
    day = Day(tmp_path)
    for number, (waited, outcome) in enumerate(((50.0, "answered"), (5.0, "answered"), (200.0, "answered"),
                                                (90.0, "answered"), (300.0, "abandoned"))):  # fmt: skip
        judged = {"call": f"c{number}", "queue": "sales", "low_s": 20.0, "high_s": 100.0}
        day.tell(NINE, fact("wait_estimate_judged", **judged, outcome=outcome, waited_s=waited))
    db = day.views()
    (row,) = report(db, "estimates")
    assert row["judged"] == 4 and row["hit_rate"] == 0.5
    assert row["shorter_rate"] == row["longer_rate"] == 0.25
    assert row["width_s"] == 80 and row["speed_of_answer_s"] == pytest.approx(86.25)
    db.close()


def test_a_report_is_not_larger_than_is_wanted(tmp_path: Path) -> None:
    day = Day(tmp_path)
    for number in range(3):
        day.queued(f"c{number}", NINE + number * 900, 5, "answered", by=f"{number}")
    db = day.views()
    assert len(REPORTS["queues"].run(db, Period(MIDNIGHT, MIDNIGHT + 86400, "15m", most=3))) == 3
    with pytest.raises(TooManyRows):
        REPORTS["queues"].run(db, Period(MIDNIGHT, MIDNIGHT + 86400, "15m", most=2))
    db.close()
