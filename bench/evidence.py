"""What the calls of a run left behind, on both sides: at SIPp and the voices, and in the call records.

The two must agree before any figure counts: a call that only one side saw was not measured, but lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bench.load import Load
from bench.sipp import CallCounts, elapsed_ms
from bench.system import System
from softswitch.store import queries

MARKS = ("invite", "answered", "digit", "ring")
QUIET_TIMEOUT_S = 5.0
VIEWS_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """Calls as seen by SIPp, by the voices and by the call records; times in ms, `ended_at` in UTC."""

    callers: CallCounts
    agents: CallCounts
    heard: dict[str, Any]
    records: list[dict[str, Any]]
    recordings: list[dict[str, Any]]
    setup_ms: list[float]
    digit_to_ring_ms: list[float]
    complaints: str
    quiet: bool
    views_current: bool

    @property
    def ended_at(self) -> list[float]:
        return [record["ended_at"] for record in self.records]

    @property
    def answered(self) -> int:
        return sum(record["outcome"] == "answered" for record in self.records)

    @property
    def rtp_received(self) -> int:
        return int(self.heard["callers"]["received"] + self.heard["agents"]["received"])

    @property
    def rtp_lost(self) -> int:
        return int(self.heard["callers"]["lost"] + self.heard["agents"]["lost"])

    @property
    def rtp_gap_ms(self) -> float:
        return 1000 * float(max(self.heard["callers"]["gap_s"], self.heard["agents"]["gap_s"]))

    @property
    def retransmissions(self) -> int:
        return self.callers.retransmitted + self.agents.retransmitted

    def failed(self, calls: int, record: bool) -> int:
        """How many of `calls` calls at least one witness did not see through to its good end."""
        return max(0, calls - min(self.counted(record).values()))

    def counted(self, record: bool) -> dict[str, int]:
        """Good calls, by what or who counted them."""
        counted = {
            "calls that SIPp's callers finished": self.callers.successful,
            "calls that SIPp's agents finished": self.agents.successful,
            "call records": len(self.records),
            "call records with outcome answered": self.answered,
            "set-up times": len(self.setup_ms),
            "times from digit to phone": len(self.digit_to_ring_ms),
            "callers who heard an agent": self.heard["callers"]["two_way"],
            "agents who heard a caller": self.heard["agents"]["two_way"],
        }
        if record:
            counted["complete recordings"] = sum(
                row["finished_at"] is not None and not row["error"] for row in self.recordings
            )
        return counted

    def problems(self, calls: int, record: bool) -> tuple[str, ...]:
        """Why the run counts for nothing; empty when everybody saw the same `calls` calls."""
        counted = self.counted(record)
        found = [f"{what}: {count} of {calls}" for what, count in counted.items() if count != calls]
        if not self.quiet:
            found.append(f"calls or recordings still went on {QUIET_TIMEOUT_S:g} s after the last hang-up")
        if not self.views_current:
            found.append(f"the call records were not complete after {VIEWS_TIMEOUT_S:g} s")
        if self.heard["dropped"]:
            found.append(f"this machine was too busy to listen: {self.heard['dropped']} packets unread")
        return (*found, self.complaints) if found and self.complaints else tuple(found)


def gather(under_test: System, load: Load) -> Evidence:
    """Read everything that a finished run left."""
    quiet = under_test.wait_until_quiet(QUIET_TIMEOUT_S)
    current = queries.wait_until_current(under_test.state_dir, VIEWS_TIMEOUT_S)
    views = queries.open_views(under_test.state_dir)
    try:
        records = queries.list_calls(views, direction="inbound", limit=-1)
        recordings = queries.list_recordings(views, limit=-1)
    finally:
        views.close()
    callers, agents = load.callers, load.agents
    counts = callers.counts(), agents.counts()
    complaints = [
        sipp.output() for sipp, count in zip((callers, agents), counts, strict=True) if count.failed
    ]
    marks: dict[str, dict[str, float]] = {mark: {} for mark in MARKS} | callers.marks() | agents.marks()
    return Evidence(
        *counts,
        heard=load.heard,
        records=records,
        recordings=recordings,
        setup_ms=elapsed_ms(marks["invite"], marks["answered"]),
        digit_to_ring_ms=elapsed_ms(marks["digit"], marks["ring"]),
        complaints="\n".join([*complaints, under_test.log()]).strip(),
        quiet=quiet,
        views_current=current,
    )
