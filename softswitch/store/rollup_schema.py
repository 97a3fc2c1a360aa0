"""Tables of the roll-ups: sums by quarter of an hour, of which every report is made.

`interval_at` is the beginning of the quarter, UTC seconds. A name that is not known is the empty text, so
that it can be part of the key. docs/database.md tells what every column means.
"""

from __future__ import annotations

from softswitch.store.histogram import COLUMNS

_WAITS: dict[str, type] = {
    "offered": int, "answered": int, "abandoned": int, "short_abandoned": int, "sent_on": int,
    "in_time": int, "repeated": int, "waited_s": float, "answer_s": float, "abandon_s": float,
    "wait_max_s": float, **dict.fromkeys(COLUMNS, int),
}  # fmt: skip

ROLLUPS: dict[str, tuple[dict[str, type], dict[str, type]]] = {
    "queue_intervals": ({"interval_at": int, "queue": str}, _WAITS),
    "skill_intervals": ({"interval_at": int, "skill": str}, _WAITS),
    "agent_intervals": ({"interval_at": int, "agent": str, "queue": str}, {
        "offers": int, "answered": int, "missed": int, "refused": int, "withdrawn": int, "ring_s": float,
        "talk_s": float, "hold_s": float, "held_s": float, "transfer_s": float, "wrap_up_s": float,
        "transfers": int,
    }),
    "agent_time_intervals": ({"interval_at": int, "agent": str, "status": str, "state": str}, {
        "seconds": float,
    }),
    "trunk_intervals": ({"interval_at": int, "trunk": str}, {
        "inbound": int, "outbound": int, "answered": int, "seconds": float, "most_at_once": int,
    }),
    "flow_intervals": ({"interval_at": int, "flow": str, "step": str}, {"times": int, "calls": int}),
    "number_intervals": ({"interval_at": int, "to_number": str}, {
        "calls": int, "talked": int, "abandoned": int, "repeated": int, "wait_s": float, "talk_s": float,
    }),
    "reason_intervals": ({"interval_at": int, "queue": str, "reason": str, "outcome": str}, {
        "calls": int, "wait_s": float, "talk_s": float,
    }),
    "estimate_intervals": ({"interval_at": int, "queue": str}, {
        "judged": int, "hits": int, "shorter": int, "longer": int, "width_s": float, "waited_s": float,
    }),
    "survey_intervals": ({"interval_at": int, "queue": str, "agent": str, "question": str}, {
        "answers": int, "score": float, "satisfied": int,
    }),
    "disposition_intervals": ({"interval_at": int, "queue": str, "agent": str, "disposition": str}, {
        "calls": int,
    }),
}  # fmt: skip
"""By table: the columns of the key, and what is counted."""

DETAILS: dict[str, dict[str, type]] = {
    "surveys": {
        "log_position": int, "call": str, "queue": str, "agent": str, "question": str, "score": float,
        "at": float,
    },
    "dispositions": {
        "log_position": int, "call": str, "queue": str, "agent": str, "disposition": str, "at": float,
        "note": str,
    },
}  # fmt: skip


def statements() -> list[str]:
    """What makes the tables, in SQL: sums without a row id, since the key is all that is asked for."""
    types = {int: "INTEGER", float: "FLOAT", str: "TEXT"}
    made = []
    for name, (key, counted) in ROLLUPS.items():
        columns = [f"{column} {types[of]} NOT NULL" for column, of in key.items()]
        columns += [f"{column} {types[of]} NOT NULL DEFAULT 0" for column, of in counted.items()]
        columns.append(f"PRIMARY KEY ({', '.join(key)})")
        made.append(f"CREATE TABLE IF NOT EXISTS {name} ({', '.join(columns)}) WITHOUT ROWID")
    return made
