"""Every fuzz target over its seeds, over what a fuzz run has found before, and over random bytes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS, seeds

FOUND = Path(__file__).parent / "found"
CASES = [(path.parent.name, path) for path in sorted(FOUND.glob("*/*"))]


@pytest.mark.parametrize("target", TARGETS)
def test_seeds(target: str) -> None:
    for seed in seeds(target):
        TARGETS[target](seed)


@pytest.mark.parametrize(("target", "path"), CASES, ids=lambda each: getattr(each, "name", each))
def test_what_was_found_before(target: str, path: Path) -> None:
    TARGETS[target](path.read_bytes())


@pytest.mark.parametrize("target", TARGETS)
def test_damaged_seeds(target: str) -> None:
    known = [*seeds(target)]

    @settings(max_examples=15 if target == "dialog" else 100)
    @given(st.sampled_from(known), st.integers(0, 400), st.integers(0, 20), st.binary(max_size=20))
    def check(seed: bytes, at: int, hole: int, junk: bytes) -> None:
        TARGETS[target](seed[:at] + junk + seed[at + hole :])

    check()
