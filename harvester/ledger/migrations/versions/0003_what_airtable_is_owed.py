"""What Airtable is owed."""

import sqlalchemy as sa
from alembic import op

from harvester.ledger.types import Id, Utc

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the schema."""
    op.create_table(
        "airtable_calls",
        sa.Column("base", sa.Text(), nullable=False),
        sa.Column("month", sa.Text(), nullable=False),
        sa.Column("calls", sa.Integer(), server_default="0", nullable=False),
        sa.Column("refused", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("base", "month", name=op.f("pk_airtable_calls")),
    )
    op.create_table(
        "airtable_schemas",
        sa.Column("base", sa.Text(), nullable=False),
        sa.Column("tables", sa.JSON(), nullable=False),
        sa.Column("read_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("base", name=op.f("pk_airtable_schemas")),
    )
    op.create_table(
        "airtable_slots",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("next_at", Utc(), nullable=False),
        sa.Column("blocked_until", Utc(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_airtable_slots")),
    )
    op.create_table(
        "alerts",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("first_at", Utc(), nullable=False),
        sa.Column("last_at", Utc(), nullable=False),
        sa.Column("times", sa.Integer(), server_default="0", nullable=False),
        sa.Column("told_at", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_alerts")),
    )
    op.create_index(
        "ix_alerts_untold",
        "alerts",
        ["last_at"],
        unique=False,
        sqlite_where=sa.text("told_at IS NULL"),
        postgresql_where=sa.text("told_at IS NULL"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", Id, nullable=False),
        sa.Column("base", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=True),
        sa.Column("client_id", sa.String(length=64), nullable=True),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("sent_version", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("sent", sa.JSON(), nullable=True),
        sa.Column("record_id", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), server_default="ok", nullable=False),
        sa.Column("due_at", Utc(), nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("kept", sa.Text(), nullable=True),
        sa.Column("shows", sa.Text(), nullable=True),
        sa.Column("changed_at", Utc(), nullable=False),
        sa.Column("sent_at", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("base", "kind", "key", name=op.f("uq_outbox_base_kind_key")),
    )
    op.create_index(
        "ix_outbox_due",
        "outbox",
        ["base", "kind", "due_at"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index(
        "ix_outbox_next",
        "outbox",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index("ix_outbox_subject", "outbox", ["kind", "subject_id"], unique=False)
    op.create_index(
        "ix_outbox_wrong",
        "outbox",
        ["state"],
        unique=False,
        sqlite_where=sa.text("state <> 'ok'"),
        postgresql_where=sa.text("state <> 'ok'"),
    )
    op.add_column("client_runs", sa.Column("leads_due_at", Utc(), nullable=True))
    op.add_column("client_runs", sa.Column("leads_tries", sa.Integer(), server_default="0", nullable=False))
    op.create_index(
        "ix_client_runs_leads_due",
        "client_runs",
        ["leads_due_at"],
        unique=False,
        sqlite_where=sa.text("leads_due_at IS NOT NULL"),
        postgresql_where=sa.text("leads_due_at IS NOT NULL"),
    )
    op.add_column("clients", sa.Column("origin", sa.Text(), server_default="ledger", nullable=False))
    op.add_column("clients", sa.Column("airtable_record_id", sa.Text(), nullable=True))
    op.add_column("clients", sa.Column("airtable_error", sa.Text(), nullable=True))
