"""Headers that pass through a call from one leg to the others, by the policy of each trunk.

Nothing passes from outside but what the trunk's `pass_headers` name; the headers that make up a dialog, its
routing and who we are never do, whatever a policy says.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from softswitch.config.header_names import EVERY, LONGEST_VALUE, OWN

if TYPE_CHECKING:
    from softswitch.config import Trunk
    from softswitch.sip.message import Message

MOST_HEADERS = 16
LONGEST_NAME = 64
OF_USERS = frozenset(("user-to-user",))
"""What passes from our own users (RFC 7433)."""

Headers = tuple[tuple[str, str], ...]


def brought(message: Message, trunk: Trunk | None) -> Headers:
    """Names and values of an INVITE that may go on to other legs; `trunk` is None for a user's.

    What is too long, or has a character that no header should have, is left out.
    """
    if trunk is None and "User-to-User" not in message:
        return ()
    found: list[tuple[str, str]] = []
    for name, value in message.items():
        if len(found) < MOST_HEADERS and _passes(name, trunk) and _is_sound(name, value):
            found.append((name, value))
    return tuple(found)


def lines_for(trunk: Trunk | None, headers: Headers) -> str:
    """The header lines of an INVITE to this trunk, or to a user (None)."""
    if trunk is None:
        return _lines(headers)
    own = [_named(line) for line in trunk.set_headers]
    replaced = {name.lower() for name, _ in own}
    passing = [each for each in headers if each[0].lower() not in replaced and _passes(each[0], trunk)]
    return _lines([*passing, *own])


def _lines(headers: Iterable[tuple[str, str]]) -> str:
    return "".join([f"{name}: {value}\r\n" for name, value in headers])


def _named(line: str) -> tuple[str, str]:
    name, _, value = line.partition(": ")
    return name, value


def _passes(name: str, trunk: Trunk | None) -> bool:
    wanted = name.lower()
    if wanted in OWN:
        return False
    if trunk is None:
        return wanted in OF_USERS
    return _names(wanted, trunk.pass_headers) and not _names(wanted, trunk.strip_headers)


def _names(wanted: str, names: Iterable[str]) -> bool:
    return any(name in (EVERY, wanted) or name.lower() == wanted for name in names)


def _is_sound(name: str, value: str) -> bool:
    """A line break, NUL or other control character would be read differently by the next element."""
    return (
        2 <= len(name) <= LONGEST_NAME
        and value != ""
        and value.isprintable()
        and len(value.encode()) <= LONGEST_VALUE
    )
