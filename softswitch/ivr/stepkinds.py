"""The kinds of steps there are, and reading one of them."""

from __future__ import annotations

from typing import Any

from softswitch.ivr.kinds.agent import AgentStep
from softswitch.ivr.kinds.branch import Branch
from softswitch.ivr.kinds.callback import Callback
from softswitch.ivr.kinds.collect import Collect
from softswitch.ivr.kinds.data import CallTexts
from softswitch.ivr.kinds.dial import Dial
from softswitch.ivr.kinds.flow import Return, SubFlow
from softswitch.ivr.kinds.goto import Goto
from softswitch.ivr.kinds.hang_up import HangUpStep
from softswitch.ivr.kinds.hours import Hours
from softswitch.ivr.kinds.loop import Loop
from softswitch.ivr.kinds.menu import Menu
from softswitch.ivr.kinds.python import PythonStep
from softswitch.ivr.kinds.queue import Queue
from softswitch.ivr.kinds.record import Record
from softswitch.ivr.kinds.request import Request
from softswitch.ivr.kinds.say import Say
from softswitch.ivr.kinds.set import Set
from softswitch.ivr.kinds.survey import Survey
from softswitch.ivr.kinds.transfer import Transfer
from softswitch.ivr.kinds.voicemail import RecordMessage, Voicemail
from softswitch.ivr.reading import Given, Path, Reader, path_text
from softswitch.ivr.steps import END, Step

_INTRODUCTION = """# Steps of flows

Every kind of step with its settings. How flows are written: [flows.md](flows.md).

Every step may have a `name`, by which others lead to it, and `on_hang_up`: what is done when the caller hangs
up there (that of the flow). Only steps that need no caller can stand in it: ALONE.

Wherever a step leads (`choices`, every `on_…`) stands the name of a step or a list of steps.

This page is made from the code: `python -m softswitch.cli.reference docs`.
"""

COMMON = ("name", "on_hang_up")
"""What every step may have beside its kind."""

_KINDS: tuple[type[Step], ...] = (
    Say,
    Menu,
    Collect,
    Branch,
    Loop,
    Set,
    CallTexts,
    Queue,
    Callback,
    Dial,
    Transfer,
    SubFlow,
    Return,
    PythonStep,
    Goto,
    Record,
    Hours,
    AgentStep,
    HangUpStep,
    Request,
    Voicemail,
    RecordMessage,
    Survey,
)
KINDS: dict[str, type[Step]] = {each.kind: each for each in _KINDS}


def steps_page() -> str:
    """docs/flow-steps.md: every kind of step with its settings, as Markdown."""
    alone = ", ".join(f"`{kind}`" for kind, step in KINDS.items() if step.alone)
    parts = [_INTRODUCTION.replace("ALONE", alone)]
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
    kinds = [key for key in given if key not in COMMON] if isinstance(given, dict) else []
    if len(kinds) != 1 or kinds[0] not in KINDS:
        wrong = f"{kinds[0]!r} is no step" if len(kinds) == 1 else "expected a step with one kind"
        reader.problem(path, f"{wrong}; allowed: {', '.join(KINDS)}")
        return None
    if not isinstance(given.get("name", "x"), str):
        reader.problem((*path, "name"), "expected a text")
    if "on_hang_up" in given:
        reader.hang_ups[path_text(path)] = reader.route(given["on_hang_up"], (*path, "on_hang_up"), END)
    kind = kinds[0]
    return KINDS[kind].read(Given(reader, given[kind], (*path, kind), path_text(path), follows, KINDS[kind]))
