"""SIP over TCP on real sockets: framing, keep-alives, limits, and the way of responses and requests."""

from __future__ import annotations

import asyncio

import pytest

from tests.net.house import House, Stream, house, peer, request, run

TCP = {"transport": "TCP"}


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_request_answered_over_its_connection(host: str) -> None:
    async def scene() -> None:
        async with house({**TCP, "host": host}) as there:
            phone = await Stream.open(there.address)
            phone.send(request())
            response = await phone.message()
            assert response.status == 200
            assert f"received={host}" in response.need("Via")
            assert f"rport={phone.local[1]}" in response.need("Via")
            (_, flow) = there.taken[0]
            assert (flow.transport, flow.local, flow.remote) == ("TCP", there.address, phone.local)
            assert flow.connection
            await phone.close()

    run(scene())


def test_any_split_and_several_messages_at_once() -> None:
    async def scene() -> None:
        async with house(TCP) as there:
            phone = await Stream.open(there.address)
            data = request() + b"\r\n" + request("INFO") + request("BYE")
            for at in range(0, len(data), 7):
                phone.send(data[at : at + 7])
                await asyncio.sleep(0)
            assert [(await phone.message()).method for _ in range(3)] == ["OPTIONS", "INFO", "BYE"]
            await phone.close()

    run(scene())


def test_double_crlf_has_a_single_one_for_answer() -> None:
    async def scene() -> None:
        async with house(TCP) as there:
            phone = await Stream.open(there.address)
            phone.send(b"\r\n\r\n")
            assert await phone.read(2) == b"\r\n"
            phone.send(b"\r\n" * 6 + request())
            assert await phone.read(6) == b"\r\n" * 3
            assert (await phone.message()).status == 200
            await phone.close()

    run(scene())


def test_broken_stream_has_400_and_is_closed() -> None:
    async def scene() -> None:
        async with house(TCP) as there:
            phone = await Stream.open(there.address)
            phone.send(request("INFO") + request().replace(b"Content-Length: 0\r\n", b""))
            said = await phone.closed()
            assert said.index(b" 200 ") < said.index(b"400 Missing Content-Length")
            await phone.close()

    run(scene())


def test_message_that_is_begun_has_to_be_finished() -> None:
    async def scene() -> None:
        async with house(TCP, limits={"partial_message_s": 0.2}) as there:
            slow, steady = await Stream.open(there.address), await Stream.open(there.address)
            steady.send(request())
            assert (await steady.message()).status == 200
            drip = asyncio.ensure_future(slow.closed())
            for byte in request():
                if drip.done():
                    break
                slow.send(bytes([byte]))
                await asyncio.sleep(0.01)
            assert await drip == b""
            steady.send(request("INFO"))
            assert (await steady.message()).method == "INFO"
            for each in (slow, steady):
                await each.close()

    run(scene())


def test_idle_connection_is_closed_and_reported() -> None:
    async def scene() -> None:
        limits = {"idle_connection_s": 0.3, "partial_message_s": 0.4}
        async with house(TCP, limits=limits) as there:
            phone = await Stream.open(there.address)
            phone.send(request())
            await phone.message()
            assert await phone.closed() == b""
            await there.until(lambda: there.lost)
            assert there.lost == [there.taken[0][1]]
            await phone.close()

    run(scene())


def test_keep_alives_are_no_silence() -> None:
    async def scene() -> None:
        limits = {"idle_connection_s": 0.3, "partial_message_s": 0.4}
        async with house(TCP, limits=limits) as there:
            phone, silent = await Stream.open(there.address), await Stream.open(there.address)
            for each in (phone, silent):
                each.send(request())
                await each.message()
            # When the one that spoke last is given up, the other one's time would be over as well.
            while not there.lost:
                phone.send(b"\r\n\r\n")
                assert await phone.read(2) == b"\r\n"
            assert [flow.remote for flow in there.lost] == [silent.local]
            phone.send(request("INFO"))
            assert (await phone.message()).method == "INFO"
            for each in (phone, silent):
                await each.close()

    run(scene())


def test_one_address_has_only_so_many_connections() -> None:
    async def scene() -> None:
        async with house(TCP, limits={"max_connections_per_address": 3}) as there:
            greedy = [await Stream.open(there.address) for _ in range(3)]
            for each in greedy:
                each.send(request())
                await each.message()
            refused = await Stream.open(there.address)
            assert await refused.closed() == b""
            neighbour = await Stream.open(there.address, local_addr=("127.0.0.2", 0))
            neighbour.send(request())
            assert (await neighbour.message()).status == 200
            await greedy.pop().close()
            await there.until(lambda: there.lost)
            late = await Stream.open(there.address)
            late.send(request())
            assert (await late.message()).status == 200
            for each in (*greedy, refused, neighbour, late):
                await each.close()

    run(scene())


def test_those_who_say_nothing_make_room_for_those_who_speak() -> None:
    async def scene() -> None:
        async with house(TCP, limits={"max_tcp_connections": 4}) as there:
            known = await Stream.open(there.address)
            known.send(request())
            await known.message()
            silent = [await Stream.open(there.address) for _ in range(3)]
            for each in silent:
                # The answer shows that it has a place; a keep-alive is no message.
                each.send(b"\r\n\r\n")
                assert await each.read(2) == b"\r\n"
            phone = await Stream.open(there.address)
            phone.send(request())
            assert (await phone.message()).status == 200
            assert await silent[0].closed() == b""
            known.send(request("INFO"))
            assert (await known.message()).method == "INFO"
            for each in (known, phone, *silent):
                await each.close()

    run(scene())


def test_all_places_taken_by_those_who_speak() -> None:
    async def scene() -> None:
        async with house(TCP, limits={"max_tcp_connections": 2}) as there:
            known = [await Stream.open(there.address) for _ in range(2)]
            for each in known:
                each.send(request())
                await each.message()
            refused = await Stream.open(there.address)
            assert await refused.closed() == b""
            for each in (*known, refused):
                await each.close()

    run(scene())


async def _asked_and_gone(there: House, via: str) -> None:
    """Somebody asks, and the connection is gone before there is an answer."""
    there.answering = False
    phone = await Stream.open(there.address)
    phone.send(request(via=via))
    await there.until(lambda: there.taken)
    phone.reset()
    await there.until(lambda: there.lost)


def test_response_whose_connection_is_gone_goes_to_the_via() -> None:
    async def scene() -> None:
        async with house(TCP) as there, peer() as listening:
            await _asked_and_gone(there, f"192.0.2.9:{listening.address[1]}")
            there.answer(*there.taken[0])
            stream = await listening.next()
            assert (await stream.message()).status == 200
            # What follows goes over the same new connection.
            there.answer(*there.taken[0])
            assert (await stream.message()).status == 200
            assert listening.streams.empty()
            await stream.close()

    run(scene())


def test_response_that_cannot_be_delivered_is_reported() -> None:
    async def scene() -> None:
        async with house(TCP) as there, peer() as listening:
            port = listening.address[1]
        async with house(TCP) as there:
            await _asked_and_gone(there, f"192.0.2.9:{port}")
            there.answer(*there.taken[0])
            await there.until(lambda: len(there.lost) == 2)
            flow = there.taken[0][1]
            assert there.lost == [flow, flow._replace(connection=0)]

    run(scene())


def test_requests_open_one_connection_and_share_it() -> None:
    async def scene() -> None:
        async with house(TCP) as there, peer() as trunk:
            flow = there.flow(trunk.address)
            there.transports.send(flow, request())
            there.transports.send(flow, request("INFO"))
            stream = await trunk.next()
            assert [(await stream.message()).method for _ in range(2)] == ["OPTIONS", "INFO"]
            there.transports.send(flow, request("BYE"))
            assert (await stream.message()).method == "BYE"
            # The trunk's own requests come over it as well, and are answered over it.
            stream.send(request("INVITE"))
            assert (await stream.message()).status == 200
            assert there.taken[0][1].remote == trunk.address
            assert trunk.streams.empty()
            await stream.close()
            await there.until(lambda: there.lost)
            there.transports.send(flow, request())
            again = await trunk.next()
            assert (await again.message()).method == "OPTIONS"
            await again.close()

    run(scene())


def test_loss_is_reported_by_the_name_that_was_called() -> None:
    async def scene() -> None:
        async with house(TCP) as there, peer() as trunk:
            flow = there.flow(("localhost", trunk.address[1]))
            there.transports.send(flow, request())
            stream = await trunk.next()
            await stream.message()
            stream.reset()
            await there.until(lambda: len(there.lost) == 2)
            assert {each.remote for each in there.lost} == {flow.remote, trunk.address}

    run(scene())
