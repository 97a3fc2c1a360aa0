"""What commands print: tables for people, JSON for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click
import orjson
from rich.console import Console
from rich.table import Table

WIDE = 4096
SIGNS = {"add": ("+", "green"), "change": ("~", "yellow"), "remove": ("-", "red")}


def console() -> Console:
    """Standard output; colours and the width of a terminal only when it is one (and NO_COLOR is unset)."""
    terminal = sys.stdout.isatty()
    return Console(file=sys.stdout, highlight=False, soft_wrap=not terminal, width=None if terminal else WIDE)


def print_json(value: Any) -> None:
    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str))


def print_rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, json: bool, empty: str) -> None:
    """`columns` of `rows` as a table, all of them as JSON; `empty` says what to do when there are none."""
    if json:
        print_json(rows)
    elif rows:
        console().print(table(rows, columns))
    else:
        click.echo(empty)


def table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], title: str = "") -> Table:
    made = Table(title=title or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        made.add_row(*(literal(row.get(column)) for column in columns))
    return made


def literal(value: Any) -> str:
    """A value as text that Rich prints as it is: brackets in a caller's name are no markup."""
    return shown(value).replace("[", r"\[")


def shown(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.1f}".removesuffix(".0")
    if isinstance(value, list | tuple) and any(isinstance(each, dict) for each in value):
        return f"{len(value)} items"
    if isinstance(value, list | tuple):
        return ", ".join(map(shown, value)) or "-"
    if isinstance(value, dict):
        return ", ".join(f"{key.replace('_', ' ')} {shown(each)}" for key, each in value.items()) or "-"
    return _printable(str(value)) or "-"


def _printable(text: str) -> str:
    """Without control characters: what a caller sends must not move the cursor of a terminal."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def print_changes(changes: Sequence[Mapping[str, Any]]) -> None:
    """One line for each object that is added, changed or removed."""
    out = console()
    for change in changes:
        sign, colour = SIGNS[change["action"]]
        named = f" {literal(change['name'])}" if change["name"] else ""
        out.print(f"[{colour}]{sign} {change['kind']}{named}[/]{_details(change)}")


def _details(change: Mapping[str, Any]) -> str:
    if change["action"] == "remove":
        return ""
    parts = []
    for field in change["fields"]:
        before, after = literal(field["before"]), literal(field["after"])
        if field["field"] == "secret" or before == after:
            parts.append(f"{field['field']} changed")
        elif change["action"] == "add":
            parts.append(f"{field['field']} {after}")
        else:
            parts.append(f"{field['field']} {before} → {after}")
    return ": " + ", ".join(parts) if parts else ""


def count_text(changes: Sequence[Mapping[str, Any]]) -> str:
    """'2 added, 1 changed, 0 removed'."""
    actions = [change["action"] for change in changes]
    return ", ".join(
        f"{actions.count(action)} {word}"
        for action, word in (("add", "added"), ("change", "changed"), ("remove", "removed"))
    )
