"""Recordings to the ears and out of the house."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from softswitch.archive.folder import Recorded
from softswitch.media.recorded_sound import to_wav

PLAYERS = (
    ("pw-play",),
    ("paplay",),
    ("aplay", "-q"),
    ("ffplay", "-nodisp", "-autoexit", "-loglevel", "error"),
    ("play", "-q"),
    ("afplay",),
)
"""Commands that play a WAV file, the first that is there is taken."""


class NoPlayer(Exception):
    """The text says what is missing."""


def play_file(path: Path) -> str:
    """Plays it to the end, and gives the player's name. Raises NoPlayer, OSError."""
    player = next((command for command in PLAYERS if shutil.which(command[0])), None)
    if player is None:
        names = ", ".join(command[0] for command in PLAYERS)
        raise NoPlayer(f"nothing here plays sound; install one of {names}, or export the file")
    with tempfile.TemporaryDirectory() as directory:
        wav = path
        if path.suffix != ".wav":
            wav = Path(directory) / "recording.wav"
            to_wav(path, wav)
        status = subprocess.run([*player, str(wav)], stdin=subprocess.DEVNULL, check=False).returncode
    if status:
        raise NoPlayer(f"{player[0]} ended with status {status}; is there a sound card?")
    return player[0]


def copy_out(recorded: Recorded, directory: Path) -> list[Path]:
    """Copies file and certificate whole or not at all, never over another file. Raises OSError."""
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for source in (recorded.path, recorded.certificate_path):
        target = directory / source.name
        with tempfile.NamedTemporaryFile(dir=directory, prefix=f".{source.name}.") as fresh:
            with open(source, "rb") as file:
                shutil.copyfileobj(file, fresh)
            fresh.flush()
            os.fsync(fresh.fileno())
            try:
                os.link(fresh.name, target)
            except FileExistsError:
                raise FileExistsError(17, "exists already", str(target)) from None
        written.append(target)
    return written
