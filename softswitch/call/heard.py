"""What supervisors can hear: a conversation of two, or a conference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from softswitch.call.leg import Leg
    from softswitch.call.supervision import SupervisionActivity


class Heard:
    """Legs on one bridge, and those who supervise, who are no parties of it."""

    def __init__(self) -> None:
        self.supervisions: list[SupervisionActivity] = []

    @property
    def legs(self) -> Sequence[Leg]:
        """All who take part, on one media worker."""
        raise NotImplementedError

    @property
    def mouths(self) -> Sequence[Leg]:
        """Those of them who are to be heard."""
        return self.legs

    @property
    def stand_in(self) -> Leg | None:
        """Who hears a whisper where nobody of who takes part is the one who is supervised."""
        return None

    def agent_for(self, supervised: Leg | None) -> str | None:
        """The agent whom facts name when this leg is supervised."""
        return supervised.party.agent if supervised is not None else None

    def put_bridge(self, out: list[Any]) -> None:
        raise NotImplementedError

    def supervise(self, supervision: SupervisionActivity, out: list[Any]) -> None:
        """Let a supervisor hear all, and speak as its mode says."""
        self.supervisions.append(supervision)
        self.put_bridge(out)

    def unsupervise(self, supervision: SupervisionActivity, out: list[Any]) -> None:
        if supervision in self.supervisions:
            self.supervisions.remove(supervision)
            self.put_bridge(out)

    def supervised_edges(self) -> list[list[Any]]:
        """Of the bridge: what supervisors hear, and who hears them."""
        return [edge for each in self.supervisions for edge in each.edges(self)]
