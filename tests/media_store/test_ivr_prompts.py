"""The prompts supplied: manifest, files and texts agree, and the audio is fit for the telephone."""

from __future__ import annotations

import importlib.util
import json
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from softswitch.ivr import numbers
from softswitch.media.prompts import PromptCache
from softswitch.prompts import MUSIC, TONES, Prompt, PromptsMissing, load_manifest, prompts_directory

ROOT = Path(__file__).resolve().parents[2]
DIRECTORY = prompts_directory()
MANIFEST = load_manifest(DIRECTORY)
SPOKEN = [(language, name) for language in ("en", "zh") for name in MANIFEST[language]]
RATE_HZ = 16_000

NEEDED = (
    "welcome main_menu invalid_choice no_input please_wait all_agents_busy you_are_number next_in_line "
    "goodbye queue_sales queue_support queue_billing call_recorded thank_you technical_problem "
    "number_not_in_service enter_pin wrong_pin agent_signed_in agent_signed_out agent_available "
    "agent_on_break not_permitted beep"
).split()


@cache
def texts() -> ModuleType:
    spec = importlib.util.spec_from_file_location("texts", ROOT / "scripts" / "make_prompts_texts.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def samples(prompt: Prompt) -> NDArray[np.float64]:
    content, rate_hz = soundfile.read(prompt.path, always_2d=True)
    assert rate_hz == RATE_HZ and content.shape[1] == 1
    return np.asarray(content[:, 0], dtype=np.float64)


def frame_power(audio: NDArray[np.float64]) -> NDArray[np.float64]:
    """Per 10 ms."""
    frame = RATE_HZ // 100
    whole = audio[: len(audio) // frame * frame].reshape(-1, frame)
    return np.asarray((whole**2).mean(axis=1) + 1e-12)


def sounding_dbfs(audio: NDArray[np.float64]) -> float:
    power = frame_power(audio)
    return float(10 * np.log10(power[power > power.max() * 10**-4.2].mean()))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_everything_a_flow_needs_is_there(language: str) -> None:
    wanted = set(NEEDED)
    for value in (*range(10_000), *(10**power - 1 for power in range(5, 13))):
        wanted.update(numbers.number(value, language))
    for ordinal in range(366):
        wanted.update(numbers.spoken_date(str(date(2024, 1, 1) + timedelta(ordinal)), language))
    for minute in range(24 * 60):
        wanted.update(numbers.spoken_time(f"{minute // 60}:{minute % 60:02}", language))
    for currency in numbers.CURRENCIES:
        for amount in ("-2", "1.01", "0.01", "0.50", "12.34", "2.02", "3.05"):
            wanted.update(numbers.spoken_money(f"{amount} {currency}", language))
    for place in (1, 2, 15, 107):
        wanted.update(numbers.position(place, language))
    wanted.update(numbers.digits("0123456789"))
    assert wanted <= set(MANIFEST[language])
    grammar = set(texts().english_numbers())
    assert set(MANIFEST["en"]) - set(MANIFEST["zh"]) <= grammar


def test_the_manifest_names_every_file_and_no_other() -> None:
    named = {Path(prompt.path) for prompts in MANIFEST.values() for prompt in prompts.values()}
    assert named == set(DIRECTORY.rglob("*.flac"))


def test_the_texts_are_those_the_script_speaks() -> None:
    module = texts()
    english = {name: text for name, (text, _) in module.PHRASES.items()} | module.english_numbers()
    mandarin = {
        name: spoken if isinstance(spoken, str) else spoken[0] for name, (_, spoken) in module.PHRASES.items()
    } | module.mandarin_numbers()
    for language, expected in (("en", english), ("zh", mandarin)):
        told = {name: prompt.text for name, prompt in MANIFEST[language].items() if name != "beep"}
        assert told == expected


@pytest.mark.parametrize(("language", "name"), SPOKEN)
def test_a_prompt_is_of_sane_length_and_level(language: str, name: str) -> None:
    prompt = MANIFEST[language][name]
    audio = samples(prompt)
    assert abs(len(audio) / RATE_HZ - prompt.seconds) < 0.01
    units = len(prompt.text) if language == "zh" else len(prompt.text) / 4
    assert 0.3 <= prompt.seconds <= 0.5 + 0.45 * units
    assert abs(sounding_dbfs(audio) + 20) < 0.5
    assert np.abs(audio).max() < 0.9, "clipped"
    assert abs(audio.mean()) < 0.002, "a constant offset clicks at start and end"
    assert np.abs(audio[[0, -1]]).max() < 0.01, "starts or ends with a click"
    assert np.flatnonzero(frame_power(audio) > 10**-4.5)[0] <= 15, "starts with more than 150 ms of silence"


def test_no_two_prompts_sound_the_same() -> None:
    seen: dict[bytes, str] = {}
    for language, name in SPOKEN:
        prompt = MANIFEST[language][name]
        former = seen.setdefault(samples(prompt).tobytes(), prompt.text)
        assert former == prompt.text


def pitch(audio: NDArray[np.float64]) -> NDArray[np.float64]:
    """Hertz every 20 ms of the voiced part, by autocorrelation."""
    width, shortest, longest = 800, RATE_HZ // 420, RATE_HZ // 110
    found = []
    for start in range(0, len(audio) - width, RATE_HZ // 50):
        window = audio[start : start + width] * np.hanning(width)
        correlation = np.correlate(window, window, "full")[width - 1 :]
        lag = shortest + int(correlation[shortest:longest].argmax())
        if (window**2).mean() > 4e-4 and correlation[lag] > 0.4 * correlation[0]:
            found.append(RATE_HZ / lag)
    return np.array(found)


@pytest.mark.parametrize(
    ("tone", "names"),
    [
        ("level", "n_1 n_3 n_7 n_8 n_thousand"),
        ("rising", "n_0 n_10"),
        ("low", "n_5 n_9 n_hundred n_liang"),
        ("falling", "n_2 n_4 n_6 n_wan"),
    ],
)
def test_mandarin_numbers_carry_their_tones(tone: str, names: str) -> None:
    for name in names.split():
        hertz = pitch(samples(MANIFEST["zh"][name]))
        first, middle, last = (float(np.median(part)) for part in np.array_split(hertz, 3))
        heard = {
            "level": min(first, middle, last) > 280,
            "rising": last > 1.12 * first and 205 < middle < 260,
            "low": middle < 200 and middle < min(first, last),
            "falling": first > 280 and last < 0.85 * first,
        }
        assert [kind for kind, is_heard in heard.items() if is_heard] == [tone], (name, first, middle, last)


def test_the_hold_music_loops_without_a_click() -> None:
    audio = samples(MANIFEST[MUSIC]["hold"])
    assert 30 <= len(audio) / RATE_HZ <= 60
    assert abs(sounding_dbfs(audio) + 24) < 0.5 and np.abs(audio).max() < 0.9
    around = np.concatenate((audio[-2:], audio[:2]))
    bends = np.abs(np.diff(audio, 2))
    assert np.abs(np.diff(around, 2)).max() <= np.quantile(bends, 0.999)
    power = frame_power(np.roll(audio, RATE_HZ // 2))
    assert power.min() > power.mean() / 300, "a gap in the music"


def test_the_folder_stays_small() -> None:
    assert sum(path.stat().st_size for path in DIRECTORY.rglob("*") if path.is_file()) < 12 * 1024 * 1024


@pytest.mark.parametrize("rate_hz", [8000, 16_000])
def test_every_prompt_can_be_played(rate_hz: int) -> None:
    cache = PromptCache()
    for prompts in MANIFEST.values():
        for prompt in prompts.values():
            assert abs(len(cache.load(prompt.path, rate_hz)) / rate_hz - prompt.seconds) < 0.01


def test_a_directory_of_ones_own_is_used(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "hi.wav", np.zeros(800), 8000)
    entry = {"file": "hi.wav", "text": "Hi.", "seconds": 0.1}
    (tmp_path / "manifest.json").write_text(json.dumps({"en": {"welcome": entry}}))
    prompts = load_manifest(prompts_directory(tmp_path))
    assert prompts == {"en": {"welcome": Prompt(str(tmp_path / "hi.wav"), "Hi.", 0.1)}}


def test_a_directory_without_a_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(PromptsMissing, match=str(tmp_path)):
        prompts_directory(tmp_path)


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        ("{", "manifest.json"),
        ("[]", "allowed"),
        ('{"en": []}', "allowed"),
        ('{"en": {"a": {}}}', "file"),
        ('{"en": {"a": {"file": "a.wav", "text": "", "seconds": 1}}}', "a.wav is missing"),
        ('{"en": {"a": {"file": "../b.wav", "text": "", "seconds": 1}}}', "outside"),
        ('{"en": {"a": {"file": "/etc/passwd", "text": "", "seconds": 1}}}', "outside"),
    ],
)
def test_a_wrong_manifest_says_what_is_wrong(tmp_path: Path, manifest: str, said: str) -> None:
    directory = tmp_path / "prompts"
    directory.mkdir()
    (tmp_path / "b.wav").touch()
    (directory / "manifest.json").write_text(manifest)
    with pytest.raises(PromptsMissing, match=said):
        load_manifest(directory)


@pytest.mark.parametrize(("name", "on_s"), [("ringback", 1.0), ("busy", 0.48)])
def test_a_tone_is_one_period_of_its_cadence(name: str, on_s: float) -> None:
    audio = samples(MANIFEST[TONES][name])
    sounding = frame_power(audio) > 10**-4.5
    assert sounding[: round(on_s * 100)].all() and not sounding[round(on_s * 100) :].any()
    spectrum = np.abs(np.fft.rfft(audio[: round(on_s * RATE_HZ)]))
    assert abs(int(spectrum.argmax()) / on_s - 425) < 2
    assert abs(sounding_dbfs(audio) + 24) < 0.5
