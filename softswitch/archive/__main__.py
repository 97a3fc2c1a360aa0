"""One round of upkeep, started by the recorder every now and then, at the lowest priority there is."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import logging
import os
import sys
import time
from pathlib import Path
from typing import Any

from softswitch import logs
from softswitch.archive.folder import Archive, NoRecording
from softswitch.archive.upkeep import Upkeep
from softswitch.control import CommandError, ControlClient, NotRunning

COMMAND = "recording.note"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="softswitch.archive", description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="directory of the recordings")
    parser.add_argument("--control", type=Path, required=True, help="socket of the switch, for facts")
    parser.add_argument("--compress", default="none", help="none, flac or opus")
    parser.add_argument("--retention", default="", help="class=days,…")
    options = parser.parse_args(arguments)
    logs.configure("archive")
    _lowest_priority()
    pairs = (pair.split("=") for pair in options.retention.split(",") if pair)
    retention = {name: int(days) for name, days in pairs}

    def tell(type: str, data: dict[str, Any]) -> None:
        try:
            with ControlClient(options.control) as switch:
                switch.call(COMMAND, {"type": type, **data})
        except (NotRunning, CommandError) as error:
            raise OSError(f"{type} could not be put on record: {error}") from None

    try:
        lock = os.open(options.root / ".upkeep.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        Upkeep(Archive(options.root), options.compress, retention, tell).round(time.time())
    except BlockingIOError:
        return 0  # another round is under way
    except (OSError, NoRecording) as error:
        logging.getLogger(__name__).error("%s", error)
        return 1
    return 0


def _lowest_priority() -> None:
    os.nice(19)
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


if __name__ == "__main__":
    sys.exit(main())
