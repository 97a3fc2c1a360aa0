"""The facts of one call, read from the journal itself."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

import orjson

from softswitch.store.reader import Fact
from softswitch.store.segments import journal_directory, list_segments, segment_path
from softswitch.store.subjects import SubjectBook


def facts_of(state_dir: Path, call: str) -> Iterator[tuple[int, Fact]]:
    """Every fact that is about `call`, oldest first, each with the log position after it.

    Lines that do not name the call are not decoded: a day of journal is searched in about a second.
    """
    wanted, subjects = orjson.dumps(call), SubjectBook(state_dir)
    subjects.refresh()
    for start in list_segments(journal_directory(state_dir)):
        with segment_path(journal_directory(state_dir), start).open("rb") as segment:
            if segment.seek(0, 2) == 0:
                continue
            with mmap.mmap(segment.fileno(), 0, access=mmap.ACCESS_READ) as text:
                for begin, line in _lines_with(text, wanted):
                    fact = orjson.loads(subjects.open(line))
                    if _is_about(fact, call):
                        yield start + begin + len(line), fact


def _lines_with(text: mmap.mmap, wanted: bytes) -> Iterator[tuple[int, bytes]]:
    at = text.find(wanted)
    while at >= 0:
        begin = text.rfind(b"\n", 0, at) + 1
        end = text.find(b"\n", at)
        if end < 0:
            return
        yield begin, text[begin : end + 1]
        at = text.find(wanted, end)


def _is_about(fact: Fact, call: str) -> bool:
    told = fact["data"]
    return call in (told.get("call"), told.get("from_call"), told.get("other_call"), told.get("to_call"))
