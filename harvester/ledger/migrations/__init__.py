"""The ledger's migrations (Alembic), applied under a lock by whoever comes first."""
