"""Who is at the other end of a leg."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Party:
    """Who is at the other end of a leg, or calls; `kind` is user, trunk, anonymous or flow.

    `agent` is set while a call is offered; `withheld`: a caller who is not to be told to whom they call.
    """

    kind: str
    name: str
    number: str
    display: str = ""
    agent: str | None = None
    withheld: bool = False

    @property
    def source(self) -> str:
        return f"{self.kind}:{self.name}"

    @property
    def privacy(self) -> dict[str, bool]:
        """What a fact with the number of this party has beside it, so that agents are told without."""
        return {"withheld": True} if self.withheld else {}

    def to_state(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "name": self.name,
            "number": self.number,
            "display": self.display,
            "agent": self.agent,
            **self.privacy,
        }
