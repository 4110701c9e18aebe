"""What the README says of the code, compared with the code."""

from __future__ import annotations

import re
from pathlib import Path

from harvester.settings.documentation import table

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_the_table_of_settings_is_that_of_the_code() -> None:
    shown = README.partition("<!-- settings -->\n")[2].partition("<!-- end of settings -->")[0]
    assert shown.strip() == table().strip(), "make it anew: python -m harvester.settings table"


def test_every_file_that_a_document_names_is_there() -> None:
    documents = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs").rglob("*.md"))]
    missing = []
    for document in documents:
        text = re.sub(r"```.*?```", "", document.read_text(), flags=re.DOTALL)
        targets = re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", text)
        targets += re.findall(r"`((?:docs|deploy|benchmarks|scripts)/[\w./-]+)`", text)
        missing += [f"{document.name}: {one}" for one in targets if not _is_there(document, one)]
    assert not missing


def _is_there(document: Path, named: str) -> bool:
    return (document.parent / named).exists() or (ROOT / named).exists()


def test_every_setting_that_a_document_names_exists() -> None:
    from harvester.settings.model import Settings

    known = {name.upper() for name in Settings.model_fields}
    known |= {f"{name}_FILE" for name in known}
    prefixes = ("APIFY_", "AIRTABLE_", "SCHEDULE_", "RESUME_", "OPERATOR_", "SCRAPE_")
    wrong = set()
    for document in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        named = set(re.findall(r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?:=[^`]*)?`", document.read_text()))
        wrong |= {f"{document.name}: {one}" for one in named if one.startswith(prefixes) and one not in known}
    assert not wrong
