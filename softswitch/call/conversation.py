"""Two legs that talk to each other: their bridge, their recording, and who listens in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from softswitch.call.heard import Heard
from softswitch.call.recording import Recording
from softswitch.call.recording_control import Keys
from softswitch.call.recording_rules import about
from softswitch.call.waiting import MUSIC_GAIN

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.leg import Leg
    from softswitch.call.leg_media import LegMedia
    from softswitch.call.playing import Playing

HOLD_MUSIC = "hold"
"""Heard on hold in a conversation that no queue gave."""


def bridge_id(call: Call) -> str:
    """Of the one bridge of a call."""
    return f"{call.id}.bridge"


class Conversation(Heard):
    """The caller's leg and the other one, bridged from `start` to `end`."""

    def __init__(
        self,
        call: Call,
        caller: Leg,
        callee: Leg,
        *,
        queue: str | None = None,
        recording: Recording | None = None,
    ) -> None:
        """`recording` is that of the conversation before, which goes on."""
        super().__init__()
        self.call = call
        self.caller = caller
        self.callee = callee
        self.queue = queue
        self.agent = callee.party.agent
        self.started = 0.0
        self.recording = recording
        self.keys = Keys()
        self.playing: Playing | None = None

    @property
    def bridge_id(self) -> str:
        return bridge_id(self.call)

    def start(self, record: bool, now: float, out: list[Any]) -> None:
        self.started = now
        party = self.callee.party
        self.call.fact(
            "call_bridged",
            {
                "leg": self.callee.id,
                "caller": self.caller.id,
                party.kind: party.name,
                "agent": self.agent,
                "queue": self.queue,
                "held_by": [leg.id for leg in self.legs if leg.holds],
            },
            out,
        )
        if self.recording is not None:
            self.recording.join(self.caller.id, self.callee.id, out)
        elif record:
            self.record(now, out)
        self.put_bridge(out)
        self.call.exchange.supervising.began(self, now, out)

    def record(self, now: float, out: list[Any], segment: int = 1) -> Recording:
        """Begin a recording; `segment` counts the files of this conversation."""
        call = self.call
        self.recording = Recording(call.exchange, call.next_id("r"), call.id, self.agent, self.queue)
        described = about(call, self.callee, self.queue)
        self.recording.about = {**described, "segment": segment} if segment > 1 else described
        self.recording.start(self.caller, self.callee, now, out)
        return self.recording

    def next_segment(self, now: float, out: list[Any]) -> Recording:
        """End the file and go on in another one, with the same parties on the same sides."""
        former = self.recording
        assert former is not None
        former.stop(out)
        fresh = self.record(now, out, former.about.get("segment", 1) + 1)
        fresh.join(former.left, former.right, out)
        if former.paused:
            fresh.pause(True, former.by, out)
        return fresh

    def end(self, now: float, out: list[Any]) -> None:
        media = self.call.exchange.media
        if self.playing is not None:
            self.playing.stop("conversation_ended", out)
        media.delete(self.caller.worker, "bridge", self.bridge_id, out)
        if self.recording is not None:
            self.recording.stop(out)
        self.call.fact(
            "bridge_ended",
            {
                "leg": self.callee.id,
                "caller": self.caller.id,
                "talk_s": round(now - self.started, 3),
                "agent": self.agent,
                "queue": self.queue,
            },
            out,
        )
        supervisions, self.supervisions = self.supervisions, []
        for supervision in supervisions:
            supervision.conversation_ended(now, out)

    @property
    def legs(self) -> tuple[Leg, Leg]:
        return self.caller, self.callee

    @property
    def stand_in(self) -> Leg:
        """After a transfer, who has the call now."""
        return self.callee

    def agent_for(self, supervised: Leg | None) -> str | None:
        return self.agent

    def other(self, leg: Leg) -> Leg:
        return self.callee if leg is self.caller else self.caller

    def dead(self, now: float) -> bool:
        """Whether nobody is heard any more, and nobody has put the other on hold."""
        timeout = self.call.exchange.node.limits.rtp_timeout_s
        legs = self.legs
        if timeout is None or any(leg.on_hold for leg in legs):
            return False
        return all(leg.silent_for(now) >= timeout for leg in legs)

    def hold_changed(self, leg: LegMedia, out: list[Any]) -> None:
        """A party has put the other on hold, or is back; the other's own SDP stays as it is."""
        self.call.fact("leg_held" if leg.holds else "leg_resumed", {"leg": leg.id}, out)
        self.put_bridge(out)

    def put_bridge(self, out: list[Any]) -> None:
        """Both hear each other, unless one holds: then the other one hears music, whatever the one sends."""
        media, legs = self.call.exchange.media, self.legs
        edges = self.supervised_edges()
        edges += [[leg.id, beep, 1.0] for leg in legs for beep in self._beep(out)]
        held = any(leg.holds for leg in legs)
        if held:
            edges += [
                [leg.id, player, MUSIC_GAIN] for leg in legs if not leg.holds for player in self._music(out)
            ]
        fields = {"members": [] if held else [leg.id for leg in legs], "edges": edges}
        media.put(self.caller.worker, "bridge", self.bridge_id, fields, out)

    def _beep(self, out: list[Any]) -> list[str]:
        """The player of the tone that tells both sides that they are recorded; none where they are not."""
        exchange, recording = self.call.exchange, self.recording
        if not exchange.node.recording.beep or recording is None or recording.paused:
            return []
        media, worker = exchange.media, self.caller.worker
        return [media.music(worker, path, out) for path in exchange.tone_paths("record_beep")]

    def _music(self, out: list[Any]) -> list[str]:
        """The player of the queue's music, or of the music of the house; none where there is no file."""
        exchange = self.call.exchange
        queue = exchange.centre.queues.get(self.queue) if self.queue else None
        path = exchange.music_path(queue.music if queue is not None else HOLD_MUSIC, out)
        return [] if path is None else [exchange.media.music(self.caller.worker, path, out)]

    def to_state(self) -> dict[str, Any]:
        return {
            "callee": self.callee.to_state(),
            "queue": self.queue,
            "started": self.started,
            "recording": self.recording.to_state() if self.recording else None,
        }

    @classmethod
    def from_state(cls, call: Call, state: dict[str, Any], callee: Leg, out: list[Any]) -> Conversation:
        conversation = cls(call, call.inbound, callee, queue=state["queue"])
        conversation.started = state["started"]
        if state["recording"]:
            conversation.recording = Recording.from_state(call.exchange, state["recording"])
            conversation.recording.join(call.inbound.id, callee.id, out)
        conversation.put_bridge(out)
        return conversation
