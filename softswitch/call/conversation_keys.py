"""Keys that a party presses in a conversation: those among them that are feature codes act."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from softswitch.call.excursion import send_to_flow
from softswitch.call.routing import NoRoute

if TYPE_CHECKING:
    from softswitch.call.conversation import Conversation
    from softswitch.call.leg import Leg


def key_pressed(conversation: Conversation, leg: Leg, digit: str, now: float, out: list[Any]) -> None:
    """Recording on demand, and `send_to_flow` with a flow's number and the hash key."""
    call, keys = conversation.call, conversation.keys
    keys.pressed(conversation, leg, digit, now, out)
    number = keys.taken_after(leg, call.exchange.centre.feature_codes.send_to_flow)
    if number and call.conversation is conversation:
        try:
            send_to_flow(call, leg, number, None, now, out)
        except NoRoute:
            return  # the keys may have been meant for the other party
