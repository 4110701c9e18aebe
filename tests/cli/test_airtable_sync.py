"""harvester airtable sync: sends what Airtable is owed, says what it could not send, and can be repeated."""

from __future__ import annotations

from airtable_bases import MASTER_BASE

from harvester.sandbox.airtable import SandboxAirtable

from .conftest import Harvester
from .test_airtable_commands import Shown, airtable

__all__ = ["airtable"]


def kicked_off(harvester: Harvester, environ: dict[str, str]) -> None:
    """Have something that Airtable is owed."""
    environ["AIRTABLE_DELAY_SECONDS"] = "0.01"
    profile = "https://www.linkedin.com/in/ada"
    assert "Started" in harvester("kickoff", "--client", "Ann-Lee", "--url", profile).stdout


def test_what_is_owed_is_sent_and_then_nothing_is(
    airtable: SandboxAirtable, harvester: Harvester, shown: Shown, environ: dict[str, str]
) -> None:
    kicked_off(harvester, environ)
    assert harvester("airtable", "sync").stdout == "Airtable is owed nothing.\n"
    (run,) = airtable.records(MASTER_BASE, "Client Run Results")
    assert run["fields"]["Client ID"] == "Ann-Lee"
    assert shown("airtable", "sync") == {"waiting": 0, "parked": 0, "missing": 0}
    assert len(airtable.records(MASTER_BASE, "Client Run Results")) == 1


def test_what_cannot_be_sent_is_counted(
    airtable: SandboxAirtable, harvester: Harvester, shown: Shown, environ: dict[str, str]
) -> None:
    kicked_off(harvester, environ)
    airtable.close()
    left = shown("airtable", "sync", "--seconds", "1", code=3)
    assert left["waiting"] > 0
    told = harvester("airtable", "sync", "--seconds", "1", code=3).stdout
    assert f"{left['waiting']} rows still wait to be sent." in told
    assert "Why: harvester airtable usage" in told


def test_without_airtable_there_is_nothing_to_send(harvester: Harvester) -> None:
    assert "Airtable is off" in harvester("airtable", "sync", code=2).stderr
