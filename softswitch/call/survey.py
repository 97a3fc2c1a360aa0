"""The survey after the call: who stays when the agent hangs up is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from softswitch.call.flow_activity import FlowActivity
from softswitch.config import Target

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.leg import Leg


class SurveyActivity(FlowActivity):
    """A flow after the conversation: a caller who hangs up in it has not given up anything."""

    kind = "survey"

    @property
    def abandoned(self) -> str:  # type: ignore[override]
        return "normal_hang_up_caller"


def begins_survey(call: Call, leg: Leg, reason: str, now: float, out: list[Any]) -> bool:
    """Whether the caller goes on to the survey of the queue, now that the agent has hung up."""
    conversation, exchange = call.conversation, call.exchange
    if conversation is None or leg is not conversation.callee or reason != "normal_hang_up_agent":
        return False
    queue = exchange.centre.queues.get(conversation.queue) if conversation.queue else None
    if queue is None or queue.survey is None or exchange.draining:
        return False
    run = exchange.flows.run(Target("flow", queue.survey), call)
    if run is None:
        return False
    recording = call.part(now, out)
    if recording is not None:
        recording.stop(out)
    call.released(leg.party, now, out)
    call.begin(SurveyActivity(call, run), now, out)
    return True
