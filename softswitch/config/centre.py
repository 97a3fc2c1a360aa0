"""centre.yaml: users, agents, queues, trunks, numbers and flows, each by its name."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from pydantic import Field, model_validator

from softswitch.config.acd import Agent, Language, Queue, Statuses
from softswitch.config.api_key import ApiKey, Role
from softswitch.config.backend import Backend
from softswitch.config.base import (
    Algorithm,
    Code,
    DialledNumber,
    Ha1,
    Keys,
    Line,
    Model,
    Name,
    PositiveSeconds,
    Secret,
    Srtp,
    TargetText,
)
from softswitch.config.calendar import Calendar
from softswitch.config.conference import Conference
from softswitch.config.dialplan import CallingClass, Numbering, OutboundRoute
from softswitch.config.lookup import ScreenPop
from softswitch.config.trunk import Trunk
from softswitch.config.voicemail import Voicemail
from softswitch.config.webhook import Webhook

Permission = Literal["supervise", "dial_out", "pickup"]


class User(Model):
    """Someone with a phone: the SIP user name, its credentials and what it may do."""

    name: Name = Field(description="SIP user name; also the digest user name.")
    password: Secret | None = Field(
        default=None,
        repr=False,
        description="Password. Only hashes (HA1) of it are stored. Unset, with ha1 unset: those stored stay.",
    )
    ha1: dict[Algorithm, Ha1] = Field(default={}, repr=False, description="HA1 in hexadecimal by algorithm.")
    realm: Line = Field(default="", description="Realm of ha1; unset: sip.realm of the node.")
    display: Line = Field(default="", description="Name shown on the phones of others.")
    permissions: tuple[Permission, ...] = Field(
        default=(),
        description="supervise: may listen to calls and speak in them. dial_out: may call numbers outside"
        " through a trunk; where numbering.country is set not premium ones and those of no known kind"
        " (other). pickup: may take calls that ring at anybody's phone.",
    )
    role: Role | None = Field(
        default=None,
        description="What the user may do through the API, signed in with name and password; unset: nothing.",
    )
    calling: tuple[Name, ...] = Field(
        default=(),
        description="Kinds of number outside that the user may call besides: local, national, mobile,"
        " international, toll_free, shared_cost, premium, other, or names of calling_classes.",
    )
    caller_id: DialledNumber | None = Field(
        default=None, description="Number shown outside; unset: that of route or trunk, else the user's name."
    )
    caller_ids: tuple[DialledNumber, ...] = Field(
        default=(),
        description="Further numbers that the user's phone may choose to show outside, by From or"
        " P-Preferred-Identity.",
    )
    pickup_groups: tuple[Name, ...] = Field(
        default=(), description="Groups in which users take calls that ring at each other's phones."
    )
    forward_always: DialledNumber | None = Field(
        default=None, description="Number or user to which all calls go; unset: the phones ring."
    )
    forward_busy: DialledNumber | None = Field(
        default=None, description="Where calls go when the user is busy, declines or is not to be disturbed."
    )
    forward_no_answer: DialledNumber | None = Field(
        default=None, description="Where calls go that nobody answers within forward_no_answer_s."
    )
    forward_no_answer_s: PositiveSeconds = Field(
        default=20, description="How long the phones ring before forward_no_answer."
    )
    forward_unreachable: DialledNumber | None = Field(
        default=None, description="Where calls go when no phone is registered or none responds."
    )
    keys: Keys = Field(
        default="auto",
        description="How keys are sent to these phones. auto: RFC 4733 where agreed, else INFO to who sends"
        " it, else as tones.",
    )
    srtp: Srtp | None = Field(default=None, description="SRTP with this user's phones; unset: media.srtp.")
    do_not_disturb: bool = Field(
        default=False, description="The phones do not ring; agents at them are offered no calls."
    )

    lamp_shows: Literal["nothing", "state", "identity"] = Field(
        default="state",
        description="What lamps of other users may show (SUBSCRIBE dialog, presence): whether this user is on"
        " the phone, also with whom, or nothing. Users who may supervise see everything.",
    )
    message_waiting: Literal["subscribed", "unsolicited"] = Field(
        default="subscribed",
        description="Phones hear of waiting messages when they subscribe to them; unsolicited: all registered"
        " phones, for those that do not subscribe.",
    )
    auto_answer: bool = Field(
        default=False,
        description="The phones are asked to answer by themselves when a queue offers a call (Answer-Mode,"
        " Call-Info, Alert-Info).",
    )
    redirects: Literal["follow", "refuse", "pass"] = Field(
        default="follow",
        description="What a 3xx of the phone does: follow calls the numbers that it names, with the user's"
        " permissions; refuse ends the call; pass tells the caller.",
    )

    @model_validator(mode="after")
    def _one_credential(self) -> User:
        if self.password is not None and self.ha1:
            raise ValueError("there are both password and ha1; give one of them")
        return self


class Number(Model):
    """A number that can be called, from outside or by users."""

    number: DialledNumber = Field(description="The number as it is dialled.")
    target: TargetText = Field(
        description="flow:NAME, queue:NAME, user:NAME, voicemail:NAME or conference:NAME."
    )
    trunk: Name | None = Field(
        default=None, description="Only calls of this trunk reach the number; unset: all trunks and users."
    )

    @property
    def name(self) -> str:
        return self.number


class Flow(Model):
    """An IVR flow."""

    name: Name = Field(description="Name of the flow.")
    language: Language = Field(default="en", description="Language of the prompts.")
    steps: tuple[Any, ...] = Field(default=(), description="Steps, carried out in this order.")
    pause_recording: bool = Field(
        default=False,
        description="The recording pauses while an agent's caller is in the flow, for cards and PINs.",
    )
    on_hang_up: tuple[Any, ...] = Field(
        default=(), description="Steps that are carried out when the caller hangs up in the flow."
    )


class FeatureCodes(Model):
    """What users dial for the services of the switch; no code may be the beginning of another. null: nobody
    can use the service."""

    record: Code | None = Field(
        default="*69", description="Record this call: in the conversation, or from another line."
    )
    resume_recording: Code | None = Field(default="*70", description="The recording goes on; as record.")
    pause_recording: Code | None = Field(default="*71", description="The recording pauses; as record.")
    listen: Code | None = Field(
        default="*1",
        description="Followed by an agent's name, user or number: listen to that call (supervise). Then key 2"
        " whispers to the agent or user alone, 3 speaks to both, 1 listens again, 4 takes the call over, 5"
        " goes on with the agent's next calls, or no longer.",
    )
    follow: Code | None = Field(
        default="*68",
        description="Followed by an agent's name, user or number: as listen, from one call to the next.",
    )
    pickup: Code | None = Field(
        default="*8", description="Followed by a user, agent or number: take the call that rings there."
    )
    hide_number: Code | None = Field(
        default="*67", description="Followed by what is called: the caller's number is not shown."
    )
    conference: Code | None = Field(
        default="*66",
        description="As keys in a conversation: who has another one on hold joins both, and all three talk.",
    )
    park: Code | None = Field(
        default="*5",
        description="Transfer a call to this code, followed by a slot or nothing (any free slot): it is"
        " parked there until somebody dials the slot.",
    )
    sign_in: Code | None = Field(
        default="*21", description="Sign in as agent (asks for the PIN if there is one)."
    )
    sign_out: Code | None = Field(default="*22", description="Sign out.")
    available: Code | None = Field(default="*23", description="Status available.")
    on_break: Code | None = Field(
        default="*24", description="Status on break; followed by the place of a reason in break_reasons."
    )
    wrap_up: Code | None = Field(
        default="*25", description="Wrap-up is over; followed by minutes (1 to 60): so much longer."
    )
    close_queue: Code | None = Field(
        default="*28",
        description="Followed by a queue's number or name: it is closed, as by `queue close` (supervise).",
    )
    open_queue: Code | None = Field(
        default="*29", description="Followed by a queue's number or name: closed no longer (supervise)."
    )
    send_to_flow: Code | None = Field(
        default="*26",
        description="Transfer a call to this code, followed by a flow's number or name, or press it in the"
        " call with the number and #: the caller goes through the flow and comes back.",
    )
    voicemail: Code | None = Field(
        default="*98",
        description="Listen to voice messages (asks for the PIN if there is one); followed by a mailbox:"
        " that one.",
    )
    forward_always: Code | None = Field(
        default="*72", description="Followed by a number or user: forward all calls there."
    )
    forward_off: Code | None = Field(default="*73", description="All calls are forwarded no more.")
    forward_busy: Code | None = Field(
        default="*74", description="Followed by a number or user: forward there when busy."
    )
    forward_busy_off: Code | None = Field(default="*75", description="Forward when busy no more.")
    forward_no_answer: Code | None = Field(
        default="*76", description="Followed by a number or user: forward there when nobody answers."
    )
    forward_no_answer_off: Code | None = Field(default="*77", description="Forward without answer no more.")
    do_not_disturb: Code | None = Field(default="*78", description="Do not disturb.")
    do_not_disturb_off: Code | None = Field(default="*79", description="Calls are welcome again.")

    @model_validator(mode="after")
    def _prefix_free(self) -> FeatureCodes:
        codes = {name: code for name, code in self if code is not None}
        for name, code in codes.items():
            for other, longer in codes.items():
                if name != other and longer.startswith(code):
                    raise ValueError(f"{other} {longer} begins with {name} {code}; choose codes that do not")
        return self


class Supervision(Model):
    """What those who are supervised see of it."""

    agent_sees: Literal["nothing", "tone"] = Field(
        default="nothing",
        description="nothing: who is supervised does not notice. tone: hears two short tones, which the other"
        " party does not hear, whenever a supervisor joins.",
    )


class Centre(Model):
    """centre.yaml: everything that `softswitch apply` loads, each group a mapping by name."""

    users: dict[Name, User] = Field(default={}, description="People with phones.")
    agents: dict[Name, Agent] = Field(default={}, description="People who answer queued calls.")
    queues: dict[Name, Queue] = Field(default={}, description="Where calls wait.")
    trunks: dict[Name, Trunk] = Field(
        default={}, description="Carriers, gateways, other exchanges; calls outside try them in this order."
    )
    numbers: dict[DialledNumber, Number] = Field(
        default={}, description='Numbers; short form `"100": flow:main`.'
    )
    flows: dict[Name, Flow] = Field(
        default={},
        description="IVR flows; `flow_files: flows/*.yaml` beside it: more of them, a file each.",
    )
    calling_classes: dict[Name, CallingClass] = Field(
        default={}, description="Classes of numbers outside, for `calling` of users and trunks."
    )
    routes: dict[Name, OutboundRoute] = Field(
        default={},
        description="Over which trunks numbers outside are called; none: over all, in their order.",
    )
    conferences: dict[Name, Conference] = Field(
        default={}, description="Rooms in which any number of callers talk."
    )
    calendars: dict[Name, Calendar] = Field(
        default={}, description="Opening hours and holidays, for `hours` of queues and flows."
    )
    backends: dict[Name, Backend] = Field(
        default={}, description="Business systems that flows ask over HTTP."
    )
    voicemail: dict[Name, Voicemail] = Field(default={}, description="Voice mailboxes.")
    api_keys: dict[Name, ApiKey] = Field(default={}, description="Programs that may use the API.")
    webhooks: dict[Name, Webhook] = Field(
        default={}, description="Programs that are told over HTTP what happens."
    )
    numbering: Numbering = Field(default=Numbering(), description="How numbers are read.")
    statuses: Statuses = Field(default=Statuses(), description="What agents may say of themselves.")
    supervision: Supervision = Field(default=Supervision(), description="Who listens to whom.")
    screen_pop: ScreenPop = Field(default=ScreenPop(), description="What agents are told about callers.")
    feature_codes: FeatureCodes = Field(
        default=FeatureCodes(), description="Service codes; null: the service cannot be dialled."
    )

    @model_validator(mode="before")
    @classmethod
    def _names_are_keys(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        named = {kind.group: kind.key for kind in KINDS.values()}
        return {
            group: {key: _with_name(entry, named[group], key) for key, entry in entries.items()}
            if group in named and isinstance(entries, dict)
            else entries
            for group, entries in given.items()
        }


def _with_name(entry: Any, field: str, key: Any) -> Any:
    if entry is None:
        return {field: key}
    if isinstance(entry, str) and field == "number":
        return {field: key, "target": entry}
    if isinstance(entry, dict) and field not in entry:
        return {field: key, **entry}
    return entry


class Kind(NamedTuple):
    """One kind of configured object: its model, the group of `Centre` it is in, the field that names it."""

    model: type[Model]
    group: str
    key: str = "name"


KINDS: dict[str, Kind] = {
    "user": Kind(User, "users"),
    "agent": Kind(Agent, "agents"),
    "queue": Kind(Queue, "queues"),
    "trunk": Kind(Trunk, "trunks"),
    "number": Kind(Number, "numbers", "number"),
    "flow": Kind(Flow, "flows"),
    "calling_class": Kind(CallingClass, "calling_classes"),
    "route": Kind(OutboundRoute, "routes"),
    "backend": Kind(Backend, "backends"),
    "voicemail": Kind(Voicemail, "voicemail"),
    "calendar": Kind(Calendar, "calendars"),
    "conference": Kind(Conference, "conferences"),
    "api_key": Kind(ApiKey, "api_keys"),
    "webhook": Kind(Webhook, "webhooks"),
}
SINGLES: dict[str, type[Model]] = {
    "feature_codes": FeatureCodes,
    "statuses": Statuses,
    "numbering": Numbering,
    "supervision": Supervision,
    "screen_pop": ScreenPop,
}
"""Groups of which there is one, without names."""
