"""The layers of the product hold, and the checker that says so catches what it should."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest

from tests.layering import LAYERS, PURE, function_lengths, violations

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted((ROOT / "softswitch").rglob("*.py"))


def module_name(path: Path) -> str:
    names = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(names[:-1] if names[-1] == "__init__" else names)


def test_there_is_something_to_check() -> None:
    parts = {path.relative_to(ROOT / "softswitch").parts[0].removesuffix(".py") for path in SOURCES}
    assert parts >= PURE


def test_layers_purity_and_names() -> None:
    broken = [
        line
        for path in SOURCES
        for line in violations(module_name(path), path.read_text(), package=path.name == "__init__.py")
    ]
    assert not broken, "\n" + "\n".join(broken)


def test_codecs_is_no_python_package() -> None:
    assert not list((ROOT / "codecs").rglob("*.py")), "codecs is the name of a standard library module"


def test_modules_and_functions_stay_small() -> None:
    long_modules = {
        module_name(path): lines for path in SOURCES if (lines := len(path.read_text().splitlines())) > 500
    }
    assert not long_modules
    lengths = sorted(length for path in SOURCES for _, length in function_lengths(path.read_text()))
    assert statistics.median(lengths) <= 13
    assert lengths[len(lengths) * 9 // 10] < 45


@pytest.mark.parametrize(
    ("module", "source", "expected"),
    [
        ("softswitch.sip.uri", "import socket", "imports socket"),
        ("softswitch.sip.uri", "def f():\n    import random", "imports random"),
        ("softswitch.sip.uri", "from time import monotonic as clock", "imports time"),
        ("softswitch.sip.uri", "from softswitch.call import call", "sip is not above call"),
        ("softswitch.sip.uri", "from ..call.call import Call", "sip is not above call"),
        ("softswitch.sip.uri", "from .. import call", "sip is not above call"),
        ("softswitch.sip.uri", "import softswitch.net.driver", "sip is not above net"),
        ("softswitch.sip.uri", "from softswitch.sdp import description", "sip is not above sdp"),
        ("softswitch.ivr.run", "from softswitch.acd.engine import Acd", "ivr is not above acd"),
        ("softswitch.config", "import softswitch.sip.uri", "config is not above sip"),
        ("softswitch.store.journal", "import softswitch.net.driver", "store is not above net"),
        ("softswitch.node", "import softswitch.cli.main", "node is not above cli"),
        ("softswitch.media.engine", "import softswitch.call.call", "media may import only"),
        ("softswitch.phone.phone", "import softswitch.media.engine", "phone may import only"),
        ("softswitch.phone.phone", "import numpy", "outside media/"),
        ("softswitch.net.driver", "from numpy import int16", "outside media/"),
        ("softswitch.net.driver", "import pjsua2", "for tests"),
        ("softswitch.net.driver", "import softswitch.newthing", "has no layer"),
        ("softswitch.newthing", "x = 1", "newthing has no layer"),
        ("softswitch.acd.engine", "x = datetime.now()", "calls now()"),
        ("softswitch.acd.engine", "x = datetime.date.today()", "calls today()"),
        ("softswitch.acd.engine", "x = open('a')", "calls open()"),
        ("softswitch.acd.engine", "x = os.urandom(4)", "calls urandom()"),
        ("softswitch.acd.engine", "x = uuid4()", "calls uuid4()"),
        ("softswitch.acd.engine", "x = [clock.time() for _ in y]", "calls time()"),
        ("softswitch.acd.engine", "f = lambda: clock.monotonic()", "calls monotonic()"),
        ("softswitch.net.driver", "class CallManager: pass", "CallManager"),
    ],
)
def test_the_checker_catches(module: str, source: str, expected: str) -> None:
    (line,) = violations(module, source)
    assert expected in line


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("softswitch.sip.uri", "from __future__ import annotations\nimport re, collections.abc"),
        ("softswitch.sip.uri", "from .message import Message\nfrom softswitch import reasons"),
        ("softswitch.call.call", "from softswitch.acd.engine import Acd\nfrom ..sip.uri import Uri"),
        ("softswitch.phone.phone", "from softswitch.media.tones import sine\nimport asyncio"),
        ("softswitch.media.engine", "import numpy as np\nfrom softswitch.rtp.packet import RtpPacket"),
        ("softswitch.net.driver", "import time\nx = time.monotonic()"),
        ("softswitch.cli.main", "from softswitch import __version__, node"),
    ],
)
def test_the_checker_lets_pass(module: str, source: str) -> None:
    assert violations(module, source) == []


def test_the_checker_resolves_imports_of_a_package_file() -> None:
    assert violations("softswitch.sip", "from .uri import Uri", package=True) == []
    (line,) = violations("softswitch.sip", "from ..call import Call", package=True)
    assert "sip is not above call" in line


def test_length_is_counted_without_the_docstring() -> None:
    source = 'def f():\n    """One.\n\n    Two.\n    """\n    x = 1\n    return x\n'
    assert function_lengths(source) == [("f", 3)]


def test_every_pure_part_has_a_layer() -> None:
    assert set(LAYERS) >= PURE
