"""Taking up configuration that has changed under calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from softswitch.acd import events as acd
from softswitch.call.outputs import Fact, Keep
from softswitch.call.speaking import prepare

if TYPE_CHECKING:
    from softswitch.call.exchange import Exchange
    from softswitch.config import Agent, Queue, Trunk, User
    from softswitch.directory import Change


def changed(exchange: Exchange, changes: Sequence[Change], now: float, out: list[Any]) -> None:
    """The directory has carried out these changes: journal and exchange follow."""
    for fact in (change.fact() for change in changes):
        out.append(Fact(fact["type"], fact["data"]))
        out.extend(Keep(key, value) for key, value in fact["keep"].items())
    exchange.configured(((each.kind, each.name, each.model) for each in changes), now, out)


def take_up(exchange: Exchange, kind: str, name: str, value: Any, now: float, out: list[Any]) -> None:
    """An object was set (`value`) or removed (None)."""
    configured = _CONFIGURED.get(kind)
    if configured is not None:
        configured(exchange, name, value, now, out)


def _queue_configured(exchange: Exchange, name: str, queue: Queue | None, now: float, out: list[Any]) -> None:
    exchange.acd_event(acd.QueueRemoved(name) if queue is None else acd.QueueConfigured(queue), now, out)
    exchange.watching.configured("queue", name, queue, now, out)


def _agent_configured(exchange: Exchange, name: str, agent: Agent | None, now: float, out: list[Any]) -> None:
    exchange.acd_event(acd.AgentRemoved(name) if agent is None else acd.AgentConfigured(agent), now, out)
    exchange.seats.moved(name, now, out)


def _user_configured(exchange: Exchange, name: str, user: User | None, now: float, out: list[Any]) -> None:
    if user is None:
        exchange.registrar.remove_user(name, now, out)
        exchange.forwards.forget(name, out)
        exchange.mailboxes.forget(name, out)
    exchange.seats.quieted(name, now, out)
    exchange.watching.configured("user", name, user, now, out)


def _trunk_configured(exchange: Exchange, name: str, trunk: Trunk | None, now: float, out: list[Any]) -> None:
    exchange.trunks.configured(name, trunk, now, out)
    exchange.bans.spare_exempt(out)


def _flow_configured(exchange: Exchange, name: str, flow: Any, now: float, out: list[Any]) -> None:
    """Runs under way finish on the flows they started with; the next call takes the new one."""
    exchange.flows.configured(name, flow, now, out)
    if flow is not None:
        prepare(exchange, flow.language, exchange.flows.compiled(flow), out)


def _backend_configured(exchange: Exchange, name: str, backend: Any, now: float, out: list[Any]) -> None:
    exchange.backends.configured(name, backend, now, out)


def _voicemail_configured(exchange: Exchange, name: str, box: Any, now: float, out: list[Any]) -> None:
    exchange.voicemail.configured(name, box, now, out)


_CONFIGURED: dict[str, Callable[..., None]] = {
    "queue": _queue_configured,
    "agent": _agent_configured,
    "user": _user_configured,
    "flow": _flow_configured,
    "trunk": _trunk_configured,
    "backend": _backend_configured,
    "voicemail": _voicemail_configured,
}
