"""Commands about calls that are under way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from softswitch.call.commands.group import Arguments, Command, CommandGroup
from softswitch.call.excursion import send_to_flow
from softswitch.call.routing import NoRoute
from softswitch.call.supervision import MODES, SCOPES, TAKE_OVER, SupervisionActivity
from softswitch.config.errors import ConfigError, Problem, did_you_mean
from softswitch.directory.commands import text_argument

if TYPE_CHECKING:
    from softswitch.call.call import Call


class CallCommands(CommandGroup):
    """List, end, supervise."""

    def commands(self) -> dict[str, Command]:
        return {
            "call.list": self._calls,
            "call.hang_up": self._hang_up,
            "call.supervise": self._supervise,
            "call.send_to_flow": self._send_to_flow,
        }

    def _calls(self, args: Arguments, now: float, out: list[Any]) -> list[dict[str, Any]]:
        return [describe(call, now) for call in self._exchange.calls.values()]

    def _hang_up(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        id = text_argument(args, "call")
        call = self._exchange.calls.get(id)
        if call is None:
            raise ConfigError([Problem(("call",), f"there is no call {id!r}; see call list")])
        call.end("administrative_hang_up", "switch", now, out)
        return {"call": id}

    def _send_to_flow(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        """The agent's side of a conversation waits while the other one goes through a flow."""
        id, flow = text_argument(args, "call"), text_argument(args, "flow")
        call = self._exchange.calls.get(id)
        conversation = call.conversation if call is not None else None
        legs = (conversation.callee, conversation.caller) if conversation is not None else ()
        leg = next((each for each in legs if each.party.kind == "user"), None)
        if call is None or leg is None:
            message = f"there is no conversation of a user in call {id!r}; see call list"
            raise ConfigError([Problem(("call",), message)])
        try:
            send_to_flow(call, leg, flow, None, now, out)
        except NoRoute:
            hint = did_you_mean(flow, self._exchange.centre.flows)
            raise ConfigError([Problem(("flow",), f"there is no flow {flow!r}; {hint}")]) from None
        return {"call": id, "flow": flow}

    def _supervise(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        id, mode = text_argument(args, "call"), text_argument(args, "mode")
        call = self._exchange.calls.get(id)
        if call is None or not isinstance(call.activity, SupervisionActivity):
            raise ConfigError([Problem(("call",), f"{id!r} is no call of a supervisor; see call list")])
        supervision = call.activity
        if mode in MODES.values():
            supervision.change(mode, out)
        elif mode in SCOPES:
            supervision.scope_to(mode, out)
        elif mode != TAKE_OVER:
            allowed = ", ".join((*MODES.values(), TAKE_OVER, *SCOPES))
            raise ConfigError([Problem(("mode",), f"{mode!r} is no mode; allowed: {allowed}")])
        elif not supervision.take_over(now, out):
            raise ConfigError([Problem(("call",), f"{id!r}: {supervision.user} has no call to take over")])
        return {"call": id, "mode": mode}


def describe(call: Call, now: float) -> dict[str, Any]:
    """One line of `call list`."""
    if call.conversation is not None:
        state = "talking"
    elif call.activity is None:
        state = "ending"
    else:
        state = call.activity.kind if call.waiting is None else "waiting"
    return {
        "call": call.id,
        "from": call.caller.number,
        "to": call.dialled,
        "state": state,
        "queue": call.queue,
        "agent": call.agent,
        "for_s": round(now - call.started, 1),
    }
