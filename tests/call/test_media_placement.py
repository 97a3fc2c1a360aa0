"""On which worker a call is placed: by what the workers tell of their load."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.call.media import MediaPlane
from softswitch.config.node import Media
from tests.call.world import World


def plane(*loads: float | None) -> MediaPlane:
    plane = MediaPlane("192.0.2.1", len(loads))
    for worker, cpu in zip(plane.workers, loads, strict=True):
        worker.connected = True
        plane.ports_granted(
            worker.number, [*range(20000 + 1000 * worker.number, 20400 + 1000 * worker.number, 2)]
        )
        if cpu is not None:
            worker.report({"cpu": cpu})
    return plane


def place(plane: MediaPlane, count: int) -> list[int]:
    """How many legs each worker gets of the next ones."""
    for number in range(count):
        found = plane.allocate()
        assert found is not None
        plane.put(found.worker, "leg", f"L{len(plane.workers)}.{number}", {"port": found.port}, [])
    return [len(worker.wanted) for worker in plane.workers]


def test_without_reports_all_get_the_same() -> None:
    assert place(plane(None, None), 20) == [10, 10]


def test_the_busy_one_gets_nothing_until_the_other_is_as_busy() -> None:
    assert place(plane(0.020, 0.010), 20) == [5, 15]


def test_what_was_put_since_the_report_counts_at_the_price_measured() -> None:
    busy = plane(None, None)
    place(busy, 20)
    busy.workers[0].report({"cpu": 0.10})  # 10 legs: 0.01 each
    busy.workers[1].report({"cpu": 0.05})
    for number in range(8):
        found = busy.allocate()
        assert found is not None
        busy.put(found.worker, "leg", f"more.{number}", {"port": found.port}, [])
    assert [len(worker.wanted) for worker in busy.workers] == [10, 18]


def test_a_worker_that_was_lost_is_not_taken_for_idle() -> None:
    lost = plane(None, None)
    place(lost, 20)
    lost.workers[0].report({"cpu": 0.9})
    lost.disconnected(0)
    assert lost.workers[0].busy == pytest.approx(0.010)


def test_status_tells_what_a_worker_told() -> None:
    world = World()
    before = world.command("status")["media"][0]
    assert before["connected"] and before["cpu"] is None
    load: dict[str, Any] = {"legs": 0, "cpu": 0.1, "late_ms_p99": 0.4, "counters": {"sent": 7}}
    world.media_event({"event": "load", **load})
    after = world.command("status")["media"][0]
    assert after == before | load


@pytest.mark.parametrize(
    ("pin", "workers", "usable", "processors"),
    [
        (None, 1, [0, 1], [None]),
        (None, 2, [0, 1, 2, 3], [3, 2]),
        (True, 2, [0, 5], [5, 0]),
        (True, 3, [4, 6], [6, 4, 6]),
        (False, 1, [0, 1, 2, 3], [None]),
    ],
)
def test_a_worker_has_a_processor_of_its_own(
    pin: bool | None, workers: int, usable: list[int], processors: list[int | None]
) -> None:
    media = Media(pin=pin, workers=workers)
    assert [media.processor(worker, usable) for worker in range(workers)] == processors
