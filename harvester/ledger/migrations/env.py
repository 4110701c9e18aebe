"""Alembic's entry: runs the migrations in the transaction that `harvester.ledger.schema` opened."""

from alembic import context

from harvester.ledger.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=False,
)
context.run_migrations()
