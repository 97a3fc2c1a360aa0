"""Commands by which a party of a conversation steers it: hold, transfer, consultation, answering."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from softswitch.call import steering
from softswitch.call.commands.finding import call_of, leg_of_user, talking_leg, user_meant, wrong
from softswitch.call.commands.group import Arguments, Command, CommandGroup, by
from softswitch.call.steering import NotPossible
from softswitch.config.errors import CONFLICT, INVALID, SHUTTING_DOWN, ConfigError
from softswitch.directory.commands import text_argument

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.leg import Leg


class SteeringCommands(CommandGroup):
    """Whose part it is say `leg`, `user` or `own`; where only one user talks nothing need be said."""

    def commands(self) -> dict[str, Command]:
        return {
            "call.hold": self._hold,
            "call.resume": self._resume,
            "call.transfer": self._transfer,
            "call.consult": self._consult,
            "call.complete_transfer": self._complete,
            "call.join": self._join,
            "call.answer": self._answer,
        }

    def _hold(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        call = call_of(self._exchange, args)
        leg = talking_leg(call, args, conference=True)
        steering.hold(leg, out)
        return {"call": call.id, "leg": leg.id, "holds": leg.holds}

    def _resume(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        call = call_of(self._exchange, args)
        leg = talking_leg(call, args, conference=True)
        try:
            steering.resume(leg, out)
        except NotPossible as why:
            raise _refused(why) from None
        return {"call": call.id, "leg": leg.id, "holds": leg.holds}

    def _transfer(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        """args: to, a number as this party would dial it, or queue:NAME, flow:NAME, user:NAME, agent:NAME,
        conference:NAME, voicemail:NAME."""
        call, to = call_of(self._exchange, args), text_argument(args, "to")
        leg = talking_leg(call, args)
        try:
            steering.transfer(leg, to, now, out)
        except NotPossible as why:
            raise _refused(why) from None
        return {"call": call.id, "leg": leg.id, "to": to}

    def _consult(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        """args: number. Gives the second call, for complete_transfer, join or conference."""
        call, number = call_of(self._exchange, args), text_argument(args, "number")
        leg = talking_leg(call, args)
        if leg.party.kind != "user":
            raise wrong("leg", f"{leg.id!r} is of no user, who alone has phones to ring")
        if self._exchange.draining:
            raise wrong("call", "the switch is about to stop and makes no new calls", SHUTTING_DOWN)
        try:
            second = steering.consult(leg, number, by(args), now, out)
        except NotPossible as why:
            raise _refused(why) from None
        return {"call": call.id, "second": second.id, "number": number}

    def _complete(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        """Join the call with the newest other one of the same user."""
        call = call_of(self._exchange, args)
        leg = talking_leg(call, args)
        others = (each for each in reversed(self._exchange.calls.values()) if each is not call)
        legs = (leg_of_user(each, leg.party.name) for each in others if leg.party.kind == "user")
        second = next((each for each in legs if each is not None), None)
        if second is None:
            message = f"{leg.party.name} has no second call that could be joined; see call list"
            raise wrong("call", message, CONFLICT)
        return self._joined(leg, second, now, out)

    def _join(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        """args: call and with, two calls of one user."""
        call = call_of(self._exchange, args)
        second = call_of(self._exchange, {"call": text_argument(args, "with"), "own": args.get("own")})
        if second is call:
            raise wrong("with", "is the same call; give another one of the user")
        leg, other = self._of_one_user(call, second, user_meant(args))
        return self._joined(leg, other, now, out)

    def _of_one_user(self, call: Call, second: Call, user: str | None) -> tuple[Leg, Leg]:
        """The legs of the user who is in both calls; the first is in a conversation."""
        first, other = (call, second) if call.conversation is not None else (second, call)
        legs = first.conversation.legs if first.conversation is not None else ()
        for leg in legs:
            same = leg_of_user(other, leg.party.name) if leg.party.kind == "user" else None
            if same is not None and user in (None, leg.party.name):
                return leg, same
        raise wrong("with", f"no user talks in both {call.id!r} and {second.id!r}; see call list", CONFLICT)

    def _joined(self, leg: Leg, second: Leg, now: float, out: list[Any]) -> dict[str, Any]:
        ids = leg.call.id, second.call.id
        try:
            steering.join(leg, second, now, out)
        except NotPossible as why:
            raise _refused(why) from None
        stays = next((id for id in ids if id in self._exchange.calls), ids[0])
        return {"call": stays, "over": ids[1] if stays == ids[0] else ids[0]}

    def _answer(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        """args: user, where several phones ring."""
        call, user = call_of(self._exchange, args), user_meant(args)
        users = [leg for leg in call.legs.values() if leg.party.kind == "user"]
        ringing = [leg for leg in users if leg.direction == "outbound" and leg.state == "ringing"]
        found = [leg for leg in ringing if user in (None, leg.party.name)]
        if not found:
            message = f"no phone of {user or 'a user'} rings for {call.id!r}; see call show"
            raise wrong("call", message, CONFLICT)
        names = [*dict.fromkeys(leg.party.name for leg in found)]
        if len(names) > 1:
            raise wrong("user", f"is missing, and several phones ring; allowed: {', '.join(names)}")
        try:
            for leg in found:
                steering.ask_to_answer(leg, by(args), now, out)
        except NotPossible as why:
            raise _refused(why) from None
        return {"call": call.id, "user": names[0], "phones": len(found)}


def _refused(why: NotPossible) -> ConfigError:
    """A number that leads nowhere is wrong by itself, everything else only now."""
    return wrong(why.place, str(why), INVALID if why.place in ("to", "number") else CONFLICT)
