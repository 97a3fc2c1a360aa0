"""The routes of what is on record."""

from __future__ import annotations

from fastapi import APIRouter

from softswitch.api.routes import audit, journal, recordings, records, reports, subjects, voicemail

PAST: tuple[APIRouter, ...] = (
    audit.router,
    journal.router,
    records.router,
    recordings.router,
    reports.router,
    subjects.router,
    voicemail.router,
)
