"""All pages that there are, as the application itself lists them, with something to show on each."""

from __future__ import annotations

import re
from functools import partial

from factories import NOW
from pages.operator import page_settings
from web.asking import opened_web

from harvester.ledger import actor_runs, companions
from harvester.ledger.companions import FoundCompanion
from harvester.posts import Author, Companion, CompanionKind

from .house import HOSTILE, HOSTILE_TEXT, House

#: Served with GET, and no page to look at.
_NO_PAGE = re.compile(r"/(?:api|static)/|/(?:healthz|readyz|metrics)$|\.(?:csv|jsonl|json)$")
ACTOR = "harvestapi/linkedin-profile-posts"
_PARAMETER = re.compile(r"/([\w-]+)/<[^>]+>")


class Lived:
    """What happens in the house before any page is looked at, so that each has something to show."""

    def __init__(self, house: House) -> None:
        self.completed = house.harvest("Lived-Well", "lena-lived", HOSTILE, "nora-no-posts", "nino-nonsense")
        house.sandbox.inject("run-fail", match="frida-lived")
        self.failed = house.harvest("Lived-Badly", "frida-lived")
        self.letter = house.parked("Lived-Oddly", "odo-lived")
        job = house.api("POST", "/api/apify/process", {}).json["runId"]
        house.until(lambda: house.api("GET", f"/api/jobs/{job}").json["job"]["status"] != "Running")
        tidied = {"clientId": "Lived-Badly", "reason": "<b>it is</b> tidied up"}
        house.api("POST", "/api/starts/pause", tidied)
        post = next(row for row in house.rows("/api/posts", "posts") if HOSTILE in str(row["leads"]))
        _say(house, self.completed["clientRunId"], post["postKey"])
        self._named = {
            "clients": ["Lived-Well", "Lived-Badly"],
            "runs": [self.completed["clientRunId"], self.failed["clientRunId"]],
            "jobs": [job],
            "posts": [post["id"]],
            "deliveries": [house.rows("/api/deliveries", "deliveries")[-1]["id"]],
            "dead-letters": [self.letter["id"]],
            "actors": [ACTOR],
        }
        self._house = house

    def paths(self) -> list[str]:
        """Give the path of every page, with what has been lived for its parameters."""
        with opened_web(str(self._house.ledger.url), **page_settings()) as web:
            rules = [rule.rule for rule in web.app.url_map.iter_rules() if "GET" in (rule.methods or ())]
        pages = sorted(rule for rule in set(rules) if not _NO_PAGE.search(rule))
        return [path for rule in pages for path in self._filled(rule)]

    def _filled(self, rule: str) -> list[str]:
        found = _PARAMETER.search(rule)
        if found is None:
            return [rule]
        values = self._named[found.group(1)]
        shown = values if rule.endswith(">") else values[:1]
        return [_PARAMETER.sub(partial(_value, value), rule) for value in shown]


def _say(house: House, client_run_id: str, post_key: str) -> None:
    """Let somebody comment on a post, and react to it, in words of the worst kind."""
    with house.ledger.write() as tx:
        run = actor_runs.of_client_run(tx, client_run_id)[0]
        said = [
            Companion(kind, post_key, str(number), Author(HOSTILE_TEXT), HOSTILE_TEXT, HOSTILE_TEXT * 9)
            for kind in CompanionKind
            for number in range(3)
        ]
        companions.store(tx, run, [FoundCompanion(one, b"") for one in said], now=NOW)


def _value(value: object, found: re.Match[str]) -> str:
    return f"/{found.group(1)}/{value}"
