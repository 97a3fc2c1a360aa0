"""The recordings of a local folder: one directory a day, in it files, certificates and the chain."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from softswitch.media.recording_chain import append, read
from softswitch.media.recording_file import RecordingRefused, path_within

COMPRESSED = {"flac": ".flac", "opus": ".opus"}
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}\.wav")


class NoRecording(Exception):
    """There is no such file; the text says why."""


@dataclass(slots=True)
class Recorded:
    """One recording by its chain: where it is, what it should be, how long it stays."""

    day: Path
    file: str
    at: float
    sha256: str
    certificate: str
    form: str = "wav"
    form_sha256: str = ""
    retention: str | None = None
    held: bool = False
    erased: bool = False
    lines: list[dict[str, Any]] = field(default_factory=list)

    @property
    def wav(self) -> Path:
        return self.day / self.file

    @property
    def path(self) -> Path:
        """The file that holds the sound now."""
        return self.wav if self.form == "wav" else self.wav.with_suffix(COMPRESSED[self.form])

    @property
    def certificate_path(self) -> Path:
        return self.day / f"{self.file}.json"

    def about(self) -> dict[str, Any]:
        """The certificate. Raises OSError, or ValueError where it is damaged."""
        content = orjson.loads(self.certificate_path.read_bytes())
        if not isinstance(content, dict):
            raise ValueError(f"{self.certificate_path} is no certificate")
        return content


class Archive:
    """`root` is the directory of the recordings."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    def days(self) -> list[Path]:
        if not self.root.is_dir():
            raise NoRecording(f"there is no directory {self.root}; recording.directory names it")
        return sorted(day for day in self.root.iterdir() if _DAY.fullmatch(day.name) and day.is_dir())

    def of_day(self, day: Path) -> dict[str, Recorded]:
        """What the chain of the day says, by file. Raises ChainBroken, OSError."""
        found: dict[str, Recorded] = {}
        for line in read(day):
            _take(found, day, line)
        return found

    def all(self) -> Iterator[Recorded]:
        for day in self.days():
            yield from self.of_day(day).values()

    def find(self, path: str) -> Recorded:
        """The recording whose WAV file was made at `path`.

        Raises NoRecording where it is not in the archive or not finished, ChainBroken, OSError.
        """
        recorded = self.listed(path)
        if recorded.erased:
            raise NoRecording(f"{path}: erased")
        return recorded

    def listed(self, path: str) -> Recorded:
        """The same, erased or not."""
        try:
            place = path_within(self.root, path)
        except RecordingRefused as refused:
            raise NoRecording(str(refused)) from None
        recorded = self.of_day(place.parent).get(place.name)
        if recorded is None:
            raise NoRecording(f"{path}: not finished yet, or not recorded by this switch")
        return recorded

    def note(self, recorded: Recorded, what: str, **more: Any) -> None:
        """A line in the chain. Raises OSError, ChainBroken."""
        _take({recorded.file: recorded}, recorded.day, append(recorded.day, what, recorded.file, **more))


def _take(found: dict[str, Recorded], day: Path, line: dict[str, Any]) -> None:
    file, what = str(line["file"]), line["what"]
    if not _FILE.fullmatch(file):
        return  # never a path out of the folder
    if what == "recorded":
        found[file] = Recorded(day, file, line["at"], line["sha256"], line["certificate"])
    recorded = found.get(file)
    if recorded is None:
        return
    recorded.lines.append(line)
    if what == "compressed" and line["form"] in COMPRESSED:
        recorded.form, recorded.form_sha256 = line["form"], line["sha256"]
    elif what == "class":
        recorded.retention = line["retention"]
    elif what in ("hold", "release"):
        recorded.held = what == "hold"
    elif what == "erased":
        recorded.erased = True
