"""Reports, made from the table of their columns."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field, create_model

from softswitch.store.report_columns import INTERVAL, REPORT_COLUMNS


class ReportColumn(BaseModel):
    """One column of a report."""

    name: str
    meaning: str


class ReportAbout(BaseModel):
    """A report that there is."""

    name: str
    title: str
    plotted: list[str] = Field(description="Columns that a plot shows.")
    columns: list[ReportColumn] = Field(
        description="Before them comes interval, where intervals are asked for."
    )


class ReportPeriod(BaseModel):
    """What a report is of."""

    report: str
    since: float = Field(description="From then, UTC seconds.")
    until: float = Field(description="Before this time, UTC seconds.")
    by: str | None = Field(description="Length of the intervals; null: the whole time is one.")


def _model(name: str) -> type[BaseModel]:
    fields: dict[str, Any] = (
        {} if name == "timeline" else {"interval": (INTERVAL[0], Field(None, description=INTERVAL[1]))}
    )
    for column, (kind, meaning) in REPORT_COLUMNS[name].items():
        fields[column] = (kind, Field(description=meaning))
    row = create_model(f"{name.title()}ReportRow", **fields)
    rows: Any = (list[row], Field(description="Groups without calls have none."))  # type: ignore[valid-type]
    return create_model(f"{name.title()}Report", __base__=ReportPeriod, items=rows)


REPORT_MODELS: dict[str, type[BaseModel]] = {name: _model(name) for name in REPORT_COLUMNS}
"""By name of the report."""
