"""The switch process: builds every object and connects it, starts, and stops. Nothing else constructs."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import inspect
import logging
import os
import secrets
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvloop

from softswitch import call_log, logs
from softswitch.backend.events import Attempt, AttemptEnded
from softswitch.call.commands import SwitchCommands
from softswitch.call.configured import changed
from softswitch.call.doctor import keep_again, kept_findings, live_state, row, tell, treat
from softswitch.call.exchange import Exchange, Prompts
from softswitch.call.outputs import Fact, RemoveFiles
from softswitch.call.restore import restore
from softswitch.call.speaking import Speak, Spoken
from softswitch.config import Node
from softswitch.config.errors import CONFLICT, NOT_FOUND, SHUTTING_DOWN, ConfigError
from softswitch.config.files import load_node
from softswitch.config.secrets import read_secrets, write_secrets
from softswitch.control import CommandError, ControlServer, only_reads
from softswitch.directory import ConfigCommands, Directory, Outcome
from softswitch.directory.prompts import Texts
from softswitch.media import libcrypto
from softswitch.media.client import MediaClient
from softswitch.media.recording_file import remove_within
from softswitch.net.backend_client import BackendClient
from softswitch.net.driver import Driver
from softswitch.net.sockets import from_environment
from softswitch.net.trace import open_trace
from softswitch.progress_tones import CADENCES, USUAL, tone_files
from softswitch.prompts import MUSIC, TONES, Manifest, load_manifest, prompts_directory, recorded_texts
from softswitch.python_flows import Program, compile_program, load_programs
from softswitch.speech.engine import no_engine
from softswitch.speech.speaker import Speaker
from softswitch.store.audit import kept_at, views_differ
from softswitch.store.erasure import InUse, mentions, require_unused
from softswitch.store.journal import Journal
from softswitch.store.livestate import load
from softswitch.store.subjects import normalised

SYNC_EVERY_S = 1.0
GOODBYE_S = 1.0
MEDIA_WAIT_S = 1.0

WHILE_DRAINING = ("stop", "recording.note")
"""Changing commands that are carried out to the end."""
REPEAT = "send the command again, with the same key, when it is there again"

VIEWS_WRONG = {
    "invariant": "views_differ",
    "subject": "views",
    "mend": "stop the switch, remove the database of the views and start: they are built from the journal",
    "mended": False,
}

log = logging.getLogger(__name__)


class Entropy:
    """Random bytes of the kernel, fetched many at a time: a call needs a dozen unguessable texts."""

    def __init__(self) -> None:
        self._bytes = b""
        self._used = 0

    def __call__(self, count: int) -> bytes:
        start, end = self._used, self._used + count
        if end > len(self._bytes):
            self._bytes = os.urandom(max(4096, count))
            start, end = 0, count
        self._used = end
        return self._bytes[start:end]


class Switch:
    """One switch process of a node, from its journal to its sockets."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._alarms: list[tuple[str, str]] = []
        self._logged: set[tuple[str, str]] = set()
        self.journal = Journal(
            node.state_dir, node=node.name, on_alarm=self._alarm, spill_directory=node.run_dir
        )
        self._former, _ = load(node.state_dir, self.journal)
        self.generation = int((self._former.get("generation") or {"value": 0})["value"]) + 1
        manifest = load_manifest(prompts_directory(node.prompts_dir))
        texts = Texts(recorded_texts(manifest), no_engine(node.speech))
        directory = Directory(node.sip.realm, read_secrets(node.secrets_path), manifest, texts)
        directory.restore(self._former)
        prompts = prompts_of(manifest)
        tones, national = progress_tones(node, prompts.tones)
        prompts = replace(prompts, tones=tones, national=national)
        self.exchange = Exchange(node, directory, prompts, nonce_secret=nonce_secret(node), entropy=Entropy())
        self.exchange.flows.compile_program = compile_program
        self.exchange.no_srtp = "" if libcrypto.available() else libcrypto.MISSING
        self._trace = open_trace(node)
        self.driver = Driver(self.exchange, self._write, from_environment(), self._trace)
        self._speaker = Speaker(node.speech, node.speech_path, self._spoken)
        self.driver.outside[Speak] = self._speaker.speak
        self.driver.outside[RemoveFiles] = self._remove_files
        self._backend_client = BackendClient(self._attempted)
        self.driver.outside[Attempt] = self._backend_client.attempt
        self._config = ConfigCommands(directory, lambda values: write_secrets(node.secrets_path, values))
        self._commands = SwitchCommands(self.exchange)
        self._several_turns: dict[str, Callable[[dict[str, Any]], Any]] = {
            "stop": self._stop_all,
            "subject.erase": lambda args: self._erase_subject(str(args.get("number") or "")),
            "doctor": lambda args: self._doctor(mend=bool(args.get("mend", True)), views=True),
        }
        self._control = ControlServer(node.control_path, self.command)
        self._stop = asyncio.Event()
        self._media_up = asyncio.Event()

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        self._set_clock()
        clients = [self._media_client(number) for number in range(self.node.media.worker_count)]
        self.driver.media = clients
        programs = self._programs()
        self.exchange.flows.programs = programs
        self.driver.turn(lambda now, out: restore(self.exchange, self._former, self.generation, now, out))
        self.driver.turn(lambda now, out: self._take_programs(programs, now, out))
        for client in clients:
            client.start()
        await self._media_ready()
        self.driver.listen()
        await self._control.start()
        housekeeping = loop.create_task(self._housekeeping())
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        print("ready", flush=True)
        await self._stop.wait()
        housekeeping.cancel()
        await self._close()

    async def _media_ready(self) -> None:
        """Leave the first messages in the kernel until there are ports for their calls, but not for long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(MEDIA_WAIT_S):
                await self._media_up.wait()

    def _media_event(self, number: int, event: dict[str, Any]) -> None:
        self.driver.media_event(number, event)
        if self.exchange.media.ready:
            self._media_up.set()

    def _spoken(self, spoken: Spoken) -> None:
        if spoken.request:
            self.driver.turn(lambda now, out: self.exchange.spoken(spoken, now, out))

    def _attempted(self, ended: AttemptEnded) -> None:
        self.driver.turn(lambda now, out: self.exchange.backends.attempted(ended, now, out))

    def _remove_files(self, removal: RemoveFiles) -> None:
        """Only what lies among the recordings."""
        loop = asyncio.get_running_loop()
        loop.run_in_executor(None, remove_within, self.node.recording.directory, removal.paths)

    def command(self, name: str, args: dict[str, Any], key: str = "") -> Any:
        """A command from the control socket; with `key` it is carried out once, however often it is sent."""
        changes = not only_reads(name, args)
        key = key if changes else ""
        keys = self.exchange.idempotency
        former = keys.former(key, name, args)
        if former is not None:
            return former.reply
        if changes and self.exchange.draining and name not in WHILE_DRAINING:
            raise CommandError("the switch is shutting down", REPEAT, code=SHUTTING_DOWN)
        several_turns = self._several_turns.get(name)
        if several_turns is None:
            return self.driver.turn(
                lambda now, out: keys.once(
                    key, name, args, lambda: self._in_one_turn(name, args, now, out), out
                )
            )
        reply = several_turns(args)
        if inspect.isawaitable(reply):
            return self._remembered(key, name, args, reply)
        self.driver.turn(lambda now, out: keys.remember(key, name, args, reply, out))
        return reply

    def _in_one_turn(self, name: str, args: dict[str, Any], now: float, out: list[Any]) -> Any:
        """All that comes of it is in the journal with one write, the key too."""
        if self._config.knows(name):
            return self._configure(name, args, now, out)
        if not self._commands.knows(name):
            hint = "this switch may be older than the command line"
            raise CommandError(f"there is no command {name!r}", hint, code=NOT_FOUND)
        return self._commands.handle(name, args, now, out)

    async def _remembered(self, key: str, name: str, args: dict[str, Any], reply: Awaitable[Any]) -> Any:
        result = await reply
        keys = self.exchange.idempotency
        self.driver.turn(lambda now, out: keys.remember(key, name, args, result, out))
        return result

    def _stop_all(self, args: dict[str, Any]) -> dict[str, Any]:
        os.kill(os.getppid(), signal.SIGTERM)
        return {"stopping": True}

    def _erase_subject(self, number: str) -> dict[str, Any]:
        """Forget a telephone number in the journal, in memory and in the trace."""
        state = live_state(self.exchange) | {"configuration": self.exchange.centre.model_dump(mode="json")}
        try:
            require_unused(state, number)
        except InUse as error:
            raise CommandError(str(error), "softswitch status shows the calls", code=CONFLICT) from None
        self.driver.turn(lambda now, out: self._forget_number(number, out))
        erased = self.journal.erase_subject(number)
        if self._trace is not None:
            self._trace.wipe()
        return {"subjects": erased}

    def _forget_number(self, number: str, out: list[Any]) -> None:
        wanted = normalised(number)
        self.exchange.last_agents.forget(lambda each: normalised(each) == wanted, out)
        self.exchange.idempotency.forget(mentions(number), out)

    async def _doctor(self, *, mend: bool, views: bool) -> list[dict[str, Any]]:
        """Rows of what does not hold: in memory, in the journal, and in the views."""

        def look(now: float, out: list[Any]) -> Any:
            found = treat(self.exchange, now, out, mend=mend)
            return found, live_state(self.exchange), set(self.exchange.calls)

        rows, live, calls = self.driver.turn(look)
        position, written = self.journal.log_position, not self.journal.pending_bytes
        run = asyncio.get_running_loop().run_in_executor
        kept = await run(None, kept_at, self.node.state_dir, position) if written else None
        wrong = [row(each) for each in kept_findings(live, kept)] if kept is not None else []
        for each in wrong:
            each["mended"] = mend
        if views:
            messages = await run(None, views_differ, self.node.state_dir, position, calls)
            wrong += [{**VIEWS_WRONG, "message": message} for message in messages]
        if wrong:
            self.driver.turn(lambda now, out: self._mend_kept(wrong, out))
        for each in (*rows, *wrong):
            log.warning("invariant broken, %s: %s; %s", each["invariant"], each["message"], each["mend"])
        return [*rows, *wrong]

    async def _doctor_after_start(self) -> None:
        """Not before the first calls have been served, which should not notice it."""
        try:
            await self._doctor(mend=True, views=False)
        except Exception:
            log.exception("what must hold after a start could not be checked")

    def _mend_kept(self, wrong: list[dict[str, Any]], out: list[Any]) -> None:
        tell(wrong, out)
        keep_again(self.exchange, (each["subject"] for each in wrong if each["mended"]), out)

    def _configure(self, name: str, args: dict[str, Any], now: float, out: list[Any]) -> Any:
        programs = load_programs(self.node.python_flows) if name == "apply" else None
        if programs is not None:
            self.exchange.directory.flows.python = programs
        outcome: Outcome = self._config.handle(name, args)
        if programs is not None and outcome.result["applied"]:
            self._take_programs(programs, now, out)
        changed(self.exchange, outcome.changes, now, out)
        return outcome.result

    def _programs(self) -> dict[str, Program]:
        """The flows in Python; where one is wrong an alarm says so, and calls go on as if there were none."""
        try:
            return load_programs(self.node.python_flows)
        except ConfigError as error:
            for problem in error.problems:
                self._alarm("flow_failed", problem.message)
            return {}

    def _take_programs(self, programs: Mapping[str, Program], now: float, out: list[Any]) -> None:
        self.exchange.directory.flows.python = programs
        self.exchange.flows.programs_loaded(programs, now, out)

    def _media_client(self, number: int) -> MediaClient:
        return MediaClient(
            self.node.run_dir / f"media-{number}.sock",
            lambda event: self._media_event(number, event),
            self.generation,
            on_lost=lambda: self.driver.media_lost(number),
        )

    def _alarm(self, code: str, message: str) -> None:
        """From whichever thread noticed: told on standard error now and in the journal with the next sync."""
        logs.alarm(code, message)
        self._logged.add((code, message))
        self._alarms.append((code, message))

    def _write(self, facts: list[dict[str, Any]]) -> int:
        call_log.tell(((fact["type"], fact["data"]) for fact in facts), self._logged)
        return self.journal.append(facts)

    async def _housekeeping(self) -> None:
        """Once a second what was written becomes durable; news of the disk goes into the journal."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(SYNC_EVERY_S)
        await self._doctor_after_start()
        while True:
            await asyncio.sleep(SYNC_EVERY_S)
            self._set_clock()
            if self._trace is not None:
                self._trace.forget()
            await loop.run_in_executor(None, self.journal.sync)
            alarms, self._alarms = self._alarms, []
            for code, message in alarms:
                self._tell(code, message)

    def _tell(self, code: str, message: str) -> None:
        self.driver.turn(
            lambda now, out: out.append(Fact("alarm_raised", {"code": code, "message": message}))
        )

    def _set_clock(self) -> None:
        self.exchange.clock_set(time.time() - time.monotonic())

    async def _close(self) -> None:
        """End what is up with a reason, wait for the last messages and recordings."""
        self.exchange.draining = True
        self.driver.turn(self._end_calls)
        deadline = asyncio.get_running_loop().time() + GOODBYE_S
        exchange = self.exchange
        while exchange.recordings or exchange.voicemail.recording:
            if asyncio.get_running_loop().time() >= deadline:
                break
            await asyncio.sleep(0.05)
        await self._control.close()
        await self.driver.stop()
        self._speaker.close()
        await self._backend_client.close()
        self.journal.close()

    def _end_calls(self, now: float, out: list[Any]) -> None:
        for call in [*self.exchange.calls.values()]:
            call.end("shutting_down", "switch", now, out)


def prompts_of(manifest: Manifest) -> Prompts:
    """The paths of the prompt files by language and name."""
    paths = {
        section: {name: each.path for name, each in prompts.items()} for section, prompts in manifest.items()
    }
    texts = {
        section: {each.text: each.path for each in prompts.values()} for section, prompts in manifest.items()
    }
    return Prompts(music=paths.pop(MUSIC, {}), tones=paths.pop(TONES, {}), spoken=paths, texts=texts)


def progress_tones(node: Node, supplied: dict[str, str]) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """Tone files by name: of the country that is set, else those `supplied` with the prompts and, by country,
    what goes before them as soon as the centre says where it is."""
    directory = node.run_dir / "tones"
    if node.media.tones is not None:
        return {**supplied, **tone_files(directory, node.media.tones)}, {}
    national: dict[str, dict[str, str]] = {each: tone_files(directory, each) for each in CADENCES}
    return {**national[USUAL], **supplied}, national


def nonce_secret(node: Node) -> bytes:
    """The key of the nonces: configured, or made once and kept, so that they outlive a restart."""
    if node.sip.nonce_secret is not None:
        return node.sip.nonce_secret.encode()
    path = node.state_dir / "nonce.key"
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(32))
    return path.read_bytes()


async def _serve(node: Node) -> None:
    await Switch(node).run()


def main(config: str, *options: str) -> None:
    """The switch process of `softswitch run`; its sockets are inherited from the parent.

    With `--wait` it begins when a line comes on standard input, and ends when that is closed.
    """
    if "--wait" in options and not sys.stdin.readline():
        return
    node = load_node(Path(config))
    logs.configure("switch", node.log.level)
    uvloop.run(_serve(node))


if __name__ == "__main__":
    main(*sys.argv[1:])
