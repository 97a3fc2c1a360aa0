"""Lines of the log about calls and alarms, made of the facts that go into the journal."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from softswitch.logs import ALARM

log = logging.getLogger("softswitch.calls")
Data = Mapping[str, Any]


def _started(data: Data) -> str:
    return f"{data.get('direction')} call from {data.get('from_number')} to {data.get('to_number')}"


def _ended(data: Data) -> str:
    return f"call ended: {data.get('outcome')}, {data.get('reason')}, {data.get('duration_s')} s"


LINES: dict[str, Callable[[Data], str]] = {
    "call_started": _started,
    "call_answered": lambda data: "call answered",
    "call_ended": _ended,
}


def tell(facts: Iterable[tuple[str, Data]], told: set[tuple[str, str]]) -> None:
    """`facts` by type and data; alarms that are in `told` have a line already."""
    for type, data in facts:
        if type == "alarm_raised":
            alarm = data["code"], data["message"]
            if alarm in told:
                told.discard(alarm)
            else:
                log.error("alarm %s: %s", *alarm, extra={ALARM: alarm[0], "call": data.get("call")})
        elif type in LINES and log.isEnabledFor(logging.INFO):
            log.info("%s", LINES[type](data), extra={"call": data.get("call")})
