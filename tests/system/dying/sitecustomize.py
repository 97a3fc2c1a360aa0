"""Python loads this in every process of a system under test that has its directory in PYTHONPATH.

The process that writes the key of a command into the journal is killed, once for each key: just before the
write for keys that begin with `dies-before`, just after it for `dies-after`.
"""

from __future__ import annotations

import os
import re
import signal
from typing import Any

DIRECTORY = os.environ.get("SOFTSWITCH_DIES_IN", "")
_KEY = re.compile(rb'"command/(dies-(before|after)[a-z0-9.-]*)"')
_write = os.write


def _first_time(key: bytes) -> bool:
    try:
        os.close(os.open(os.path.join(DIRECTORY, key.decode()), os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def _dying_write(descriptor: int, data: Any) -> int:
    found = _KEY.search(data)
    moment = found[2] if found is not None and _first_time(found[1]) else b""
    if moment == b"before":
        os.kill(os.getpid(), signal.SIGKILL)
    count = _write(descriptor, data)
    if moment == b"after":
        os.kill(os.getpid(), signal.SIGKILL)
    return count


if DIRECTORY:
    os.write = _dying_write
