"""What is installed in an environment, and whether `constraints.txt` pins it.

Usage: python .ci/installed.py ENVIRONMENT …: exit code 1 where a package is not pinned at its version.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import distributions
from pathlib import Path
from typing import Final

CONSTRAINTS: Final = Path(__file__).parent.parent / "constraints.txt"
#: What Python puts into each environment that can install: it is not ours to choose.
_INSTALLERS: Final = frozenset({"pip", "setuptools"})


def canonical(name: str) -> str:
    """Give a package's name as PEP 503 writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(text: str) -> dict[str, str]:
    """Give the versions that a file of constraints pins, by canonical name. What is no pin is left out."""
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;#]+)", text, re.MULTILINE)
    return {canonical(name): version for name, version in found}


def installed(environment: Path) -> dict[str, str]:
    """Give the versions of the packages in an environment's own folder, by canonical name."""
    folders = [str(folder) for folder in environment.glob("lib*/**/site-packages")]
    found = {canonical(one.name): one.version for one in distributions(path=folders)}
    return {name: version for name, version in found.items() if name not in _INSTALLERS}


def unpinned(found: dict[str, str], text: str) -> list[str]:
    """Give what was found that the constraints in `text` do not pin at just that version."""
    pinned = pins(text)
    return sorted(f"{name}=={version}" for name, version in found.items() if pinned.get(name) != version)


def main(environments: list[str]) -> int:
    """Look at the environments named; tell what is not pinned."""
    loose = {one for name in environments for one in unpinned(installed(Path(name)), CONSTRAINTS.read_text())}
    for one in sorted(loose):
        print(f"{one} is installed, but constraints.txt does not pin it so", file=sys.stderr)
    return 1 if loose else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
