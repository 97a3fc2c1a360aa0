"""What was estimated of waits and what they came to, as sums and as a report."""

from __future__ import annotations

import sqlite3

from softswitch.store.rollups import add, quarter
from softswitch.store.told import Told


def wait_estimate_judged(db: sqlite3.Connection, fact: Told) -> None:
    """Only a wait that an agent has ended tells whether the range was right."""
    of = fact.of
    if of["outcome"] != "answered":
        return
    low_s, high_s, waited_s = (float(of[name]) for name in ("low_s", "high_s", "waited_s"))
    counts = {
        "judged": 1,
        "hits": int(low_s <= waited_s <= high_s),
        "shorter": int(waited_s < low_s),
        "longer": int(waited_s > high_s),
        "width_s": high_s - low_s,
        "waited_s": waited_s,
    }
    add(db, "estimate_intervals", {"interval_at": quarter(fact.at), "queue": of["queue"]}, counts)
