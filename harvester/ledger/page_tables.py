"""The tables that only people look at: the story of each client run, and who is signed in."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, Table, Text

from harvester.ledger.columns import metadata, required
from harvester.ledger.types import Id, Utc

run_events = Table(
    "run_events",
    metadata,
    Column("id", Id, primary_key=True),
    required("at", Utc),
    required("client_run_id", Text),
    Column("batch", Integer),
    required("kind", Text),
    required("detail", Text),
    Index("ix_run_events_client_run", "client_run_id", "id"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("digest", Text, primary_key=True),
    required("name", Text),
    required("created_at", Utc),
    required("seen_at", Utc),
    required("until", Utc),
    Index("ix_sessions_until", "until"),
)
