"""What the operations of the OpenAPI document are called: generators of clients name functions after them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence

from fastapi import APIRouter
from fastapi.routing import APIRoute

PREFIX = "/v1"
_SUMMARY = re.compile(r"(.*?)(?:[.;]\s|[.;]?$)", re.DOTALL)
"""The first sentence, or its part before a semicolon."""


def operation_id(route: APIRoute) -> str:
    """Of what, and what of it: `calls_show`, `calls_hang_up`, `users_add`. The first part of the path, then
    the name of the route without the words that are in that already."""
    thing = route.path_format.removeprefix(PREFIX).strip("/").partition("/")[0]
    said = {form for word in thing.split("_") for form in _forms(word)}
    return "_".join([thing, *(word for word in route.name.split("_") if word not in said)])


def _forms(word: str) -> tuple[str, ...]:
    return word, word.removesuffix("s"), word.removesuffix("es")


def summary(route: APIRoute) -> str:
    """One line about a route: its own, else how the docstring begins."""
    if route.summary:
        return route.summary
    text = _SUMMARY.match(" ".join((inspect.getdoc(route.endpoint) or "").split()))
    return text[1] if text else ""


def summaries(routers: Sequence[APIRouter]) -> Mapping[tuple[str, str], str]:
    """By path and method in small letters, as the document has them."""
    return {
        (PREFIX + route.path_format, method.lower()): summary(route)
        for router in routers
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
