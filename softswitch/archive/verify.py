"""Whether recordings are what they were: file, certificate and chain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from softswitch.archive.folder import Archive, Recorded
from softswitch.media.recorded_sound import SoundError, sha256_of, wav_sha256
from softswitch.media.recording_chain import ChainBroken


@dataclass(frozen=True, slots=True)
class Finding:
    """One recording, or a whole day where `file` is empty; `problem` is empty where all is well."""

    day: str
    file: str
    state: str
    problem: str


def verify(archive: Archive, days: list[Path] | None = None) -> Iterator[Finding]:
    """Looks at every recording of these days, or all."""
    for day in archive.days() if days is None else days:
        try:
            recordings = archive.of_day(day)
        except (ChainBroken, OSError) as error:
            yield Finding(day.name, "", "chain", str(error))
            continue
        for recorded in recordings.values():
            yield check(recorded)
        for path in sorted(day.glob("*.wav.json")):
            if path.name.removesuffix(".json") not in recordings:
                yield Finding(day.name, path.name.removesuffix(".json"), "unknown", "not in the chain")


def check(recorded: Recorded) -> Finding:
    """Looks at one recording."""
    return Finding(recorded.day.name, recorded.file, _state(recorded), _problem(recorded))


def _state(recorded: Recorded) -> str:
    if recorded.erased:
        return "erased"
    return f"{recorded.form}, held" if recorded.held else recorded.form


def _problem(recorded: Recorded) -> str:
    try:
        if recorded.erased:
            there = [path for path in (recorded.wav, recorded.path) if path.exists()]
            return f"{there[0].name} is still there though it was erased" if there else ""
        if sha256_of(recorded.certificate_path) != recorded.certificate:
            return "the certificate was changed"
        if recorded.form == "wav":
            return "" if sha256_of(recorded.wav) == recorded.sha256 else "the file was changed"
        if sha256_of(recorded.path) != recorded.form_sha256:
            return f"{recorded.path.name} was changed"
        if recorded.form == "flac" and wav_sha256(recorded.path) != recorded.sha256:
            return f"{recorded.path.name} does not hold what was recorded"
        return ""
    except FileNotFoundError as error:
        return f"{Path(str(error.filename)).name} is missing"
    except (OSError, SoundError) as error:
        return f"cannot be read: {error}"
