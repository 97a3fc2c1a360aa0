"""IVR flows in the form in which they run, read once for each version of them."""

from __future__ import annotations

from collections.abc import Iterator

from softswitch.config import KINDS, Centre
from softswitch.config import Flow as FlowSettings
from softswitch.config.errors import Path, Problem
from softswitch.directory.prompts import PromptNames
from softswitch.directory.references import missing
from softswitch.ivr.flow import Flow, FlowError, Reference


class FlowCatalogue:
    """Flows by the settings they were read from."""

    def __init__(self, prompts: PromptNames) -> None:
        self._prompts = prompts
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
        """Mistakes in the steps of all flows, and what they name in `centre` and is not there."""
        found: list[Problem] = []
        for settings in centre.flows.values():
            at = ("flows", settings.name)
            try:
                for path, each in self._references(settings):
                    if each.kind in KINDS:
                        found += missing(centre, path, each.kind, each.name)
            except FlowError as error:
                found += [Problem((*at, *problem.path), problem.message) for problem in error.problems]
        return found

    def missing_prompts(self, settings: FlowSettings) -> list[Problem]:
        """Prompts and music that a flow without mistakes names and that are not there."""
        return [
            problem
            for path, each in self._references(settings)
            if each.kind not in KINDS
            for problem in self._prompts.missing(path, each.kind, each.name)
        ]

    def _references(self, settings: FlowSettings) -> Iterator[tuple[Path, Reference]]:
        for reference in self.flow(settings).references:
            yield ("flows", settings.name, *reference.path), reference
