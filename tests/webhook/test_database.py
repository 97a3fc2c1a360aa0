"""STATE_DIR/api.db, which several connections and processes have open at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from softswitch.api.database import ApiDatabase
from softswitch.api.dead_letters import open_database

LOOK = """
import pathlib, sys
from softswitch.api.dead_letters import open_database
db = open_database(pathlib.Path(sys.argv[1]))
print(db.execute("SELECT count(*) FROM sessions").fetchone()[0])
db.close()
"""


def test_who_looks_into_the_database_leaves_the_log_of_those_who_write(tmp_path: Path) -> None:
    path = tmp_path / "state" / "api.db"
    sessions = ApiDatabase(path)
    webhooks = open_database(path)
    counts = []
    for number in range(3):
        sessions.add_session(f"{number}", {"name": "sue"}, 2e9)
        done = subprocess.run([sys.executable, "-c", LOOK, path], capture_output=True, text=True, check=True)
        counts.append(int(done.stdout))
        assert path.with_name("api.db-wal").exists()
    assert counts == [1, 2, 3]
    assert path.stat().st_mode & 0o777 == 0o600
    webhooks.close()
    sessions.close()
