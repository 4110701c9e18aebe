"""`docs/security.md` says of every secret how it is changed, and what stops working without the old one."""

from __future__ import annotations

import re
from pathlib import Path

from harvester.settings import documented

SECURITY = (Path(__file__).parent.parent / "docs/security.md").read_text()


def test_every_secret_has_its_row() -> None:
    table = SECURITY.partition("## Secrets")[2]
    rows = re.findall(r"^\| (.*?`[A-Z_]+`.*?) \| (.+?) \| (.+?) \|$", table, re.MULTILINE)
    named = {name for first, how, then in rows for name in re.findall(r"`([A-Z_]+)`", first) if how and then}
    assert named == {doc.name for doc in documented() if doc.secret}
