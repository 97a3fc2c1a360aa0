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

    def start(self, left: Leg, right: Leg, now: float, out: list[Any]) -> None:
        self.path = f"{self.exchange.recordings_directory}/{self.exchange.utc_date(now)}/{self.id}.wav"
        self.exchange.recordings[self.id] = self
        self.worker = left.worker
        self._put(left.id, right.id, out)
        out.append(Keep(f"recording/{self.id}", self))
        out.append(
            Fact(
                "recording_started",
                {
                    "call": self.call,
                    "recording": self.id,
                    "path": self.path,
                    "left_leg": left.id,
                    "right_leg": right.id,
                    "agent": self.agent,
                    "queue": self.queue,
                },
            )
        )

    def join(self, one: str, other: str, out: list[Any]) -> None:
        """Go on with these legs ('': there is none now); a party that stays keeps its side of the file."""
        if one == self.right or other == self.left:
            one, other = other, one
        self._put(one, other, out)
        out.append(Keep(f"recording/{self.id}", self))

    def _put(self, left: str, right: str, out: list[Any]) -> None:
        self.left, self.right = left, right
        self.exchange.recordings[self.id] = self
        self.exchange.media.put(
            self.worker,
            "recorder",
            self.id,
            {"left": left, "right": right, "path": self.path, "paused": False},
            out,
        )

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
        }

    @classmethod
    def from_state(cls, exchange: Exchange, state: dict[str, Any]) -> Recording:
        recording = cls(exchange, state["id"], state["call"], state["agent"], state["queue"])
        recording.path = state["path"]
        recording.worker = state["worker"]
        recording.left, recording.right = state.get("left", ""), state.get("right", "")
        return recording
