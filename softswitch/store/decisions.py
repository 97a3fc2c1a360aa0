"""The routing decisions of a call, made again from the journal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from softswitch.acd.history import History, Rebuilt
from softswitch.acd.snapshot import AGENT_KEY
from softswitch.store.reader import JournalReader, type_in
from softswitch.store.segments import journal_directory, list_segments

_AGENT_KEPT = b'"' + AGENT_KEY.encode()


class Decision(NamedTuple):
    """UTC seconds, the log position after the record, and everybody who was considered; `rebuilt` is None
    where the journal does not reach back far enough to know the queue."""

    at: float
    log_position: int
    rebuilt: Rebuilt | None
    decided: dict[str, object]


def decisions_of(state_dir: Path, call: str) -> Iterator[Decision]:
    """Of a call, or of all calls of a callback, in order. Reads the journal from its beginning: who was free
    is the sum of all that happened before."""
    starts = list_segments(journal_directory(state_dir))
    history = History()
    reader = JournalReader(state_dir, starts[0] if starts else 0, wanted=partial(_matters, history))
    try:
        before = -1
        while reader.position != before:
            before = reader.position
            for position, fact in reader.read():
                kind, data = fact["type"], fact.get("data", {})
                if kind == "routing_decided" and call in (data["call"], data.get("callback")):
                    known = data["queue"] in history.queues
                    rebuilt = history.decision(data) if known else None
                    yield Decision(fact["at"], position, rebuilt, data)
                history.apply(kind, data)
                history.keep(fact.get("keep") or {})
    finally:
        reader.close()


def _matters(history: History, line: bytes) -> bool:
    return history.reads(type_in(line).decode()) or _AGENT_KEPT in line


def described(decision: Decision) -> dict[str, Any]:
    """For programs."""
    rebuilt = decision.rebuilt
    considered = [asdict(each) for each in rebuilt.considered] if rebuilt is not None else None
    return {
        "at": decision.at,
        "log_position": decision.log_position,
        "decided": decision.decided,
        "considered": considered,
        "differences": rebuilt.differences() if rebuilt is not None else None,
    }
