"""Text to speech with the engine of the system: what it says, what is kept, what happens without it."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from softswitch.call.speaking import Speak, Spoken
from softswitch.config.speech import Speech
from softswitch.speech import speaker as module
from softswitch.speech.cache import SpeechCache
from softswitch.speech.engine import MOST_CHARACTERS, SpeechError, no_engine
from softswitch.speech.speaker import Speaker


def speaker(directory: Path, **settings: object) -> Speaker:
    return Speaker(Speech.model_validate(settings), directory, lambda spoken: None)


@pytest.mark.parametrize(
    ("language", "text"), [("en", "Your balance is 42 euros."), ("zh", "您的余额是四十二元。")]
)
def test_a_text_becomes_sound(tmp_path: Path, language: str, text: str) -> None:
    samples, rate_hz = soundfile.read(speaker(tmp_path).make(text, language))
    assert 1 < len(samples) / rate_hz < 6
    assert np.sqrt((samples**2).mean()) > 0.02


def test_the_same_text_is_made_once(tmp_path: Path) -> None:
    speaks = speaker(tmp_path)
    first = speaks.make("Hello,\n  there", "en")
    made = first.stat().st_ino
    assert speaks.make("Hello, there", "en") == first
    assert first.stat().st_ino == made
    assert speaks.make("Hello, there", "zh") != first
    assert speaker(tmp_path, words_per_minute=200).make("Hello, there", "en") != first


def test_what_a_caller_gives_is_said_and_not_obeyed(tmp_path: Path) -> None:
    """Phoneme input, options and markup of the engine: long sounds for long texts, and no other file."""
    speaks = speaker(tmp_path / "speech")
    evil = f"-w {tmp_path}/evil.wav [[f'0]] <audio src='/etc/passwd'/>"
    said = soundfile.info(speaks.make(evil, "en")).duration
    assert said > 4
    assert not (tmp_path / "evil.wav").exists()


def test_a_text_that_never_ends_is_cut(tmp_path: Path) -> None:
    speaks = speaker(tmp_path)
    assert speaks.make("la " * 10_000, "en") == speaks.make(("la " * 10_000)[:MOST_CHARACTERS], "en")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"voices": {"en": "no-such-voice"}}, "no-such-voice|voice"),
        ({"engine": "none"}, "speech.engine is none"),
        ({"engine": "piper"}, "softswitch\\[speech\\]"),
        ({"timeout_s": 0.001}, "timed out"),
    ],
)
def test_why_a_text_is_not_spoken(tmp_path: Path, settings: dict[str, object], words: str) -> None:
    with pytest.raises(SpeechError, match=words):
        speaker(tmp_path, **settings).make("Hello", "en")
    assert not [*tmp_path.iterdir()], "nothing unfinished stays"


def test_a_language_without_voice(tmp_path: Path) -> None:
    with pytest.raises(SpeechError, match=r"speech\.voices\.xx"):
        speaker(tmp_path).make("Hello", "xx")


def test_no_engine_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    assert no_engine(Speech()) == ""
    monkeypatch.setenv("PATH", "")
    assert "apt-get install espeak-ng" in no_engine(Speech())


def test_the_least_recently_used_makes_way(tmp_path: Path) -> None:
    cache = SpeechCache(tmp_path, max_bytes=100)
    paths = [cache.path(name) for name in "abc"]
    for path in paths[:2]:
        unfinished = cache.unfinished(path)
        unfinished.write_bytes(b"x" * 45)
        cache.keep(unfinished, path)
    assert cache.used(paths[0]), "a is used again"
    unfinished = cache.unfinished(paths[2])
    unfinished.write_bytes(b"x" * 45)
    cache.keep(unfinished, paths[2])
    assert [cache.used(path) for path in paths] == [True, False, True]


def test_the_loop_goes_on_while_something_is_spoken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every request has one answer, in order of the texts; those that are too many at once at least that."""
    monkeypatch.setattr(module, "MOST_WAITING", 2)
    told: list[Spoken] = []

    async def ask() -> None:
        done = asyncio.Event()

        def tell(spoken: Spoken) -> None:
            told.append(spoken)
            if len(told) == 4:
                done.set()

        speaks = Speaker(Speech(), tmp_path, tell)
        for number in range(3):
            speaks.speak(Speak(f"c1.s{number}", "en", ("One.", "Two.")))
        speaks.speak(Speak("", "en", ("Three.",)))
        async with asyncio.timeout(10):
            await done.wait()
        speaks.close()

    asyncio.run(ask())
    by_request = {spoken.request: spoken for spoken in told}
    assert [*by_request["c1.s0"].paths] == ["One.", "Two."]
    assert "too many" in by_request["c1.s2"].failed["One."]
    assert not by_request["c1.s2"].paths
    assert subprocess.run(["ls", tmp_path], capture_output=True, check=True).stdout.count(b".wav") == 3
