"""Webhooks over real sockets: what receivers get, what is refused, what a dead process leaves behind."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from softswitch.api import dead_letters
from softswitch.api.webhooks import Webhooks
from softswitch.webhook.signature import NotVerified, verify
from tests.webhook.house import HOST, House, delivering, house
from tests.webhook.world import SECRET

ROOT = Path(__file__).parents[2]
NUMBER = "+4930123456"


def in_house(test: Callable[[House], Awaitable[None]]) -> None:
    async def run() -> None:
        async with house() as made:
            await test(made)

    asyncio.run(run())


def test_what_a_receiver_gets(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("Bearer x1\n")

    async def test(made: House) -> None:
        settings = {
            "events": ["call_*"],
            "headers": {"X-Centre": "berlin", "webhook-id": "mine"},
            "secret_headers": {"Authorization": f"file:{tmp_path}/token"},
        }
        made.tell("call_started", call="before")
        async with delivering(made, made.webhook(**settings)) as driver:
            made.tell("call_started", call="c1", **{"from": NUMBER})
            made.tell("leg_started", call="c1")
            made.tell("call_ended", call="c1")
            (counts,) = await made.until(lambda: [each for each in driver.counts() if each["delivered"] == 2])
            assert (counts["waiting"], counts["dead"]) == (0, 0)
        (headers, body, event), (_, _, last) = made.requests
        assert verify(SECRET, headers, body, now=float(headers["Webhook-Timestamp"])) == event["id"]
        with pytest.raises(NotVerified):
            verify(SECRET, headers, body + b" ", now=float(headers["Webhook-Timestamp"]))
        assert headers["Authorization"] == "Bearer x1" and headers["X-Centre"] == "berlin"
        assert headers["Content-Type"] == "application/json"
        assert event == {
            "type": "call_started",
            "id": event["id"],
            "at": event["at"],
            "log_position": event["log_position"],
            "tenant": "default",
            "data": {"call": "c1", "from": NUMBER},
        }
        assert last["type"] == "call_ended" and last["log_position"] > event["log_position"]

    in_house(test)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"inner_hosts": []}, f"{HOST} is an inner address; inner_hosts does not name it"),
        (
            {"url": "http://localhost:{port}/"},
            "localhost is at an inner address; inner_hosts does not name it",
        ),
        ({"url": "http://169.254.169.254/latest"}, "169.254.169.254 is an inner address"),
        ({"url": "http://[::1]:{port}/"}, "::1 is an inner address"),
        ({"url": "http://2130706433:{port}/"}, "is no URL"),
        ({"url": f"http://{HOST}:1/"}, "no connection"),
        ({"secret_headers": {"X-Key": "env:NOT_THERE"}}, "X-Key cannot be read from env:NOT_THERE"),
        ({"secret": None}, "there is no secret to sign with"),
    ],
)
def test_what_is_not_sent(settings: dict[str, Any], why: str) -> None:
    async def test(made: House) -> None:
        filled = {
            **settings,
            **({"url": settings["url"].format(port=made.port)} if "url" in settings else {}),
        }
        async with delivering(made, made.webhook(**filled)) as driver:
            found = await driver.test("crm")
        assert found["status"] == 0 and why in found["why"]
        assert made.requests == []

    in_house(test)


def test_a_name_at_an_inner_address_where_it_is_allowed() -> None:
    async def test(made: House) -> None:
        # A name that the resolver knows everywhere; the receiver does not listen at that address.
        settings = made.webhook(url=f"http://localhost:{made.port}/", inner_hosts=["localhost"])
        async with delivering(made, settings) as driver:
            found = await driver.test("crm")
        assert "no connection" in found["why"]

    in_house(test)


async def _redirects(request: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("http://169.254.169.254/latest/meta-data")


async def _hangs(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(30)
    return web.Response()


async def _floods(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(10_000):
        await response.write(bytes(65_536))
    return response


@pytest.mark.parametrize(
    ("respond", "status", "why"),
    [
        (_redirects, 302, "status 302: redirections are not followed"),
        (_hangs, 0, "no answer within 0.3 s"),
        (_floods, 200, ""),
    ],
)
def test_receivers_that_misbehave(
    respond: Callable[[web.Request], Awaitable[web.StreamResponse]], status: int, why: str
) -> None:
    async def test(made: House) -> None:
        made.respond = respond
        async with delivering(made, made.webhook(deadline_s=0.3)) as driver:
            found = await driver.test("crm")
            assert (found["status"], found["why"]) == (status, why)
            assert found["seconds"] < 2

    in_house(test)


def test_what_is_missed_while_nobody_takes_it_is_read_from_the_journal() -> None:
    async def test(made: House) -> None:
        async def busy(request: web.Request) -> web.StreamResponse:
            return web.Response(status=503)

        made.respond = busy
        async with delivering(made) as driver:
            for number in range(1500):
                made.tell("call_x", call=f"c{number % 40}", number=number)
            await made.until(lambda: driver.counts()[0]["circuit"] != "closed")
            (counts,) = driver.counts()
            assert counts["waiting"] <= 1000
        made.tell("call_x", call="c0", number=1500)

        async def well(request: web.Request) -> web.StreamResponse:
            return web.Response()

        made.respond = well
        async with delivering(made) as driver:
            await made.until(lambda: len(made.requests) >= 1501)
            assert driver.counts()[0]["behind_bytes"] == 0
        numbers = [event["data"]["number"] for event in made.events()]
        assert sorted(numbers) == [*range(1501)]
        for call in range(40):
            mine = [number for number in numbers if number % 40 == call and number < 1500]
            assert mine == sorted(mine)

    in_house(test)


def test_dead_letters_are_listed_sent_again_and_dropped() -> None:
    async def test(made: House) -> None:
        async def gone(request: web.Request) -> web.StreamResponse:
            return web.Response(status=410)

        made.respond = gone
        async with delivering(made) as driver:
            for number in range(3):
                made.tell("call_x", call="c1", number=number, **{"from": NUMBER})
            await made.until(lambda: driver.counts()[0]["dead"] == 3)
            db = dead_letters.open_database(made.node.api_path)
            rows = dead_letters.listed(db, "crm")
            assert [(each["type"], each["subject"], each["why"]) for each in rows] == [
                ("call_x", "call:c1", "status 410")
            ] * 3
            assert NUMBER not in str(rows)
            assert dead_letters.drop(db, "crm", [rows[0]["event"], "other"]) == 1
            made.journal.erase_subject(NUMBER)
            made.respond = lambda request: _answer(202)
            assert dead_letters.replay(db, "crm") == 2
            await made.until(lambda: [each for each in made.events() if each["type"] == "call_x"][1:])
            await made.until(lambda: dead_letters.listed(db) == [])
            told = [each["data"] for each in made.events() if each["type"] == "call_x"]
            assert [each["number"] for each in told] == [1, 2]
            assert all(each["from"].startswith("erased:") for each in told)
            test = dead_letters.ask_for_test(db, "crm", 0.0)
            await made.until(lambda: dead_letters.tested(db, test))
            found = dead_letters.tested(db, test)
            assert found is not None and found["status"] == 202
            db.close()
        assert made.events()[-1]["type"] == "webhook_test"

    in_house(test)


async def _answer(status: int) -> web.StreamResponse:
    return web.Response(status=status)


class Stumbling(Webhooks):
    """Its first look into the database comes upon what nobody thought of."""

    looks = 0

    async def _look(self) -> None:
        self.looks += 1
        if self.looks == 1:
            raise KeyError("unforeseen")
        await super()._look()


def test_no_fault_ends_what_keeps_the_database(caplog: pytest.LogCaptureFixture) -> None:
    async def test(made: House) -> None:
        async with delivering(made, driver_of=Stumbling):
            await made.until(lambda: "unforeseen" in caplog.text)
            db = dead_letters.open_database(made.node.api_path)
            wanted = dead_letters.ask_for_test(db, "crm", 0.0)
            await made.until(lambda: dead_letters.tested(db, wanted))
            db.close()

    in_house(test)


def test_webhooks_come_change_and_go() -> None:
    async def test(made: House) -> None:
        async with delivering(made) as driver:
            made.tell("call_x", call="c1", number=1)
            await made.until(lambda: len(made.requests) == 1)
            await driver.configure([made.webhook(events=["leg_*"]), made.webhook(name="second")])
            made.tell("call_x", call="c1", number=2)
            await made.until(lambda: len(made.requests) == 2)
            await driver.configure([])
            assert driver.counts() == []
            made.tell("call_x", call="c1", number=3)
            await driver.configure([made.webhook()])
            made.tell("call_x", call="c1", number=4)
            await made.until(lambda: len(made.requests) == 3)
        assert [event["data"]["number"] for event in made.events()] == [1, 2, 4]

    in_house(test)


def test_a_process_that_is_killed_is_gone_on_with() -> None:
    async def test(made: House) -> None:
        count = 0

        async def slow(request: web.Request) -> web.StreamResponse:
            nonlocal count
            count += 1
            status = 503 if count == 40 else 200
            await asyncio.sleep(0.01)
            return web.Response(status=status)

        made.respond = slow
        webhook = json.dumps(made.webhook())
        arguments = ["-m", "tests.webhook.webhook_process", str(made.node.state_dir), str(made.directory)]
        for life in range(2):
            process = await asyncio.create_subprocess_exec(
                sys.executable, *arguments, webhook, cwd=ROOT, stdout=asyncio.subprocess.PIPE
            )
            assert process.stdout is not None
            assert await process.stdout.readline() == b"ready\n"
            for number in range(life * 100, life * 100 + 100):
                made.tell("call_x", call=f"c{number % 5}", number=number)
            if life == 0:
                await made.until(lambda: len(made.requests) > 50)
                process.send_signal(signal.SIGKILL)
            else:
                await made.until(lambda: len({each["id"] for each in made.events()}) == 200)
                process.terminate()
            await process.wait()
        first = {}
        for place, event in enumerate(made.events()):
            first.setdefault(event["data"]["number"], place)
        for call in range(5):
            places = [first[number] for number in range(call, 200, 5)]
            assert places == sorted(places)

    in_house(test)
