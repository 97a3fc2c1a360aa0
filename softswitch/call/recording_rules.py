"""Whether a conversation is recorded: by the flow, by the first rule that matches, or by its queue."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from softswitch.config.recording import ORDINARY, RecordingRule

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.leg import Leg

_MOST_TEXT = 40


def direction_of(call: Call, leg: Leg) -> str:
    if call.caller.kind == "trunk":
        return "inbound"
    return "outbound" if leg.party.kind == "trunk" else "internal"


def recorded(call: Call, leg: Leg, queue: str | None) -> bool:
    """Whether the conversation with this leg is to be recorded."""
    exchange = call.exchange
    if not exchange.node.recording.enabled or call.record is False:
        return False
    rule = _rule(call, leg, queue)
    if call.record or rule is None:
        settings = exchange.centre.queues.get(queue) if queue else None
        return bool(call.record) or (settings is not None and settings.record)
    # The same draw whenever this call is asked about.
    drawn = int.from_bytes(hashlib.sha256(call.id.encode()).digest()[:4], "big")
    return drawn % 10_000 < rule.percent * 100


def about(call: Call, leg: Leg, queue: str | None) -> dict[str, Any]:
    """What the certificate says of the call."""
    rule = _rule(call, leg, queue)
    return {
        "call": call.id,
        "from": call.caller.number[:_MOST_TEXT],
        "to": call.dialled[:_MOST_TEXT],
        "direction": direction_of(call, leg),
        "queue": queue,
        "agent": leg.party.agent,
        "retention": rule.retention if rule is not None else ORDINARY,
    }


def _rule(call: Call, leg: Leg, queue: str | None) -> RecordingRule | None:
    rules = call.exchange.node.recording.rules
    return next((rule for rule in rules if _matches(rule, call, leg, queue)), None)


def _matches(rule: RecordingRule, call: Call, leg: Leg, queue: str | None) -> bool:
    numbers = call.caller.number, call.dialled, leg.party.number
    wanted = (
        (rule.queue, queue),
        (rule.agent, leg.party.agent),
        (rule.direction, direction_of(call, leg)),
    )
    if any(want is not None and want != have for want, have in wanted):
        return False
    return rule.number is None or any(number.startswith(rule.number) for number in numbers)
