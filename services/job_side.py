"""Everything about job runs for many clients, put together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from harvester.ledger import Ledger
from harvester.settings import Settings
from services.chores import Chore
from services.decisions import Decisions
from services.job_reports import JobReports
from services.job_watch import JobWatch
from services.kickoff import Kickoff, ReadClients
from services.plan import Limits
from services.process import Process
from services.smart_resume import SmartResume


@dataclass(frozen=True, slots=True)
class JobSide:
    """The services of job runs, and the chore that looks after them."""

    process: Process
    smart_resume: SmartResume
    reports: JobReports
    chore: Chore


def build(
    settings: Settings,
    ledger: Ledger,
    kickoff: Kickoff,
    limits: Limits,
    clock: Callable[[], datetime],
    *,
    owner: str,
    read_clients: ReadClients | None,
) -> JobSide:
    """Put it together."""
    lease = timedelta(seconds=settings.lease_seconds)
    stale = timedelta(seconds=settings.resume_stale_seconds)
    recent = timedelta(seconds=settings.resume_recent_seconds)
    process = Process(
        ledger,
        Decisions(kickoff, limits, recent=recent),
        clock,
        lease=lease,
        stale=stale,
        owner=owner,
        read_clients=read_clients,
    )
    reports = JobReports(ledger, clock)
    watch = JobWatch(ledger, process, reports, clock, owner=owner, later=lease)
    return JobSide(
        process=process,
        smart_resume=SmartResume(ledger, process, clock, stale=stale),
        reports=reports,
        chore=Chore(lease, watch, when=watch.due),
    )
