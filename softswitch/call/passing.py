"""Codecs that are only passed on: who speaks one may hear the other side of a conversation, and nothing else.

They are agreed on when both sides of a call between two parties offer them. As soon as something has to be
said or heard in between (a prompt, music, a recording, a supervisor, another codec on the other side) the
party is offered the other codecs by re-INVITE, once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from softswitch.sdp.negotiation import PASSED

if TYPE_CHECKING:
    from softswitch.call.leg_media import LegMedia


def to_offer(first: Sequence[str], codecs: Sequence[str]) -> list[str]:
    """What a leg with `codecs` is offered, led by those that the other side has; what is only passed on must
    be among these, and is alone if it has nothing else."""
    shared = [codec for codec in first if codec in codecs]
    if shared and PASSED.issuperset(first):
        return shared
    return [*shared, *(codec for codec in codecs if codec not in first and codec not in PASSED)]


def to_answer(prefer: str | None, codecs: Sequence[str]) -> list[str]:
    """What an offer is answered with: a codec that is only passed on where the other side speaks it."""
    return [*codecs] if prefer in PASSED else [codec for codec in codecs if codec not in PASSED]


class Passing:
    """The legs that speak such a codec, and those that have been asked to speak another one."""

    def __init__(self) -> None:
        self._legs: dict[str, LegMedia] = {}
        self._asked: set[str] = set()

    def speaks(self, leg: LegMedia) -> None:
        """What has been agreed with the leg."""
        if leg.audio is not None and leg.audio.send.encoding in PASSED:
            self._legs[leg.id] = leg
        else:
            self.left(leg)

    def left(self, leg: LegMedia) -> None:
        self._legs.pop(leg.id, None)
        self._asked.discard(leg.id)

    def end_turn(self, now: float, out: list[Any]) -> None:
        for leg in [*self._legs.values()]:
            if leg.id not in self._asked and _needs_another(leg):
                self._asked.add(leg.id)
                leg.change_codec(now, out)


def _needs_another(leg: LegMedia) -> bool:
    if leg.session is None or leg.session.state != "up" or leg.on_hold:
        return False
    conversation = leg.call.conversation
    if conversation is None or leg not in conversation.legs:
        return True
    other = conversation.other(leg)
    if other.holds or conversation.supervisions or conversation.recording is not None:
        return True
    if conversation.playing is not None:
        return True
    return other.offered_codecs() != leg.offered_codecs()
