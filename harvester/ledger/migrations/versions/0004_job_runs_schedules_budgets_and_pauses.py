"""Job runs, schedules, budgets and pauses."""

import sqlalchemy as sa
from alembic import op

from harvester.ledger.types import Utc

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the schema."""
    op.create_table(
        "apify_account",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("max_runs", sa.Integer(), nullable=True),
        sa.Column("max_memory_mb", sa.Integer(), nullable=True),
        sa.Column("month_limit_micros", sa.BigInteger(), nullable=True),
        sa.Column("month_used_micros", sa.BigInteger(), nullable=True),
        sa.Column("read_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_apify_account")),
    )
    op.create_table(
        "job_clients",
        sa.Column("run_id", sa.String(length=13), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("client_run_id", sa.Text(), nullable=True),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("decided_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "client_id", name=op.f("pk_job_clients")),
    )
    op.create_index("ix_job_clients_client_run", "job_clients", ["client_run_id"], unique=False)
    op.create_table(
        "pauses",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("since", Utc(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("paused_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("scope", name=op.f("pk_pauses")),
    )
    op.create_table(
        "schedules",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("expression", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("next_at", Utc(), nullable=True),
        sa.Column("last_at", Utc(), nullable=True),
        sa.Column("fired_at", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_schedules")),
    )
    op.create_index("ix_schedules_next", "schedules", ["next_at"], unique=False)
    op.add_column("actor_runs", sa.Column("cap_micros", sa.BigInteger(), nullable=True))
    # The default of APIFY_MAX_CHARGE_USD: what was set then, nobody knows any more.
    op.execute(
        "UPDATE actor_runs SET cap_micros = 1000000 "
        "WHERE state IN ('starting', 'start_unknown', 'running', 'ended', 'ingesting')"
    )
    op.add_column("actor_runs", sa.Column("cost_due_at", Utc(), nullable=True))
    op.add_column("actor_runs", sa.Column("memory_mb", sa.Integer(), nullable=True))
    op.drop_index(op.f("ix_actor_runs_start"), table_name="actor_runs")
    op.drop_index(op.f("ix_actor_runs_state"), table_name="actor_runs")
    op.create_index("ix_actor_runs_paid", "actor_runs", ["start_requested_at", "cost_micros"], unique=False)
    op.create_index(
        "ix_actor_runs_cost_due",
        "actor_runs",
        ["cost_due_at"],
        unique=False,
        sqlite_where=sa.text("cost_due_at IS NOT NULL"),
        postgresql_where=sa.text("cost_due_at IS NOT NULL"),
    )
    op.create_index("ix_actor_runs_standing", "actor_runs", ["state", "client_id"], unique=False)
    op.add_column("alerts", sa.Column("over_at", Utc(), nullable=True))
    op.execute("UPDATE alerts SET over_at = last_at")  # none of them came up to stay
    op.add_column("client_runs", sa.Column("cancel_requested_at", Utc(), nullable=True))
    op.add_column("client_runs", sa.Column("retried_at", Utc(), nullable=True))
    op.add_column("clients", sa.Column("daily_budget_micros", sa.BigInteger(), nullable=True))
    op.add_column("clients", sa.Column("schedule", sa.Text(), nullable=True))
    op.add_column("job_runs", sa.Column("plan", sa.Text(), nullable=True))
    op.add_column("job_runs", sa.Column("stream", sa.Integer(), nullable=True))
    op.add_column("job_runs", sa.Column("only_client", sa.Text(), nullable=True))
    op.add_column("job_runs", sa.Column("most_clients", sa.Integer(), nullable=True))
    op.add_column("job_runs", sa.Column("schedule", sa.Text(), nullable=True))
    op.add_column(
        "job_runs",
        sa.Column("without_schedule", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    op.add_column("job_runs", sa.Column("holds", sa.Text(), nullable=True))
    op.add_column("job_runs", sa.Column("kickoffs_due_at", Utc(), nullable=True))
    op.add_column("job_runs", sa.Column("owner", sa.Text(), nullable=True))
    op.add_column("job_runs", sa.Column("heartbeat_at", Utc(), nullable=True))
    op.add_column("job_runs", sa.Column("note", sa.Text(), nullable=True))
    op.add_column("job_runs", sa.Column("reported_at", Utc(), nullable=True))
    op.add_column("job_runs", sa.Column("ping_due_at", Utc(), nullable=True))
    op.create_index(
        "ix_job_runs_open",
        "job_runs",
        ["run_id"],
        unique=False,
        sqlite_where=sa.text("status = 'Running'"),
        postgresql_where=sa.text("status = 'Running'"),
    )
    op.create_index(
        "ix_job_runs_ping",
        "job_runs",
        ["ping_due_at"],
        unique=False,
        sqlite_where=sa.text("ping_due_at IS NOT NULL"),
        postgresql_where=sa.text("ping_due_at IS NOT NULL"),
    )
    op.create_index(
        "ix_job_runs_unreported",
        "job_runs",
        ["run_id"],
        unique=False,
        sqlite_where=sa.text("plan IS NOT NULL AND reported_at IS NULL"),
        postgresql_where=sa.text("plan IS NOT NULL AND reported_at IS NULL"),
    )
    op.create_index("uq_job_runs_holds", "job_runs", ["holds"], unique=True)
    op.create_index(
        "ix_job_runs_kickoffs",
        "job_runs",
        ["kickoffs_due_at"],
        unique=False,
        sqlite_where=sa.text("kickoffs_due_at IS NOT NULL"),
        postgresql_where=sa.text("kickoffs_due_at IS NOT NULL"),
    )
    op.create_index(
        "ix_client_runs_standing",
        "client_runs",
        ["run_id"],
        unique=False,
        sqlite_where=sa.text("status = 'Running'"),
        postgresql_where=sa.text("status = 'Running'"),
    )
    op.add_column("lead_outcomes", sa.Column("answer", sa.Text(), nullable=True))
    op.add_column("leads", sa.Column("unanswered", sa.Integer(), server_default="0", nullable=False))
    op.add_column("leads", sa.Column("unreachable_at", Utc(), nullable=True))
