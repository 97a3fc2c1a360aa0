"""Every prepared query of docs/queries.md runs on a database with calls, and has something to say."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from tests.store.facts import answered_call, copy_all
from tests.store.written import Play, examples

DOCUMENT = (Path(__file__).parents[2] / "docs" / "queries.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"```sql\n(.*?)```", DOCUMENT, re.DOTALL)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    state_dir = tmp_path_factory.mktemp("state")
    play = Play(state_dir)
    scenes = {scene.title: scene for scene in examples()}
    for title in ("Two agents are tried", "A flow, a queue that gives up, and a user", "Hold"):
        for line in scenes[title].steps:
            play.run(line)
        play.clear()
    play.run("alice signs in as a1")
    play.run("alice is busy")
    play.run("customer calls 200")
    play.world.journal.append(answered_call("recorded"))
    play.world.journal.close()
    copy_all(state_dir)
    return state_dir / "softswitch.db"


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: " ".join(query.split()[:6]))
def test_query(database: Path, query: str) -> None:
    db = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    assert db.execute(query).fetchall()
    db.close()


def test_there_are_queries() -> None:
    assert len(QUERIES) == DOCUMENT.count("```sql") >= 12
