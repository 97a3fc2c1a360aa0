"""Erasing and exporting a subject: who is in the way, what is known of a number, and where it still is.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from softswitch.store.journal import Journal
from softswitch.store.livestate import load
from softswitch.store.lock import StoreLock, views_lock
from softswitch.store.process import Copier
from softswitch.store.queries import Row
from softswitch.store.subjects import SubjectBook, normalised

LAST_AGENT, REPLY = "last_agent/", "command/"
REMEMBERED = (LAST_AGENT, REPLY)
"""Live state that only remembers, and in which a number is not in use."""
_BY_CALL = (
    "legs", "queue_calls", "offers", "segments", "flow_steps", "recordings", "surveys", "dispositions",
)  # fmt: skip
_CHUNK_BYTES = 8 << 20
_POLL_S = 0.1


class InUse(RuntimeError):
    """The number cannot be erased now; the text says what has it."""


def texts_of(state_dir: Path, number: str) -> list[str]:
    """Every way in which the number is written in the records, and as it was given."""
    return sorted({number, *SubjectBook(state_dir).texts_of(number).values()})


def mentions(number: str) -> Callable[[Any], bool]:
    """Tells of any value whether the digits of the number stand in it."""
    wanted = re.compile(rb"(?<![0-9])%s(?![0-9])" % normalised(number).encode())
    return lambda value: wanted.search(orjson.dumps(value, default=str)) is not None


def require_unused(state: Mapping[str, Any], number: str) -> None:
    """Raise InUse when live state or configuration has the number: a call, a number of the house."""
    has = mentions(number)
    users = [key for key, value in state.items() if not key.startswith(REMEMBERED) and has([key, value])]
    if users:
        raise InUse(f"{number} is in use by {', '.join(users[:5])}; erase it when that is over")


def remembered(state: Mapping[str, Any], number: str) -> dict[str, None]:
    """What live state only remembers of the number, to be kept no more."""
    of, has = normalised(number), mentions(number)
    callers = [key for key in state
               if key.startswith(LAST_AGENT) and normalised(key.removeprefix(LAST_AGENT)) == of]
    replies = [key for key, value in state.items() if key.startswith(REPLY) and has([key, value])]
    return dict.fromkeys([*callers, *replies])


def erase_without_switch(state_dir: Path, node: str, number: str) -> list[str]:
    """Erase while nothing runs. Raises InUse, StoreLocked, OSError; the ids that the number had."""
    journal = Journal(state_dir, node=node)
    try:
        state, _ = load(state_dir, journal)
        require_unused(state, number)
        if forgotten := remembered(state, number):
            journal.append([{"type": "state_kept", "data": {}, "keep": forgotten}])
        erased = journal.erase_subject(number)
    finally:
        journal.close()
    bring_up_to_date(state_dir)
    return erased


def bring_up_to_date(state_dir: Path) -> None:
    """Copy what the views do not have yet, while nothing runs. Raises StoreLocked, OSError, sqlite3.Error."""
    lock = StoreLock(views_lock(state_dir))
    copier = Copier(state_dir)
    try:
        while copier.turn():
            pass
    finally:
        copier.close()
        lock.release()


def known_of(db: sqlite3.Connection, texts: Iterable[str]) -> dict[str, list[Row]]:
    """Every row of the calls from or to a number, by table."""
    texts = [*texts]
    marks = ", ".join("?" * len(texts))
    calls = db.execute(f"SELECT * FROM calls WHERE from_number IN ({marks}) OR to_number IN ({marks})"
                       " ORDER BY started_at", [*texts, *texts]).fetchall()
    found = {"calls": calls}
    for table in _BY_CALL:
        found[table] = [row for call in calls
                        for row in db.execute(f"SELECT * FROM {table} WHERE call = ?", (call["call"],))]
    return found


def files_with(paths: Iterable[Path], number: str) -> list[Path]:
    """The files, of all below these paths, in which the digits still stand."""
    wanted = re.compile(rb"(?<![0-9])%s(?![0-9])" % normalised(number).encode())
    files = (file for path in paths for file in ([path] if path.is_file() else sorted(path.rglob("*"))))
    return [file for file in files if file.is_file() and _has(file, wanted)]


def places(state_dir: Path, trace: Path, recordings: Path) -> list[Path]:
    """Files and directories of a node in which a number may stand."""
    return [path for path in (state_dir, trace, *recordings.rglob("*.json")) if path.exists()]


def left_with(paths: Sequence[Path], number: str, settle_s: float) -> list[Path]:
    """Those that have an erased number still when the views had so long to follow."""
    until = time.monotonic() + settle_s
    while (left := files_with(filter(Path.exists, paths), number)) and time.monotonic() < until:
        time.sleep(_POLL_S)
    return left


def _has(path: Path, wanted: re.Pattern[bytes]) -> bool:
    rest = b""
    with path.open("rb") as file:
        while part := file.read(_CHUNK_BYTES):
            if wanted.search(rest + part):
                return True
            rest = part[-64:]
    return False
