"""What the command line and other programs ask of a running switch, beside its configuration."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from softswitch.acd import events as acd
from softswitch.acd.roster import LONGEST_WRAP_UP_S
from softswitch.call.explain import explain
from softswitch.call.mailboxes import MOST
from softswitch.call.outputs import Fact
from softswitch.call.recording_control import NotRecorded, control
from softswitch.call.supervision import MODES, SupervisionActivity
from softswitch.config.errors import ConfigError, Problem, did_you_mean
from softswitch.directory.commands import text_argument

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.exchange import Exchange

Arguments = dict[str, Any]
RECORDING_NOTES = (
    "recording_erased",
    "recording_exported",
    "recording_played",
    "recording_held",
    "recording_released",
    "recording_classified",
)
RECORDING_ACTIONS = ("start", "pause", "resume", "segment")


class SwitchCommands:
    """`handle(command, args, now, out)` gives the answer; ConfigError with what is wrong and allowed."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._commands: dict[str, Callable[[Arguments, float, list[Any]], Any]] = {
            "status": self._status,
            "call.list": self._calls,
            "call.hang_up": self._hang_up,
            "call.supervise": self._supervise,
            "registration.list": self._registrations,
            "route.explain": self._explain,
            "ban.list": self._bans,
            "ban.remove": self._lift_ban,
            "agent.sign_in": self._sign_in,
            "agent.sign_out": self._sign_out,
            "agent.status": self._agent_status,
            "agent.wrap_up": self._wrap_up,
            **{f"recording.{action}": partial(self._recording, action) for action in RECORDING_ACTIONS},
            "recording.note": self._note,
            "queue.close": self._close_queue,
            "queue.open": self._open_queue,
            "mailbox.set": self._set_mailbox,
            "mailbox.list": self._mailboxes,
        }

    def knows(self, command: str) -> bool:
        return command in self._commands

    def handle(self, command: str, args: Arguments, now: float, out: list[Any]) -> Any:
        return self._commands[command](args, now, out)

    def _status(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        exchange = self._exchange
        return {
            "node": exchange.node.name,
            "draining": exchange.draining,
            "calls": len(exchange.calls),
            "talking": sum(call.conversation is not None for call in exchange.calls.values()),
            "recording": len(exchange.recordings),
            "registered": len(exchange.registrar.users()),
            "media": [worker.describe() for worker in exchange.media.workers],
            "alarms": [*exchange.alarms],
            "overload": exchange.overload.describe(),
            "trunks": exchange.trunks.snapshot(),
            **exchange.acd.snapshot(now),
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

    def _supervise(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        id, mode = text_argument(args, "call"), text_argument(args, "mode")
        call = self._exchange.calls.get(id)
        if call is None or not isinstance(call.activity, SupervisionActivity):
            raise ConfigError([Problem(("call",), f"{id!r} is no call of a supervisor; see call list")])
        if mode not in MODES.values():
            allowed = ", ".join(MODES.values())
            raise ConfigError([Problem(("mode",), f"{mode!r} is no mode; allowed: {allowed}")])
        call.activity.change(mode, out)
        return {"call": id, "mode": mode}

    def _recording(self, action: str, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        id = text_argument(args, "call")
        call = self._exchange.calls.get(id)
        if call is None or call.conversation is None:
            raise ConfigError([Problem(("call",), f"there is no conversation in call {id!r}; see call list")])
        try:
            recording = control(call.conversation, action, str(args.get("by") or "command"), now, out)
        except NotRecorded as error:
            raise ConfigError([Problem(("call",), str(error))]) from None
        return {"call": id, "recording": recording}

    def _note(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        """What was done with a finished recording, for the journal."""
        type, recording = text_argument(args, "type"), text_argument(args, "recording")
        if type not in RECORDING_NOTES:
            raise ConfigError([Problem(("type",), f"{type!r}; allowed: {', '.join(RECORDING_NOTES)}")])
        out.append(Fact(type, {key: str(args[key]) for key in args if key != "type"}))
        return {"recording": recording}

    def _registrations(self, args: Arguments, now: float, out: list[Any]) -> list[dict[str, Any]]:
        return [
            {
                "user": user,
                "contact": binding.uri,
                "transport": binding.sip_flow.transport,
                "address": "{}:{}".format(*binding.sip_flow.remote),
                "expires_s": round(binding.expires_at - now),
                "ping_ms": self._exchange.qualifying.round_trip_ms(user, binding.uri),
            }
            for user, bindings in sorted(self._exchange.registrar.users().items())
            for binding in bindings
        ]

    def _explain(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        return explain(self._exchange.plan, args, self._exchange.utc(now))

    def _bans(self, args: Arguments, now: float, out: list[Any]) -> list[dict[str, Any]]:
        return self._exchange.bans.listing(now)

    def _lift_ban(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        address = text_argument(args, "address")
        if not self._exchange.bans.lift(address, "command", out):
            raise ConfigError([Problem(("address",), f"{address!r} is not banned; see ban list")])
        return {"address": address}

    def _set_mailbox(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        exchange, user = self._exchange, text_argument(args, "user")
        users = exchange.centre.users
        if user not in users:
            raise ConfigError([Problem(("user",), f"there is no user {user!r}; {did_you_mean(user, users)}")])
        new, old = (_count(args, name) for name in ("new", "old"))
        exchange.mailboxes.set(user, new, old, out)
        return {"user": user, "new": new, "old": old}

    def _mailboxes(self, args: Arguments, now: float, out: list[Any]) -> list[dict[str, Any]]:
        return [
            {"user": user, "new": counts.new, "old": counts.old}
            for user, counts in sorted(self._exchange.mailboxes.all().items())
        ]

    def _sign_in(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        return self._tell(args, lambda name: acd.AgentSignedIn(name, _by(args)), now, out)

    def _sign_out(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        reason = str(args.get("reason") or "signed_out")
        return self._tell(args, lambda name: acd.AgentSignedOut(name, reason, _by(args)), now, out)

    def _agent_status(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        status = text_argument(args, "status")
        if status not in ("available", "not_available", "on_break"):
            allowed = "available, not_available, on_break"
            raise ConfigError([Problem(("status",), f"{status!r} is no status; allowed: {allowed}")])
        reason = str(args.get("reason") or "")
        reasons = self._exchange.centre.statuses.break_reasons
        if status == "on_break" and reason and reason not in reasons:
            message = f"{reason!r} is no reason of statuses.break_reasons; {did_you_mean(reason, reasons)}"
            raise ConfigError([Problem(("reason",), message)])
        return self._tell(args, lambda name: acd.AgentStatusSet(name, status, reason, _by(args)), now, out)  # type: ignore[arg-type]

    def _close_queue(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        reason = str(args.get("reason") or "")[:64]
        return self._tell_queue(args, lambda name: acd.QueueClosed(name, reason, _by(args)), now, out)

    def _open_queue(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        return self._tell_queue(args, lambda name: acd.QueueOpened(name, _by(args)), now, out)

    def _tell_queue(
        self, args: Arguments, event: Callable[[str], acd.Event], now: float, out: list[Any]
    ) -> dict[str, Any]:
        name = text_argument(args, "name")
        queues = self._exchange.centre.queues
        if name not in queues:
            raise ConfigError(
                [Problem(("name",), f"there is no queue {name!r}; {did_you_mean(name, queues)}")]
            )
        self._exchange.acd_event(event(name), now, out)
        row: dict[str, Any] = self._exchange.acd.snapshot(now)["queues"][name]
        return {"queue": name, **row}

    def _wrap_up(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        seconds = args.get("extend_s")
        if seconds is None:
            return self._tell(args, acd.WrapUpEnded, now, out)
        if not isinstance(seconds, int | float) or not 0 < seconds <= LONGEST_WRAP_UP_S:
            message = f"{seconds!r} is no time; allowed: up to {LONGEST_WRAP_UP_S:.0f} s"
            raise ConfigError([Problem(("extend_s",), message)])
        return self._tell(args, lambda name: acd.WrapUpExtended(name, seconds), now, out)

    def _tell(
        self, args: Arguments, event: Callable[[str], acd.Event], now: float, out: list[Any]
    ) -> dict[str, Any]:
        """Pass an event of this agent on and answer with what the agent is now."""
        name = text_argument(args, "name")
        agents = self._exchange.centre.agents
        if name not in agents:
            raise ConfigError(
                [Problem(("name",), f"there is no agent {name!r}; {did_you_mean(name, agents)}")]
            )
        self._exchange.acd_event(event(name), now, out)
        row: dict[str, Any] = self._exchange.acd.snapshot(now)["agents"][name]
        return {"agent": name, **row}


def _by(args: Arguments) -> str:
    """Who gives the command, as the facts say it."""
    return str(args.get("by") or "command")[:64]


def _count(args: Arguments, name: str) -> int:
    value = args.get(name, 0)
    if type(value) is not int or not 0 <= value <= MOST:
        raise ConfigError([Problem((name,), f"{value!r} is no number of messages; allowed: 0 to {MOST}")])
    return value


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
