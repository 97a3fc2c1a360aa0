"""The append-only log of facts: what a loop turn decided is here before anybody outside hears of it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from softswitch import logs
from softswitch.store.lock import StoreLock, writer_lock
from softswitch.store.reader import Fact, read_facts
from softswitch.store.record import VERSION, encode, entity_of, read_boot_id
from softswitch.store.segments import (
    complete_size,
    journal_directory,
    list_segments,
    segment_path,
    sync_directory,
)
from softswitch.store.spill import Spill
from softswitch.store.subjects import Subjects

OnAlarm = Callable[[str, str], None]
MEBIBYTE = 1 << 20


def tell_alarm(code: str, message: str) -> None:
    """Alarms go to standard error unless the owner of a journal wants them elsewhere."""
    logs.alarm(code, message)


class Journal:
    """The one writer of `state_dir/journal`. Raises StoreLocked when another process is the writer.

    `append` never fails and never waits for a disk to get room: what cannot be written is kept in order, in
    memory and in `spill_directory` (tmpfs), and is written as soon as that works again. Beyond
    `pending_limit_bytes` only the live state of further facts is kept; it is written as one `facts_lost`
    record. `on_alarm(code, message)` hears `journal_unwritable`, `journal_facts_lost`, `journal_writable`,
    and may be called from the thread that runs `sync`.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        node: str,
        tenant: str = "default",
        boot_id: str | None = None,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        on_alarm: OnAlarm = tell_alarm,
        spill_directory: Path | None = None,
        segment_bytes: int = 64 * MEBIBYTE,
        pending_limit_bytes: int = 256 * MEBIBYTE,
    ) -> None:
        self.node = node
        self.tenant = tenant
        self.boot_id = boot_id or read_boot_id()
        self._state_dir = state_dir
        self._directory = journal_directory(state_dir)
        self._wall, self._monotonic, self._on_alarm = wall, monotonic, on_alarm
        self._segment_bytes, self._pending_limit_bytes = segment_bytes, pending_limit_bytes
        self._lock = threading.Lock()
        self._sync_lock = threading.Lock()
        self._descriptor = -1
        self._pending = bytearray()
        self._alarms: list[tuple[str, str]] = []
        self._retired: list[int] = []
        self._lost_facts = 0
        self._lost_keep: dict[str, Any] = {}
        self._writable = True
        self._writer_lock = StoreLock(writer_lock(state_dir))
        self._spill = Spill(spill_directory)
        self._subjects = Subjects(state_dir)
        self._open_newest()

    @property
    def log_position(self) -> int:
        """The position after the last accepted record, whether on the disk or still pending."""
        return self._written + len(self._pending)

    @property
    def pending_bytes(self) -> int:
        """Accepted bytes that the disk did not take yet."""
        return len(self._pending)

    def append(self, facts: Sequence[Mapping[str, Any]]) -> int:
        """Accept the facts of one loop turn with one write; the log position after them.

        A fact needs `type` and `data`; `keep`, `v`, `id`, `at`, `mono` where they differ from the defaults.
        The default id is [entity, log position of the record], unique and ascending for an entity.
        """
        if not facts:
            return self.log_position
        with self._lock:
            if self._lost_facts or len(self._pending) > self._pending_limit_bytes:
                self._lose(facts)
            else:
                self._encode(facts)
            self._flush()
        self._tell_alarms()
        return self.log_position

    def sync(self) -> None:
        """Retry what is pending and make everything written durable; about once a second, from any thread."""
        with self._sync_lock:
            if self._descriptor < 0:
                return
            with self._lock:
                self._flush()
                retired, self._retired = self._retired, []
            try:
                self._subjects.sync()
                for descriptor in retired:
                    os.fsync(descriptor)
                os.fsync(self._descriptor)
            except OSError as error:
                self._alarms.append(("journal_unwritable", f"fsync of {self._directory}: {error.strerror}"))
            finally:
                for descriptor in retired:
                    os.close(descriptor)
        self._tell_alarms()

    def read(self, position: int = 0) -> Iterator[tuple[int, Fact]]:
        """Facts from `position` on, each with the position after it, pending ones included."""
        yield from read_facts(self._state_dir, position)
        with self._lock:
            boundary = self._written - self._torn_bytes
            rest = self._torn_prefix() + bytes(self._pending)
        for line in rest.split(b"\n")[:-1]:
            boundary += len(line) + 1
            if boundary > position:
                yield boundary, orjson.loads(self._subjects.open(line))

    def erase_subject(self, number: str) -> list[str]:
        """Forget a telephone number for good; the ids it had. OSError: it is there still."""
        subjects = sorted(self._subjects.texts_of(number))
        if subjects:
            self.append([{"type": "subject_erased", "data": {"subjects": subjects}}])
            with self._lock:
                self._subjects.erase(number)
        return subjects

    def close(self) -> None:
        """Write and sync what is possible and give up being the writer."""
        if self._descriptor < 0:
            return
        self.sync()
        with self._sync_lock, self._lock:
            os.close(self._descriptor)
            self._descriptor = -1
            self._writer_lock.release()

    def _open_newest(self) -> None:
        starts = list_segments(self._directory)
        self._start = starts[-1] if starts else 0
        self._descriptor = self._open_segment(self._start)
        status = os.fstat(self._descriptor)
        self._month = _month(status.st_mtime if status.st_size else self._wall())
        self._written = self._start + status.st_size
        complete = self._start + complete_size(self._descriptor)
        self._torn_bytes = self._written - complete
        self._pending += self._spill.take(self._written)
        if self._torn_bytes and not self._pending:
            os.ftruncate(self._descriptor, complete - self._start)
            self._written, self._torn_bytes = complete, 0
        self._flush()
        self._spill.clear_old()
        self._tell_alarms()

    def _open_segment(self, start: int) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(segment_path(self._directory, start), flags, 0o600)
        sync_directory(self._directory)
        return descriptor

    def _torn_prefix(self) -> bytes:
        return os.pread(self._descriptor, self._torn_bytes, self._written - self._torn_bytes - self._start)

    def _encode(self, facts: Sequence[Mapping[str, Any]]) -> None:
        common = {
            "v": VERSION,
            "tenant": self.tenant,
            "node": self.node,
            "at": self._wall(),
            "mono": self._monotonic(),
            "boot": self.boot_id,
            "data": {},
        }
        position = self.log_position
        for fact in facts:
            record = encode({"id": [entity_of(fact, self.node), position], **common, **fact})
            line = self._subjects.protect(record)
            self._pending += line
            position += len(line)

    def _lose(self, facts: Sequence[Mapping[str, Any]]) -> None:
        if not self._lost_facts:
            self._alarms.append(("journal_facts_lost", f"{len(self._pending)} bytes wait for the disk"))
        self._lost_facts += len(facts)
        for fact in facts:
            self._lost_keep.update(fact.get("keep") or {})

    def _flush(self) -> None:
        """Write everything pending; on an error the rest stays, in order."""
        try:
            while self._pending or self._lost_facts:
                if not self._pending:
                    self._encode_lost()
                self._rotate_if_due()
                count = os.write(self._descriptor, self._pending)
                self._torn_bytes = self._torn_after(count)
                self._written += count
                del self._pending[:count]
        except OSError as error:
            self._spill.mirror(self._written, self._pending)
            if self._writable:
                message = f"{self._directory}: {error.strerror}; calls go on, facts wait in memory"
                self._alarms.append(("journal_unwritable", message))
            self._writable = False
            return
        if not self._writable:
            self._spill.clear()
            self._alarms.append(("journal_writable", f"{self._directory}: everything is written"))
        self._writable = True

    def _torn_after(self, count: int) -> int:
        newline = self._pending.rfind(b"\n", 0, count)
        return count - newline - 1 if newline >= 0 else self._torn_bytes + count

    def _encode_lost(self) -> None:
        told = {"count": self._lost_facts}
        self._encode([{"type": "facts_lost", "data": told, "keep": self._lost_keep}])
        self._lost_facts, self._lost_keep = 0, {}

    def _rotate_if_due(self) -> None:
        """A new segment by size or UTC month, only between two records."""
        if self._torn_bytes or self._written == self._start:
            return
        month = _month(self._wall())
        if self._written - self._start < self._segment_bytes and month == self._month:
            return
        descriptor = self._open_segment(self._written)
        self._retired.append(self._descriptor)
        self._descriptor, self._start, self._month = descriptor, self._written, month

    def _tell_alarms(self) -> None:
        while self._alarms:
            self._on_alarm(*self._alarms.pop(0))


def _month(at: float) -> tuple[int, int]:
    """Year and month of a UTC time."""
    return time.gmtime(at)[:2]
