"""docs/cli.md, docs/configuration.md and docs/flow-steps.md, made from what they describe."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from softswitch.cli.main import main
from softswitch.config.reference import configuration_page
from softswitch.ivr.stepkinds import steps_page

_WIDTH = 100
_INTRODUCTION = """# Commands

Every command answers `--help`. Settings are found by `-c FILE`, else `$SOFTSWITCH_CONFIG`, else
`./softswitch.yaml`. `--json` prints JSON for programs. Mistakes are one line each on standard error; the exit
status is 0 when all went well, 1 when a command was refused or failed, 2 when it was called wrongly.

Commands that change the configuration go to the running switch; without one they change what is stored, and
the switch finds it when it starts.

This page is made from the commands: `python -m softswitch.cli.reference docs`.
"""


def commands_page() -> str:
    """Every command with its help, as Markdown."""
    parts = [_INTRODUCTION]
    for path, command in all_commands(main, ("softswitch",)):
        level = "##" if len(path) <= 2 else "###"
        parts.append(f"{level} {' '.join(path)}\n\n```text\n{help_text(path, command)}\n```\n")
    return "\n".join(parts)


def all_commands(
    command: click.Command, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """The command itself and all those below it, with their words."""
    yield path, command
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from all_commands(command.commands[name], (*path, name))


def help_text(path: tuple[str, ...], command: click.Command) -> str:
    """What --help prints, at a fixed width."""
    context = click.Context(
        command, info_name=" ".join(path), max_content_width=_WIDTH, terminal_width=_WIDTH
    )
    return "\n".join(line.rstrip() for line in command.get_help(context).splitlines())


def write_pages(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "cli.md").write_text(commands_page(), encoding="utf-8")
    (directory / "configuration.md").write_text(configuration_page(), encoding="utf-8")
    (directory / "flow-steps.md").write_text(steps_page(), encoding="utf-8")


if __name__ == "__main__":
    write_pages(Path(sys.argv[1]))
