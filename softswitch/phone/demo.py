"""`softswitch demo`: a whole call centre on loopback, with callers and agents at simulated phones."""

from __future__ import annotations

import asyncio
import contextlib
import json as jsonlib
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from rich.console import Console

from softswitch.phone.centre import centre_settings, invitation, new_access, node_settings
from softswitch.phone.phone import NotRegistered
from softswitch.phone.show import Show
from softswitch.phone.system import System, SystemFailed
from softswitch.phone.verdict import Verdict

OK, FAILED, INTERRUPTED = 0, 1, 130
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_demo(*, calls: int | None, json: bool, keep: Path | None = None, seed: int | None = None) -> int:
    """Run the demo and return its exit status.

    `calls`: stop after so many finished calls, and succeed only if all went as it should; None: go on until
    interrupted. `json`: print the figures as one object on the last line of standard output. `keep`: the
    directory for all files, which stays; otherwise a temporary one, which is removed. `seed` repeats the
    same arrivals and choices.
    """
    with _directory(keep) as directory:
        try:
            verdict = asyncio.run(_demonstrate(directory, calls, json, seed))
        except SystemFailed as error:
            print(f"softswitch demo: {error}", file=sys.stderr)
            return FAILED
        except (KeyboardInterrupt, asyncio.CancelledError):
            return OK if calls is None else INTERRUPTED
    for complaint in verdict.complaints:
        print(f"softswitch demo: {complaint}", file=sys.stderr)
    if json:
        print(jsonlib.dumps(verdict.figures.to_json()), flush=True)
    else:
        print(", ".join(f"{name} {value}" for name, value in verdict.figures.to_json().items()))
    return FAILED if verdict.complaints else OK


async def _demonstrate(directory: Path, calls: int | None, json: bool, seed: int | None) -> Verdict:
    access = new_access()
    system = System(directory, node_settings(directory, access))
    print(invitation(access), file=sys.stderr if json else sys.stdout, flush=True)
    with _interruptible():
        try:
            await system.start(centre_settings(access))
            show = Show(system, access, random.Random(seed), calls, _console(json), invitation(access))
            async with contextlib.aclosing(show):
                verdict = await show.run()
            if verdict.complaints:
                verdict.complaints += system.log_tail()
            return verdict
        except (SystemFailed, NotRegistered) as error:
            raise SystemFailed("\n".join([str(error), *system.log_tail()])) from error
        finally:
            await system.stop()


def _console(json: bool) -> Console | None:
    """Where the course of things is shown; None when a program is reading."""
    return None if json else Console(highlight=False)


@contextmanager
def _interruptible() -> Iterator[None]:
    """The first Ctrl-C, SIGTERM or closed terminal ends the demo in order; further ones change nothing."""
    task = asyncio.current_task()
    assert task is not None
    interrupted = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        if not interrupted:
            interrupted = True
            task.get_loop().call_soon_threadsafe(task.cancel)

    former = {number: signal.signal(number, interrupt) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


@contextmanager
def _directory(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        keep.mkdir(mode=0o700, parents=True, exist_ok=True)
        yield keep.resolve()
        return
    directory = Path(tempfile.mkdtemp(prefix="softswitch-demo-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
