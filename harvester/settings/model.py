"""The settings of a process: what there is to choose, then the timers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, SecretStr

from harvester.settings import kinds, rules
from harvester.settings.choices import Choices, setting
from harvester.settings.urls import secrets_in, secrets_of_address

_SECONDS = "Give decimal seconds above 0, such as 0.5."


def _whole(secret: str) -> list[str]:
    return [secret]


#: What to mask of settings that are URLs.
_SECRET_PARTS: Mapping[str, Callable[[str], list[str]]] = {
    "database_url": secrets_in,
    "queue_url": secrets_in,
    "alert_urls": secrets_of_address,
    "heartbeat_url": secrets_of_address,
}


def _timer(description: str, default: str) -> Any:
    return setting(description, _SECONDS, default)


class Settings(Choices):
    """The settings of one process, checked and frozen. Secrets print as asterisks."""

    tick_seconds: kinds.Seconds = _timer("How often the worker looks for rows that are due.", "0.5")
    reconcile_seconds: kinds.Seconds = _timer(
        "How often unfinished actor runs are checked against Apify.", "300"
    )
    unknown_start_seconds: kinds.Seconds = _timer(
        "How long a start whose answer was lost is searched for before it may be started again.", "900"
    )
    stale_lead_seconds: kinds.Seconds = _timer("A lead still Processing after this is due again.", "1800")
    retry_base_seconds: kinds.Seconds = _timer("First back-off step of a failed job or outside call.", "1")
    lease_seconds: kinds.Seconds = _timer(
        "How long a row belongs to the process that works on it, unless renewed.", "25"
    )
    apify_timeout_seconds: Annotated[kinds.Seconds, AfterValidator(rules.within_lease)] = _timer(
        "Longest that one call to Apify may take; less than LEASE_SECONDS.", "20"
    )
    actor_run_timeout_seconds: kinds.Seconds = _timer("Time limit that an actor run is started with.", "3600")
    client_run_timeout_seconds: kinds.Seconds = _timer("Time limit of a client run.", "86400")
    cost_settle_seconds: kinds.Seconds = _timer(
        "How long after an actor run's end its cost and item count are read again.", "10"
    )
    items_lag_seconds: kinds.Seconds = _timer(
        "How long a dataset that is shorter than its item count is read again.", "300"
    )
    not_now_seconds: kinds.Seconds = _timer(
        "Wait after Apify refuses a start for its limits on memory or concurrency.", "10"
    )
    look_again_seconds: kinds.Seconds = _timer(
        "How soon to look again for a free place, or at an actor run that a webhook says has ended.", "2"
    )
    gone_seconds: kinds.Seconds = _timer(
        "How long after its start an actor run that Apify does not know may still turn up.", "60"
    )
    input_lag_seconds: kinds.Seconds = _timer(
        "How long the INPUT of an actor run may be unreadable before it counts as somebody else's.", "300"
    )
    queued_seconds: kinds.Seconds = _timer("A wake-up not carried out after this is sent again.", "25")
    settle_seconds: kinds.Seconds = _timer(
        "How often client runs are looked for that nothing has settled: without leads, or open for too long.",
        "2",
    )
    lock_seconds: kinds.Seconds = _timer(
        "How long a transaction waits for the ledger before that counts as not available.", "5"
    )
    clients_fresh_seconds: kinds.Seconds = _timer("How old what was read of Airtable's Clients may be.", "45")
    airtable_base_interval_seconds: kinds.Seconds = _timer(
        "Between two requests to one Airtable base; Airtable takes five a second.", "0.2222"
    )
    airtable_token_interval_seconds: kinds.Seconds = _timer(
        "Between two requests to all of Airtable; it takes fifty a second of one token.", "0.0222"
    )
    airtable_lockout_seconds: kinds.Seconds = _timer(
        "How long a base is left alone that says 429; Airtable demands 30.", "30"
    )
    airtable_cap_seconds: kinds.Seconds = _timer(
        "How long a base is left alone whose calls of the month are used up.", "3600"
    )
    airtable_timeout_seconds: kinds.Seconds = _timer("Longest that one call to Airtable may take.", "30")
    airtable_fence_seconds: Annotated[kinds.Seconds, AfterValidator(rules.beyond_airtable_timeout)] = _timer(
        "After a write whose answer was lost, how long its rows wait; more than AIRTABLE_TIMEOUT_SECONDS.",
        "60",
    )
    airtable_delay_seconds: kinds.Seconds = _timer(
        "How long changes of a row gather before Airtable is told.", "1"
    )
    airtable_stale_seconds: kinds.Seconds = _timer(
        "How old may be what was read of clients and leads, to be harvested by while Airtable is down.",
        "86400",
    )
    check_seconds: kinds.Seconds = _timer(
        "How often the ledger and Airtable are compared by themselves.", "86400"
    )
    account_seconds: kinds.Seconds = _timer("How often the Apify account's own limits are read.", "300")
    resume_recent_seconds: kinds.Seconds = _timer(
        "Smart resume skips a client whose last client run completed within this, its target being met.",
        "86400",
    )
    resume_stale_seconds: kinds.Seconds = _timer(
        "A smart resume that no worker has looked after for this long is taken over by the next one.", "600"
    )
    nothing_ran_seconds: kinds.Seconds = _timer(
        "An alert is raised when no client run was started for this long.", "93600"
    )
    shutdown_seconds: kinds.Seconds = _timer(
        "How long a worker that is told to end may finish what it has at hand.", "22"
    )

    web_idle_seconds: kinds.Seconds = _timer(
        "How long a connection is kept without a request; longer than a proxy in front keeps one.",
        "5",
    )
    web_head_seconds: kinds.Seconds = _timer("How long a caller may take for the headers of a request.", "10")
    web_body_seconds: kinds.Seconds = _timer("How long a caller may take for the body of a request.", "30")
    web_answer_seconds: kinds.Seconds = _timer(
        "How long a caller may take to read a piece of an answer.", "30"
    )

    def secret_values(self) -> list[str]:
        """Give every secret that is set, for the log to mask: of a URL what is secret in it."""
        found: list[str] = []
        for name in type(self).model_fields:
            value = getattr(self, name)
            several = value if isinstance(value, tuple) else (value,)
            secrets = [one.get_secret_value() for one in several if isinstance(one, SecretStr)]
            found += [part for one in secrets for part in _SECRET_PARTS.get(name, _whole)(one)]
        return [secret for secret in dict.fromkeys(found) if secret]
