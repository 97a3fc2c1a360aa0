"""Requests outside of any dialog: who sends them, whether they may, and what begins."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from softswitch.call.call import Call
from softswitch.call.callerid import chosen_number
from softswitch.call.conference_activity import to_room
from softswitch.call.flow_activity import FlowActivity
from softswitch.call.forwarding import SERVICES, ForwardingActivity, destination
from softswitch.call.identity import Introduction, claimed, introduction, trunk_of
from softswitch.call.opening import SERVICES as QUEUE_SERVICES
from softswitch.call.opening import QueueServiceActivity, queue_meant
from softswitch.call.parking import is_slot, parked_activity
from softswitch.call.party import Party
from softswitch.call.pickup import may_pick_up, pick_up, ringing_activity
from softswitch.call.recording_control import ACTIONS, to_recording_service
from softswitch.call.routing import NoRoute, Route, is_emergency, trunk_of_address, user_named
from softswitch.call.services import ServiceActivity, dialled_service
from softswitch.call.takeover import take_over
from softswitch.call.voicemail_menu import VoicemailActivity, mailbox_of
from softswitch.call.watching import PACKAGES
from softswitch.config import Target
from softswitch.reasons import REASONS
from softswitch.sip.message import BadMessage
from softswitch.sip.telephone import telephone
from softswitch.sip.uri import Address
from softswitch.sip.useragent import METHODS, SipSettings

if TYPE_CHECKING:
    from softswitch.call.exchange import Exchange
    from softswitch.sip.message import Message

TAKEN = (*METHODS, "REFER", "NOTIFY", "REGISTER", "SUBSCRIBE", "MESSAGE", "PUBLISH")
ALLOW = f"Allow: {', '.join(TAKEN)}\r\n"
ALLOW_EVENTS = f"Allow-Events: {', '.join(PACKAGES)}\r\n"
RETRY_AFTER_S = 5
CONTACT_USER = SipSettings().contact_user


class Arrivals:
    """The user agent's core: answers what comes in from outside; what cannot be read raises BadMessage."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def request(self, transaction: Any, message: Message, now: float, out: list[Any]) -> None:
        exchange = self._exchange
        if exchange.bans.scanned(transaction.flow.remote[0], message.get("User-Agent"), now, out):
            exchange.ua.respond(transaction, message, 403, now, out)
            return
        handler = _METHODS.get(message.method)
        if handler is None:
            self._exchange.ua.respond(transaction, message, 405, now, out, headers=ALLOW)
            return
        try:
            handler(self, transaction, message, now, out)
        except BadMessage:
            raise
        except Exception:
            # Nothing is sent if there was a final response already.
            self._exchange.ua.respond(transaction, message, 500, now, out)
            raise

    def _options(self, transaction: Any, message: Message, now: float, out: list[Any]) -> None:
        if self._exchange.proxying.options(transaction, message, now, out):
            return
        ua = self._exchange.ua
        supported = f"Supported: {', '.join(ua.endpoint.settings.supported)}\r\n"
        headers = f"{ALLOW}{ALLOW_EVENTS}{supported}Accept: application/sdp\r\n"
        ua.respond(transaction, message, 200, now, out, headers=headers)

    def _register(self, transaction: Any, message: Message, now: float, out: list[Any]) -> None:
        exchange = self._exchange
        flow = transaction.flow
        user = exchange.authenticator.user(exchange.ua, transaction, message, flow, now, out)
        if user is None:
            return
        if Address.parse(message.need("To")).uri.user != user:
            exchange.ua.respond(transaction, message, 403, now, out)
            return
        exchange.registrar.register(exchange.ua, transaction, message, user, flow, now, out)

    def _subscribe(self, transaction: Any, message: Message, now: float, out: list[Any]) -> None:
        self._exchange.watching.subscribe(transaction, message, now, out)

    def _message(self, transaction: Any, message: Message, now: float, out: list[Any]) -> None:
        self._exchange.proxying.message(transaction, message, now, out)

    def _pass_on(self, transaction: Any, message: Message, now: float, out: list[Any]) -> None:
        self._exchange.proxying.request(transaction, message, now, out)

    def _invite(self, transaction: Any, message: Message, now: float, out: list[Any]) -> None:
        exchange = self._exchange
        caller = self._caller(transaction, message, now, out)
        if caller is None:
            return
        id, dialled, hidden = f"c{exchange.entropy(8).hex()}", *self._dialled(message, caller)
        ringing = ringing_activity(exchange, caller, dialled, message)
        taken = ringing or parked_activity(exchange, caller, dialled)
        if taken is not None:
            pick_up(taken, caller, transaction, message, now, out)
            return
        if take_over(exchange, caller, transaction, message, now, out):
            return
        told = self._introduction(message, caller, hidden)
        caller = replace(caller, withheld=told.private)
        call = Call(exchange, id, caller, dialled, now, message.max_forwards - 1)
        call.introduction = told
        exchange.calls[call.id] = call
        call.started_with(message.sip_call_id, out)
        leg = call.inbound
        leg.remote_sdp = message.body
        try:
            leg.session = exchange.ua.accept_invite(transaction, message, leg, now, out)
            if not call.ended:
                self._begin(call, now, out)
        except NoRoute as no_route:
            if no_route.about is not None:
                call.fact("calling_refused", {"source": caller.source, **no_route.about}, out)
            self._refuse(call, no_route.reason, now, out)
        except Exception as error:
            call.end("bad_request" if isinstance(error, BadMessage) else "internal_error", "switch", now, out)
            raise

    def _dialled(self, message: Message, caller: Party) -> tuple[str, bool]:
        """The number: in the Request-URI, or in To where a registrar of ours calls our Contact itself; and
        whether a code before it hides who calls."""
        uri = message.request_uri
        dialled = telephone(uri if uri.user != CONTACT_USER else Address.parse(message.need("To")).uri)
        plan, trunk = self._exchange.plan, trunk_of(self._exchange.centre, caller)
        if trunk is not None:
            return plan.called_by_trunk(trunk, dialled), False
        return plan.without_hiding(dialled)

    def _introduction(self, message: Message, caller: Party, hidden: bool) -> Introduction:
        exchange = self._exchange
        trunk = trunk_of(exchange.centre, caller)
        number = "" if trunk is not None else chosen_number(exchange.plan, caller.name, message)
        found = introduction(message, trunk)
        if hidden:
            return replace(found, private=True, number=number)
        return replace(found, number=number) if number else found

    def _caller(self, transaction: Any, message: Message, now: float, out: list[Any]) -> Party | None:
        """The trunk whose address this is, or the authenticated user; None after it has been refused."""
        exchange = self._exchange
        flow = transaction.flow
        by_certificate = exchange.certified.trunk(exchange.centre, flow)
        trunk = by_certificate or trunk_of_address(exchange.centre, flow.remote[0])
        if trunk is None:
            user = exchange.authenticator.user(exchange.ua, transaction, message, flow, now, out)
            if user is None:
                return None
            trunk = next((each for each in exchange.centre.trunks.values() if each.user == user), None)
            if trunk is None:
                return Party("user", user, user, exchange.centre.users[user].display)
        number, display = claimed(message, trunk)
        return Party("trunk", trunk.name, exchange.plan.read_from(trunk, number), display)

    def _refuse(self, call: Call, reason: str, now: float, out: list[Any]) -> None:
        overload = REASONS[reason].status == 503
        call.inbound.refuse(reason, now, out, f"Retry-After: {RETRY_AFTER_S}\r\n" if overload else "")
        call.end(reason, "switch", now, out)

    # What begins

    def _begin(self, call: Call, now: float, out: list[Any]) -> None:
        exchange = self._exchange
        if not is_emergency(exchange.plan, call.caller, call.dialled):
            self._admit(call)
        if call.caller.kind == "user" and is_slot(exchange, call.dialled):
            raise NoRoute("number_not_found")
        found = exchange.route(call.caller, call.dialled, now)
        supervision = exchange.supervising.dialled(call, found)
        heard = exchange.supervising.heard_by(supervision) if supervision is not None else None
        if not call.inbound.can_be_answered():
            raise NoRoute("not_acceptable_media")
        if not call.inbound.allocate(heard.legs[0].worker if heard is not None else None):
            connected = any(worker.connected for worker in exchange.media.workers)
            raise NoRoute("no_ports" if connected else "media_unavailable")
        exchange.engage(call.caller, call.id, True, now, out)
        if supervision is None:
            _ROUTES[found.kind](self, call, found, now, out)
        elif call.answer(now, out):
            call.begin(supervision, now, out)

    def _admit(self, call: Call) -> None:
        """The limits that hold whatever is called."""
        exchange = self._exchange
        if exchange.draining:
            raise NoRoute("shutting_down")
        if len(exchange.calls) > exchange.node.limits.max_calls:
            raise NoRoute("overload")
        trunk = trunk_of(exchange.centre, call.caller)
        if trunk is not None and not exchange.trunks.admits(trunk, 0, call.started):
            raise NoRoute("trunk_limit")

    def _to_flow(self, call: Call, found: Route, now: float, out: list[Any]) -> None:
        run = self._exchange.flows.run(Target(found.kind, found.name), call)
        if run is None:
            raise NoRoute("flow_failed")
        if call.answer(now, out):
            call.begin(FlowActivity(call, run), now, out)

    def _to_conference(self, call: Call, found: Route, now: float, out: list[Any]) -> None:
        if self._exchange.conferences.is_full(found.name):
            raise NoRoute("conference_full")
        if call.answer(now, out):
            to_room(call, found.name, now, out)

    def _to_user(self, call: Call, found: Route, now: float, out: list[Any]) -> None:
        call.dial(Target("user", found.name), None, now, out)

    def _to_trunk(self, call: Call, found: Route, now: float, out: list[Any]) -> None:
        exchange, outward = self._exchange, found.outward
        assert outward is not None
        trunks = [exchange.centre.trunks[name] for name in outward.trunks]
        if not outward.emergency and not any(exchange.trunks.has_room(trunk, 1) for trunk in trunks):
            raise NoRoute("trunk_limit")
        call.dial_out(outward, None, now, out)

    def _to_forwarding(self, call: Call, found: Route, now: float, out: list[Any]) -> None:
        kind, on = SERVICES[found.name]
        if on and kind != "do_not_disturb":
            destination(self._exchange, call.caller.name, found.number, now)
        if call.answer(now, out):
            call.begin(ForwardingActivity(call, found.name, found.number), now, out)

    def _to_service(self, call: Call, found: Route, now: float, out: list[Any]) -> None:
        if found.name == "pickup":
            centre, picker = self._exchange.centre, call.caller.name
            allowed = may_pick_up(centre, picker, user_named(centre, found.number))
            raise NoRoute("number_not_found" if allowed else "forbidden")
        if found.name in ("hide_number", "park", "send_to_flow", "conference"):
            raise NoRoute("number_not_found")
        if found.name == "voicemail":
            mailbox = mailbox_of(self._exchange, call.caller, found.number)
            if call.answer(now, out):
                call.begin(VoicemailActivity(call, mailbox), now, out)
            return
        if found.name in ACTIONS:
            to_recording_service(call, found.name, now, out)
            return
        if found.name in SERVICES:
            self._to_forwarding(call, found, now, out)
            return
        if found.name in QUEUE_SERVICES:
            queue = queue_meant(self._exchange, call.caller.name, found.number)
            if call.answer(now, out):
                call.begin(QueueServiceActivity(call, found.name, queue), now, out)
            return
        wanted, argument = dialled_service(self._exchange, call.caller.name, found.name, found.number)
        agent = self._exchange.centre.agents[wanted] if wanted is not None else None
        if call.answer(now, out):
            call.begin(ServiceActivity(call, found.name, agent, argument), now, out)


_METHODS = {
    "INVITE": Arrivals._invite,
    "REGISTER": Arrivals._register,
    "OPTIONS": Arrivals._options,
    "SUBSCRIBE": Arrivals._subscribe,
    "MESSAGE": Arrivals._message,
    "PUBLISH": Arrivals._pass_on,
}
_ROUTES = {
    "flow": Arrivals._to_flow,
    "queue": Arrivals._to_flow,
    "voicemail": Arrivals._to_flow,
    "user": Arrivals._to_user,
    "conference": Arrivals._to_conference,
    "trunk": Arrivals._to_trunk,
    "feature": Arrivals._to_service,
}
