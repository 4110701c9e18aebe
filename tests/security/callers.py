"""Everybody who may try the API: a token of every kind, and requests for every route that there is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import select
from web.asking import TOKEN, Web

from harvester.ledger import tables

MINE: Final = "Ada"
OTHER: Final = "Bo"
_HOUR: Final = timedelta(hours=1)
#: Routes that are open to strangers, or know Apify by another token; all others need one of the API's.
OPEN: Final = frozenset(
    {"/api/apify-webhook", "/healthz", "/readyz", "/openapi.json", "/static/<path:filename>"}
)
#: What a token of one client can do, as people are told.
OF_ONE_CLIENT: Final = frozenset(
    {
        ("GET", "/api/runs"),
        ("GET", "/api/runs/<client_run_id>"),
        ("GET", "/api/runs/<client_run_id>/events"),
        ("GET", "/api/runs/<client_run_id>/coverage"),
        ("GET", "/api/clients/<client_id>/preview"),
        ("GET", "/api/posts"),
        ("GET", "/api/posts.jsonl"),
        ("GET", "/api/posts.csv"),
        ("GET", "/api/comments"),
        ("GET", "/api/reactions"),
        ("GET", "/api/activity"),
        ("POST", "/api/apify/process-client"),
        ("POST", "/api/apify/run"),
        ("POST", "/api/smart-resume/process-client"),
        ("POST", "/api/runs/<client_run_id>/cancel"),
        ("POST", "/api/runs/<client_run_id>/retry"),
    }
)


@dataclass(frozen=True)
class Kind:
    """One kind of caller: the token that it bears, and what that is to be good for."""

    name: str
    token: str | None
    scopes: frozenset[str] = frozenset()
    client_id: str | None = None

    def expected(self, method: str, rule: str) -> int | None:
        """Give the status that a request about `MINE` is refused with; None if it is let in."""
        if not self.scopes:
            return 401
        if ("read" if method in ("GET", "HEAD") else "run") not in self.scopes:
            return 403
        if self.client_id is None:
            return None
        return None if self.client_id == MINE and (method, rule) in OF_ONE_CLIENT else 403


def kinds(web: Web) -> list[Kind]:
    """Make a token of every kind."""
    made = web.services.api_tokens
    both = frozenset({"read", "run"})

    def token(name: str, **how: Any) -> tuple[str, str]:
        found, text = made.create(name, by="test", **how)
        return found.id, text

    revoked, rotated, kept = token("revoked"), token("rotated"), token("kept")
    made.revoke(revoked[0], by="test")
    _, new = made.rotate(rotated[0], overlap=timedelta(0), by="test")
    made.rotate(kept[0], overlap=_HOUR, by="test")
    good = token("good")[1]
    return [
        Kind("none", None),
        Kind("garbage", "garbage"),
        Kind("unknown", f"ph_{'0' * 12}_{'A' * 43}"),
        Kind("another's secret", good[:15] + "_" + new[16:]),
        Kind("expired", token("expired", lasts=timedelta(0))[1]),
        Kind("revoked", revoked[1]),
        Kind("rotated away", rotated[1]),
        Kind("the new secret", new, both),
        Kind("the old secret in its hour", kept[1], both),
        Kind("read", token("read", scopes=("read",))[1], frozenset({"read"})),
        Kind("run", token("run", scopes=("run",))[1], frozenset({"run"})),
        Kind("of its client", token("mine", client_id=MINE)[1], both, MINE),
        Kind(
            "of its client, to read",
            token("my", client_id=MINE, scopes=("read",))[1],
            frozenset({"read"}),
            MINE,
        ),
        Kind("of another client", token("other", client_id=OTHER)[1], both, OTHER),
        Kind("of the settings", TOKEN, both),
    ]


def run_of(web: Web, client_id: str) -> str:
    """Give the ID of a client run of this client."""
    rows = tables.client_runs
    with web.ledger.read() as tx:
        found = tx.execute(select(rows.c.client_run_id).where(rows.c.client_id == client_id)).scalars()
        return str(found.first())


def routes(web: Web) -> Iterator[tuple[str, str]]:
    """Give every route of the API that needs a token, as method and rule."""
    for rule in web.app.url_map.iter_rules():
        module = web.app.view_functions[rule.endpoint].__module__
        if not module.startswith("routes.pages") and rule.rule not in OPEN:
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield method, rule.rule


def request(rule: str, client_run_id: str, client_id: str = MINE) -> tuple[str, dict[str, Any]]:
    """Give path and body of a request of this route that is about one client."""
    path = rule.replace("<client_run_id>", client_run_id).replace("<client_id>", client_id)
    path = path.replace("<run_id>", client_run_id[:13])
    for number in ("<int(max=9223372036854775807):delivery_id>", "<int(max=9223372036854775807):row_id>"):
        path = path.replace(number, "1")
    body: dict[str, Any] = {"clientId": client_id}
    if rule == "/api/apify/run":
        body["targetUrls"] = ["https://www.linkedin.com/in/ann"]
    return path, body
