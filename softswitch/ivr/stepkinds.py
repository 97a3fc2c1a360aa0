"""The kinds of steps: which keys each has, with defaults and limits."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from softswitch.config.expression import Expression, ExpressionError
from softswitch.ivr.reading import Fields, Path, Reader, path_text
from softswitch.ivr.steps import Collect, Dial, Ending, Goto, Menu, Queue, Record, Say, Set, Step
from softswitch.reasons import REASONS

KEYPAD = "0123456789*#"
LANGUAGES = ("en", "zh")
TARGETS = ("flow", "queue", "user")
ASKING_KEYS = ("prompts", "timeout_s", "retries", "no_input", "wrong_input", "on_no_input", "on_wrong_input")
DIAL_ROUTES = {
    "on_busy": ("user_busy",), "on_no_answer": ("user_no_answer",),
    "on_rejected": ("user_rejected", "do_not_disturb"), "on_unreachable": ("user_not_registered",),
}
QUEUE_ROUTES = {"on_timeout": "queue_timeout", "on_full": "queue_full", "on_closed": "queue_closed"}


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
    return KINDS[kind](reader, given[kind], (*path, kind), path_text(path), follows)


def _say(reader: Reader, given: Any, path: Path, here: str, follows: str) -> Step:
    if isinstance(given, dict) and set(given) & {"number", "digits", "prompt"}:
        given = [given]
    fields = Fields(reader, given, path, "prompts", ("prompts", "barge_in"))
    return Say(here, follows, fields.prompts("prompts"), fields.flag("barge_in", True))


def _asking(fields: Fields, follows: str) -> dict[str, Any]:
    return {
        "prompts": fields.prompts("prompts"),
        "timeout_s": fields.number("timeout_s", 5, 0.5, 120),
        "retries": fields.whole("retries", 2, 0, 20),
        "no_input": fields.prompts("no_input", "no_input"),
        "wrong_input": fields.prompts("wrong_input", "invalid_choice"),
        "on_no_input": fields.route("on_no_input", follows),
        "on_wrong_input": fields.route("on_wrong_input", follows),
    }


def _menu(reader: Reader, given: Any, path: Path, here: str, follows: str) -> Step:
    fields = Fields(reader, given, path, "prompts", (*ASKING_KEYS, "choices"))
    choices = fields.given.get("choices")
    routes: dict[str, str] = {}
    if not isinstance(choices, dict) or not choices:
        reader.problem(fields.at("choices"), "choices is missing; give digits and where each leads")
        choices = {}
    for digit, branch in choices.items():
        at = (*path, "choices", digit)
        if len(digit) != 1 or digit not in KEYPAD:
            reader.problem(at, f"is no key of a phone; allowed: one of {KEYPAD}")
        routes[digit] = reader.route(branch, at, follows)
    return Menu(here, follows, **_asking(fields, follows), choices=routes)


def _collect(reader: Reader, given: Any, path: Path, here: str, follows: str) -> Step:
    keys = (*ASKING_KEYS, "into", "digits", "min_digits", "terminator", "between_s")
    fields = Fields(reader, given, path, "into", keys)
    digits = fields.whole("digits", 1, 1, 64)
    terminator = fields.text("terminator", "#") if fields.given.get("terminator") != "" else ""
    if terminator not in ("", "#", "*"):
        reader.problem(fields.at("terminator"), 'allowed: "#", "*" or "" for none')
    return Collect(
        here, follows, **_asking(fields, follows), into=_variable(fields, "into"), digits=digits,
        min_digits=fields.whole("min_digits", 1, 1, digits), terminator=terminator,
        between_s=fields.number("between_s", 3, 0.5, 60),
    )


def _variable(fields: Fields, key: str) -> str:
    name = fields.text(key)
    if name and not name.isidentifier():
        fields.reader.problem(fields.at(key), f"{name!r} is no name of a variable; letters, digits and _")
    if name == "language":
        fields.reader.problem(fields.at(key), "the language is chosen by a set step, not by digits")
    return name


def _set(reader: Reader, given: Any, path: Path, here: str, follows: str) -> Step:
    values: list[tuple[str, str]] = []
    if not isinstance(given, dict) or not given:
        reader.problem(path, "expected variables and their values")
        given = {}
    for name, value in given.items():
        if not name.isidentifier():
            reader.problem((*path, name), f"{name!r} is no name of a variable; letters, digits and _")
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            reader.problem((*path, name), "expected a text or a number")
        if name == "language" and value not in LANGUAGES:
            reader.problem((*path, name), f"allowed: {', '.join(LANGUAGES)}")
        values.append((name, str(value)))
    return Set(here, follows, tuple(values))


def _queue(reader: Reader, given: Any, path: Path, here: str, follows: str) -> Step:
    settings = ("name", "priority", "music", "require", "agent", *QUEUE_ROUTES)
    fields = Fields(reader, given, path, "name", settings)
    name = fields.text("name")
    fields.refer("name", "queue", name)
    music = fields.text("music") if "music" in fields else None
    if music:
        fields.refer("music", "music", music)
    routes = {outcome: fields.route(key, follows) for key, outcome in QUEUE_ROUTES.items()}
    priority = fields.whole("priority", 0, -1000, 1000)
    return Queue(here, follows, name, priority, music, _require(fields), fields.text("agent", ""), routes)


def _require(fields: Fields) -> str | None:
    """An expression over skills, waiting time and caller in place of the queue's own."""
    if "require" not in fields:
        return None
    text = fields.text("require")
    try:
        Expression.parse(text)
    except ExpressionError as error:
        fields.reader.problem(fields.at("require"), str(error))
    return text


def _dial(reader: Reader, given: Any, path: Path, here: str, follows: str) -> Step:
    fields = Fields(reader, given, path, "target", ("target", *DIAL_ROUTES))
    target = fields.text("target")
    kind, _, name = target.partition(":")
    if target and (kind not in TARGETS or not name):
        reader.problem(fields.at("target"), "is no target; allowed: flow:NAME, queue:NAME or user:NAME")
    else:
        fields.refer("target", kind, name)
    routes = {}
    for key, outcomes in DIAL_ROUTES.items():
        routes.update(dict.fromkeys(outcomes, fields.route(key, follows)))
    return Dial(here, follows, target, routes)


def _hang_up(reader: Reader, given: Any, path: Path, here: str, follows: str) -> Step:
    fields = Fields(reader, given, path, "reason", ("reason",))
    reason = fields.text("reason", "flow_finished")
    if reason not in REASONS:
        reader.problem(fields.at("reason"), f"{reason!r} is no end reason; usual: flow_finished")
    return Ending(here, follows, reason)


def _record(reader: Reader, given: Any, path: Path, here: str, follows: str) -> Step:
    if not isinstance(given, bool):
        reader.problem(path, "expected true (record what follows) or false (do not)")
    return Record(here, follows, bool(given))


def _goto(reader: Reader, given: Any, path: Path, here: str, follows: str) -> Step:
    if not isinstance(given, str):
        reader.problem(path, "expected the name of a step")
        return Goto(here, follows)
    return Goto(here, reader.named(given, path))


KINDS: dict[str, Callable[[Reader, Any, Path, str, str], Step]] = {
    "say": _say, "menu": _menu, "collect": _collect, "set": _set, "queue": _queue, "dial": _dial,
    "hang_up": _hang_up, "goto": _goto, "record": _record,
}
