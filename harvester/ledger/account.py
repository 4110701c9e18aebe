"""What the Apify account may use, as it was last told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import Select, select, update

from harvester.ledger import rows
from harvester.ledger.database import Tx
from harvester.ledger.job_tables import apify_account

#: There is one account, and so one row.
_NAME: Final = "apify"


@dataclass(frozen=True, slots=True)
class Account:
    """The account's limits; None for each that it does not tell. USD in millionths, memory in megabytes."""

    max_runs: int | None
    max_memory_mb: int | None
    month_limit_micros: int | None
    month_used_micros: int | None
    read_at: datetime


def put(tx: Tx, account: Account) -> None:
    """Keep what was told in place of what was told before."""
    values: dict[str, Any] = {name: getattr(account, name) for name in Account.__dataclass_fields__}
    if not rows.insert_unless_there(tx, apify_account, name=_NAME, **values):
        tx.execute(update(apify_account).where(apify_account.c.name == _NAME).values(**values))


def get(tx: Tx) -> Account | None:
    """Give what was told last; None if nothing ever was."""
    row = tx.execute(_one()).one_or_none()
    return rows.as_record(Account, row) if row else None


@cache
def _one() -> Select[Any]:
    return select(apify_account).where(apify_account.c.name == _NAME)
