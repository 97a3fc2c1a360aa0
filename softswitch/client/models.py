"""What the client tells, as types."""

from softswitch.api.models.agents import AgentState
from softswitch.api.models.calls import CallDetails, CallView, Consultation, LegView, OriginatedCall, Playback
from softswitch.api.models.queues import QueueState, WaitingCaller
from softswitch.api.models.recordings import RecordingDetails, RecordingFound
from softswitch.api.models.records import CallHistory, CallRecord
from softswitch.client.events import Event

__all__ = [
    "AgentState",
    "CallDetails",
    "CallHistory",
    "CallRecord",
    "CallView",
    "Consultation",
    "Event",
    "LegView",
    "OriginatedCall",
    "Playback",
    "QueueState",
    "RecordingDetails",
    "RecordingFound",
    "WaitingCaller",
]
