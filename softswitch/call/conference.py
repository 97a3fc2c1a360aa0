"""A conference: legs of several calls that hear each other, on one media worker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from softswitch.call.heard import Heard
from softswitch.call.outputs import Fact
from softswitch.call.recording import Recording
from softswitch.call.waiting import MUSIC_GAIN

if TYPE_CHECKING:
    from softswitch.call.exchange import Exchange
    from softswitch.call.leg import Leg

LONELY_MUSIC = "hold"
TELLS_SPEAKER = 3
"""From so many members on the worker tells who speaks."""


class Member:
    """A leg in a conference; `joined` is monotonic."""

    def __init__(self, leg: Leg, joined: float, *, muted: bool = False) -> None:
        self.leg = leg
        self.joined = joined
        self.muted = muted
        self.recording: Recording | None = None


class Conference(Heard):
    """Members by leg id. It comes into being with its first member and is gone with its last.

    `room` is the name of a configured one, '' for one that became of a call of two (which ends when one
    alone is left).
    """

    def __init__(self, exchange: Exchange, id: str, room: str) -> None:
        super().__init__()
        self.exchange = exchange
        self.id = id
        self.room = room
        self.members: dict[str, Member] = {}

    @property
    def bridge_id(self) -> str:
        return f"conference:{self.id}"

    @property
    def legs(self) -> list[Leg]:
        return [each.leg for each in self.members.values()]

    @property
    def mouths(self) -> list[Leg]:
        return [each.leg for each in self.members.values() if not each.muted]

    @property
    def worker(self) -> int | None:
        return next((member.leg.worker for member in self.members.values()), None)

    def join(
        self,
        leg: Leg,
        now: float,
        out: list[Any],
        recording: Recording | None = None,
        queue: str | None = None,
    ) -> bool:
        """Let a leg in; it goes to the worker of the others. `recording` is of a conversation before, `queue`
        the one whose call it is. False: that worker has no port for it."""
        worker = self.worker
        if worker is not None and leg.worker != worker and not leg.move(worker, now, out):
            return False
        member = self.members[leg.id] = Member(leg, now)
        self._fact("conference_joined", leg, out, **({"queue": queue} if queue is not None else {}))
        if recording is not None and recording.worker != leg.worker:
            recording.stop(out)
            member.recording = self._record(leg, now, out)
        elif recording is not None or self._records:
            member.recording = recording or self._record(leg, now, out)
        self.put_bridge(out)
        self._tell_others(leg, out)
        return True

    def restore(self, leg: Leg, state: dict[str, Any], out: list[Any]) -> None:
        """A member of a former process; the media worker has not noticed."""
        member = self.members[leg.id] = Member(leg, state["joined"], muted=state["muted"])
        if state["recording"] is not None:
            member.recording = Recording.from_state(self.exchange, state["recording"])
            member.recording.join(member.recording.left, member.recording.right, out)
        self.put_bridge(out)

    def leave(self, legs: Sequence[Leg], now: float, out: list[Any]) -> dict[str, float]:
        """These legs are out of it, hung up or not. Gives how long each was in, in seconds."""
        worker = self.worker
        assert worker is not None
        gone = [self.members.pop(leg.id) for leg in legs]
        self._part_recordings(gone, out)
        seconds = {member.leg.id: now - member.joined for member in gone}
        for leg in legs:
            self._fact("conference_left", leg, out, seconds=round(seconds[leg.id], 3))
        for each in [each for each in self.supervisions if each.call_of(self) is None]:
            self.supervisions.remove(each)
            each.conversation_ended(now, out)
        if self.members:
            self.put_bridge(out)
        else:
            self.exchange.media.delete(worker, "bridge", self.bridge_id, out)
        return seconds

    def mute(self, leg_id: str, muted: bool, by: str, out: list[Any]) -> None:
        """Let the others not hear a member, or hear them again."""
        member = self.members[leg_id]
        if member.muted != muted:
            member.muted = muted
            kind = "conference_muted" if muted else "conference_unmuted"
            self._fact(kind, member.leg, out, by=by)
            self.put_bridge(out)

    def put_bridge(self, out: list[Any]) -> None:
        """Everybody hears everybody who is not muted and has not put us on hold; one alone hears music."""
        media, worker = self.exchange.media, self.worker
        assert worker is not None
        there = [each for each in self.members.values() if not each.leg.holds]
        muted = [each for each in there if each.muted]
        edges = self.supervised_edges()
        edges += [[ear.leg.id, each.leg.id, 0.0] for each in muted for ear in there if ear is not each]
        if len(there) == 1:
            path = self.exchange.music_path(LONELY_MUSIC, out)
            if path is not None:
                edges.append([there[0].leg.id, media.music(worker, path, out), MUSIC_GAIN])
        fields = {
            "members": [each.leg.id for each in there],
            "edges": edges,
            **({"speaker": True} if len(there) >= TELLS_SPEAKER else {}),
        }
        media.put(worker, "bridge", self.bridge_id, fields, out)

    @property
    def _records(self) -> bool:
        room = self.exchange.centre.conferences.get(self.room)
        return room is not None and room.record and self.exchange.node.recording.enabled

    def _record(self, leg: Leg, now: float, out: list[Any]) -> Recording:
        """A file of this member alone, in time with those of the others."""
        call = leg.call
        recording = Recording(self.exchange, call.next_id("r"), call.id, leg.party.agent, None)
        recording.about = {"call": call.id, "conference": self.id}
        recording.start(leg, None, now, out)
        return recording

    def _part_recordings(self, gone: Sequence[Member], out: list[Any]) -> None:
        """A file of two parties goes on with the one who stays."""
        left = {member.leg.id for member in gone}
        for member in (*gone, *self.members.values()):
            recording = member.recording
            if recording is None or left.isdisjoint((recording.left, recording.right)):
                continue
            member.recording = None
            stays = self.members.get(recording.left) or self.members.get(recording.right)
            if stays is None:
                recording.stop(out)
            else:
                stays.recording = recording
                recording.join(stays.leg.id, "", out)

    def _tell_others(self, new: Leg, out: list[Any]) -> None:
        """Those who are there hear that somebody comes."""
        room, worker = self.exchange.centre.conferences.get(self.room), self.worker
        paths = self.exchange.tone_paths("supervision_beep")
        if worker is None or not paths or len(self.members) < 2 or (room is not None and not room.tones):
            return
        fields = {"legs": [*self.members], "items": paths, "loop": False, "gain": 1.0}
        self.exchange.media.put(worker, "player", new.call.next_id("p"), fields, out)

    def _fact(self, type: str, leg: Leg, out: list[Any], **more: Any) -> None:
        told = {"call": leg.call.id, "conference": self.id, "leg": leg.id, **more}
        if leg.party.agent is not None:
            told["agent"] = leg.party.agent
        out.append(Fact(type, told))


class Conferences:
    """Those that go on, by id."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._going: dict[str, Conference] = {}

    def room(self, name: str) -> Conference:
        """The conference of a configured room, begun if nobody is there."""
        return self._going.get(name) or self.begin(name, name)

    def begin(self, id: str, room: str = "") -> Conference:
        conference = self._going[id] = Conference(self._exchange, id, room)
        return conference

    def get(self, id: str) -> Conference | None:
        return self._going.get(id)

    def emptied(self, conference: Conference) -> None:
        if not conference.members:
            self._going.pop(conference.id, None)

    def all(self) -> Iterator[Conference]:
        yield from self._going.values()

    def is_full(self, room: str) -> bool:
        settings, going = self._exchange.centre.conferences.get(room), self._going.get(room)
        return settings is not None and going is not None and len(going.members) >= settings.max_members
