"""The messages of one call, found in the ring that the switch writes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from softswitch.net.ladder import Step, call_id_of, numbers_of
from softswitch.net.masking import masked
from softswitch.net.trace import TraceReader

SETTLE_S = 0.2
NAMED_CALLS = 100


@dataclass
class Wanted:
    """The messages asked for: by Call-ID, each with its leg, or by a number. Nothing asked for: all."""

    text: str
    call: dict[str, Any] | None = None
    others: int = 0
    legs: dict[str, str] = field(default_factory=dict)

    def takes(self, sip_call_id: str, data: bytes) -> bool:
        if not self.text or sip_call_id in self.legs or sip_call_id == self.text:
            return True
        if self.call is None and self.text in numbers_of(data):
            # Requests that became no call, such as a registration: their whole dialog.
            self.legs[sip_call_id] = ""
            return True
        return False


def find(state_dir: Path, call: str) -> Wanted:
    """What is known of a call by its id, a Call-ID or a number; nothing of what never became one."""
    from softswitch.store.queries import NoViews, find_calls, list_legs, open_views, wait_until_current

    if not call:
        return Wanted("")
    wait_until_current(state_dir, SETTLE_S)
    try:
        db = open_views(state_dir)
    except NoViews:
        return Wanted(call)
    with contextlib.closing(db):
        calls = find_calls(db, call, NAMED_CALLS)
        if not calls:
            return Wanted(call)
        legs = {calls[0]["sip_call_id"] or "": "caller"}
        for leg in list_legs(db, calls[0]["call"]):
            if leg["sip_call_id"]:
                legs[leg["sip_call_id"]] = leg["agent"] or leg["user"] or leg["trunk"] or leg["leg"]
    legs.pop("", None)
    return Wanted(call, calls[0], len(calls) - 1, legs)


def steps_of(reader: TraceReader, wanted: Wanted, *, hours: float, mask_digits: bool) -> Iterator[Step]:
    """The wanted messages that are there, masked, none older than the settings allow."""
    oldest = time.time() - hours * 3600
    for traced in reader.read():
        sip_call_id = call_id_of(traced.data)
        if traced.at >= oldest and wanted.takes(sip_call_id, traced.data):
            data = masked(traced.data, digits=mask_digits)
            yield Step(traced._replace(data=data), sip_call_id, wanted.legs.get(sip_call_id, ""))


def described(step: Step) -> dict[str, Any]:
    """A message for programs; bytes that are no UTF-8 are replaced."""
    traced = step.traced
    return {
        "at": traced.at,
        "direction": "sent" if traced.sent else "received",
        "transport": traced.flow.transport,
        "local": list(traced.flow.local),
        "remote": list(traced.flow.remote),
        "sip_call_id": step.sip_call_id,
        "leg": step.leg,
        "message": traced.data.decode("utf-8", "replace"),
    }
