"""What happens to finished recordings by themselves: they are compressed, and erased when it is time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from softswitch.archive.folder import COMPRESSED, Archive, Recorded
from softswitch.config.recording import ORDINARY
from softswitch.media.recorded_sound import NotTheSame, SoundError, compress, sha256_of
from softswitch.media.recording_chain import ChainBroken

DAY_S = 86_400.0
Tell = Callable[[str, dict[str, Any]], None]
log = logging.getLogger(__name__)


class Upkeep:
    """`tell` makes a fact of (type, data) or raises OSError: then the next round tells it."""

    def __init__(self, archive: Archive, form: str, retention_days: Mapping[str, int], tell: Tell) -> None:
        self._archive = archive
        self._form = form
        self._retention_days = retention_days
        self._tell = tell

    def round(self, now: float) -> None:
        """Everything that is due at `now` (UTC seconds). One recording's fault does not stop the others."""
        for day in self._archive.days():
            try:
                recordings = self._archive.of_day(day)
            except (ChainBroken, OSError) as error:
                log.error("%s: %s; see softswitch recording verify", day, error)
                continue
            for recorded in recordings.values():
                try:
                    self._look_after(recorded, now)
                except (OSError, ValueError, NotTheSame, SoundError) as error:
                    log.error("%s: %s", recorded.wav, error)

    def _look_after(self, recorded: Recorded, now: float) -> None:
        if recorded.erased:
            recorded.certificate_path.unlink(missing_ok=True)
            return
        if not recorded.held and now >= self._until(recorded):
            erase(self._archive, recorded, "retention", "upkeep", self._tell)
        elif self._form in COMPRESSED and recorded.form == "wav":
            self._compress(recorded)
        elif recorded.form != "wav" and recorded.wav.exists():
            self._end_compression(recorded)

    def _until(self, recorded: Recorded) -> float:
        """When the recording is to be erased; a class that is gone from the settings keeps it."""
        if recorded.retention is None:
            about = recorded.about().get("about")
            recorded.retention = (about or {}).get("retention") or ORDINARY
        days = self._retention_days.get(recorded.retention)
        return float("inf") if days is None else recorded.at + days * DAY_S

    def _end_compression(self, recorded: Recorded) -> None:
        """The last step of a round that was killed before it."""
        if sha256_of(recorded.path) == recorded.form_sha256:
            recorded.wav.unlink()

    def _compress(self, recorded: Recorded) -> None:
        if sha256_of(recorded.wav) != recorded.sha256:
            raise NotTheSame("was changed since it was recorded; not compressed")
        target = recorded.wav.with_suffix(COMPRESSED[self._form])
        fresh = target.with_name(f".{target.name}.new")
        try:
            compress(recorded.wav, fresh, self._form)
            fresh.replace(target)
        finally:
            fresh.unlink(missing_ok=True)
        self._archive.note(recorded, "compressed", form=self._form, sha256=sha256_of(target))
        recorded.wav.unlink()


def keep(
    archive: Archive, recorded: Recorded, by: str, tell: Tell, *, retention: str | None, held: bool | None
) -> None:
    """Changes the retention class, begins (`held` True) or ends a legal hold. Raises OSError, ChainBroken."""
    told = {"recording": recorded.file.removesuffix(".wav"), "by": by}
    if retention is not None:
        tell("recording_classified", {**told, "retention": retention})
        archive.note(recorded, "class", retention=retention, by=by)
    if held is not None:
        tell("recording_held" if held else "recording_released", told)
        archive.note(recorded, "hold" if held else "release", by=by)


def erase(archive: Archive, recorded: Recorded, reason: str, by: str, tell: Tell) -> None:
    """Takes the sound and the certificate away for good; the fact and the chain keep the checksum as proof.

    Raises PermissionError under legal hold, OSError.
    """
    if recorded.held:
        raise PermissionError(f"{recorded.file} is under legal hold")
    for path in (recorded.wav, recorded.path):
        path.unlink(missing_ok=True)
    proof = {"recording": recorded.file.removesuffix(".wav"), "sha256": recorded.sha256}
    tell("recording_erased", {**proof, "reason": reason, "by": by})
    archive.note(recorded, "erased", reason=reason, by=by)
    recorded.certificate_path.unlink(missing_ok=True)
