"""Apify's answers as our types: of an actor run only what we use, checked before it is believed."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from harvester.apify_errors import BadAnswer
from harvester.log import redact
from harvester.normalise.text import one_line

#: Statuses after which an actor run changes no more, unless somebody resurrects it.
TERMINAL_STATUSES: Final = frozenset({"SUCCEEDED", "FAILED", "ABORTED", "TIMED-OUT"})

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MICROS = Decimal(1_000_000)
_STATUS_MESSAGE_CHARS = 500
#: More than any account has, and less than the ledger's columns hold.
_MOST_RUNS = _MOST_MB = 1_000_000_000


@dataclass(frozen=True, slots=True)
class ApifyRun:
    """An actor run as Apify tells it. `cost_micros` is in millionths of a USD, None if not told.

    `charged` counts what was charged by the event, with a 0 for each event that the answer names a price of
    and no count. It is empty where Apify tells none, as in a list.
    """

    id: str
    actor_id: str | None
    user_id: str | None
    dataset_id: str
    key_value_store_id: str
    status: str
    status_message: str | None
    started_at: datetime | None
    finished_at: datetime | None
    resurrections: int
    cost_micros: int | None
    charged: Mapping[str, int] = field(default_factory=dict, hash=False)
    #: What it was given to run with, in megabytes.
    memory_mb: int | None = None

    @property
    def ended(self) -> bool:
        """True when Apify is done with it."""
        return self.status in TERMINAL_STATUSES


@dataclass(frozen=True, slots=True)
class AccountLimits:
    """What an account of Apify's may use, as far as it tells. A month's money is in millionths of a USD."""

    max_runs: int | None
    max_memory_mb: int | None
    month_limit_micros: int | None
    month_used_micros: int | None


def required_id(value: object) -> str:
    """Give an ID of Apify's back if it has the form of one: it may end up in a path. Raises `BadAnswer`."""
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise BadAnswer(f"not an ID of Apify's: {str(value)[:40]!r}")
    return value


def asked_for(run: ApifyRun, apify_run_id: str) -> ApifyRun:
    """Give an actor run back if it is the one that was asked for. Raises `BadAnswer`."""
    if run.id != apify_run_id:
        raise BadAnswer(f"Apify was asked for actor run {apify_run_id} and answered {run.id}")
    return run


def run_from(data: dict[str, Any]) -> ApifyRun:
    """Read an actor run object, whole or as a list has it.

    Raises `BadAnswer` if it lacks its ID, its status or its storages.
    """
    if not isinstance(data, dict) or not isinstance(data.get("status"), str):
        raise BadAnswer("Apify's actor run has no status")
    stats = data.get("stats")
    message = data.get("statusMessage")
    return ApifyRun(
        id=required_id(data.get("id")),
        actor_id=_text(data.get("actId")),
        user_id=_text(data.get("userId")),
        dataset_id=required_id(data.get("defaultDatasetId")),
        key_value_store_id=required_id(data.get("defaultKeyValueStoreId")),
        status=data["status"][:40],
        status_message=one_line(redact(message), _STATUS_MESSAGE_CHARS) if isinstance(message, str) else None,
        started_at=_time(data.get("startedAt")),
        finished_at=_time(data.get("finishedAt")),
        resurrections=_whole(stats.get("resurrectCount")) if isinstance(stats, dict) else 0,
        cost_micros=micros(data.get("usageTotalUsd")),
        charged=_charged(data),
        memory_mb=_memory(data.get("options")),
    )


def _charged(data: dict[str, Any]) -> dict[str, int]:
    """Read how often each event was charged."""
    told = data.get("chargedEventCounts")
    if not isinstance(told, dict):
        return {}
    pricing = data.get("pricingInfo")
    per_event = pricing.get("pricingPerEvent") if isinstance(pricing, dict) else None
    priced = per_event.get("actorChargeEvents") if isinstance(per_event, dict) else None
    counts = {**dict.fromkeys(priced if isinstance(priced, dict) else (), 0), **told}
    # Of a count that is none, nothing may be concluded.
    return {name: count for name, count in counts.items() if type(count) is int and count >= 0}


def limits_from(data: dict[str, Any]) -> AccountLimits:
    """Read an account's limits. Raises `BadAnswer` if there are none in it."""
    limits, current = data.get("limits"), data.get("current")
    if not isinstance(limits, dict):
        raise BadAnswer("Apify's account has no limits")
    given = limits.get("maxActorMemoryGbytes")
    gigabytes = given if isinstance(given, int | float) and math.isfinite(given) else 0
    return AccountLimits(
        max_runs=min(_whole(limits.get("maxConcurrentActorJobs")), _MOST_RUNS) or None,
        max_memory_mb=min(max(int(gigabytes * 1024), 0), _MOST_MB) or None,
        month_limit_micros=micros(limits.get("maxMonthlyUsageUsd")),
        month_used_micros=micros(current.get("monthlyUsageUsd")) if isinstance(current, dict) else None,
    )


def micros(usd: object) -> int | None:
    """Turn USD into whole millionths; None if it is no amount."""
    if usd is None or isinstance(usd, bool):
        return None
    try:
        amount = Decimal(str(usd))
        return int((amount * _MICROS).to_integral_value()) if amount.is_finite() and amount >= 0 else None
    except InvalidOperation:
        return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _whole(value: object) -> int:
    return value if isinstance(value, int) and value >= 0 else 0


def _memory(options: object) -> int | None:
    given = _whole(options.get("memoryMbytes")) if isinstance(options, dict) else 0
    return given if 0 < given <= _MOST_MB else None


def _time(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
