"""The dial plan of one configuration: numbers by their E.164 form, classes, permissions, routes outside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from softswitch.config.dialplan import DIAL_OUT_KINDS
from softswitch.numbering.hours import is_open
from softswitch.numbering.plan import NumberingPlan
from softswitch.sip.telephone import EMERGENCY

if TYPE_CHECKING:
    from softswitch.call.party import Party
    from softswitch.config import Centre, Number, OutboundRoute, Trunk
    from softswitch.config.dialplan import NumberForm
    from softswitch.numbering.plan import Number as OutsideNumber


@dataclass(frozen=True, slots=True)
class Outward:
    """How a number outside is reached: over which trunks, in their order, by which rule.

    `number` is in E.164, or as dialled where no rule reads it; `route` is None where none is configured and
    for emergency calls, which go over every trunk there is.
    """

    number: str
    dialled: str
    calling_class: str
    trunks: tuple[str, ...]
    route: OutboundRoute | None = None
    emergency: bool = False


class DialPlan:
    """Made anew for every configuration; the tables are built once."""

    def __init__(self, centre: Centre) -> None:
        self.centre = centre
        self.numbering = NumberingPlan(centre.numbering)
        self._by_e164: dict[str, Number] = {}
        for key, number in centre.numbers.items():
            e164 = self.numbering.normalised(key)
            if e164 is not None:
                self._by_e164.setdefault(e164, number)
        self._classes = [
            (prefix, each.name) for each in centre.calling_classes.values() for prefix in each.prefixes
        ]
        self._routes = [
            (prefix, each) for each in centre.routes.values() for prefix in (each.prefixes or ("",))
        ]

    # Numbers that are ours

    def called_by_trunk(self, trunk: Trunk, called: str) -> str:
        """What a peer calls, after its rules: in E.164 where it can be read, else as it stands."""
        if called.startswith(EMERGENCY):
            return called
        return self.read_from(trunk, trunk.incoming_add + called[trunk.incoming_strip :])

    def read_from(self, trunk: Trunk, number: str) -> str:
        """A number as a peer writes it, in E.164 where it can be read."""
        return self.numbering.normalised(number, trunk.country) or number

    def own(self, dialled: str) -> Number | None:
        """The configured number that is meant, however it is written."""
        found = self.centre.numbers.get(dialled)
        if found is None and self._by_e164:
            outside = self.numbering.outside(dialled)
            e164 = outside.e164 if outside is not None else self.numbering.normalised(dialled)
            found = self._by_e164.get(e164) if e164 is not None else None
        return found

    def without_hiding(self, dialled: str) -> tuple[str, bool]:
        """What a user calls, and whether the code before it hides who calls."""
        code = self.centre.feature_codes.hide_number
        if code is None or dialled == code or not dialled.startswith(code):
            return dialled, False
        return dialled.removeprefix(code), True

    # Numbers outside

    def calling_class(self, number: OutsideNumber) -> str:
        """The class with the longest prefix of the number, else its kind."""
        matching = [each for each in self._classes if number.text.startswith(each[0])]
        return max(matching, key=lambda each: len(each[0]))[1] if matching else number.kind

    def classes_of(self, caller: Party) -> frozenset[str]:
        """Classes of numbers that the caller may call outside."""
        if caller.kind == "trunk":
            trunk = self.centre.trunks.get(caller.name)
            return frozenset(trunk.calling) if trunk is not None else frozenset()
        if caller.kind == "queue":
            queue = self.centre.queues.get(caller.name)
            return frozenset(queue.callback.calling if queue is not None and queue.callback else ())
        user = self.centre.users.get(caller.name)
        if user is None:
            return frozenset()
        allowed = frozenset(user.calling)
        if "dial_out" in user.permissions:
            allowed |= DIAL_OUT_KINDS
            if self.centre.numbering.country is None:
                # Without a country's rules most numbers have no kind.
                allowed |= {"other"}
        return allowed

    def outward(self, number: OutsideNumber, at: datetime) -> Outward | None:
        """The way outside at this moment, None if no route leads there."""
        name = self.calling_class(number)
        if not self._routes:
            trunks = tuple(each.name for each in outward_trunks(self.centre))
            return Outward(number.text, number.dialled, name, trunks)
        found = self.route_for(number.text, at)
        return None if found is None else Outward(number.text, number.dialled, name, found.trunks, found)

    def route_for(self, text: str, at: datetime) -> OutboundRoute | None:
        """Of the routes that are open the one with the longest prefix; one with hours goes before one
        without, then the order of the file counts."""
        matching = [each for each in self._routes if text.startswith(each[0]) and self.opens(each[1], at)]
        best = max(matching, key=lambda each: (len(each[0]), _is_timed(each[1])), default=None)
        return None if best is None else best[1]

    def opens(self, route: OutboundRoute, at: datetime) -> bool:
        zone = route.time_zone or self.centre.numbering.time_zone
        return is_open(route.days, route.hours, zone, at)

    def emergency(self, dialled: str) -> Outward | None:
        """The way of an emergency call, if that is what is dialled: over every trunk, the preferred first."""
        number = self._emergency_number(dialled)
        if number is None:
            return None
        able = [each.name for each in outward_trunks(self.centre)]
        preferred = [name for name in self.centre.numbering.emergency_trunks if name in able]
        others = [name for name in able if name not in preferred]
        return Outward(number, number, "emergency", (*preferred, *others), emergency=True)

    def _emergency_number(self, dialled: str) -> str | None:
        if dialled.startswith(EMERGENCY):
            return self.numbering.emergency_number
        number = self.numbering.emergency(dialled)
        inside = number is not None and self.numbering.assumes_emergency and self._is_inside(number)
        return None if inside else number

    def _is_inside(self, number: str) -> bool:
        centre = self.centre
        return number in centre.numbers or number in centre.users or number in centre.agents

    # Towards a peer

    def presented_to(self, trunk: Trunk, outward: Outward) -> str:
        """The called number as the peer wants it."""
        form, route = self.form_of(trunk), outward.route
        text = outward.dialled if form == "dialled" else outward.number
        text = self.numbering.written(text, form, trunk.country)
        return text if route is None else route.add + text[route.strip :]

    def form_of(self, trunk: Trunk) -> NumberForm:
        known = self.centre.numbering.country is not None
        return trunk.number_form or ("e164" if known else "dialled")


def outward_trunks(centre: Centre) -> list[Trunk]:
    """The trunks over which numbers outside are called, the first choice first."""
    return [trunk for trunk in centre.trunks.values() if trunk.addresses or trunk.user]


def _is_timed(route: OutboundRoute) -> bool:
    return bool(route.days or route.hours)
