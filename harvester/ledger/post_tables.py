"""The tables beside `posts`: other names and earlier counts of a post, what others said to it, how an actor's
output looked, and past datasets that were read on purpose.
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
)

from harvester.ledger.columns import count, metadata, partial, required
from harvester.ledger.types import Id, Utc

#: Numbers of a post other than its key: as an activity, a ugcPost, a share, or a repost of it.
post_names = Table(
    "post_names",
    metadata,
    Column("client_id", String(64), primary_key=True),
    Column("number", Text, primary_key=True),
    Column("post_id", Id, ForeignKey("posts.id"), nullable=False),
    required("kind", Text),
    Index("ix_post_names_post", "post_id"),
)

#: What a post's counts were, last seen at that time, before they became others.
post_counts = Table(
    "post_counts",
    metadata,
    Column("post_id", Id, ForeignKey("posts.id"), primary_key=True),
    Column("at", Utc, primary_key=True),
    Column("likes", BigInteger),
    Column("comments", BigInteger),
    Column("reposts", BigInteger),
)

#: Comments and reactions.
companions = Table(
    "companions",
    metadata,
    Column("id", Id, primary_key=True),
    required("client_id", String(64)),
    required("kind", Text),
    required("companion_key", Text),
    Column("post_id", Id, ForeignKey("posts.id")),
    Column("post_number", Text),
    Column("url", Text),
    required("text", Text),
    required("text_truncated", Boolean),
    Column("reaction", Text),
    Column("author_name", Text),
    Column("author_url", Text),
    Column("author_headline", Text),
    Column("created_at", Utc),
    Column("likes", BigInteger),
    required("raw", LargeBinary),
    required("first_actor_run_id", Id),
    required("first_seen_at", Utc),
    required("last_seen_at", Utc),
    UniqueConstraint("client_id", "kind", "companion_key"),
    Index("ix_companions_post", "post_id", "kind", "id"),
    Index("ix_companions_client", "client_id", "kind", "id"),
    partial("ix_companions_unlinked", "client_id", "post_number", where="post_id IS NULL"),
)

#: How the items of one actor run looked, counted page by page with its cursor; judged when it was settled.
actor_outputs = Table(
    "actor_outputs",
    metadata,
    Column("actor_run_id", Id, ForeignKey("actor_runs.id"), primary_key=True),
    required("actor_id", Text),
    count("items"),
    count("posts"),
    count("companions"),
    count("errors"),
    count("misfits"),
    count("unattributed"),
    count("undated"),
    count("targets"),
    count("empty_targets"),
    required("fields", JSON),
    Column("judged_at", Utc),
    Column("excused_at", Utc),
    Index("ix_actor_outputs_actor", "actor_id", "judged_at"),
)

#: Past or foreign datasets, and stored items, that a person had read again.
backfills = Table(
    "backfills",
    metadata,
    Column("id", Id, primary_key=True),
    required("source", Text),
    required("key", Text),
    Column("client_id", String(64)),
    Column("actor_run_id", Id, ForeignKey("actor_runs.id")),
    required("state", Text),
    count("cursor"),
    Column("total", Integer),
    count("posts_new"),
    count("posts_changed"),
    count("items_rejected"),
    required("by", Text),
    required("started_at", Utc),
    Column("finished_at", Utc),
    Column("error", Text),
    partial("uq_backfills_open", "key", where="finished_at IS NULL", unique=True),
)
