"""Names of posts, comments and outputs."""

import sqlalchemy as sa
from alembic import op

from harvester.ledger.types import Id, Utc

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the schema."""
    op.create_table(
        "actor_outputs",
        sa.Column("actor_run_id", Id, nullable=False),
        sa.Column("actor_id", sa.Text(), nullable=False),
        sa.Column("items", sa.Integer(), server_default="0", nullable=False),
        sa.Column("posts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("companions", sa.Integer(), server_default="0", nullable=False),
        sa.Column("errors", sa.Integer(), server_default="0", nullable=False),
        sa.Column("misfits", sa.Integer(), server_default="0", nullable=False),
        sa.Column("unattributed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("undated", sa.Integer(), server_default="0", nullable=False),
        sa.Column("targets", sa.Integer(), server_default="0", nullable=False),
        sa.Column("empty_targets", sa.Integer(), server_default="0", nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("judged_at", Utc(), nullable=True),
        sa.Column("excused_at", Utc(), nullable=True),
        sa.ForeignKeyConstraint(
            ["actor_run_id"], ["actor_runs.id"], name=op.f("fk_actor_outputs_actor_run_id")
        ),
        sa.PrimaryKeyConstraint("actor_run_id", name=op.f("pk_actor_outputs")),
    )
    op.create_index("ix_actor_outputs_actor", "actor_outputs", ["actor_id", "judged_at"], unique=False)
    op.create_table(
        "backfills",
        sa.Column("id", Id, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=True),
        sa.Column("actor_run_id", Id, nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("cursor", sa.Integer(), server_default="0", nullable=False),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("posts_new", sa.Integer(), server_default="0", nullable=False),
        sa.Column("posts_changed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("items_rejected", sa.Integer(), server_default="0", nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("started_at", Utc(), nullable=False),
        sa.Column("finished_at", Utc(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["actor_run_id"], ["actor_runs.id"], name=op.f("fk_backfills_actor_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backfills")),
    )
    op.create_index(
        "uq_backfills_open",
        "backfills",
        ["key"],
        unique=True,
        sqlite_where=sa.text("finished_at IS NULL"),
        postgresql_where=sa.text("finished_at IS NULL"),
    )
    op.create_table(
        "companions",
        sa.Column("id", Id, nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("companion_key", sa.Text(), nullable=False),
        sa.Column("post_id", Id, nullable=True),
        sa.Column("post_number", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("text_truncated", sa.Boolean(), nullable=False),
        sa.Column("reaction", sa.Text(), nullable=True),
        sa.Column("author_name", sa.Text(), nullable=True),
        sa.Column("author_url", sa.Text(), nullable=True),
        sa.Column("author_headline", sa.Text(), nullable=True),
        sa.Column("created_at", Utc(), nullable=True),
        sa.Column("likes", sa.BigInteger(), nullable=True),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("first_actor_run_id", Id, nullable=False),
        sa.Column("first_seen_at", Utc(), nullable=False),
        sa.Column("last_seen_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name=op.f("fk_companions_post_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_companions")),
        sa.UniqueConstraint(
            "client_id", "kind", "companion_key", name=op.f("uq_companions_client_id_kind_companion_key")
        ),
    )
    op.create_index("ix_companions_client", "companions", ["client_id", "kind", "id"], unique=False)
    op.create_index("ix_companions_post", "companions", ["post_id", "kind", "id"], unique=False)
    op.create_index(
        "ix_companions_unlinked",
        "companions",
        ["client_id", "post_number"],
        unique=False,
        sqlite_where=sa.text("post_id IS NULL"),
        postgresql_where=sa.text("post_id IS NULL"),
    )
    op.create_table(
        "post_counts",
        sa.Column("post_id", Id, nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("likes", sa.BigInteger(), nullable=True),
        sa.Column("comments", sa.BigInteger(), nullable=True),
        sa.Column("reposts", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name=op.f("fk_post_counts_post_id")),
        sa.PrimaryKeyConstraint("post_id", "at", name=op.f("pk_post_counts")),
    )
    op.create_table(
        "post_names",
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("post_id", Id, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name=op.f("fk_post_names_post_id")),
        sa.PrimaryKeyConstraint("client_id", "number", name=op.f("pk_post_names")),
    )
    op.create_index("ix_post_names_post", "post_names", ["post_id"], unique=False)
    op.add_column("actor_runs", sa.Column("lot", sa.Integer(), nullable=True))
    op.add_column("clients", sa.Column("actor_id", sa.Text(), nullable=True))
    op.add_column("posts", sa.Column("form", sa.Text(), server_default="text", nullable=False))
    op.add_column("posts", sa.Column("posted_precision", sa.Text(), nullable=True))
    op.add_column("posts", sa.Column("last_actor_run_id", Id, nullable=True))
    op.add_column("posts", sa.Column("counted_at", Utc, nullable=True))
    op.add_column("rejects", sa.Column("raw", sa.LargeBinary(), nullable=True))
