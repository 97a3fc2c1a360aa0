"""Every command is explained: by --help with an example that works, and by docs/cli.md."""

from __future__ import annotations

import shlex
from pathlib import Path

import click
import pytest

from softswitch.cli.main import main
from softswitch.cli.reference import all_commands, commands_page, help_text, write_pages
from softswitch.config.reference import configuration_page

DOCS = Path(__file__).resolve().parents[2] / "docs"
COMMANDS = dict(all_commands(main, ("softswitch",)))
MADE_BY = "run: python -m softswitch.cli.reference docs"


def parse(words: list[str]) -> None:
    """Let click check the words of a command line, down to the last command, without carrying it out."""
    command: click.Command = main
    context: click.Context | None = None
    while isinstance(command, click.Group):
        context = command.make_context(words[0], words[1:], parent=context)
        name, found, words = command.resolve_command(context, [*context._protected_args, *context.args])
        assert found is not None and name is not None
        command, words = found, [name, *words]
    command.make_context(words[0], words[1:], parent=context)


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_an_example_that_parses(path: tuple[str, ...]) -> None:
    command = COMMANDS[path]
    assert command.help and command.help.strip().endswith("."), "the help is missing or no sentence"
    _, heading, examples = help_text(path, command).partition("Example:\n")
    assert heading, "there is no example"
    lines = [shlex.split(line) for line in examples.splitlines()]
    assert any(tuple(words[: len(path)]) == path for words in lines), "no example shows this very command"
    for words in lines:
        parse(words)


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_option_is_explained(path: tuple[str, ...]) -> None:
    options = [each for each in COMMANDS[path].params if isinstance(each, click.Option)]
    assert [option.name for option in options if not option.help] == []


@pytest.mark.parametrize("path", [path for path in COMMANDS if path[-1] not in {"run", "demo"}], ids=" ".join)
def test_every_command_that_answers_can_answer_in_json(path: tuple[str, ...]) -> None:
    command = COMMANDS[path]
    if not isinstance(command, click.Group):
        assert "--json" in [flag for param in command.params for flag in param.opts]


def test_the_page_of_commands_is_up_to_date() -> None:
    assert (DOCS / "cli.md").read_text() == commands_page(), MADE_BY


def test_the_page_of_settings_is_up_to_date() -> None:
    assert (DOCS / "configuration.md").read_text() == configuration_page(), MADE_BY


def test_the_pages_can_be_written(tmp_path: Path) -> None:
    write_pages(tmp_path / "docs")
    made = sorted(path.name for path in (tmp_path / "docs").iterdir())
    assert made == ["cli.md", "configuration.md", "flow-steps.md"]
