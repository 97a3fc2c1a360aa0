"""Flows: their versions, how they look, and conversations with them."""

from __future__ import annotations

from pydantic import BaseModel, Field

from softswitch.api.models.base import RequestBody


class FlowVersion(BaseModel):
    """A version of a flow; a call stays in the one in which it began."""

    version: str
    at: str = Field(description="Since when, UTC, ISO 8601.")
    size: str = Field(description="Number of steps, or of lines in Python.")
    calls: int = Field(description="Calls that go through it now.")


class GraphNode(BaseModel):
    """A step of a flow."""

    path: str = Field(description="Its place in the flow.")
    kind: str
    detail: str = Field(description="What it is about.")
    name: str = Field(description="By which others lead to it; empty: none.")


class GraphEdge(BaseModel):
    """A way from step to step."""

    start: str
    end: str
    label: str = Field(description="What takes it.")


class FlowGraph(BaseModel):
    """A flow as steps and ways."""

    name: str
    nodes: list[GraphNode]
    edges: list[GraphEdge]


class FlowTest(RequestBody):
    """Written conversations, as `softswitch flow test` takes them."""

    conversations: str = Field(min_length=1, max_length=100_000, description="See docs/flows.md.")


class FlowFailure(BaseModel):
    """What did not happen as it is written."""

    line: int
    expected: str
    happened: str
    talk: list[str] = Field(description="What was said and done before.")


class FlowTestResult(BaseModel):
    """How a conversation went."""

    conversation: str
    failure: FlowFailure | None = Field(description="null: it went as written.")


class FlowTestResults(BaseModel):
    """How all conversations went."""

    conversations: list[FlowTestResult]
    failed: int = Field(description="How many did not go as written.")
