"""Questions that are answered by a process of low priority.

`python -m softswitch.api.questions` reads `{"question": NAME, "args": {...}}` and writes the answer, both
JSON. Exit status PROBLEM: the answer says why there is none.
"""

from __future__ import annotations

import contextlib
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


def facts_of_call(state_dir: str, call: str) -> dict[str, Any]:
    """All facts about a call."""
    from softswitch.store.call_facts import facts_of

    id = _call_id(Path(state_dir), call)
    items = [{"log_position": position, **fact} for position, fact in facts_of(Path(state_dir), id)]
    if not items:
        raise NoAnswer(404, f"the journal knows no call {call!r}", "GET /v1/cdrs has the calls")
    for fact in items:
        fact.pop("keep", None)
    return {"call": id, "items": items}


def decisions(state_dir: str, call: str) -> dict[str, Any]:
    """Each choice of an agent for a call or a callback."""
    from softswitch.store.decisions import decisions_of, described

    id = _call_id(Path(state_dir), call)
    items = [described(each) for each in decisions_of(Path(state_dir), id)]
    if not items:
        raise NoAnswer(404, f"no queue has chosen an agent for {call!r}", "GET /v1/cdrs has the calls")
    return {"call": id, "items": items}


def trace(
    state_dir: str, trace: str, call: str, hours: float, mask_digits: bool, width: int
) -> dict[str, Any]:
    """The SIP messages of a call."""
    from softswitch.net.call_trace import described, find, steps_of
    from softswitch.net.ladder import ladder
    from softswitch.net.trace import TraceReader, TraceUnreadable

    try:
        reader = TraceReader(Path(trace))
    except TraceUnreadable as error:
        raise NoAnswer(
            404, f"there is no trace ({error})", "set trace.mebibytes in softswitch.yaml"
        ) from None
    wanted = find(Path(state_dir), call)
    steps = [*steps_of(reader, wanted, hours=hours, mask_digits=mask_digits)]
    reader.close()
    if not steps:
        raise NoAnswer(404, f"the trace has no messages of {call!r}", "it keeps the last ones only")
    return {
        "call": wanted.call["call"] if wanted.call is not None else None,
        "messages": [described(step) for step in steps],
        "ladder": [*ladder(steps, width)],
    }


def _call_id(state_dir: Path, text: str) -> str:
    """The id of the newest call that is called so; the text itself where the records know none."""
    from softswitch.store.queries import NoViews, find_calls, open_views

    try:
        with contextlib.closing(open_views(state_dir)) as db:
            calls = find_calls(db, text, 1)
    except NoViews:
        return text
    return str(calls[0]["call"]) if calls else text


QUESTIONS: dict[str, Callable[..., Any]] = {
    "decisions": decisions,
    "facts_of_call": facts_of_call,
    "files_with": files_with,
    "trace": trace,
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
