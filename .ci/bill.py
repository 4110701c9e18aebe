"""Write the software bill of materials, and see that it is whole.

Usage: python .ci/bill.py ENVIRONMENT FILE, by a Python that has cyclonedx-bom. Exit code 1 if a package
that is installed is missing in the bill, or one has no licence there.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from installed import canonical, installed

#: Licences that a package's files hold, but its metadata do not name.
READ_IN_FILES: Final = {"huey": "MIT", "protobuf": "BSD-3-Clause"}
_ROOT: Final = Path(__file__).parent.parent
Bill = dict[str, Any]


def complete(bill: Bill, version: str) -> Bill:
    """Add to a bill our own version, and the licences that no metadata name."""
    bill["metadata"]["component"]["version"] = version
    for one in bill["components"]:
        read = READ_IN_FILES.get(canonical(one["name"]))
        if read and not one.get("licenses"):
            one["licenses"] = [{"license": {"id": read}}]
    return bill


def lacking(bill: Bill, found: dict[str, str]) -> list[str]:
    """Give, a line each, what is installed and not in the bill at its version, and what has no licence."""
    listed = {(canonical(one["name"]), one.get("version")) for one in bill["components"]}
    absent = [
        f"{name} {version} is not listed" for name, version in found.items() if (name, version) not in listed
    ]
    return absent + [f"{one['name']} has no licence" for one in bill["components"] if not one.get("licenses")]


def main(environment: str, file: str) -> int:
    """Write the bill of an environment to a file."""
    command = [sys.executable, "-m", "cyclonedx_py", "environment", f"{environment}/bin/python"]
    command += [
        "--pyproject",
        str(_ROOT / "pyproject.toml"),
        "--output-reproducible",
        "--of=JSON",
        "-o",
        file,
    ]
    subprocess.run(command, check=True)  # noqa: S603  # nosec B603 # our own words
    found = installed(Path(environment))
    (version,) = re.findall(r'__version__ = "(.+)"', (_ROOT / "harvester/__init__.py").read_text())
    bill = complete(json.loads(Path(file).read_text()), version)
    Path(file).write_text(json.dumps(bill, indent=2, sort_keys=True) + "\n")
    gaps = lacking(bill, found) or ([] if found else ["nothing is installed there"])
    print(*gaps or [f"{file}: {len(found)} packages, each with its version and licence"], sep="\n")
    return 1 if gaps else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
