"""Options and words that many commands share."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from softswitch.config import Node
from softswitch.config.files import load_node

F = TypeVar("F", bound=Callable[..., Any])
CONFIG_VARIABLE = "SOFTSWITCH_CONFIG"
DEFAULT_CONFIG = "softswitch.yaml"
URL_VARIABLE = "SOFTSWITCH_URL"
KEY_VARIABLE = "SOFTSWITCH_KEY"


class UserError(click.ClickException):
    """A mistake that the user can put right: printed as it is, exit status 1."""


def example(*lines: str) -> str:
    """Epilog of a command: examples that help prints unchanged."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)


def config_option(function: F) -> F:
    return click.option(
        "-c",
        "--config",
        "config_path",
        type=click.Path(path_type=Path),
        help=f"Node settings; else ${CONFIG_VARIABLE}, else ./{DEFAULT_CONFIG}.",
    )(function)


def json_option(function: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")(function)


def by_option(function: F) -> F:
    return click.option(
        "--by", default=getpass.getuser, help="Who does it, for the records; else the user of this machine."
    )(function)


def find_config(given: Path | None) -> Path:
    """The settings file to use; UserError when there is none."""
    if given is not None:
        return given
    if named := os.environ.get(CONFIG_VARIABLE):
        return Path(named)
    if not Path(DEFAULT_CONFIG).exists():
        raise UserError(
            f"there is no {DEFAULT_CONFIG} in this directory; give -c FILE, set {CONFIG_VARIABLE},"
            " or make a first one with: softswitch init"
        )
    return Path(DEFAULT_CONFIG)


def node_of(given: Path | None) -> Node:
    """The settings of this machine; UserError for a command that only works on it and was sent elsewhere."""
    if is_remote(given):
        raise UserError(
            "this is done on the machine of the switch, not over its API; run it there,"
            f" without --url and {URL_VARIABLE}"
        )
    return load_node(find_config(given))


def is_remote(given: Path | None) -> bool:
    """Whether commands go to the API of a centre elsewhere; settings that are named mean this machine."""
    return given is None and bool(os.environ.get(URL_VARIABLE))
