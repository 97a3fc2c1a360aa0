"""Client and server transactions (RFC 3261 §17 with RFC 6026), without I/O; the rules are in `states`.

A transaction that has nothing left to do but repeat itself shrinks to an entry of a table, which a FIFO
empties 64·T1 later; timers D, I, J and K, which may be shorter, use the same time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from softswitch.sip import states
from softswitch.sip.flow import GIVE_UP, NEVER, T1, Outputs, Send, SipFlow
from softswitch.sip.message import Message, parse, request
from softswitch.sip.states import Machine
from softswitch.sip.timers import Deadlines, Timed

COOKIE = "z9hG4bK"

# status, the response (None: nobody answered, 408 for a timeout, 503 for a broken transport), now, out
OnResponse = Callable[[int, Message | None, float, Outputs], None]


class ServerUser(Protocol):
    """What an INVITE server transaction is for; it hears of the two ends that its peer can give it."""

    def invite_cancelled(self, transaction: ServerTransaction, now: float, out: Outputs) -> None: ...

    def invite_broken(self, transaction: ServerTransaction, now: float, out: Outputs) -> None: ...


class Transaction(Timed):
    __slots__ = ("data", "flow", "give_up", "house", "interval", "key", "machine", "state")

    def __init__(self, house: Transactions, machine: Machine, key: str, flow: SipFlow, data: bytes) -> None:
        self.deadline = self.queued = self.give_up = NEVER
        self.house = house
        self.machine = machine
        self.state = machine.start
        self.key = key
        self.flow = flow
        self.data = data
        self.interval = T1

    def expire(self, now: float, out: Outputs) -> None:
        self.house.expired(self, now, out)


class ServerTransaction(Transaction):
    """A received request; `flow` is where it came from and its responses go.

    `user` is set for INVITE only; `cancel` is the CANCEL that came for it, be there a user or not.
    """

    __slots__ = ("cancel", "user")

    def __init__(self, house: Transactions, machine: Machine, key: str, flow: SipFlow) -> None:
        super().__init__(house, machine, key, flow, b"")
        self.user: ServerUser | None = None
        self.cancel: Message | None = None

    @property
    def open(self) -> bool:
        """Whether a final response may still be given."""
        return self.state in (states.TRYING, states.PROCEEDING)


class ClientTransaction(Transaction):
    """A sent request; `data` are its bytes."""

    __slots__ = ("on_response",)

    def __init__(
        self,
        house: Transactions,
        machine: Machine,
        key: str,
        flow: SipFlow,
        data: bytes,
        on_response: OnResponse,
    ) -> None:
        super().__init__(house, machine, key, flow, data)
        self.on_response = on_response


class Finished:
    """What is left of a transaction: its state, and what to say when the peer repeats itself."""

    __slots__ = ("again", "machine", "state")

    def __init__(self, machine: Machine, state: str, again: Send | None) -> None:
        self.machine = machine
        self.state = state
        self.again = again


def server_key(message: Message, method: str) -> str:
    """What a request and its repetitions have in common (§17.2.3); without the cookie RFC 2543's rule."""
    if message.branch.startswith(COOKIE):
        return f"< {message.branch} {message.sent_by} {method}"
    return f"< {message.sip_call_id} {message.from_tag} {message.cseq} {message.get('Via')} {method}"


def acknowledgement(sent: Message, response: Message) -> bytes:
    """The ACK to a failure response: the INVITE's branch, the response's To (§17.1.1.3)."""
    return request(
        "ACK",
        sent.uri,
        via=sent.need("Via"),
        from_=sent.need("From"),
        to=response.need("To"),
        sip_call_id=sent.sip_call_id,
        cseq=sent.cseq,
        routes=sent.all("Route"),
    )


def _response_input(machine: Machine, status: int) -> str:
    if status < 200:
        return states.PROVISIONAL
    if machine is states.OTHER_CLIENT or machine is states.OTHER_SERVER:
        return states.FINAL
    return states.SUCCESS if status < 300 else states.FAILURE


class Transactions:
    """All live transactions of a user agent, and what is kept of the finished ones."""

    __slots__ = ("_clients", "_done", "_fading", "_servers", "deadlines")

    def __init__(self, deadlines: Deadlines) -> None:
        self.deadlines = deadlines
        self._servers: dict[str, ServerTransaction] = {}
        self._clients: dict[str, ClientTransaction] = {}
        self._done: dict[str, Finished] = {}
        self._fading: deque[tuple[float, str]] = deque()

    def __len__(self) -> int:
        """Live transactions, without those of which only an entry is kept."""
        return len(self._servers) + len(self._clients)

    # Server side

    def receive_request(
        self, message: Message, flow: SipFlow, now: float, out: Outputs
    ) -> ServerTransaction | None:
        """The transaction of a new request (not ACK); None for a repetition, dealt with here."""
        method = message.method
        key = server_key(message, method)
        found = self._servers.get(key)
        if found is not None:
            if found.machine.rules[found.state, states.REQUEST][0] == states.SEND and found.data:
                out.append(Send(found.flow, found.data))
            return None
        if key in self._done:
            self._repeat(self._done[key], states.REQUEST, out)
            return None
        machine = states.INVITE_SERVER if method == "INVITE" else states.OTHER_SERVER
        server = self._servers[key] = ServerTransaction(self, machine, key, flow)
        return server

    def receive_ack(self, message: Message, now: float) -> bool:
        """Whether this ACK is for the user (of a 2xx): it belongs to no failure response."""
        key = server_key(message, "INVITE")
        server = self._servers.get(key)
        if server is not None:
            self._enter(server, server.machine.rules[server.state, states.ACK][1], now)
            return False
        done = self._done.get(key)
        return done is None or done.machine.rules[done.state, states.ACK][0] == states.REPORT

    def find_invite(self, message: Message) -> ServerTransaction | None:
        """The unfinished INVITE that a CANCEL is about."""
        return self._servers.get(server_key(message, "INVITE"))

    def knew_invite(self, message: Message) -> bool:
        """Whether the INVITE that a CANCEL is about has been answered already."""
        return server_key(message, "INVITE") in self._done

    def respond(
        self, server: ServerTransaction, status: int, response: bytes, now: float, out: Outputs
    ) -> bool:
        """Send a response. False, and nothing is sent, when a final one has been given before."""
        given = _response_input(server.machine, status)
        action, state = server.machine.rules[server.state, given]
        if action == states.IGNORE:
            return False
        server.data = response
        out.append(Send(server.flow, response))
        self._enter(server, state, now)
        return True

    # Client side

    def request(
        self,
        method: str,
        branch: str,
        data: bytes,
        flow: SipFlow,
        on_response: OnResponse,
        now: float,
        out: Outputs,
    ) -> ClientTransaction:
        """Send a request (not ACK) and report every response to it but repetitions of a final one."""
        machine = states.INVITE_CLIENT if method == "INVITE" else states.OTHER_CLIENT
        key = f"> {branch} {method}"
        client = self._clients[key] = ClientTransaction(self, machine, key, flow, data, on_response)
        client.give_up = now + GIVE_UP
        self.deadlines.at(client, client.give_up if flow.reliable else now + T1)
        out.append(Send(flow, data))
        return client

    def take_over(
        self, branch: str, data: bytes, flow: SipFlow, on_response: OnResponse, now: float
    ) -> ClientTransaction:
        """An INVITE that a former process sent and that is to be cancelled: nothing is sent."""
        key = f"> {branch} INVITE"
        client = self._clients[key] = ClientTransaction(
            self, states.INVITE_CLIENT, key, flow, data, on_response
        )
        client.state = states.PROCEEDING
        self.limit(client, now)
        return client

    def receive_response(self, message: Message, flow: SipFlow, now: float, out: Outputs) -> bool:
        """Report a response to whom it belongs. False: there is no transaction to take it (any more)."""
        key = f"> {message.branch} {message.method}"
        client = self._clients.get(key)
        if client is None:
            done = self._done.get(key)
            return done is not None and self._repeat(done, _response_input(done.machine, message.status), out)
        action, state = client.machine.rules[client.state, _response_input(client.machine, message.status)]
        if flow.reliable:
            client.flow = flow
        if action == states.ACKNOWLEDGE:
            client.data = acknowledgement(parse(client.data), message)
            out.append(Send(client.flow, client.data))
        self._enter(client, state, now)
        if action != states.IGNORE:
            client.on_response(message.status, message, now, out)
        return True

    def limit(self, client: ClientTransaction, now: float) -> None:
        """Wait for the final response to an INVITE no longer than 64·T1 from now (after a CANCEL, §9.1)."""
        if client.machine is states.INVITE_CLIENT and client.state == states.PROCEEDING:
            client.give_up = now + GIVE_UP
            self.deadlines.at(client, client.give_up)

    # Both

    def keep(self, key: str, again: Send | None, now: float) -> None:
        """Remember for 64·T1 what to say when `key` comes again."""
        if key not in self._done:
            self._fading.append((now + GIVE_UP, key))
        self._done[key] = Finished(states.INVITE_CLIENT, states.ACCEPTED, again)

    def kept(self, key: str) -> Finished | None:
        return self._done.get(key)

    def sent_invite(self, branch: str) -> bool:
        """Whether an INVITE of ours with this branch has had its 2xx, or was given up, not long ago."""
        done = self._done.get(f"> {branch} INVITE")
        return done is not None and done.state == states.ACCEPTED

    def state_of(self, key: str) -> str:
        """The state of a transaction in the words of RFC 3261, `terminated` if it is gone."""
        found = self._servers.get(key) or self._clients.get(key) or self._done.get(key)
        return found.state if found is not None else states.TERMINATED

    def transport_failed(self, flow: SipFlow, now: float, out: Outputs) -> None:
        """Nothing sent over `flow` can be answered any more.

        What came over it may still be answered: a response opens a connection to where the Via says
        (§18.2.2). Only when that fails, which is told with connection 0, is the peer out of reach (§17.2.4).
        """
        given = states.BROKEN if flow.lost_for_good else states.LOST
        for client in [each for each in self._clients.values() if flow.carries(each.flow)]:
            if self._clients.get(client.key) is client:
                self._fail(client, states.BROKEN, now, out)
        for server in [each for each in self._servers.values() if flow.carries(each.flow)]:
            action, state = server.machine.rules[server.state, given]
            server.flow = server.flow._replace(connection=0)
            self._enter(server, state, now)
            if action == states.FAIL and server.user is not None:
                server.user.invite_broken(server, now, out)

    def next_timeout(self) -> float | None:
        return self._fading[0][0] if self._fading else None

    def handle_timeout(self, now: float) -> None:
        """Forget what is older than 64·T1. The timers of live transactions are in the common heap."""
        fading, done = self._fading, self._done
        while fading and fading[0][0] <= now:
            done.pop(fading.popleft()[1], None)

    def expired(self, transaction: Transaction, now: float, out: Outputs) -> None:
        """A timer has fired: retransmit, or give up."""
        if now >= transaction.give_up:
            if isinstance(transaction, ClientTransaction):
                self._fail(transaction, states.EXPIRE, now, out)
            else:
                self._enter(transaction, transaction.machine.rules[transaction.state, states.EXPIRE][1], now)
        elif transaction.machine.rules[transaction.state, states.RETRANSMIT][0] == states.SEND:
            out.append(Send(transaction.flow, transaction.data))
            machine = transaction.machine
            slow = machine is states.OTHER_CLIENT and transaction.state == states.PROCEEDING
            transaction.interval = machine.cap if slow else min(2 * transaction.interval, machine.cap)
            self.deadlines.at(transaction, min(now + transaction.interval, transaction.give_up))

    def _fail(self, client: ClientTransaction, given: str, now: float, out: Outputs) -> None:
        self._enter(client, client.machine.rules[client.state, given][1], now)
        client.on_response(408 if given == states.EXPIRE else 503, None, now, out)

    def _repeat(self, done: Finished, given: str, out: Outputs) -> bool:
        """Let a finished transaction answer. False: the input is for its user."""
        action = done.machine.rules[done.state, given][0]
        if action == states.SEND and done.again is not None:
            out.append(done.again)
        return action != states.REPORT

    def _enter(self, transaction: Transaction, state: str, now: float) -> None:
        """Change the state; set or cancel the timer; shrink to an entry where only repetition is left."""
        if state == transaction.state:
            return
        machine = transaction.machine
        transaction.state = state
        if state == states.PROCEEDING:
            # Only an INVITE waits without end, for a person; other requests go on being repeated, slower.
            if machine is states.INVITE_CLIENT:
                transaction.deadline = NEVER
            return
        if machine is states.INVITE_SERVER and state not in machine.lasting and state != states.TERMINATED:
            transaction.give_up = now + GIVE_UP
            reliable = transaction.flow.reliable
            self.deadlines.at(transaction, transaction.give_up if reliable else now + T1)
            return
        self._shrink(transaction, now)

    def _shrink(self, transaction: Transaction, now: float) -> None:
        transaction.deadline = NEVER
        key, state, machine = transaction.key, transaction.state, transaction.machine
        if isinstance(transaction, ClientTransaction):
            self._clients.pop(key, None)
        else:
            self._servers.pop(key, None)
        if state == states.ACCEPTED or (state in machine.lasting and not transaction.flow.reliable):
            silent = state != states.COMPLETED or machine is states.OTHER_CLIENT
            again = None if silent else Send(transaction.flow, transaction.data)
            self._done[key] = Finished(machine, state, again)
            self._fading.append((now + GIVE_UP, key))
