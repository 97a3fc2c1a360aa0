"""Reports over the API."""

from __future__ import annotations

import csv
import io

import pytest

from softswitch.store.reports import REPORTS
from tests.api.conftest import As
from tests.api.document import Document
from tests.api.past import Past


@pytest.mark.parametrize("name", list(REPORTS))
@pytest.mark.parametrize("query", ["from=8h", "from=8h&by=15m", "from=8h&by=month"])
def test_every_report_is_what_the_document_says(
    as_role: As, document: Document, past: Past, name: str, query: str
) -> None:
    path = f"/v1/reports/{name}"
    found = document.check(as_role("supervisor").get(f"{path}?{query}"), path)
    assert found["report"] == name and found["until"] - found["since"] > 0
    if name in ("queues", "agents", "numbers", "reasons", "flows", "timeline"):
        assert found["items"]


def test_the_columns_have_meanings(as_role: As, document: Document) -> None:
    found = document.check(as_role("auditor").get("/v1/reports"), "/v1/reports")
    assert [each["name"] for each in found["items"]] == list(REPORTS)
    assert all(column["meaning"] for each in found["items"] for column in each["columns"])


def test_figures_for_spreadsheets(as_role: As, past: Past) -> None:
    query = "/v1/reports/queues?from=8h&only=sales"
    (row,) = as_role("supervisor").get(query).json()["items"]
    assert (row["offered"], row["answered"], row["abandoned"]) == (3, 2, 1)
    sheet = as_role("supervisor").get(query, headers={"Accept": "text/csv"})
    assert sheet.headers["content-type"] == "text/csv; charset=utf-8"
    (line,) = csv.DictReader(io.StringIO(sheet.text))
    assert {key: value and float(value) for key, value in line.items() if key != "queue"} == {
        key: "" if value is None else value for key, value in row.items() if key != "queue"
    }


@pytest.mark.parametrize("query", ["from=1h&to=2h", "by=week", "from=x", "only=" + "a" * 200])
def test_what_is_no_period(as_role: As, query: str) -> None:
    assert as_role("supervisor").get(f"/v1/reports/queues?{query}").status_code == 422


def test_who_gets_no_reports(as_role: As) -> None:
    assert as_role("agent").get("/v1/reports/agents").status_code == 403
    assert as_role("admin").get("/v1/reports/nosuch").status_code == 404
