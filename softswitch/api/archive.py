"""Finished recordings: finding them, hearing them, and what else is done with them."""

from __future__ import annotations

import asyncio
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from softswitch.api.callers import Caller
from softswitch.api.problem import ApiError
from softswitch.api.switch import SwitchClient, new_key
from softswitch.archive.folder import Archive, NoRecording, Recorded
from softswitch.archive.subjects import erase_recordings
from softswitch.archive.upkeep import erase, keep
from softswitch.archive.verify import Finding, check
from softswitch.media.recording_chain import NAME as CHAIN
from softswitch.media.recording_chain import ChainBroken
from softswitch.media.recording_file import RecordingRefused, path_within

T = TypeVar("T")
THREADS = 4
TELLING_S = 60.0
LISTENING_S = 300.0
"""Parts of a recording that one caller asks for within this time are one listening."""
REMEMBERED = 10_000
KNOWN_DAYS = 8
KNOWN_CHECKS = 1000
Signature = tuple[int, int, int]


class KnownDays(Archive):
    """An archive that reads the chain of a day again only when it has changed."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._days: OrderedDict[Path, tuple[Signature, dict[str, Recorded]]] = OrderedDict()

    def of_day(self, day: Path) -> dict[str, Recorded]:
        signature = _signature(day / CHAIN)
        known = self._days.get(day)
        if known is not None and known[0] == signature:
            return known[1]
        found = super().of_day(day)
        self._days[day] = (signature, found)
        if len(self._days) > KNOWN_DAYS:
            self._days.popitem(last=False)
        return found


class Recordings:
    """The recordings of one node. Files are read by threads; facts are told by the switch, before a sound
    leaves or anything is changed."""

    def __init__(self, directory: Path, switch: SwitchClient) -> None:
        self.archive = KnownDays(directory)
        self._switch = switch
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="files")
        # One at a time: to check is to read the whole file.
        self._checker = ThreadPoolExecutor(1, thread_name_prefix="check")
        self._listening: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._checked: OrderedDict[tuple[Any, ...], Finding] = OrderedDict()

    async def threads(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def find(self, recording: str, path: str) -> Recorded:
        """By where its WAV file was made. ApiError 404, 409."""
        recorded = await self.listed(recording, path)
        if recorded.erased:
            raise ApiError(404, f"recording {recording!r} is erased")
        return recorded

    async def listed(self, recording: str, path: str) -> Recorded:
        """The same, erased or not."""
        try:
            return await self.threads(lambda: self.archive.listed(path))
        except NoRecording:
            raise ApiError(
                404, f"recording {recording!r} is not finished yet, or not of this machine"
            ) from None
        except ChainBroken as error:
            raise ApiError(409, str(error), "softswitch recording verify") from None

    async def open(self, path: Path) -> BinaryIO:
        """ApiError 404 where the file is gone."""
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            return await self.threads(lambda: open(os.open(path, flags), "rb", buffering=0))
        except OSError as error:
            raise ApiError(404, f"{path.name} cannot be read: {error.strerror}") from None

    async def check(self, recorded: Recorded) -> Finding:
        """Whether it is what it was. Known until one of its files changes."""
        files = (recorded.certificate_path, recorded.path, recorded.day / CHAIN)
        wanted = (recorded.wav, *map(_signature, files))
        found = self._checked.get(wanted)
        if found is None:
            found = await asyncio.get_running_loop().run_in_executor(self._checker, check, recorded)
            self._checked[wanted] = found
            if len(self._checked) > KNOWN_CHECKS:
                self._checked.popitem(last=False)
        return found

    # What is put on record

    async def heard(self, recording: str, caller: Caller) -> None:
        """Somebody is about to hear it."""
        now, who = time.monotonic(), (caller.by, recording)
        if now - self._listening.get(who, -LISTENING_S) >= LISTENING_S:
            await self.tell("recording_played", {"recording": recording, "by": caller.by})
            self._listening[who] = now
            self._listening.move_to_end(who)
            if len(self._listening) > REMEMBERED:
                self._listening.popitem(last=False)

    async def tell(self, type: str, data: dict[str, Any]) -> None:
        """Makes a fact. ApiError 503 while no switch answers."""
        key = f"{data['by']}/{new_key()}"
        await self._switch.call("recording.note", {"type": type, **data}, key=key)

    async def keep(
        self, recorded: Recorded, caller: Caller, retention: str | None, held: bool | None
    ) -> None:
        tell = self._teller()
        await self._changed(
            lambda: keep(self.archive, recorded, caller.by, tell, retention=retention, held=held)
        )

    async def erase(self, recorded: Recorded, caller: Caller, reason: str) -> None:
        """ApiError 409 under legal hold."""
        tell = self._teller()
        await self._changed(lambda: erase(self.archive, recorded, reason, caller.by, tell))

    async def erase_all(self, rows: Sequence[Mapping[str, Any]], caller: Caller, reason: str) -> list[str]:
        """Those of these rows that are there; their ids. ApiError 409, before any is gone, if one is held."""
        tell = self._teller()
        return await self._changed(lambda: erase_recordings(self.archive, rows, reason, caller.by, tell))

    def inside(self, path: Path) -> Path:
        """The path of a WAV file, if it is among the recordings. ApiError 404."""
        try:
            return path_within(self.archive.root, str(path))
        except RecordingRefused as refused:
            raise ApiError(404, str(refused)) from None

    async def _changed(self, work: Callable[[], T]) -> T:
        try:
            return await self.threads(work)
        except PermissionError as error:
            raise ApiError(409, str(error), "end the hold first: POST …/keep with hold false") from None
        except (OSError, ChainBroken) as error:
            raise ApiError(409, f"the archive cannot be written: {error}") from None

    def _teller(self) -> Callable[[str, dict[str, Any]], None]:
        """What tells facts from a thread."""
        loop = asyncio.get_running_loop()
        return lambda type, data: asyncio.run_coroutine_threadsafe(self.tell(type, data), loop).result(
            TELLING_S
        )

    def close(self) -> None:
        for threads in (self._threads, self._checker):
            threads.shutdown(wait=False, cancel_futures=True)


def _signature(path: Path) -> Signature:
    try:
        status = path.stat()
    except FileNotFoundError:
        return (0, 0, 0)
    return status.st_ino, status.st_size, status.st_mtime_ns
