"""The flows of the call centre: their versions, and runs of them.

A call finishes on the flows as they were when it began: its run holds the library of that moment, and names
versions in what it keeps over a restart. Versions are kept for that, and for `softswitch flow history`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from softswitch.call.outputs import Keep
from softswitch.call.user_data import variables
from softswitch.call.voicemail import left_for
from softswitch.ivr.flow import Flow, Program
from softswitch.ivr.kinds.python import PREFIX
from softswitch.ivr.run import FlowRun

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.exchange import Exchange
    from softswitch.config import Centre, Target
    from softswitch.config import Flow as Settings

MOST_VERSIONS = 20
"""Of each flow; those that calls still go through come on top."""
_QUEUE, _VOICEMAIL = "queue:", "voicemail:"


class FlowLibrary:
    """The flows of one configuration."""

    def __init__(self, flows: Flows, centre: Centre) -> None:
        self._flows = flows
        self.centre = centre
        self.programs = flows.programs

    def find(self, name: str) -> Flow | None:
        """A flow by name; `queue:NAME` is the smallest flow there is, into a queue; `voicemail:NAME` takes a
        message."""
        if name.startswith(_QUEUE):
            return _into_queue(name)
        if name.startswith(_VOICEMAIL):
            box = self.centre.voicemail.get(name.removeprefix(_VOICEMAIL))
            return None if box is None else Flow.from_config(name, left_for(box))
        settings = self.centre.flows.get(name)
        return None if settings is None else self._flows.compiled(settings)

    def program(self, name: str, version: str | None = None) -> Program | None:
        """A flow in Python."""
        present = self.programs.get(name)
        if version is None or (present is not None and present.version == version):
            return present
        return self._flows.former_program(name, version)

    def version(self, name: str, version: str) -> Flow | None:
        present = self.find(name)
        if present is not None and present.version == version:
            return present
        return self._flows.former(name, version)


class Flows:
    """Every version of every flow that is kept, by name, the newest last.

    `programs` are the flows in Python; `compile_program(name, source)` makes one of a former version.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.programs: Mapping[str, Program] = {}
        self.compile_program: Callable[[str, str], Program] | None = None
        self._library = FlowLibrary(self, exchange.centre)
        self._compiled: dict[str, tuple[Settings, Flow]] = {}
        self._versions: dict[str, dict[str, dict[str, Any]]] = {}
        self._clock: tuple[int, Mapping[str, str]] = (-1, {})

    @property
    def library(self) -> FlowLibrary:
        """The flows of the present configuration."""
        library = self._library
        if library.centre is not self._exchange.centre or library.programs is not self.programs:
            self._library = FlowLibrary(self, self._exchange.centre)
        return self._library

    def run(self, target: Target, call: Call) -> FlowRun | None:
        """A run of a flow, or into a queue. None: there is no such flow."""
        library = self.library
        flow = library.find(target.name if target.kind == "flow" else str(target))
        if flow is None:
            return None
        carried, language = dict(call.carried), call.carried.get("language")
        if target.kind == "flow":
            language = None  # a flow has one of its own
        carried.pop("language", None)
        known = {**carried, **call.data.values, **variables(call)}
        return FlowRun(flow, language=language, variables=known, flows=library, clock=self.clock)

    def run_from_state(self, state: dict[str, Any]) -> FlowRun:
        """The run of a former process."""
        return FlowRun.from_state(state, self.library, self.clock)

    def clock(self, now: float) -> Mapping[str, str]:
        """Date, time and weekday where the call centre is."""
        if self._clock[0] != int(now):
            there = self._exchange.utc(now).astimezone(ZoneInfo(self._exchange.centre.numbering.time_zone))
            shown = {"date": f"{there:%Y-%m-%d}", "time": f"{there:%H:%M}", "weekday": f"{there:%A}".lower()}
            self._clock = (int(now), shown)
        return self._clock[1]

    def compiled(self, settings: Settings) -> Flow:
        """The flow of these settings, read once."""
        known = self._compiled.get(settings.name)
        if known is not None and known[0] is settings:
            return known[1]
        flow = Flow.from_settings(settings)
        self._compiled[settings.name] = (settings, flow)
        return flow

    def former(self, name: str, version: str) -> Flow | None:
        kept = self._versions.get(name, {}).get(version)
        return None if kept is None else Flow.from_source(name, kept["source"])

    def former_program(self, name: str, version: str) -> Program | None:
        kept = self._versions.get(PREFIX + name, {}).get(version)
        if kept is None or self.compile_program is None:
            return None
        return self.compile_program(name, kept["source"])

    # Versions

    def programs_loaded(self, programs: Mapping[str, Program], now: float, out: list[Any]) -> None:
        """The flows in Python as they stand in their directory now."""
        self.programs = programs
        for name, program in programs.items():
            self._keep(PREFIX + name, program.version, program.source, now, out)

    def configured(self, name: str, settings: Settings | None, now: float, out: list[Any]) -> None:
        """A flow was set or removed: its version is kept as long as there are not too many newer ones."""
        if settings is None:
            self._compiled.pop(name, None)
            return
        flow = self.compiled(settings)
        self._keep(name, flow.version, flow.source, now, out)

    def _keep(self, name: str, version: str, source: Any, now: float, out: list[Any]) -> None:
        versions = self._versions.setdefault(name, {})
        if [*versions][-1:] == [version]:
            return
        versions.pop(version, None)
        at = datetime.fromtimestamp(self._exchange.utc(now).timestamp(), UTC).isoformat(timespec="seconds")
        versions[version] = {"at": at, "source": source}
        out.append(Keep(f"flow_version/{name}/{version}", versions[version]))
        used = {each for _, each in self._in_use()}
        for former in [*versions][:-MOST_VERSIONS]:
            if former not in used:
                del versions[former]
                out.append(Keep(f"flow_version/{name}/{former}", None))

    def restore(self, key: str, kept: dict[str, Any]) -> None:
        """A version of a former process; `key` is name and version."""
        name, _, version = key.rpartition("/")
        versions = self._versions.setdefault(name, {})
        versions[version] = dict(kept)
        self._versions[name] = dict(sorted(versions.items(), key=lambda each: str(each[1]["at"])))

    def history(self, name: str) -> list[dict[str, Any]]:
        """The versions of a flow, the newest first: version, at, size (steps, or lines of
        Python), and how many calls go through it."""
        used = [*self._in_use()]
        return [
            {
                "version": version,
                "at": kept["at"],
                "size": _size(name, kept["source"]),
                "calls": used.count((name, version)),
            }
            for version, kept in reversed(self._versions.get(name, {}).items())
        ]

    def _in_use(self) -> list[tuple[str, str]]:
        return [used for call in self._exchange.calls.values() for used in _used(call)]


@lru_cache(maxsize=256)
def _into_queue(name: str) -> Flow:
    return Flow.from_config(name, [{"queue": name.removeprefix(_QUEUE)}])


def _size(name: str, source: Any) -> str:
    if name.startswith(PREFIX):
        return f"{len(source.splitlines())} lines"
    return f"{len(Flow.from_source(name, source).steps)} steps"


def _used(call: Call) -> list[tuple[str, str]]:
    """Flows and versions that a call goes through."""
    flow = call.activity.flow_run if call.activity is not None else None
    return [] if flow is None else flow.versions
