"""A folder with finished recordings of a day."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from softswitch.archive.folder import Archive
from softswitch.media.recorded_sound import sha256_of
from softswitch.media.recording_chain import append
from softswitch.media.recording_file import write_certificate
from softswitch.media.tones import tone

DAY = "2026-01-31"
Record = Callable[..., Path]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "recordings" / DAY).mkdir(parents=True)
    return tmp_path / "recordings"


@pytest.fixture
def archive(root: Path) -> Archive:
    return Archive(root)


@pytest.fixture
def record(root: Path) -> Record:
    """Writes a recording of two tones, its certificate and its line in the chain."""

    def write(name: str = "c1.r1", seconds: float = 2.0, **about: Any) -> Path:
        path = root / DAY / f"{name}.wav"
        sides = [tone(hertz, seconds, 8000) for hertz in (440, 1000)]
        soundfile.write(path, np.stack(sides, axis=1), 8000, subtype="PCM_16")
        content = {"recording": name, "sha256": sha256_of(path), "about": {"retention": "ordinary", **about}}
        sealed = write_certificate(path, content)
        append(path.parent, "recorded", path.name, sha256=content["sha256"], certificate=sealed)
        return path

    return write


def chain_lines(root: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (root / DAY / "chain.jsonl").read_text().splitlines()]
