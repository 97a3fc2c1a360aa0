"""Errors as clients see them: application/problem+json (RFC 9457)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from softswitch.api.mistakes import mistakes
from softswitch.config.errors import ConfigError, Problem, key_text
from softswitch.control import CommandError

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 1
STATUS = {
    "not_found": 404,
    "invalid": 422,
    "conflict": 409,
    "forbidden": 403,
    "busy": 503,
    "shutting_down": 503,
}
"""HTTP status by the code of a refused command."""


class Mistake(BaseModel):
    """One mistake in what was sent."""

    path: str = Field(description="Keys and list places to it, such as users.alice.permissions[0].")
    pointer: str = Field(description="The same for programs (RFC 6901), such as /users/alice/permissions/0.")
    message: str = Field(description="What is wrong and what is allowed.")


class ProblemDetails(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = Field(default="about:blank", description="Always about:blank: `status` says the kind.")
    title: str = Field(description="The HTTP status in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What is wrong, in one sentence.")
    hint: str = Field(default="", description="What to do about it.")
    problems: list[Mistake] = Field(default=[], description="Each mistake, where there are several.")


class ApiError(Exception):
    """Ends a request with a problem."""

    def __init__(
        self, status: int, detail: str, hint: str = "", *,
        problems: Iterable[Problem] = (), headers: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.hint = hint
        self.problems = list(problems)
        self.headers = dict(headers or {})

    def content(self) -> bytes:
        body = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "hint": self.hint,
            "problems": [
                {"path": key_text(each.path), "pointer": pointer(each.path), "message": each.message}
                for each in self.problems
            ],
        }
        return orjson.dumps(body)

    def response(self) -> Response:
        return Response(self.content(), self.status, self.headers, MEDIA_TYPE)


def pointer(path: Iterable[str | int]) -> str:
    """('users', 'alice', 'permissions', 0) as /users/alice/permissions/0 (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def unavailable(detail: str, hint: str = "") -> ApiError:
    """Nothing has been done, or the same key finds out what was: try again soon."""
    return ApiError(503, detail, hint, headers={"Retry-After": str(RETRY_AFTER_S)})


def invalid(mistakes: Iterable[tuple[tuple[str | int, ...], str]]) -> ApiError:
    """Mistakes in what was sent: path and message of each."""
    problems = [Problem(*each) for each in mistakes]
    return ApiError(422, str(problems[0]), problems=problems)


def refused(error: CommandError) -> ApiError:
    """A command that the switch has refused."""
    status = STATUS.get(getattr(error, "code", ""), 422 if error.problems else 409)
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else {}
    return ApiError(status, error.message, error.hint, problems=error.problems, headers=headers)


def handle_errors(app: FastAPI) -> None:
    """Every error of the application is told as a problem."""
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(CommandError, _command_error)
    app.add_exception_handler(ConfigError, _config_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _fault)


async def _api_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return error.response()


async def _command_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, CommandError)
    return refused(error).response()


async def _config_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ConfigError)
    return ApiError(422, str(error.problems[0]), problems=error.problems).response()


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return invalid(mistakes(request, error)).response()


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = str(error.detail)
    if error.status_code == 404:
        detail = f"there is nothing at {request.url.path}"
    headers = dict(error.headers or {})
    if error.status_code == 400:
        return ApiError(422, "the body is no JSON in UTF-8").response()
    return ApiError(
        error.status_code, detail, "GET /v1/openapi.json says what there is", headers=headers
    ).response()


async def _fault(_: Request, error: Exception) -> Response:
    return ApiError(500, "the API failed to answer this", "its log says why").response()
