"""Mistakes in a request, in the words that the settings have for theirs: where, what, what is allowed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from softswitch.config.errors import Path, message_of

NOUNS = {"query": "parameter", "path": "parameter", "header": "header", "body": "key"}


def mistakes(request: Request, error: RequestValidationError) -> Iterator[tuple[Path, str]]:
    """Path and message of each; the path is empty where the body as a whole is meant."""
    for each in error.errors():
        part, *place = each["loc"]
        if each["type"] == "json_invalid":
            yield (), _no_json(error.body, place, each)
        elif not place and isinstance(each["input"], bytes):
            given = request.headers.get("content-type")
            what = f"not {given[:60]!r}" if given else "there is no Content-Type"
            yield (), f"send the body as application/json; {what}"
        elif not place and each["type"] == "missing":
            yield (), "the body is missing; send one as application/json"
        else:
            yield tuple(place), message_of(_model(request, part), tuple(place), each, NOUNS.get(part, "key"))


def _no_json(text: Any, place: list[Any], mistake: Any) -> str:
    """Python counts characters, the sender has octets."""
    why = str(mistake["ctx"]["error"])
    octet = len(text[: place[0]].encode(errors="surrogatepass")) if isinstance(text, str) else place[0]
    return f"the body is no JSON: {why[:1].lower()}{why[1:]} at octet {octet}"


def _model(request: Request, part: str) -> Any:
    """What the query or the body is, as a model; None: it is none."""
    route = request.scope.get("route")
    if not isinstance(route, APIRoute) or part not in ("query", "body"):
        return None
    fields = route.dependant.query_params if part == "query" else route.dependant.body_params
    return fields[0].field_info.annotation if len(fields) == 1 else None
