"""Adding and changing clients: those that the ledger keeps, and of others what it alone knows of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from harvester import run_ids
from harvester.errors import HarvesterError
from harvester.ledger import Ledger, Tx, activity, alerts, clients
from harvester.models import Client
from services.alerts import over
from services.kickoff import UnknownClient
from services.plan import ACTIVE, AIRTABLE

if TYPE_CHECKING:
    from services import Services

#: What a client has that nothing else is said of.
DEFAULTS: Final[Mapping[str, Any]] = {
    "status": ACTIVE,
    "service_level": 2,
    "daily_target": 10,
    "batch_size": 20,
    "max_batches": 10,
    "stream": 1,
    "timezone": "UTC",
    "airtable_base": None,
}
#: The ledger's own, wherever a client is kept.
OWN: Final = frozenset({"daily_budget_micros", "schedule", "actor_id"})
IN_AIRTABLE: Final = "it is kept in Airtable: change its row in the table Clients there"
_OURS: Final = {"origin": "ledger", "airtable_record_id": None, "airtable_error": None}
_CHARS: Final = 500


class ClientExists(HarvesterError):
    """There is a client of this ID already; it was left as it is."""

    def __init__(self, kept: Client) -> None:
        self.in_airtable = kept.origin == AIRTABLE
        super().__init__(f"there is a client {kept.client_id} already")


class KeptInAirtable(HarvesterError):
    """The value is Airtable's to change."""


class BaseTaken(HarvesterError):
    """The base is another client's, or the master's: what is found would be shown to others."""


@dataclass(frozen=True, slots=True)
class ClientEditing:
    """Adds and changes. With `read_clients`, Airtable's clients are read before."""

    ledger: Ledger
    clock: Callable[[], datetime]
    master_base: str | None
    read_clients: Callable[[], object] | None

    def get(self, client_id: str) -> Client:
        """Give a client. Raises `UnknownClient`."""
        with self.ledger.read() as tx:
            return _known(tx, client_id)

    def is_airtables(self, client: Client) -> bool:
        """Say whether Airtable alone can change the client; where it is off, the ledger takes it over."""
        return client.origin == AIRTABLE and self.read_clients is not None

    def add(self, client_id: str, values: Mapping[str, Any], *, by: str) -> Client:
        """Add a client with these columns, on behalf of `by`.

        Raises `InvalidInput` for what is no client ID, `ClientExists`, `BaseTaken`.
        """
        run_ids.require_client_id(client_id)
        now = self.clock()
        client = Client(client_id=client_id, created_at=now, **{**DEFAULTS, "name": client_id, **values})
        self._read()
        with self.ledger.write() as tx:
            self._check_base(tx, client_id, client.airtable_base)
            if not clients.add(tx, client):
                raise ClientExists(_known(tx, client_id))
            _note(tx, "add client", client_id, by, f"{client.name}, {client.status}", now)
        return client

    def change(self, client_id: str, values: Mapping[str, Any], *, by: str) -> list[str]:
        """Set these columns of a client, on behalf of `by`, and name those that were otherwise before.

        Raises `UnknownClient`, `KeptInAirtable`, `BaseTaken`.
        """
        own = set(values) <= OWN
        self._read()
        with self.ledger.write() as tx:
            kept = _known(tx, client_id)
            if self.is_airtables(kept) and not own:
                raise KeptInAirtable(IN_AIRTABLE)
            self._check_base(tx, client_id, values.get("airtable_base"))
            changed = [name for name, value in values.items() if getattr(kept, name) != value]
            clients.change(tx, client_id, **values, **({} if own else _OURS))
            if changed:
                told = "; ".join(f"{name}: {getattr(kept, name)} → {values[name]}" for name in changed)
                _note(tx, "change client", client_id, by, told, self.clock())
            if "daily_budget_micros" in changed:
                self._budget_is_another(tx, client_id)
        return changed

    def _budget_is_another(self, tx: Tx, client_id: str) -> None:
        """What was told of the old budget is over; of the new one it is told when that is spent."""
        now = self.clock()
        for key in alerts.standing_keys(tx, f"budget of {client_id} ", now=now):
            over(tx, key, now)

    def _check_base(self, tx: Tx, client_id: str, base: str | None) -> None:
        if base is None:
            return
        others = [one.client_id for one in clients.of_base(tx, base) if one.client_id != client_id]
        if base == self.master_base:
            raise BaseTaken(f"{base} is the master base: give the client a base of its own")
        if others:
            raise BaseTaken(f"{base} is the base of {others[0]}: give the client a base of its own")

    def _read(self) -> None:
        """See to it that the ledger has Airtable's clients, if there are any and they can be read."""
        if self.read_clients is not None:
            self.read_clients()


def of(services: Services) -> ClientEditing:
    """Build it of services that are ready."""
    airtable = services.airtable
    return ClientEditing(
        services.ledger,
        services.clock,
        services.settings.master_clients_base_id,
        None if airtable is None else airtable.roster.refresh,
    )


def _known(tx: Tx, client_id: str) -> Client:
    found = clients.get(tx, client_id)
    if found is None:
        raise UnknownClient(f"there is no client {client_id}")
    return found


def _note(tx: Tx, operation: str, client_id: str, by: str, detail: str, now: datetime) -> None:
    ids = {"client_run_id": None, "client_id": client_id}
    activity.record(tx, operation, source=by, **ids, ok=True, detail=detail[:_CHARS], now=now)
