"""What the doctor says of the actors in use, by the setting or a client: known, startable, at Apify?"""

from __future__ import annotations

from contextlib import closing
from typing import Final

from harvester.apify import Apify
from harvester.apify_errors import Unavailable
from harvester.errors import HarvesterError, LedgerUnavailable
from harvester.ledger import Ledger, clients, schema
from harvester.normalise import startable
from harvester.settings import Settings
from services.doctor_findings import NotWell
from services.overview import other_schema
from services.plan import ACTIVE
from services.restore import IsBackup, refuse_backup

#: Clients that are named of one actor.
_NAMED: Final = 5
_ANOTHER: Final = (
    "see that the account may run this actor, or give the client another: harvester clients set ID --actor"
)


def all_in_use(settings: Settings, apify: Apify) -> str:
    """Look at each of them. Raises `NotWell` for those of clients that would not start.

    What is wrong with the setting's actor is raised as Apify told it, and is told first; so is `Unavailable`.
    """
    usual = settings.apify_actor_id
    told = [f"{usual} is {apify.actor(usual).get('id')}"]
    wrong: list[str] = []
    for actor_id, client_ids in _of_clients(settings.database_url.get_secret_value()).items():
        if actor_id != usual:
            whose = f"of {_named(client_ids)}"
            try:
                told.append(f"{actor_id} {whose} is {apify.actor(startable(actor_id).actor_id).get('id')}")
            except Unavailable:
                raise
            except HarvesterError as error:
                wrong.append(f"{actor_id} {whose}: {error}")
    if wrong:
        raise NotWell("; ".join(wrong), _ANOTHER)
    return "; ".join(told)


def _of_clients(url: str) -> dict[str, list[str]]:
    """Give the actors that active clients name, each with these; none if the ledger cannot be read."""
    try:
        refuse_backup(url)
        with closing(Ledger(url)) as ledger, ledger.read() as tx:
            if other_schema(schema.current(tx)) is not None:
                return {}
            return clients.own_actors(tx, status=ACTIVE)
    except (LedgerUnavailable, IsBackup):  # which is a finding of its own
        return {}


def _named(client_ids: list[str]) -> str:
    more = len(client_ids) - _NAMED
    return ", ".join(client_ids[:_NAMED]) + (f" and {more} more" if more > 0 else "")
