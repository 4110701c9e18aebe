"""Doctor: examine settings and dependencies."""

from __future__ import annotations

import sys
from dataclasses import asdict

import click

from harvester.cli import session
from harvester.cli.display import as_json, show_json
from services.doctor import examine


@click.command()
@as_json
def doctor(json_: bool) -> None:
    """Check settings, ledger, Apify and the public address; each finding says what to do.

    Exit code 1 if anything is not well.
    """
    with session.services() as services:
        findings = []
        for finding in examine(services):
            findings.append(finding)
            if not json_:
                click.echo(f"{'ok  ' if finding.ok else 'FAIL'}  {finding.name}: {finding.detail}")
                if finding.remedy:
                    click.echo(f"      Do this: {finding.remedy}.")
    if json_:
        show_json([asdict(finding) for finding in findings])
    if not all(finding.ok for finding in findings):
        sys.exit(session.EXIT_FAILED)
