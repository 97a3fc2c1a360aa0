"""`agent`: agents who call from outside sign in and out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from softswitch.ivr.events import Output, ServeAgent
from softswitch.ivr.reading import Given
from softswitch.ivr.steps import Step

if TYPE_CHECKING:
    from softswitch.ivr.run import FlowRun

SERVICES = ("sign_in", "sign_out", "available", "on_break")


@dataclass(frozen=True, slots=True)
class AgentStep(Step):
    """The caller is an agent, who says so by number and PIN; nothing comes after it."""

    kind: ClassVar[str] = "agent"
    about: ClassVar[str] = (
        "For agents who call from outside: asks for agent number and PIN, does it and hangs up. sign_in is at"
        " the number of `outside_numbers` from which they call, or the first of them. Allowed: sign_in,"
        " sign_out, available, on_break."
    )
    short: ClassVar[str] = "agent: sign_in"

    service: str

    @classmethod
    def read(cls, given: Given) -> Step:
        if given.value not in SERVICES:
            given.problem(given.path, f"expected one of {', '.join(SERVICES)}")
        return cls(given.here, given.follows, str(given.value))

    def ways(self) -> Iterator[tuple[str, str]]:
        yield from ()

    def start(self, run: FlowRun, now: float, out: list[Output]) -> str | None:
        if run.leave(now, out):
            out.append(ServeAgent(self.service))
        return None
