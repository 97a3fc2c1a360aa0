"""Journals of versions before subjects: written anew with references in place of telephone numbers."""

from __future__ import annotations

import shutil
from pathlib import Path

from softswitch.store.journal import Journal
from softswitch.store.lock import StoreLock, writer_lock
from softswitch.store.process import remove_database
from softswitch.store.reader import JournalReader
from softswitch.store.segments import journal_directory, sync_directory
from softswitch.store.subjects import subjects_path

_FRESH, _FORMER = "journal.migrating", "journal.former"


def migrate(state_dir: Path, node: str) -> int:
    """Write the whole journal anew; views and snapshots are built again from it. The number of facts.

    Nothing may run. What was interrupted is begun again: the former journal stays until the fresh is whole.
    Raises StoreLocked, JournalGap, OSError.
    """
    directory, former = journal_directory(state_dir), state_dir / _FORMER
    if former.exists() and not directory.exists():
        former.rename(directory)
    lock = StoreLock(writer_lock(state_dir))
    staging = state_dir / _FRESH
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(mode=0o700)
    try:
        if subjects_path(state_dir).exists():
            shutil.copy2(subjects_path(state_dir), subjects_path(staging))
        count = _copy(state_dir, staging, node)
        remove_database(state_dir)
        shutil.rmtree(state_dir / "snapshots", ignore_errors=True)
        subjects = subjects_path(staging)
        if subjects.exists():
            subjects.replace(subjects_path(state_dir))
        directory.rename(former)
        journal_directory(staging).rename(directory)
        sync_directory(state_dir)
    finally:
        lock.release()
    shutil.rmtree(former)
    shutil.rmtree(staging)
    return count


def _copy(source: Path, target: Path, node: str) -> int:
    """Every fact, with the time, place and id that it had."""
    at, count = 0.0, 0
    reader = JournalReader(source)
    journal = Journal(target, node=node, wall=lambda: at)
    try:
        while batch := reader.read():
            for _, fact in batch:
                at = fact["at"]
                journal.append([fact])
                count += 1
        if journal.pending_bytes:
            raise OSError(28, "no room for a second journal")
    finally:
        journal.close()
        reader.close()
    return count
