"""Settings written as YAML with the explanation of every key above it, made from the models."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Collection, Iterator
from typing import Any

from softswitch.config.base import Model
from softswitch.config.files import plain_value

_BARE = re.compile(r"[A-Za-z0-9/][A-Za-z0-9_./:+-]*(?<!:)")
_WIDTH = 100


def commented(model: Model, indent: int = 0, without: Collection[str] = ()) -> str:
    """Every key of `model` but those in `without`; keys that have no value stand there as comments."""
    return "".join(_keys(model, indent, without))


def _keys(model: Model, indent: int, without: Collection[str]) -> Iterator[str]:
    space = " " * indent
    for name, field in type(model).model_fields.items():
        if name in without:
            continue
        yield _comment(field.description or "", indent)
        value = getattr(model, name)
        if isinstance(value, Model):
            yield f"{space}{name}:\n{commented(value, indent + 2)}"
        elif isinstance(value, tuple) and value and isinstance(value[0], Model):
            yield f"{space}{name}:\n{_items(value, indent + 2)}"
        elif value is None:
            yield f"{space}# {name}:\n"
        else:
            yield f"{space}{name}: {yaml_value(value)}\n"


def _comment(text: str, indent: int) -> str:
    return textwrap.indent("\n".join(textwrap.wrap(text, _WIDTH - indent - 2)) + "\n", " " * indent + "# ")


def _items(models: tuple[Model, ...], indent: int) -> str:
    """A list of groups: the keys are explained at the first of them."""
    first, *others = models
    explained = commented(first, indent + 2)
    short = [f"{' ' * indent}- {yaml_value(_given(each))}\n" for each in others]
    # The dash goes before the first key; the comments above that key move above the dash.
    lines = explained.splitlines(keepends=True)
    place = next(place for place, line in enumerate(lines) if not line.lstrip().startswith("#"))
    lines[place] = f"{' ' * indent}- {lines[place].lstrip()}"
    return "".join([*lines, *short])


def _given(model: Model) -> dict[str, Any]:
    return {name: value for name, value in model if value is not None}


def yaml_value(value: Any) -> str:
    """One value on one line; text is quoted only where YAML would take it for something else."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{yaml_value(key)}: {yaml_value(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(yaml_value, value)) + "]"
    if value is None or isinstance(value, bool | int | float):
        return json.dumps(value)
    text = str(value)
    return text if _BARE.fullmatch(text) and plain_value(text) == text else _quoted(text)


def _quoted(text: str) -> str:
    """Double quotes, and escapes for what is no printable character."""
    plain = json.dumps(text, ensure_ascii=False)
    return "".join(char if char.isprintable() else f"\\U{ord(char):08x}" for char in plain)
