"""IVR flows in the form in which they run, read once for each version of them."""

from __future__ import annotations

from softswitch.config import Centre
from softswitch.config import Flow as FlowSettings
from softswitch.config.errors import Problem
from softswitch.directory.references import missing
from softswitch.ivr.flow import Flow, FlowError

# Prompts and music are files, which are checked where they are loaded.
CHECKED_KINDS = ("queue", "user", "flow")


class FlowCatalogue:
    """Flows by the settings they were read from."""

    def __init__(self) -> None:
        self._read: dict[str, tuple[FlowSettings, Flow]] = {}

    def flow(self, settings: FlowSettings) -> Flow:
        """The runnable flow; FlowError with every mistake in its steps."""
        known = self._read.get(settings.name)
        if known is not None and known[0] is settings:
            return known[1]
        flow = Flow.from_config(settings.name, settings.steps)
        self._read[settings.name] = (settings, flow)
        return flow

    def problems(self, centre: Centre) -> list[Problem]:
        """Mistakes in the steps of all flows, and what they name and is not there."""
        found: list[Problem] = []
        for settings in centre.flows.values():
            at = ("flows", settings.name)
            try:
                references = self.flow(settings).references
            except FlowError as error:
                found += [Problem((*at, *problem.path), problem.message) for problem in error.problems]
                continue
            for each in references:
                if each.kind in CHECKED_KINDS:
                    found += missing(centre, (*at, *each.path), each.kind, each.name)
        return found
