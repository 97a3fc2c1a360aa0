"""`dial`: somebody is called for the caller."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from softswitch.ivr.events import DialTarget, Output, Returned
from softswitch.ivr.reading import Fields, Given
from softswitch.ivr.spoken import substitute
from softswitch.ivr.steps import Step

if TYPE_CHECKING:
    from softswitch.ivr.run import FlowRun

TARGETS = ("flow", "queue", "user", "voicemail", "number")
WHO = "number:DIGITS, user:NAME, queue:NAME, voicemail:NAME or flow:NAME; a number may be `{variable}`"
MOST_RING_S = 300
ROUTES = {
    "on_busy": ("user_busy",),
    "on_no_answer": ("user_no_answer", "no_response"),
    "on_rejected": ("user_rejected", "do_not_disturb"),
    "on_unreachable": ("user_not_registered", "number_not_found", "no_route", "gone", "trunk_failed"),
    "on_forbidden": ("forbidden",),
}
_NUMBER = re.compile(r"\+?[0-9*#]{1,32}", re.ASCII)


def read_target(fields: Fields, key: str) -> str:
    """Whom a step calls; '' and a problem if it is nobody."""
    target = fields.text(key)
    kind, _, name = target.partition(":")
    if target and (kind not in TARGETS or not name):
        allowed = "flow:NAME, queue:NAME, user:NAME, voicemail:NAME or number:DIGITS"
        fields.reader.problem(fields.at(key), f"is no target; allowed: {allowed}")
        return ""
    if kind == "number":
        if "{" not in name and not _NUMBER.fullmatch(name):
            fields.reader.problem(fields.at(key), f"{name!r} is no number; allowed: digits, + in front")
    elif "{" in name:
        fields.reader.problem(fields.at(key), "has a variable; allowed: in number:… only")
    else:
        fields.refer(key, kind, name)
    return target


def read_calling(fields: Fields, target: str) -> tuple[str, ...] | None:
    """Classes of numbers outside that may be called; None: all, for a number that stands in the flow."""
    written = fields.given.get("calling", [])
    if not isinstance(written, list) or not all(isinstance(each, str) for each in written):
        fields.reader.problem(fields.at("calling"), "expected a list such as [national, mobile]")
        written = []
    if written and "{" not in target:
        fields.reader.problem(fields.at("calling"), "is for a number out of a variable")
    return tuple(written) if "{" in target else None


@dataclass(frozen=True, slots=True)
class Dial(Step):
    """Call `target`. `routes`: outcome -> path; any other outcome goes to `next`. `ring_s` None: as usual."""

    kind: ClassVar[str] = "dial"
    about: ClassVar[str] = (
        "Calls somebody for the caller, who hears it ring; it goes on when nobody took the call. To a queue"
        " or flow the caller goes for good."
    )
    short: ClassVar[str] = "dial: user:alice"
    settings: ClassVar[dict[str, str]] = {
        "target": WHO,
        "ring_s": "how long it rings at most (60)",
        "caller_id": "number shown to who is called (as the dial plan says)",
        "calling": "classes of numbers outside that a number out of a variable may be of (none)",
        "on_busy": "busy (next step)",
        "on_no_answer": "nobody answered (next step)",
        "on_rejected": "declined, or not to be disturbed (next step)",
        "on_unreachable": "no phone is registered, or the number leads nowhere (next step)",
        "on_forbidden": "the number is of no class in `calling` (next step)",
    }

    target: str
    routes: dict[str, str]
    ring_s: float | None = None
    caller_id: str = ""
    calling: tuple[str, ...] | None = None

    @classmethod
    def read(cls, given: Given) -> Step:
        fields = given.fields("target")
        target = read_target(fields, "target")
        routes = {}
        for key, outcomes in ROUTES.items():
            routes.update(dict.fromkeys(outcomes, fields.route(key, given.follows)))
        ring_s = fields.number("ring_s", 60, 1, MOST_RING_S) if "ring_s" in fields else None
        caller_id = fields.text("caller_id", "")
        if caller_id and not _NUMBER.fullmatch(caller_id):
            given.problem(fields.at("caller_id"), "is no number; allowed: digits, + in front")
        calling = read_calling(fields, target)
        return cls(given.here, given.follows, target, routes, ring_s, caller_id, calling)

    def ways(self) -> Iterator[tuple[str, str]]:
        for key, outcomes in ROUTES.items():
            yield key.removeprefix("on_").replace("_", " "), self.routes[outcomes[0]]
        yield "else", self.next

    def start(self, run: FlowRun, now: float, out: list[Output]) -> str | None:
        if run.leave(now, out):
            target = substitute(self.target, run.variables)
            out.append(DialTarget(target, self.ring_s, self.caller_id, self.calling))
        return None

    def returned(self, run: FlowRun, event: Returned, now: float, out: list[Output]) -> None:
        run.go(self.routes.get(event.outcome, self.next), now, out)
