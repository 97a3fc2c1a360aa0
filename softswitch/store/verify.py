"""Whether the views say what the journal says, and the journal what it said when its days were sealed.

The views are built a second time and compared row by row.
"""

from __future__ import annotations

import sqlite3
import tempfile
from dataclasses import dataclass
from pathlib import Path

from softswitch.store.chain import broken_days
from softswitch.store.queries import open_views
from softswitch.store.reader import JournalReader
from softswitch.store.schema import (
    POSITION_TABLE,
    VIEW_TABLES,
    VIEWS_VERSION,
    database_path,
    open_for_writing,
)
from softswitch.store.views import ViewsPosition, copy_facts

SHOWN = 3


@dataclass(frozen=True, slots=True)
class Difference:
    """Rows of one table that only one of the two has; `examples` are the first of them."""

    table: str
    only_in_views: int
    only_in_journal: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verified:
    """What was compared up to `log_position`: rows in all, differences, and damage met in the journal.

    `chain_head` stands for the `sealed_days`: noted elsewhere, it tells whether the chain was made anew.
    """

    log_position: int
    facts: int
    rows: int
    differences: tuple[Difference, ...]
    damage: tuple[str, ...]
    sealed_days: int = 0
    chain_head: str = ""

    @property
    def good(self) -> bool:
        return not self.differences and not self.damage


def verify(state_dir: Path) -> Verified:
    """Compare the views with what the journal gives now. The switch may run. Raises NoViews, JournalGap.

    The views are read in one transaction, so that what is copied meanwhile is not seen.
    """
    views = open_views(state_dir)
    try:
        views.execute("BEGIN")
        position = int(views.execute(f"SELECT log_position FROM {POSITION_TABLE}").fetchone()["log_position"])
        with tempfile.TemporaryDirectory(prefix="softswitch-verify-") as directory:
            damage: list[str] = []
            facts = _build(state_dir, Path(directory), position, damage)
            views.execute("ATTACH ? AS again", (database_path(Path(directory)).as_uri() + "?mode=ro",))
            rows = sum(_count(views, table) for table in VIEW_TABLES)
            differences = tuple(each for table in VIEW_TABLES if (each := _compare(views, table)) is not None)
    finally:
        views.close()
    days, wrong = broken_days(state_dir)
    head = days[-1].chain if days else ""
    return Verified(position, facts, rows, differences, (*damage, *wrong), len(days), head)


def _build(state_dir: Path, directory: Path, until: int, damage: list[str]) -> int:
    """The views again, from the first fact to log position `until`."""
    reader = JournalReader(state_dir, 0, lambda at, what: damage.append(f"log position {at}: {what}"))
    db = open_for_writing(directory)
    count = 0
    try:
        while reader.position < until and (batch := reader.read()):
            facts = [(position, fact) for position, fact in batch if position <= until]
            copy_facts(db, facts, ViewsPosition(reader.position, 0, 0, VIEWS_VERSION))
            count += len(facts)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.execute("PRAGMA journal_mode = DELETE")
    finally:
        db.close()
        reader.close()
    return count


def _count(db: sqlite3.Connection, table: str) -> int:
    return int(db.execute(f"SELECT count(*) AS n FROM main.{table}").fetchone()["n"])


def _compare(db: sqlite3.Connection, table: str) -> Difference | None:
    here = db.execute(f"SELECT * FROM main.{table} EXCEPT SELECT * FROM again.{table}").fetchall()
    there = db.execute(f"SELECT * FROM again.{table} EXCEPT SELECT * FROM main.{table}").fetchall()
    if not here and not there:
        return None
    examples = [f"views only: {row}" for row in here[:SHOWN]] + [
        f"journal only: {row}" for row in there[:SHOWN]
    ]
    return Difference(table, len(here), len(there), tuple(examples))
