"""Mistakes in settings, in the user's words: where, what, what is allowed."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any, NamedTuple, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from softswitch.config.base import PATTERNS

M = TypeVar("M", bound=BaseModel)
Path = tuple[str | int, ...]

SHOWN_CHOICES = 20
SECRET_KEYS = frozenset({"password", "pin", "ha1", "sha256", "nonce_secret", "secret"})


NOT_FOUND = "not_found"
CONFLICT = "conflict"
FORBIDDEN = "forbidden"
BUSY = "busy"
SHUTTING_DOWN = "shutting_down"
INVALID = "invalid"
"""Why something was refused, for programs: what is meant is not there; what is there stands against it; who
asks may not; later perhaps, twice; and everything else that is wrong with what was sent."""


class Problem(NamedTuple):
    """One mistake: the path of keys and list places to it, one sentence about it, and a code where it is not
    simply invalid."""

    path: Path
    message: str
    code: str = ""

    def __str__(self) -> str:
        return f"{key_text(self.path)}: {self.message}" if self.path else self.message


class ConfigError(Exception):
    """All mistakes found at once; `str()` is one line for each, `code` what they have in common."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        codes = {problem.code for problem in self.problems}
        self.code = (codes.pop() if len(codes) == 1 else "") or INVALID
        super().__init__("\n".join(map(str, self.problems)))


def key_text(path: Path) -> str:
    """('users', 'alice', 'permissions', 0) as users.alice.permissions[0]."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def validate(model: type[M], given: Any, at: Path = ()) -> M:
    """Build `model` from plain values; ConfigError with every mistake, their paths beginning with `at`."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise ConfigError(_problems(model, error, at)) from None


def did_you_mean(word: str, allowed: Iterable[str]) -> str:
    """'did you mean X?' if there is something near, then what is allowed, in short when that is much."""
    choices = sorted(allowed)
    near = difflib.get_close_matches(word, choices, 1)
    guess = f"did you mean {near[0]}? " if near else ""
    more = f" and {len(choices) - SHOWN_CHOICES} more" if len(choices) > SHOWN_CHOICES else ""
    return f"{guess}allowed: {', '.join(choices[:SHOWN_CHOICES]) or 'nothing yet'}{more}"


def _problems(model: type[BaseModel], error: ValidationError, at: Path) -> list[Problem]:
    found: dict[Problem, None] = {}
    mistakes = error.errors(include_url=False)
    places = [mistake["loc"] for mistake in mistakes]
    for mistake in mistakes:
        loc: Path = mistake["loc"]
        if mistake["type"] == "too_short" and any(place[:-1][: len(loc)] == loc for place in places):
            continue  # bad entries are not counted as entries: only they are told
        if loc and loc[-1] == "[key]":
            loc = loc[:-1]
        message = message_of(model, loc, mistake)
        if mistake["type"] == "missing":
            loc = loc[:-1]
        found[Problem(at + loc, message)] = None
    return _without_echoes(found)


def _without_echoes(problems: Iterable[Problem]) -> list[Problem]:
    """Without the second report of a bad key, about the name field that was made of the key."""
    listed = list(problems)
    echoes = {
        Problem((*problem.path, field), problem.message) for problem in listed for field in ("name", "number")
    }
    return [problem for problem in listed if problem not in echoes]


def message_of(model: Any, loc: Path, mistake: Any, noun: str = "key") -> str:
    """What is wrong and what is allowed, of one of pydantic's mistakes at `loc` in `model`: a model, what is
    annotated as one, or None, where it is not known. `noun` is what the last part of `loc` is called."""
    kind, context = mistake["type"], mistake.get("ctx", {})
    if kind == "extra_forbidden":
        keys = _keys_at(model, loc[:-1])
        return f"unknown {noun}; {did_you_mean(str(loc[-1]), keys)}" if keys else f"unknown {noun}"
    if kind == "missing":
        return f"the {noun} {loc[-1]} is missing"
    if kind == "value_error":
        text, shown = str(context["error"]), _shown(loc, mistake["input"])
        about = isinstance(mistake["input"], str) and not text.startswith(shown)
        return f"{shown} {text}" if about else text
    allowed = _allowed(kind, context, mistake["msg"].removeprefix("Input should be "))
    return f"{_shown(loc, mistake['input'])} is not allowed here; allowed: {allowed}"


def _allowed(kind: str, context: dict[str, Any], fallback: str) -> str:
    simple = {
        "int_parsing": "a whole number",
        "int_type": "a whole number",
        "int_from_float": "a whole number",
        "float_parsing": "a number",
        "float_type": "a number",
        "bool_parsing": "true or false",
        "bool_type": "true or false",
        "string_type": "text",
        "path_type": "a path",
        "tuple_type": "a list, such as [a, b]",
        "list_type": "a list, such as [a, b]",
        "dict_type": "a group of keys",
        "model_type": "a group of keys",
        "model_attributes_type": "a group of keys",
    }
    if kind in simple:
        return simple[kind]
    if kind == "string_pattern_mismatch":
        return PATTERNS.get(context["pattern"], f"what matches {context['pattern']}")
    if kind == "literal_error":
        return str(context["expected"]).replace("'", "").replace(" or ", ", ")
    return _bounds(kind, context) or fallback


def _bounds(kind: str, context: dict[str, Any]) -> str:
    what = "characters" if kind.startswith("string_") else "entries"
    words = {
        "ge": "{} or more",
        "gt": "more than {}",
        "le": "{} or less",
        "lt": "less than {}",
        "min_length": f"{{}} or more {what}",
        "max_length": f"{{}} {what} or fewer",
    }
    return " and ".join(words[key].format(value) for key, value in context.items() if key in words)


def _shown(loc: Path, value: Any) -> str:
    """The value as the user wrote it, never a secret, never a page full."""
    if any(part in SECRET_KEYS for part in loc):
        return "this value"
    if isinstance(value, dict):
        return "a group of keys"
    if isinstance(value, list | tuple):
        return "a list"
    text = str(value)
    return repr(text if len(text) <= 60 else text[:57] + "...")


def _keys_at(model: Any, loc: Path) -> list[str]:
    """The keys that the group at `loc` may have."""
    here: Any = model
    for part in loc:
        here = _step(here, part)
    model_here = _model_in(here)
    return [field.alias or name for name, field in model_here.model_fields.items()] if model_here else []


def _step(annotation: Any, part: str | int) -> Any:
    model = _model_in(annotation) if not _is_collection(annotation) else None
    if model is not None:
        field = model.model_fields.get(str(part))
        return None if field is None else field.annotation
    return get_args(annotation)[-1 if isinstance(part, str) else 0] if get_args(annotation) else None


def _is_collection(annotation: Any) -> bool:
    return getattr(annotation, "__origin__", None) in (dict, tuple)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    candidates = (annotation, *get_args(annotation))
    return next((each for each in candidates if isinstance(each, type) and issubclass(each, BaseModel)), None)
