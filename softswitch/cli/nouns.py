"""list, add, set and remove of one kind of configured object, made from its settings model."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import click

from softswitch.cli.connection import call
from softswitch.cli.options import config_option, example, json_option
from softswitch.cli.output import print_changes, print_json, print_rows
from softswitch.config import KINDS
from softswitch.config.errors import SECRET_KEYS

Prepare = Callable[[dict[str, Any]], str]
Live = Callable[[Path | None, list[dict[str, Any]]], None]


def noun(
    kind: str,
    *,
    about: str,
    columns: Sequence[str],
    sample: str,
    sample_options: str,
    without: Iterable[str] = (),
    prepare: Prepare | None = None,
    extra: Sequence[click.Option] = (),
    live: Live | None = None,
) -> click.Group:
    """The group of commands of a kind.

    `columns` are those of `list`; `sample` and `sample_options` make the examples; fields in `without` get no
    option; `extra` are further options, whose values `prepare` turns into fields in place before `add` and
    `set`; it returns text to print after success, and adds to `told` what JSON has besides. `live` adds to
    the rows of `list` what a running switch knows.
    """
    word = _word(kind)
    group = click.Group(word, help=about, epilog=example(f"softswitch {word} list"))
    group.add_command(_list_command(kind, columns, live))
    for verb, must in (("add", "new"), ("set", "exist")):
        command = _write_command(
            kind, verb, must, f"softswitch {word} {verb} {sample} {sample_options}", prepare
        )
        # After the argument, before the options that all commands have.
        command.params[1:1] = [*extra, *_field_options(kind, set(without))]
        group.add_command(command)
    group.add_command(_remove_command(kind, sample))
    return group


def _word(kind: str) -> str:
    """The kind as the command line calls it."""
    return kind.replace("_", "-")


def _one(kind: str) -> str:
    word = _word(kind)
    return f"an {word}" if word[0] in "aeio" else f"a {word}"  # a user


def _list_command(kind: str, columns: Sequence[str], live: Live | None) -> click.Command:
    plural, word = _word(KINDS[kind].group), _word(kind)

    @click.command("list", help=f"List the {plural}.", epilog=example(f"softswitch {word} list --json"))
    @config_option
    @json_option
    def command(config_path: Path | None, as_json: bool) -> None:
        rows = call(config_path, f"{kind}.list")
        if live is not None:
            live(config_path, rows)
        empty = f"There are no {plural}; add one with: softswitch {word} add"
        print_rows(rows, columns, json=as_json, empty=empty)

    return command


def _write_command(kind: str, verb: str, must: str, line: str, prepare: Prepare | None) -> click.Command:
    one = _one(kind)
    about = f"Add {one}." if verb == "add" else f"Change settings of {one}; those not given stay."
    key = KINDS[kind].key

    @click.command(verb, help=about, epilog=example(line))
    @click.argument("name")
    @click.option(
        "--unset", multiple=True, metavar="SETTING", help="Set back to the default; may be repeated."
    )
    @config_option
    @json_option
    def command(
        name: str, unset: tuple[str, ...], config_path: Path | None, as_json: bool, **given: Any
    ) -> None:
        fields = {field: value for field, value in given.items() if value is not None}
        fields |= {_setting(kind, field): None for field in unset}
        fields |= {field: _typed_in(value) for field, value in fields.items() if field in SECRET_KEYS}
        fields[key] = name
        request: dict[str, Any] = {"verb": verb, "fields": fields, "told": {}}
        told = prepare(request) if prepare else ""
        result = call(config_path, f"{kind}.set", {"fields": fields, "must": must})
        print_result({**result, **request["told"]}, told, as_json)

    return command


def _remove_command(kind: str, sample: str) -> click.Command:
    about = f"Remove {_one(kind)}; refused while something refers to it."

    @click.command("remove", help=about, epilog=example(f"softswitch {_word(kind)} remove {sample}"))
    @click.argument("name")
    @config_option
    @json_option
    def command(name: str, config_path: Path | None, as_json: bool) -> None:
        print_result(call(config_path, f"{kind}.remove", {"name": name}), "", as_json)

    return command


def print_result(result: dict[str, Any], told: str, as_json: bool) -> None:
    """What a change has changed, and what is told besides."""
    if as_json:
        print_json({**result, "note": told} if told else result)
        return
    print_changes(result["changes"])
    if not result["changes"]:
        click.echo("Nothing to change.")
    if told:
        click.echo(told)


def _typed_in(secret: str | None) -> str | None:
    """`-` stands for a line of standard input: what is on the command line, others on the machine can see."""
    return sys.stdin.readline().rstrip("\r\n") if secret == "-" else secret


def _setting(kind: str, field: str) -> str:
    name = field.removeprefix("--").replace("-", "_")
    settings = [each for each in KINDS[kind].model.model_fields if each != KINDS[kind].key]
    if name not in settings:
        raise click.BadParameter(
            f"{field!r} is no setting; allowed: {', '.join(settings)}", param_hint="--unset"
        )
    return name


def _field_options(kind: str, without: set[str]) -> list[click.Option]:
    """An option for every field of the model; values stay text, the model checks them."""
    fields = KINDS[kind].model.model_fields
    return [
        _option(name, field.annotation, field.description or "")
        for name, field in fields.items()
        if name != KINDS[kind].key and name not in without
    ]


def _option(name: str, annotation: Any, description: str) -> click.Option:
    flag = name.replace("_", "-")
    if annotation is bool:
        return click.Option([f"--{flag}/--no-{flag}", name], default=None, help=description)
    if _is_list(annotation):
        text = f"{description} Separated by commas."
        return click.Option([f"--{flag}", name], callback=_split, metavar="A,B", help=text)
    if name in SECRET_KEYS:
        text = f"{description} - reads it from standard input."
        return click.Option([f"--{flag}", name], metavar="TEXT", help=text)
    return click.Option([f"--{flag}", name], metavar=_metavar(annotation), help=description)


def _metavar(annotation: Any) -> str:
    """The words that are allowed, where there are only a few."""
    if get_origin(annotation) in (Union, types.UnionType):
        annotation = next(each for each in get_args(annotation) if each is not types.NoneType)
    if get_origin(annotation) is Literal:
        return "|".join(get_args(annotation))
    return {int: "NUMBER", float: "NUMBER"}.get(
        get_args(annotation)[0] if get_args(annotation) else annotation, "TEXT"
    )


def _is_list(annotation: Any) -> bool:
    if get_origin(annotation) in (Union, types.UnionType):
        return any(map(_is_list, get_args(annotation)))
    return get_origin(annotation) is tuple


def _split(_: click.Context, __: click.Parameter, value: str | None) -> list[str] | None:
    if value is None:
        return None
    return [part.strip() for part in value.split(",") if part.strip()]
