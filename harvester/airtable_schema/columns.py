"""What we need of a base: tables and columns by their exact names, as agencies already have them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Kind(StrEnum):
    """What we need a column to be. Several of Airtable's field types may do for one kind."""

    TEXT = "text"
    LONG_TEXT = "long text"
    URL = "URL"
    NUMBER = "number"
    MOMENT = "date and time"
    CHOICE = "single select"
    LINK = "link"
    #: Worked out by Airtable; nobody writes it.
    COMPUTED = "formula"


@dataclass(frozen=True, slots=True)
class Column:
    """One column that we read, or write, or both."""

    name: str
    kind: Kind
    #: A harvest, or the records of it, cannot do without.
    required: bool = False
    #: We write it; else it is only read.
    written: bool = False
    #: Choices that a select field must have.
    choices: tuple[str, ...] = ()
    #: Choice of ours -> the choice that is used where a base lacks it.
    fallbacks: Mapping[str, str] = field(default_factory=dict, hash=False)
    #: Field types that do although they are not of this kind.
    also: frozenset[str] = frozenset()
    #: Used if it is there, not missed otherwise.
    optional: bool = False
    #: What a person must make, because the API cannot; empty if it can.
    by_hand: str = ""
    #: Name of the table that a link leads to.
    links_to: str | None = None


@dataclass(frozen=True, slots=True)
class TableSpec:
    """One table that we need. `merge` is the column whose value is that of no other row."""

    name: str
    columns: tuple[Column, ...]
    merge: str | None = None
    #: No harvest without it; without any other, records and posts stay in the ledger alone.
    required: bool = False

    def column(self, name: str) -> Column:
        """Give the column of this name. Raises `KeyError`."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


_RUN_STATUS: Final = ("Running", "Completed", "Completed with Errors", "Failed", "Cancelled", "Duplicate")
_RUN_FALLBACKS: Final = MappingProxyType({"Completed with Errors": "Completed", "Cancelled": "Failed"})
_APIFY_STATUS: Final = ("RUNNING", "SUCCEEDED", "FAILED", "ABORTED", "TIMED-OUT")
_APIFY_FALLBACKS: Final = MappingProxyType(
    {
        "ABORTED": "FAILED",
        "ABORTING": "RUNNING",
        "READY": "RUNNING",
        "TIMED-OUT": "FAILED",
        "TIMING-OUT": "RUNNING",
    }
)
_TYPED_IN: Final = frozenset({"singleSelect", "singleLineText"})
_MINUTES: Final = "IF({End Time}, DATETIME_DIFF({End Time}, {Start Time}, 'minutes'))"


def _read(name: str, kind: Kind, *, also: frozenset[str] = frozenset(), required: bool = False) -> Column:
    return Column(name, kind, required=required, also=also)


def _key(name: str) -> Column:
    return Column(name, Kind.TEXT, required=True, written=True)


def _written(kind: Kind, *names: str) -> tuple[Column, ...]:
    return tuple(Column(name, kind, written=True) for name in names)


def _formula(name: str, formula: str) -> Column:
    return Column(name, Kind.COMPUTED, by_hand=f"a field of type Formula: {formula}")


def _share(name: str, part: str, whole: str) -> Column:
    return _formula(name, f"IF({{{whole}}}, {{{part}}} / {{{whole}}})")


def _select(name: str, choices: tuple[str, ...], fallbacks: Mapping[str, str] | None = None) -> Column:
    return Column(name, Kind.CHOICE, written=True, choices=choices, fallbacks=fallbacks or {})


_CLIENTS: Final = TableSpec(
    "Clients",
    (
        _read("Client ID", Kind.TEXT, required=True),
        _read("Client Name", Kind.TEXT),
        Column("Status", Kind.CHOICE, required=True, choices=("Active",)),
        _read("Airtable Base ID", Kind.TEXT, required=True),
        _read("Service Level", Kind.NUMBER, required=True, also=_TYPED_IN),
        _read("Posts Daily Target", Kind.NUMBER, also=_TYPED_IN),
        _read("Leads Batch Size for Post Collection", Kind.NUMBER, also=_TYPED_IN),
        _read("Max Post Batches Per Day Guardrail", Kind.NUMBER, also=_TYPED_IN),
        _read("Processing Stream", Kind.NUMBER, also=_TYPED_IN),
        _read("Timezone", Kind.TEXT),
    ),
    required=True,
)

_CLIENT_RUNS: Final = TableSpec(
    "Client Run Results",
    (
        _key("Run ID"),
        *_written(Kind.TEXT, "Client ID", "Client Name"),
        _select("Status", _RUN_STATUS, _RUN_FALLBACKS),
        *_written(Kind.MOMENT, "Start Time", "End Time"),
        _formula("Duration", _MINUTES),
        *_written(
            Kind.NUMBER,
            "Profiles Examined for Scoring",
            "Profiles Successfully Scored",
            "Profile Scoring Tokens",
            "Posts Examined for Scoring",
            "Posts Successfully Scored",
            "Post Scoring Tokens",
            "Profiles Submitted for Post Harvesting",
            "Total Posts Harvested",
            "Apify API Costs",
        ),
        _share(
            "Profile Scoring Success Rate", "Profiles Successfully Scored", "Profiles Examined for Scoring"
        ),
        _share("Post Scoring Success Rate", "Posts Successfully Scored", "Posts Examined for Scoring"),
        _formula("Success Rate", "whatever counts as success, such as IF({Status} = 'Completed', 1, 0)"),
        *_written(Kind.LONG_TEXT, "Apify Run ID"),
        *_written(Kind.TEXT, "Apify Status"),
        Column(
            "Last Webhook", Kind.MOMENT, written=True, also=frozenset({"singleLineText", "multilineText"})
        ),
        *_written(Kind.LONG_TEXT, "System Notes", "Error Details", "Progress Log"),
    ),
    merge="Run ID",
)

_JOB_RUNS: Final = TableSpec(
    "Job Tracking",
    (
        _key("Run ID"),
        _select("Status", _RUN_STATUS, _RUN_FALLBACKS),
        *_written(Kind.NUMBER, "Stream"),
        *_written(Kind.MOMENT, "Start Time", "End Time"),
        _formula("Duration", _MINUTES),
        *_written(Kind.LONG_TEXT, "System Notes"),
    ),
    merge="Run ID",
)

_ACTOR_RUNS: Final = TableSpec(
    "Apify",
    (
        _key("Apify Run ID"),
        *_written(Kind.TEXT, "Run ID", "Actor ID", "Client ID"),
        *_written(Kind.MOMENT, "Created At", "Completed At", "Last Updated"),
        *_written(Kind.TEXT, "Dataset ID"),
        *_written(Kind.LONG_TEXT, "Error"),
        _select("Mode", ("webhook", "inline")),
        _select("Status", _APIFY_STATUS, _APIFY_FALLBACKS),
        *_written(Kind.LONG_TEXT, "Target URLs"),
    ),
    merge="Apify Run ID",
)

_LEADS: Final = TableSpec(
    "Leads",
    (
        *(
            Column(name, Kind.TEXT, optional=True)
            for name in ("Name", "Full Name", "First Name", "Last Name")
        ),
        _read("LinkedIn Profile URL", Kind.URL, required=True),
        Column(
            "Posts Harvest Status",
            Kind.CHOICE,
            required=True,
            written=True,
            choices=("Pending", "Processing", "Done", "No Posts"),
        ),
        *_written(Kind.TEXT, "Posts Harvest Run ID"),
        *_written(Kind.MOMENT, "Last Post Check At"),
        *_written(Kind.NUMBER, "Posts Found (Last Run)"),
        _read("Posts Actioned", Kind.TEXT, also=frozenset({"number", "checkbox"})),
        _read("Date Posts Scored", Kind.MOMENT),
        Column("Date Created", Kind.MOMENT, by_hand="a field of type Created time"),
        # Wanted only of a base without Posts: see `comparing`.
        Column("Posts Content", Kind.LONG_TEXT, written=True, optional=True),
    ),
    required=True,
)

_POSTS: Final = TableSpec(
    "Posts",
    (
        _key("Post Key"),
        Column("Lead", Kind.LINK, written=True, links_to="Leads"),
        *_written(Kind.URL, "Post URL"),
        *_written(Kind.LONG_TEXT, "Post Text"),
        *_written(Kind.MOMENT, "Post Date"),
        *_written(Kind.TEXT, "Author Name"),
        *_written(Kind.URL, "Author URL", "Profile URL"),
        *_written(Kind.NUMBER, "Like Count", "Comment Count", "Share Count"),
        *_written(Kind.LONG_TEXT, "Image URLs"),
        *_written(Kind.TEXT, "Kind", "Run ID", "Client ID"),
        *_written(Kind.MOMENT, "First Seen At"),
    ),
    merge="Post Key",
)

#: The tables of the master base.
MASTER: Final = (_CLIENTS, _CLIENT_RUNS, _JOB_RUNS, _ACTOR_RUNS)
#: The tables of a client's base.
CLIENT: Final = (_LEADS, _POSTS)
#: Every table by its name; no two bases of ours have one of the same name.
ALL_TABLES: Final[Mapping[str, TableSpec]] = MappingProxyType(
    {spec.name: spec for spec in (*MASTER, *CLIENT)}
)
