"""The client run record: created here and nowhere else, only updated afterwards.

`create` is for kickoff and the manual script alone. `get` never creates; `update` and `complete` never
create either: when the record is missing they say so at ERROR level and the caller goes on.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from harvester import log
from harvester.errors import HarvesterError, InvalidInput
from harvester.ledger import Tx, activity, client_runs, job_runs, metrics
from harvester.ledger.mirroring import Kind
from harvester.models import ClientRun, ClientRunStatus, Metrics
from harvester.run_ids import base_of, client_run_id
from services.alerts import over, raise_alert

MANUAL: Final = client_runs.BY_HAND
#: Who may ask for a client run record. `manual` is the script's own, and refused over HTTP.
KICKOFF_SOURCES: Final = frozenset(
    {"orchestrator", "master_process", "smart_resume_workflow", "batch_process"}
)
AUTHORISED_SOURCES: Final = KICKOFF_SOURCES | {MANUAL}

#: Why an order was refused for another client run's sake.
_IN_THE_WAY: Final = frozenset({"run_exists", "run_in_progress"})

_log = log.get_logger(__name__)


class AlreadyExists(HarvesterError):
    """There is a client run record of this ID. It was left as it is."""

    def __init__(self, found: ClientRun) -> None:
        super().__init__(f"client run record {found.client_run_id} already exists")
        self.found = found


class ClientBusy(HarvesterError):
    """The client has another client run that is live; it can have one at a time."""

    def __init__(self, live: ClientRun) -> None:
        super().__init__(f"client {live.client_id} has a live client run, {live.client_run_id}")
        self.live = live


def create(
    tx: Tx,
    *,
    run_id: str,
    client_id: str,
    client_name: str,
    source: str,
    now: datetime,
    started_at: datetime | None = None,
    target_posts: int | None = None,
    max_batches: int = 0,
    note: str | None = None,
    of_open_job: bool = False,
) -> ClientRun:
    """Create the record of one client run, status `Running`, metrics zero.

    The job tracking record of its base run ID is made if this is the first of it; `of_open_job`: it is there,
    and its kickoffs keep it open. Raises `AlreadyExists`, `ClientBusy`, `InvalidRunId`, or `InvalidInput` for
    a source that is not authorised.
    """
    _check_source(source)
    full_id = client_run_id(run_id, client_id)
    run = ClientRun(
        client_run_id=full_id,
        run_id=base_of(full_id),
        client_id=client_id,
        client_name=client_name,
        source=source,
        status=ClientRunStatus.RUNNING,
        created_at=now,
        started_at=started_at or now,
        finished_at=None,
        target_posts=target_posts,
        max_batches=max_batches,
        system_notes=noted(f"Processing started by {source}" + (f": {note}" if note else ""), now),
        last_webhook_at=None,
        metrics=Metrics(),
    )
    _log.info("Creating client run record for %s", full_id, clientRunId=full_id)
    _reserve(tx, run)
    if not of_open_job and not job_runs.reserve(tx, run.run_id, source=source, now=now):
        job_runs.reopen(tx, run.run_id)
    _note(tx, "create", full_id, client_id, source=source, detail="created", now=now)
    over(tx, _uncreated(client_id), now)
    tx.after_commit(
        lambda: _log.info("Successfully created client run record for %s", full_id, clientRunId=full_id)
    )
    return run


def _check_source(source: str) -> None:
    if source not in AUTHORISED_SOURCES:
        known = ", ".join(sorted(AUTHORISED_SOURCES))
        raise InvalidInput(
            f"{source!r} may not create client run records; authorised are {known}", code="invalid_source"
        )


def _reserve(tx: Tx, run: ClientRun) -> None:
    if client_runs.reserve(tx, run):
        return
    found = client_runs.get(tx, run.client_run_id)
    if found is not None:
        full_id = run.client_run_id
        _log.warning("Client run record already exists for %s", full_id, clientRunId=full_id)
        raise AlreadyExists(found)
    live = client_runs.live_of(tx, run.client_id)
    if live is not None:
        raise ClientBusy(live)
    raise HarvesterError(f"client run record {run.client_run_id} could not be created")


def adopt(
    tx: Tx,
    *,
    full_id: str,
    client_id: str,
    client_name: str,
    status: ClientRunStatus,
    started_at: datetime,
    finished_at: datetime,
    system_notes: str,
    last_webhook_at: datetime | None,
    metrics: Metrics,
    now: datetime,
) -> ClientRun:
    """Take over the record of a client run that another system has ended; Airtable is owed nothing by it.

    Raises `AlreadyExists`, and `ValueError` for one that is live: whoever runs it would go on with it.
    """
    if status is ClientRunStatus.RUNNING:
        raise ValueError(f"{full_id} is live, and cannot be taken over")
    run = ClientRun(
        client_run_id=client_run_id(full_id, client_id),
        run_id=base_of(full_id),
        client_id=client_id,
        client_name=client_name,
        source=MANUAL,
        status=status,
        created_at=started_at,
        started_at=started_at,
        finished_at=finished_at,
        target_posts=None,
        max_batches=0,
        system_notes=system_notes,
        last_webhook_at=last_webhook_at,
        metrics=metrics,
    )
    untold = Tx(tx.connection)  # a transaction that owes Airtable nothing
    _reserve(untold, run)
    client_runs.change(untold, run.client_run_id, **asdict(metrics))
    _note(tx, "adopt", full_id, client_id, source=MANUAL, detail=f"adopted: {status}", now=now)
    return run


def creation_failed(
    tx: Tx, *, run_id: str | None, client_id: str, source: str, reason: str, now: datetime
) -> None:
    """Count a creation that failed and log it, in a transaction of its own: the first one rolled back.

    Somebody is told, unless whoever asked was: by hand, or that another client run is in the way.
    """
    full = client_run_id(run_id, client_id) if run_id else None
    ids = {"clientRunId": full} if full else {"clientId": client_id}
    _log.error("Failed to create client run record for %s: %s", full or client_id, reason, **ids)
    _note(tx, "create", full, client_id, source=source, detail=reason, now=now, ok=False)
    if reason not in _IN_THE_WAY and source != MANUAL:
        text = (
            f"The record of {full or f'a client run of {client_id}'} could not be created: {reason}. "
            "What can go on without it does; see harvester doctor and, where clients are kept in Airtable, "
            "harvester airtable check"
        )
        raise_alert(tx, _uncreated(client_id), text, now=now, in_log=True)


def get(tx: Tx, full_id: str) -> ClientRun | None:
    """Give the record of this client run ID, or None. Never creates."""
    return client_runs.get(tx, full_id)


def require(tx: Tx, full_id: str, client_id: str) -> ClientRun | None:
    """Give the record as `get` does, and say at ERROR level if it is missing."""
    found = client_runs.get(tx, full_id)
    if found is None:
        _missing(full_id, client_id)
    return found


def _uncreated(client_id: str) -> str:
    return f"record of {client_id} not created"


def update(tx: Tx, full_id: str, client_id: str, *, source: str, now: datetime, **changes: Any) -> bool:
    """Recount the record's metrics and set `changes`. False, and an ERROR line, if the record is missing."""
    # Locked before it is counted: of two that store at once, the later must count what the earlier stored.
    found = client_runs.get(tx, full_id, lock=True)
    if found is None:
        _missing(full_id, client_id)
        _note(tx, "update", full_id, client_id, source=source, detail="record missing", now=now, ok=False)
        _tell_of_missing(tx, full_id, client_id, "is not in the ledger", now)
        return False
    counted = metrics.of_client_run(tx, full_id)
    values = {name: getattr(counted, name) for name in Metrics.__dataclass_fields__}
    client_runs.change(tx, full_id, **values, **changes)
    if found.status is not ClientRunStatus.RUNNING:
        tx.owe(Kind.JOB_RUN, found.run_id)  # which shows the sums, once it has ended
    detail = f"posts {counted.posts_harvested}, new {counted.posts_new}, rejected {counted.items_rejected}"
    _note(tx, "update", full_id, client_id, source=source, detail=detail, now=now)
    return True


def complete(
    tx: Tx, run: ClientRun, status: ClientRunStatus, *, source: str, note: str, now: datetime
) -> bool:
    """End a live record with its final status. False if it was ended before, or is missing (ERROR line)."""
    if not update(tx, run.client_run_id, run.client_id, source=source, now=now):
        return False
    notes = f"{run.system_notes}\n{noted(note, now)}"
    if not client_runs.finish(tx, run.client_run_id, status=status, now=now, system_notes=notes):
        return False
    _note(
        tx, "complete", run.client_run_id, run.client_id, source=source, detail=f"{status}: {note}", now=now
    )
    full_id = run.client_run_id
    tx.after_commit(lambda: _log.info("Client run %s ended: %s", full_id, status, clientRunId=full_id))
    return True


def deleted_in_airtable(tx: Tx, full_id: str, client_id: str, *, now: datetime) -> None:
    """A person deleted the record there: say so, count it, and make no other."""
    _missing(full_id, client_id)
    told = "record deleted in Airtable"
    _note(tx, "update", full_id, client_id, source="mirror", detail=told, now=now, ok=False)
    _tell_of_missing(tx, full_id, client_id, "was deleted in Airtable", now)


def _tell_of_missing(tx: Tx, full_id: str, client_id: str, told: str, now: datetime) -> None:
    text = (
        f"The client run record {full_id} of {client_id} {told}. Its harvest goes on and its posts are kept, "
        "but no record is made anew, and sums over client runs are without it: see who deletes records, and "
        f"make it again with scripts/create_run_record.py --run-id {full_id[:13]} --client-id {client_id}"
    )
    raise_alert(tx, f"record {full_id} missing", text, now=now, in_log=True)


def _missing(full_id: str, client_id: str) -> None:
    with log.bound(clientRunId=full_id, clientId=client_id):
        _log.error("ERROR: Client run record not found for %s (%s)", full_id, client_id)
        _log.error("This indicates a process kickoff issue - run record should exist")


def noted(text: str, now: datetime) -> str:
    """Give a line of System Notes."""
    return f"[{now:%Y-%m-%dT%H:%M:%SZ}] {text}"


def _note(
    tx: Tx,
    operation: str,
    full_id: str | None,
    client_id: str,
    *,
    source: str,
    detail: str,
    now: datetime,
    ok: bool = True,
) -> None:
    activity.record(
        tx,
        operation,
        source=source,
        client_run_id=full_id,
        client_id=client_id,
        ok=ok,
        detail=detail,
        now=now,
    )
