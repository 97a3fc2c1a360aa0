"""Reaching one party: all its contacts ring at once, the first to answer wins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from softswitch.call.leg import Leg, Party
from softswitch.call.registrar import Binding
from softswitch.sip.uri import Address

if TYPE_CHECKING:
    from softswitch.call.call import Call


class HuntOwner(Protocol):
    """Who wanted the party to be reached; exactly one of answered and failed is called, unless cancelled."""

    def hunt_ringing(self, hunt: Hunt, now: float, out: list[Any]) -> None: ...
    def hunt_early(self, hunt: Hunt, leg: Leg | None, now: float, out: list[Any]) -> None:
        """Something is to be heard of this leg before the answer; None: no longer."""

    def hunt_answered(self, hunt: Hunt, leg: Leg, now: float, out: list[Any]) -> None: ...
    def hunt_failed(self, hunt: Hunt, reason: str, now: float, out: list[Any]) -> None: ...


class Hunt:
    """Rings groups of contacts: those of one group together, one group after the other.

    A user's phones are one group; the addresses of a trunk are a group each. It has no time limit of its own.
    """

    def __init__(
        self,
        call: Call,
        owner: HuntOwner,
        party: Party,
        groups: Sequence[Sequence[Binding]],
        caller: Address,
    ) -> None:
        self.call = call
        self.owner = owner
        self.party = party
        self.legs: list[Leg] = []
        self._groups = [group for group in groups if group]
        self._caller = caller
        self._ringing = False
        self._early: Leg | None = None
        self._over = False
        self._reason = "user_not_registered"

    def start(self, now: float, out: list[Any]) -> None:
        """Ring the next group; fails at once when there is none or no media port is left."""
        if not self._groups:
            self._over = True
            self.owner.hunt_failed(self, self._reason, now, out)
            return
        inbound = self.call.inbound
        codec = inbound.offered_codec()
        for binding in self._groups.pop(0):
            leg = self.call.new_leg("outbound", self.party, out)
            leg.owner = self
            if leg.allocate(inbound.worker if inbound.port else None):
                self.legs.append(leg)
                leg.dial(binding, self._caller, codec, now, out)
            else:
                self._reason = "no_ports"
                leg.hang_up("no_ports", now, out)
        if not self.legs:
            self.start(now, out)

    def cancel(self, reason: str, now: float, out: list[Any]) -> None:
        """Stop ringing; the owner hears no more of it."""
        self._over = True
        for leg in self.legs:
            leg.hang_up(reason, now, out)
        self.legs.clear()

    def leg_ringing(self, leg: Leg, now: float, out: list[Any]) -> None:
        if not self._ringing:
            self._ringing = True
            self.owner.hunt_ringing(self, now, out)

    def leg_early(self, leg: Leg, now: float, out: list[Any]) -> None:
        self._early = leg
        self.owner.hunt_early(self, leg, now, out)

    def leg_answered(self, leg: Leg, now: float, out: list[Any]) -> None:
        self.legs.remove(leg)
        self.cancel("answered_elsewhere", now, out)
        leg.owner = self.call
        self.owner.hunt_answered(self, leg, now, out)

    def leg_ended(self, leg: Leg, reason: str, ended_by: str, now: float, out: list[Any]) -> None:
        self.legs.remove(leg)
        self._reason = reason
        if leg is self._early:
            self._early, self._ringing = None, False
            self.owner.hunt_early(self, None, now, out)
        if not self._over and not self.legs:
            self.start(now, out)

    def leg_digit(self, leg: Leg, digit: str, now: float, out: list[Any]) -> None:
        """Keys pressed before the answer mean nothing."""

    def to_state(self) -> list[dict[str, Any]]:
        """The legs that ring, so that a new process can cancel them."""
        return [
            {"leg": leg.id, "session": leg.session.to_state()} for leg in self.legs if leg.session is not None
        ]
