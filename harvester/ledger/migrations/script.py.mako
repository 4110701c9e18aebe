"""${message}."""

import sqlalchemy as sa
from alembic import op

from harvester.ledger.types import Id, Utc

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the schema."""
    ${upgrades if upgrades else "pass"}
