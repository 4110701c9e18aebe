"""Every setting, with its default, its meaning and the remedy when it is refused.

A field is the environment variable of the same name in capitals. Defaults stand as they would in `.env`, and
`.env.example` is generated from this module. The order matters twice: readers meet the settings in it, and a
rule between two settings (`rules.py`) hangs on the later of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr
from pydantic_core import PydanticUndefined

from harvester.settings import kinds, rules
from harvester.settings.urls import secrets_in, secrets_of_address

_RANDOM = "Make one with: openssl rand -hex 32"
_SECONDS = "Give decimal seconds above 0, such as 0.5."
_MONEY = "Give US dollars above 0, such as 1.00."
_COUNT = "Give a whole number of 1 or more."
_COUNT_OR_NONE = "Give a whole number; 0 asks for none."
_AIRTABLE = "Set AIRTABLE_API_KEY and MASTER_CLIENTS_BASE_ID, or neither."
_SCORING = "Set SCORING_API_KEY, SCORING_BASE_URL and SCORING_MODEL, or none of them."


_UNGUESSED = AfterValidator(rules.not_guessed)
_APART = AfterValidator(rules.apart)


def _whole(secret: str) -> list[str]:
    return [secret]


#: What to mask of settings that are URLs.
_SECRET_PARTS: Mapping[str, Callable[[str], list[str]]] = {
    "database_url": secrets_in,
    "queue_url": secrets_in,
    "alert_urls": secrets_of_address,
    "heartbeat_url": secrets_of_address,
}


def _setting(description: str, remedy: str, default: object = PydanticUndefined) -> Any:
    return Field(default, description=description, json_schema_extra={"remedy": remedy})


def _timer(description: str, default: str) -> Any:
    return _setting(description, _SECONDS, default)


class Settings(BaseModel):
    """The settings of one process, checked and frozen. Secrets print as asterisks."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, hide_input_in_errors=True)

    # Apify
    apify_token: kinds.Token = _setting(
        "API token of the Apify account that pays.",
        "Copy it from Apify Console: Settings, API & Integrations.",
    )
    apify_api_url: kinds.HttpUrl = _setting(
        "Base URL of the Apify API.",
        "Leave it out for Apify itself, or give the URL of the sandbox.",
        "https://api.apify.com",
    )
    apify_actor_id: kinds.ActorId = _setting(
        "Actor to run.",
        "Leave it out, or give the user/name of a known Actor, as in Apify Store.",
        "harvestapi/linkedin-profile-posts",
    )
    apify_max_posts: Annotated[int, Field(ge=1, le=1000)] = _setting(
        "Posts asked for per profile; always sent.", "Give a whole number from 1 to 1000.", "2"
    )
    apify_posted_limit: kinds.PostedLimit = _setting(
        "How old posts may be: any, 1h, 24h, week, month, 3months, 6months or year.",
        "Give one of the Actor's words: any, 1h, 24h, week, month, 3months, 6months, year.",
        "year",
    )
    apify_answer_mb: kinds.AtLeastOne = _setting(
        "Megabytes that one answer of Apify's may have, unpacked; a page of items beyond is asked for in "
        "smaller ones.",
        _COUNT,
        "64",
    )
    scrape_comments: kinds.NoneOrMore = _setting(
        "Greatest number of comments asked for per post; 0 asks for none.", _COUNT_OR_NONE, "0"
    )
    scrape_reactions: kinds.NoneOrMore = _setting(
        "Greatest number of reactions asked for per post; 0 asks for none.", _COUNT_OR_NONE, "0"
    )

    # Money
    apify_max_charge_usd: kinds.Money = _setting(
        "US dollars after which Apify ends an actor run (its maxTotalChargeUsd).", _MONEY, "1.00"
    )
    daily_budget_usd: kinds.Money = _setting(
        "No actor run is started for a client once its runs of its own day have cost this much.",
        _MONEY,
        "5.00",
    )
    monthly_budget_usd: kinds.Money | None = _setting(
        "The same for the whole account and calendar month; unset: no limit.", _MONEY, None
    )
    max_actor_runs: kinds.AtLeastOne = _setting(
        "Actor runs in flight at once; the account's own limit holds besides.", _COUNT, "5"
    )

    kickoffs_per_hour: kinds.AtLeastOne = _setting(
        "Client runs that may be kicked off for one client within an hour, whoever asks.", _COUNT, "60"
    )

    # This service
    port: kinds.Port = _setting(
        "TCP port that the web process listens on.", "Give a whole number from 1 to 65535.", "8000"
    )
    web_workers: kinds.AtLeastOne = _setting("Processes that answer HTTP.", _COUNT, "2")
    worker_threads: kinds.AtLeastOne = _setting("Threads of the worker process.", _COUNT, "8")
    worker_memory_mb: kinds.NoneOrMore = _setting(
        "Megabytes of memory that a worker process may take; beyond, what it works on fails. 0: no limit.",
        "Give a whole number of megabytes, 512 or more for a busy worker, or 0.",
        "1024",
    )
    public_url: Annotated[str, AfterValidator(rules.public_url)] = _setting(
        "Where Apify reaches this service, without a path. Required unless APIFY_API_URL is a loopback "
        "address; then http://127.0.0.1:PORT.",
        "Give the https URL at which Apify reaches this service, such as https://harvest.example.org",
        "",
    )
    api_tokens: Annotated[kinds.Tokens, _UNGUESSED, _APART] = _setting(
        "Bearer tokens of the HTTP API, separated by commas: the first is current, the rest still work. Each "
        "has 16 characters or more, unless PUBLIC_URL is a loopback address.",
        _RANDOM,
    )
    webhook_secrets: Annotated[kinds.SigningKeys, _UNGUESSED, _APART] = _setting(
        "Keys of 32 bytes or more for webhook tokens, separated by commas: the first signs, all are known.",
        _RANDOM,
    )
    apify_webhook_token: Annotated[kinds.Token | None, _UNGUESSED, _APART] = _setting(
        "Static bearer token for webhooks made by hand in Apify Console; unset: such calls get 401.",
        _RANDOM,
        None,
    )
    trusted_proxies: Annotated[int, Field(ge=0, le=10)] = _setting(
        "Proxies in front of this service, each of which adds the caller's address to X-Forwarded-For; 0: "
        "none, and the header is not believed.",
        "Give a whole number from 0 to 10: how many proxies a request passes on its way here.",
        "0",
    )
    apify_webhook_ips: kinds.Networks = _setting(
        "Addresses that webhooks may come from, separated by commas (10.0.0.1 or 10.0.0.0/8); unset: all.",
        "Give IP addresses or networks, as in Apify's documentation, or leave it out.",
        (),
    )
    operator_password_hash: kinds.PasswordHash | None = _setting(
        "Argon2id hash of the operator's password; unset: the operations page answers 503.",
        "Make one with: harvester hash-password, and put it in single quotes.",
        None,
    )
    secret_key: Annotated[kinds.SessionKey | None, _UNGUESSED, _APART] = _setting(
        "Key of the operations page's sessions, 32 characters or more; unset: the page answers 503.",
        _RANDOM,
        None,
    )

    # Storage
    database_url: Annotated[kinds.DatabaseUrl, _APART] = _setting(
        "The ledger: sqlite:///PATH or postgresql+psycopg://...",
        "Give sqlite:///PATH or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE.",
        "sqlite:///var/harvester.db",
    )
    queue_url: Annotated[kinds.QueueUrl, AfterValidator(rules.queue_url)] = _setting(
        "Where wake-ups wait: sqlite:///PATH, postgresql+psycopg://... or redis://...; unset: a file beside "
        "the ledger's, or the ledger's PostgreSQL.",
        "Leave it out, or give sqlite:///PATH, postgresql+psycopg://... or redis://HOST.",
        SecretStr(""),
    )

    # Airtable
    airtable_api_key: Annotated[kinds.Token | None, _APART] = _setting(
        "Airtable token. With the next setting: clients and leads come from Airtable, and results go there.",
        _AIRTABLE,
        None,
    )
    master_clients_base_id: Annotated[kinds.BaseId | None, AfterValidator(rules.all_or_none)] = _setting(
        "Airtable base of the clients (app and 14 letters or digits).", _AIRTABLE, None
    )
    airtable_api_url: kinds.HttpUrl = _setting(
        "Base URL of the Airtable API.", "Leave it out for Airtable itself.", "https://api.airtable.com"
    )
    airtable_threads: kinds.AtLeastOne = _setting(
        "Threads of the worker process that talk to Airtable.", _COUNT, "8"
    )

    # Scoring
    scoring_api_key: Annotated[kinds.Token | None, _APART] = _setting(
        "API key of an OpenAI-compatible service that scores posts; unset: no scoring.", _SCORING, None
    )
    scoring_base_url: kinds.HttpUrl | None = _setting("Base URL of that service.", _SCORING, None)
    scoring_model: Annotated[str | None, AfterValidator(rules.all_or_none)] = _setting(
        "Model that it scores with.", _SCORING, None
    )

    # Schedule, alerts, logs
    schedule: kinds.Cron | None = _setting(
        "Cron expression of the daily process of all clients; unset: none.",
        "Give five fields, such as 0 5 * * * for five o'clock every day.",
        None,
    )
    schedule_timezone: kinds.TimeZone = _setting(
        "Time zone of SCHEDULE.", "Give an IANA name, such as Australia/Sydney.", "UTC"
    )
    schedule_missed: kinds.Missed = _setting(
        "Scheduled times that passed while no worker ran: last catches up once, skip never, all each time.",
        "Give last, skip or all.",
        "last",
    )
    heartbeat_url: kinds.HeartbeatUrl | None = _setting(
        "URL that is asked for after each scheduled run that did not fail, for a service that alerts when it "
        "is not; unset: none.",
        "Give the ping URL of a check, as at healthchecks.io.",
        None,
    )
    alert_urls: kinds.AlertUrls = _setting(
        "Apprise URLs told of failures, separated by commas.", "Give URLs as in Apprise's documentation.", ()
    )
    otel_exporter_otlp_endpoint: kinds.CollectorUrl | None = _setting(
        "OpenTelemetry collector (OTLP over HTTP) that gets a trace of each client run; unset: none is made.",
        "Give the collector's base URL, such as http://127.0.0.1:4318, and install the extra otel.",
        None,
    )
    log_format: kinds.LogFormat = _setting("Format of the logs: json or text.", "Give json or text.", "text")
    log_level: kinds.LogLevel = _setting(
        "Least level that is logged: DEBUG, INFO, WARNING, ERROR or CRITICAL.",
        "Give DEBUG, INFO, WARNING, ERROR or CRITICAL.",
        "INFO",
    )

    # Timers
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

    def secret_values(self) -> list[str]:
        """Give every secret that is set, for the log to mask: of a URL what is secret in it."""
        found: list[str] = []
        for name in type(self).model_fields:
            value = getattr(self, name)
            several = value if isinstance(value, tuple) else (value,)
            secrets = [one.get_secret_value() for one in several if isinstance(one, SecretStr)]
            found += [part for one in secrets for part in _SECRET_PARTS.get(name, _whole)(one)]
        return [secret for secret in dict.fromkeys(found) if secret]
