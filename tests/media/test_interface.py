"""The C extension and the Python code beside it belong together, and it shows at once when they do not."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from softswitch.media import INTERFACE, _codecs

ROOT = Path(__file__).parents[2]
KNOWN = (1, "2af96a92a75ff863")
"""The interface, and what `digest` makes of it."""

STALE = """
import sys, types
stale = types.ModuleType("softswitch.media._codecs")
stale.__file__ = "/old/_codecs.abi3.so"
sys.modules[stale.__name__] = stale
"""
TOLD = f"/old/_codecs.abi3.so was built for another version of this code (interface 0, not {INTERFACE})"


def python(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", STALE + code]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def digest() -> str:
    """Of the arrays that each kernel opens, and of all signatures."""
    sources = [path.read_text() for path in sorted((ROOT / "codecs").glob("*.c"))]
    specs = [each for source in sources for each in re.findall(r'"([BHIQbhiq]+)"', source)]
    signatures = [
        str(getattr(_codecs, name).__doc__).partition("\n")[0]
        for name in sorted(dir(_codecs))
        if callable(getattr(_codecs, name))
    ]
    return hashlib.sha256("\n".join([*specs, *signatures]).encode()).hexdigest()[:16]


def test_another_interface_has_another_number() -> None:
    assert (INTERFACE, digest()) == KNOWN, (
        "raise INTERFACE in codecs/module.c and softswitch/media/__init__.py, and note it in KNOWN"
    )


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_stale_extension_is_refused_at_start(tmp_path: Path, command: str) -> None:
    settings = tmp_path / "softswitch.yaml"
    settings.write_text("api: {enabled: false}\n")
    ended = python(f"from softswitch.cli.main import main; main(['{command}', '-c', '{settings}'])")
    assert ended.returncode == 1
    (line,) = [each for each in (ended.stdout + ended.stderr).splitlines() if "codecs" in each]
    assert f"{TOLD}; install the package again" in line
    assert command == "check" or ended.stderr.count("\n") == 1


def test_a_worker_dies_of_it_before_it_serves() -> None:
    ended = python("import softswitch.media.worker")
    assert ended.stderr.splitlines()[-1] == f"ImportError: {TOLD}"
