"""docs/configuration.md, made from the models so that it cannot say anything else."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from softswitch.config.api_key import Moment
from softswitch.config.base import (
    NAME,
    PATTERNS,
    AbsolutePath,
    AddressText,
    Model,
    NetworkText,
    OverflowText,
    TargetText,
)
from softswitch.config.calendar import DateText, WeekDays
from softswitch.config.centre import KINDS, SINGLES, Centre
from softswitch.config.commented import yaml_value
from softswitch.config.dialplan import TimeZone
from softswitch.config.header_names import HeaderLine, HeaderName
from softswitch.config.node import Node, PortsText
from softswitch.config.trunk_address import WeightedAddressText

_INTRODUCTION = """# Configuration

Two YAML files. `softswitch.yaml` has the settings of one machine and is read when the switch starts.
`centre.yaml` has users, agents, queues, trunks, numbers and flows; `softswitch apply centre.yaml` loads it,
also into a running switch. `softswitch init` writes both with an explanation of every key.

A mistake is reported with file, line, key and what is allowed; all mistakes are reported at once and nothing
is taken over; only while a whole group is wrong (`queue:` for `queues:`) names are not looked up yet. A key
that is not listed here is a mistake. A key with nothing after it has its default.

A *name* is made of letters, digits and `. _ -` without spaces and begins with a letter, a digit or `_`. A
*target* is `flow:NAME`, `queue:NAME` or `user:NAME`. An *address* is `host`, `host:port` or `[IPv6]:port`.
Relative paths count from the directory of the file.

This page is made from the settings models: `python -m softswitch.cli.reference docs`.
"""


# The function that checks a kind of text tells which kind it is.
_CHECKED = {
    get_args(kind)[-1].func: word
    for kind, word in (
        (TargetText, "target"),
        (OverflowText, "target, or number:DIGITS"),
        (AbsolutePath, "path from the root"),
        (AddressText, "address"),
        (WeightedAddressText, "address, ;priority=N, ;weight=N"),
        (NetworkText, "IP address or network"),
        (TimeZone, "IANA time zone"),
        (WeekDays, "day or days of the week"),
        (DateText, "date"),
        (Moment, "date and time with zone"),
        (PortsText, "range of ports, FIRST-LAST"),
        (HeaderName, "name of a header or *"),
        (HeaderLine, "NAME: VALUE"),
    )
}


def configuration_page() -> str:
    """The whole page as Markdown."""
    parts = [_INTRODUCTION, "## softswitch.yaml\n", *_groups(Node, "")]
    parts.append("## centre.yaml\n")
    parts.append("Each group is a mapping: the name of the object, then its settings.\n")
    for kind in KINDS.values():
        description = Centre.model_fields[kind.group].description
        inner = _inner(kind.model)
        table = _table(kind.model, without=kind.key, inner=inner)
        parts += [f"### {kind.group}\n", f"{description}\n", table]
        for name, group in inner.items():
            parts += [f"### {kind.group}.{name}\n", _table(group)]
    for name, model in SINGLES.items():
        parts += [f"### {name}\n", _table(model)]
    return "\n".join(parts)


def _inner(model: type[Model]) -> dict[str, type[Model]]:
    """The settings that are groups themselves, or lists of them."""
    found = {name: _group_in(field.annotation) for name, field in model.model_fields.items()}
    return {name: group for name, group in found.items() if group is not None}


def _groups(model: type[Model], prefix: str) -> Iterator[str]:
    """The table of a group, then those of the groups in it."""
    inner = _inner(model)
    if prefix:
        yield f"### {prefix}\n"
    yield _table(model, inner=inner)
    for name, group in inner.items():
        yield from _groups(group, f"{prefix}.{name}" if prefix else name)


def _table(model: type[Model], *, without: str = "", inner: dict[str, type[Model]] | None = None) -> str:
    rows = ["| key | allowed | default | meaning |", "| --- | --- | --- | --- |"]
    for name, field in model.model_fields.items():
        if name == without:
            continue
        allowed = "see below" if name in (inner or {}) else allowed_text(field)
        default = "" if name in (inner or {}) else _default_text(field)
        rows.append(f"| `{name}` | {allowed} | {default} | {field.description} |")
    return "\n".join(rows) + "\n"


def _default_text(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "required"
    if field.default is None or field.default in ("", (), {}):
        return "unset"
    return f"`{yaml_value(field.default)}`"


def allowed_text(field: FieldInfo) -> str:
    """What a value may be, in words."""
    return _allowed(field.annotation, list(field.metadata))


def _allowed(annotation: Any, metadata: list[Any]) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        inner, *more = arguments
        nested = [each for extra in more for each in (getattr(extra, "metadata", None) or [extra])]
        return _allowed(inner, [*nested, *metadata])
    if origin in (Union, types.UnionType):
        return _allowed(next(each for each in arguments if each is not type(None)), metadata)
    if origin is Literal:
        return ", ".join(f"`{each}`" for each in arguments)
    if origin is tuple:
        return f"list of: {_allowed(arguments[0], [])}"
    if origin is dict:
        return f"mapping of {_allowed(arguments[0], [])} to {_allowed(arguments[1], [])}"
    return _simple(annotation, metadata)


def _simple(annotation: Any, metadata: list[Any]) -> str:
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return f"group of {', '.join(annotation.model_fields)}"
    pattern, check = _first(metadata, "pattern"), _first(metadata, "func")
    if pattern:
        return "name" if pattern == NAME else PATTERNS[pattern]
    if check in _CHECKED:
        return _CHECKED[check]
    words = {bool: "`true`, `false`", int: "whole number", float: "number", str: "text"}
    bounds = [
        text.format(value)
        for name, text in (("ge", "{} or more"), ("gt", "more than {}"), ("le", "{} or less"))
        if (value := _first(metadata, name)) is not None
    ]
    return ", ".join([words.get(annotation, "path" if annotation is not Any else "step"), *bounds])


def _first(metadata: list[Any], name: str) -> Any:
    return next((value for each in metadata if (value := getattr(each, name, None)) is not None), None)


def _group_in(annotation: Any) -> type[Model] | None:
    candidates = (annotation, *get_args(annotation))
    return next((each for each in candidates if isinstance(each, type) and issubclass(each, Model)), None)
