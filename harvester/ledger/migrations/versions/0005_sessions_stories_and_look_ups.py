"""Sessions, the stories of client runs, and what pages look things up by."""

import sqlalchemy as sa
from alembic import op

from harvester.ledger.types import Id, Utc

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the schema."""
    op.create_table(
        "run_events",
        sa.Column("id", Id, nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("client_run_id", sa.Text(), nullable=False),
        sa.Column("batch", sa.Integer(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_events")),
    )
    op.create_index("ix_run_events_client_run", "run_events", ["client_run_id", "id"], unique=False)
    op.create_table(
        "sessions",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("seen_at", Utc(), nullable=False),
        sa.Column("until", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_sessions")),
    )
    op.create_index("ix_sessions_until", "sessions", ["until"], unique=False)
    op.drop_index(op.f("ix_activity_operation"), table_name="activity")
    op.create_index("ix_activity_operation", "activity", ["operation", "ok", "at"], unique=False)
    op.create_index("ix_activity_client", "activity", ["client_id", "id"], unique=False)
    op.create_index("ix_activity_client_run", "activity", ["client_run_id", "id"], unique=False)
    op.create_index("ix_client_runs_started", "client_runs", ["client_id", "started_at"], unique=False)
    op.create_index("ix_client_runs_finished", "client_runs", ["finished_at", "id"], unique=False)
    op.create_index("ix_client_runs_status", "client_runs", ["status", "id"], unique=False)
    op.create_index("ix_client_runs_began", "client_runs", ["started_at"], unique=False)
    op.create_index("ix_leads_client", "leads", ["client_id", "id"], unique=False)
    op.create_index("ix_posts_client_posted", "posts", ["client_id", "posted_at", "id"], unique=False)
    op.create_index("ix_posts_posted", "posts", ["posted_at", "id"], unique=False)
    op.create_index("ix_sightings_lead", "sightings", ["lead_id", "post_id"], unique=False)
