"""`voicemail` and `record_message`: what the caller says is kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from softswitch.ivr.events import Output, Returned, TakeMessage
from softswitch.ivr.reading import Given
from softswitch.ivr.spoken import Spoken, substitute
from softswitch.ivr.steps import Step

if TYPE_CHECKING:
    from softswitch.ivr.run import FlowRun

KEYS = frozenset("0123456789*#")


@dataclass(frozen=True, slots=True)
class Voicemail(Step):
    """Take a message for `mailbox` (may hold `{variable}`)."""

    kind: ClassVar[str] = "voicemail"
    about: ClassVar[str] = "Takes a message for a mailbox: its greeting, a tone, the message."
    short: ClassVar[str] = "voicemail: alice"
    settings: ClassVar[dict[str, str]] = {
        "mailbox": "the mailbox",
        "prompts": "what is said before the tone (the greeting of the mailbox)",
        "on_full": "the mailbox is full, or not there any more (next step)",
        "on_short": "the message was too short and is not kept (next step)",
    }

    mailbox: str
    prompts: tuple[Spoken, ...]
    on_full: str
    on_short: str

    @classmethod
    def read(cls, given: Given) -> Step:
        fields = given.fields("mailbox")
        mailbox = fields.text("mailbox")
        if "{" not in mailbox:
            fields.refer("mailbox", "voicemail", mailbox)
        prompts = fields.prompts("prompts") if "prompts" in fields else ()
        ways = (fields.route(key, given.follows) for key in ("on_full", "on_short"))
        return cls(given.here, given.follows, mailbox, prompts, *ways)

    def ways(self) -> Iterator[tuple[str, str]]:
        yield "taken", self.next
        yield "full", self.on_full
        yield "too short", self.on_short

    def start(self, run: FlowRun, now: float, out: list[Output]) -> str | None:
        if run.leave(now, out):
            mailbox = substitute(self.mailbox, run.variables)
            out.append(TakeMessage(mailbox, run.names(self.prompts)))
        return None

    def returned(self, run: FlowRun, event: Returned, now: float, out: list[Output]) -> None:
        ways = {"full": self.on_full, "too_short": self.on_short}
        run.go(ways.get(event.outcome, self.next), now, out)


@dataclass(frozen=True, slots=True)
class RecordMessage(Step):
    """Record what the caller says into a file of its own."""

    kind: ClassVar[str] = "record_message"
    about: ClassVar[str] = "Records what the caller says to a file among the recordings, after a tone."
    settings: ClassVar[dict[str, str]] = {
        "prompts": "what is said before the tone (nothing)",
        "into": "the variable that gets the name of the recording (none)",
        "max_s": "longest (120)",
        "min_s": "shorter ones are not kept (1)",
        "silence_s": "silence that ends it (6)",
        "keys": 'keys that end it ("#")',
        "on_short": "it was too short (next step)",
    }

    prompts: tuple[Spoken, ...]
    into: str
    limits: tuple[float, float, float]
    keys: str
    on_short: str

    @classmethod
    def read(cls, given: Given) -> Step:
        fields = given.fields("into")
        keys = fields.text("keys", "#")
        if not set(keys) <= KEYS:
            given.problem(fields.at("keys"), "allowed: keys of a phone, such as #")
        limits = (
            fields.number("max_s", 120, 1, 3600),
            fields.number("min_s", 1, 0.1, 60),
            fields.number("silence_s", 6, 1, 60),
        )
        prompts = fields.prompts("prompts") if "prompts" in fields else ()
        into = fields.variable("into") if "into" in fields else ""
        on_short = fields.route("on_short", given.follows)
        return cls(given.here, given.follows, prompts, into, limits, keys, on_short)

    def ways(self) -> Iterator[tuple[str, str]]:
        yield "taken", self.next
        yield "too short", self.on_short

    def start(self, run: FlowRun, now: float, out: list[Output]) -> str | None:
        if run.leave(now, out):
            out.append(TakeMessage("", run.names(self.prompts), self.limits, self.keys))
        return None

    def returned(self, run: FlowRun, event: Returned, now: float, out: list[Output]) -> None:
        if self.into:
            run.variables[self.into] = event.values.get("message", "")
        run.go(self.on_short if event.outcome == "too_short" else self.next, now, out)
