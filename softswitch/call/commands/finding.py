"""What a command names: the call and its parts; ConfigError with what is allowed where there is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from softswitch.call.commands.group import Arguments
from softswitch.config.errors import FORBIDDEN, NOT_FOUND, ConfigError, Problem
from softswitch.directory.commands import text_argument

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.exchange import Exchange


def wrong(place: str, message: str, code: str = "") -> ConfigError:
    return ConfigError([Problem((place,), message, code)])


def call_of(exchange: Exchange, args: Arguments) -> Call:
    """The call in the argument `call`; with `own`, a user's name, only one in which this user is a party or
    rings."""
    id = text_argument(args, "call")
    call = exchange.calls.get(id)
    if call is None:
        raise wrong("call", f"there is no call {id!r}; see call list", NOT_FOUND)
    own = owner(args)
    if own is not None and not is_of(call, own):
        raise wrong("call", f"{id!r} is no call of yours", FORBIDDEN)
    return call


def owner(args: Arguments) -> str | None:
    """Whose calls alone the command may touch."""
    return None if args.get("own") is None else text_argument(args, "own")


def is_of(call: Call, user: str) -> bool:
    rings = any(leg.party.kind == "user" and leg.party.name == user for leg in call.legs.values())
    return rings or call.engages(user)


def object_argument(args: Arguments, name: str) -> dict[str, Any]:
    """An object; {} where it is left out."""
    value = args.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise wrong(name, f"{value!r:.40} is no object; give names and values")
    return value


def names_argument(args: Arguments, name: str) -> Sequence[str]:
    """A list of texts; [] where it is left out."""
    value = args.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise wrong(name, f"{value!r:.40} is no list of names")
    return value
