"""The kinds of steps there are, and reading one of them."""

from __future__ import annotations

from typing import Any

from softswitch.ivr.kinds.agent import AgentStep
from softswitch.ivr.kinds.collect import Collect
from softswitch.ivr.kinds.dial import Dial
from softswitch.ivr.kinds.goto import Goto
from softswitch.ivr.kinds.hang_up import HangUpStep
from softswitch.ivr.kinds.hours import Hours
from softswitch.ivr.kinds.menu import Menu
from softswitch.ivr.kinds.queue import Queue
from softswitch.ivr.kinds.record import Record
from softswitch.ivr.kinds.say import Say
from softswitch.ivr.kinds.set import Set
from softswitch.ivr.reading import Given, Path, Reader, path_text
from softswitch.ivr.steps import Step

_INTRODUCTION = """# Steps of flows

Every kind of step with its settings. How flows are written: [flows.md](flows.md).

Wherever a step leads (`choices`, every `on_…`) stands the name of a step or a list of steps.

This page is made from the code: `python -m softswitch.cli.reference docs`.
"""

_KINDS: tuple[type[Step], ...] = (
    Say,
    Menu,
    Collect,
    Set,
    Queue,
    Dial,
    HangUpStep,
    Goto,
    Record,
    Hours,
    AgentStep,
)
KINDS: dict[str, type[Step]] = {each.kind: each for each in _KINDS}


def steps_page() -> str:
    """docs/flow-steps.md: every kind of step with its settings, as Markdown."""
    parts = [_INTRODUCTION]
    for kind, step in KINDS.items():
        short = f" Short form: `{step.short}`." if step.short else ""
        rows = "".join(f"| `{key}` | {about} |\n" for key, about in step.settings.items())
        table = f"\n| setting | what it says (default) |\n| --- | --- |\n{rows}" if rows else ""
        parts.append(f"## {kind}\n\n{step.about}{short}\n{table}")
    return "\n".join(parts)


def read_step(reader: Reader, given: Any, path: Path, follows: str) -> Step | None:
    """Read one step, a mapping with the kind as key; None if it is none (the problem is recorded)."""
    if isinstance(given, str):
        given = {given: None}
    kinds = [key for key in given if key != "name"] if isinstance(given, dict) else []
    if len(kinds) != 1 or kinds[0] not in KINDS:
        wrong = f"{kinds[0]!r} is no step" if len(kinds) == 1 else "expected a step with one kind"
        reader.problem(path, f"{wrong}; allowed: {', '.join(KINDS)}")
        return None
    if not isinstance(given.get("name", "x"), str):
        reader.problem((*path, "name"), "expected a text")
    kind = kinds[0]
    return KINDS[kind].read(Given(reader, given[kind], (*path, kind), path_text(path), follows, KINDS[kind]))
