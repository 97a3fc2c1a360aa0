"""What operations are called: what generators of clients and readers of the document see."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest

from tests.api.document import Document

Operations = dict[tuple[str, str], dict[str, Any]]


@pytest.fixture
def operations(document: Document) -> Operations:
    return {
        (method, path): operation
        for path, methods in document.paths.items()
        for method, operation in methods.items()
    }


def test_each_operation_has_an_id_of_its_own(operations: Operations) -> None:
    ids = Counter(each["operationId"] for each in operations.values())
    assert ids.most_common(1)[0][1] == 1
    assert [each for each in ids if not re.fullmatch("[a-z]+(_[a-z]+)*", each)] == []


@pytest.mark.parametrize(
    ("method", "path", "id"),
    [
        ("get", "/v1/calls", "calls_list"),
        ("get", "/v1/calls/{call}", "calls_show"),
        ("delete", "/v1/calls/{call}", "calls_hang_up"),
        ("post", "/v1/calls/{call}/complete_transfer", "calls_complete_transfer"),
        ("post", "/v1/users/{name}", "users_add"),
        ("patch", "/v1/calling_classes/{name}", "calling_classes_change"),
        ("get", "/v1/calendars/{name}", "calendars_show"),
        ("get", "/v1/calendars/{name}/state", "calendars_show_state"),
        ("get", "/v1/reports/queues", "reports_queues"),
        ("patch", "/v1/settings/supervision", "settings_change_supervision"),
    ],
)
def test_clients_can_count_on_an_id(operations: Operations, method: str, path: str, id: str) -> None:
    assert operations[method, path]["operationId"] == id


def test_each_summary_says_what_its_operation_does(operations: Operations) -> None:
    lines = Counter(each["summary"] for each in operations.values())
    assert lines.most_common(1)[0][1] == 1
    assert [each for each in lines if len(each.split()) < 3] == []
    assert operations["delete", "/v1/calls/{call}"]["summary"] == "Hang up a call"
