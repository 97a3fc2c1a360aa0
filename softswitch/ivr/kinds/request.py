"""`request`: a question to a back-end, its answer in variables."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from softswitch.config.lookup import ANSWER_PLACE, REQUEST_PATH
from softswitch.ivr.events import AskBackend, Output, PlayMusic, PlayPrompts, Returned, StopPrompts
from softswitch.ivr.inquiry import asked_path
from softswitch.ivr.reading import Fields, Given
from softswitch.ivr.spoken import Spoken, substitute
from softswitch.ivr.steps import Step

if TYPE_CHECKING:
    from softswitch.ivr.run import FlowRun

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
PATH = re.compile(REQUEST_PATH)
PLACE = re.compile(ANSWER_PLACE)
PATIENCE_S = 0.5
"""How long a caller hears nothing before `meanwhile`: most answers are there by then."""
WHY = "request_error"


@dataclass(frozen=True, slots=True)
class Request(Step):
    """Ask `backend` (may hold `{variable}`) and go on with the answer, or where its failure leads."""

    kind: ClassVar[str] = "request"
    about: ClassVar[str] = "Asks a back-end and puts parts of its answer into variables."
    settings: ClassVar[dict[str, str]] = {
        "backend": "the back-end; `{variable}` lets the caller's attributes choose it",
        "method": "GET, POST, PUT, PATCH or DELETE (GET)",
        "path": "what is asked for, beginning with /; values of variables are escaped",
        "query": "name: value, appended to the path",
        "body": "sent as JSON; `{variable}` in its texts",
        "into": "variable: path in the answer, such as `customer.name` or `orders.0.id` (nothing)",
        "timeout_s": "how long it may take, at most as long as the back-end's deadline_s (that)",
        "meanwhile": "what is said if it takes longer than half a second, or `music: NAME` (nothing)",
        "on_failure": "no answer that can be used; `request_error` says why (next step)",
        "on_timeout": "no answer in time (on_failure)",
    }

    backend: str
    method: str
    target: str
    query: tuple[tuple[str, str], ...]
    body: Any
    into: tuple[tuple[str, str], ...]
    timeout_s: float | None
    meanwhile: tuple[Spoken, ...]
    music: str
    on_failure: str
    on_timeout: str

    @classmethod
    def read(cls, given: Given) -> Step:
        fields = given.fields("backend")
        backend = fields.text("backend")
        if "{" not in backend:
            fields.refer("backend", "backend", backend)
        on_failure = fields.route("on_failure", given.follows)
        method = fields.text("method", "GET")
        if method not in METHODS:
            given.problem(fields.at("method"), f"allowed: {', '.join(METHODS)}")
        target = fields.text("path", "/")
        if not PATH.fullmatch(target):
            given.problem(fields.at("path"), "is no path; it begins with / and has its query under query")
        music, meanwhile = _meanwhile(fields)
        return cls(
            given.here,
            given.follows,
            backend,
            method,
            target,
            tuple(_texts(fields, "query")),
            fields.given.get("body"),
            tuple(_into(fields)),
            fields.number("timeout_s", 3, 0.1, 60) if "timeout_s" in fields else None,
            meanwhile,
            music,
            on_failure,
            fields.route("on_timeout", given.follows, on_failure),
        )

    def ways(self) -> Iterator[tuple[str, str]]:
        yield "answered", self.next
        yield "failure", self.on_failure
        yield "timeout", self.on_timeout

    def start(self, run: FlowRun, now: float, out: list[Output]) -> str | None:
        speaks = bool(self.meanwhile or self.music)
        if run.leave(now, out, now + PATIENCE_S if speaks else None):
            out.append(
                AskBackend(
                    substitute(self.backend, run.variables),
                    self.method,
                    asked_path(self.target, self.query, run.variables),
                    None if self.body is None else json.dumps(_filled(self.body, run.variables)),
                    self.timeout_s,
                    self.into,
                    run.visit,
                )
            )
        return None

    def timeout(self, run: FlowRun, now: float, out: list[Output]) -> None:
        names = run.names(self.meanwhile)
        out.append(PlayMusic(self.music) if self.music else PlayPrompts(names))

    def returned(self, run: FlowRun, event: Returned, now: float, out: list[Output]) -> None:
        out.append(StopPrompts())
        run.variables.update(event.values)
        ways = {"ok": self.next, "timeout": self.on_timeout}
        run.go(ways.get(event.outcome, self.on_failure), now, out)


def _meanwhile(fields: Fields) -> tuple[str, tuple[Spoken, ...]]:
    value = fields.given.get("meanwhile")
    if isinstance(value, dict) and set(value) == {"music"}:
        fields.refer("meanwhile", "music", str(value["music"]))
        return str(value["music"]), ()
    return "", fields.prompts("meanwhile") if value is not None else ()


def _texts(fields: Fields, key: str) -> Iterator[tuple[str, str]]:
    value = fields.given.get(key) or {}
    if not isinstance(value, dict):
        fields.reader.problem(fields.at(key), "expected names and values")
        return
    for name, each in value.items():
        if isinstance(each, bool) or not isinstance(each, (str, int, float)):
            fields.reader.problem((*fields.at(key), name), "expected a text or a number")
        yield name, str(each)


def _into(fields: Fields) -> Iterator[tuple[str, str]]:
    for name, place in _texts(fields, "into"):
        at = (*fields.at("into"), name)
        if not name.isidentifier() or name == "language":
            fields.reader.problem(at, f"{name!r} is no name of a variable; letters, digits and _")
        if not PLACE.fullmatch(place):
            fields.reader.problem(at, f"{place!r} is no path; keys and places with dots between: orders.0.id")
        yield name, place


def _filled(value: Any, variables: dict[str, str]) -> Any:
    if isinstance(value, str):
        return substitute(value, variables)
    if isinstance(value, dict):
        return {key: _filled(each, variables) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, variables) for each in value]
    return value
