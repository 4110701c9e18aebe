"""Find run records in Airtable that need repair: job tracking records without a run ID, client runs twice.

Only reports, unless --apply is given. What is applied can be interrupted and repeated at any time; nothing is
ever deleted. Exit codes: 0 nothing found, or all of it repaired; 1 failed; 2 bad arguments or settings;
3 found, and not repaired.

Example: python scripts/repair_run_records.py --apply
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from harvester import log
from harvester.cli.display import cell, show_json
from harvester.cli.output import to_be_written
from harvester.errors import HarvesterError, InvalidInput
from harvester.normalise.text import one_line
from harvester.settings import EXIT_BAD_SETTINGS, SettingsError, describe, load
from harvester.wording import counted
from services import Services, build
from services.run_record_rows import Proposal, RunRecordRows, What

EXIT_DONE: Final = 0
EXIT_FAILED: Final = 1
EXIT_BAD_ARGUMENTS: Final = 2
EXIT_FOUND: Final = 3

_INTERRUPTED: Final = "interrupted. What was repaired stays; run it again for the rest"


@dataclass(slots=True)
class Report:
    """What was found, and what of it was repaired."""

    found: list[Proposal] = field(default_factory=list)
    repaired: list[Proposal] = field(default_factory=list)
    error: str | None = None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script. Returns its exit code."""
    given = _parser().parse_args(arguments)
    try:
        settings = load()
    except SettingsError as error:
        print(describe(error), end="", file=sys.stderr)
        return EXIT_BAD_SETTINGS
    log.configure(settings.log_format, settings.log_level)
    report = Report()
    try:
        services = build(settings)
        try:
            _carry_out(services, report, apply=given.apply)
        finally:
            services.close()
    except InvalidInput as error:
        return _refused(str(error), EXIT_BAD_ARGUMENTS)
    except KeyboardInterrupt:
        report.error = _INTERRUPTED
    except (HarvesterError, OSError) as error:
        report.error = str(error)
    show_json(_as_json(report, given.apply)) if given.json else _show(report, apply=given.apply)
    if report.error is not None:
        return _refused(report.error, EXIT_FAILED)
    return EXIT_DONE if len(report.repaired) == len(report.found) else EXIT_FOUND


def _parser() -> argparse.ArgumentParser:
    summary, _, epilog = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=summary,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--apply", action="store_true", help="repair what is found, and not only report it")
    parser.add_argument("--json", action="store_true", help="report as JSON, for scripts")
    return parser


def _carry_out(services: Services, report: Report, *, apply: bool) -> None:
    side = services.airtable
    if side is None:
        raise InvalidInput("Airtable is off: set AIRTABLE_API_KEY and MASTER_CLIENTS_BASE_ID")
    rows = RunRecordRows(
        services.ledger,
        side.gateway,
        side.schemas,
        services.clock,
        master_base=services.settings.master_clients_base_id or "",
    )
    report.found = rows.find()
    if apply:
        rows.apply(report.found, report.repaired.append)


def _as_json(report: Report, apply: bool) -> dict[str, Any]:
    done = {one.record_id for one in report.repaired}
    return {
        "applied": apply,
        "found": len(report.found),
        "repaired": len(report.repaired),
        "rows": [
            {
                "table": one.table,
                "recordId": one.record_id,
                "what": one.what,
                "runId": one.run_id,
                "kept": one.kept,
                "why": one.why,
                "repaired": one.record_id in done,
            }
            for one in report.found
        ],
        "error": report.error,
    }


def _show(report: Report, *, apply: bool) -> None:
    done = {one.record_id for one in report.repaired}
    for one in report.found:
        verb = _DONE[one.what] if one.record_id in done else _PROPOSED[one.what]
        told = f" {one.run_id}" if one.what is What.SET_RUN_ID else ""
        print(f"{one.table}, record {one.record_id}: {verb}{told}: {cell(one.why)}")
    if not report.found:
        print("Nothing was found." if report.error is None else "Nothing was looked through.")
    elif apply:
        print(f"{counted(len(report.repaired), 'row')} of {len(report.found):,} repaired.")
    else:
        print(f"{counted(len(report.found), 'row')} found, and none touched. Repair with --apply.")


_PROPOSED: Final = {
    What.SET_RUN_ID: "would get the run ID",
    What.MARK_FAILED: "would be marked Failed, with a note",
    What.MARK_DUPLICATE: "would be marked Duplicate, with a note",
}
_DONE: Final = {
    What.SET_RUN_ID: "has the run ID",
    What.MARK_FAILED: "is marked Failed, with a note",
    What.MARK_DUPLICATE: "is marked Duplicate, with a note",
}


def _refused(reason: str, code: int) -> int:
    print(f"Error: {one_line(reason, 1_000)}", file=sys.stderr)
    return code


if __name__ == "__main__":
    with to_be_written():
        sys.exit(main())
