"""Days and hours in a time zone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from softswitch.numbering.hours import is_open

OFFICE = (("mon", "tue", "wed", "thu", "fri"), ("08:00-12:00", "13:00-18:00"))
NIGHT = (("fri",), ("22:00-06:00",))


@pytest.mark.parametrize(
    ("times", "zone", "at", "expected"),
    [
        (((), ()), "UTC", "2026-01-03T03:00", True),
        # A Friday; in Berlin it is an hour later in winter, two in summer.
        (OFFICE, "Europe/Berlin", "2026-01-02T06:59", False),
        (OFFICE, "Europe/Berlin", "2026-01-02T07:00", True),
        (OFFICE, "Europe/Berlin", "2026-07-03T06:00", True),
        (OFFICE, "Europe/Berlin", "2026-01-02T11:00", False),
        (OFFICE, "Europe/Berlin", "2026-01-02T16:59", True),
        (OFFICE, "Europe/Berlin", "2026-01-02T17:00", False),
        (OFFICE, "Europe/Berlin", "2026-01-03T10:00", False),
        (OFFICE, "Asia/Shanghai", "2026-01-05T00:00", True),
        (NIGHT, "UTC", "2026-01-02T23:00", True),
        (NIGHT, "UTC", "2026-01-03T05:59", True),
        (NIGHT, "UTC", "2026-01-03T06:00", False),
        (NIGHT, "UTC", "2026-01-03T23:00", False),
        (NIGHT, "UTC", "2026-01-02T05:00", False),
        (((), ("00:00-24:00",)), "UTC", "2026-01-02T23:59", True),
        # The hour that the clock skips, and the one that it has twice.
        (((), ("02:00-03:00",)), "Europe/Berlin", "2026-03-29T01:30", False),
        (((), ("02:00-03:00",)), "Europe/Berlin", "2026-10-25T00:30", True),
        (((), ("02:00-03:00",)), "Europe/Berlin", "2026-10-25T01:30", True),
    ],
)
def test_is_open(times: tuple[Sequence[str], Sequence[str]], zone: str, at: str, expected: bool) -> None:
    assert is_open(*times, zone, datetime.fromisoformat(at).replace(tzinfo=UTC)) is expected
