"""What keeps secrets in: their type, the log's masks, answers that tell nothing, digests in place of keys."""

from __future__ import annotations

import dataclasses
import io
import json
import logging
from collections.abc import Iterator
from contextlib import closing

import pytest
from alert_receiver import Receiver
from argon2 import PasswordHasher
from factories import make_settings
from pages.operator import PASSWORD, Operator, page_settings
from web.asking import Web, opened_web

from harvester import log
from harvester.settings import Settings
from services import Services, build
from services.alerts import raise_alert

from .canaries import canary, found, word
from .leak_house import dumped


def planted() -> dict[str, str]:
    """Make a canary of every secret that a process has without being told."""
    hashed = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(canary("password"))
    return {
        "apify_token": f"apify_api_{word()}",
        "api_tokens": canary("api"),
        "webhook_secrets": canary("signing"),
        "apify_webhook_token": canary("static"),
        "secret_key": canary("sessions"),
        "airtable_api_key": f"pat{word()[:14]}.{word()}",
        "scoring_api_key": canary("sk"),
        "operator_password_hash": hashed,
        "alert_urls": f"json://127.0.0.1:9/{word()}",
        "heartbeat_url": f"http://127.0.0.1:9/{word()}",
    }


def settings_of(secrets: dict[str, str], database_url: str) -> Settings:
    """Load them, with what they need beside them."""
    companions = {"master_clients_base_id": "appMasterClients0", "airtable_api_url": "http://127.0.0.1:9"}
    scoring = {"scoring_base_url": "http://127.0.0.1:9", "scoring_model": "m"}
    return make_settings(database_url=database_url, **secrets, **companions, **scoring)


def _within(thing: object, depth: int) -> Iterator[object]:
    """Give an object and all that it holds of ours, down to a depth."""
    yield thing
    held = getattr(thing, "__dict__", {}) or {}
    if dataclasses.is_dataclass(thing):
        held = {one.name: getattr(thing, one.name) for one in dataclasses.fields(thing)}
    for one in held.values():
        if depth and type(one).__module__.startswith(("services", "harvester")):
            yield from _within(one, depth - 1)


def _opened(secrets: dict[str, str], database_url: str) -> Services:
    return build(settings_of(secrets, database_url))


def test_nothing_that_a_process_is_made_of_shows_a_secret(sqlite_url: str) -> None:
    """Whatever logs an object, or has one in a traceback."""
    secrets = planted()
    with closing(_opened(secrets, sqlite_url)) as services:
        things = list(_within(services, 3))
        assert len(things) > 50
        shown = [(type(one).__name__, f"{one!r}\n{one}".encode()) for one in things]
    assert not found(secrets, shown)


@pytest.mark.parametrize("format", ["text", "json"])
def test_no_line_of_the_log_has_a_secret_however_it_gets_there(sqlite_url: str, format: str) -> None:
    """As a message, an argument, a value, a piece of something; of ours, of a library, of a traceback."""
    secrets, stream = planted(), io.StringIO()
    with closing(_opened(secrets, sqlite_url)):
        log.configure(format, "DEBUG", stream)
        for secret in secrets.values():
            log.get_logger("ours").info(f"before {secret} after")
            log.get_logger("ours").info("argument %s", secret, extra_value={"within": [secret]})
            logging.getLogger("a.library").debug("it sent %r", {"X-Api-Key": secret})
            try:
                raise ValueError(f"refused: {secret}")
            except ValueError:
                log.get_logger("ours").exception("It failed")
    assert stream.getvalue().count("before") == len(secrets)
    assert not found(secrets, [("the log", stream.getvalue().encode())])


def test_no_piece_of_an_alerts_address_is_logged_when_it_is_used(sqlite_url: str) -> None:
    """Libraries tell of an address in pieces, as they come to them."""
    secret, stream = word(), io.StringIO()
    with closing(Receiver()) as receiver:
        url = receiver.url.get_secret_value().replace("token-canary", secret)
        with closing(build(make_settings(database_url=sqlite_url, alert_urls=url))) as services:
            log.configure("json", "DEBUG", stream)
            with services.ledger.write() as tx:
                raise_alert(tx, "a matter", "Something is wrong", now=services.clock())
            _tell_alerts(services)
        assert receiver.told
    told = stream.getvalue()
    assert "urllib3" in told
    assert not found({"the address": secret}, [("the log", told.encode())])


def _tell_alerts(services: Services) -> None:
    from services.alerts import Alerts

    Alerts(services.ledger, services.settings.alert_urls, services.clock)()


def test_an_answer_to_what_nobody_has_foreseen_tells_nothing(sqlite_url: str) -> None:
    """Not even of an error that is made of secrets."""
    secrets = planted()
    with closing(_opened(secrets, sqlite_url)) as services:
        web = Web(services)

        def broken() -> str:
            raise RuntimeError(json.dumps(secrets))

        web.app.add_url_rule("/api/broken", view_func=broken)
        answer = web.http.get("/api/broken")
    assert answer.status_code == 500
    assert (answer.json or {})["code"] == "internal_error"
    assert not found(secrets, [("the answer", answer.data + str(answer.headers).encode())])


def test_the_ledger_has_no_key_that_opens_the_page(sqlite_url: str) -> None:
    """Who reads a backup is not signed in by it."""
    with opened_web(sqlite_url, **page_settings()) as web:
        operator = Operator(web)
        assert operator.sign_in().status_code == 303
        with operator.http.session_transaction() as kept:
            secrets = {"session": str(kept["key"]), "password": PASSWORD}
        assert not found(secrets, dumped(web.ledger))


def test_every_secret_setting_is_planted() -> None:
    """A new one is looked for, too."""
    from harvester.settings import documented

    named = {doc.name.lower() for doc in documented() if doc.secret}
    assert named - {"database_url", "queue_url"} == set(planted())
