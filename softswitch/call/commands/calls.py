"""Commands about calls that are under way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from softswitch.call.commands.descriptions import describe, describe_whole
from softswitch.call.commands.finding import call_of, is_of, owner, wrong
from softswitch.call.commands.group import Arguments, Command, CommandGroup, by
from softswitch.call.excursion import send_to_flow
from softswitch.call.hanging_up import hang_up_for
from softswitch.call.originating import originate, to_number, to_supervision
from softswitch.call.party import Party
from softswitch.call.routing import NoRoute
from softswitch.call.supervising import heard_in, whom
from softswitch.call.supervision import MODES, SCOPES, TAKE_OVER, SupervisionActivity
from softswitch.config.errors import CONFLICT, FORBIDDEN, NOT_FOUND, ConfigError, Problem, did_you_mean
from softswitch.directory.commands import text_argument
from softswitch.reasons import REASONS

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.heard import Heard


class CallCommands(CommandGroup):
    """List, make, end, supervise."""

    def commands(self) -> dict[str, Command]:
        return {
            "call.list": self._calls,
            "call.show": self._show,
            "call.hang_up": self._hang_up,
            "call.originate": self._originate,
            "call.supervise": self._supervise,
            "call.send_to_flow": self._send_to_flow,
        }

    def _calls(self, args: Arguments, now: float, out: list[Any]) -> list[dict[str, Any]]:
        """With `own` those of this user, who is not told of callers that withhold the number."""
        own = owner(args)
        calls = self._exchange.calls.values()
        return [describe(call, now, own) for call in calls if own is None or is_of(call, own)]

    def _show(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        """With `own` not who withholds the number, nor who supervises: whether agents know that is for
        `agent_sees` to say."""
        own = owner(args)
        told = describe_whole(call_of(self._exchange, args), now, own)
        if own is not None and told["conversation"] is not None:
            told["conversation"] = {**told["conversation"], "supervisors": []}
        return told

    def _hang_up(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        """The whole call; with `own` as if this user's phone had done it."""
        call, own = call_of(self._exchange, args), owner(args)
        if own is None:
            call.end("administrative_hang_up", "switch", now, out)
        else:
            hang_up_for(call, own, now, out)
        return {"call": call.id}

    def _send_to_flow(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        """The agent's side of a conversation waits while the other one goes through a flow."""
        call, flow, own = call_of(self._exchange, args), text_argument(args, "flow"), owner(args)
        talk = call.conversation
        parties = (talk.callee, talk.caller) if talk is not None else ()
        users = (each for each in parties if each.party.kind == "user")
        leg = next((each for each in users if own in (None, each.party.name)), None)
        if leg is None:
            message = f"there is no conversation of a user in call {call.id!r}; see call list"
            raise wrong("call", message, CONFLICT)
        try:
            send_to_flow(call, leg, flow, None, now, out)
        except NoRoute:
            hint = did_you_mean(flow, self._exchange.centre.flows)
            raise ConfigError([Problem(("flow",), f"there is no flow {flow!r}; {hint}", NOT_FOUND)]) from None
        return {"call": call.id, "flow": flow}

    def _originate(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        """args: user, number. The user's phones ring; who answers is connected with the number."""
        if owner(args) not in (None, args.get("user")):
            raise wrong("user", "is not you; calls are made for oneself alone", FORBIDDEN)
        user, number = self._reachable(args, "user", now), text_argument(args, "number")
        party = Party("user", user, user)
        try:
            if self._exchange.draining or self._exchange.route(party, number, now).kind == "feature":
                raise NoRoute("shutting_down" if self._exchange.draining else "forbidden")
        except NoRoute as no_route:
            message = f"{user} cannot call {number!r}: {REASONS[no_route.reason].text}"
            raise ConfigError([Problem(("number",), message)]) from None
        call = originate(self._exchange, user, number, to_number(number), now, out, by=by(args))
        return {"call": call.id, "user": user, "number": number}

    def _begin_to_supervise(
        self, watched: Call, heard: Heard, mode: str, args: Arguments, now: float, out: list[Any]
    ) -> dict[str, Any]:
        """The phones of the user in `as` ring; who answers supervises."""
        user = self._reachable(args, "as", now)
        if "supervise" not in self._exchange.centre.users[user].permissions:
            message = f"{user} may not; give the user the permission supervise"
            raise ConfigError([Problem(("as",), message, FORBIDDEN)])
        modes = (*MODES.values(), TAKE_OVER)
        if mode not in modes:
            raise _no_mode(mode, modes)
        if mode == TAKE_OVER and watched.conversation is None:
            message = f"{watched.id!r} is in a conference, in which nobody's place can be taken"
            raise wrong("mode", message, CONFLICT)
        leg = whom(heard, watched.id) or heard.legs[-1]
        shown, then = leg.party.agent or leg.party.number, to_supervision(watched.id, mode)
        call = originate(self._exchange, user, shown, then, now, out, by=by(args))
        return {"call": call.id, "mode": mode}

    def _reachable(self, args: Arguments, name: str, now: float) -> str:
        """A user with a registered phone."""
        user, users = text_argument(args, name), self._exchange.centre.users
        if user not in users:
            message = f"there is no user {user!r}; {did_you_mean(user, users)}"
            raise ConfigError([Problem((name,), message, NOT_FOUND)])
        if not self._exchange.registrar.contacts(user, now):
            message = f"{user} has no registered phone; see registration list"
            raise ConfigError([Problem((name,), message, CONFLICT)])
        return user

    def _supervise(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        id, mode = text_argument(args, "call"), text_argument(args, "mode")
        call = self._exchange.calls.get(id)
        heard = heard_in(call) if call is not None else None
        if args.get("as") is not None and call is not None and heard is not None:
            return self._begin_to_supervise(call, heard, mode, args, now, out)
        if call is None or not isinstance(call.activity, SupervisionActivity):
            message = f"{id!r} is no call of a supervisor; see call list"
            raise ConfigError([Problem(("call",), message, NOT_FOUND)])
        supervision = call.activity
        if mode in MODES.values():
            supervision.change(mode, out)
        elif mode in SCOPES:
            supervision.scope_to(mode, out)
        elif mode != TAKE_OVER:
            raise _no_mode(mode, (*MODES.values(), TAKE_OVER, *SCOPES))
        elif not supervision.take_over(now, out):
            raise ConfigError([Problem(("call",), f"{id!r}: {supervision.user} has no call to take over")])
        return {"call": id, "mode": mode}


def _no_mode(mode: str, allowed: Sequence[str]) -> ConfigError:
    return ConfigError([Problem(("mode",), f"{mode!r} is no mode; allowed: {', '.join(allowed)}")])
