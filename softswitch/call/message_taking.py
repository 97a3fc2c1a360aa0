"""Taking a message: what the caller hears, the tone, the recording, and what ends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from softswitch.call.outputs import Fact, Keep

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.exchange import Exchange

TAKEN, TOO_SHORT, HUNG_UP, FAILED = "taken", "too_short", "hung_up", "failed"
MESSAGE, GREETING, FILE = "message", "greeting", "file"


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one message: longest and shortest, the silence that ends it, and the keys that do."""

    max_s: float
    min_s: float
    silence_s: float
    keys: str = "#"


@dataclass(slots=True)
class Recorded:
    """A message on its way to the disk, until its file is complete.

    `purpose` is what becomes of it: a message of `mailbox`, its greeting, or a file and nothing else. It
    outlives the caller and the process: what was said up to then is kept.
    """

    exchange: Exchange
    id: str
    call: str
    purpose: str
    mailbox: str
    path: str
    worker: int
    caller: str
    left_at: float
    withheld: bool = False
    unwanted: bool = False
    taking: Taking | None = None

    def heard(self, event: dict[str, Any], now: float, out: list[Any]) -> None:
        """The worker finds long silence."""
        if self.taking is not None and event["event"] == "long_silence":
            self.taking.silent(now, out)

    def finished(self, event: dict[str, Any], out: list[Any]) -> None:
        """The file is complete, or there is none."""
        out.append(Keep(f"message_recording/{self.id}", None))
        self.exchange.voicemail.recording.pop(self.id, None)
        self.exchange.media.delete(self.worker, "recorder", self.id, out)
        if event["error"] is not None:
            message = f"message {self.id} was not recorded: {event['error']}"
            out.append(Fact("alarm_raised", {"code": "recording_failed", "message": message}))
            return
        self.exchange.voicemail.delivered(self, event["seconds"], out)

    def over(self, now: float, out: list[Any]) -> None:
        """Nothing more is recorded, though somebody may still be speaking."""
        taking, self.taking = self.taking, None
        if taking is not None:
            taking.failed(now, out)

    def to_state(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _KEPT}

    @classmethod
    def from_state(cls, exchange: Exchange, state: dict[str, Any]) -> Recorded:
        return cls(exchange, **state)


_KEPT = (
    "id", "call", "purpose", "mailbox", "path", "worker", "caller", "left_at", "withheld", "unwanted",
)  # fmt: skip


class TakingOwner(Protocol):
    """Who takes a message; called once, unless the call ends."""

    def message_taken(self, outcome: str, message: str, now: float, out: list[Any]) -> None: ...


class Taking:
    """From the greeting until the message is over. `#` cuts the greeting short, a key of `keys` ends the
    message."""

    def __init__(self, call: Call, owner: TakingOwner, purpose: str, mailbox: str, limits: Limits) -> None:
        self.call = call
        self.owner = owner
        self.purpose = purpose
        self.mailbox = mailbox
        self.limits = limits
        self._recorded: Recorded | None = None
        self._started = 0.0
        self._over = False

    @property
    def recording(self) -> str:
        """The id of what is being recorded; '': nothing is."""
        recorded = self._recorded
        return recorded.id if recorded is not None and recorded.taking is not None else ""

    def start(self, greeting: Sequence[str], language: str, now: float, out: list[Any]) -> None:
        """Play files, then the tone, then record."""
        self._play([*greeting, *self._beep(language, out)], now, out)

    def player_finished(self, now: float, out: list[Any]) -> None:
        if self._recorded is None and not self._over:
            self._record(now, out)

    def digit(self, digit: str, now: float, out: list[Any]) -> None:
        if self._recorded is not None:
            if digit in self.limits.keys:
                self._end(now, out)
        elif digit == "#":
            self._play(self._beep("en", out), now, out)

    def silent(self, now: float, out: list[Any]) -> None:
        """Nobody has spoken for as long as is allowed."""
        self._end(now, out, self.limits.silence_s)

    def timeout(self, now: float, out: list[Any]) -> None:
        """It is as long as it may be."""
        self._end(now, out)

    def failed(self, now: float, out: list[Any]) -> None:
        """The recording has come to its end by itself, for want of room on the disk for example."""
        recorded, self._over = self._recorded, True
        self.call.exchange.deadlines.cancel(("message", self.call.id))
        if recorded is not None:
            self.owner.message_taken(FAILED, recorded.id, now, out)

    def left(self, now: float, out: list[Any]) -> None:
        """The caller has hung up, or goes elsewhere; what was said is kept."""
        self._finish(now, 0.0, out)

    def _play(self, paths: Sequence[str], now: float, out: list[Any]) -> None:
        if paths:
            self.call.play(paths, out)
        else:
            self._record(now, out)

    def _beep(self, language: str, out: list[Any]) -> list[str]:
        return self.call.exchange.prompt_paths(language, ("beep",), out)

    def _record(self, now: float, out: list[Any]) -> None:
        call, exchange = self.call, self.call.exchange
        id, leg = call.next_id("m"), call.inbound
        path = exchange.voicemail.path_for(self.purpose, self.mailbox, id, now)
        number = call.caller.number
        left_at = exchange.utc(now).timestamp()
        about_caller = (number, left_at, call.caller.withheld)
        recorded = Recorded(
            exchange, id, call.id, self.purpose, self.mailbox, path, leg.worker, *about_caller
        )
        recorded.taking = self
        self._recorded, self._started = recorded, now
        exchange.voicemail.recording[id] = recorded
        about = {"call": call.id, "from": number[:64], "to": call.dialled[:64], "mailbox": self.mailbox}
        fields = {
            # On both sides, so that whoever plays the file hears it in the middle and not at half its level.
            "left": leg.id,
            "right": leg.id,
            "left_party": number,
            "path": path,
            "silence_s": self.limits.silence_s,
            "about": {**about, "retention": "ordinary"},
        }
        exchange.media.put(leg.worker, "recorder", id, fields, out)
        out.append(Keep(f"message_recording/{id}", recorded))
        exchange.deadlines.set(("message", call.id), now + self.limits.max_s)

    def _end(self, now: float, out: list[Any], silence_s: float = 0.0) -> None:
        recorded = self._recorded
        if recorded is None or self._over:
            return
        self._finish(now, silence_s, out)
        self.owner.message_taken(TOO_SHORT if recorded.unwanted else TAKEN, recorded.id, now, out)

    def _finish(self, now: float, silence_s: float, out: list[Any]) -> None:
        """`silence_s` of what was recorded is silence at its end."""
        recorded, self._over = self._recorded, True
        self.call.exchange.deadlines.cancel(("message", self.call.id))
        if recorded is None or recorded.taking is None:
            return
        recorded.taking = None
        recorded.unwanted = now - self._started - silence_s < self.limits.min_s
        self.call.exchange.media.delete(recorded.worker, "recorder", recorded.id, out)
        out.append(Keep(f"message_recording/{recorded.id}", recorded))
