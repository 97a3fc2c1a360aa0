"""Conversations with a flow on the simulated clock: what the caller does, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from softswitch.ivr.events import (
    DigitPressed,
    Event,
    FlowFact,
    FlowStarted,
    Output,
    PlayPrompts,
    PromptsFinished,
)
from softswitch.ivr.flow import Flow, Program
from softswitch.ivr.run import FlowRun


class Library:
    """Flows by name, in the one version there is."""

    def __init__(self, *flows: Flow, programs: Mapping[str, Program] | None = None) -> None:
        self._flows = {flow.name: flow for flow in flows}
        self._programs = programs or {}

    def program(self, name: str, version: str | None = None) -> Program | None:
        return self._programs.get(name)

    def find(self, name: str) -> Flow | None:
        return self._flows.get(name)

    def version(self, name: str, version: str) -> Flow | None:
        flow = self._flows.get(name)
        return flow if flow is not None and flow.version == version else None


class Conversation:
    """A caller in a flow. `heard` are the prompts played since the last look, `did` the other outputs."""

    def __init__(
        self, *steps: Any, language: str = "en", start: bool = True, flows: Any = None, **variables: str
    ) -> None:
        self.run = FlowRun(
            Flow.from_config("test", steps), language=language, variables=variables, flows=flows
        )
        self.at = 100.0
        self.out: list[Output] = []
        if start:
            self.tell(FlowStarted())

    def tell(self, event: Event) -> Conversation:
        self.out += self.run.handle(event, self.at)
        return self

    def press(self, digits: str) -> Conversation:
        for digit in digits:
            self.tell(DigitPressed(digit))
        return self

    def listen(self) -> Conversation:
        """The prompts are heard to their end."""
        self.at += 1
        return self.tell(PromptsFinished())

    def wait(self, seconds: float) -> Conversation:
        until = self.at + seconds
        while (when := self.run.next_timeout()) is not None and when <= until:
            self.at = when
            self.out += self.run.handle_timeout(when)
        self.at = until
        return self

    def heard(self) -> tuple[str, ...]:
        """Names of the prompts that were started since the last look; forgets the other outputs too."""
        names = tuple(name for each in self.out if isinstance(each, PlayPrompts) for name in each.names)
        self.out.clear()
        return names

    def did(self) -> list[Output]:
        """Everything but facts since the last look."""
        did = [each for each in self.out if not isinstance(each, FlowFact)]
        self.out.clear()
        return did

    def steps(self) -> list[str]:
        return [each.data["step"] for each in self.out if isinstance(each, FlowFact)]
