"""Every setting, with its default, its meaning and the remedy when it is refused.

A field is the environment variable of the same name in capitals. Defaults stand as they would in `.env`, and
`.env.example` is generated from this module. The order matters twice: readers meet the settings in it, and a
rule between two settings (`rules.py`) hangs on the later of them.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr
from pydantic_core import PydanticUndefined

from harvester.settings import kinds, rules

_RANDOM = "Make one with: openssl rand -hex 32"
_MONEY = "Give US dollars above 0, such as 1.00."
_COUNT = "Give a whole number of 1 or more."
_COUNT_OR_NONE = "Give a whole number; 0 asks for none."
_AIRTABLE = "Set AIRTABLE_API_KEY and MASTER_CLIENTS_BASE_ID, or neither."
_SCORING = "Set SCORING_API_KEY, SCORING_BASE_URL and SCORING_MODEL, or none of them."


_UNGUESSED = AfterValidator(rules.not_guessed)
_APART = AfterValidator(rules.apart)


def setting(description: str, remedy: str, default: object = PydanticUndefined) -> Any:
    """Make a field from what it means, what to do when it is refused, and its default as in `.env`."""
    return Field(default, description=description, json_schema_extra={"remedy": remedy})


class Choices(BaseModel):
    """All but the timers."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, hide_input_in_errors=True)

    # Apify
    apify_token: kinds.Token = setting(
        "API token of the Apify account that pays.",
        "Copy it from Apify Console: Settings, API & Integrations.",
    )
    apify_api_url: kinds.HttpUrl = setting(
        "Base URL of the Apify API.",
        "Leave it out for Apify itself, or give the URL of the sandbox.",
        "https://api.apify.com",
    )
    apify_actor_id: kinds.ActorId = setting(
        "Actor to run.",
        "Leave it out, or give the user/name of a known Actor, as in Apify Store.",
        "harvestapi/linkedin-profile-posts",
    )
    apify_max_posts: Annotated[int, Field(ge=1, le=1000)] = setting(
        "Posts asked for per profile; always sent.", "Give a whole number from 1 to 1000.", "2"
    )
    apify_posted_limit: kinds.PostedLimit = setting(
        "How old posts may be: any, 1h, 24h, week, month, 3months, 6months or year.",
        "Give one of the Actor's words: any, 1h, 24h, week, month, 3months, 6months, year.",
        "year",
    )
    apify_answer_mb: kinds.AtLeastOne = setting(
        "Megabytes that one answer of Apify's may have, unpacked; a page of items beyond is asked for in "
        "smaller ones.",
        _COUNT,
        "64",
    )
    scrape_comments: kinds.NoneOrMore = setting(
        "Greatest number of comments asked for per post; 0 asks for none.", _COUNT_OR_NONE, "0"
    )
    scrape_reactions: kinds.NoneOrMore = setting(
        "Greatest number of reactions asked for per post; 0 asks for none.", _COUNT_OR_NONE, "0"
    )

    # Money
    apify_max_charge_usd: kinds.Money = setting(
        "US dollars after which Apify ends an actor run (its maxTotalChargeUsd).", _MONEY, "1.00"
    )
    daily_budget_usd: kinds.Money = setting(
        "No actor run is started for a client once its runs of its own day have cost this much.",
        _MONEY,
        "5.00",
    )
    monthly_budget_usd: kinds.Money | None = setting(
        "The same for the whole account and calendar month; unset: no limit.", _MONEY, None
    )
    max_actor_runs: kinds.AtLeastOne = setting(
        "Actor runs in flight at once; the account's own limit holds besides.", _COUNT, "5"
    )

    kickoffs_per_hour: kinds.AtLeastOne = setting(
        "Client runs that may be kicked off for one client within an hour, whoever asks.", _COUNT, "60"
    )

    # This service
    port: kinds.Port = setting(
        "TCP port that the web process listens on.", "Give a whole number from 1 to 65535.", "8000"
    )
    web_workers: kinds.AtLeastOne = setting("Processes that answer HTTP.", _COUNT, "2")
    worker_threads: kinds.AtLeastOne = setting("Threads of the worker process.", _COUNT, "8")
    worker_memory_mb: kinds.Memory = setting(
        "Megabytes of memory that a worker process may take, 512 or more; beyond, what it works on fails. 0: "
        "no limit.",
        "Give a whole number of megabytes, 512 or more, or 0 for no limit.",
        "1024",
    )
    public_url: Annotated[str, AfterValidator(rules.public_url)] = setting(
        "Where Apify reaches this service, without a path. Required unless APIFY_API_URL is a loopback "
        "address; then http://127.0.0.1:PORT.",
        "Give the https URL at which Apify reaches this service, such as https://harvest.example.org",
        "",
    )
    api_tokens: Annotated[kinds.Tokens, _UNGUESSED, _APART] = setting(
        "Bearer tokens of the HTTP API, separated by commas: the first is current, the rest still work. Each "
        "has 16 characters or more, unless PUBLIC_URL is a loopback address.",
        _RANDOM,
    )
    webhook_secrets: Annotated[kinds.SigningKeys, _UNGUESSED, _APART] = setting(
        "Keys of 32 bytes or more for webhook tokens, separated by commas: the first signs, all are known.",
        _RANDOM,
    )
    apify_webhook_token: Annotated[kinds.Token | None, _UNGUESSED, _APART] = setting(
        "Static bearer token for webhooks made by hand in Apify Console; unset: such calls get 401.",
        _RANDOM,
        None,
    )
    trusted_proxies: Annotated[int, Field(ge=0, le=10)] = setting(
        "Proxies in front of this service, each of which adds the caller's address to X-Forwarded-For; 0: "
        "none, and the header is not believed.",
        "Give a whole number from 0 to 10: how many proxies a request passes on its way here.",
        "0",
    )
    apify_webhook_ips: kinds.Networks = setting(
        "Addresses that webhooks may come from, separated by commas (10.0.0.1 or 10.0.0.0/8); unset: all.",
        "Give IP addresses or networks, as in Apify's documentation, or leave it out.",
        (),
    )
    operator_password_hash: kinds.PasswordHash | None = setting(
        "Argon2id hash of the operator's password; unset: the operations page answers 503.",
        "Make one with: harvester hash-password, and put it in single quotes.",
        None,
    )
    secret_key: Annotated[kinds.SessionKey | None, _UNGUESSED, _APART] = setting(
        "Key of the operations page's sessions, 32 characters or more; unset: the page answers 503.",
        _RANDOM,
        None,
    )

    # Storage
    database_url: Annotated[kinds.DatabaseUrl, _APART] = setting(
        "The ledger: sqlite:///PATH or postgresql+psycopg://...",
        "Give sqlite:///PATH or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE.",
        "sqlite:///var/harvester.db",
    )
    queue_url: Annotated[kinds.QueueUrl, AfterValidator(rules.queue_url)] = setting(
        "Where wake-ups wait: sqlite:///PATH, postgresql+psycopg://... or redis://...; unset: a file beside "
        "the ledger's, or the ledger's PostgreSQL.",
        "Leave it out, or give sqlite:///PATH, postgresql+psycopg://... or redis://HOST.",
        SecretStr(""),
    )

    # Airtable
    airtable_api_key: Annotated[kinds.Token | None, _APART] = setting(
        "Airtable token. With the next setting: clients and leads come from Airtable, and results go there.",
        _AIRTABLE,
        None,
    )
    master_clients_base_id: Annotated[kinds.BaseId | None, AfterValidator(rules.all_or_none)] = setting(
        "Airtable base of the clients (app and 14 letters or digits).", _AIRTABLE, None
    )
    airtable_api_url: kinds.HttpUrl = setting(
        "Base URL of the Airtable API.", "Leave it out for Airtable itself.", "https://api.airtable.com"
    )
    airtable_threads: kinds.AtLeastOne = setting(
        "Threads of the worker process that talk to Airtable.", _COUNT, "8"
    )

    # Scoring
    scoring_api_key: Annotated[kinds.Token | None, _APART] = setting(
        "API key of an OpenAI-compatible service that scores posts; unset: no scoring.", _SCORING, None
    )
    scoring_base_url: kinds.HttpUrl | None = setting("Base URL of that service.", _SCORING, None)
    scoring_model: Annotated[str | None, AfterValidator(rules.all_or_none)] = setting(
        "Model that it scores with.", _SCORING, None
    )

    # Schedule, alerts, logs
    schedule: kinds.Cron | None = setting(
        "Cron expression of the daily process of all clients; unset: none.",
        "Give five fields, such as 0 5 * * * for five o'clock every day.",
        None,
    )
    schedule_timezone: kinds.TimeZone = setting(
        "Time zone of SCHEDULE.", "Give an IANA name, such as Australia/Sydney.", "UTC"
    )
    schedule_missed: kinds.Missed = setting(
        "Scheduled times that passed while no worker ran: last catches up once, skip never, all each time.",
        "Give last, skip or all.",
        "last",
    )
    heartbeat_url: kinds.HeartbeatUrl | None = setting(
        "URL that is asked for after each scheduled run that did not fail, for a service that alerts when it "
        "is not; unset: none.",
        "Give the ping URL of a check, as at healthchecks.io.",
        None,
    )
    alert_urls: kinds.AlertUrls = setting(
        "Apprise URLs told of failures, separated by commas.", "Give URLs as in Apprise's documentation.", ()
    )
    otel_exporter_otlp_endpoint: kinds.CollectorUrl | None = setting(
        "OpenTelemetry collector (OTLP over HTTP) that gets a trace of each client run; unset: none is made.",
        "Give the collector's base URL, such as http://127.0.0.1:4318, and install the extra otel.",
        None,
    )
    log_format: kinds.LogFormat = setting("Format of the logs: json or text.", "Give json or text.", "text")
    log_level: kinds.LogLevel = setting(
        "Least level that is logged: DEBUG, INFO, WARNING, ERROR or CRITICAL.",
        "Give DEBUG, INFO, WARNING, ERROR or CRITICAL.",
        "INFO",
    )
