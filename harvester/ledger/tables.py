"""The tables of the ledger. What must be unique is a constraint here, never a check before an insert.

No row points at `client_runs` by foreign key: a record that a person deleted must stay deleted and
harm nothing but itself. Airtable's share is in `airtable_tables.py`.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from harvester.ledger import airtable_tables  # noqa: F401  # part of the same metadata
from harvester.ledger.columns import count, required
from harvester.ledger.columns import metadata as metadata
from harvester.ledger.types import Id, Utc

clients = Table(
    "clients",
    metadata,
    Column("client_id", String(64), primary_key=True),
    required("name", Text),
    required("status", Text),
    required("service_level", Integer),
    required("daily_target", Integer),
    required("batch_size", Integer),
    required("max_batches", Integer),
    required("stream", Integer),
    required("timezone", Text),
    Column("airtable_base", Text),
    required("origin", Text, default="ledger", server_default="ledger"),
    Column("airtable_record_id", Text),
    Column("airtable_error", Text),
    required("created_at", Utc),
)

leads = Table(
    "leads",
    metadata,
    Column("id", Id, primary_key=True),
    required("client_id", String(64)),
    required("profile_url", Text),
    required("given_url", Text),
    Column("name", Text),
    required("extra", JSON),
    Column("status", Text),
    Column("client_run_id", Text),
    Column("last_check_at", Utc),
    Column("posts_found_last_run", Integer),
    Column("posts_actioned", Text),
    Column("posts_scored_at", Utc),
    required("created_at", Utc),
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
    required("source", Text),
    required("status", Text),
    required("started_at", Utc),
    Column("finished_at", Utc),
)

client_runs = Table(
    "client_runs",
    metadata,
    Column("id", Id, primary_key=True),
    required("client_run_id", Text),
    required("run_id", String(13)),
    required("client_id", String(64)),
    required("client_name", Text),
    required("source", Text),
    required("status", Text),
    required("created_at", Utc),
    required("started_at", Utc),
    Column("finished_at", Utc),
    Column("target_posts", Integer),
    required("max_batches", Integer),
    required("system_notes", Text),
    Column("last_webhook_at", Utc),
    count("profiles_submitted"),
    count("posts_harvested"),
    count("posts_new"),
    count("items_rejected"),
    Column("cost_micros", BigInteger, nullable=False, default=0, server_default="0"),
    count("actor_runs"),
    Column("leads_due_at", Utc),
    count("leads_tries"),
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
    Index(
        "ix_client_runs_leads_due",
        "leads_due_at",
        sqlite_where=text("leads_due_at IS NOT NULL"),
        postgresql_where=text("leads_due_at IS NOT NULL"),
    ),
)

actor_runs = Table(
    "actor_runs",
    metadata,
    Column("id", Id, primary_key=True),
    required("marker", Text),
    required("client_run_id", Text),
    required("client_id", String(64)),
    required("batch", Integer),
    required("state", Text),
    required("actor_id", Text),
    required("max_posts", Integer),
    required("profiles", Integer),
    count("attempt"),
    Column("start_requested_at", Utc),
    Column("search_until", Utc),
    Column("apify_run_id", Text),
    Column("dataset_id", Text),
    Column("apify_status", Text),
    Column("status_message", Text),
    Column("apify_started_at", Utc),
    Column("apify_finished_at", Utc),
    count("resurrections"),
    Column("cost_micros", BigInteger),
    Column("items_expected", Integer),
    count("cursor"),
    count("failures"),
    count("put_offs"),
    Column("error_code", Text),
    Column("error", Text),
    Column("next_check_at", Utc),
    Column("queued_until", Utc),
    Column("lease_owner", Text),
    Column("lease_until", Utc),
    count("fence"),
    count("wakes"),
    Column("parked_at", Utc),
    Column("parked_error", Text),
    required("created_at", Utc),
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
    required("target_url", Text),
    Column("outcome", Text),
    count("posts_found"),
    Column("detail", Text),
    Column("decided_at", Utc),
    Index("ix_lead_outcomes_lead", "lead_id", "decided_at"),
)

posts = Table(
    "posts",
    metadata,
    Column("id", Id, primary_key=True),
    required("client_id", String(64)),
    required("post_key", Text),
    Column("url", Text),
    required("kind", Text),
    required("text", Text),
    required("text_truncated", Boolean),
    Column("posted_at", Utc),
    Column("author_name", Text),
    Column("author_url", Text),
    Column("likes", BigInteger),
    Column("comments", BigInteger),
    Column("reposts", BigInteger),
    required("images", JSON),
    required("extras", JSON),
    required("raw", LargeBinary),
    required("first_actor_run_id", Id),
    required("first_client_run_id", Text),
    required("first_seen_at", Utc),
    required("last_seen_at", Utc),
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
    required("reason", Text),
    required("detail", Text),
    Column("sample", Text),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Id, primary_key=True),
    required("dispatch_key", Text),
    Column("dispatch_id", Text),
    Column("event_type", Text),
    Column("apify_run_id", Text),
    Column("actor_run_id", Id),
    Column("client_id", String(64)),
    required("outcome", Text),
    required("received_at", Utc),
    Column("processed_at", Utc),
    Column("result", Text),
    required("headers", JSON),
    required("body", Text),
    UniqueConstraint("dispatch_key"),
    Index("ix_deliveries_actor_run", "actor_run_id", "processed_at"),
    Index("ix_deliveries_outcome", "outcome", "id"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("key", Text, primary_key=True),
    required("client_id", String(64)),
    required("answer", JSON),
    required("created_at", Utc),
)

locks = Table(
    "locks",
    metadata,
    Column("name", Text, primary_key=True),
    required("until", Utc),
    count("times"),
    required("reason", Text),
)

activity = Table(
    "activity",
    metadata,
    Column("id", Id, primary_key=True),
    required("at", Utc),
    required("operation", Text),
    Column("source", Text),
    Column("client_run_id", Text),
    Column("client_id", String(64)),
    required("ok", Boolean),
    required("detail", Text),
    Index("ix_activity_operation", "operation", "ok"),
)
