"""What comes from outside: texts, IDs, JSON. Rows of the table, and how to disarm them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, Final

import pytest

from security.rows import Proof, Threat

_TEXTS: Final = "tests/security/test_hostile_texts.py::"
_BOUNDARIES: Final = "tests/security/test_hostile_boundaries.py::"
_IDS: Final = f"{_BOUNDARIES}test_what_is_no_id_is_refused_at_every_boundary"
_ANYTHING: Final = re.compile("(?s).*")
_NOTHING: Final = re.compile("(?!)")

THREATS: Final[tuple[Threat, ...]] = (
    Threat(
        "T6",
        "paths and lines in what should be an ID",
        "one pattern of ASCII letters and digits, whole, at every boundary: route, command, call, answer",
        tuple(Proof(_IDS, of) for of in ("ids_of_ours", "ids_of_apify", "ids_of_calls", "ids_of_airtable")),
    ),
    Threat(
        "T7",
        "a value that becomes part of an Airtable formula",
        "fields by ID, values quoted by pyairtable, none written by hand",
        (Proof(f"{_BOUNDARIES}test_a_formula_is_one_comparison_with_the_very_text", "formula_quoting"),),
    ),
    Threat(
        "T8",
        "a value that becomes part of an SQL statement",
        "values are bound by SQLAlchemy, on both databases",
        (Proof(f"{_TEXTS}test_a_text_comes_back_as_it_was_from_both_databases", "bound_values"),),
    ),
    Threat(
        "T9",
        "a post, a name or a message that acts on the operations page",
        "every value is escaped; only https addresses of linkedin.com become links; no script of others runs",
        (
            Proof(f"{_TEXTS}test_no_text_is_more_than_text_on_any_page", "escaping"),
            Proof(f"{_TEXTS}test_no_text_is_more_than_text_on_any_page", "links_to_linkedin_alone"),
            Proof(f"{_TEXTS}test_only_addresses_of_linkedin_are_a_posts_addresses", "addresses_of_posts"),
        ),
    ),
    Threat(
        "T10",
        "a text that a spreadsheet computes",
        "an apostrophe before what would begin a formula, wherever a spreadsheet splits the line",
        (
            Proof(f"{_TEXTS}test_no_cell_of_the_table_is_a_formula_wherever_it_is_split", "cells_of_text"),
            Proof(f"{_TEXTS}test_no_text_at_all_gets_a_formula_into_a_table", "cells_within_text"),
        ),
    ),
    Threat(
        "T11",
        "a text that forges a line of the log",
        "one event is one line: control characters, line ends and marks of direction are escaped",
        (Proof(f"{_TEXTS}test_no_text_gets_a_line_or_a_command_into_the_log", "lines_of_the_log"),),
    ),
    Threat(
        "T15",
        "JSON without end, depth or sense",
        "strict parsers that bound depth and numbers; what they refuse is a 400",
        (
            Proof(f"{_BOUNDARIES}test_odd_json_is_refused_and_breaks_nothing", "json_of_apify"),
            Proof(f"{_BOUNDARIES}test_odd_json_is_refused_and_breaks_nothing", "json_of_callers"),
        ),
    ),
    Threat(
        "T27",
        "a text that commands the terminal of who reads it",
        "listings show one line of plain text; exports to a terminal and JSON escape what it would obey",
        (
            Proof(f"{_TEXTS}test_no_command_lets_a_text_command_the_terminal", "plain_listings"),
            Proof(f"{_TEXTS}test_no_command_lets_a_text_command_the_terminal", "plain_exports"),
        ),
    ),
)


def _set(name: str, value: object) -> Callable[[pytest.MonkeyPatch], None]:
    """Give the way to put something else in the place of this name."""
    return lambda patch: patch.setattr(name, value)


def _quote_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("harvester.airtable_formulas.EQ", lambda field, value: f"{field}='{value}'")


def _bind_nothing(patch: pytest.MonkeyPatch) -> None:
    """Write texts into the statements that ask for something, as careless code does."""
    from sqlalchemy import Select, text
    from sqlalchemy.dialects import sqlite

    from harvester.ledger.database import Tx

    bound = Tx.execute

    def execute(tx: Tx, statement: Any, rows: Any = None) -> Any:
        if not isinstance(statement, Select):
            return bound(tx, statement, rows)
        compiled = statement.compile(
            dialect=sqlite.dialect(paramstyle="named"), compile_kwargs={"render_postcompile": True}
        )
        sql, values = str(compiled), dict(compiled.params)
        for name in [name for name, value in values.items() if isinstance(value, str)]:
            sql = re.sub(rf":{name}\b", lambda _, n=name: f"'{values[n]}'", sql)  # type: ignore[misc]
        used = {name: value for name, value in values.items() if not isinstance(value, str)}
        return tx.connection.execute(
            text(re.sub(r"(?<=')[^']*(?=')", lambda found: found[0].replace(":", r"\:"), sql))
            .bindparams(**used)
            .columns(*statement.selected_columns)
        )

    patch.setattr(Tx, "execute", execute)


def _obey_in_listings(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("harvester.cli.display.one_line", lambda text, limit: text[:limit])


def _obey_in_exports(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("harvester.cli.display._ESCAPED", {})
    patch.setattr("harvester.cli.display._ESCAPED_IN_TEXT", {})


def _any_json(patch: pytest.MonkeyPatch) -> None:
    import orjson

    naive = SimpleNamespace(loads=json.loads, JSONDecodeError=orjson.JSONDecodeError)
    patch.setattr("routes.bodies.orjson", naive)


#: Ways to take a control away, by their names in the rows.
DISARMED: Final[Mapping[str, Callable[[pytest.MonkeyPatch], None]]] = {
    "ids_of_ours": _set("harvester.run_ids._CLIENT", _ANYTHING),
    "ids_of_apify": _set("harvester.apify_answers._ID", _ANYTHING),
    "ids_of_calls": _set("harvester.webhook_payload._ID", _ANYTHING),
    "ids_of_airtable": _set("harvester.airtable_answers._IDS", {"rec": _ANYTHING}),
    "formula_quoting": _quote_nothing,
    "bound_values": _bind_nothing,
    "escaping": _set("flask.Flask.select_jinja_autoescape", lambda app, filename: False),
    "links_to_linkedin_alone": _set("routes.pages.filters.linkedin", lambda url: url),
    "addresses_of_posts": _set("harvester.normalise.values._LINKEDIN_HOST", _ANYTHING),
    "cells_of_text": _set("services.exports._FORMULA", "\0 nothing"),
    "cells_within_text": _set("services.exports._FORMULA_WITHIN", _NOTHING),
    "lines_of_the_log": _set("harvester.log.one_line", lambda text: text),
    "json_of_apify": _set("harvester.apify_json.parse", json.loads),
    "json_of_callers": _any_json,
    "plain_listings": _obey_in_listings,
    "plain_exports": _obey_in_exports,
}
