"""Runs the engine in threads beside the switch's loop, and tells it what was made."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from softswitch.call.speaking import Speak, Spoken
from softswitch.config.speech import Speech
from softswitch.speech.cache import SpeechCache
from softswitch.speech.engine import MOST_CHARACTERS, SpeechError, engine_of, no_engine

MOST_WAITING = 200
"""Requests under way at one time; one more fails at once, so that a flood of callers waits for no engine."""
MEBIBYTE = 1 << 20

log = logging.getLogger(__name__)


class Speaker:
    """Carries out `Speak`. `tell` is called on the loop with the outcome, unless nobody waits for it."""

    def __init__(self, settings: Speech, directory: Path, tell: Callable[[Spoken], None]) -> None:
        self._settings = settings
        self._engine = engine_of(settings)
        self._cache = SpeechCache(directory, settings.cache_mebibytes * MEBIBYTE)
        self._tell = tell
        self._waiting = 0
        # What callers wait for does not stand behind what is only made ready.
        self._now = ThreadPoolExecutor(2, "speech")
        self._ahead = ThreadPoolExecutor(1, "speech-ahead")

    def speak(self, wanted: Speak) -> None:
        loop = asyncio.get_running_loop()
        if wanted.request and self._waiting >= MOST_WAITING:
            failed = dict.fromkeys(wanted.texts, "too many texts are being spoken at one time")
            loop.call_soon(self._tell, Spoken(wanted.request, {}, failed))
            return
        if wanted.request:
            self._waiting += 1
        pool = self._now if wanted.request else self._ahead
        future = loop.run_in_executor(pool, self._make_all, wanted)
        future.add_done_callback(partial(self._made, wanted))

    def close(self) -> None:
        for pool in (self._now, self._ahead):
            pool.shutdown(wait=False, cancel_futures=True)

    def _made(self, wanted: Speak, future: asyncio.Future[Spoken]) -> None:
        if wanted.request:
            self._waiting -= 1
        if future.cancelled():
            return
        spoken = future.result()
        for text, why in spoken.failed.items():
            log.warning("the text %.80r could not be spoken: %s", text, why)
        self._tell(spoken)

    def _make_all(self, wanted: Speak) -> Spoken:
        """In a thread."""
        paths: dict[str, str] = {}
        failed: dict[str, str] = {}
        for text in wanted.texts:
            try:
                paths[text] = str(self.make(text, wanted.language))
            except SpeechError as error:
                failed[text] = str(error)
            except Exception as error:  # whoever waits must be told in any case
                log.exception("a text could not be spoken")
                failed[text] = type(error).__name__
        return Spoken(wanted.request, paths, failed)

    def make(self, text: str, language: str) -> Path:
        """The file of a text, from the cache or made now; blocks. Raises SpeechError."""
        engine, settings = self._engine, self._settings
        if engine is None:
            raise SpeechError(no_engine(settings))
        voice = engine.voice(language)
        if not voice:
            raise SpeechError(f"no voice for language {language}; set speech.voices.{language}")
        said = " ".join(text.split())[:MOST_CHARACTERS]
        path = self._cache.path(engine.identity, voice, said)
        if self._cache.used(path):
            return path
        began = time.monotonic()
        try:
            unfinished = self._cache.unfinished(path)
            try:
                engine.synthesize(said, voice, unfinished, settings.timeout_s)
                self._cache.keep(unfinished, path)
            finally:
                unfinished.unlink(missing_ok=True)
        except subprocess.CalledProcessError as error:
            said_why = error.stderr.decode(errors="replace").strip().splitlines()[-1:]
            raise SpeechError(f"{settings.engine} failed: {' '.join(said_why) or error}") from None
        except (OSError, subprocess.SubprocessError) as error:
            raise SpeechError(str(error)) from None
        log.debug("spoken within %.0f ms", 1000 * (time.monotonic() - began))
        return path
