"""python -m bench sip, as a developer runs it, and what it refuses."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench import parsing
from bench.credentials import authorization, parameters
from bench.figures import Round
from bench.harness import measure, merged
from bench.house import House
from bench.sip_limits import HIGHEST_RATE, LOWEST_RATE, highest_clean, is_clean
from bench.sip_load import Calls
from bench.sipp import APT_LINE, CallCounts

ROOT = Path(__file__).resolve().parents[2]
GOOD = CallCounts(created=2, successful=2, failed=0, retransmitted=0)
CALLS = Calls(
    wanted=2,
    callers=GOOD,
    phones=GOOD,
    begun_at=[1.0, 1.01],
    done_at=[2.0, 2.01],
    recorded_at=[2.0, 2.01],
    setup_ms=[120.0, 130.0],
    quiet=True,
    complaints="",
)


def bench(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.deep
def test_quick_figures_of_a_running_system() -> None:
    done = bench("sip", "--quick", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(done.stdout.splitlines()[-1])
    assert (document["bench"], document["failed"], document["rounds"]) == ("sip", 0, 1)
    figures = document["figures"]
    assert all(type(value) in (int, float) for value in figures.values())
    assert figures["calls_per_second"] == pytest.approx(100, rel=0.1)
    assert figures["registers_per_second"] == pytest.approx(200, rel=0.1)
    roles = ("", "_media", "_recorder", "_store", "_feed", "_parent")
    parts = [figures[f"cpu_ms_per_call{role}"] for role in roles]
    assert figures["cpu_ms_per_call_all"] == pytest.approx(sum(parts), rel=0.01)
    assert 0.1 < figures["cpu_ms_per_register"] < figures["cpu_ms_per_register_all"]
    assert figures["setup_ms_median"] > 100
    assert figures["parse_us"] > 1
    assert "kib_per_contact" not in figures


def test_missing_sipp_names_the_package() -> None:
    done = bench("sip", "--quick", "--json", PATH="")
    assert (done.returncode, done.stdout) == (2, "")
    assert APT_LINE in done.stderr


def test_all_witnesses_agree() -> None:
    assert CALLS.problems("100 calls/s") == ()
    assert CALLS.failed() == 0
    assert CALLS.offered_per_s == pytest.approx(100)
    assert is_clean(CALLS, 100)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"done_at": [2.0]}, "SIPp's callers finished: 1 of 2"),
        ({"phones": CallCounts(2, 1, 1, 0)}, "SIPp's phones finished: 1 of 2"),
        ({"recorded_at": [2.0]}, "outcome answered: 1 of 2"),
        ({"recorded_at": [2.0, 2.0, 2.0]}, "outcome answered: 3 of 2"),
        ({"quiet": False}, "still went on"),
    ],
)
def test_every_witness_can_refuse_the_figures(change: dict[str, Any], told: str) -> None:
    calls = dataclasses.replace(CALLS, **change)
    assert told in " ".join(calls.problems("100 calls/s"))
    assert not is_clean(calls, 100)


def test_repeated_messages_and_a_slow_sipp_are_not_clean() -> None:
    again = dataclasses.replace(CALLS, callers=CallCounts(2, 2, 0, 1))
    assert again.problems("") == ()
    assert not is_clean(again, 100)
    assert not is_clean(CALLS, 120)
    assert not is_clean(None, 100)


@pytest.mark.parametrize("limit", [60, 130, 250, 405, 700, 1500])
def test_highest_rate_is_found(limit: int) -> None:
    found = highest_clean(lambda rate: rate <= limit)
    assert found is not None
    assert 0.8 * limit <= found <= limit


def test_no_rate_or_any_rate() -> None:
    assert highest_clean(lambda rate: False) is None
    found = highest_clean(lambda rate: True)
    assert found is not None
    assert LOWEST_RATE < found < HIGHEST_RATE * 1.5


def test_credentials_count_the_nonce_up() -> None:
    challenge = 'Digest realm="softswitch", nonce="a.b.c", algorithm=MD5, qop="auth"'
    rows = [*House(2).call_rows(5, {"caller0": challenge, "caller1": challenge}, "h:1")]
    assert [row[:2] for row in rows[:3]] == [
        ("caller0", "called0"),
        ("caller1", "called1"),
        ("caller0", "called0"),
    ]
    assert [re.findall("nc=([0-9]+)", row[2])[0] for row in rows] == [
        "00000001",
        "00000001",
        "00000002",
        "00000002",
        "00000003",
    ]


def test_digest_is_that_of_rfc_2617() -> None:
    """The scheme by hand: H(H(A1):nonce:nc:cnonce:qop:H(A2))."""

    def digest(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    asked = parameters('Digest realm="r", nonce="n", algorithm=MD5, qop="auth"')
    header = authorization(asked, "INVITE", "sip:b@h", "a", "p", 1)
    cnonce = re.findall('cnonce="([^"]*)"', header)[0]
    wanted = digest(f"{digest('a:r:p')}:n:00000001:{cnonce}:auth:{digest('INVITE:sip:b@h')}")
    assert f'response="{wanted}"' in header


def test_a_dozen_phones_are_read() -> None:
    phones = parsing.phones()
    assert len(phones) == 12
    for name, message in phones.items():
        read = parsing.read(message)
        assert all(read[:5]), name
        assert parsing.parse_us(message) > 0


def test_no_phone_sends_the_same_text_twice() -> None:
    for name, message in parsing.phones().items():
        first, second = (parsing.read(data) for data in parsing.variants(message, 1, 2))
        same = [one == other for one, other in zip(first, second, strict=True)]
        # Other number, branch, From tag and Call-ID; transport, sent-by, To tag, CSeq, hops and Route stay.
        assert same == [False, True, True, False, False, True, False, True, True, True], name


def test_parts_are_one_result() -> None:
    def part(**figures: float) -> Any:
        return measure("sip", {"softswitch": lambda: Round(figures)}, 1, print)

    together = merged([part(a=1.0), part(b=2.0)])
    assert {name: each.median for name, each in together.summaries["softswitch"].items()} == {"a": 1, "b": 2}
    failed = measure("sip", {"softswitch": lambda: Round(failed=3, problems=("3 of 4",))}, 1, print)
    refused = merged([part(a=1.0), failed])
    assert (refused.failed, refused.problems, refused.summaries) == (3, ("3 of 4",), {})
