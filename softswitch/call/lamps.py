"""Busy lamps: the dialogs of a user, a queue or a park slot, and how watchers are told of them (RFC 4235)."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING, Any

from softswitch.call.parking import parked
from softswitch.sip.notifier import Package

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.exchange import Exchange
    from softswitch.call.leg import Leg
    from softswitch.call.party import Party
    from softswitch.sip.notifier import Watch

DIALOG = Package("application/dialog-info+xml")
STATES = {"setup": "trying", "ringing": "early", "answered": "confirmed"}
"""State of a leg -> state of its dialog (RFC 4235 §3.7.1)."""


class Lamps:
    """By user the legs that live, by queue the calls that wait, as the facts of the turns tell."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._legs: dict[str, dict[str, None]] = {}
        self._waiting: dict[str, dict[str, None]] = {}

    # What happens

    def leg_started(self, user: str, leg: str) -> None:
        self._legs.setdefault(user, {})[leg] = None

    def leg_ended(self, user: str, leg: str) -> None:
        _drop(self._legs, user, leg)

    def call_queued(self, queue: str, call: str) -> None:
        self._waiting.setdefault(queue, {})[call] = None

    def queue_left(self, queue: str, call: str) -> None:
        _drop(self._waiting, queue, call)

    def legs_of(self, user: str) -> list[Leg]:
        """The sides of calls that this user has."""
        exchange = self._exchange
        calls = ((exchange.call_of(id), id) for id in self._legs.get(user, ()))
        return [call.legs[id] for call, id in calls if call is not None and id in call.legs]

    def resources(self) -> dict[str, list[str]]:
        """What is known by resource, for those who compare it with the calls."""
        users = {f"user/{user}": [*legs] for user, legs in self._legs.items()}
        return users | {f"queue/{queue}": [*calls] for queue, calls in self._waiting.items()}

    # What watchers are told

    def document(self, watch: Watch, *, identities: bool) -> bytes | None:
        """All dialogs to a watcher who knows nothing, else what has changed; None: nothing has.

        `identities` tells with whom somebody speaks.
        """
        kind, _, name = watch.resource.partition("/")
        now = dict(_DIALOGS[kind](self, name, identities))
        before: dict[str, str] | None = watch.told
        changed = [text for id, text in now.items() if before is None or before.get(id) != text]
        gone = [_element(id, "terminated") for id in before or () if id not in now]
        if before is not None and not changed and not gone:
            return None
        watch.told = now
        version, watch.version = watch.version, watch.version + 1
        entity = clean(f"sip:{name}@{self._exchange.sip_host}")
        state = "full" if before is None else "partial"
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\r\n'
            f'<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="{version}" state="{state}"'
            f' entity="{entity}">\r\n{"".join([*changed, *gone])}</dialog-info>\r\n'
        ).encode()

    def _of_user(self, user: str, identities: bool) -> Iterator[tuple[str, str]]:
        for leg in self.legs_of(user):
            direction = "initiator" if leg.direction == "inbound" else "recipient"
            parties = self._parties(user, remote_of(leg)) if identities else ""
            yield (
                leg.id,
                _element(leg.id, STATES[leg.state], f'{_early(leg)} direction="{direction}"', parties),
            )

    def _of_queue(self, queue: str, identities: bool) -> Iterator[tuple[str, str]]:
        for id in self._waiting.get(queue, ()):
            call = self._exchange.calls.get(id)
            if call is not None:
                caller = (call.caller.number, call.caller.display)
                parties = self._parties(queue, caller) if identities else ""
                yield id, _element(id, "early", ' direction="recipient"', parties)

    def _of_slot(self, slot: str, identities: bool) -> Iterator[tuple[str, str]]:
        activity = parked(self._exchange, slot)
        if activity is not None:
            call = activity.call
            parties = self._parties(slot, (call.caller.number, call.caller.display)) if identities else ""
            yield call.id, _element(call.id, "confirmed", ' direction="recipient"', parties)

    def _parties(self, name: str, remote: tuple[str, str]) -> str:
        number, display = remote
        shown = f' display="{clean(display)}"' if display else ""
        local, other = (clean(f"sip:{each}@{self._exchange.sip_host}") for each in (name, number))
        return (
            f'<local><identity>{local}</identity><target uri="{local}"/></local>'
            f'<remote><identity{shown}>{other}</identity><target uri="{other}"/></remote>'
        )


_DIALOGS = {"user": Lamps._of_user, "queue": Lamps._of_queue, "park": Lamps._of_slot}


def clean(text: str) -> str:
    """Text of others for element or attribute: XML has no way to say control characters."""
    return escape("".join([each for each in text if each.isprintable()]))


def _drop(places: dict[str, dict[str, None]], name: str, id: str) -> None:
    known = places.get(name, {})
    known.pop(id, None)
    if not known:
        places.pop(name, None)


def _element(id: str, state: str, attributes: str = "", parties: str = "") -> str:
    return f'<dialog id="{id}"{attributes}><state>{state}</state>{parties}</dialog>\r\n'


def _early(leg: Leg) -> str:
    """The names of a dialog that rings: whoever has them may pick it up by an INVITE with Replaces."""
    session = leg.session
    if session is None or leg.direction == "inbound" or leg.state == "answered":
        return ""
    dialog = session.dialog
    tag = f' local-tag="{clean(dialog.remote_tag)}"' if dialog.remote_tag else ""
    return f' call-id="{dialog.sip_call_id}"{tag} remote-tag="{dialog.local_tag}"'


def remote_of(leg: Leg) -> tuple[str, str]:
    """Number and display name of whom a user speaks with, calls, or is called by."""
    call: Call = leg.call
    conversation = call.conversation
    if conversation is not None and leg in (conversation.caller, conversation.callee):
        party: Party = conversation.other(leg).party
    elif leg is call.inbound:
        return call.dialled, ""
    else:
        party = call.caller
    return party.number, party.display


def rebuilt(lamps: Lamps, calls: dict[str, Any]) -> None:
    """Learn of the calls that a new process has taken over."""
    for call in calls.values():
        for leg in call.legs.values():
            if leg.party.kind == "user":
                lamps.leg_started(leg.party.name, leg.id)
        if call.waiting is not None and call.activity.kind == "flow":
            lamps.call_queued(call.waiting.queue, call.id)
