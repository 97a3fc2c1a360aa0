"""Supervisors and what they wait for: each joins a conversation as soon as there is one that it may hear."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from softswitch.call.routing import NoRoute, user_named
from softswitch.call.supervision import AGENT, CALL, LISTEN, SupervisionActivity

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.conversation import Conversation
    from softswitch.call.exchange import Exchange
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
        heard = self.conversation_for(supervision)
        if heard is None and scope == CALL:
            raise NoRoute("number_not_found")
        supervision.watched, supervision.scope = (heard.call.id if heard is not None else ""), scope
        return supervision

    def add(self, supervision: SupervisionActivity, now: float, out: list[Any]) -> None:
        """Somebody supervises from now on, and joins what there is to hear."""
        self._all[supervision.call.id] = supervision
        conversation = self.conversation_for(supervision)
        if conversation is not None:
            supervision.join(conversation, now, out)

    def restore(self, supervision: SupervisionActivity, joined: bool, now: float, out: list[Any]) -> None:
        """After a restart; `joined`: the former process had joined it to a conversation."""
        conversation = self.conversation_for(supervision)
        if conversation is None or not joined:
            self.add(supervision, now, out)
        else:
            self._all[supervision.call.id] = supervision
            supervision.resume(conversation, out)

    def remove(self, supervision: SupervisionActivity) -> None:
        self._all.pop(supervision.call.id, None)

    def conversation_for(self, supervision: SupervisionActivity) -> Conversation | None:
        found = (each.conversation for each in reversed(self._exchange.calls.values()))
        return next((each for each in found if each is not None and supervision.matches(each)), None)

    def began(self, conversation: Conversation, now: float, out: list[Any]) -> None:
        """Two parties talk: those who have waited for it hear them."""
        for each in [*self._all.values()]:
            if each.conversation is None and each.matches(conversation):
                each.join(conversation, now, out)

    def merged(self, gone: str, into: str) -> None:
        """One call is over and its parties are in another one."""
        for each in self._all.values():
            if each.watched == gone:
                each.watched = into

    def call_over(self, call: Call, now: float, out: list[Any]) -> None:
        """Who has waited for what comes of this call waits for nothing more."""
        for each in [*self._all.values()]:
            if each.scope == CALL and each.watched == call.id and each.conversation is None:
                each.over(now, out)
