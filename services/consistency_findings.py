"""What a check can find, and how each is put right."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Code(StrEnum):
    """What is wrong."""

    #: Within the ledger.
    CLIENT_RUN_STUCK = "client_run_stuck"
    LEAD_STUCK = "lead_stuck"
    METRICS_DIFFER = "metrics_differ"
    JOB_RUN_DIFFERS = "job_run_differs"
    RECORD_MISSING = "record_missing"
    #: Between the ledger and Airtable.
    UNSHOWN = "unshown"
    UNSENT = "unsent"
    PARKED = "parked"
    MISSING = "missing"
    DELETED = "deleted"
    RETURNED = "returned"
    OTHER_RECORD = "other_record"
    DIFFERENT = "different"
    #: In Airtable.
    DUPLICATE = "duplicate"
    EXTRA = "extra"
    NO_RUN_ID = "no_run_id"
    UNREADABLE = "unreadable"


class Remedy(StrEnum):
    """How it is put right."""

    SETTLE = "settle"
    HEAL = "heal"
    RECOUNT = "recount"
    SUM_UP = "sum_up"
    SEND_AGAIN = "send_again"
    SEND = "send"
    TRY_AGAIN = "try_again"
    RELINK = "relink"
    MARK = "mark"
    NOTE = "note"
    TAKE_BACK = "take_back"
    RECREATE = "recreate"
    #: Nothing of ours can: a person has to decide.
    PERSON = "person"


#: What can do no harm, whoever has changed what, and is done every night by itself.
HARMLESS: Final = frozenset(
    {
        Remedy.SETTLE,
        Remedy.HEAL,
        Remedy.RECOUNT,
        Remedy.SUM_UP,
        Remedy.SEND_AGAIN,
        Remedy.SEND,
        Remedy.TRY_AGAIN,
        Remedy.NOTE,
        Remedy.TAKE_BACK,
    }
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: where, and what can be done about it."""

    code: Code
    detail: str
    remedy: Remedy
    key: str | None = None
    client_id: str | None = None
    base: str | None = None
    table: str | None = None
    record_id: str | None = None
    #: The outbox row that it is about.
    row_id: int | None = None
    #: Columns that show something else than they should.
    columns: tuple[str, ...] = ()
    #: Of several records of one key, the one that is kept.
    kept: str | None = None
    #: What the ledger calls it where Airtable was never told of it.
    owe: str | int | None = None
