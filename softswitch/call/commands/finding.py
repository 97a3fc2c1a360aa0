"""What a command names: the call and its parts; ConfigError with what is allowed where there is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from softswitch.call.commands.group import Arguments
from softswitch.call.conference_activity import ConferenceActivity
from softswitch.call.dial_activity import DialActivity
from softswitch.call.flow_activity import FlowActivity
from softswitch.config.errors import CONFLICT, FORBIDDEN, NOT_FOUND, ConfigError, Problem
from softswitch.directory.commands import text_argument

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.conversation import Conversation
    from softswitch.call.exchange import Exchange
    from softswitch.call.leg import Leg


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


def user_meant(args: Arguments) -> str | None:
    """The user in `user` or `own`."""
    own, user = owner(args), None if args.get("user") is None else text_argument(args, "user")
    if own is not None and user not in (None, own):
        raise wrong("user", f"{user!r} is not you", FORBIDDEN)
    return own or user


def is_of(call: Call, user: str) -> bool:
    rings = any(leg.party.kind == "user" and leg.party.name == user for leg in call.legs.values())
    return rings or call.engages(user)


def text_or(args: Arguments, name: str, otherwise: str) -> str:
    """A text, or that one where it is left out."""
    return otherwise if args.get(name) is None else text_argument(args, name)


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


def talking_leg(call: Call, args: Arguments, *, conference: bool = False) -> Leg:
    """Whose part in the conversation is meant: `leg`, or that of the user in `user` or `own`; without either
    that of the only user. With `conference` one in a conference will do."""
    talking = _talking(call, conference)
    if not talking:
        raise wrong("call", f"nobody talks in call {call.id!r}; see call show", CONFLICT)
    user = user_meant(args)
    if args.get("leg") is not None:
        return _leg_named(text_argument(args, "leg"), talking, user)
    found = [leg for leg in talking if leg.party.kind == "user" and leg.party.name == user]
    if user is None:
        found = [leg for leg in talking if leg.party.kind == "user"]
        if len(found) > 1:
            names = ", ".join(leg.party.name for leg in found)
            raise wrong("user", f"is missing, and several users talk; allowed: {names}")
    if not found:
        message = f"{user} does not talk in call {call.id!r}" if user else "no user talks in it; give a leg"
        raise wrong("user" if args.get("user") else "call", f"{message}; see call show", CONFLICT)
    return found[0]


def _talking(call: Call, conference: bool) -> list[Leg]:
    if call.conversation is not None:
        return [*call.conversation.legs]
    if conference and isinstance(call.activity, ConferenceActivity):
        return call.activity.legs
    return []


def _leg_named(id: str, talking: Sequence[Leg], user: str | None) -> Leg:
    known = [leg for leg in talking if user is None or (leg.party.kind, leg.party.name) == ("user", user)]
    found = [leg for leg in known if leg.id == id]
    if not found:
        raise wrong("leg", f"{id!r} is not one; allowed: {', '.join(leg.id for leg in known) or 'none'}")
    return found[0]


def leg_of_user(call: Call, user: str) -> Leg | None:
    """Of a user who talks in the call, or has called and is on the way to somebody."""
    on_the_way = isinstance(call.activity, DialActivity | FlowActivity)
    legs = _talking(call, False) or ([call.inbound] if on_the_way else [])
    of_user = [leg for leg in legs if leg.party.kind == "user" and leg.party.name == user]
    return next((leg for leg in of_user if leg.state == "answered"), None)


def sides(talk: Conversation, to: str, own: str | None) -> list[Leg]:
    """The legs that `to` names: agent (the side of the agent, else of a user, the called one before the
    calling one), caller (the other side), both, or a leg."""
    users = [leg for leg in (talk.callee, talk.caller) if leg.party.kind == "user"]
    agents = [leg for leg in talk.legs if leg.party.agent is not None]
    agent = next(iter((*agents, *users)), talk.callee)
    if own is not None:
        agent = next((leg for leg in users if leg.party.name == own), agent)
    named = {"agent": [agent], "caller": [talk.other(agent)], "both": [*talk.legs]}
    found = named.get(to) or [leg for leg in talk.legs if leg.id == to]
    if not found:
        allowed = ", ".join((*named, *(leg.id for leg in talk.legs)))
        raise wrong("to", f"{to!r} is nobody who talks; allowed: {allowed}")
    return found
