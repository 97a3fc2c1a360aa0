"""Databases of every released schema are brought up to date, and those of a later one are built anew."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlite_utils import Database

from softswitch.store.schema import database_path, migration_names, migrations, open_for_writing
from tests.store.dump_schema import SCHEMAS
from tests.store.facts import answered_call, copy_all, journal, rows

FIXTURES = sorted(SCHEMAS.glob("*.sql"))


def columns(state_dir: Path) -> dict[str, list[tuple[str, str]]]:
    """Names and types by table, and indexes by their SQL."""
    db = sqlite3.connect(database_path(state_dir))
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found = {table: [row[1:3] for row in db.execute(f"PRAGMA table_info({table})")] for table in tables}
    found["indexes"] = sorted(
        db.execute("SELECT name, tbl_name FROM sqlite_master WHERE type = 'index'").fetchall()
    )
    db.close()
    return found


def written(state_dir: Path) -> None:
    log = journal(state_dir, wall=lambda: 1_800_000_000.0, monotonic=lambda: 1.0)
    log.append(answered_call("c1"))
    log.append(answered_call("c2"))
    log.close()


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda path: path.stem)
def test_a_released_schema_goes_forward(fixture: Path, tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for state_dir in (old, new):
        state_dir.mkdir()
        written(state_dir)
    db = sqlite3.connect(database_path(old))
    db.executescript(fixture.read_text(encoding="utf-8"))
    db.close()
    for state_dir in (old, new):
        copy_all(state_dir)
    assert columns(old) == columns(new)
    known = rows(old)
    if "of the release" in {row[0] for row in known["calls"]}:
        # Views of the same version are gone on with: the row that the fixture brought stays.
        known["calls"] = [row for row in known["calls"] if row[0] != "of the release"]
    assert known == rows(new)


def test_every_schema_since_the_first_has_a_fixture() -> None:
    assert {path.stem for path in FIXTURES} == {*migration_names()[1:]}


def test_a_later_schema_is_set_aside_and_the_views_are_built_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    written(tmp_path)
    copy_all(tmp_path)
    before = rows(tmp_path)
    db = sqlite3.connect(database_path(tmp_path))
    db.execute("ALTER TABLE calls ADD COLUMN invented_later TEXT")
    db.execute("INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
               " VALUES ('softswitch', 'm999_later', '2099')")
    db.commit()
    db.close()
    copy_all(tmp_path)
    assert "database_of_later_version" in caplog.text
    assert rows(tmp_path) == before
    assert (tmp_path / "softswitch.db.later").exists()
    with open_for_writing(tmp_path) as again:
        assert not migrations.pending(Database(again))
    again.close()
