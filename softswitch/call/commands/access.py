"""Commands for the process that serves the API."""

from __future__ import annotations

from typing import Any

from softswitch.call.commands.group import Arguments, Command, CommandGroup
from softswitch.config.errors import ConfigError, Problem
from softswitch.directory.commands import text_argument

LONGEST = 128
"""Of a name, a password, an address: as in the configuration."""


class AccessCommands(CommandGroup):
    """The keys of the API, with their hashes, and signing in."""

    def commands(self) -> dict[str, Command]:
        access = self._exchange.access
        return {
            "api.keys": lambda args, now, out: access.keys(),
            "api.users.list": lambda args, now, out: access.users(),
            "api.login": self._login,
        }

    def _login(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        """args: user, password, and `address` of who signs in, for the record."""
        user, password = _short(args, "user"), _short(args, "password")
        address = _short(args, "address") if args.get("address") else ""
        return self._exchange.access.login(user, password, address, now, out)


def _short(args: Arguments, name: str) -> str:
    text = text_argument(args, name)
    if len(text) > LONGEST:
        raise ConfigError([Problem((name,), f"is too long; allowed: {LONGEST} characters")])
    return text
