"""The OpenAPI document as judge of answers."""

from __future__ import annotations

from typing import Any

import httpx
import jsonschema_rs


class Document:
    """`check(answer, path)`: whether the answer is what the document says of this path. What it does not name
    must not be told either."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.paths = document["paths"]
        self._components = _closed(document["components"])
        self.checked: set[tuple[str, str]] = set()

    def check(self, answer: httpx.Response, path: str) -> Any:
        method = answer.request.method.lower()
        responses = self.paths[path][method]["responses"]
        assert str(answer.status_code) in responses, (path, answer.status_code, answer.text)
        kind = answer.headers["content-type"].partition(";")[0]
        schema = responses[str(answer.status_code)]["content"][kind]["schema"]
        found = answer.json()
        jsonschema_rs.validator_for({**_closed(schema), "components": self._components}).validate(found)
        self.checked.add((method, path))
        return found


def _closed(schema: Any) -> Any:
    """The schema with no properties allowed but those it names."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and "additionalProperties" not in schema:
        closed["additionalProperties"] = False
    return closed
