"""The ledger's schema version: read it, bring it up to date."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from harvester.errors import HarvesterError
from harvester.ledger.database import Ledger, Tx

_MIGRATIONS = Path(__file__).parent / "migrations"


class LedgerTooNew(HarvesterError):
    """The ledger was written by a newer version of this program, which alone may use it."""


def _config(tx: Tx | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    if tx is not None:
        config.attributes["connection"] = tx.connection
    return config


def newest() -> str:
    """Name the schema version that this program needs."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None, "the package lacks its migrations"
    return head


def current(tx: Tx) -> str | None:
    """Name the schema version that the ledger has; None if it is empty."""
    return MigrationContext.configure(tx.connection).get_current_revision()


def migrate(ledger: Ledger) -> tuple[str | None, str]:
    """Bring the ledger to the newest schema, all or nothing. Returns the version before and after.

    Safe to call from many processes at once: one migrates, the others wait and find it done.
    Raises `LedgerTooNew` if the ledger has a version that this program does not know.
    """
    with ledger.read() as tx:
        before = current(tx)
    if before == newest():
        return before, before
    with ledger.write(patient=True) as tx:
        tx.exclusively("migrations")
        before = current(tx)
        _refuse_unknown(before)
        command.upgrade(_config(tx), "head")
    return before, newest()


def _refuse_unknown(revision: str | None) -> None:
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if revision is not None and revision not in known:
        raise LedgerTooNew(
            f"the ledger has schema {revision}, which this version does not know (it knows up to "
            f"{newest()}): install the version that wrote it, or restore an older backup"
        )
