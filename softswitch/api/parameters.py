"""Parts of paths that several routes have."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

from softswitch.config.base import NAME

ID = r"^[A-Za-z0-9._-]+$"
ADDRESS = r"^[0-9A-Fa-f:.%/A-Za-z-]+$"

AgentName = Annotated[str, Path(max_length=64, pattern=NAME, description="Name of the agent.")]
QueueName = Annotated[str, Path(max_length=64, pattern=NAME, description="Name of the queue.")]
UserName = Annotated[str, Path(max_length=64, pattern=NAME, description="Name of the user.")]
CalendarName = Annotated[str, Path(max_length=64, pattern=NAME, description="Name of the calendar.")]
ApiKeyName = Annotated[str, Path(max_length=64, pattern=NAME, description="Name of the API key.")]
FlowName = Annotated[
    str,
    Path(
        max_length=80,
        pattern=r"^(python:)?[A-Za-z0-9_][A-Za-z0-9._-]*$",
        description="Name of the flow; python:NAME is one in Python.",
    ),
]
CallId = Annotated[str, Path(max_length=64, pattern=ID, description="Id of the call.")]
LegId = Annotated[str, Path(max_length=64, pattern=ID, description="Id of the leg, one party of a call.")]
CallbackId = Annotated[
    str, Path(max_length=64, pattern=ID, description="Id of the callback, or the beginning of it.")
]
ActionId = Annotated[str, Path(max_length=16, pattern=r"^x[0-9]+$", description="Id of the action.")]
MessageId = Annotated[str, Path(max_length=64, pattern=ID, description="Id of the message.")]
Address = Annotated[
    str, Path(max_length=64, pattern=ADDRESS, description="IP address or network, as the list has it.")
]
