"""Rooms in which any number of callers talk to each other."""

from __future__ import annotations

from pydantic import Field

from softswitch.config.base import PIN, Model, Name, Secret

MOST_MEMBERS = 100


class Conference(Model):
    """A conference room; a number leads there with `conference:NAME`."""

    name: Name = Field(description="Name of the room.")
    pin: Secret | None = Field(
        default=None, repr=False, pattern=PIN, description="Digits asked for at the door; unset: none."
    )
    max_members: int = Field(
        default=20, ge=2, le=MOST_MEMBERS, description="Most who may be in it; a further caller is refused."
    )
    record: bool = Field(
        default=False, description="Record it: one file for each member, who is on its left side."
    )
    tones: bool = Field(default=True, description="All hear two short tones when somebody comes.")
