"""What the settings are, as a table and as the text of `.env.example`, from the fields themselves."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Any, cast, get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from harvester.settings.model import Settings
from harvester.settings.weak_secrets import PLACEHOLDER

_HEAD = """\
# Every setting of post-harvester with its default. Copy this file to .env and fill in what is required.
# An empty value is an unset one. The environment beats .env. A secret X may be given as X_FILE instead: the
# path of a file that holds it.
"""

_FIRST_TIMER = "TICK_SECONDS"
#: The first setting of each section, and the section's title.
_SECTIONS = {
    "APIFY_TOKEN": "Apify",
    "APIFY_MAX_CHARGE_USD": "Money",
    "PORT": "This service",
    "DATABASE_URL": "Storage",
    "AIRTABLE_API_KEY": "Airtable",
    "SCORING_API_KEY": "Scoring",
    "SCHEDULE": "Schedule, alerts, logs",
    _FIRST_TIMER: "Timers, in decimal seconds",
}


@dataclass(frozen=True, slots=True)
class Doc:
    """One setting as its user meets it."""

    name: str
    #: As it would stand in `.env`; empty for one that is unset or required.
    default: str
    description: str
    #: Its value is never shown, and it may be given as `<name>_FILE`.
    secret: bool
    required: bool
    #: What to do when it is refused.
    remedy: str


def documented() -> list[Doc]:
    """Return all settings in the order in which they are documented."""
    return [_doc(name.upper(), field) for name, field in Settings.model_fields.items()]


def env_example() -> str:
    """Return the text of `.env.example`."""
    return "\n".join([_HEAD, *map(_entry, documented())])


def table() -> str:
    """Return the README's table of the settings, without the timers."""
    rows = ["| setting | meaning | default |", "|---|---|---|"]
    for doc in documented():
        if doc.name == _FIRST_TIMER:
            break
        default = "**required**" if doc.required else f"`{doc.default}`" if doc.default else "unset"
        rows.append(f"| `{doc.name}` | {doc.description.replace('|', '&#124;')} | {default} |")
    return "\n".join(rows) + "\n"


def _doc(name: str, field: FieldInfo) -> Doc:
    return Doc(
        name=name,
        default=field.default if isinstance(field.default, str) else "",
        description=field.description or "",
        secret=_holds_secret(field.annotation),
        required=field.is_required(),
        remedy=str(cast(dict[str, Any], field.json_schema_extra)["remedy"]),
    )


def _holds_secret(annotation: object) -> bool:
    return annotation is SecretStr or any(map(_holds_secret, get_args(annotation)))


def _entry(doc: Doc) -> str:
    notes = ["Required."] * doc.required + [doc.description] + ["Secret."] * doc.secret
    lines = textwrap.wrap(" ".join(notes), width=108)
    section = f"# --- {_SECTIONS[doc.name]} ---\n\n" if doc.name in _SECTIONS else ""
    value = PLACEHOLDER if doc.required else doc.default
    return section + "".join(f"# {line}\n" for line in lines) + f"{doc.name}={value}\n"
