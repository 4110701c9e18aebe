"""The tables of the ledger. What must be unique is a constraint here, never a check before an insert.

No row points at `client_runs` by foreign key: a record that a person deleted must stay deleted and
harm nothing but itself.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from harvester.ledger.types import Id, Utc

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _required(name: str, kind: Any, **options: Any) -> Column[Any]:
    return Column(name, kind, nullable=False, **options)


def _count(name: str) -> Column[Any]:
    return Column(name, Integer, nullable=False, default=0, server_default="0")


clients = Table(
    "clients",
    metadata,
    Column("client_id", String(64), primary_key=True),
    _required("name", Text),
    _required("status", Text),
    _required("service_level", Integer),
    _required("daily_target", Integer),
    _required("batch_size", Integer),
    _required("max_batches", Integer),
    _required("stream", Integer),
    _required("timezone", Text),
    Column("airtable_base", Text),
    _required("created_at", Utc),
)

leads = Table(
    "leads",
    metadata,
    Column("id", Id, primary_key=True),
    _required("client_id", String(64)),
    _required("profile_url", Text),
    _required("given_url", Text),
    Column("name", Text),
    _required("extra", JSON),
    Column("status", Text),
    Column("client_run_id", Text),
    Column("last_check_at", Utc),
    Column("posts_found_last_run", Integer),
    Column("posts_actioned", Text),
    Column("posts_scored_at", Utc),
    _required("created_at", Utc),
    UniqueConstraint("client_id", "profile_url"),
    Index("ix_leads_due", "client_id", "status", "created_at"),
    Index(
        "ix_leads_processing",
        "last_check_at",
        sqlite_where=text("status = 'Processing'"),
        postgresql_where=text("status = 'Processing'"),
    ),
)

job_runs = Table(
    "job_runs",
    metadata,
    Column("run_id", String(13), primary_key=True),
    _required("source", Text),
    _required("status", Text),
    _required("started_at", Utc),
    Column("finished_at", Utc),
)

client_runs = Table(
    "client_runs",
    metadata,
    Column("id", Id, primary_key=True),
    _required("client_run_id", Text),
    _required("run_id", String(13)),
    _required("client_id", String(64)),
    _required("client_name", Text),
    _required("source", Text),
    _required("status", Text),
    _required("created_at", Utc),
    _required("started_at", Utc),
    Column("finished_at", Utc),
    Column("target_posts", Integer),
    _required("max_batches", Integer),
    _required("system_notes", Text),
    Column("last_webhook_at", Utc),
    _count("profiles_submitted"),
    _count("posts_harvested"),
    _count("posts_new"),
    _count("items_rejected"),
    Column("cost_micros", BigInteger, nullable=False, default=0, server_default="0"),
    _count("actor_runs"),
    UniqueConstraint("client_run_id"),
    UniqueConstraint("run_id", "client_id"),
    Index(
        "uq_client_runs_live",
        "client_id",
        unique=True,
        sqlite_where=text("status = 'Running'"),
        postgresql_where=text("status = 'Running'"),
    ),
    Index("ix_client_runs_client", "client_id", "id"),
)

actor_runs = Table(
    "actor_runs",
    metadata,
    Column("id", Id, primary_key=True),
    _required("marker", Text),
    _required("client_run_id", Text),
    _required("client_id", String(64)),
    _required("batch", Integer),
    _required("state", Text),
    _required("actor_id", Text),
    _required("max_posts", Integer),
    _required("profiles", Integer),
    _count("attempt"),
    Column("start_requested_at", Utc),
    Column("search_until", Utc),
    Column("apify_run_id", Text),
    Column("dataset_id", Text),
    Column("apify_status", Text),
    Column("status_message", Text),
    Column("apify_started_at", Utc),
    Column("apify_finished_at", Utc),
    _count("resurrections"),
    Column("cost_micros", BigInteger),
    Column("items_expected", Integer),
    _count("cursor"),
    _count("failures"),
    _count("put_offs"),
    Column("error_code", Text),
    Column("error", Text),
    Column("next_check_at", Utc),
    Column("queued_until", Utc),
    Column("lease_owner", Text),
    Column("lease_until", Utc),
    _count("fence"),
    _count("wakes"),
    Column("parked_at", Utc),
    Column("parked_error", Text),
    _required("created_at", Utc),
    UniqueConstraint("marker"),
    UniqueConstraint("apify_run_id"),
    UniqueConstraint("client_run_id", "batch"),
    Index("ix_actor_runs_due", "next_check_at"),
    Index("ix_actor_runs_state", "state"),
    Index("ix_actor_runs_spent", "client_id", "start_requested_at"),
    Index("ix_actor_runs_start", "start_requested_at"),
    Index(
        "ix_actor_runs_parked",
        "parked_at",
        sqlite_where=text("parked_at IS NOT NULL"),
        postgresql_where=text("parked_at IS NOT NULL"),
    ),
)

lead_outcomes = Table(
    "lead_outcomes",
    metadata,
    Column("actor_run_id", Id, ForeignKey(actor_runs.c.id), primary_key=True),
    Column("lead_id", Id, ForeignKey(leads.c.id), primary_key=True),
    _required("target_url", Text),
    Column("outcome", Text),
    _count("posts_found"),
    Column("detail", Text),
    Column("decided_at", Utc),
    Index("ix_lead_outcomes_lead", "lead_id", "decided_at"),
)

posts = Table(
    "posts",
    metadata,
    Column("id", Id, primary_key=True),
    _required("client_id", String(64)),
    _required("post_key", Text),
    Column("url", Text),
    _required("kind", Text),
    _required("text", Text),
    _required("text_truncated", Boolean),
    Column("posted_at", Utc),
    Column("author_name", Text),
    Column("author_url", Text),
    Column("likes", BigInteger),
    Column("comments", BigInteger),
    Column("reposts", BigInteger),
    _required("images", JSON),
    _required("extras", JSON),
    _required("raw", LargeBinary),
    _required("first_actor_run_id", Id),
    _required("first_client_run_id", Text),
    _required("first_seen_at", Utc),
    _required("last_seen_at", Utc),
    UniqueConstraint("client_id", "post_key"),
    Index("ix_posts_client", "client_id", "id"),
    Index("ix_posts_first_client_run", "first_client_run_id"),
)

sightings = Table(
    "sightings",
    metadata,
    Column("actor_run_id", Id, ForeignKey(actor_runs.c.id), primary_key=True),
    Column("post_id", Id, ForeignKey(posts.c.id), primary_key=True),
    Column("lead_id", Id, ForeignKey(leads.c.id), primary_key=True),
    Index("ix_sightings_post", "post_id"),
)

rejects = Table(
    "rejects",
    metadata,
    Column("actor_run_id", Id, ForeignKey(actor_runs.c.id), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("lead_id", Id),
    _required("reason", Text),
    _required("detail", Text),
    Column("sample", Text),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Id, primary_key=True),
    _required("dispatch_key", Text),
    Column("dispatch_id", Text),
    Column("event_type", Text),
    Column("apify_run_id", Text),
    Column("actor_run_id", Id),
    Column("client_id", String(64)),
    _required("outcome", Text),
    _required("received_at", Utc),
    Column("processed_at", Utc),
    Column("result", Text),
    _required("headers", JSON),
    _required("body", Text),
    UniqueConstraint("dispatch_key"),
    Index("ix_deliveries_actor_run", "actor_run_id", "processed_at"),
    Index("ix_deliveries_outcome", "outcome", "id"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("key", Text, primary_key=True),
    _required("client_id", String(64)),
    _required("answer", JSON),
    _required("created_at", Utc),
)

locks = Table(
    "locks",
    metadata,
    Column("name", Text, primary_key=True),
    _required("until", Utc),
    _count("times"),
    _required("reason", Text),
)

activity = Table(
    "activity",
    metadata,
    Column("id", Id, primary_key=True),
    _required("at", Utc),
    _required("operation", Text),
    Column("source", Text),
    Column("client_run_id", Text),
    Column("client_id", String(64)),
    _required("ok", Boolean),
    _required("detail", Text),
    Index("ix_activity_operation", "operation", "ok"),
)
