"""Commands about agents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from softswitch.acd import events as acd
from softswitch.acd.agent import NUMBER_SEAT, USER_SEAT
from softswitch.acd.roster import LONGEST_WRAP_UP_S
from softswitch.call.commands.group import Arguments, Command, CommandGroup, by
from softswitch.config.errors import NOT_FOUND, ConfigError, Problem, did_you_mean
from softswitch.directory.commands import text_argument


class AgentCommands(CommandGroup):
    """Sign in and out, status, wrap-up: for the agent, or by a supervisor."""

    def commands(self) -> dict[str, Command]:
        return {
            "agent.sign_in": self._sign_in,
            "agent.sign_out": self._sign_out,
            "agent.status": self._agent_status,
            "agent.wrap_up": self._wrap_up,
        }

    def _sign_in(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        name, at = self._named(args), str(args.get("at") or "")
        self._exchange.seats.sign_in(name, self._seat(name, at) if at else "", by(args), now, out)
        return self._row(name, now)

    def _seat(self, name: str, at: str) -> str:
        """The seat at a user's phones, or at one of the agent's numbers outside."""
        centre, read = self._exchange.centre, self._exchange.plan.numbering.normalised
        outside = centre.agents[name].outside_numbers
        if at in centre.users:
            return USER_SEAT + at
        if (read(at) or at) in [read(each) or each for each in outside]:
            return NUMBER_SEAT + at
        message = f"{at!r} is neither a user nor one of the agent's outside_numbers"
        raise ConfigError([Problem(("at",), f"{message}; {did_you_mean(at, [*centre.users, *outside])}")])

    def _sign_out(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        reason = str(args.get("reason") or "signed_out")
        return self._tell(args, lambda name: acd.AgentSignedOut(name, reason, by(args)), now, out)

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
        return self._tell(args, lambda name: acd.AgentStatusSet(name, status, reason, by(args)), now, out)  # type: ignore[arg-type]

    def _wrap_up(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        seconds = args.get("extend_s")
        if seconds is None:
            return self._tell(args, lambda name: acd.WrapUpEnded(name, by(args)), now, out)
        if not isinstance(seconds, int | float) or not 0 < seconds <= LONGEST_WRAP_UP_S:
            message = f"{seconds!r} is no time; allowed: up to {LONGEST_WRAP_UP_S:.0f} s"
            raise ConfigError([Problem(("extend_s",), message)])
        return self._tell(args, lambda name: acd.WrapUpExtended(name, seconds, by(args)), now, out)

    def _tell(
        self, args: Arguments, event: Callable[[str], acd.Event], now: float, out: list[Any]
    ) -> dict[str, Any]:
        """Pass an event of this agent on and answer with what the agent is now."""
        name = self._named(args)
        self._exchange.acd_event(event(name), now, out)
        return self._row(name, now)

    def _named(self, args: Arguments) -> str:
        name = text_argument(args, "name")
        agents = self._exchange.centre.agents
        if name not in agents:
            raise ConfigError(
                [Problem(("name",), f"there is no agent {name!r}; {did_you_mean(name, agents)}", NOT_FOUND)]
            )
        return name

    def _row(self, name: str, now: float) -> dict[str, Any]:
        row: dict[str, Any] = self._exchange.acd.snapshot(now)["agents"][name]
        return {"agent": name, **row}
