"""Whether log and views agree with what a running switch says."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from softswitch.store.livestate import load_snapshot
from softswitch.store.queries import NoViews, list_calls, open_views, wait_until_current
from softswitch.store.reader import read_facts
from softswitch.store.schema import database_path

SETTLE_S = 3.0


def kept_at(state_dir: Path, position: int) -> dict[str, Any] | None:
    """The live state that a successor would find at this log position; None where only later is known."""
    state = load_snapshot(state_dir)
    if state.position > position:
        return None
    for after, fact in read_facts(state_dir, state.position):
        if after > position:
            break
        state.apply(after, fact)
    return state.values


def views_differ(state_dir: Path, position: int, calls: set[str]) -> list[str]:
    """Messages about views that do not agree with the `calls` that went on at this log position."""
    if not wait_until_current(state_dir, SETTLE_S):
        return [f"the views in {database_path(state_dir)} are behind the journal"]
    changed = {
        fact["data"]["call"]
        for _, fact in read_facts(state_dir, position)
        if fact["type"] in ("call_started", "call_ended")
    }
    try:
        db = open_views(state_dir)
    except NoViews as error:
        return [str(error)]
    with contextlib.closing(db):
        shown = {row["call"] for row in list_calls(db, ended=False, limit=-1)}
    wrong = sorted((shown ^ calls) - changed)
    return [f"the views say that call {call} {'goes on' if call in shown else 'is over'}" for call in wrong]
