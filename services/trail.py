"""Trail: what came in from Apify, and who did what. It only reads."""

from __future__ import annotations

import re
from typing import Any, Final

import orjson

from harvester.ledger import Ledger, activity, actor_runs, deliveries
from services import shapes
from services.listing import Listing

#: Names of headers, and of fields in a body, of which no value is shown, whoever sent it.
_SECRET: Final = re.compile(
    r"authori[sz]ation|cookie|token|secret|password|passwd|api[-_]?key|signature|credential", re.IGNORECASE
)
#: Values that look like somebody's token, wherever they stand.
_TOKEN: Final = re.compile(
    r"apify_(?:api|proxy)_\w+|pat\w{14}\.\w+|ph_[a-z0-9]{12}_[\w-]+|ph1\.[\w.-]{8,}"
    r"|(?i:bearer|basic)\s+[\w.~+/=-]{8,}"
)
#: What the service does to client run records.
_BY_ITSELF: Final = ("create", "update", "complete")
REDACTED: Final = "(redacted)"
#: Names with their values in what is no JSON, such as a URL's query.
_NAMED: Final = re.compile(
    r"""(\b[\w-]*(?:token|secret|passwo?r?d|api[-_]?key|signature|authori[sz]ation)[\w-]*["']?\s*[=:]\s*["']?)"""
    r"""[^\s&#"'<>]+""",
    re.IGNORECASE,
)


class Trail:
    """Lists deliveries and the activity log."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def deliveries(self, *, limit: int, before: int | None = None, **narrowed: str | None) -> Listing:
        """List deliveries, newest first; `narrowed` by `outcome`, `apify_run_id`, `client_run_id`."""
        with self._ledger.read() as tx:
            found, cursor = deliveries.page(tx, limit=limit, before=before, **narrowed)
        return _listing([shapes.delivery(one) for one in found], cursor)

    def delivery(self, delivery_id: int) -> dict[str, Any] | None:
        """Show one delivery with its headers and body, without any secret; None if there is none of this ID.

        `clientRunId` and `batch` say what it was for; they are None where that is not known.
        """
        with self._ledger.read() as tx:
            found = deliveries.whole(tx, delivery_id)
            if found is None:
                return None
            kept, headers, body = found
            run = None if kept.actor_run_id is None else actor_runs.get(tx, kept.actor_run_id)
        return {
            **shapes.delivery(kept),
            "clientRunId": run.client_run_id if run else None,
            "batch": run.batch if run else None,
            "headers": {name: _header(name, value) for name, value in headers.items()},
            "body": _body(body),
        }

    def activity(
        self,
        *,
        limit: int,
        before: int | None = None,
        ok: bool | None = None,
        by_people: bool = False,
        **narrowed: str | None,
    ) -> Listing:
        """List the activity log, newest first; `narrowed` by `operation`, `client_id`, `client_run_id`.

        `by_people` leaves out what harvests do to their records by themselves: most of the lines.
        """
        with self._ledger.read() as tx:
            asked = [one for one in activity.operations(tx) if one not in _BY_ITSELF] if by_people else None
            found, cursor = activity.page(tx, limit=limit, before=before, ok=ok, operations=asked, **narrowed)
        return _listing([shapes.activity(one) for one in found], cursor)

    def operations(self) -> list[str]:
        """Name the operations that the activity log has."""
        with self._ledger.read() as tx:
            return activity.operations(tx)


def _header(name: str, value: object) -> str:
    return REDACTED if _SECRET.search(name) else _without_tokens(str(value))


def _body(text: str) -> str:
    """Show a body as indented JSON if it is JSON, and as it came if not."""
    try:
        return orjson.dumps(_redacted(orjson.loads(text)), option=orjson.OPT_INDENT_2).decode()
    except (orjson.JSONDecodeError, orjson.JSONEncodeError, RecursionError):
        return _without_tokens(text)


def _redacted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: REDACTED if _SECRET.search(name) else _redacted(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_redacted(one) for one in value]
    return _without_tokens(value) if isinstance(value, str) else value


def _without_tokens(text: str) -> str:
    return _NAMED.sub(rf"\1{REDACTED}", _TOKEN.sub(REDACTED, text))


def _listing(rows: list[dict[str, Any]], cursor: int | None) -> Listing:
    return Listing(rows, None if cursor is None else str(cursor))
