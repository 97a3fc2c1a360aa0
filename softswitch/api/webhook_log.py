"""The log as webhooks read it: the feed, what they have missed of it, and single records again."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncGenerator, Iterable
from pathlib import Path
from typing import Any

import orjson

from softswitch.store.reader import JournalGap, JournalReader
from softswitch.store.segments import journal_directory, list_segments, segment_path
from softswitch.store.subjects import SubjectBook
from softswitch.webhook.outputs import Place

TOLD_KEYS = ("id", "type", "at", "node", "tenant", "data")
CHUNK_BYTES = 1 << 18
MOST_RECORD_BYTES = 64 << 20
Fact = dict[str, Any]

log = logging.getLogger(__name__)


def told(fact: Fact) -> Fact | None:
    """What of a fact goes outside; None for a record without it."""
    light = {key: fact[key] for key in TOLD_KEYS if key in fact}
    good = len(light) == len(TOLD_KEYS) and isinstance(light["data"], dict) and light["id"]
    return light if good else None


async def feed_from(path: Path, position: int) -> AsyncGenerator[list[tuple[int, Fact]], None]:
    """What the feed tells after a position, until it ends; each fact with the position after it. Raises
    OSError, and ValueError for what is no feed."""
    reader, writer = await asyncio.open_unix_connection(path, limit=CHUNK_BYTES)
    try:
        writer.write(orjson.dumps({"facts": True, "from": position}) + b"\n")
        rest = b""
        while chunk := await reader.read(CHUNK_BYTES):
            lines, newline, rest = (rest + chunk).rpartition(b"\n")
            if len(rest) > MOST_RECORD_BYTES:
                raise ValueError("a line without end")
            if newline:
                given = map(orjson.loads, lines.split(b"\n"))
                yield [(fact["log_position"], of) for fact in given if (of := told(fact)) is not None]
    finally:
        writer.close()


class WebhookLog:
    """For one thread at a time."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._directory = journal_directory(state_dir)
        self._subjects = SubjectBook(state_dir)

    def read_on(self, after: int, until: int) -> tuple[list[tuple[int, Fact]], int]:
        """Facts after a position, about a mebibyte of them, and up to where that is. Raises OSError."""
        reader = JournalReader(self._state_dir, after, on_damage=_tell_damage)
        reader.subjects = self._subjects
        try:
            found = [(position, fact) for position, fact in reader.read() if position <= until]
            end = min(reader.position, until)
        except JournalGap as gap:
            found, end = [], min(until, min(list_segments(self._directory)))
            log.error("webhooks: %s; what happened before is not delivered", gap)
        finally:
            reader.close()
        light = [(position, of) for position, fact in found if (of := told(fact)) is not None]
        return light, max(after, end)

    def read_again(self, places: Iterable[Place]) -> dict[int, Fact | None]:
        """The facts at these places by position; None: there is no such record any more. Raises OSError."""
        self._subjects.refresh()
        starts = list_segments(self._directory)
        return {each.position: self._record(each, starts) for each in places}

    def _record(self, place: Place, starts: list[int]) -> Fact | None:
        start = max((each for each in starts if each < place.position), default=None)
        if start is None or not 0 < place.position - place.begin <= MOST_RECORD_BYTES:
            return None
        begin = max(place.begin, start)
        descriptor = os.open(segment_path(self._directory, start), os.O_RDONLY | os.O_CLOEXEC)
        try:
            text = os.pread(descriptor, place.position - begin, begin - start)
        finally:
            os.close(descriptor)
        # What is before the last line is damage, which no reader has seen as a fact.
        line = text.removesuffix(b"\n").rpartition(b"\n")[2]
        try:
            fact = orjson.loads(self._subjects.open(line))
        except orjson.JSONDecodeError:
            return None
        return told(fact) if isinstance(fact, dict) and isinstance(fact.get("type"), str) else None


def _tell_damage(position: int, what: str) -> None:
    log.error("webhooks: journal at %s: %s", position, what)
