"""One recording: a stereo file with the caller left and the other party right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from softswitch.call.outputs import Fact, Keep

if TYPE_CHECKING:
    from softswitch.call.exchange import Exchange
    from softswitch.call.leg import Leg


class Recording:
    """From `start` until the worker reports the file as finished, which may be after the end of the call."""

    def __init__(self, exchange: Exchange, id: str, call: str, agent: str | None, queue: str | None) -> None:
        self.exchange = exchange
        self.id = id
        self.call = call
        self.agent = agent
        self.queue = queue
        self.path = ""
        self.worker = -1
        self.left = self.right = ""
        self.about: dict[str, Any] = {}
        self.paused = False
        self.by = ""

    def start(self, left: Leg, right: Leg | None, now: float, out: list[Any]) -> None:
        self.path = f"{self.exchange.recordings_directory}/{self.exchange.utc_date(now)}/{self.id}.wav"
        self.exchange.recordings[self.id] = self
        self.worker = left.worker
        self._put(left.id, right.id if right is not None else "", out)
        out.append(Keep(f"recording/{self.id}", self))
        out.append(
            Fact(
                "recording_started",
                {
                    "call": self.call,
                    "recording": self.id,
                    "path": self.path,
                    "left_leg": left.id,
                    "right_leg": self.right or None,
                    "agent": self.agent,
                    "queue": self.queue,
                    "retention": self.about.get("retention"),
                },
            )
        )

    def pause(self, paused: bool, by: str, out: list[Any]) -> None:
        """Leave out what is said until it is resumed, or go on; the certificate says who wanted it."""
        if paused == self.paused:
            return
        self.paused, self.by = paused, by
        self._put(self.left, self.right, out)
        kind = "recording_paused" if paused else "recording_resumed"
        out.append(Fact(kind, {"call": self.call, "recording": self.id, "by": by}))
        out.append(Keep(f"recording/{self.id}", self))

    def heard(self, event: dict[str, Any], out: list[Any]) -> None:
        """What the worker finds in the sound: long silence, or talk-over."""
        found = {"call": self.call, "recording": self.id, "seconds": event["seconds"]}
        out.append(Fact(event["event"], {**found, "agent": self.agent, "queue": self.queue}))

    def join(self, one: str, other: str, out: list[Any]) -> None:
        """Go on with these legs ('': there is none now); a party that stays keeps its side of the file."""
        if one == self.right or other == self.left:
            one, other = other, one
        self._put(one, other, out)
        out.append(Keep(f"recording/{self.id}", self))

    def _put(self, left: str, right: str, out: list[Any]) -> None:
        self.left, self.right = left, right
        settings = self.exchange.node.recording
        self.exchange.recordings[self.id] = self
        self.exchange.media.put(
            self.worker,
            "recorder",
            self.id,
            {
                "left": left,
                "right": right,
                "left_party": self._party(left),
                "right_party": self._party(right),
                "path": self.path,
                "paused": self.paused,
                "by": self.by,
                "about": self.about,
                "silence_s": settings.silence_s,
                "talk_over_s": settings.talk_over_s,
            },
            out,
        )

    def _party(self, leg: str) -> str:
        """Who is on the leg: an agent or a user by name, others by number."""
        call = self.exchange.call_of(leg) if leg else None
        party = call.legs[leg].party if call is not None and leg in call.legs else None
        if party is None:
            return ""
        return party.agent or (party.name if party.kind == "user" else party.number)

    def stop(self, out: list[Any]) -> None:
        self.exchange.media.delete(self.worker, "recorder", self.id, out)

    def finished(self, event: dict[str, Any], out: list[Any]) -> None:
        """The file is complete on disk; `event` is the worker's `recorder_finished`."""
        figures = {
            key: event.get(key)
            for key in ("path", "seconds", "expected", "received", "concealed", "late", "error")
        }
        out.append(Fact("recording_finished", {"call": self.call, "recording": self.id, **figures}))
        out.append(Keep(f"recording/{self.id}", None))
        self.stop(out)  # it may have failed while it was wanted
        self.exchange.recordings.pop(self.id, None)

    def to_state(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "call": self.call,
            "agent": self.agent,
            "queue": self.queue,
            "path": self.path,
            "worker": self.worker,
            "left": self.left,
            "right": self.right,
            "about": self.about,
            "paused": self.paused,
            "by": self.by,
        }

    @classmethod
    def from_state(cls, exchange: Exchange, state: dict[str, Any]) -> Recording:
        recording = cls(exchange, state["id"], state["call"], state["agent"], state["queue"])
        recording.path = state["path"]
        recording.worker = state["worker"]
        recording.left, recording.right = state.get("left", ""), state.get("right", "")
        recording.about = state.get("about", {})
        recording.paused, recording.by = state.get("paused", False), state.get("by", "")
        return recording
