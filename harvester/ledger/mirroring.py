"""Whether Airtable is to be told of changes, of which, and how soon."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Kind(StrEnum):
    """What Airtable shows. Changes are written down in this order, whoever makes them."""

    JOB_RUN = "job_run"
    CLIENT_RUN = "client_run"
    ACTOR_RUN = "actor_run"
    LEAD = "lead"
    POST = "post"


@dataclass(frozen=True, slots=True)
class Mirroring:
    """Airtable is told: of run records in `master_base`, `delay` after the first of several changes."""

    master_base: str
    delay: timedelta
    clock: Callable[[], datetime]
