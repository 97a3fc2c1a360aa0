"""Measured costs of a whole centre, as `python -m bench costs --write` puts them into costs.json."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
SUPPLIED = Path(__file__).with_name("costs.json")


class CannotRead(Exception):
    """A file of costs that is none: which, and why."""


class RoleCost(BaseModel):
    """CPU of one kind of process, in cores: `steady` + the others times what goes on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    steady: NotNegative
    per_call_a_second: NotNegative
    per_conversation: NotNegative
    per_waiting: NotNegative

    def cores(self, calls_per_s: float, conversations: float, waiting: float) -> float:
        return (
            self.steady
            + self.per_call_a_second * calls_per_s
            + self.per_conversation * conversations
            + self.per_waiting * waiting
        )


class Costs(BaseModel):
    """Costs of calls with a menu, a queue and a recorded conversation in G.711."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    machine: str
    date: str
    python_ms: Positive
    roles: dict[str, RoleCost]
    memory_base_mib: Positive
    memory_call_kib: Positive
    journal_call_bytes: Positive
    database_call_bytes: Positive
    recording_second_bytes: Positive

    @classmethod
    def read(cls, path: Path = SUPPLIED) -> Self:
        """Raises CannotRead."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except (OSError, ValueError) as error:
            raise CannotRead(f"{path}: no costs: {str(error).splitlines()[0]}; measure them anew") from None

    def cores(self, calls_per_s: float, conversations: float, waiting: float) -> dict[str, float]:
        """CPU by kind of process, on the machine where it was measured."""
        return {role: cost.cores(calls_per_s, conversations, waiting) for role, cost in self.roles.items()}
