"""Recordings of a telephone number that is to be forgotten."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from softswitch.archive.folder import Archive, NoRecording, Recorded
from softswitch.archive.upkeep import Tell, erase


class Held(PermissionError):
    """Recordings are under legal hold; the text names them."""


def erase_recordings(
    archive: Archive, rows: Iterable[Mapping[str, Any]], reason: str, by: str, tell: Tell
) -> list[str]:
    """Takes away sound and certificates of these rows of recordings, as far as they are there; their ids.
    Raises Held before any is gone, OSError."""
    found: list[tuple[str, Recorded]] = []
    for row in rows:
        try:
            found.append((str(row["recording"]), archive.find(str(row["path"]))))
        except (NoRecording, OSError):
            continue
    held = [name for name, recorded in found if recorded.held]
    if held:
        raise Held(f"recordings under legal hold: {', '.join(held)}")
    for _, recorded in found:
        erase(archive, recorded, reason, by, tell)
    return [name for name, _ in found]
