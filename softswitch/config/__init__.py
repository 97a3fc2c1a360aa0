"""The one typed tree of settings: `Node` is softswitch.yaml, `Centre` is centre.yaml.

Every default, limit and explanation of a setting stands in these models and nowhere else. Reading
files, with the line of every mistake, is in `softswitch.config.files`.
"""

from __future__ import annotations

from softswitch.config.acd import Agent, Queue, Statuses, TimelineStep
from softswitch.config.api import Api
from softswitch.config.api_key import ApiKey
from softswitch.config.backend import Backend
from softswitch.config.bans import Bans
from softswitch.config.base import Model, Target
from softswitch.config.calendar import Calendar
from softswitch.config.centre import (
    KINDS,
    SINGLES,
    Centre,
    FeatureCodes,
    Flow,
    Number,
    Supervision,
    User,
)
from softswitch.config.conference import Conference
from softswitch.config.dialplan import CallingClass, Numbering, OutboundRoute
from softswitch.config.listen import Listen, TlsPeers
from softswitch.config.lookup import Lookup, ScreenPop
from softswitch.config.node import Limits, Log, Media, Node, PortRange, Sip
from softswitch.config.recording import Recording
from softswitch.config.trunk import Trunk
from softswitch.config.voicemail import Voicemail
from softswitch.config.webhook import Webhook

__all__ = [
    "KINDS",
    "SINGLES",
    "Agent",
    "Api",
    "ApiKey",
    "Backend",
    "Bans",
    "Calendar",
    "CallingClass",
    "Centre",
    "Conference",
    "FeatureCodes",
    "Flow",
    "Limits",
    "Listen",
    "Log",
    "Lookup",
    "Media",
    "Model",
    "Node",
    "Number",
    "Numbering",
    "OutboundRoute",
    "PortRange",
    "Queue",
    "Recording",
    "ScreenPop",
    "Sip",
    "Statuses",
    "Supervision",
    "Target",
    "TimelineStep",
    "TlsPeers",
    "Trunk",
    "User",
    "Voicemail",
    "Webhook",
]
