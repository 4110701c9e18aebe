"""Doctor: examine settings and dependencies."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict

import click

from harvester import log
from harvester.cli import session
from harvester.cli.display import as_json, show_json, show_line
from harvester.settings import EXIT_BAD_SETTINGS, SettingsError, load
from services.doctor import Finding, examine


@click.command()
@as_json
def doctor(json_: bool) -> None:
    """Check every setting and dependency; each finding says what to do.

    It changes nothing, and asks Apify and Airtable as little as it can.

    Example: harvester doctor
    """
    code, found = _examined()
    findings = []
    for finding in found:
        findings.append(finding)
        if not json_:
            show_line(f"{'ok  ' if finding.ok else 'FAIL'}  {finding.name}: {finding.detail}")
            if finding.remedy:
                show_line(f"Do this: {finding.remedy.rstrip('.')}.", indent=6)
    if json_:
        show_json([asdict(finding) for finding in findings])
    if not all(finding.ok for finding in findings):
        sys.exit(code)


def _examined() -> tuple[int, Iterator[Finding]]:
    """Give the findings, and the exit code if one of them is bad."""
    try:
        settings = load()
    except SettingsError as error:
        bad = (Finding(found.name, False, found.problem, found.remedy) for found in error.problems)
        return EXIT_BAD_SETTINGS, bad
    log.configure(settings.log_format, "WARNING")
    return session.EXIT_FAILED, examine(settings)
