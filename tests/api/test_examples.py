"""The examples, each run as a user runs it, against a real system with real phones and a real browser."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.api.conftest import CENTRE
from tests.peers.browser import Browser
from tests.peers.ports import free_port
from tests.system.handset import Floor, Handset
from tests.system.running import RunningSystem, until

EXAMPLES = Path(__file__).parents[2] / "examples"
CALLER = "+493012345678"
"""Of a customer in examples/crm.py."""


@contextmanager
def running(name: str, *words: str, key: str = "") -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, str(EXAMPLES / name), *words],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "SOFTSWITCH_KEY": key, "COLUMNS": "120"},
    )
    assert process.stdout is not None
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="module")
def crm() -> Iterator[int]:
    port = free_port()
    with running("crm.py", "--port", str(port)):
        until(lambda: _answers(port), "the customer database answers")
        yield port


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health").is_success
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def centre(crm: int) -> Iterator[RunningSystem]:
    """The centre that examples/crm.py describes."""
    backend = {"urls": [f"http://127.0.0.1:{crm}"], "inner_hosts": ["127.0.0.1"], "health_path": "/health"}
    lookup = {
        "backend": "crm",
        "path": "/customers",
        "query": {"number": "{caller}"},
        "into": {"customer": "id"},
    }
    sales = {"wrap_up_s": 0, "lookup": lookup}
    trunk = {"allow_from": ["127.0.0.77"]}
    tree = {**CENTRE, "backends": {"crm": backend}, "queues": {"sales": sales}, "trunks": {"carrier": trunk}}
    system = RunningSystem(tree, api={"origins": [f"http://127.0.0.1:{crm}"]})
    try:
        system.start()
        system.apply()
        yield system
    finally:
        system.close()


@pytest.fixture(scope="module")
def key(centre: RunningSystem) -> str:
    told = centre.cli("api-key", "add", "examples", "--role", "supervisor")
    return next(word for word in told.split() if word.startswith("ssk_"))


def test_the_page_shows_who_calls(centre: RunningSystem, crm: int, key: str, tmp_path: Path) -> None:
    with Floor() as floor, Browser(tmp_path / "profile") as browser:
        anna = Handset(floor, "anna", centre.address)
        assert anna.register().registered
        centre.command("agent.sign_in", name="anna")
        browser.open(f"http://127.0.0.1:{crm}/")
        browser.run(f"document.getElementById('url').value = '{centre.node.api.origin}'")
        browser.run(f"document.getElementById('key').value = '{key}'")
        browser.run("document.querySelector('button').click()")
        browser.until("document.getElementById('state').textContent === 'Listening.'")
        carrier = Handset(floor, CALLER, centre.address, host="127.0.0.77")
        asking = carrier.call("201")
        browser.until(f"document.querySelector('article h2')?.textContent.includes('{CALLER}')")
        shown = browser.until(
            "[...document.querySelectorAll('dd')].some((each) => each.textContent === '4711')"
        )
        assert shown
        answered = anna.rings().answer()
        asking.reached("talking").hang_up()
        browser.until("document.querySelector('article.over') !== null")
        answered.reached("ended")


def test_click_to_call(centre: RunningSystem, key: str) -> None:
    with Floor() as floor:
        anna, ben = (Handset(floor, name, centre.address) for name in ("anna", "ben"))
        assert anna.register().registered and ben.register().registered
        with running("click_to_call.py", "anna", "tel:ben", "--url", centre.node.api.origin, key=key) as told:
            assert told.stdout is not None
            assert told.stdout.readline().endswith(": the phone of anna rings\n")
            mine = anna.rings().answer()
            other = ben.rings().answer()
            lines = iter(told.stdout.readline, "")
            assert any(line.endswith(": talking\n") for line in lines)
            mine.hang_up()
            other.reached("ended")
            assert told.wait(20) == 0


def test_click_to_call_says_why_not(centre: RunningSystem, key: str) -> None:
    words = [
        sys.executable,
        str(EXAMPLES / "click_to_call.py"),
        "nobody",
        "200",
        "--url",
        centre.node.api.origin,
    ]
    done = subprocess.run(
        words, capture_output=True, text=True, env={**os.environ, "SOFTSWITCH_KEY": key}, check=False
    )
    assert done.returncode == 1
    assert "there is no user 'nobody'" in done.stderr


def test_the_wallboard(centre: RunningSystem, key: str) -> None:
    centre.command("agent.sign_in", name="ben")
    with running("wallboard.py", "--url", centre.node.api.origin, "--once", key=key) as board:
        shown, _ = board.communicate(timeout=30)
    assert "sales" in shown and "ben" in shown


@pytest.mark.parametrize(
    ("key", "told"), [("", "set SOFTSWITCH_KEY to a key"), ("x", "cannot reach the API at")]
)
def test_programs_say_in_one_line_what_they_lack(key: str, told: str) -> None:
    for name, *words in (("wallboard.py", "--once"), ("click_to_call.py", "anna", "200")):
        command = [sys.executable, str(EXAMPLES / name), *words, "--url", f"http://127.0.0.1:{free_port()}"]
        environment = {**os.environ, "SOFTSWITCH_KEY": key}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        assert done.returncode and told in done.stderr.splitlines()[-1]
        assert "Traceback" not in done.stderr


def test_the_customer_database(crm: int) -> None:
    known = httpx.get(f"http://127.0.0.1:{crm}/customers", params={"number": CALLER})
    assert known.json()["id"] == "4711"
    assert httpx.get(f"http://127.0.0.1:{crm}/customers", params={"number": "1"}).status_code == 404
