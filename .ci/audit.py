"""Ask an advisory feed whether a package of the product has a known hole.

Usage: python .ci/audit.py ENVIRONMENT, by a Python that has pip-audit. Exit code 0: no known hole in any
package; or *not evaluated*, in these words, because no feed answered. With AUDIT=required that is 1, too.
Exit code 1: a hole, a package that was not looked at, or an audit that broke off.

pip-audit reads PIP_AUDIT_VULNERABILITY_SERVICE (pypi, osv) and PIP_AUDIT_OSV_URL itself. It exits with 0
having audited nothing, and takes an index without advisories for one without holes. So a feed is believed
once it has told of a hole that everybody knows, and success if as many were audited as are installed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from installed import canonical, installed

#: It sends credentials along with a redirect to another host: CVE-2018-18074.
KNOWN_HOLE: Final = {"requests": "2.19.0"}
_OPTIONS: Final = ("--strict", "--no-deps", "--disable-pip", "--progress-spinner=off", "--format=json")
_SECONDS: Final = 300
_PYPROJECT: Final = Path(__file__).parent.parent / "pyproject.toml"


@dataclass(frozen=True, slots=True)
class Answer:
    """What pip-audit reported of each package, None where it broke off; and the last line that it said."""

    report: list[dict[str, Any]] | None
    said: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The exit code, and what is printed."""

    code: int
    text: str


def holes(answer: Answer) -> list[str]:
    """Give each hole of the report as a line: package, version, name of the hole, versions that mend it."""
    return [
        f"{one['name']} {one['version']}: {hole['id']}, mended in {', '.join(hole['fix_versions']) or 'none'}"
        for one in answer.report or []
        for hole in one.get("vulns", [])
    ]


def is_feed(probe: Answer) -> bool:
    """Tell whether a feed told of the hole that everybody knows."""
    return bool(holes(probe))


def unlooked(answer: Answer, found: dict[str, str]) -> list[str]:
    """Give what is installed, but was not audited at its version."""
    audited = {(canonical(one["name"]), one["version"]) for one in answer.report or [] if "vulns" in one}
    return sorted(f"{name} {version}" for name, version in found.items() if (name, version) not in audited)


def verdict(probe: Answer, answer: Answer | None, found: dict[str, str], required: bool = False) -> Verdict:
    """Judge an audit by its two answers: about the known hole, and about what is installed."""
    if answer is None or not is_feed(probe):
        why = probe.said or "the feed does not know a hole that everybody knows"
        return Verdict(int(required), f"not evaluated: no advisory feed answers ({why})")
    if answer.report is None:
        return Verdict(1, f"the audit broke off: {answer.said}")
    if known := holes(answer):
        return Verdict(1, "\n".join(known))
    if left := unlooked(answer, found):
        return Verdict(1, f"not looked at: {', '.join(left)}")
    if not found:
        return Verdict(1, "nothing is installed there")
    return Verdict(0, f"audited {len(found)} of {len(found)} packages: no known hole")


def ask(packages: dict[str, str], accepted: tuple[str, ...] = ()) -> Answer:
    """Ask the feed about packages at these versions; leave out the holes of the names in `accepted`."""
    with tempfile.TemporaryDirectory() as folder:
        wanted, report = Path(folder, "wanted.txt"), Path(folder, "report.json")
        wanted.write_text("".join(f"{name}=={version}\n" for name, version in packages.items()))
        command = [sys.executable, "-m", "pip_audit", *_OPTIONS, f"--requirement={wanted}"]
        command += [f"--output={report}", *(f"--ignore-vuln={name}" for name in accepted)]
        try:
            done = subprocess.run(  # noqa: S603  # nosec B603 # our own words
                command, capture_output=True, text=True, timeout=_SECONDS
            )
        except subprocess.TimeoutExpired:
            return Answer(None, f"no answer within {_SECONDS} seconds")
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        if not report.exists():
            return Answer(None, lines[-1])
        return Answer(json.loads(report.read_text())["dependencies"], "")


def main(environment: str) -> int:
    """Audit what is installed in an environment."""
    found = installed(Path(environment))
    accepted = tomllib.loads(_PYPROJECT.read_text())["tool"]["audit"]["accepted"]
    probe = ask(KNOWN_HOLE)
    answer = ask(found, tuple(accepted)) if is_feed(probe) else None
    judged = verdict(probe, answer, found, required=os.environ.get("AUDIT") == "required")
    print(f"audit: {judged.text}")
    return judged.code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
