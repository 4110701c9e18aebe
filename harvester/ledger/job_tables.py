"""The tables of what orders harvests and what holds them back: job runs, schedules, pauses, the account."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table, Text, text

from harvester.ledger.columns import metadata, partial, required
from harvester.ledger.types import Utc

job_runs = Table(
    "job_runs",
    metadata,
    Column("run_id", String(13), primary_key=True),
    required("source", Text),
    required("status", Text),
    required("started_at", Utc),
    Column("finished_at", Utc),
    Column("plan", Text),
    Column("stream", Integer),
    Column("only_client", Text),
    Column("most_clients", Integer),
    Column("schedule", Text),
    required("without_schedule", Boolean, default=False, server_default=text("false")),
    Column("holds", Text),
    Column("kickoffs_due_at", Utc),
    Column("owner", Text),
    Column("heartbeat_at", Utc),
    Column("note", Text),
    Column("reported_at", Utc),
    Column("ping_due_at", Utc),
    Index("uq_job_runs_holds", "holds", unique=True),
    partial("ix_job_runs_kickoffs", "kickoffs_due_at", where="kickoffs_due_at IS NOT NULL"),
    partial("ix_job_runs_open", "run_id", where="status = 'Running'"),
    partial("ix_job_runs_unreported", "run_id", where="plan IS NOT NULL AND reported_at IS NULL"),
    partial("ix_job_runs_ping", "ping_due_at", where="ping_due_at IS NOT NULL"),
)

job_clients = Table(
    "job_clients",
    metadata,
    Column("run_id", String(13), primary_key=True),
    Column("client_id", String(64), primary_key=True),
    Column("client_run_id", Text),
    required("decision", Text),
    Column("code", Text),
    Column("reason", Text),
    required("decided_at", Utc),
    Index("ix_job_clients_client_run", "client_run_id"),
)

schedules = Table(
    "schedules",
    metadata,
    Column("name", Text, primary_key=True),
    required("expression", Text),
    required("timezone", Text),
    Column("next_at", Utc),
    Column("last_at", Utc),
    Column("fired_at", Utc),
    Index("ix_schedules_next", "next_at"),
)

pauses = Table(
    "pauses",
    metadata,
    Column("scope", Text, primary_key=True),
    required("since", Utc),
    required("reason", Text),
    required("paused_by", Text),
)

apify_account = Table(
    "apify_account",
    metadata,
    Column("name", Text, primary_key=True),
    Column("max_runs", Integer),
    Column("max_memory_mb", Integer),
    Column("month_limit_micros", BigInteger),
    Column("month_used_micros", BigInteger),
    required("read_at", Utc),
)
