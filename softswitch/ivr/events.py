"""What a flow is told (past tense) and what it wants done (imperative)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class FlowStarted:
    """Begin, or after a restart begin the current step again."""


@dataclass(frozen=True, slots=True)
class DigitPressed:
    """One of 0–9 * # A–D."""

    digit: str


@dataclass(frozen=True, slots=True)
class PromptsFinished:
    """The prompts of the last `PlayPrompts` were played to their end (or could not be)."""


@dataclass(frozen=True, slots=True)
class CallerHungUp:
    pass


@dataclass(frozen=True, slots=True)
class Returned:
    """The caller is back from where the step had sent them, or its answer has come.

    `outcome` is an end reason (`queue_timeout`, `user_busy`) or a word of that step, `values` what was
    brought back. `visit` is that (`FlowRun.visit`) which has asked for it, for answers that may come
    too late; None: the present one."""

    outcome: str
    values: Mapping[str, str] = field(default_factory=dict)
    visit: int | None = None


@dataclass(frozen=True, slots=True)
class PlayPrompts:
    """Play these prompts one after the other in the run's language, in place of what is being played."""

    names: tuple[str, ...]
    loop: bool = False


@dataclass(frozen=True, slots=True)
class StopPrompts:
    """Stop what is being played."""


@dataclass(frozen=True, slots=True)
class EnterQueue:
    """Put the caller into a queue; `music` and `require` None: those of the queue. Higher priority is served
    first. `agent` is whom the caller is to reach if possible."""

    queue: str
    priority: int = 0
    music: str | None = None
    require: str | None = None
    agent: str = ""


@dataclass(frozen=True, slots=True)
class KeepPlace:
    """The caller is to be called back when a place in this queue has its turn."""

    queue: str
    priority: int = 0


@dataclass(frozen=True, slots=True)
class DialTarget:
    """Call 'user:x', 'queue:x', 'flow:x' or 'number:123'.

    It rings `ring_s` at most (None: as usual) and shows `caller_id` ('': as the dial plan says). `calling`
    are the classes of numbers outside that may be called; None: all.
    """

    target: str
    ring_s: float | None = None
    caller_id: str = ""
    calling: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class TransferCaller:
    """Send the caller to a target for good; as DialTarget. What comes back says that it leads nowhere."""

    target: str
    calling: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class AskCalendar:
    """Say by `Returned` at once whether the calendar is open, closed or holiday."""

    calendar: str


@dataclass(frozen=True, slots=True)
class ServeAgent:
    """The caller is an agent: ask who and for the PIN, do this (sign_in, sign_out, available, on_break), and
    hang up. The flow is over."""

    service: str


@dataclass(frozen=True, slots=True)
class PlayMusic:
    """Play music, over and over, in place of what is being played."""

    name: str


@dataclass(frozen=True, slots=True)
class AskBackend:
    """Ask a back-end; `Returned` has ok, failed or timeout and, by `into`, parts of the answer. `visit` is
    the same when the step is begun again after a restart."""

    backend: str
    method: str
    path: str
    body: str | None
    timeout_s: float | None
    into: tuple[tuple[str, str], ...]
    visit: int


@dataclass(frozen=True, slots=True)
class TellScore:
    """The caller has answered a question with a score from 1 to 5."""

    question: str
    score: int


@dataclass(frozen=True, slots=True)
class TakeMessage:
    """Say `names`, or the greeting of the mailbox, then a tone, and record. `mailbox` '': a file and nothing
    else, with `limits` (longest, shortest, silence that ends it, in seconds) and the `keys` that end it.
    `Returned` has taken, too_short, or full, and `message`, the name of the recording."""

    mailbox: str
    names: tuple[str, ...]
    limits: tuple[float, float, float] = (0.0, 0.0, 0.0)
    keys: str = "#"


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call; `reason` is an end reason, `cause` what the phone is told (Q.850), 0: that of the reason.
    Nothing comes after it."""

    reason: str
    cause: int = 0


@dataclass(frozen=True, slots=True)
class RecordCall:
    """Whether the conversations that follow are recorded."""

    wanted: bool


@dataclass(frozen=True, slots=True)
class ChangeTexts:
    """Put texts on the call, or take them off it."""

    values: Mapping[str, str]
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FlowFact:
    """For the journal. `flow_step`: {flow, step (its path), kind}."""

    type: str
    data: dict[str, Any]


Event = FlowStarted | DigitPressed | PromptsFinished | CallerHungUp | Returned
Output = (
    PlayPrompts
    | PlayMusic
    | AskBackend
    | StopPrompts
    | EnterQueue
    | KeepPlace
    | DialTarget
    | AskCalendar
    | ServeAgent
    | TransferCaller
    | TakeMessage
    | TellScore
    | HangUp
    | RecordCall
    | ChangeTexts
    | FlowFact
)
