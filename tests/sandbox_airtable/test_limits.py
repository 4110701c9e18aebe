"""Too many requests: per base, for the token, of a month; and what a lock-out costs."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pyairtable import Api

from harvester.sandbox.airtable import SandboxAirtable

from .conftest import BASE, OTHER, TOKEN, make_api, specs
from .refusals import refused


@contextmanager
def limited(**options: Any) -> Iterator[tuple[SandboxAirtable, Api]]:
    with SandboxAirtable(token=TOKEN, bases=specs(), **options) as sandbox:
        api = make_api(sandbox)
        yield sandbox, api
        api.session.close()


def _status(api: Api) -> int:
    return api.session.get(api.table(BASE, "Things").urls.records, timeout=5).status_code


def _burst(call: Callable[[], Any], count: int) -> None:
    for _ in range(count):
        call()


@pytest.mark.parametrize("shape", ["documented", "observed"])
def test_five_requests_a_second_then_everything_waits_for_the_lock_out(shape: str) -> None:
    with limited(time_scale=0.1, too_fast_shape=shape) as (sandbox, api):
        table = api.table(BASE, "Things")
        _burst(table.first, 5)
        for _ in range(2):
            with refused() as told:
                table.create({"Key": "a"})
            assert told.status == 429
        error = {"error": "RATE_LIMIT_REACHED", "message": "Rate limit exceeded. Please try again later"}
        typed = {"type": error["error"], "message": error["message"]}
        assert told.body == ({"error": typed} if shape == "documented" else {"errors": [error]})
        assert sandbox.records(BASE, "Things") == []
        api.table(OTHER, "Things").first()
        with refused() as told:
            api.base(BASE).schema()
        assert told.status == 429
        ledger = sandbox.ledger()
        assert (ledger.too_many, ledger.calls(base=BASE, status=200), ledger.calls(base=OTHER)) == (3, 5, 1)


def test_a_lock_out_ends() -> None:
    with limited(time_scale=20.0, lockout_seconds=6.0) as (sandbox, api):
        sandbox.inject("too-fast", base=BASE)
        began = time.monotonic()
        api.table(OTHER, "Things").first()
        while _status(api) == 429:
            time.sleep(0.05)
        assert time.monotonic() - began >= 0.3
        assert sandbox.ledger().calls(base=OTHER, status=429) == 0


def test_who_keeps_below_the_limit_is_never_refused() -> None:
    with limited(time_scale=5.0) as (sandbox, api):
        for _ in range(12):
            api.table(BASE, "Things").first()
            time.sleep(0.05)
        assert sandbox.ledger().too_many == 0


def test_the_token_has_a_limit_over_all_bases() -> None:
    with limited(time_scale=0.1, base_requests=0, token_requests=8) as (sandbox, api):
        _burst(api.table(BASE, "Things").first, 4)
        _burst(api.table(OTHER, "Things").first, 3)
        api.whoami()
        for attempt in (api.whoami, api.table(BASE, "Things").first, api.table(OTHER, "Things").first):
            with refused() as told:
                attempt()
            assert told.status == 429
        assert sandbox.ledger().too_many == 3


def test_the_calls_of_a_month_are_those_of_the_workspace() -> None:
    with limited(base_requests=0, workspace_calls=6) as (sandbox, api):
        for _ in range(3):
            api.table(BASE, "Things").first()
            api.table(OTHER, "Things").first()
        for table in (api.table(BASE, "Things"), api.table(OTHER, "Things")):
            with refused() as told:
                table.create({"Key": "a"})
            assert (told.status, told.type) == (429, "PUBLIC_API_BILLING_LIMIT_EXCEEDED")
        assert api.whoami()
        assert api.base(BASE).schema(force=True).tables
        assert len(api.bases()) == 2
        sandbox.new_month()
        assert api.table(BASE, "Things").create({"Key": "a"})
