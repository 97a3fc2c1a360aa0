"""Call park: a caller is put on a slot, a number, and taken from there by whoever dials it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from softswitch.call.activity import Activity
from softswitch.call.conversation import HOLD_MUSIC
from softswitch.call.routing import NoRoute

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.exchange import Exchange
    from softswitch.call.leg import Leg
    from softswitch.call.party import Party


def is_slot(exchange: Exchange, number: str) -> bool:
    """Whether a number is that of a slot; one that is configured otherwise is none."""
    settings, centre = exchange.node.parking, exchange.centre
    if not (number.isascii() and number.isdecimal() and len(number) < 8 and number == str(int(number))):
        return False
    within = settings.first <= int(number) < settings.first + settings.slots
    return within and number not in centre.numbers and number not in centre.users


def parked(exchange: Exchange, slot: str) -> ParkActivity | None:
    """The call on this slot."""
    for call in exchange.calls.values():
        if isinstance(call.activity, ParkActivity) and call.activity.slot == slot:
            return call.activity
    return None


def free_slot(exchange: Exchange, wanted: str) -> str:
    """The slot that was asked for, or the first free one ('' asks for any). Raises NoRoute."""
    if wanted and not is_slot(exchange, wanted):
        raise NoRoute("number_not_found")
    settings = exchange.node.parking
    numbers = [wanted] if wanted else map(str, range(settings.first, settings.first + settings.slots))
    for number in numbers:
        if is_slot(exchange, number) and parked(exchange, number) is None:
            return number
    raise NoRoute("park_full")


def parked_activity(exchange: Exchange, caller: Party, dialled: str) -> ParkActivity | None:
    """What a user takes who dials this number; an empty slot is no number outside either."""
    if caller.kind != "user" or exchange.draining or not is_slot(exchange, dialled):
        return None
    return parked(exchange, dialled)


class ParkActivity(Activity):
    """Music until somebody dials the slot; after `parking.timeout_s` who parked the call is called back."""

    kind = "parked"
    abandoned = "abandoned_in_park"

    def __init__(self, call: Call, slot: str, until: float) -> None:
        super().__init__(call)
        self.slot = slot
        self.until = until

    def start(self, now: float, out: list[Any]) -> None:
        path = self.call.exchange.music_path(HOLD_MUSIC, out)
        self.call.play([] if path is None else [path], out, loop=True)
        self.call.wake_at(self.until)

    def timeout(self, now: float, out: list[Any]) -> None:
        self.call.unreached("park_timeout", now, out)

    def picked_up(self, leg: Leg, now: float, out: list[Any]) -> None:
        fields = {"leg": leg.id, "user": leg.party.name, "slot": self.slot}
        self.call.fact("call_retrieved", fields, out)
        self.call.converse(leg, None, now, out)

    def to_state(self) -> dict[str, Any]:
        return {"kind": self.kind, "slot": self.slot, "until": self.until}
