"""Commands about phones, numbers, addresses and mailboxes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from softswitch.call.commands.group import Arguments, Command, CommandGroup, by
from softswitch.call.explain import explain
from softswitch.call.mailboxes import MOST
from softswitch.config.errors import NOT_FOUND, ConfigError, Problem, did_you_mean
from softswitch.directory.commands import text_argument
from softswitch.ivr.kinds.python import PREFIX


class DirectoryCommands(CommandGroup):
    """Who is registered, where a number leads, who is banned, what waits in a mailbox."""

    def commands(self) -> dict[str, Command]:
        return {
            "registration.list": self._registrations,
            "route.explain": self._explain,
            "ban.list": self._bans,
            "ban.remove": self._lift_ban,
            "mailbox.set": self._set_mailbox,
            "mailbox.list": self._mailboxes,
            "flow.history": self._flow_history,
            "message.list": self._messages,
            "message.remove": self._remove_message,
        }

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
        if not self._exchange.bans.lift(address, by(args), out):
            raise ConfigError([Problem(("address",), f"{address!r} is not banned; see ban list", NOT_FOUND)])
        return {"address": address}

    def _set_mailbox(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        exchange, user = self._exchange, text_argument(args, "user")
        users = exchange.centre.users
        if user not in users:
            message = f"there is no user {user!r}; {did_you_mean(user, users)}"
            raise ConfigError([Problem(("user",), message, NOT_FOUND)])
        new, old = (_count(args, name) for name in ("new", "old"))
        exchange.mailboxes.set(user, new, old, out)
        return {"user": user, "new": new, "old": old}

    def _flow_history(self, args: Arguments, now: float, out: list[Any]) -> list[dict[str, Any]]:
        """The versions of the flow `name`, the newest first; without it the newest of every flow."""
        flows, name = self._exchange.flows, args.get("name")
        if name is not None:
            return flows.history(text_argument(args, "name"))
        names = [*self._exchange.centre.flows, *(PREFIX + each for each in flows.programs)]
        return [{"flow": each, **found[0]} for each in names if (found := flows.history(each))]

    def _mailboxes(self, args: Arguments, now: float, out: list[Any]) -> list[dict[str, Any]]:
        return [
            {"user": user, "new": counts.new, "old": counts.old}
            for user, counts in sorted(self._exchange.mailboxes.all().items())
        ]

    def _messages(self, args: Arguments, now: float, out: list[Any]) -> list[dict[str, Any]]:
        store, wanted = self._exchange.voicemail, args.get("mailbox")
        names = sorted(self._exchange.centre.voicemail)
        if wanted is not None and wanted not in names:
            hint = did_you_mean(str(wanted), names)
            raise ConfigError([Problem(("mailbox",), f"there is no mailbox {wanted!r}; {hint}", NOT_FOUND)])
        return [asdict(each) for name in names if wanted in (None, name) for each in store.messages(name)]

    def _remove_message(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        id = text_argument(args, "message")
        message = self._exchange.voicemail.find(id)
        if message is None:
            said = f"there is no message {id!r}; see voicemail messages"
            raise ConfigError([Problem(("message",), said, NOT_FOUND)])
        self._exchange.voicemail.delete(message, by(args), out)
        return {"message": id}


def _count(args: Arguments, name: str) -> int:
    value = args.get(name, 0)
    if type(value) is not int or not 0 <= value <= MOST:
        raise ConfigError([Problem((name,), f"{value!r} is no number of messages; allowed: 0 to {MOST}")])
    return value
