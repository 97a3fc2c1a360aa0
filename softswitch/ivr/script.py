"""Written conversations: what a caller does in a flow and hears of it, line by line, on a simulated clock.

A conversation is a test of a flow that whoever writes flows can read. `read` makes conversations of a text,
`Talk` carries one out with the engine that runs in the switch.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from softswitch.ivr import events as ivr
from softswitch.ivr import numbers
from softswitch.ivr.flow import Flow, Flows
from softswitch.ivr.inquiry import taken
from softswitch.ivr.kinds.menu import KEYPAD
from softswitch.ivr.run import FlowRun, Phase
from softswitch.ivr.spoken import Text

START_S = 1000.0
MOST_SHOWN = 12
LONGEST_WAIT_S = 86_400
_WORD = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([^\s"'#][^\s"']*))(?=\s|$)""")
_SECONDS = re.compile(r"[0-9]{1,5}(\.[0-9]{1,3})?")
SETTINGS = ("flow", "language", "caller", "called", "given", "at")


class ScriptError(ValueError):
    """A text that is no conversation; says line, what is wrong and what is allowed."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its number in the file, its words, and the text as written."""

    number: int
    words: tuple[str, ...]
    text: str


@dataclass(slots=True)
class Conversation:
    """A name, the settings that hold for it, and its lines."""

    name: str
    line: int
    settings: dict[str, str] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Failure:
    """What did not happen as it is written: line, what was expected, what happened, and the talk so far."""

    line: int
    expected: str
    happened: str
    talk: tuple[str, ...]

    def __str__(self) -> str:
        return f"expected {self.expected}, but {self.happened}"


def read(text: str) -> list[Conversation]:
    """The conversations of a file. Settings before the first hold for all. Raises ScriptError."""
    common: dict[str, str] = {}
    found: list[Conversation] = []
    for number, written in enumerate(text.splitlines(), start=1):
        try:
            words = _words(written)
        except ValueError:
            raise ScriptError(f"{number}: a quotation is not closed") from None
        if not words:
            continue
        if words[0] == "conversation":
            name = " ".join(words[1:]) or f"line {number}"
            found.append(Conversation(name, number, dict(common)))
        elif words[0] in SETTINGS and not (found and found[-1].lines):
            _set(found[-1].settings if found else common, words, number)
        elif not found:
            raise ScriptError(f"{number}: {words[0]!r} stands before the first conversation; begin one")
        else:
            _check(words, number)
            found[-1].lines.append(Line(number, tuple(words), written.strip()))
    for each in found:
        if "flow" not in each.settings:
            raise ScriptError(f"{each.line}: {each.name} names no flow; write before it: flow NAME")
    if not found:
        raise ScriptError("1: there is no conversation; begin one with: conversation NAME")
    return found


def _words(line: str) -> list[str]:
    """The words of a line without its comment; several in quotes are one."""
    words = []
    at = 0
    while found := _WORD.match(line, at):
        at = found.end()
        words.append(found[1] if found[1] is not None else found[2] if found[2] is not None else found[3])
    if line[at:].strip() and not line[at:].lstrip().startswith("#"):
        raise ValueError(line)
    return words


def _set(settings: dict[str, str], words: list[str], number: int) -> None:
    if words[0] == "given" and len(words) == 3 and words[1].isidentifier():
        settings[f"given {words[1]}"] = words[2]
    elif words[0] == "at" and len(words) == 3:
        try:
            datetime.fromisoformat(f"{words[1]}T{words[2]}")
        except ValueError:
            raise ScriptError(f"{number}: is no time; allowed: at 2026-11-22 14:05") from None
        settings["at"] = f"{words[1]}T{words[2]}"
    elif words[0] in ("flow", "language", "caller", "called") and len(words) == 2:
        settings[words[0]] = words[1]
    else:
        raise ScriptError(
            f"{number}: {words[0]} takes {'NAME VALUE' if words[0] == 'given' else 'one value'}"
        )


def _check(words: list[str], number: int) -> None:
    """A verb that there is, with as many words as it takes."""
    verb = _verb(words)
    if verb not in VERBS:
        allowed = ", ".join(VERBS)
        raise ScriptError(
            f"{number}: {' '.join(words[:2])!r} is nothing that a caller does; allowed: {allowed}"
        )
    least, most, _ = VERBS[verb]
    given = len(words) - len(verb.split())
    if not least <= given <= most:
        raise ScriptError(f"{number}: {verb} takes {least} to {most} words; {given} are given")


def _verb(words: Iterable[str]) -> str:
    given = [*words]
    longest = (" ".join(given[:count]) for count in (3, 2, 1))
    return next((verb for verb in longest if verb in VERBS), given[0])


class Talk:
    """One conversation on its way through a flow."""

    def __init__(self, conversation: Conversation, flows: Flows) -> None:
        self.conversation = conversation
        settings = conversation.settings
        flow = flows.find(settings["flow"])
        if flow is None:
            raise ScriptError(f"{conversation.line}: there is no flow {settings['flow']!r}")
        given = {key[6:]: value for key, value in settings.items() if key.startswith("given ")}
        known = {"caller": settings.get("caller", "100"), "called": settings.get("called", "200")}
        self._at = datetime.fromisoformat(settings.get("at", "2026-01-05T12:00"))
        self.run = FlowRun(
            flow,
            language=settings.get("language", flow.language),
            variables={**known, "user_to_user": "", **given},
            flows=flows,
            clock=self._clock,
        )
        self.now = START_S
        self.playing: list[str] = []
        self.pending: list[ivr.Output] = []
        self.talk: list[str] = []
        self.into: tuple[tuple[str, str], ...] = ()

    def carry_out(self) -> Failure | None:
        """Go through the conversation; None if all was as it is written."""
        self._tell(ivr.FlowStarted())
        for line in self.conversation.lines:
            self.talk.append(f"{line.number}: {line.text}")
            try:
                verb = _verb(line.words)
                VERBS[verb][2](self, line.words[len(verb.split()) :])
            except _Unexpected as unexpected:
                shown = tuple(self.talk[-MOST_SHOWN:])
                return Failure(line.number, unexpected.expected, unexpected.happened, shown)
        return None

    # The flow

    def _clock(self, now: float) -> Mapping[str, str]:
        there = self._at + timedelta(seconds=now - START_S)
        return {"date": f"{there:%Y-%m-%d}", "time": f"{there:%H:%M}", "weekday": f"{there:%A}".lower()}

    def _tell(self, event: ivr.Event) -> None:
        self._take(self.run.handle(event, self.now))

    def _take(self, out: list[ivr.Output]) -> None:
        for each in out:
            if isinstance(each, ivr.PlayPrompts):
                self.playing = [*each.names]
                self.talk.append(f"  hears {' '.join(map(_shown, each.names))}")
            elif isinstance(each, ivr.StopPrompts):
                self.playing = []
            elif isinstance(each, ivr.FlowFact):
                if each.type == "flow_step":
                    self.talk.append(
                        f"  {each.data['flow']}: {each.data['step'] or 'end'} ({each.data['kind']})"
                    )
                else:
                    self.talk.append(f"  {each.type}: {each.data.get('message', '')}")
            else:
                if isinstance(each, ivr.AskBackend):
                    self.into = each.into
                self.pending.append(each)
                self.talk.append(f"  {_described(each)}")

    def _finish(self) -> None:
        """Prompts that were heard come to their end."""
        while not self.playing and self.run.phase is Phase.SPEAKING:
            self.now += 1
            self._tell(ivr.PromptsFinished())

    def _happened(self) -> str:
        if self.playing:
            return f"the caller hears {' '.join(map(_shown, self.playing))}"
        if self.pending:
            return _described(self.pending[0])
        if self.run.phase is Phase.ENDED:
            return "the call is over"
        waits = {Phase.LISTENING: "a key", Phase.AWAY: "what comes back"}.get(self.run.phase, "nothing")
        return f"the flow waits for {waits} in {self.run.flow.name}: {self.run.step}"

    # What the caller does and hears

    def hear(self, words: tuple[str, ...]) -> None:
        """`hear welcome n_5`, `hear number 12`, `hear money "12.50 USD"`, `hear "A text."`"""
        expected: tuple[str, ...] = words
        if words[0] in numbers.SPOKEN and len(words) == 2:
            expected = numbers.SPOKEN[words[0]](words[1], self.run.language)
        for name in expected:
            self._finish()
            if not self.playing or str(self.playing[0]) != name:
                raise _Unexpected(f"to hear {' '.join(map(_shown, words))}", self._happened())
            self.playing.pop(0)

    def press(self, words: tuple[str, ...]) -> None:
        """`press 12#`: before the end of what is being said, if that was not heard."""
        self._finish()
        for digit in "".join(words):
            if digit not in KEYPAD + "ABCD":
                raise _Unexpected("a key of a phone", f"{digit!r} is none")
            self._tell(ivr.DigitPressed(digit))

    def say_nothing(self, words: tuple[str, ...]) -> None:
        """Until the flow does something of itself."""
        self._heard_all("silence")
        until = self.run.next_timeout()
        if until is None:
            raise _Unexpected("the flow to wait for the caller", self._happened())
        self._wait_until(until)

    def wait(self, words: tuple[str, ...]) -> None:
        """`wait 30`: seconds."""
        self._heard_all("to wait")
        seconds = float(words[0]) if _SECONDS.fullmatch(words[0]) else LONGEST_WAIT_S + 1
        if seconds > LONGEST_WAIT_S:
            raise _Unexpected(f"a time from 0 to {LONGEST_WAIT_S} s", f"{words[0]!r} is none")
        self._wait_until(self.now + seconds)

    def _heard_all(self, what: str) -> None:
        self._finish()
        if self.playing:
            raise _Unexpected(what, self._happened())

    def _wait_until(self, until: float) -> None:
        while (when := self.run.next_timeout()) is not None and when <= until:
            self.now = when
            self._take(self.run.handle_timeout(when))
        self.now = max(self.now, until)

    def hang_up(self, words: tuple[str, ...]) -> None:
        """The caller does."""
        self._tell(ivr.CallerHungUp())
        self.playing = []

    # What the flow does

    def expect(self, words: tuple[str, ...]) -> None:
        """`expect queue sales`, `expect variable account 12`, `expect hang up forbidden` …"""
        what, *about = words
        if what == "variable":
            self._expect_variable("".join(about[:1]), " ".join(about[1:]))
            return
        if (what, *about[:1]) == ("hang", "up"):
            what, about = "hang up", about[1:]
        if what not in _OUTPUTS:
            raise _Unexpected(f"one of variable, {', '.join(_OUTPUTS)}", f"{what!r} is none of them")
        self._finish()
        kind, said = _OUTPUTS[what]
        if self.playing or not self.pending or not isinstance(self.pending[0], kind):
            raise _Unexpected(" ".join(words), self._happened())
        happened = said(self.pending[0])
        if about and about != happened[: len(about)]:
            raise _Unexpected(" ".join(words), f"it was {what} {' '.join(happened)}")
        self.pending.pop(0)

    def _expect_variable(self, name: str, value: str) -> None:
        self._finish()
        known = self.run.variables.get(name, "")
        if known != value:
            raise _Unexpected(f"variable {name} to be {value!r}", f"it is {known!r}")

    # What comes back

    def returns(self, words: tuple[str, ...]) -> None:
        """`returns taken message=m1`: what comes back of any other step, with its values."""
        values = dict(word.partition("=")[::2] for word in words[1:])
        self.returned(words[0], values)

    def returned(self, outcome: str, values: Mapping[str, str] | None = None) -> None:
        self._finish()
        if self.run.phase is not Phase.AWAY:
            raise _Unexpected("the flow to wait for what comes back", self._happened())
        self.now += 1
        self.pending = [each for each in self.pending if not isinstance(each, _AWAITED)]
        self._tell(ivr.Returned(outcome, values or {}))

    def queue(self, words: tuple[str, ...]) -> None:
        """`queue timeout`: the queue gives up."""
        self.returned(f"queue_{words[0]}")

    def dial(self, words: tuple[str, ...]) -> None:
        """`dial busy`, `dial no_answer`, or an end reason."""
        self.returned(_DIALLED.get(words[0], words[0]))

    def calendar(self, words: tuple[str, ...]) -> None:
        """`calendar closed`."""
        self.returned(words[0])

    def message(self, words: tuple[str, ...]) -> None:
        """`message taken`, `message too_short` or `message full`."""
        self.returned(words[0])

    def transfer(self, words: tuple[str, ...]) -> None:
        """`transfer fails`: the target leads nowhere."""
        self.returned("no_route")

    def backend_answers(self, words: tuple[str, ...]) -> None:
        """`back-end answers '{"name": "Ann"}'`."""
        try:
            answer = json.loads(words[0]) if words else {}
        except ValueError:
            raise _Unexpected("an answer in JSON, in quotes", f"{words[0]!r} is none") from None
        self._from_backend("ok", taken(answer, self.into))

    def backend_fails(self, words: tuple[str, ...]) -> None:
        """No answer that can be used."""
        self._from_backend("failed", {})

    def backend_times_out(self, words: tuple[str, ...]) -> None:
        """No answer in time."""
        self._from_backend("timeout", {})

    def _from_backend(self, outcome: str, values: Mapping[str, str]) -> None:
        if self.run.phase is not Phase.AWAY:
            raise _Unexpected("the flow to wait for a back-end", self._happened())
        self.pending = [each for each in self.pending if not isinstance(each, _AWAITED)]
        self._tell(ivr.Returned(outcome, values))


class _Unexpected(Exception):
    def __init__(self, expected: str, happened: str) -> None:
        self.expected = expected
        self.happened = happened


_DIALLED = {
    "busy": "user_busy",
    "no_answer": "user_no_answer",
    "rejected": "user_rejected",
    "unreachable": "user_not_registered",
}
_AWAITED = (
    ivr.EnterQueue,
    ivr.KeepPlace,
    ivr.DialTarget,
    ivr.TransferCaller,
    ivr.AskCalendar,
    ivr.AskBackend,
    ivr.TakeMessage,
)
_OUTPUTS: dict[str, tuple[type, Callable[[Any], list[str]]]] = {
    "queue": (ivr.EnterQueue, lambda out: [out.queue]),
    "dial": (ivr.DialTarget, lambda out: [out.target]),
    "transfer": (ivr.TransferCaller, lambda out: [out.target]),
    "calendar": (ivr.AskCalendar, lambda out: [out.calendar]),
    "back-end": (ivr.AskBackend, lambda out: [out.backend, out.method, out.path]),
    "callback": (ivr.KeepPlace, lambda out: [out.queue]),
    "message": (ivr.TakeMessage, lambda out: [out.mailbox or "file"]),
    "score": (ivr.TellScore, lambda out: [out.question, str(out.score)]),
    "agent": (ivr.ServeAgent, lambda out: [out.service]),
    "data": (ivr.ChangeTexts, lambda out: [*_pairs(out.values), *(f"-{name}" for name in out.remove)]),
    "record": (ivr.RecordCall, lambda out: ["true" if out.wanted else "false"]),
    "music": (ivr.PlayMusic, lambda out: [out.name]),
    "hang up": (ivr.HangUp, lambda out: [out.reason, *([str(out.cause)] if out.cause else [])]),
}
VERBS: dict[str, tuple[int, int, Callable[[Talk, tuple[str, ...]], None]]] = {
    "hear": (1, 50, Talk.hear),
    "press": (1, 20, Talk.press),
    "say nothing": (0, 0, Talk.say_nothing),
    "wait": (1, 1, Talk.wait),
    "hang up": (0, 0, Talk.hang_up),
    "expect": (1, 5, Talk.expect),
    "queue": (1, 1, Talk.queue),
    "dial": (1, 1, Talk.dial),
    "calendar": (1, 1, Talk.calendar),
    "message": (1, 1, Talk.message),
    "transfer fails": (0, 0, Talk.transfer),
    "returns": (1, 20, Talk.returns),
    "back-end answers": (0, 1, Talk.backend_answers),
    "back-end fails": (0, 0, Talk.backend_fails),
    "back-end times out": (0, 0, Talk.backend_times_out),
}
"""What may stand in a line -> fewest and most words after it, and what it does."""


def _pairs(values: Mapping[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in values.items()]


def _shown(name: str) -> str:
    return f'"{name}"' if isinstance(name, Text) or " " in name else name


def _described(out: ivr.Output) -> str:
    for what, (kind, said) in _OUTPUTS.items():
        if isinstance(out, kind):
            return f"{what} {' '.join(said(out))}"
    return type(out).__name__


class SomeFlows:
    """Flows by name, for conversations: in the one version that there is."""

    def __init__(self, flows: Mapping[str, Flow], programs: Mapping[str, Any] | None = None) -> None:
        self._flows = flows
        self._programs = programs or {}

    def find(self, name: str) -> Flow | None:
        return self._flows.get(name)

    def version(self, name: str, version: str) -> Flow | None:
        return self._flows.get(name)

    def program(self, name: str, version: str | None = None) -> Any:
        return self._programs.get(name)
