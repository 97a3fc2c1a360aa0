"""What the API itself has to keep: sessions, in a database of its own that nothing else depends on."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import orjson
from sqlite_utils import Database


def make_private(path: Path) -> None:
    """Make the file, readable by its owner only, where there is none yet.

    One that is there is not even opened: closing it would take from this process all its locks on the file
    (fcntl(2)), and the next process that closes the database would remove the write-ahead log in use.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))


class ApiDatabase:
    """STATE_DIR/api.db, readable by its owner only."""

    def __init__(self, path: Path) -> None:
        make_private(path)
        self._db = Database(path)
        self._db.enable_wal()
        self._sessions = self._db.table("sessions", pk="sha256")
        self._sessions.create({"sha256": str, "caller": str, "until": float}, pk="sha256", if_not_exists=True)

    def session(self, sha256: str, now: float) -> dict[str, Any] | None:
        """Whose session it is; None: there is none, or it has ended."""
        row = next(self._sessions.rows_where("sha256 = ? and until > ?", (sha256, now)), None)
        return None if row is None else orjson.loads(row["caller"])

    def add_session(self, sha256: str, caller: dict[str, Any], until: float) -> None:
        self._sessions.insert({"sha256": sha256, "caller": orjson.dumps(caller).decode(), "until": until})

    def remove_session(self, sha256: str) -> None:
        self._sessions.delete_where("sha256 = ?", (sha256,))

    def remove_sessions_before(self, now: float) -> None:
        self._sessions.delete_where("until <= ?", (now,))

    def close(self) -> None:
        self._db.close()
