"""libopus, looked for when it is needed: the one that PyAV's wheel brings, else the system's."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from softswitch.media import _codecs

SYSTEM = "libopus.so.0"
MISSING = f"Opus is not possible: neither PyAV's libopus nor {SYSTEM} was found; install av or libopus0"


def _bundled() -> list[str]:
    """Wheels keep their libraries beside the package; PyAV itself need not be imported."""
    spec = find_spec("av")
    if spec is None or spec.origin is None:
        return []
    beside = Path(spec.origin).parent.with_name("av.libs")
    return sorted(map(str, beside.glob("libopus*.so*")))


def available() -> bool:
    """Whether Opus can be decoded and encoded on this machine."""
    return any(_codecs.opus_load(name) for name in [*_bundled(), SYSTEM])
