"""Users who cannot sign in: passwords are stored hashed with the realm."""

from __future__ import annotations

from collections.abc import Iterator

from softswitch.check.finding import Finding, error
from softswitch.config import Centre, Node

MOST_NAMED = 10


def check_users(node: Node, centre: Centre) -> Iterator[Finding]:
    """An error where sip.realm is no longer the one that passwords were stored for."""
    names = [user.name for user in centre.users.values() if user.ha1 and user.realm != node.sip.realm]
    if names:
        more = f" and {len(names) - MOST_NAMED} others" if len(names) > MOST_NAMED else ""
        yield error(
            "passwords of users",
            f"{', '.join(names[:MOST_NAMED])}{more} cannot sign in: sip.realm is now {node.sip.realm!r}",
            "give their passwords again (softswitch user set, or apply), or take back the realm",
        )
