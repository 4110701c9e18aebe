"""Settings: all problems at once, defaults as documented, and secrets that never come out."""

from __future__ import annotations

import runpy
import traceback
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from harvester.normalise import STARTABLE
from harvester.settings import (
    Settings,
    SettingsError,
    describe,
    documented,
    env_example,
    is_loopback,
    load,
    without_password,
)

EXAMPLE = Path(__file__).parent.parent / ".env.example"
CANARY = "canary"
HASH = "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$" + CANARY

REQUIRED = {
    "APIFY_TOKEN": "apify_api_" + CANARY,
    "API_TOKENS": f"api-token-{CANARY}",
    "WEBHOOK_SECRETS": CANARY * 6,
    "PUBLIC_URL": "https://harvest.example.org",
}
#: A valid value of every secret, each with the canary in it.
SECRETS = {
    **{name: value for name, value in REQUIRED.items() if name != "PUBLIC_URL"},
    "APIFY_WEBHOOK_TOKEN": f"made-by-hand-{CANARY}",
    "OPERATOR_PASSWORD_HASH": HASH,
    "SECRET_KEY": CANARY * 7,
    "DATABASE_URL": f"postgresql+psycopg://user:{CANARY}@db.example.org/harvester",
    "QUEUE_URL": f"rediss://:{CANARY}@redis.example.org/0",
    "AIRTABLE_API_KEY": "pat" + CANARY,
    "SCORING_API_KEY": f"sk-{CANARY}",
    "HEARTBEAT_URL": f"https://ping.example.org/{CANARY}?state=complete",
    "ALERT_URLS": f"mailto://user:{CANARY}@example.org?to=a@example.org,b@example.org, json://{CANARY}.example.org",
}
#: What the secrets need beside them.
COMPANIONS = {
    "MASTER_CLIENTS_BASE_ID": "appAAAAAAAAAAAAAA",
    "SCORING_BASE_URL": "https://scoring.example.org/v1",
    "SCORING_MODEL": "some-model",
}
DEFAULTS = {
    "apify_webhook_token": None,
    "apify_api_url": "https://api.apify.com",
    "apify_actor_id": "harvestapi/linkedin-profile-posts",
    "apify_max_posts": 2,
    "apify_posted_limit": "year",
    "apify_answer_mb": 64,
    "scrape_comments": 0,
    "scrape_reactions": 0,
    "apify_max_charge_usd": Decimal("1.00"),
    "daily_budget_usd": Decimal("5.00"),
    "monthly_budget_usd": None,
    "max_actor_runs": 5,
    "kickoffs_per_hour": 60,
    "port": 8000,
    "web_workers": 2,
    "worker_threads": 8,
    "worker_memory_mb": 1024,
    "trusted_proxies": 0,
    "apify_webhook_ips": (),
    "airtable_threads": 8,
    "public_url": "https://harvest.example.org",
    "operator_password_hash": None,
    "secret_key": None,
    "database_url": SecretStr("sqlite:///var/harvester.db"),
    "queue_url": SecretStr("sqlite:///var/harvester-queue.db"),
    "airtable_api_key": None,
    "master_clients_base_id": None,
    "airtable_api_url": "https://api.airtable.com",
    "scoring_api_key": None,
    "scoring_base_url": None,
    "scoring_model": None,
    "schedule": None,
    "schedule_timezone": "UTC",
    "schedule_missed": "last",
    "heartbeat_url": None,
    "alert_urls": (),
    "otel_exporter_otlp_endpoint": None,
    "log_format": "text",
    "log_level": "INFO",
    "tick_seconds": 0.5,
    "reconcile_seconds": 300.0,
    "unknown_start_seconds": 900.0,
    "stale_lead_seconds": 1800.0,
    "retry_base_seconds": 1.0,
    "lease_seconds": 25.0,
    "apify_timeout_seconds": 20.0,
    "actor_run_timeout_seconds": 3600.0,
    "client_run_timeout_seconds": 86400.0,
    "cost_settle_seconds": 10.0,
    "items_lag_seconds": 300.0,
    "not_now_seconds": 10.0,
    "look_again_seconds": 2.0,
    "gone_seconds": 60.0,
    "queued_seconds": 25.0,
    "settle_seconds": 2.0,
    "input_lag_seconds": 300.0,
    "lock_seconds": 5.0,
    "clients_fresh_seconds": 45.0,
    "airtable_base_interval_seconds": 0.2222,
    "airtable_token_interval_seconds": 0.0222,
    "airtable_lockout_seconds": 30.0,
    "airtable_cap_seconds": 3600.0,
    "airtable_timeout_seconds": 30.0,
    "airtable_fence_seconds": 60.0,
    "airtable_delay_seconds": 1.0,
    "airtable_stale_seconds": 86_400.0,
    "check_seconds": 86_400.0,
    "account_seconds": 300.0,
    "resume_recent_seconds": 86_400.0,
    "resume_stale_seconds": 600.0,
    "nothing_ran_seconds": 93_600.0,
    "shutdown_seconds": 22.0,
    "web_idle_seconds": 5.0,
    "web_head_seconds": 10.0,
    "web_body_seconds": 30.0,
    "web_answer_seconds": 30.0,
    "apify_token": SecretStr(REQUIRED["APIFY_TOKEN"]),
    "api_tokens": (SecretStr(REQUIRED["API_TOKENS"]),),
    "webhook_secrets": (SecretStr(REQUIRED["WEBHOOK_SECRETS"]),),
}

BAD_SECONDS = ["0", "-1", "nan", "inf", "-inf", "1e10", "soon", "1,5"]
BAD_MONEY = ["0", "-1", "NaN", "Infinity", "1e9", "$5", "1,00"]
BAD_COUNTS = ["0", "-1", "1.5", "many", "99999999999"]
#: Values that are refused whatever else is set, by the settings that they are refused for.
REFUSED = {
    "APIFY_TOKEN": ["change-me", "two words", "ü", "a\nb"],
    "APIFY_WEBHOOK_TOKEN": ["Change-me-later", "two words", "fifteen-letters"],
    "APIFY_API_URL": [
        "api.apify.com",
        "http://api.apify.com",
        "ftp://127.0.0.1",
        "https://u:p@a.example",
        "https://",
    ],
    "APIFY_ACTOR_ID": [
        "posts",
        "some.user/some-actor",
        "A1B2C3D4E5F6G7H8I",
        "harvestapi/linkedin~profile-posts",
    ],
    "APIFY_MAX_POSTS": [*BAD_COUNTS, "1001", "١"],
    "APIFY_POSTED_LIMIT": ["2h", "Year", "always"],
    "SCRAPE_COMMENTS": ["-1", "all", "1.5"],
    "SCRAPE_REACTIONS": ["-1", "all", "1.5"],
    "APIFY_MAX_CHARGE_USD": BAD_MONEY,
    "DAILY_BUDGET_USD": BAD_MONEY,
    "MONTHLY_BUDGET_USD": BAD_MONEY,
    "MAX_ACTOR_RUNS": BAD_COUNTS,
    "PORT": ["0", "65536", "http"],
    "WEB_WORKERS": BAD_COUNTS,
    "WORKER_THREADS": BAD_COUNTS,
    "APIFY_ANSWER_MB": BAD_COUNTS,
    "KICKOFFS_PER_HOUR": BAD_COUNTS,
    "WORKER_MEMORY_MB": ["-1", "1.5", "much", "511"],
    "TRUSTED_PROXIES": ["-1", "11", "all", "10.0.0.1"],
    "APIFY_WEBHOOK_IPS": ["apify.com", "10.0.0.0/33", "10.0.0.1,", "10.0.0.1 10.0.0.2"],
    "PUBLIC_URL": [
        "http://harvest.example.org",
        "https://harvest.example.org/api",
        "https://harvest.example.org?x=1",
        "https://harvest.example.org#x",
        "https://user@harvest.example.org",
        "https://harvest.example.org:port",
        "https://[::1",
        "https:///path",
        "harvest.example.org",
        "http://127.0.0.1.example.org",
        "http://localhost\\@example.org",
    ],
    "API_TOKENS": [
        "a,,b",
        "a,",
        ",",
        ", ".join(["same-token-twice"] * 2),
        "a,change-me",
        "a,b c",
        "fifteen-letters",
    ],
    "WEBHOOK_SECRETS": [
        "one-byte-less-than-a-key-has-01",
        "x" * 32 + "," + "y" * 31,
        "change-me" * 5,
        ",".join(["x" * 32] * 2),
    ],
    "OPERATOR_PASSWORD_HASH": ["hunter2", "=19=65536,t=3,p=4", "$argon2i$v=19$m=1,t=1,p=1$YQ$YQ"],
    "SECRET_KEY": ["one-byte-less-than-a-key-has-01", "change-me" * 5],
    "DATABASE_URL": [
        "mysql://db.example.org/x",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///folder/",
        "postgres://",
        "postgresql+psycopg2://db.example.org/x",
        "postgresql://db.example.org:port/x",
    ],
    "QUEUE_URL": ["amqp://mq.example.org", "redis://", "redis:///0", "sqlite:///:memory:", "rediss://h:port"],
    "MASTER_CLIENTS_BASE_ID": ["tblAAAAAAAAAAAAAA", "app", "appAAAAAAAAAAAAAAA"],
    "AIRTABLE_API_URL": ["http://api.airtable.com", "airtable"],
    "SCORING_BASE_URL": ["http://scoring.example.org", "scoring"],
    "SCHEDULE": ["daily", "* * * *", "0 5 * * * *", "0 5 * * ;", "0 5 31 2 *", "0" * 5000 + " 5 * * *"],
    "SCHEDULE_MISSED": ["none", "some", "1"],
    "HEARTBEAT_URL": [
        "http://ping.example.org/x",
        "ping.example.org/x",
        "https://u:p@ping.example.org/x",
        "https://ping.example.org/x#y",
        "https://ping.example.org/x?y=a b",
        "https://ping.example.org:port/x",
        "change-me",
    ],
    "SCHEDULE_TIMEZONE": ["Mars/Olympus", "Europe", "/etc/passwd", "../UTC"],
    "ALERT_URLS": ["nobody@example.org", "json://a.example.org, nobody"],
    "OTEL_EXPORTER_OTLP_ENDPOINT": ["collector:4318", "grpc://collector:4317", "http://u:p@collector:4318"],
    "LOG_FORMAT": ["xml"],
    "LOG_LEVEL": ["loud", "NOTSET", "10"],
    **{doc.name: BAD_SECONDS for doc in documented() if doc.name.endswith("_SECONDS")},
}


def loaded(**given: str) -> Settings:
    return load({**REQUIRED, **given}, None)


def problems(environ: dict[str, str], env_file: Path | None = None) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load(environ, env_file)
    return caught.value


def names(error: SettingsError) -> set[str]:
    return {found.name for found in error.problems}


def test_the_example_file_is_generated_from_the_settings(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_module("harvester.settings", run_name="__main__")
    assert capsys.readouterr().out == env_example() == EXAMPLE.read_text(), (
        "run: python -m harvester.settings > .env.example"
    )


def test_the_example_file_names_every_setting_with_its_default_in_order() -> None:
    lines = [line.partition("=") for line in EXAMPLE.read_text().splitlines() if line and line[0] != "#"]
    assert [name for name, _, _ in lines] == [name.upper() for name in Settings.model_fields]
    assert {name.lower() for name, _, value in lines if not value} == {
        name for name, default in DEFAULTS.items() if default in (None, ())
    } | {"public_url", "queue_url"}


def test_the_example_file_with_the_secrets_filled_in_gives_the_defaults() -> None:
    assert dict(load(REQUIRED, EXAMPLE)) == dict(load(REQUIRED, None)) == DEFAULTS


def test_the_example_file_as_it_is_lacks_only_what_has_to_be_filled_in() -> None:
    assert names(problems({}, EXAMPLE)) == set(REQUIRED) == names(problems({}))


def test_a_setting_is_secret_if_and_only_if_its_type_hides_it() -> None:
    assert {doc.name for doc in documented() if doc.secret} == set(SECRETS)


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in REFUSED for value in REFUSED[name]])
def test_a_bad_value_is_refused_by_name_with_a_remedy(name: str, value: str) -> None:
    companions = {**COMPANIONS, "AIRTABLE_API_KEY": "pat", "SCORING_API_KEY": "k"}
    error = problems({**REQUIRED, **companions, name: value})
    dependent = {"APIFY_TIMEOUT_SECONDS"} if name == "LEASE_SECONDS" else set()
    assert {name} <= names(error) <= {name} | dependent
    assert all(found.problem and found.remedy and found.remedy in describe(error) for found in error.problems)


@given(st.lists(st.sampled_from(sorted(REFUSED)), unique=True, min_size=1), st.data())
def test_all_problems_come_at_once(broken: list[str], data: st.DataObject) -> None:
    bad = {name: data.draw(st.sampled_from(REFUSED[name]), label=name) for name in broken}
    grouped = {"AIRTABLE_API_KEY": "pat", "SCORING_API_KEY": "k", **COMPANIONS}
    error = problems({**REQUIRED, **grouped, **bad})
    assert names(error) == set(broken)
    assert len(error.problems) == len(broken)
    assert describe(error).count("\n") == 1 + 2 * len(broken)


@given(st.sampled_from([doc.name for doc in documented()]), st.text())
def test_no_text_does_worse_than_being_refused(name: str, text: str) -> None:
    refusal = SettingsError([])
    try:
        loaded(**{name: text})
    except SettingsError as error:
        refusal = error
    told = describe(refusal)
    assert not refusal.problems or name in told
    assert len(told.splitlines()) == 1 + 2 * len(refusal.problems)


def test_an_actor_whose_items_nobody_reads_is_refused_with_those_that_are_known() -> None:
    (found,) = problems({**REQUIRED, "APIFY_ACTOR_ID": "some.user/some-actor"}).problems
    assert all(known in found.problem for known in STARTABLE)
    assert [loaded(APIFY_ACTOR_ID=known).apify_actor_id for known in STARTABLE] == list(STARTABLE)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("APIFY_ACTOR_ID", "HarvestAPI~LinkedIn-Profile-Posts", "harvestapi/linkedin-profile-posts"),
        ("APIFY_API_URL", "http://localhost:9000/", "http://localhost:9000"),
        ("APIFY_API_URL", "https://proxy.example.org/apify/", "https://proxy.example.org/apify"),
        ("PUBLIC_URL", "http://[::1]:8000/", "http://[::1]:8000"),
        ("PUBLIC_URL", " https://harvest.example.org:8443\n", "https://harvest.example.org:8443"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/", "http://collector:4318"),
        ("LOG_LEVEL", "debug", "DEBUG"),
        ("LOG_FORMAT", "JSON", "json"),
        ("TICK_SECONDS", ".25", 0.25),
        ("DAILY_BUDGET_USD", "0.10", Decimal("0.10")),
        ("MONTHLY_BUDGET_USD", "", None),
        ("SCHEDULE", "*/5  5-7 * JAN,FEB 1", "*/5 5-7 * JAN,FEB 1"),
        ("SCHEDULE_TIMEZONE", "Australia/Lord_Howe", "Australia/Lord_Howe"),
        ("SCHEDULE_MISSED", "Skip", "skip"),
        (
            "HEARTBEAT_URL",
            "http://[::1]:3001/push/x?status=up",
            SecretStr("http://[::1]:3001/push/x?status=up"),
        ),
    ],
)
def test_a_good_value_is_taken_in_its_normal_form(name: str, value: str, expected: object) -> None:
    assert getattr(loaded(**{name: value}), name.lower()) == expected


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_spelling_of_a_postgres_url_serves_ledger_and_queue(scheme: str) -> None:
    settings = loaded(DATABASE_URL=f"{scheme}://u:p@db.example.org/x?sslmode=require")
    expected = "postgresql+psycopg://u:p@db.example.org/x?sslmode=require"
    assert settings.database_url.get_secret_value() == settings.queue_url.get_secret_value() == expected
    assert without_password(expected) == "postgresql+psycopg://***@db.example.org/x"


def test_the_queue_of_a_sqlite_ledger_is_a_file_beside_it_and_never_the_same() -> None:
    settings = loaded(DATABASE_URL="sqlite:////srv/my ledger.v2.sqlite?timeout=5")
    assert settings.queue_url.get_secret_value() == "sqlite:////srv/my ledger.v2-queue.db"
    assert names(problems({**REQUIRED, "QUEUE_URL": "sqlite:///./var/../var/harvester.db"})) == {"QUEUE_URL"}


def test_against_the_sandbox_the_public_url_follows_the_port() -> None:
    given = {**REQUIRED, "PUBLIC_URL": "", "APIFY_API_URL": "http://127.0.0.1:9000", "PORT": "8123"}
    assert load(given, None).public_url == "http://127.0.0.1:8123"
    assert names(problems({**given, "APIFY_API_URL": "https://127.0.0.1.example.org"})) == {"PUBLIC_URL"}
    assert names(problems({**given, "PORT": "http"})) == {"PORT"}


@pytest.mark.parametrize(
    "url", ["http://localhost", "https://127.8.9.1:1", "http://[::1]/x", "http://LOCALHOST"]
)
def test_loopback_hosts_are_known(url: str) -> None:
    assert is_loopback(url)


@pytest.mark.parametrize(
    "url", ["http://localhost.example.org", "http://0.0.0.0", "http://127.0.0.1@example.org", ""]
)
def test_other_hosts_are_not_loopback(url: str) -> None:
    assert not is_loopback(url)


def test_a_call_to_apify_must_end_within_its_lease() -> None:
    assert names(problems({**REQUIRED, "LEASE_SECONDS": "20"})) == {"APIFY_TIMEOUT_SECONDS"}
    assert loaded(LEASE_SECONDS="20.1").apify_timeout_seconds == 20


@pytest.mark.parametrize(
    "group",
    [
        ("AIRTABLE_API_KEY", "MASTER_CLIENTS_BASE_ID"),
        ("SCORING_API_KEY", "SCORING_BASE_URL", "SCORING_MODEL"),
    ],
)
def test_a_group_is_set_wholly_or_not_at_all(group: tuple[str, ...]) -> None:
    whole = {name: {**SECRETS, **COMPANIONS}[name] for name in group}
    assert getattr(loaded(**whole), group[-1].lower()) == whole[group[-1]]
    for left_out in group:
        (found,) = problems({**REQUIRED, **whole, left_out: ""}).problems
        assert f"{left_out} not" in found.problem
        assert set(group) & {found.name}


def test_lists_keep_their_order_and_an_alert_url_its_commas() -> None:
    settings = loaded(API_TOKENS=" the-newest-token , the-one-of-before ", ALERT_URLS=SECRETS["ALERT_URLS"])
    assert [token.get_secret_value() for token in settings.api_tokens] == [
        "the-newest-token",
        "the-one-of-before",
    ]
    assert [url.get_secret_value() for url in settings.alert_urls] == [
        f"mailto://user:{CANARY}@example.org?to=a@example.org,b@example.org",
        f"json://{CANARY}.example.org",
    ]


def test_no_form_of_the_settings_shows_a_secret() -> None:
    settings = load({**REQUIRED, **SECRETS, **COMPANIONS}, None)
    shown = [repr(settings), str(settings), settings.model_dump_json(), str(settings.model_dump(mode="json"))]
    shown += [f"{settings}", str(settings.model_dump()), str(list(settings)), str(vars(settings))]
    assert not [text for text in shown if CANARY in text]


@pytest.mark.parametrize(
    ("name", "url", "hidden", "left"),
    [
        ("DATABASE_URL", "postgresql://u:p%40ss-word@db/x", {"p%40ss-word", "p@ss-word"}, {"db", "x", "u"}),
        ("DATABASE_URL", "postgresql://db/x?password=in-the-query", {"in-the-query"}, {"db"}),
        (
            "ALERT_URLS",
            "https://hooks.example.org/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi",
            {"T1JJ3T3L2", "A1BRTD4JD", "TIiajkdnlazkcOXrIdevi"},
            {"services", "hooks.example.org"},
        ),
        ("ALERT_URLS", "tgram://123456789:AAbbCCddEEff/x", {"123456789:AAbbCCddEEff"}, {"x"}),
        (
            "HEARTBEAT_URL",
            "http://localhost:3001/push/a1b2c3d4e5?state=well",
            {"a1b2c3d4e5"},
            {"localhost:3001"},
        ),
    ],
)
def test_what_is_secret_in_a_url_is_masked_in_pieces_too(
    name: str, url: str, hidden: set[str], left: set[str]
) -> None:
    """Libraries log a URL's path and host, each by itself; plain words stay, or no line could be read."""
    values = set(loaded(**{name: url}).secret_values())
    assert hidden <= values
    assert not left & values


def test_settings_do_not_change_and_know_no_others() -> None:
    settings = loaded()
    with pytest.raises(ValidationError):
        settings.port = 1
    with pytest.raises(ValidationError):
        Settings.model_validate({"prot": "1"})


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize(
    "damage", [" {} {}", "change-me {}", "\x00{}", "{},,", "{}://{}@{}", "http://x:{}@[", "é{}"]
)
def test_no_refusal_shows_a_secret(name: str, damage: str) -> None:
    given: dict[str, str] = {**REQUIRED, **COMPANIONS, name: damage.replace("{}", CANARY), "PORT": "x"}
    error = problems(given)
    tale = "".join(traceback.format_exception(error)) + describe(error) + repr(error) + repr(error.problems)
    assert error.__context__ is error.__cause__ is None
    assert CANARY not in tale


def test_a_secret_in_the_wrong_place_is_masked() -> None:
    error = problems(
        {**REQUIRED, "LOG_LEVEL": "apify_api_canary", "PUBLIC_URL": "https://u:canary@example.org"}
    )
    assert names(error) == {"LOG_LEVEL", "PUBLIC_URL"}
    assert CANARY not in describe(error)


@pytest.mark.parametrize("name", SECRETS)
def test_any_secret_may_come_from_a_file(name: str, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(SECRETS[name] + "\n")
    given = {**REQUIRED, **SECRETS, **COMPANIONS}
    direct = load(given, None)
    del given[name]
    assert load({**given, f"{name}_FILE": str(file)}, None) == direct
    assert names(problems({**given, name: SECRETS[name], f"{name}_FILE": str(file)})) == {name}


def test_a_secret_file_that_cannot_be_used_is_one_problem_and_is_not_named(tmp_path: Path) -> None:
    empty, binary = tmp_path / "empty", tmp_path / "binary"
    empty.write_text("\n")
    binary.write_bytes(b"\xff\xfe")
    given = {name: value for name, value in REQUIRED.items() if name != "APIFY_TOKEN"}
    for path in (str(empty), str(binary), str(tmp_path), "apify_api_canary", "canary\x00", "canary" * 1000):
        (found,) = problems({**given, "APIFY_TOKEN_FILE": path}).problems
        assert found.name == "APIFY_TOKEN_FILE"
        assert CANARY not in found.problem


def test_a_file_may_be_named_for_secrets_only(tmp_path: Path) -> None:
    file = tmp_path / "port"
    file.write_text("8123")
    assert loaded(PORT_FILE=str(file)).port == 8000


def env_file(folder: Path, text: str) -> Path:
    path = folder / ".env"
    path.write_bytes(text.encode())
    return path


def test_the_environment_beats_the_file_and_an_empty_value_is_none(tmp_path: Path) -> None:
    path = env_file(tmp_path, "PORT=8001\nLOG_LEVEL=DEBUG\nWEB_WORKERS=4\nDAILY_BUDGET_USD=\n")
    settings = load({**REQUIRED, "PORT": "8002", "WEB_WORKERS": " "}, path)
    assert (settings.port, settings.log_level, settings.web_workers) == (8002, "DEBUG", 4)
    assert settings.daily_budget_usd == Decimal("5.00")


def test_the_environment_of_the_process_is_the_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    env_file(tmp_path, "PORT=8001\r\n")
    for name, value in REQUIRED.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PORT", raising=False)
    assert load().port == 8001
    assert load(env_file=None).port == 8000


def test_a_value_in_the_file_means_itself(tmp_path: Path) -> None:
    text = (
        "\ufeffSECRET_KEY='${HOME}$HOME-0123456789-0123456789-01'\nexport OPERATOR_PASSWORD_HASH="
        + HASH
        + "  # ours\n"
    )
    settings = load(REQUIRED, env_file(tmp_path, text))
    assert settings.secret_key == SecretStr("${HOME}$HOME-0123456789-0123456789-01")
    assert settings.operator_password_hash == SecretStr(HASH)


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("APIFY_API_TOKEN", "APIFY_TOKEN"),
        ("API_TOKEN", "API_TOKENS"),
        ("webhook_secrets", "WEBHOOK_SECRETS"),
        ("DATABSE_URL", "DATABASE_URL"),
        ("RECONCILE_SECS", "RECONCILE_SECONDS"),
        ("APIFY_TOKENFILE", "APIFY_TOKEN_FILE"),
    ],
)
def test_a_misspelt_name_in_the_file_is_a_problem_but_not_in_the_environment(
    wrong: str, meant: str, tmp_path: Path
) -> None:
    (found,) = problems(REQUIRED, env_file(tmp_path, f"{wrong}=canary\n")).problems
    assert (found.name, CANARY in describe(SettingsError([found]))) == (wrong, False)
    assert meant in found.remedy
    assert loaded(**{wrong: "x"}) == loaded()


def test_a_foreign_name_in_the_file_is_none_of_ours(tmp_path: Path) -> None:
    path = env_file(tmp_path, "DATABASE_URL_TEST=x\nNODE_ENV=production\nWEB_CONCURRENCY=4\n")
    assert load(REQUIRED, path) == loaded()


@pytest.mark.parametrize("line", ["PORT 8001", "PORT", 'LOG_LEVEL="DEBUG', "=8001"])
def test_a_line_that_is_no_assignment_is_a_problem(line: str, tmp_path: Path) -> None:
    (found,) = problems(REQUIRED, env_file(tmp_path, f"# a comment\n\n{line}\n")).problems
    assert found.name.endswith(".env line 3")


def test_a_file_that_cannot_be_read_is_a_problem_and_a_missing_one_is_not(tmp_path: Path) -> None:
    assert load(REQUIRED, tmp_path / "none") == loaded()
    assert names(problems(REQUIRED, tmp_path)) == {str(tmp_path)}
    (tmp_path / ".env").write_bytes(b"API_TOKENS=\xff\n")
    assert names(problems(REQUIRED, tmp_path / ".env")) == {str(tmp_path / ".env")}


def test_every_setting_is_documented() -> None:
    for doc in documented():
        assert doc.description.endswith("."), doc
        assert len(doc.remedy) > 10, doc


def test_secrets_are_hidden_by_their_type_at_any_depth() -> None:
    def leaves(annotation: Any) -> set[Any]:
        return set().union(*map(leaves, get_args(annotation))) if get_args(annotation) else {annotation}

    for name, field in Settings.model_fields.items():
        assert (SecretStr in leaves(field.annotation)) == (name.upper() in SECRETS), name


#: As they stand in the examples, tutorials and templates of the world.
PLACEHOLDERS = [
    "change-me",
    "CHANGEME",
    "change_this-1234567890-1234567890",
    "replace-me-with-32-random-characters",
    "your-secret-key-of-32-characters-here",
    "<the-token-of-your-apify-account>",
    "{{vault.api_tokens}}",
    "${API_TOKENS}",
    "put-your-own-key-of-32-characters-here",
    "example",
    "a-long-random-key-goes-here",
    "Placeholder-0123456789-0123456789-012",
    "TODO",
    "xxxxxxxx",
    "********",
]


@pytest.mark.parametrize("placeholder", PLACEHOLDERS)
@pytest.mark.parametrize("where", ["https://harvest.example.org", "http://127.0.0.1:8000"])
def test_a_placeholder_is_no_secret_wherever_it_stands(placeholder: str, where: str) -> None:
    """All of them are told at once, and none is repeated."""
    plain = {name: placeholder for name in SECRETS if "URL" not in name}
    password = "changeme" if set(placeholder) & set("<>{}$*") else placeholder
    urls = {name: SECRETS[name].replace(CANARY, password) for name in ("DATABASE_URL", "QUEUE_URL")}
    error = problems({**REQUIRED, **COMPANIONS, **plain, **urls, "PUBLIC_URL": where})
    assert names(error) == {*plain, *urls}
    assert "placeholder" in describe(error)
    assert placeholder not in describe(error)


@given(st.sampled_from(["API_TOKENS", "APIFY_WEBHOOK_TOKEN"]), st.text("abcdef0123456789", min_size=1))
def test_a_token_may_be_short_on_this_machine_alone(name: str, token: str) -> None:
    at_home = {**REQUIRED, name: token, "PUBLIC_URL": "http://127.0.0.1:8000"}
    assert load(at_home, None)
    if len(token) < 16:
        (found,) = problems({**at_home, "PUBLIC_URL": "https://harvest.example.org"}).problems
        assert (found.name, "16 characters" in found.problem) == (name, True)
        assert token not in found.problem.replace("16", "") or len(token) < 3


PURPOSES = [
    "APIFY_TOKEN",
    "API_TOKENS",
    "WEBHOOK_SECRETS",
    "APIFY_WEBHOOK_TOKEN",
    "SECRET_KEY",
    "DATABASE_URL",
    "AIRTABLE_API_KEY",
    "SCORING_API_KEY",
]


@given(st.lists(st.sampled_from(PURPOSES), min_size=2, max_size=2, unique=True))
def test_one_secret_serves_one_purpose_where_strangers_may_reach_it(two: list[str]) -> None:
    """The later of the two is told of, by the name of the earlier, also as one of several."""
    secret = "one-and-the-same-" + CANARY * 4
    given = {**REQUIRED, **SECRETS, **COMPANIONS}
    for name in two:
        given[name] = given[name].replace(CANARY, secret) if "URL" in name else secret
        given[name] += f",{CANARY * 8}-{name}" if name in ("API_TOKENS", "WEBHOOK_SECRETS") else ""
    (found,) = problems(given).problems
    earlier, later = sorted(two, key=[doc.name for doc in documented()].index)
    assert found.name == later
    assert f"the secret of {earlier} as well" in found.problem
    assert CANARY not in describe(SettingsError([found]))
    assert load({**given, "PUBLIC_URL": "http://localhost:8000"}, None)
