"""The last SIP messages in and out, kept in a file of fixed size that outlives the process.

The file is a ring of SEGMENTS, each written from its start and wiped as a whole when its turn comes again or
when it is too old. Nothing is parsed here: a record is the time, the flow as text, and the bytes of the
message. The switch maps the file and only ever appends; readers need nothing from it but the file.
"""

from __future__ import annotations

import logging
import mmap
import os
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from softswitch.config import Node
from softswitch.net.udp import Batch
from softswitch.sip.flow import Send, SipFlow

SEGMENTS = 16
KNOWN_FLOWS = 8192
MEBIBYTE = 1024 * 1024

_MAGIC = b"sipring1"
_PAGE = 4096
_FILE = struct.Struct("<8sQ")
# Of a segment: its number in the order of writing, bytes used, and the UTC time at which it was left.
_SEGMENT = struct.Struct("<QQd")
_USED = struct.Struct("<Q")
_NUMBER_BYTES = 8
# Of a record: bytes of the whole record, bytes of the flow's text, 1 when sent, UTC time.
_RECORD = struct.Struct("<IHHd")

log = logging.getLogger(__name__)


class TraceUnreadable(Exception):
    """There is no trace, or the file is none."""


class Traced(NamedTuple):
    """One message: when (UTC seconds), whether we sent it, over which flow, its bytes."""

    at: float
    sent: bool
    flow: SipFlow
    data: bytes


def open_trace(node: Node) -> Trace | None:
    """The trace of a node; None when none is wanted or the file cannot be had: calls go on without."""
    try:
        if not node.trace.mebibytes:
            node.trace_path.unlink(missing_ok=True)
            return None
        return Trace(node.trace_path, node.trace.mebibytes * MEBIBYTE, node.trace.hours * 3600)
    except OSError as error:
        log.error("no SIP trace in %s: %s", node.trace_path, error.strerror or error)
        return None


class Trace:
    """The writing side; there is one. What a former process wrote stays if the size is the same."""

    def __init__(self, path: Path, size: int, age_s: float, clock: Callable[[], float] = time.time) -> None:
        self._size = max(size, MEBIBYTE) // SEGMENTS // _PAGE * _PAGE
        self._age_s = age_s
        self._clock = clock
        self._flows: dict[SipFlow, bytes] = {}
        self._map = _mapped(path, self._size)
        self._current = max(range(SEGMENTS), key=lambda index: self._segment(index)[0])
        number, used, _ = self._segment(self._current)
        if number:
            self._write_from(used)
        else:
            self._next_segment()

    def received(self, batch: Batch) -> None:
        self._keep(batch, 0)

    def sent(self, sends: Sequence[Send]) -> None:
        self._keep([(send.data, send.flow) for send in sends], 1)

    def forget(self) -> None:
        """Wipe what is too old; to be called now and then."""
        now = self._clock()
        if self._at and self._begun < now - self._age_s / SEGMENTS:
            self._next_segment()
        for index in range(SEGMENTS):
            number, used, last = self._segment(index)
            if used and index != self._current and last < now - self._age_s:
                self._wipe(index, number)

    def wipe(self) -> None:
        """Forget all messages."""
        self._next_segment()
        for index in range(SEGMENTS):
            if index != self._current:
                self._wipe(index, self._segment(index)[0])

    def close(self) -> None:
        self._map.close()

    def _keep(self, messages: Batch, sent: int) -> None:
        now, flows, pack, header = self._clock(), self._flows, _RECORD.pack, _RECORD.size
        parts: list[bytes] = []
        for data, flow in messages:
            named = flows.get(flow) or self._learn(flow)
            parts += (pack(header + len(named) + len(data), len(named), sent, now), named, data)
        records = b"".join(parts)
        if len(records) <= self._size - self._at:
            self._write(records, now)
        else:
            for data, flow in messages:
                self._keep_one(data, flows.get(flow) or self._learn(flow), sent, now)

    def _keep_one(self, data: bytes, named: bytes, sent: int, now: float) -> None:
        """Where the segment may not have room: cut off what fits into none."""
        data = data[: self._size - _RECORD.size - len(named)]
        size = _RECORD.size + len(named) + len(data)
        if size > self._size - self._at:
            self._next_segment()
        self._write(_RECORD.pack(size, len(named), sent, now) + named + data, now)

    def _write(self, records: bytes, now: float) -> None:
        if not self._at:
            self._begun = now
        start = self._start + self._at
        self._map[start : start + len(records)] = records
        self._at += len(records)
        # Last, so that a reader never sees half a record, whenever this process is killed.
        _USED.pack_into(self._map, self._used_at, self._at)

    def _learn(self, flow: SipFlow) -> bytes:
        if len(self._flows) >= KNOWN_FLOWS:
            self._flows.clear()
        transport, (host, port), (remote, remote_port), connection = flow
        named = f"{transport} {host} {port} {remote} {remote_port} {connection}".encode()
        self._flows[flow] = named
        return named

    def _next_segment(self) -> None:
        """Go on in the segment after the current one, which is closed."""
        number, used, _ = self._segment(self._current)
        _SEGMENT.pack_into(self._map, _header_at(self._current), number, used, self._clock())
        self._current = (self._current + 1) % SEGMENTS
        self._wipe(self._current, number + 1)
        self._write_from(0)

    def _write_from(self, at: int) -> None:
        self._start = _start(self._size, self._current)
        self._used_at = _header_at(self._current) + _NUMBER_BYTES
        self._at, self._begun = at, self._clock()

    def _wipe(self, index: int, number: int) -> None:
        used = self._segment(index)[1]
        _SEGMENT.pack_into(self._map, _header_at(index), number, 0, 0.0)
        start = _start(self._size, index)
        self._map[start : start + used] = bytes(used)

    def _segment(self, index: int) -> tuple[int, int, float]:
        return _segment(self._map[_header_at(index) : _header_at(index) + _SEGMENT.size], self._size)


class TraceReader:
    """The reading side, in any process: `read` gives what has come since it was last called."""

    def __init__(self, path: Path) -> None:
        """Raises TraceUnreadable."""
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise TraceUnreadable(f"{path}: {error.strerror}") from None
        head = self._file.read(_FILE.size)
        magic, self._size = _FILE.unpack(head) if len(head) == _FILE.size else (b"", 0)
        if magic != _MAGIC:
            self._file.close()
            raise TraceUnreadable(f"{path} is no SIP trace")
        self._number, self._offset = 0, 0

    def read(self) -> Iterator[Traced]:
        """New messages in the order they were written; what is overwritten meanwhile is left out."""
        headers = sorted((*self._segment(index)[:2], index) for index in range(SEGMENTS))
        for number, used, index in headers:
            if number < self._number or not used:
                continue
            offset = self._offset if number == self._number else 0
            content = os.pread(self._file.fileno(), used - offset, _start(self._size, index) + offset)
            if self._segment(index)[0] != number:
                continue
            self._number, self._offset = number, used
            yield from _records(content)

    def close(self) -> None:
        self._file.close()

    def _segment(self, index: int) -> tuple[int, int, float]:
        return _segment(os.pread(self._file.fileno(), _SEGMENT.size, _header_at(index)), self._size)


def _records(content: bytes) -> Iterator[Traced]:
    at = 0
    while at + _RECORD.size <= len(content):
        size, named, sent, when = _RECORD.unpack_from(content, at)
        if size < _RECORD.size + named or at + size > len(content):
            return
        begin = at + _RECORD.size
        transport, host, port, remote, remote_port, connection = content[begin : begin + named].split(b" ")
        flow = SipFlow(
            transport.decode(),
            (host.decode(), int(port)),
            (remote.decode(), int(remote_port)),
            int(connection),
        )
        yield Traced(when, bool(sent), flow, content[begin + named : at + size])
        at += size


def _mapped(path: Path, segment_bytes: int) -> mmap.mmap:
    """The file, made anew unless it is a ring of this size."""
    total = _start(segment_bytes, SEGMENTS)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        head = os.pread(descriptor, _FILE.size, 0)
        if head != _FILE.pack(_MAGIC, segment_bytes) or os.fstat(descriptor).st_size != total:
            os.ftruncate(descriptor, 0)
            # With room that is really there: a full disk would otherwise end the process at a write.
            os.posix_fallocate(descriptor, 0, total)
            os.pwrite(descriptor, _FILE.pack(_MAGIC, segment_bytes), 0)
        # All pages now: what calls need later is not mixed up with them, and no call waits for one.
        return mmap.mmap(descriptor, total, flags=mmap.MAP_SHARED | mmap.MAP_POPULATE)
    finally:
        os.close(descriptor)


def _segment(header: bytes, size: int) -> tuple[int, int, float]:
    number, used, left_at = _SEGMENT.unpack(header)
    return number, min(used, size), left_at


def _header_at(index: int) -> int:
    return _PAGE + index * _SEGMENT.size


def _start(segment_bytes: int, index: int) -> int:
    return 2 * _PAGE + index * segment_bytes
