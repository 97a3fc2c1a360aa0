"""What is done with recordings from the command line, put on record: by the switch, or in its journal."""

from __future__ import annotations

import getpass
import secrets
from collections.abc import Callable
from typing import Any

from softswitch.cli.options import UserError
from softswitch.config import Node
from softswitch.control import ControlClient, NotRunning
from softswitch.store.journal import Journal


def who() -> str:
    """The user of this machine who does it."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def teller(node: Node) -> Callable[[str, dict[str, Any]], None]:
    """What makes facts of (type, data) about recordings, as `note` does."""

    def tell(type: str, data: dict[str, Any]) -> None:
        note(node, type, **data)

    return tell


def note(node: Node, type: str, recording: str, **data: str) -> None:
    """Makes a fact of it. UserError where that cannot be, CommandError, StoreLocked."""
    told = {"recording": recording, **data}
    try:
        with ControlClient(node.control_path) as switch:
            switch.call("recording.note", {"type": type, **told}, key=secrets.token_hex(8))
        return
    except NotRunning:
        pass
    journal = Journal(node.state_dir, node=node.name)
    try:
        journal.append([{"type": type, "data": told}])
        if journal.pending_bytes:
            raise UserError(f"nothing could be written to {node.state_dir}; make room on the disk and repeat")
    finally:
        journal.close()
