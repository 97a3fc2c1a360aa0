"""The command line steering a centre elsewhere, over its API."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from softswitch.cli.options import KEY_VARIABLE, URL_VARIABLE, UserError
from softswitch.config.errors import Problem as Mistake
from softswitch.control import CommandError

if TYPE_CHECKING:
    from softswitch.client import Client

T = TypeVar("T")


def client() -> Client:
    """For the centre at --url. UserError without a key."""
    # Loaded here: whoever steers the switch of this machine does without HTTP.
    from softswitch.client import Client

    key = os.environ.get(KEY_VARIABLE, "")
    if not key:
        raise UserError(
            f"there is no key for {os.environ[URL_VARIABLE]}; set {KEY_VARIABLE} to one of its API keys"
        )
    return Client(os.environ[URL_VARIABLE], key)


def command(command: str, args: Mapping[str, Any]) -> Any:
    """Result of a command. CommandError says why it was refused, UserError why it cannot be sent."""
    return _ask(lambda centre: centre.command(command, args))


def rows(path: str, most: int | None = None, **query: Any) -> list[dict[str, Any]]:
    """The rows of a list of the API."""
    return _ask(lambda centre: list(centre.transport.rows(path, most=most, **query)))


def get(path: str, **query: Any) -> Any:
    """What the API tells. Raises as `command`."""
    return _ask(lambda centre: centre.transport.get(path, **query))


def _ask(question: Callable[[Client], T]) -> T:
    from softswitch.client import NotOverApi, Problem, Unreachable

    try:
        with client() as centre:
            return question(centre)
    except Problem as problem:
        mistakes = [Mistake(_path(each.pointer), each.message) for each in problem.problems]
        raise CommandError(problem.detail, problem.hint, mistakes) from None
    except (NotOverApi, Unreachable) as error:
        raise UserError(str(error)) from None


def _path(pointer: str) -> tuple[str | int, ...]:
    """Keys and list places of a JSON pointer (RFC 6901); a key of digits alone is taken for a place."""
    parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    return tuple(int(part) if part.isdigit() else part for part in parts)
