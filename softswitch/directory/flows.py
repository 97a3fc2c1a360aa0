"""What IVR flows say wrong and what they name, read once for each version of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from softswitch.config import KINDS, Centre
from softswitch.config import Flow as FlowSettings
from softswitch.config.errors import Path, Problem, did_you_mean
from softswitch.directory.names import Names, missing
from softswitch.directory.prompts import PromptNames
from softswitch.ivr.flow import Flow, FlowError, Reference
from softswitch.ivr.languages import Languages, languages_at, languages_of

CALLBACK = "callback"
"""Kind of a reference to a queue that has to offer callbacks."""

Named = tuple[Reference, Languages]
"""What a flow names, and in which languages it may be said."""
Reading = tuple[tuple[Problem, ...], tuple[Named, ...]]


class FlowCatalogue:
    """Flows by the settings they were read from."""

    def __init__(self, prompts: PromptNames) -> None:
        self._prompts = prompts
        self.python: Collection[str] | None = None
        """Names of the flows in Python; None: they are not checked."""
        self._read: dict[str, tuple[FlowSettings, Reading]] = {}

    def problems(self, centre: Centre, names: Names) -> list[Problem]:
        """Mistakes in the steps of all flows, and what they name that is not among `names`."""
        found: list[Problem] = []
        for settings in centre.flows.values():
            found += self._reading(settings)[0]
            for path, each, _ in self._references(settings):
                if each.kind in KINDS:
                    found += missing(names, path, each.kind, each.name)
                elif each.kind == CALLBACK:
                    found += _without_callback(centre, path, each.name)
                elif each.kind == "python":
                    found += self._missing_python(path, each.name)
        return found

    def _missing_python(self, path: Path, name: str) -> Iterator[Problem]:
        if self.python is not None and name not in self.python:
            known = did_you_mean(name, self.python)
            yield Problem(path, f"there is no {name}.py in python_flows of softswitch.yaml; {known}")

    def missing_prompts(self, settings: FlowSettings) -> list[Problem]:
        """Prompts and music that a flow names and that are not there."""
        return [
            problem
            for path, each, languages in self._references(settings)
            if each.kind not in KINDS and each.kind not in ("python", CALLBACK)
            for problem in self._prompts.missing(path, each.kind, each.name, languages)
        ]

    def _references(self, settings: FlowSettings) -> Iterator[tuple[Path, Reference, Languages]]:
        for reference, languages in self._reading(settings)[1]:
            yield ("flows", settings.name, *reference.path), reference, languages

    def _reading(self, settings: FlowSettings) -> Reading:
        """Mistakes in the steps, with their paths in the centre, and references, with those in the flow."""
        known = self._read.get(settings.name)
        if known is not None and known[0] is settings:
            return known[1]
        try:
            reading: Reading = (), _named(Flow.from_settings(settings))
        except FlowError as error:
            at = ("flows", settings.name)
            mistakes = (Problem((*at, *problem.path), problem.message) for problem in error.problems)
            reading = tuple(mistakes), tuple((each, frozenset()) for each in error.references)
        self._read[settings.name] = (settings, reading)
        return reading


def _named(flow: Flow) -> tuple[Named, ...]:
    reached = languages_of(flow)
    return tuple((each, languages_at(flow, reached, each.path)) for each in flow.references)


def _without_callback(centre: Centre, path: Path, name: str) -> Iterator[Problem]:
    queue = centre.queues.get(name)
    if queue is not None and queue.callback is None:
        yield Problem(path, f"queue {name} offers no callbacks; give it callback: {{}}")
