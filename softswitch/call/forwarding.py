"""Forwarding and do-not-disturb of users: what they set by phone goes before their configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from softswitch.call.feature_activity import FeatureActivity
from softswitch.call.outputs import Fact, Keep
from softswitch.call.party import Party
from softswitch.call.routing import NoRoute, Route

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.exchange import Exchange
    from softswitch.call.flow_activity import FlowActivity
    from softswitch.config import Centre

MOST_FORWARDS = 5
AFTER = {
    "user_busy": "busy",
    "user_rejected": "busy",
    "do_not_disturb": "busy",
    "user_no_answer": "no_answer",
    "user_not_registered": "unreachable",
    "no_response": "unreachable",
    "transport_failed": "unreachable",
}
"""Which forwarding holds after a call to the user has ended for this reason."""
DIVERSION = {
    "always": "unconditional",
    "busy": "user-busy",
    "no_answer": "no-answer",
    "unreachable": "unavailable",
}
"""Reasons of the Diversion header (RFC 5806)."""
SERVICES: dict[str, tuple[str, bool]] = {
    "forward_always": ("always", True),
    "forward_off": ("always", False),
    "forward_busy": ("busy", True),
    "forward_busy_off": ("busy", False),
    "forward_no_answer": ("no_answer", True),
    "forward_no_answer_off": ("no_answer", False),
    "do_not_disturb": ("do_not_disturb", True),
    "do_not_disturb_off": ("do_not_disturb", False),
}
"""Feature code -> what it sets or takes back."""


class Forwards:
    """By user what was set by phone: a number, True for do-not-disturb, None for what was taken back."""

    def __init__(self) -> None:
        self._set: dict[str, dict[str, Any]] = {}

    def target(self, centre: Centre, user: str, kind: str) -> str | None:
        """Where calls of the user go: `kind` is always, busy, no_answer or unreachable."""
        configured = centre.users.get(user)
        number: str | None = self._value(user, kind, getattr(configured, f"forward_{kind}", None))
        return number

    def may_ring(self, centre: Centre, user: str) -> bool:
        """Whether the user's phones may ring."""
        configured = centre.users.get(user)
        return not self._value(user, "do_not_disturb", configured is not None and configured.do_not_disturb)

    def _value(self, user: str, kind: str, configured: Any) -> Any:
        return self._set.get(user, {}).get(kind, configured)

    def set(self, user: str, kind: str, value: str | bool | None, out: list[Any]) -> None:
        self._set.setdefault(user, {})[kind] = value
        out.append(Fact("forwarding_set", {"user": user, "kind": kind, "target": value}))
        out.append(Keep(f"forward/{user}", dict(self._set[user])))

    def forget(self, user: str, out: list[Any]) -> None:
        if self._set.pop(user, None) is not None:
            out.append(Keep(f"forward/{user}", None))

    def restore(self, user: str, state: dict[str, Any]) -> None:
        self._set[user] = dict(state)

    def to_state(self) -> dict[str, dict[str, Any]]:
        """What is kept, by user."""
        return {user: dict(kinds) for user, kinds in self._set.items()}


def destination(exchange: Exchange, user: str, number: str, now: float) -> Route:
    """Where a number leads that a user forwards to, with the user's permissions. Raises NoRoute."""
    found = exchange.route(Party("user", user, user), number, now)
    if found.kind == "feature" or (found.outward is not None and found.outward.emergency):
        raise NoRoute("forbidden")
    return found


def forward(
    call: Call, user: str, kind: str, number: str, flow: FlowActivity | None, now: float, out: list[Any]
) -> str | None:
    """Send the caller on from `user` to `number`. None, or the reason code why that cannot be."""
    if user in call.forwarded or len(call.forwarded) >= MOST_FORWARDS:
        return "loop_detected"
    try:
        found = destination(call.exchange, user, number, now)
    except NoRoute as no_route:
        return no_route.reason
    call.forwarded.append(user)
    host = call.exchange.sip_host
    call.diversions.insert(0, f"Diversion: <sip:{user}@{host}>;reason={DIVERSION[kind]};counter=1\r\n")
    call.fact("call_forwarded", {"user": user, "kind": kind, "target": number}, out)
    call.follow(found, flow, now, out)
    return None


class ForwardingActivity(FeatureActivity):
    """A code that sets forwarding or do-not-disturb, or takes it back."""

    def __init__(self, call: Call, service: str, number: str) -> None:
        super().__init__(call)
        self.service = service
        self.number = number

    def act(self, now: float, out: list[Any]) -> str:
        call = self.call
        kind, on = SERVICES[self.service]
        value = (True if kind == "do_not_disturb" else self.number) if on else None
        call.exchange.forwards.set(call.caller.name, kind, value, out)
        call.exchange.seats.quieted(call.caller.name, now, out)
        return "thank_you"
