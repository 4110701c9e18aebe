"""The tables about Airtable: what it is owed, when it may be asked, what its bases look like; and alerts."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Index, String, Table, Text, UniqueConstraint

from harvester.ledger.columns import count, metadata, partial, required
from harvester.ledger.types import Id, Utc

outbox = Table(
    "outbox",
    metadata,
    Column("id", Id, primary_key=True),
    required("base", Text),
    required("kind", Text),
    required("key", Text),
    Column("subject_id", BigInteger),
    Column("client_id", String(64)),
    required("version", BigInteger, default=1, server_default="1"),
    required("sent_version", BigInteger, default=0, server_default="0"),
    Column("sent", JSON),
    Column("record_id", Text),
    required("state", Text, default="ok", server_default="ok"),
    Column("due_at", Utc),
    count("failures"),
    Column("error", Text),
    Column("kept", Text),
    Column("shows", Text),
    required("changed_at", Utc),
    Column("sent_at", Utc),
    UniqueConstraint("base", "kind", "key"),
    partial("ix_outbox_due", "base", "kind", "due_at", where="due_at IS NOT NULL"),
    partial("ix_outbox_next", "due_at", where="due_at IS NOT NULL"),
    Index("ix_outbox_subject", "kind", "subject_id"),
    partial("ix_outbox_wrong", "state", where="state <> 'ok'"),
)

airtable_slots = Table(
    "airtable_slots",
    metadata,
    Column("name", Text, primary_key=True),
    required("next_at", Utc),
    Column("blocked_until", Utc),
    Column("reason", Text),
    count("failures"),
)

airtable_calls = Table(
    "airtable_calls",
    metadata,
    Column("base", Text, primary_key=True),
    Column("month", Text, primary_key=True),
    count("calls"),
    count("refused"),
)

airtable_schemas = Table(
    "airtable_schemas",
    metadata,
    Column("base", Text, primary_key=True),
    required("tables", JSON),
    required("read_at", Utc),
)

alerts = Table(
    "alerts",
    metadata,
    Column("key", Text, primary_key=True),
    required("text", Text),
    required("first_at", Utc),
    required("last_at", Utc),
    count("times"),
    Column("told_at", Utc),
    Column("over_at", Utc),
    partial("ix_alerts_untold", "last_at", where="told_at IS NULL"),
)
