"""What is asked of a back-end about a call, and where an agent's program is led."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from softswitch.config.base import Line, Model, PositiveSeconds

REQUEST_PATH = r"/[A-Za-z0-9._~!$'()*,;:@%/{}-]*"
ANSWER_PLACE = r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*"
MOST_PARTS = 32
_BACKEND = re.compile(r"[A-Za-z0-9._-]*(\{[A-Za-z0-9_]+\}[A-Za-z0-9._-]*)*")
_POP_URL = re.compile(
    r"https?://[A-Za-z0-9._:\[\]-]+"
    r"(?:[/?#](?:[A-Za-z0-9._~!$&'()*+,;=:@%/?#-]|(?<=[/=])\{[A-Za-z0-9_]+\}(?=[/&?#]|\Z))*)?"
)


def _is_backend(text: str) -> str:
    if not text or not _BACKEND.fullmatch(text):
        raise ValueError("is no name of a back-end; allowed: a name, in which {variable} may stand")
    return text


def _is_path(text: str) -> str:
    if not re.fullmatch(REQUEST_PATH, text):
        raise ValueError("is no path; it begins with / and has its query under query")
    return text


def _is_text_name(name: str) -> str:
    if not name.isidentifier() or not name.isascii():
        raise ValueError(f"{name!r} is no name of call data; letters, digits and _")
    return name


def _is_place(text: str) -> str:
    if not re.fullmatch(ANSWER_PLACE, text):
        raise ValueError(f"{text!r} is no path; keys and places with dots between: orders.0.id")
    return text


def _is_pop_url(text: str) -> str:
    if not _POP_URL.fullmatch(text):
        raise ValueError(
            "is no such address; allowed: https://HOST/ and what may stand in a URL, {variable} as a whole"
            " part of the path or a whole value: /{call}?number={caller}"
        )
    return text


BackendName = Annotated[str, Field(max_length=128), AfterValidator(_is_backend)]
AskedPath = Annotated[str, Field(max_length=512), AfterValidator(_is_path)]
TextName = Annotated[str, Field(max_length=64), AfterValidator(_is_text_name)]
Place = Annotated[str, Field(max_length=256), AfterValidator(_is_place)]
PopUrl = Annotated[str, Field(max_length=512), AfterValidator(_is_pop_url)]


class Lookup(Model):
    """A question to a back-end about a call; parts of the answer become call data."""

    backend: BackendName = Field(
        description="The back-end; {variable} in its name lets the caller's attributes choose it."
    )
    path: AskedPath = Field(
        default="/", description="What is asked for by GET; values of variables are escaped."
    )
    query: Annotated[dict[Line, Line], Field(max_length=MOST_PARTS)] = Field(
        default={}, description="Appended to the path; {variable} in the values."
    )
    into: Annotated[dict[TextName, Place], Field(min_length=1, max_length=MOST_PARTS)] = Field(
        description="Name of call data: path in the answer, such as customer.name or orders.0.id."
    )
    deadline_s: PositiveSeconds | None = Field(
        default=None,
        le=60,
        description="How long it may take, at most as long as the back-end's deadline_s; unset: that.",
    )


class ScreenPop(Model):
    """What is asked and told about callers when a phone rings for them."""

    lookup: Lookup | None = Field(
        default=None,
        description="Asked when a call enters a queue without lookup of its own, or rings at a user.",
    )
    url: PopUrl | None = Field(
        default=None,
        description="Address that the users' phones and programs are told when a call rings, unless the queue"
        " has one; {variable} as in lookup.",
    )
    internal: bool = Field(
        default=False, description="Also for calls between users; false: for those from outside alone."
    )
