"""One party of a call hangs up by command, as if by the phone: who rings declines, who called gives up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from softswitch.reasons import REASONS

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.leg import Leg


def hang_up_for(call: Call, user: str, now: float, out: list[Any]) -> None:
    """End what this user has of the call; the others may go on, as in a conference or a survey."""
    for leg in [*call.legs.values()]:
        if leg.party.kind == "user" and leg.party.name == user and leg.state != "ended":
            _hang_up(leg, now, out)


def _hang_up(leg: Leg, now: float, out: list[Any]) -> None:
    side = "caller" if leg is leg.call.inbound else "agent"
    if leg.state == "answered":
        reason = f"normal_hang_up_{side}"
    else:
        reason = "caller_cancelled" if leg.direction == "inbound" else "user_rejected"
    leg.hang_up(reason, now, out)
    leg.final_status = REASONS[reason].status
    leg.owner.leg_ended(leg, reason, side, now, out)
