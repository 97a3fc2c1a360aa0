"""The loads of a whole centre: what grows is found, what softphones heard is judged."""

from __future__ import annotations

import csv
import dataclasses
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from bench import centre, cpu
from bench.__main__ import main
from bench.call import window_of
from bench.centre import _is_report, profile_of
from bench.centre_settings import Centre
from bench.growth import FACTORS
from bench.phones.softphones import Heard, purity
from bench.soak import ALLOWED, Sample, figures_of, grown, holds, thirds, write_samples
from bench.system import Addresses
from tests.peers.audio import tone

STEADY = [
    Sample(at=float(k), memory_mib=500, descriptors=100, ports=60, threads=9, late_ms_p99=2, calls=20)
    for k in range(12)
]
HEARD = Heard(received=1000, lost=10, reordered=0, blocks=200, pure_blocks=150, longest_break_s=0.1)


def test_what_stays_the_same_has_not_grown() -> None:
    assert grown(STEADY) == ()
    figures = figures_of(STEADY)
    assert (figures["memory_mib_middle"], figures["memory_mib_last"]) == (500, 500)


@pytest.mark.parametrize("name", ALLOWED)
def test_each_thing_that_grows_beyond_its_allowance_is_named(name: str) -> None:
    before = getattr(STEADY[0], name)
    most = before * (1 + ALLOWED[name].share) + ALLOWED[name].amount

    def with_last(value: float) -> list[Sample]:
        return [*STEADY[:8], *(dataclasses.replace(each, **{name: value}) for each in STEADY[8:])]

    assert grown(with_last(most)) == ()
    (told,) = grown(with_last(most + 1))
    assert told.startswith(f"{name} has grown from {before}")


def test_caches_may_fill_in_the_first_third() -> None:
    filling = [dataclasses.replace(each, memory_mib=100) for each in STEADY[:4]]
    assert grown([*filling, *STEADY[4:]]) == ()
    assert thirds([*filling, *STEADY[4:]], "memory_mib") == (500, 500)


def test_a_few_samples_show_no_growth() -> None:
    assert "too few" in grown(STEADY[:5])[0]


def test_what_a_process_holds() -> None:
    descriptors, sockets, threads = holds(os.getpid())
    with open(os.devnull) as _, subprocess.Popen(["true"]) as ended:
        assert holds(os.getpid())[0] > descriptors
        ended.wait()
        with pytest.raises(cpu.Gone):
            holds(ended.pid)
    assert sockets >= 0
    assert threads >= 1


def test_samples_are_kept_for_a_plot(tmp_path: Path) -> None:
    write_samples(tmp_path / "soak.csv", STEADY)
    with (tmp_path / "soak.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert (len(rows), rows[3]["at"], rows[3]["memory_mib"]) == (12, "3.0", "500")


def test_a_soak_shorter_than_its_calls_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["soak", "--minutes", "0.1"]) == 2
    assert "--minutes 0.1" in capsys.readouterr().err


@pytest.mark.parametrize("rate", [centre.GROWTH_RATE * factor for factor in FACTORS])
def test_the_window_of_a_centre_is_long_enough_at_every_rate(rate: float) -> None:
    begin, end = window_of(profile_of(rate, 3.0, 6.0))
    assert end - begin >= 6.0 - 1 / rate


def test_softphones_are_users_and_no_agents() -> None:
    settings = Centre.of(2, True, {"truth1": "word"})
    assert list(settings.passwords) == ["agent1", "agent2"]
    text = settings.yaml(Addresses("127.64.1.1", "127.64.1.2", "127.64.1.3"))
    assert "truth1: {password: word}" in text
    assert "truth1: {user" not in text


def test_loss_and_quality_of_softphones() -> None:
    figures = HEARD.figures()
    assert figures["truth_lost_percent"] == pytest.approx(100 / 101 * 1)
    assert (figures["truth_pure_percent"], figures["truth_longest_break_ms"]) == (75, 100)
    assert HEARD.problems(10.0) == ()
    assert "softphones heard 1000 packets, not 2000" in HEARD.problems(20.0)[0]


def test_a_hole_and_a_foreign_tone_are_no_pure_sound() -> None:
    sound = tone(600, 2.0)
    assert (purity(sound, 8000, 600) > 0.9).all()
    holed = np.concatenate([sound[:4000], tone(1500, 0.5), sound[8000:]])
    assert (purity(holed, 8000, 600) > 0.9).mean() == pytest.approx(0.75, abs=0.05)
    assert purity(np.zeros(8000, np.int16), 8000, 600).size == 0


@pytest.mark.parametrize(("code", "out", "good"), [(0, "[]", True), (1, "[]", False), (0, "Error", False)])
def test_a_report_that_failed_is_found(code: int, out: str, good: bool) -> None:
    assert _is_report(subprocess.CompletedProcess([], code, out, "")) is good
