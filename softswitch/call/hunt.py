"""Reaching somebody: all contacts of a party ring at once, the first to answer wins; then the next party."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from softswitch.call.identity import trunk_of
from softswitch.call.leg import Leg
from softswitch.call.party import Party
from softswitch.call.passing import to_answer
from softswitch.call.recording_rules import recorded
from softswitch.call.redirection import Redirected
from softswitch.call.registrar import Binding, in_turn
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


@dataclass(frozen=True, slots=True)
class Group:
    """Contacts that ring together: the phones of a user, or one address of a trunk; `caller` is shown."""

    party: Party
    bindings: Sequence[Binding]
    caller: Address


TURN_S = 15.0
"""How long phones of a user ring before those that the user prefers less."""


def _in_turn(group: Group) -> list[Group]:
    """The phones of a user by preference (RFC 3261 §16.6); those of a trunk are one group as they are."""
    if group.party.kind != "user" or not group.bindings:
        return [group] if group.bindings else []
    return [Group(group.party, each, group.caller) for each in in_turn(group.bindings)]


_PREFERRED = {415: 0, 420: 0, 484: 0, 486: 1, 600: 1, 603: 0, 408: 3}


def rank(status: int) -> tuple[int, int]:
    """The failure of several that the caller is told is the least (RFC 3261 §16.7): 6xx, then the lowest
    class; in it what can be mended, then that somebody is busy, and last that nothing was heard."""
    group = 0 if status >= 600 else max(status // 100, 4)
    return group, _PREFERRED.get(status, 2)


def may_go_elsewhere(status: int) -> bool:
    """Whether another way to the same number may succeed where one has failed like this."""
    return status == 408 or 500 <= status < 600


class Hunt:
    """Rings groups of contacts: those of one group together, one group after the other.

    The next group has its turn if the former could not be reached; an answer such as busy holds for all.
    It has no time limit of its own. `headers` are further lines of each INVITE.
    """

    def __init__(
        self,
        call: Call,
        owner: HuntOwner,
        groups: Sequence[Group],
        reason: str = "user_not_registered",
    ) -> None:
        self.call = call
        self.owner = owner
        self.legs: list[Leg] = []
        self._groups = [part for group in groups for part in _in_turn(group)]
        self._ringing = False
        self._early: Leg | None = None
        self._over = False
        self._reason = reason
        self._rank = (9, 0)
        self.redirected: list[Redirected] = []
        self.headers = ""

    @property
    def possible(self) -> bool:
        """Whether there is anything left that could ring."""
        return bool(self._groups)

    def start(self, now: float, out: list[Any]) -> None:
        """Ring the next group; fails at once when there is none or no media port is left."""
        if not self._groups:
            self._over = True
            self.owner.hunt_failed(self, self._reason, now, out)
            return
        group = self._groups.pop(0)
        if self._admits(group.party, now):
            self._dial(group, now, out)
        else:
            self._reason = "trunk_limit"
        if not self.legs:
            self.start(now, out)

    def _admits(self, party: Party, now: float) -> bool:
        if party.kind != "trunk" or self.call.emergency:
            return True
        trunk = trunk_of(self.call.exchange.centre, party)
        return trunk is not None and self.call.exchange.trunks.admits(trunk, 1, now)

    def _dial(self, group: Group, now: float, out: list[Any]) -> None:
        inbound = self.call.inbound
        trunk = trunk_of(self.call.exchange.centre, group.party)
        for binding in group.bindings:
            leg = self.call.new_leg("outbound", group.party, out)
            leg.owner = self
            codecs = inbound.offered_codecs()
            if recorded(self.call, leg, None):
                codecs = to_answer(None, codecs)
            if leg.allocate(inbound.worker if inbound.port else None):
                if not leg.dial(binding, group.caller, codecs, now, out, self.headers):
                    self._reason = "not_acceptable_media"
                    leg.hang_up("not_acceptable_media", now, out)
                    continue
                self.legs.append(leg)
                if self._groups and trunk is not None:
                    leg.be_patient(trunk.failover_after_s, now)
                elif self._rings_on(group.party):
                    leg.be_patient(TURN_S, now, ringing=True)
            else:
                self._reason = "no_ports"
                leg.hang_up("no_ports", now, out)

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

    def leg_unheard(self, leg: Leg, now: float, out: list[Any]) -> None:
        """A trunk has not said anything, or a phone has rung long enough: the next one has its turn."""
        leg.final_status = 408
        leg.hang_up("no_response", now, out)
        self.leg_ended(leg, "no_response", "switch", now, out)

    def leg_ended(self, leg: Leg, reason: str, ended_by: str, now: float, out: list[Any]) -> None:
        self.legs.remove(leg)
        status = leg.final_status
        self._note(leg, status, reason)
        if leg is self._early:
            self._early, self._ringing = None, False
            self.owner.hunt_early(self, None, now, out)
        if self._over:
            return
        if status >= 600:
            self.cancel(reason, now, out)
        if not self.legs:
            if status >= 600 or not (self._rings_on(leg.party) or may_go_elsewhere(status)):
                self._groups.clear()
            self.start(now, out)

    def _rings_on(self, party: Party) -> bool:
        """Whether the user has further phones, which the user wants to ring after these."""
        return party.kind == "user" and bool(self._groups) and self._groups[0].party == party

    def _note(self, leg: Leg, status: int, reason: str) -> None:
        """Remember the best failure there was, and where somebody else is to be found."""
        if leg.contacts:
            self.redirected.append(Redirected(leg.party, leg.contacts))
        if rank(status) < self._rank:
            self._rank = rank(status)
            trunk_failed = leg.party.kind == "trunk" and may_go_elsewhere(status)
            self._reason = "trunk_failed" if trunk_failed else reason

    def leg_digit(self, leg: Leg, digit: str, now: float, out: list[Any]) -> None:
        """Keys pressed before the answer mean nothing."""

    def to_state(self) -> list[dict[str, Any]]:
        """The legs that ring, so that a new process can cancel them."""
        return [
            {"leg": leg.id, "session": leg.session.to_state()} for leg in self.legs if leg.session is not None
        ]
