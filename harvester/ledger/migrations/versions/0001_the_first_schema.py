"""The first schema."""

import sqlalchemy as sa
from alembic import op

from harvester.ledger.types import Id, Utc

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the schema."""
    op.create_table(
        "activity",
        sa.Column("id", Id, nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("client_run_id", sa.Text(), nullable=True),
        sa.Column("client_id", sa.String(length=64), nullable=True),
        sa.Column("ok", sa.Boolean(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activity")),
    )
    op.create_index("ix_activity_operation", "activity", ["operation", "ok"], unique=False)
    op.create_table(
        "actor_runs",
        sa.Column("id", Id, nullable=False),
        sa.Column("marker", sa.Text(), nullable=False),
        sa.Column("client_run_id", sa.Text(), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("batch", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Text(), nullable=False),
        sa.Column("max_posts", sa.Integer(), nullable=False),
        sa.Column("profiles", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("start_requested_at", Utc(), nullable=True),
        sa.Column("apify_run_id", sa.Text(), nullable=True),
        sa.Column("dataset_id", sa.Text(), nullable=True),
        sa.Column("apify_status", sa.Text(), nullable=True),
        sa.Column("status_message", sa.Text(), nullable=True),
        sa.Column("apify_started_at", Utc(), nullable=True),
        sa.Column("apify_finished_at", Utc(), nullable=True),
        sa.Column("resurrections", sa.Integer(), server_default="0", nullable=False),
        sa.Column("cost_micros", sa.BigInteger(), nullable=True),
        sa.Column("items_expected", sa.Integer(), nullable=True),
        sa.Column("cursor", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("put_offs", sa.Integer(), server_default="0", nullable=False),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("next_check_at", Utc(), nullable=True),
        sa.Column("queued_until", Utc(), nullable=True),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_until", Utc(), nullable=True),
        sa.Column("fence", sa.Integer(), server_default="0", nullable=False),
        sa.Column("wakes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_actor_runs")),
        sa.UniqueConstraint("apify_run_id", name=op.f("uq_actor_runs_apify_run_id")),
        sa.UniqueConstraint("client_run_id", "batch", name=op.f("uq_actor_runs_client_run_id_batch")),
        sa.UniqueConstraint("marker", name=op.f("uq_actor_runs_marker")),
    )
    op.create_index("ix_actor_runs_due", "actor_runs", ["next_check_at"], unique=False)
    op.create_index("ix_actor_runs_spent", "actor_runs", ["client_id", "start_requested_at"], unique=False)
    op.create_index("ix_actor_runs_state", "actor_runs", ["state"], unique=False)
    op.create_table(
        "client_runs",
        sa.Column("id", Id, nullable=False),
        sa.Column("client_run_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.String(length=13), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("client_name", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("started_at", Utc(), nullable=False),
        sa.Column("finished_at", Utc(), nullable=True),
        sa.Column("target_posts", sa.Integer(), nullable=True),
        sa.Column("max_batches", sa.Integer(), nullable=False),
        sa.Column("system_notes", sa.Text(), nullable=False),
        sa.Column("last_webhook_at", Utc(), nullable=True),
        sa.Column("profiles_submitted", sa.Integer(), server_default="0", nullable=False),
        sa.Column("posts_harvested", sa.Integer(), server_default="0", nullable=False),
        sa.Column("posts_new", sa.Integer(), server_default="0", nullable=False),
        sa.Column("items_rejected", sa.Integer(), server_default="0", nullable=False),
        sa.Column("cost_micros", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("actor_runs", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_client_runs")),
        sa.UniqueConstraint("client_run_id", name=op.f("uq_client_runs_client_run_id")),
        sa.UniqueConstraint("run_id", "client_id", name=op.f("uq_client_runs_run_id_client_id")),
    )
    op.create_index("ix_client_runs_client", "client_runs", ["client_id", "id"], unique=False)
    op.create_index(
        "uq_client_runs_live",
        "client_runs",
        ["client_id"],
        unique=True,
        sqlite_where=sa.text("status = 'Running'"),
        postgresql_where=sa.text("status = 'Running'"),
    )
    op.create_table(
        "clients",
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("service_level", sa.Integer(), nullable=False),
        sa.Column("daily_target", sa.Integer(), nullable=False),
        sa.Column("batch_size", sa.Integer(), nullable=False),
        sa.Column("max_batches", sa.Integer(), nullable=False),
        sa.Column("stream", sa.Integer(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("airtable_base", sa.Text(), nullable=True),
        sa.Column("created_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_clients")),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", Id, nullable=False),
        sa.Column("dispatch_key", sa.Text(), nullable=False),
        sa.Column("dispatch_id", sa.Text(), nullable=True),
        sa.Column("event_type", sa.Text(), nullable=True),
        sa.Column("apify_run_id", sa.Text(), nullable=True),
        sa.Column("actor_run_id", Id, nullable=True),
        sa.Column("client_id", sa.String(length=64), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("received_at", Utc(), nullable=False),
        sa.Column("processed_at", Utc(), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("headers", sa.JSON(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("dispatch_key", name=op.f("uq_deliveries_dispatch_key")),
    )
    op.create_index("ix_deliveries_actor_run", "deliveries", ["actor_run_id", "processed_at"], unique=False)
    op.create_index("ix_deliveries_outcome", "deliveries", ["outcome", "id"], unique=False)
    op.create_table(
        "idempotency_keys",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_idempotency_keys")),
    )
    op.create_table(
        "job_runs",
        sa.Column("run_id", sa.String(length=13), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("started_at", Utc(), nullable=False),
        sa.Column("finished_at", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_job_runs")),
    )
    op.create_table(
        "leads",
        sa.Column("id", Id, nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("profile_url", sa.Text(), nullable=False),
        sa.Column("given_url", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("extra", sa.JSON(), nullable=False),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("client_run_id", sa.Text(), nullable=True),
        sa.Column("last_check_at", Utc(), nullable=True),
        sa.Column("posts_found_last_run", sa.Integer(), nullable=True),
        sa.Column("posts_actioned", sa.Text(), nullable=True),
        sa.Column("posts_scored_at", Utc(), nullable=True),
        sa.Column("created_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_leads")),
        sa.UniqueConstraint("client_id", "profile_url", name=op.f("uq_leads_client_id_profile_url")),
    )
    op.create_index("ix_leads_due", "leads", ["client_id", "status", "created_at"], unique=False)
    op.create_table(
        "posts",
        sa.Column("id", Id, nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("post_key", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("text_truncated", sa.Boolean(), nullable=False),
        sa.Column("posted_at", Utc(), nullable=True),
        sa.Column("author_name", sa.Text(), nullable=True),
        sa.Column("author_url", sa.Text(), nullable=True),
        sa.Column("likes", sa.BigInteger(), nullable=True),
        sa.Column("comments", sa.BigInteger(), nullable=True),
        sa.Column("reposts", sa.BigInteger(), nullable=True),
        sa.Column("images", sa.JSON(), nullable=False),
        sa.Column("extras", sa.JSON(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("first_actor_run_id", Id, nullable=False),
        sa.Column("first_client_run_id", sa.Text(), nullable=False),
        sa.Column("first_seen_at", Utc(), nullable=False),
        sa.Column("last_seen_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_posts")),
        sa.UniqueConstraint("client_id", "post_key", name=op.f("uq_posts_client_id_post_key")),
    )
    op.create_index("ix_posts_client", "posts", ["client_id", "id"], unique=False)
    op.create_index("ix_posts_first_client_run", "posts", ["first_client_run_id"], unique=False)
    op.create_table(
        "lead_outcomes",
        sa.Column("actor_run_id", Id, nullable=False),
        sa.Column("lead_id", Id, nullable=False),
        sa.Column("target_url", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("posts_found", sa.Integer(), server_default="0", nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("decided_at", Utc(), nullable=True),
        sa.ForeignKeyConstraint(
            ["actor_run_id"], ["actor_runs.id"], name=op.f("fk_lead_outcomes_actor_run_id")
        ),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.id"], name=op.f("fk_lead_outcomes_lead_id")),
        sa.PrimaryKeyConstraint("actor_run_id", "lead_id", name=op.f("pk_lead_outcomes")),
    )
    op.create_index("ix_lead_outcomes_lead", "lead_outcomes", ["lead_id", "decided_at"], unique=False)
    op.create_table(
        "rejects",
        sa.Column("actor_run_id", Id, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("lead_id", Id, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("sample", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["actor_run_id"], ["actor_runs.id"], name=op.f("fk_rejects_actor_run_id")),
        sa.PrimaryKeyConstraint("actor_run_id", "position", name=op.f("pk_rejects")),
    )
    op.create_table(
        "sightings",
        sa.Column("actor_run_id", Id, nullable=False),
        sa.Column("post_id", Id, nullable=False),
        sa.Column("lead_id", Id, nullable=False),
        sa.ForeignKeyConstraint(["actor_run_id"], ["actor_runs.id"], name=op.f("fk_sightings_actor_run_id")),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.id"], name=op.f("fk_sightings_lead_id")),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name=op.f("fk_sightings_post_id")),
        sa.PrimaryKeyConstraint("actor_run_id", "post_id", "lead_id", name=op.f("pk_sightings")),
    )
    op.create_index("ix_sightings_post", "sightings", ["post_id"], unique=False)
