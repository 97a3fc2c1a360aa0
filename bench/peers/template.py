"""Configuration of peers: texts with places %NAME% that are filled in."""

from __future__ import annotations

import re
from pathlib import Path

FILES = Path(__file__).parent / "files"
_PLACE = re.compile(r"%([A-Z_]+)%")


def filled(name: str, **values: object) -> str:
    """The text of a file with every place filled. KeyError when a value is missing."""
    return _PLACE.sub(lambda match: str(values[match[1]]), (FILES / name).read_text())
