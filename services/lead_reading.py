"""Due leads as a client's Airtable base has them now, read page by page until there are enough."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from harvester.airtable_errors import AirtableError
from harvester.airtable_formulas import due_leads
from harvester.airtable_schema import Schema, Table
from services.lead_choice import Reading
from services.lead_rows import LEADS, NEWEST, LeadRow, Row, lead_row, wanted
from services.roster import Schemas, Unfit, fit_table

#: Names those leads of a page that could be planned.
Usable = Callable[[Reading], set[str]]


class Gateway(Protocol):
    """Reads tables."""

    def pages(
        self, base: str, table: Table, *, fields: Sequence[str], formula: str | None, sort: Sequence[str]
    ) -> Iterator[Sequence[Row]]:
        """Give a table's records by the page. Raises `AirtableError`."""


class LeadReading:
    """Reads for intake, and for whoever wants to see beforehand what it would read."""

    def __init__(
        self, gateway: Gateway, schemas: Schemas, clock: Callable[[], datetime], *, stale_lead: timedelta
    ) -> None:
        self._gateway = gateway
        self._schemas = schemas
        self._clock = clock
        self._stale_lead = stale_lead

    def __call__(
        self, base: str, client_id: str, client_run_id: str, *, enough: int, usable: Usable
    ) -> Reading:
        """Read until `enough` leads can be planned: those that cannot must not starve the ones behind them.

        Where the schema that we know of is not the base's any more, by its new one. Raises `AirtableError`
        and `Unfit`.
        """
        began = Reading(base, client_id, client_run_id, [], self._clock())
        try:
            return self._read(began, self._schemas.of(base), enough, usable)
        except (AirtableError, Unfit) as error:
            if not error.permanent:
                raise
        return self._read(
            replace(began, read_at=self._clock()), self._schemas.of(base, fresh=True), enough, usable
        )

    def _read(self, began: Reading, schema: Schema, enough: int, usable: Usable) -> Reading:
        table = fit_table(schema, LEADS)
        rows: list[LeadRow] = []
        found: set[str] = set()
        for page in self._gateway.pages(
            began.base,
            table,
            fields=wanted(table),
            formula=due_leads(table.fields, began.read_at - self._stale_lead),
            sort=[f"-{NEWEST}"] if table.field(NEWEST) is not None else [],
        ):
            new = [row for row in map(lead_row, page) if row is not None]
            rows += new
            found |= usable(replace(began, rows=new))
            if len(found) >= enough:
                break
        return replace(began, rows=rows)
