"""Idempotency keys: a command that is sent again with the same key is not carried out twice.

What was asked and the reply are kept in the same write as what the command did. So whoever got no answer,
because the switch was killed or the connection lost, sends the command again, and it is either carried out
now or answered as it was then. Refused commands, and those that only read, leave nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from softswitch.call.outputs import Fact, Keep
from softswitch.config.errors import CONFLICT, SECRET_KEYS, ConfigError, Problem

MOST_KEYS: Final = 1000
MOST_CHARACTERS: Final = 8 << 20
"""Of all replies together. The oldest are forgotten first."""
HIDDEN: Final = "(hidden)"
SECRETS: Final = SECRET_KEYS | {"token"}


class Remembered(NamedTuple):
    """A command that was carried out; `asked` tells it from others without holding what it was given."""

    number: int
    command: str
    asked: str
    reply: Any
    characters: int

    def to_state(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "command": self.command,
            "asked": self.asked,
            "reply": self.reply,
            "characters": self.characters,
        }


class IdempotencyKeys:
    """The latest commands that were carried out, by key, in their order.

    `secret` goes into what is kept of arguments: a password or a PIN cannot be found by trying.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._remembered: OrderedDict[str, Remembered] = OrderedDict()
        self._characters = 0
        self._count = 0

    def once(
        self, key: str, command: str, args: dict[str, Any], carry_out: Callable[[], Any], out: list[Any]
    ) -> Any:
        """The reply of `carry_out`, or the one that was given under `key` before.

        ConfigError when the key was used for something else. An empty key is none, and a reply that must be
        awaited is remembered by whoever awaits it.
        """
        former = self.former(key, command, args)
        if former is not None:
            return former.reply
        reply = carry_out()
        if not hasattr(reply, "__await__"):
            self.remember(key, command, args, reply, out)
        return reply

    def former(self, key: str, command: str, args: dict[str, Any]) -> Remembered | None:
        """What was carried out under `key`; ConfigError when that was something else."""
        known = self._remembered.get(key)
        if known is not None and known.asked != self._asked(command, args):
            what = f"another {command}" if known.command == command else known.command
            message = f"the key {key!r} was used for {what}; take a new one for each command"
            raise ConfigError([Problem((), message, CONFLICT)])
        return known

    def remember(self, key: str, command: str, args: dict[str, Any], reply: Any, out: list[Any]) -> None:
        """The command has been carried out."""
        if not key:
            return
        text = json.dumps(reply, default=str)
        self._count += 1
        told = _without_secrets(json.loads(text))
        remembered = Remembered(self._count, command, self._asked(command, args), told, len(text))
        self._put(key, remembered)
        by = str(args.get("by") or "command")[:64]
        out.append(Fact("command_done", {"key": key, "command": command, "by": by}))
        out.append(Keep(f"command/{key}", remembered))
        while len(self._remembered) > MOST_KEYS or (
            self._characters > MOST_CHARACTERS and len(self._remembered) > 1
        ):
            self._forget(next(iter(self._remembered)), out)

    def forget(self, of: Callable[[Any], bool], out: list[Any]) -> None:
        """Remember nothing any more whose key or reply this is true of, such as a number that is erased."""
        for key in [key for key, each in self._remembered.items() if of([key, each.reply])]:
            self._forget(key, out)

    def restore(self, key: str, state: dict[str, Any]) -> None:
        """Those that a former process kept, by their numbers in ascending order."""
        self._put(key, Remembered(**state))
        self._count = max(self._count, state["number"])

    def to_state(self) -> dict[str, dict[str, Any]]:
        """What is kept, by key."""
        return {key: each.to_state() for key, each in self._remembered.items()}

    def _put(self, key: str, remembered: Remembered) -> None:
        self._remembered[key] = remembered
        self._characters += remembered.characters

    def _forget(self, key: str, out: list[Any]) -> None:
        self._characters -= self._remembered.pop(key).characters
        out.append(Keep(f"command/{key}", None))

    def _asked(self, command: str, args: dict[str, Any]) -> str:
        text = json.dumps([command, args], sort_keys=True, default=str)
        return hmac.digest(self._secret, b"idempotency key " + text.encode(), hashlib.sha256).hex()[:32]


def _without_secrets(value: Any) -> Any:
    """What would be a secret in the journal is shown once."""
    if isinstance(value, dict):
        return {
            key: HIDDEN if key in SECRETS and each is not None else _without_secrets(each)
            for key, each in value.items()
        }
    return [_without_secrets(each) for each in value] if isinstance(value, list) else value
