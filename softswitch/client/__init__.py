"""A typed client of the API, for programs in Python."""

from softswitch.client.client import Client
from softswitch.client.commands import NotOverApi
from softswitch.client.events import Event, EventStream
from softswitch.client.problem import Mistake, Problem, Unreachable

__all__ = ["Client", "Event", "EventStream", "Mistake", "NotOverApi", "Problem", "Unreachable"]
