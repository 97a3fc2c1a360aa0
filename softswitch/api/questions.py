"""Questions that are answered by a process of low priority.

`python -m softswitch.api.questions` reads `{"question": NAME, "args": {...}}` and writes the answer, both
JSON. Exit status PROBLEM: the answer says why there is none.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson

PROBLEM = 3
NICE = 10
SETTLE_S = 10.0


class NoAnswer(Exception):
    """HTTP status, what is wrong, what to do."""


def verify_recordings(directory: str, days: Sequence[str] | None) -> dict[str, Any]:
    """Files, certificates and chains of these days, or all."""
    from softswitch.archive.folder import Archive, NoRecording
    from softswitch.archive.verify import verify

    archive = Archive(Path(directory))
    try:
        known = {day.name: day for day in archive.days()}
    except NoRecording as error:
        raise NoAnswer(404, str(error)) from None
    unknown = [day for day in days or () if day not in known]
    if unknown:
        raise NoAnswer(404, f"there are no recordings of {unknown[0]!r}")
    found = list(verify(archive, None if days is None else [known[day] for day in days]))
    problems = [
        {"day": each.day, "file": each.file, "problem": each.problem} for each in found if each.problem
    ]
    return {"checked": len(found), "problems": problems}


def files_with(number: str, state_dir: str, trace: str, recordings: str) -> list[str]:
    """The files in which a number that has been erased stands still, once the views had time to follow."""
    from softswitch.store.erasure import left_with, places

    found = places(Path(state_dir), Path(trace), Path(recordings))
    return [str(path) for path in left_with(found, number, SETTLE_S)]


QUESTIONS: dict[str, Callable[..., Any]] = {
    "files_with": files_with,
    "verify_recordings": verify_recordings,
}


def main() -> int:
    os.nice(NICE)
    asked = orjson.loads(sys.stdin.buffer.read())
    try:
        answer: Any = QUESTIONS[asked["question"]](**asked["args"])
    except NoAnswer as error:
        answer = dict(zip(("status", "detail", "hint"), error.args, strict=False))
        sys.stdout.buffer.write(orjson.dumps(answer))
        return PROBLEM
    sys.stdout.buffer.write(orjson.dumps(answer, default=str))
    return 0


if __name__ == "__main__":
    sys.exit(main())
