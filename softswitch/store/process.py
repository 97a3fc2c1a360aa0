"""The store process: copies the journal into SQLite and writes snapshots of the live state.

`python -m softswitch.store.process --state-dir DIR [--rebuild]` prints `ready` when it follows the journal,
and on SIGTERM stops after catching up. Nothing waits for it: when the database is locked, damaged or lost, or
the disk is full, it says so on standard error, tries again, and calls go on.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sqlite3
import sys
import time
from pathlib import Path
from types import FrameType

from softswitch import logs
from softswitch.store.chain import ChainKeeper
from softswitch.store.journal import tell_alarm
from softswitch.store.livestate import PackedState, load, load_snapshot, write_snapshot
from softswitch.store.lock import StoreLock, StoreLocked, views_lock
from softswitch.store.reader import Fact, JournalGap, JournalReader
from softswitch.store.schema import VIEWS_VERSION, LaterSchema, database_path, open_for_writing
from softswitch.store.subject_views import know_subjects
from softswitch.store.views import ViewsPosition, clear_views, copy_facts, read_position

_POLL_S = 0.1
_RETRY_S = 0.5
_STOP_WITHIN_S = 10.0
_SNAPSHOT_EVERY_BYTES = 4 << 20
_FILE_SUFFIXES = ("", "-wal", "-shm")
_UNREADABLE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class Copier:
    """One turn after another: read facts, put their rows into the database, fold them into the live state."""

    def __init__(self, state_dir: Path, rebuild: bool = False) -> None:
        self._state_dir = state_dir
        self._rebuild = rebuild
        self._db: sqlite3.Connection | None = None
        self._inode = 0
        self._reader: JournalReader | None = None
        self._live = PackedState(*load(state_dir))
        self._snapshot_position = load_snapshot(state_dir).position
        self._troubles: set[str] = set()
        self._subjects: dict[str, str] = {}
        self._erased = False

    def turn(self) -> bool:
        """Copy what is there, about a mebibyte of journal at most. Whether there was anything.

        Raises sqlite3.Error, OSError or JournalGap; the next turn starts again from what the database has.
        """
        db, reader = self._open()
        facts = reader.read()
        if not facts:
            self._forget_erased(db)
            return False
        at = ViewsPosition(reader.position, reader.record_bytes, reader.record_crc32, VIEWS_VERSION)
        know_subjects(db, self._subjects)
        self._subjects.clear()
        copy_facts(db, facts, at, self._skipped)
        self._erased |= any(fact["type"] == "subject_erased" for _, fact in facts)
        self._forget_erased(db)
        self._fold(facts)
        return True

    def snapshot(self) -> None:
        """Write the live state as of the last fact copied; a full disk only makes the next start slower."""
        if self._live.position == self._snapshot_position:
            return
        try:
            write_snapshot(self._state_dir, self._live.values, self._live.position)
        except OSError as error:
            self.trouble("snapshot_failed", str(error))
        else:
            self.recovered("snapshot_failed")
        self._snapshot_position = self._live.position

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
        if self._db is not None:
            self._db.close()
        self._reader = self._db = None

    def trouble(self, code: str, message: str) -> None:
        """Tell an alarm once, until `recovered`."""
        if code not in self._troubles:
            self._troubles.add(code)
            tell_alarm(code, message)

    def recovered(self, code: str) -> None:
        if code in self._troubles:
            self._troubles.remove(code)
            tell_alarm(code, "is over")

    def set_aside(self, name: str) -> None:
        """Keep a database that is of no use under another name; the journal makes a new one."""
        self.close()
        path = database_path(self._state_dir)
        for suffix in _FILE_SUFFIXES:
            part = path.with_name(path.name + suffix)
            if part.exists():
                part.replace(path.with_name(f"{path.name}.{name}{suffix}"))

    def _open_database(self) -> sqlite3.Connection:
        """One of a later version is as good as none: its columns may mean something else."""
        try:
            return open_for_writing(self._state_dir)
        except LaterSchema as error:
            path = database_path(self._state_dir)
            tell_alarm("database_of_later_version", f"{path}: {error}; set aside and built again")
            self.set_aside("later")
            return open_for_writing(self._state_dir)

    def _open(self) -> tuple[sqlite3.Connection, JournalReader]:
        if self._db is not None and self._inode != _inode(self._state_dir):
            self._forget_lost()
        if self._db is None or self._reader is None:
            self.close()
            self._db = self._open_database()
            self._inode = _inode(self._state_dir)
            self._reader = JournalReader(self._state_dir, self._start_position(self._db), self._skipped)
            self._reader.subjects.on_known = self._subject_known
        return self._db, self._reader

    def _forget_lost(self) -> None:
        """Somebody removed the database: its log must not be taken for that of the next one."""
        path = database_path(self._state_dir)
        tell_alarm("database_lost", f"{path} has gone; it is built again from the journal")
        self.close()
        if not path.exists():
            remove_database(self._state_dir)

    def _start_position(self, db: sqlite3.Connection) -> int:
        at = read_position(db)
        known = at.views_version == VIEWS_VERSION and at.is_of(self._state_dir)
        if known and not self._rebuild:
            return at.log_position
        if not known:
            tell_alarm("views_rebuilt", "the views are of another version or journal; they are built again")
        clear_views(db)
        self._rebuild = False
        return 0

    def _subject_known(self, subject: str, number: str) -> None:
        if number:
            self._subjects[subject] = number

    def _forget_erased(self, db: sqlite3.Connection) -> None:
        """What was erased leaves SQLite's log too, as soon as nobody reads from it."""
        if self._erased:
            (busy, *_) = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            self._erased = bool(busy)

    def _fold(self, facts: list[tuple[int, Fact]]) -> None:
        for position, fact in facts:
            self._live.apply(position, fact)
        if self._live.position - self._snapshot_position >= _SNAPSHOT_EVERY_BYTES:
            self.snapshot()

    def _skipped(self, position: int, what: str) -> None:
        tell_alarm("fact_skipped", f"log position {position}: {what}")


def remove_database(state_dir: Path) -> None:
    """Nothing may have it open; the journal makes a new one."""
    path = database_path(state_dir)
    for suffix in _FILE_SUFFIXES:
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _inode(state_dir: Path) -> int:
    try:
        return os.stat(database_path(state_dir)).st_ino
    except FileNotFoundError:
        return 0


class StoreProcess:
    """The loop around a copier: when to go on, to wait, to try again and to stop."""

    def __init__(self, state_dir: Path, copier: Copier) -> None:
        self._state_dir = state_dir
        self._copier = copier
        self._chain: ChainKeeper | None = None
        self._stop_at: float | None = None

    def stop(self, signal_number: int, frame: FrameType | None) -> None:
        """Signal handler: catch up, then end."""
        self._stop_at = time.monotonic() + _STOP_WITHIN_S

    def run(self) -> int:
        """Exit status: 1 when stopped before everything was copied."""
        print("ready", flush=True)
        while True:
            # Looked at before the turn: everything written before the signal is copied.
            stop_at = self._stop_at
            more = self.attempt()
            more = self._seal() or more
            if stop_at is not None and more is False:
                return 0
            if stop_at is not None and time.monotonic() > stop_at:
                return 1
            if not more:
                time.sleep(_RETRY_S if more is None else _POLL_S)

    def _seal(self) -> bool:
        """Go on with the chain of the days, at most a part of what there is. Whether there may be more."""
        try:
            if self._chain is None:
                self._chain = ChainKeeper(self._state_dir)
            more = self._chain.turn()
        except (OSError, JournalGap, ValueError) as error:
            self._copier.trouble("chain_behind", str(error))
            if self._chain is not None:
                self._chain.close()
            self._chain = None
            return False
        self._copier.recovered("chain_behind")
        return more

    def attempt(self) -> bool | None:
        """Whether there may be more at once; None when it did not work."""
        try:
            more = self._copier.turn()
        except sqlite3.DatabaseError as error:
            self._fail(error)
            return None
        except (OSError, JournalGap) as error:
            self._copier.trouble("views_behind", str(error))
            self._copier.close()
            return None
        self._copier.recovered("views_behind")
        return more

    def _fail(self, error: sqlite3.DatabaseError) -> None:
        path = database_path(self._state_dir)
        self._copier.trouble("views_behind", f"{path}: {error}; facts stay in the journal, trying again")
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _UNREADABLE:
            tell_alarm("database_damaged", f"{path} is set aside and built again from the journal")
            self._copier.set_aside("damaged")
        self._copier.close()


def main() -> int:
    parser = argparse.ArgumentParser(description="Keep the views of the journal.")
    parser.add_argument("--state-dir", type=Path, required=True, help="where journal and database lie")
    parser.add_argument("--rebuild", action="store_true", help="build all views again from the whole journal")
    arguments = parser.parse_args()
    logs.configure("store")
    try:
        lock = StoreLock(views_lock(arguments.state_dir))
    except StoreLocked as error:
        logging.getLogger(__name__).error("%s", error)
        return 1
    # Numbers and names of callers are for nobody else on this machine.
    os.umask(0o077)
    copier = Copier(arguments.state_dir, arguments.rebuild)
    process = StoreProcess(arguments.state_dir, copier)
    signal.signal(signal.SIGTERM, process.stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    status = process.run()
    copier.snapshot()
    copier.close()
    lock.release()
    return status


if __name__ == "__main__":
    sys.exit(main())
