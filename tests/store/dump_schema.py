"""Keep the schema of a release: python -m tests.store.dump_schema writes schemas/LAST_MIGRATION.sql."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlite_utils import Database

from softswitch.store.schema import POSITION_TABLE, VIEWS_VERSION, migrations

SCHEMAS = Path(__file__).parent / "schemas"


def dump(stop_before: str | None = None, views_version: int = VIEWS_VERSION) -> Path:
    """The schema before a migration, or of now, with a call in it."""
    db = sqlite3.connect(":memory:")
    schema = Database(db)
    migrations.apply(schema, stop_before=stop_before)
    db.execute(f"UPDATE {POSITION_TABLE} SET views_version = ?", (views_version,))
    db.execute("INSERT INTO calls (call, started_at, recordings) VALUES ('of the release', 1.0, 0)")
    db.commit()
    last = [row[0] for row in db.execute("SELECT name FROM _sqlite_migrations ORDER BY rowid")][-1]
    path = SCHEMAS / f"{last}.sql"
    path.write_text("\n".join(db.iterdump()) + "\n", encoding="utf-8")
    db.close()
    return path


if __name__ == "__main__":
    print(dump())
