"""What callers answered after a call, and what agents noted about it, as rows and sums.

`survey_answered`: `call`, `question` and `score` (1 to 5), with `queue` and `agent` where they are known.
`disposition_set`: `call`, `disposition` (a code of the centre), `agent`, `queue`, `note`, `by`; the last one
of an agent counts.
"""

from __future__ import annotations

import sqlite3

from softswitch.store.rollups import SATISFIED_SCORE, add, quarter
from softswitch.store.told import Told


def survey_answered(db: sqlite3.Connection, fact: Told) -> None:
    of, score = fact.of, float(fact.of["score"])
    said = (of.get("queue") or "", of.get("agent") or "", of.get("question") or "")
    db.execute("INSERT INTO surveys VALUES (?, ?, ?, ?, ?, ?, ?)",
               (fact.position, of["call"], *said, score, fact.at))
    key = dict(zip(("interval_at", "queue", "agent", "question"), (quarter(fact.at), *said), strict=True))
    counts = {"answers": 1, "score": score, "satisfied": int(score >= SATISFIED_SCORE)}
    add(db, "survey_intervals", key, counts)


def disposition_set(db: sqlite3.Connection, fact: Told) -> None:
    of, agent = fact.of, fact.of.get("agent") or ""
    former = db.execute("DELETE FROM dispositions WHERE call = ? AND agent = ?"
                        " RETURNING queue, disposition, at", (of["call"], agent)).fetchall()
    for queue, disposition, at in former:
        _count(db, at, queue, agent, disposition, -1)
    queue, disposition = of.get("queue") or "", of["disposition"]
    db.execute("INSERT INTO dispositions VALUES (?, ?, ?, ?, ?, ?, ?)",
               (fact.position, of["call"], queue, agent, disposition, fact.at, of.get("note")))
    _count(db, fact.at, queue, agent, disposition, 1)


def _count(db: sqlite3.Connection, at: float, queue: str, agent: str, disposition: str, calls: int) -> None:
    key = {"interval_at": quarter(at), "queue": queue, "agent": agent, "disposition": disposition}
    add(db, "disposition_intervals", key, {"calls": calls})
