"""The versions of flows, how they look, and conversations with them."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from softswitch.api.models.flows import FlowGraph, FlowTest, FlowTestResult, FlowTestResults, FlowVersion
from softswitch.api.parameters import FlowName
from softswitch.api.problem import ApiError
from softswitch.api.requests import Admin, Here, Page, Pages, Reader, answer
from softswitch.api.routes.configuration import CONFIGURATION_AGE_S
from softswitch.api.routes.health import LIVE_AGE_S
from softswitch.api.services import Services
from softswitch.config import Flow as FlowSettings
from softswitch.config.errors import Problem, did_you_mean, validate
from softswitch.ivr.drawing import svg
from softswitch.ivr.flow import Flow
from softswitch.ivr.graph import Graph
from softswitch.ivr.script import ScriptError, SomeFlows, Talk, read
from softswitch.python_flows import load_programs

router = APIRouter(tags=["flows"])

MOST_CONVERSATIONS = 100
Drawing = Annotated[
    Literal["json", "mermaid", "svg"],
    Query(description="json: steps and ways; mermaid: a flowchart as text; svg: a picture."),
]


@router.get("/flows/{name}/versions", response_model=Page[FlowVersion])
async def list_versions(name: FlowName, services: Here, paging: Pages, caller: Reader) -> Response:
    """The versions of a flow, the newest first, and how many calls go through each."""
    rows = await services.answers.read("flow.history", {"name": name}, max_age_s=LIVE_AGE_S)
    if not rows:
        known = await services.answers.read("flow.history", max_age_s=LIVE_AGE_S)
        raise _no_flow(name, [row["flow"] for row in known])
    return paging.page(rows)


@router.get(
    "/flows/{name}/drawing",
    response_model=FlowGraph,
    responses={200: {"content": {"text/plain": {}, "image/svg+xml": {}}}},
)
async def draw(name: FlowName, services: Here, caller: Reader, form: Drawing = "json") -> Response:
    """A flow as a graph: steps, and every way between them with what it takes."""
    settings = {row["name"]: row for row in await _settings(services)}
    if name not in settings:
        raise _no_flow(name, settings)
    graph = Graph.of(_flow(settings[name]))
    if form == "json":
        return answer(asdict(graph))
    if form == "mermaid":
        return Response(graph.mermaid(), media_type="text/plain; charset=utf-8")
    return Response(svg(graph), media_type="image/svg+xml")


@router.post("/flow_tests", response_model=FlowTestResults)
async def run(given: FlowTest, services: Here, caller: Admin) -> Response:
    """Go through written conversations with the flows that are configured, on a simulated clock."""
    rows = await _settings(services)
    try:
        results = await asyncio.to_thread(_carry_out, given.conversations, rows, services)
    except ScriptError as error:
        problem = Problem(("conversations",), f"line {error}")
        raise ApiError(422, f"conversations: line {error}", problems=[problem]) from None
    failed = sum(each.failure is not None for each in results)
    return answer(FlowTestResults(conversations=results, failed=failed).model_dump())


def _carry_out(text: str, rows: list[dict[str, Any]], services: Services) -> list[FlowTestResult]:
    flows = SomeFlows({row["name"]: _flow(row) for row in rows}, load_programs(services.node.python_flows))
    conversations = read(text)
    if len(conversations) > MOST_CONVERSATIONS:
        raise ScriptError(f"{conversations[-1].line}: more than {MOST_CONVERSATIONS} conversations")
    results = []
    for each in conversations:
        failure = Talk(each, flows).carry_out()
        told = None if failure is None else {**asdict(failure), "talk": [*failure.talk]}
        results.append(FlowTestResult.model_validate({"conversation": each.name, "failure": told}))
    return results


async def _settings(services: Services) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await services.answers.read("flow.list", max_age_s=CONFIGURATION_AGE_S)
    return found


def _flow(row: dict[str, Any]) -> Flow:
    fields = {key: value for key, value in row.items() if key != "created_by"}
    return Flow.from_settings(validate(FlowSettings, fields))


def _no_flow(name: str, known: Any) -> ApiError:
    return ApiError(404, f"there is no flow {name!r}", did_you_mean(name, known))
