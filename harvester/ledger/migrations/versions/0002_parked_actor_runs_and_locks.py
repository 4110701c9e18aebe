"""Parked actor runs and locks."""

import sqlalchemy as sa
from alembic import op

from harvester.ledger.types import Utc

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the schema."""
    op.create_table(
        "locks",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("until", Utc(), nullable=False),
        sa.Column("times", sa.Integer(), server_default="0", nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_locks")),
    )
    op.add_column("actor_runs", sa.Column("search_until", Utc(), nullable=True))
    op.add_column("actor_runs", sa.Column("parked_at", Utc(), nullable=True))
    op.add_column("actor_runs", sa.Column("parked_error", sa.Text(), nullable=True))
    op.create_index(
        "ix_actor_runs_parked",
        "actor_runs",
        ["parked_at"],
        unique=False,
        sqlite_where=sa.text("parked_at IS NOT NULL"),
        postgresql_where=sa.text("parked_at IS NOT NULL"),
    )
    op.create_index("ix_actor_runs_start", "actor_runs", ["start_requested_at"], unique=False)
    op.create_index(
        "ix_leads_processing",
        "leads",
        ["last_check_at"],
        unique=False,
        sqlite_where=sa.text("status = 'Processing'"),
        postgresql_where=sa.text("status = 'Processing'"),
    )
