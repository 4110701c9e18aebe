"""Requests made up from `openapi.json`, good and bad: no 5xx, and no answer that is documented nowhere.

That whoever has no token is refused, and who uses a method that there is not, is among what is checked.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from web.asking import TOKEN, Web

from .stocked import stocked

_BEARER = {"Authorization": f"Bearer {TOKEN}"}
#: That a cursor is one of ours, or a run ID's date a date, is more than a schema says; and names that nobody
#: knows are passed over where they could narrow nothing.
_NOT_SAID: list[Any] = [positive_data_acceptance, negative_data_rejection]
#: Of each operation in each mode, by database, and how many requests that makes at the least.
_MANY: Final = {"sqlite": (30, 1_000), "postgresql": (10, 300)}
_PHASES = (Phase.explicit, Phase.generate)  # nothing is shrunk: the first request that fails says enough


def _ask_all(web: Web, mode: GenerationMode, examples: int) -> tuple[int, int]:
    """Ask every operation so many times; give how many can be asked in this way, and how often in all."""
    described: Any = schemathesis.openapi.from_wsgi("/openapi.json", web.app)
    asked = cases = 0
    for found in described.get_all_operations():
        with suppress(Unsatisfiable):  # there is no bad way to ask what takes nothing
            cases += _ask(found.ok(), mode, examples)
            asked += 1
    return asked, cases


def _ask(operation: Any, mode: GenerationMode, examples: int) -> int:
    cases = 0

    @settings(
        max_examples=examples,
        deadline=None,
        phases=_PHASES,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        nonlocal cases
        cases += 1
        case.call_and_validate(headers=_BEARER, excluded_checks=_NOT_SAID)

    ask()
    return cases


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_what_is_made_up_gets_a_documented_answer(sqlite_url: str, mode: GenerationMode) -> None:
    with stocked(sqlite_url) as web:
        assert _ask_all(web, mode, 4)[0] > 20


@pytest.mark.slow
@pytest.mark.timeout(280)
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_two_thousand_requests_that_are_made_up_get_a_documented_answer(
    ledger_url: str, mode: GenerationMode
) -> None:
    """A thousand that are right and a thousand that are wrong; on PostgreSQL, whose SQL differs, fewer."""
    examples, least = _MANY[ledger_url.partition(":")[0].partition("+")[0]]
    with stocked(ledger_url) as web:
        asked, cases = _ask_all(web, mode, examples)
        assert asked > 20
        assert cases >= least
