"""Reports, as JSON and for spreadsheets."""

from __future__ import annotations

import io
import sqlite3
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Header, Query, Response
from pydantic import Field
from starlette.responses import StreamingResponse

from softswitch.api.models.reports import REPORT_MODELS, ReportAbout
from softswitch.api.problem import ApiError
from softswitch.api.requests import Here, Moment, Page, Question, Reader, answer
from softswitch.api.routes.records import Text
from softswitch.store.report_columns import REPORT_COLUMNS
from softswitch.store.reports import REPORTS, Period, Row, TooManyRows
from softswitch.store.sheet import write_csv

router = APIRouter(tags=["reports"])
DAY_S = 86400.0
MOST_ROWS = 100_000
AT_ONCE = 500
"""Rows that are made to text in one go: another request may come in between."""
CSV = "text/csv"
CSV_PIECE = 1 << 18
_CSV_CONTENT: dict[int | str, dict[str, Any]] = {
    200: {"content": {CSV: {"schema": {"type": "string", "description": "With `Accept: text/csv`."}}}}
}


class ReportQuery(Question):
    """What a report is to be of; from and to are widened to quarters of an hour."""

    since: Moment | None = Field(default=None, alias="from", description="From then; else the last day.")
    until: Moment | None = Field(default=None, alias="to", description="Before this time; else now.")
    by: Literal["15m", "30m", "hour", "day", "month"] | None = Field(
        default=None, description="A row for each interval, in local time of the switch."
    )
    only: Text | None = Field(default=None, description="Only this queue, agent, trunk, number, …")

    def period(self) -> Period:
        """ApiError 422 where it ends before it begins."""
        now = time.time()
        until = now if self.until is None else self.until
        since = until - DAY_S if self.since is None else self.since
        if since >= until:
            raise ApiError(422, "from must be before to")
        return Period(since, until, self.by or "", now, self.only, MOST_ROWS)


@router.get("/reports", response_model=Page[ReportAbout])
async def list_reports(caller: Reader) -> Response:
    """Which reports there are, and what their columns mean."""
    rows = [
        {
            "name": name,
            "title": report.title,
            "plotted": report.plotted,
            "columns": [
                {"name": column, "meaning": meaning} for column, (_, meaning) in REPORT_COLUMNS[name].items()
            ],
        }
        for name, report in REPORTS.items()
    ]
    return answer({"items": rows, "next": None})


def add_report(name: str) -> None:
    """The route of one report."""

    @router.get(
        f"/reports/{name}",
        response_model=REPORT_MODELS[name],
        responses=_CSV_CONTENT,
        name=f"report_{name}",
        summary=REPORTS[name].title,
    )
    async def report(
        services: Here,
        wanted: Annotated[ReportQuery, Query()],
        caller: Reader,
        accept: Annotated[str, Header(include_in_schema=False)] = "",
    ) -> Response:
        """JSON, or CSV for spreadsheets with `Accept: text/csv`. docs/reports.md defines every figure."""
        period = wanted.period()
        as_csv = CSV in accept and "application/json" not in accept
        render = _csv if as_csv else _json
        try:
            parts = await services.views(lambda db: render(name, period, _rows(db, name, period)), slow=True)
        except TooManyRows:
            raise ApiError(
                422, f"these are more than {MOST_ROWS} rows", "ask for longer intervals, or a shorter time"
            ) from None
        headers = {"Content-Length": str(sum(map(len, parts)))}
        if not as_csv:
            return StreamingResponse(_pieces(parts), media_type="application/json", headers=headers)
        headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
        return StreamingResponse(_pieces(parts), media_type=f"{CSV}; charset=utf-8", headers=headers)


async def _pieces(parts: list[bytes]) -> AsyncIterator[bytes]:
    """One by one, so that other requests come in between."""
    for part in parts:
        yield part


def _rows(db: sqlite3.Connection, name: str, period: Period) -> list[Row]:
    rows = REPORTS[name].run(db, period)
    if len(rows) > MOST_ROWS:
        raise TooManyRows
    return rows


def _json(name: str, period: Period, rows: list[Row]) -> list[bytes]:
    head = {"report": name, "since": period.since, "until": period.until, "by": period.by or None}
    parts = [b"," + orjson.dumps(rows[at : at + AT_ONCE])[1:-1] for at in range(0, len(rows), AT_ONCE)]
    return [orjson.dumps(head)[:-1] + b',"items":[', b"".join(parts[:1])[1:], *parts[1:], b"]}"]


def _csv(name: str, period: Period, rows: list[Row]) -> list[bytes]:
    columns = [*(["interval"] if period.by and name != "timeline" else []), *REPORT_COLUMNS[name]]
    file = io.StringIO()
    write_csv(file, columns, rows)
    text = file.getvalue()
    return [text[at : at + CSV_PIECE].encode() for at in range(0, len(text), CSV_PIECE)]


for _name in REPORTS:
    add_report(_name)
