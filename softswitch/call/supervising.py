"""Supervisors and what they wait for: each joins a conversation or conference as soon as it may hear one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from softswitch.call.conference_activity import ConferenceActivity
from softswitch.call.routing import NoRoute, user_named
from softswitch.call.supervision import AGENT, CALL, LISTEN, SupervisionActivity

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.exchange import Exchange
    from softswitch.call.heard import Heard
    from softswitch.call.leg import Leg
    from softswitch.call.routing import Route

SERVICES = {"listen": CALL, "follow": AGENT}
"""Feature codes, and what who dials one stays with."""


class Supervising:
    """All who supervise, by their own call's id: a few, whatever the number of calls."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._all: dict[str, SupervisionActivity] = {}

    def dialled(self, call: Call, found: Route) -> SupervisionActivity | None:
        """What the caller wants who dialled listen or follow; None: it is another number. Raises NoRoute."""
        scope = SERVICES.get(found.name) if found.kind == "feature" else None
        if scope is None:
            return None
        centre = self._exchange.centre
        if "supervise" not in centre.users[call.caller.name].permissions:
            raise NoRoute("forbidden")
        user = user_named(centre, found.number)
        if user not in centre.users:
            raise NoRoute("number_not_found")
        return self.of(call, user, scope)

    def of(self, call: Call, user: str, scope: str, mode: str = LISTEN) -> SupervisionActivity:
        """Somebody who wants to hear this user. Raises NoRoute when there is nothing to stay with."""
        supervision = SupervisionActivity(call, "", user, mode, AGENT)
        heard = self.heard_by(supervision)
        call_heard = supervision.call_of(heard) if heard is not None else None
        if call_heard is None and scope == CALL:
            raise NoRoute("number_not_found")
        supervision.watched, supervision.scope = (call_heard.id if call_heard is not None else ""), scope
        return supervision

    def add(self, supervision: SupervisionActivity, now: float, out: list[Any]) -> None:
        """Somebody supervises from now on, and joins what there is to hear."""
        self._all[supervision.call.id] = supervision
        heard = self.heard_by(supervision)
        if heard is not None:
            supervision.join(heard, now, out)

    def restore(self, supervision: SupervisionActivity, joined: bool, now: float, out: list[Any]) -> None:
        """After a restart; `joined`: the former process had joined it to a conversation."""
        heard = self.heard_by(supervision)
        if heard is None or not joined:
            self.add(supervision, now, out)
        else:
            self._all[supervision.call.id] = supervision
            supervision.resume(heard, out)

    def remove(self, supervision: SupervisionActivity) -> None:
        self._all.pop(supervision.call.id, None)

    def heard_by(self, supervision: SupervisionActivity) -> Heard | None:
        """What there is to hear just now of what is supervised."""
        found = (heard_in(each) for each in reversed(self._exchange.calls.values()))
        return next((each for each in found if each is not None and supervision.call_of(each)), None)

    def began(self, heard: Heard, now: float, out: list[Any]) -> None:
        """There are parties who talk: those who have waited for them hear them."""
        for each in [*self._all.values()]:
            if each.heard is None and each.call_of(heard) is not None:
                each.join(heard, now, out)

    def merged(self, gone: str, into: str) -> None:
        """One call is over and its parties are in another one."""
        for each in self._all.values():
            if each.watched == gone:
                each.watched = into

    def call_over(self, call: Call, now: float, out: list[Any]) -> None:
        """Who has waited for what comes of this call waits for nothing more."""
        for each in [*self._all.values()]:
            if each.scope == CALL and each.watched == call.id and each.heard is None:
                each.over(now, out)


def heard_in(call: Call) -> Heard | None:
    """What supervisors can hear of a call: its conversation, or the conference in which it is."""
    activity = call.activity
    return activity.conference if isinstance(activity, ConferenceActivity) else call.conversation


def whom(heard: Heard, call: str) -> Leg | None:
    """Who is supervised if nothing but the call is said: a user of it, or of its conference."""
    users = [leg for leg in reversed(heard.legs) if leg.party.kind == "user"]
    return min(users, key=lambda leg: leg.call.id != call, default=None)
