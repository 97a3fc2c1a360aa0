"""A supervisor takes a call: the place of who had it, on the same side of bridge and recording."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from softswitch.call.attended import adopt, talk_on

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.conversation import Conversation
    from softswitch.call.leg import Leg


def take_call(own: Call, conversation: Conversation, former: Leg, now: float, out: list[Any]) -> None:
    """The caller of `own` goes on in the place of the leg `former`, which is hung up; `own` is over.

    The agent who had the call has it no more, and wraps up. The recording goes on, on the same sides.
    """
    call, leg, stays = conversation.call, own.inbound, conversation.other(former)
    queue = conversation.queue if leg.party.agent is not None else None
    own.turn_to(None, now, out)
    recording = call.part(now, out)
    told = {"by": leg.party.source, "leg": leg.id, "from_leg": former.id, "agent": former.party.agent}
    call.fact("call_taken_over", told, out)
    call.data.take_over(own.data, now, out)
    adopt(call, leg, now, out)
    if former is call.inbound:
        call.inbound, call.caller = leg, leg.party
    former.hang_up("taken_over", now, out)
    call.released(former.party, now, out)
    own.end("taken_over", "caller", now, out)
    talk_on(call, stays, leg, queue, "take_over", now, out, recording=recording)
