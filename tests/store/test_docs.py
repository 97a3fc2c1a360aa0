from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from softswitch.store.schema import (
    POSITION_TABLE,
    SUBJECTS_TABLE,
    VIEW_TABLES,
    database_path,
    open_for_writing,
)

DOCUMENT = (Path(__file__).parents[2] / "docs" / "database.md").read_text(encoding="utf-8")


def _series(first: str, more: str) -> list[str]:
    """w00 … w47"""
    if not more:
        return [first]
    letter, begin, end = first[0], int(first[1:]), int(more.strip(" …`")[1:])
    return [f"{letter}{number:02}" for number in range(begin, end + 1)]


@pytest.fixture
def db(tmp_path: Path) -> sqlite3.Connection:
    open_for_writing(tmp_path).close()
    return sqlite3.connect(database_path(tmp_path))


def documented() -> dict[str, list[str]]:
    """Columns by table, as the document has them."""
    tables = {}
    for section in DOCUMENT.split("\n## ")[1:]:
        found = re.findall(r"^\| `(\w+)`( … `\w+`)? \| .*\S \|$", section, re.MULTILINE)
        columns = [column for first, more in found for column in _series(first, more)]
        for table in section.split("\n", 1)[0].split(", ") if columns else ():
            tables[table] = columns
    return tables


def test_tables_and_columns_are_documented_in_their_order(db: sqlite3.Connection) -> None:
    names = [*VIEW_TABLES, POSITION_TABLE, SUBJECTS_TABLE]
    there = {name: [row[1] for row in db.execute(f"PRAGMA table_info({name})")] for name in names}
    db.close()
    assert documented() == there


def test_no_table_is_forgotten(db: sqlite3.Connection) -> None:
    found = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    db.close()
    assert found == {*VIEW_TABLES, POSITION_TABLE, SUBJECTS_TABLE, "_sqlite_migrations"}


def test_the_queries_of_the_document_run(db: sqlite3.Connection) -> None:
    (block,) = re.findall(r"```sql\n(.*?)```", DOCUMENT, re.DOTALL)
    queries = [query for query in block.split(";") if query.strip()]
    assert len(queries) == 2
    for query in queries:
        assert db.execute(query).fetchall() == []
    db.close()
