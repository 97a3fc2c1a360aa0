"""Which numbers customers may be called back at: users of ours, and outside what the queue's settings say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from softswitch.call.party import Party
from softswitch.call.routing import NoRoute, Route

if TYPE_CHECKING:
    from softswitch.call.exchange import Exchange


def written(exchange: Exchange, number: str) -> str:
    """A number as it is kept: in E.164 where it can be read. An emergency number stays what it is."""
    if exchange.plan.emergency(number) is not None:
        return number
    return exchange.plan.numbering.normalised(number) or number


def callback_route(exchange: Exchange, queue: str, number: str, inside: bool, now: float) -> Route:
    """The way to a customer; `inside` for a user. Raises NoRoute where the dial plan does not let the queue
    call: an emergency number, a class that is not allowed, a number of our own."""
    if inside:
        if number not in exchange.centre.users:
            raise NoRoute("number_not_found")
        return Route("user", number, number)
    if exchange.plan.emergency(number) is not None:
        raise NoRoute("forbidden")
    found = exchange.route(Party("queue", queue, number), number, now)
    if found.outward is None:
        raise NoRoute("forbidden")
    return found


def is_callable(exchange: Exchange, queue: str, number: str, inside: bool, now: float) -> bool:
    """Whether the dial plan lets the queue call the number now."""
    try:
        callback_route(exchange, queue, number, inside, now)
    except NoRoute:
        return False
    return True
