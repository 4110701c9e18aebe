"""What the doctor looks at in Airtable: whether it can be asked, and what is wrong with its clients.

It asks in turn with all others on the ledger, or Airtable would shut them out. It writes nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Final

from harvester.airtable import Airtable
from harvester.airtable_errors import NotAllowed
from harvester.ledger import Ledger, schema
from harvester.ledger import clients as ledger_clients
from harvester.settings import Settings
from services import client_rows
from services.airtable_side import gateway_for
from services.doctor_findings import NotWell
from services.no_access import explained
from services.overview import other_schema
from services.plan import ACTIVE
from services.restore import refuse_backup
from services.roster import CLIENTS, fit_table, kept_elsewhere, wanted

#: Longest wait for one answer, in seconds.
_SECONDS: Final = 10.0
_NAMED: Final = 5


def master_base(settings: Settings) -> str:
    """Ask who we are, and for the table Clients.

    Raises `NotWell`, `AirtableError`, `Unfit`, `LedgerUnavailable`.
    """
    with _asked(settings) as (_, airtable):
        user = airtable.whoami()
        base = str(settings.master_clients_base_id)
        fit_table(airtable.schema(base), CLIENTS)
        return f"token of user {user}; base {base} has what is needed of its clients"


def clients(settings: Settings) -> str:
    """Count the active clients. Raises `NotWell` if some are closed, and what `master_base` raises.

    Whoever is not active is harvested as little while closed, and what is left out of Clients is but told.
    """
    with _asked(settings) as (ledger, airtable):
        found = _read(ledger, airtable, str(settings.master_clients_base_id))
    active = [one for one in found.clients.values() if one.status == ACTIVE]
    closed = [f"{one.client_id}: {one.airtable_error}" for one in active if one.airtable_error is not None]
    if closed:
        told = _named([*closed, *found.remarks])
        raise NotWell(f"{len(closed)} of {len(active)} active clients are closed: {told}")
    well = f"{len(active)} active clients, none of them closed"
    return f"{well}; {_named(found.remarks)}" if found.remarks else well


def _named(wrong: Sequence[str]) -> str:
    more = f"; and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
    return "; ".join(wrong[:_NAMED]) + more


def _read(ledger: Ledger, airtable: Airtable, base: str) -> client_rows.Reading:
    table = fit_table(airtable.schema(base), CLIENTS)
    rows = [row for page in airtable.pages(base, table, fields=wanted(table)) for row in page]
    with ledger.read() as tx:
        taken = kept_elsewhere(ledger_clients.every(tx))
    return client_rows.read(rows, master_base=base, taken=taken, now=datetime.now(UTC))


@contextmanager
def _asked(settings: Settings) -> Iterator[tuple[Ledger, Airtable]]:
    url = settings.database_url.get_secret_value()
    refuse_backup(url)
    with closing(Ledger(url)) as ledger:
        with ledger.read() as tx:
            wrong = other_schema(schema.current(tx))
        if wrong is not None:
            raise NotWell("the ledger is not at our schema, and it alone knows when Airtable may be asked")
        seconds = min(settings.airtable_timeout_seconds, _SECONDS)
        with closing(gateway_for(settings, ledger, lambda: datetime.now(UTC), seconds)) as airtable:
            try:
                yield ledger, airtable
            except NotAllowed as error:  # nothing but the master base is asked for
                base = str(settings.master_clients_base_id)
                raise NotWell(*explained(error, base, master=True)) from error
