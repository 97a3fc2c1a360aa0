"""Who watches whom: subscriptions to lamps, presence and mailboxes, and what in the house changes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from softswitch.call import mailboxes, presence
from softswitch.call.lamps import DIALOG, Lamps, rebuilt
from softswitch.call.outputs import Fact, Keep
from softswitch.call.parking import ParkActivity, is_slot
from softswitch.config import Target
from softswitch.sip.notifier import Notifier, Watch
from softswitch.sip.telephone import telephone
from softswitch.sip.uri import Address
from softswitch.sip.values import Event, first

if TYPE_CHECKING:
    from softswitch.call.exchange import Exchange
    from softswitch.config import Centre
    from softswitch.sip.message import Message

PACKAGES = {"dialog": DIALOG, "presence": presence.PRESENCE, "message-summary": mailboxes.SUMMARY}


class Watching:
    """The subscriptions of all users. It reads the facts of every turn, and tells at the turn's end."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.lamps = Lamps(exchange)
        limits = exchange.node.limits
        self.notifier = Notifier(
            exchange.ua,
            PACKAGES,
            self._document,
            kept=_keep,
            most=limits.max_subscriptions,
            most_by_one=limits.max_subscriptions_per_user,
        )
        self._users: dict[str, str] = {}
        self._changed: dict[tuple[str, str], None] = {}
        self._unasked: dict[str, None] = {}
        self._back: dict[str, None] = {}
        self._parked: dict[str, str] = {}

    # Subscribing

    def subscribe(self, transaction: Any, message: Message, now: float, out: list[Any]) -> None:
        """A SUBSCRIBE outside of dialogs: who may watch what."""
        exchange = self._exchange
        watcher = exchange.authenticator.user(exchange.ua, transaction, message, transaction.flow, now, out)
        if watcher is None:
            return
        resource = self._resource(called_name(message))
        event = first(message, Event)
        status = 0
        if resource is None:
            status = 404
        elif event is not None and event.package in PACKAGES:
            status = self._refusal(watcher, resource, event.package)
        if status or resource is None:
            exchange.ua.respond(transaction, message, status, now, out)
            return
        unknown = event is not None and event.package not in PACKAGES
        if unknown and resource.startswith("user/") and resource != f"user/{watcher}":
            exchange.proxying.subscription(transaction, message, watcher, now, out)
            return
        self.notifier.subscribe(transaction, message, resource, watcher, now, out)

    def _refusal(self, watcher: str, resource: str, package: str) -> int:
        """0, or the status with which a subscription is refused: 403 not allowed, 489 there is no such."""
        kind, _, name = resource.partition("/")
        if package != "dialog" and kind != "user":
            return 489
        if watcher == name or kind != "user" or self._supervises(watcher):
            return 0
        shows = self._exchange.centre.users[name].lamp_shows
        return 0 if package != "message-summary" and shows != "nothing" else 403

    def _supervises(self, user: str) -> bool:
        settings = self._exchange.centre.users.get(user)
        return settings is not None and "supervise" in settings.permissions

    def _document(self, watch: Watch) -> bytes | None:
        if watch.over and not self._exists(watch.resource):
            return None
        if watch.event.package == "dialog":
            return self.lamps.document(watch, identities=self._sees_identities(watch))
        if watch.event.package == "presence":
            return presence.document(self._exchange, watch)
        return self._exchange.mailboxes.document(watch)

    def _sees_identities(self, watch: Watch) -> bool:
        kind, _, name = watch.resource.partition("/")
        user = self._exchange.centre.users.get(name) if kind == "user" else None
        if watch.watcher == name or self._supervises(watch.watcher):
            return True
        return user is not None and user.lamp_shows == "identity"

    def _resource(self, name: str) -> str | None:
        exchange = self._exchange
        return f"park/{name}" if is_slot(exchange, name) else resource_of(exchange.centre, name)

    def _exists(self, resource: str) -> bool:
        kind, _, name = resource.partition("/")
        if kind == "park":
            return is_slot(self._exchange, name)
        return name in (self._exchange.centre.users if kind == "user" else self._exchange.centre.queues)

    # What happens in the house

    def end_turn(self, facts: Iterable[Fact], now: float, out: list[Any]) -> None:
        """Learn from the facts of this turn and tell the watchers what is different now."""
        for fact in facts:
            observe = _FACTS.get(fact.type)
            if observe is not None:
                observe(self, fact.data)
        if self._parked:
            for call in [call for call, slot in self._parked.items() if not self._is_parked(call, slot)]:
                self.touch(f"park/{self._parked.pop(call)}", ("dialog",))
        if self._changed:
            changed, self._changed = self._changed, {}
            for resource, package in changed:
                self.notifier.changed(resource, package, now, out)
        if self._back:
            back, self._back = self._back, {}
            for user in back:
                contacts = self._exchange.registrar.contacts(user, now)
                flows = {binding.uri: binding.sip_flow for binding in contacts}
                self.notifier.is_back(user, flows, now, out)
        if self._unasked:
            unasked, self._unasked = self._unasked, {}
            for user in unasked:
                self._exchange.mailboxes.tell_unasked(user, now, out)

    def touch(self, resource: str, packages: Iterable[str]) -> None:
        """What watchers of this know may be old when the turn ends."""
        if not self.notifier.count:
            return
        for package in packages:
            if self.notifier.watched(resource, package):
                self._changed[resource, package] = None

    def configured(self, kind: str, name: str, value: Any, now: float, out: list[Any]) -> None:
        """A user or a queue is new, different or gone."""
        resource = f"{kind}/{name}"
        for package in PACKAGES:
            if value is None:
                self.notifier.remove(resource, package, "noresource", now, out)
        if kind != "user":
            return
        for watch in self.notifier.watches():
            if name == watch.watcher and value is None:
                watch.end("rejected", now, out)
            # Who is gone in the same change has an event of its own, which ends what watches it.
            elif self._exists(watch.resource) and (name == watch.watcher or watch.resource == resource):
                if self._refusal(watch.watcher, watch.resource, watch.event.package):
                    watch.end("rejected", now, out)
                else:
                    self.touch(watch.resource, (watch.event.package,))

    def restore(self, states: Iterable[dict[str, Any]], now: float, out: list[Any]) -> None:
        """Take up the subscriptions of a former process, once its calls are known again."""
        rebuilt(self.lamps, self._exchange.calls)
        for call in self._exchange.calls.values():
            if isinstance(call.activity, ParkActivity):
                self._parked[call.id] = call.activity.slot
            self._users |= {leg.id: leg.party.name for leg in call.legs.values() if leg.party.kind == "user"}
        for state in states:
            watcher, resource = state["watcher"], state["resource"]
            refused = "" if self._exists(resource) else "noresource"
            if watcher not in self._exchange.centre.users:
                refused = "rejected"
            self.notifier.restore(state, now, out, refused=refused)

    def _leg_started(self, of: dict[str, Any]) -> None:
        user = of.get("user")
        if user is not None:
            self._users[of["leg"]] = user
            self.lamps.leg_started(user, of["leg"])
            self.touch(f"user/{user}", ("dialog", "presence"))

    def _leg_changed(self, of: dict[str, Any]) -> None:
        user = self._users.get(of["leg"])
        if user is not None:
            self.touch(f"user/{user}", ("dialog", "presence"))

    def _leg_ended(self, of: dict[str, Any]) -> None:
        user = self._users.pop(of["leg"], None)
        if user is not None:
            self.lamps.leg_ended(user, of["leg"])
            self.touch(f"user/{user}", ("dialog", "presence"))

    def _call_changed(self, of: dict[str, Any]) -> None:
        """Who speaks with whom has changed."""
        call = self._exchange.calls.get(of["call"])
        for leg in call.legs if call is not None else ():
            self._leg_changed({"leg": leg})

    def _call_queued(self, of: dict[str, Any]) -> None:
        if "callback" in of:
            return  # nobody is on the line
        self.lamps.call_queued(of["queue"], of["call"])
        self.touch(f"queue/{of['queue']}", ("dialog",))

    def _queue_left(self, of: dict[str, Any]) -> None:
        self.lamps.queue_left(of["queue"], of["call"])
        self.touch(f"queue/{of['queue']}", ("dialog",))

    def _call_parked(self, of: dict[str, Any]) -> None:
        self._parked[of["call"]] = of["slot"]
        self.touch(f"park/{of['slot']}", ("dialog",))

    def _is_parked(self, call: str, slot: str) -> bool:
        known = self._exchange.calls.get(call)
        activity = known.activity if known is not None else None
        return isinstance(activity, ParkActivity) and activity.slot == slot

    def _user_changed(self, of: dict[str, Any]) -> None:
        self.touch(f"user/{of['user']}", ("presence",))

    def _contact_registered(self, of: dict[str, Any]) -> None:
        self._user_changed(of)
        self._unasked[of["user"]] = None
        if self.notifier.misses(of["user"]):
            self._back[of["user"]] = None

    def _mailbox_changed(self, of: dict[str, Any]) -> None:
        self._unasked[of["user"]] = None
        self.touch(f"user/{of['user']}", ("message-summary",))


_FACTS: dict[str, Callable[[Watching, dict[str, Any]], None]] = {
    "leg_started": Watching._leg_started,
    "leg_ringing": Watching._leg_changed,
    "leg_answered": Watching._leg_changed,
    "leg_ended": Watching._leg_ended,
    "call_bridged": Watching._call_changed,
    "bridge_ended": Watching._call_changed,
    "call_parked": Watching._call_parked,
    "call_queued": Watching._call_queued,
    "queue_left": Watching._queue_left,
    "contact_registered": Watching._contact_registered,
    "contact_removed": Watching._user_changed,
    "forwarding_set": Watching._user_changed,
    "mailbox_changed": Watching._mailbox_changed,
}


def _keep(watch: Watch, out: list[Any]) -> None:
    out.append(Keep(f"watch/{watch.dialog.local_tag}", None if watch.closed else watch))


def called_name(message: Message) -> str:
    """Whom a request is for: the user part of its URI, or of To where that names the switch itself."""
    return telephone(message.request_uri) or Address.parse(message.need("To")).uri.user


def resource_of(centre: Centre, name: str) -> str | None:
    """What may be watched under this name: a user, an agent's user, a queue, or what a number leads to."""
    number = centre.numbers.get(name)
    if number is not None:
        target = Target.parse(number.target)
        return f"{target.kind}/{target.name}" if target.kind in ("user", "queue") else None
    if name in centre.users:
        return f"user/{name}"
    if name in centre.agents:
        return f"user/{centre.agents[name].user or name}"
    return f"queue/{name}" if name in centre.queues else None
