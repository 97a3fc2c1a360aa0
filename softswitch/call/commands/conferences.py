"""Commands about conferences."""

from __future__ import annotations

from typing import Any

from softswitch.call.commands.finding import call_of, owner
from softswitch.call.commands.group import Arguments, Command, CommandGroup, by
from softswitch.call.conference_activity import second_conversation, three_way
from softswitch.config.errors import CONFLICT, NOT_FOUND, ConfigError, Problem
from softswitch.directory.commands import text_argument


class ConferenceCommands(CommandGroup):
    """Who is in, muting, making a call of two one of three."""

    def commands(self) -> dict[str, Command]:
        return {
            "conference.show": self._show,
            "conference.mute": self._mute,
            "call.conference": self._three_way,
        }

    def _show(self, args: Arguments, now: float, out: list[Any]) -> list[dict[str, Any]]:
        return [
            {
                "conference": conference.id,
                "leg": leg,
                "call": member.leg.call.id,
                "party": member.leg.party.agent or member.leg.party.name or member.leg.party.number,
                "muted": member.muted,
                "for_s": round(now - member.joined, 1),
            }
            for conference in self._exchange.conferences.all()
            for leg, member in conference.members.items()
        ]

    def _mute(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        """args: leg, muted (true)."""
        leg, muted = text_argument(args, "leg"), args.get("muted", True)
        if not isinstance(muted, bool):
            raise ConfigError([Problem(("muted",), f"{muted!r} says neither; allowed: true, false")])
        found = [each for each in self._exchange.conferences.all() if leg in each.members]
        if not found:
            message = f"{leg!r} is in no conference; see conference show"
            raise ConfigError([Problem(("leg",), message, NOT_FOUND)])
        found[0].mute(leg, muted, by(args), out)
        found[0].members[leg].leg.call.keep(out)
        return {"leg": leg, "muted": muted}

    def _three_way(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        """args: call, the conversation of a user who has put another one on hold."""
        call, own = call_of(self._exchange, args), owner(args)
        talk = call.conversation
        mine = None if own is None else f"user:{own}"
        legs = [leg for leg in talk.legs if mine in (None, leg.party.source)] if talk is not None else []
        for leg in legs:
            second = second_conversation(self._exchange, talk, leg) if talk is not None else None
            if second is not None:
                three_way(leg, second, now, out)
                return {"call": call.id, "conference": call.id}
        message = f"{call.id!r} is no conversation of a user who has a second one; see call list"
        raise ConfigError([Problem(("call",), message, CONFLICT)])
