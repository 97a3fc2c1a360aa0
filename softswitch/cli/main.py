"""The command softswitch: all nouns, and every error as one clear line."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from softswitch.cli.action import action
from softswitch.cli.agent import agent
from softswitch.cli.api_key import api_key
from softswitch.cli.apply import apply
from softswitch.cli.backend import backend
from softswitch.cli.backup import backup, restore
from softswitch.cli.ban import ban
from softswitch.cli.calendar import calendar
from softswitch.cli.call_control import presence
from softswitch.cli.callback import callback
from softswitch.cli.capacity import capacity
from softswitch.cli.cdr import cdr
from softswitch.cli.check import check
from softswitch.cli.conference import conference
from softswitch.cli.doctor import doctor
from softswitch.cli.flow import flow
from softswitch.cli.init import init
from softswitch.cli.live import call, registration, status, stop
from softswitch.cli.log import log
from softswitch.cli.mailbox import mailbox
from softswitch.cli.number import number
from softswitch.cli.options import KEY_VARIABLE, URL_VARIABLE, example
from softswitch.cli.queue import queue
from softswitch.cli.recording import recording
from softswitch.cli.report import report
from softswitch.cli.route import route
from softswitch.cli.run import demo, run
from softswitch.cli.simulate import simulate
from softswitch.cli.subject import subject
from softswitch.cli.top import top
from softswitch.cli.trace import trace
from softswitch.cli.trunk import trunk
from softswitch.cli.user import user
from softswitch.cli.voicemail import voicemail
from softswitch.cli.webhook import webhook
from softswitch.cli.why import why
from softswitch.config.errors import ConfigError
from softswitch.control import CommandError, NotRunning
from softswitch.store.lock import StoreLocked

USER_ERRORS = (ConfigError, CommandError, NotRunning, StoreLocked)
FAILED, MISUSED, INTERRUPTED = 1, 2, 130


class Softswitch(click.Group):
    """The group of all commands; errors of users end in one line each on standard error, no traceback."""

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **_: Any
    ) -> NoReturn:
        try:
            status = super().main(args, prog_name or "softswitch", standalone_mode=False)
            sys.stdout.flush()
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.ctx.get_help() if error.ctx else error.format_message(), err=True)
            sys.exit(MISUSED)
        except click.UsageError as error:
            stop_with(f"{error.format_message().rstrip('.')}; see {_path(error.ctx)} --help", error.exit_code)
        except click.ClickException as error:
            stop_with(error.format_message(), error.exit_code)
        except USER_ERRORS as error:
            stop_with(str(error), FAILED)
        except (click.Abort, KeyboardInterrupt):
            sys.exit(INTERRUPTED)
        except BrokenPipeError:
            # The reader (head, less) has seen enough; nothing may be written at exit either.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(FAILED)
        except OSError as error:
            stop_with(f"{error.filename or 'system'}: {error.strerror or error}", FAILED)
        sys.exit(status if isinstance(status, int) else 0)


def stop_with(message: str, status: int) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(status)


def _path(ctx: click.Context | None) -> str:
    return ctx.command_path if ctx is not None else "softswitch"


@click.group(
    "softswitch",
    cls=Softswitch,
    epilog=example("softswitch demo", "softswitch init centre", "softswitch run"),
)
@click.version_option(package_name="softswitch", message="%(prog)s %(version)s")
@click.option(
    "--url",
    envvar=URL_VARIABLE,
    help=f"Steer the centre with this API (https://pbx.example.com:8088); ${KEY_VARIABLE} has a key of it.",
)
def main(url: str | None) -> None:
    """A call centre in one package: SIP, IVR, queues, agents, recording."""
    if url:
        os.environ[URL_VARIABLE] = url


for _command in (
    run,
    demo,
    init,
    check,
    apply,
    status,
    stop,
    user,
    agent,
    queue,
    calendar,
    conference,
    trunk,
    number,
    route,
    simulate,
    capacity,
    flow,
    call,
    action,
    callback,
    registration,
    presence,
    ban,
    cdr,
    report,
    log,
    backend,
    backup,
    restore,
    recording,
    subject,
    top,
    trace,
    mailbox,
    voicemail,
    api_key,
    webhook,
    why,
    doctor,
):
    main.add_command(_command)
