"""What people and programs did, as rows: who listened, erased, supervised, changed, signed in."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial

import orjson

from softswitch.store.told import Told

SUBJECTS: dict[str, tuple[str, ...]] = {
    "action_taken": ("subject",),
    "action_undone": ("subject",),
    "address_banned": ("address",),
    "address_released": ("address",),
    "api_login": ("user",),
    "api_login_failed": ("user",),
    "configuration_changed": ("kind", "name"),
    "greeting_recorded": ("mailbox",),
    "message_deleted": ("message",),
    "message_heard": ("message",),
    "recording_classified": ("recording",),
    "recording_erased": ("recording",),
    "recording_exported": ("recording",),
    "recording_held": ("recording",),
    "recording_paused": ("recording",),
    "recording_played": ("recording",),
    "recording_released": ("recording",),
    "recording_resumed": ("recording",),
    "subject_erased": ("subjects",),
    "supervision_ended": ("agent",),
    "supervision_started": ("agent",),
    "switch_started": ("generation",),
}
"""Types of the facts that are audited, and the fields that say to what it was done."""
_WHO = ("by", "supervisor", "user")


def _audited(type: str, fields: tuple[str, ...], db: sqlite3.Connection, fact: Told) -> None:
    of = fact.of
    who = next((str(of[name]) for name in _WHO if of.get(name)), None)
    subject = " ".join(_text(of[name]) for name in fields if of.get(name) is not None)
    db.execute(
        "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?)",
        (fact.position, fact.at, type, who, of.get("call"), subject or None, orjson.dumps(of).decode()),
    )


def _text(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


AUDIT_VIEWS: dict[str, Callable[[sqlite3.Connection, Told], None]] = {
    type: partial(_audited, type, fields) for type, fields in SUBJECTS.items()
}
"""By type of fact."""
