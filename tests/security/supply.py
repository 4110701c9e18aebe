"""What the product is made of. Rows of the table, and how to disarm them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import pytest

from security.rows import Proof, Threat

ROOT: Final = Path(__file__).parents[2]
sys.path.append(str(ROOT / ".ci"))  # what looks at packages lives there

_DEPENDENCIES: Final = "tests/security/test_supply_dependencies.py::"
_AUDIT: Final = "tests/security/test_supply_audit.py::"


def text(path: str) -> str:
    """Read a file of the repository. A control that is text in a file is taken away here."""
    return (ROOT / path).read_text(encoding="utf-8")


def tracked() -> list[str]:
    """List the files of the repository that are text."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [path for path in listed if not path.endswith((".png", ".ico", ".db")) and (ROOT / path).is_file()]


THREATS: Final[tuple[Threat, ...]] = (
    Threat(
        "T26",
        "a dependency has a known hole, or is not the one that was meant",
        "every package pinned and named for a reason, no index named, known holes asked for and counted, "
        "a bill of materials, bandit",
        (
            Proof(_DEPENDENCIES + "test_every_package_is_pinned_at_the_version_that_is_tested", "pins"),
            Proof(_DEPENDENCIES + "test_whoever_installs_takes_the_pinned_versions", "pins-in-use"),
            Proof(_DEPENDENCIES + "test_no_file_says_where_packages_come_from", "no-package-host"),
            Proof(
                _DEPENDENCIES + "test_every_dependency_has_its_reason_and_every_reason_a_dependency",
                "reasons",
            ),
            Proof(
                _DEPENDENCIES + "test_what_is_imported_is_named_and_what_is_named_is_used", "declared-imports"
            ),
            Proof(_DEPENDENCIES + "test_bandit_finds_what_is_planted", "bandit"),
            Proof(_DEPENDENCIES + "test_what_bandit_passes_over_has_a_reason", "silenced-for-a-reason"),
            Proof(
                _AUDIT + "test_an_audit_succeeds_only_if_all_was_looked_at_by_a_feed_that_knows", "audit-feed"
            ),
            Proof(
                _AUDIT + "test_an_audit_succeeds_only_if_all_was_looked_at_by_a_feed_that_knows",
                "audit-count",
            ),
            Proof(_AUDIT + "test_a_bill_lists_each_package_with_its_licence", "whole-bill"),
        ),
    ),
)


def _spoilt(path: str, spoil: Callable[[str], str]) -> Callable[[pytest.MonkeyPatch], None]:
    """Let a file say something else."""

    def way(patch: pytest.MonkeyPatch) -> None:
        read = text
        patch.setattr(f"{__name__}.text", lambda name: spoil(read(name)) if name == path else read(name))

    return way


def _believe_every_feed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("audit.is_feed", lambda probe: True)


def _count_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("audit.unlooked", lambda answer, found: [])


def _take_any_bill(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("bill.lacking", lambda bill, found: [])


def _skip_all(text: str) -> str:
    return re.sub(r"^skips = \[", 'skips = ["B301", "B602", "B324", "B608",', text, flags=re.MULTILINE)


#: Ways to take a control away, by their names in the rows.
DISARMED: Final[Mapping[str, Callable[[pytest.MonkeyPatch], None]]] = {
    "pins": _spoilt("constraints.txt", lambda text: text.replace("Flask==", "Flask>=")),
    "pins-in-use": _spoilt(
        "deploy/Dockerfile", lambda text: text.replace("PIP_CONSTRAINT", "PIP_CONSTRAINED")
    ),
    "no-package-host": _spoilt(
        "Makefile", lambda text: f"{text}\nPIP := pip --extra-index-url https://packages\n"
    ),
    "reasons": _spoilt(
        "pyproject.toml", lambda text: text.replace('    "huey', '    "left-pad>=1",\n    "huey')
    ),
    "declared-imports": _spoilt("pyproject.toml", lambda text: text.replace('    "werkzeug>=3.1",\n', "")),
    "bandit": _spoilt("pyproject.toml", _skip_all),
    "silenced-for-a-reason": _spoilt(
        "services/outages.py", lambda text: re.sub(r"(# nosec B311).*", r"\1", text)
    ),
    "audit-feed": _believe_every_feed,
    "audit-count": _count_nothing,
    "whole-bill": _take_any_bill,
}
