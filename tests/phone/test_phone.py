"""Two phones call each other on loopback: both hear the other's tone and their keys."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from softswitch.media.tones import has_tone, tone_power
from softswitch.phone.audio import AudioClock
from softswitch.phone.phone import NotRegistered, Phone
from softswitch.phone.phonecall import PhoneCall
from softswitch.sip.message import parse, respond

LOW_HZ, HIGH_HZ = 450, 1450
HALF_A_SECOND = 25


@asynccontextmanager
async def pair(transport: str) -> AsyncIterator[tuple[Phone, Phone, asyncio.Queue[PhoneCall]]]:
    clock, calls = AudioClock(), asyncio.Queue[PhoneCall]()
    caller = Phone("ann", clock, transport=transport, frequency_hz=LOW_HZ)
    callee = Phone("ben", clock, transport=transport, frequency_hz=HIGH_HZ, on_call=calls.put_nowait)
    try:
        await caller.open()
        await callee.open()
        yield caller, callee, calls
    finally:
        caller.close()
        callee.close()


async def connected(
    caller: Phone, callee: Phone, calls: asyncio.Queue[PhoneCall]
) -> tuple[PhoneCall, PhoneCall]:
    ours = caller.call(callee.uri)
    theirs = await asyncio.wait_for(calls.get(), 5)
    theirs.ring()
    theirs.answer()
    assert await ours.settled(5)
    assert await theirs.settled(5)
    return ours, theirs


async def both_hear(*calls: PhoneCall) -> None:
    async with asyncio.timeout(10):
        await asyncio.gather(*(call.heard.audible(HALF_A_SECOND) for call in calls))


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_both_hear_the_other_and_not_themselves(transport: str) -> None:
    async def talk() -> None:
        async with pair(transport) as (caller, callee, calls):
            ours, theirs = await connected(caller, callee, calls)
            assert theirs.remote_number == "ann"
            await both_hear(ours, theirs)
            for call, wanted, own in ((ours, HIGH_HZ, LOW_HZ), (theirs, LOW_HZ, HIGH_HZ)):
                samples = call.heard.samples()
                assert has_tone(samples, wanted, 8000)
                assert tone_power(samples, own, 8000) < 0.01
            theirs.hang_up()
            await ours.over(5)
            assert (ours.ending, theirs.ending) == ("remote_bye", "local")

    asyncio.run(talk())


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_keys_arrive_in_order_and_once(transport: str) -> None:
    async def press() -> None:
        async with pair(transport) as (caller, callee, calls):
            ours, theirs = await connected(caller, callee, calls)
            ours.press("12#")
            theirs.press("0")
            await theirs.pressed("12#", 5)
            await ours.pressed("0", 5)

    asyncio.run(press())


def test_the_tone_goes_on_after_a_key() -> None:
    async def press() -> None:
        async with pair("UDP") as (caller, callee, calls):
            ours, theirs = await connected(caller, callee, calls)
            ours.press("5")
            await theirs.pressed("5", 5)
            await both_hear(theirs)
            assert has_tone(theirs.heard.samples(), LOW_HZ, 8000)

    asyncio.run(press())


def test_a_caller_who_gives_up_while_it_rings() -> None:
    async def give_up() -> None:
        async with pair("UDP") as (caller, callee, calls):
            ours = caller.call(callee.uri)
            theirs = await asyncio.wait_for(calls.get(), 5)
            theirs.ring()
            ours.hang_up()
            await theirs.over(5)
            assert (theirs.ending, ours.ending) == ("remote_cancel", "local")
            assert not callee.calls and not caller.calls

    asyncio.run(give_up())


def test_a_phone_without_anybody_is_busy_and_a_rejection_arrives() -> None:
    async def refuse() -> None:
        async with pair("UDP") as (caller, callee, calls):
            back = callee.call(caller.uri)
            assert not await back.settled(5)
            assert (back.ending, back.status) == ("rejected", 486)
            ours = caller.call(callee.uri)
            (await asyncio.wait_for(calls.get(), 5)).reject(603)
            assert not await ours.settled(5)
            assert ours.status == 603

    asyncio.run(refuse())


def test_a_tcp_phone_learns_that_nobody_listens() -> None:
    async def dial() -> None:
        async with pair("TCP") as (caller, callee, _):
            uri = callee.uri
            callee.close()
            ours = caller.call(uri)
            assert not await ours.settled(5)
            assert ours.ending == "transport_failed"

    asyncio.run(dial())


def test_a_registrar_that_is_none_refuses() -> None:
    async def register() -> None:
        async with pair("UDP") as (_, callee, _):
            phone = Phone("eve", AudioClock(), password="x", registrar=callee.address)
            await phone.open()
            try:
                with pytest.raises(NotRegistered, match="status 405"):
                    await phone.register(5)
            finally:
                phone.close()

    asyncio.run(register())


def test_a_phone_registers_again_when_its_connection_is_lost() -> None:
    """The registrar drops the first connection after its 200."""

    async def register() -> None:
        requests: asyncio.Queue[bytes] = asyncio.Queue()
        connections = iter(range(100))

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            request = await reader.readuntil(b"\r\n\r\n")
            writer.write(respond(parse(request), 200, to_tag="t", headers="Expires: 600\r\n"))
            await writer.drain()
            if next(connections) == 0:
                writer.close()
            requests.put_nowait(request)

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        registrar = server.sockets[0].getsockname()
        phone = Phone("eve", AudioClock(), registrar=registrar, transport="TCP")
        await phone.open()
        try:
            await phone.register(5)
            async with asyncio.timeout(5):
                first, second = await requests.get(), await requests.get()
            assert parse(second).cseq == parse(first).cseq + 1
            assert parse(second).sip_call_id == parse(first).sip_call_id
        finally:
            phone.close()
            server.close()

    asyncio.run(register())
