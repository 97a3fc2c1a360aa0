"""Erased subjects in the views: every row that has the number says which subject it was instead."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping

from softswitch.store.told import Told

_WHOLE = (
    ("calls", "from_number"), ("calls", "to_number"), ("legs", "address"), ("number_intervals", "to_number"),
    ("calls", "sip_call_id"), ("legs", "sip_call_id"),
)  # fmt: skip
_WITHIN = (("alarms", "message"), ("configuration_changes", "change"), ("calls", "source"),
           ("audit", "subject"), ("audit", "data"))
"""Columns in which a number may stand in a longer text."""


def know_subjects(db: sqlite3.Connection, numbers: Mapping[str, str]) -> None:
    """Remember which number each subject is, before facts with it become rows."""
    if numbers:
        db.execute("BEGIN IMMEDIATE")
        db.executemany("INSERT OR REPLACE INTO subjects VALUES (?, ?)", numbers.items())
        db.execute("COMMIT")


def subject_erased(db: sqlite3.Connection, fact: Told) -> None:
    for subject in fact.of["subjects"]:
        for (number,) in db.execute("DELETE FROM subjects WHERE subject = ? RETURNING number",
                                    (subject,)).fetchall():
            _erase(db, number, f"erased:{subject}")


def _erase(db: sqlite3.Connection, number: str, left: str) -> None:
    for table, column in _WHOLE:
        db.execute(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", (left, number))
    alone = re.compile(rf"(?<!\w){re.escape(number)}(?!\w)")
    for table, column in _WITHIN:
        for rowid, text in db.execute(f"SELECT rowid, {column} FROM {table} WHERE instr({column}, ?)",
                                      (number,)).fetchall():
            changed = alone.sub(left, text)
            db.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (changed, rowid))
