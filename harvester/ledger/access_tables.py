"""The table of those who may call the API besides `API_TOKENS`: tokens with scopes, some for one client."""

from __future__ import annotations

from sqlalchemy import Column, Table, Text

from harvester.ledger.columns import metadata, required
from harvester.ledger.types import Utc

#: `digest` is the SHA-256 of the secret half of the token, whose public half is `id`. While a token is
#: exchanged, `earlier_digest` is good until `earlier_until`. `scopes`: words with blanks between them.
api_tokens = Table(
    "api_tokens",
    metadata,
    Column("id", Text, primary_key=True),
    required("digest", Text),
    Column("earlier_digest", Text),
    Column("earlier_until", Utc),
    required("name", Text),
    required("scopes", Text),
    Column("client_id", Text),
    required("created_at", Utc),
    required("created_by", Text),
    Column("expires_at", Utc),
    Column("last_used_at", Utc),
    Column("revoked_at", Utc),
)
