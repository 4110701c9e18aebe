"""Ready-made bases of an agency: its master base, and the base of a client in both ways to keep posts."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from harvester.sandbox.airtable.specs import BaseSpec, FieldSpec, TableSpec

MASTER_ID = "appAgencyMaster01"
RUN_STATES = ("Running", "Completed", "Completed with Errors", "Failed", "Cancelled", "Duplicate")
Row = Mapping[str, Any]

_TEXT, _LONG, _URL, _NUMBER, _MOMENT = "singleLineText", "multilineText", "url", "number", "dateTime"
_OPERATIONS = ("Lead Scoring", "Post Harvesting", "Post Scoring")
_JOB_STATES = ("STARTED", "RUNNING", "COMPLETED", "CLIENT_TIMEOUT_KILLED", "JOB_TIMEOUT_KILLED", "FAILED")
_SERVICES = (
    "0-No Service",
    "1-Lead Scoring",
    "2-Lead Scoring + Post Scoring",
    "3-Lead Scoring + Post Scoring + Support",
)
_DURATION = "IF(AND({Start Time}, {End Time}), DATETIME_DIFF({End Time}, {Start Time}, 'minutes'))"


def master_base(
    base_id: str = MASTER_ID, *, clients: Sequence[Row] = (), name: str = "Master Clients"
) -> BaseSpec:
    """Clients, Client Run Results, Job Tracking, Apify; `clients` are rows of Clients by field name."""
    tables = [
        TableSpec("Clients", _clients(), clients),
        TableSpec("Client Run Results", _client_runs()),
        TableSpec("Job Tracking", _jobs()),
        TableSpec("Apify", _actor_runs()),
    ]
    return BaseSpec(base_id, name, tables)


def client_row(client_id: str, base_id: str, **more: Any) -> dict[str, Any]:
    """A row of Clients: active, with a service level that harvests."""
    usual = {
        "Client ID": client_id,
        "Client Name": client_id.replace("-", " "),
        "Status": "Active",
        "Airtable Base ID": base_id,
        "Service Level": "2-Lead Scoring + Post Scoring",
    }
    return usual | more


def client_base(
    base_id: str,
    posts: Literal["table", "content"] = "table",
    *,
    leads: Sequence[Row] = (),
    name: str = "",
) -> BaseSpec:
    """Leads, and posts as rows of a table of their own or as JSON in the leads' `Posts Content`."""
    tables = [TableSpec("Leads", _leads(content=posts == "content"), leads)]
    if posts == "table":
        tables.append(TableSpec("Posts", _posts()))
    return BaseSpec(base_id, name or f"Client {base_id}", tables)


def _fields(kind: str, *names: str) -> list[FieldSpec]:
    options = {"precision": 0} if kind == _NUMBER else {}
    return [FieldSpec(name, kind, options) for name in names]


def _select(name: str, *choices: str) -> FieldSpec:
    return FieldSpec(name, "singleSelect", {"choices": [{"name": choice} for choice in choices]})


def _formula(name: str, text: str) -> FieldSpec:
    return FieldSpec(
        name, "formula", {"formula": text, "result": {"type": "number", "options": {"precision": 2}}}
    )


def _rate(name: str, part: str, whole: str) -> FieldSpec:
    return _formula(name, f"IF({{{whole}}}, {{{part}}} / {{{whole}}})")


def _clients() -> list[FieldSpec]:
    fields = [
        *_fields(_TEXT, "Client ID", "Client Name"),
        _select("Status", "Active", "Inactive", "Suspended"),
        *_fields(_TEXT, "Airtable Base ID"),
        _select("Service Level", *_SERVICES),
        _select("Post Access Enabled", "Yes", "No"),
        *_fields(_TEXT, "Client First Name"),
        *_fields("email", "Client Email Address"),
        *_fields(_NUMBER, "Posts Daily Target", "Leads Batch Size for Post Collection"),
        *_fields(
            _NUMBER, "Max Post Batches Per Day Guardrail", "Post Scrape Batch Size", "Processing Stream"
        ),
        *_fields(_TEXT, "Timezone"),
        *_fields(_NUMBER, "WordPress User ID", "Profile Scoring Token Limit", "Post Scoring Token Limit"),
        *_fields("date", "Expiry Date"),
        *_fields(_TEXT, "Status Management"),
        *_fields(_LONG, "Comment", "Execution Log"),
        *_fields(_NUMBER, "Leads Scored Last Run", "Posts Harvested Last Run", "Posts Scored Last Run"),
    ]
    for operation in _OPERATIONS:
        fields += [
            _select(f"{operation} Job Status", *_JOB_STATES),
            *_fields(_TEXT, f"{operation} Job ID", f"{operation} Last Run Time"),
            *_fields(_MOMENT, f"{operation} Last Run Date"),
        ]
    return fields


def _client_runs() -> list[FieldSpec]:
    return [
        *_fields(_TEXT, "Run ID", "Client ID", "Client Name"),
        _select("Status", *RUN_STATES, "No Leads To Score"),
        *_fields(_MOMENT, "Start Time", "End Time"),
        _formula("Duration", _DURATION),
        *_fields(_NUMBER, "Profiles Examined for Scoring", "Profiles Successfully Scored"),
        _rate(
            "Profile Scoring Success Rate", "Profiles Successfully Scored", "Profiles Examined for Scoring"
        ),
        *_fields(
            _NUMBER, "Profile Scoring Tokens", "Posts Examined for Scoring", "Posts Successfully Scored"
        ),
        _rate("Post Scoring Success Rate", "Posts Successfully Scored", "Posts Examined for Scoring"),
        *_fields(_NUMBER, "Post Scoring Tokens", "Profiles Submitted for Post Harvesting"),
        *_fields(_NUMBER, "Total Posts Harvested"),
        *_fields(_LONG, "Apify Run ID"),
        *_fields(_TEXT, "Apify Status"),
        FieldSpec("Apify API Costs", _NUMBER, {"precision": 4}),
        *_fields(_LONG, "System Notes", "Error Details"),
        *_fields(_MOMENT, "Last Webhook"),
        *_fields(_LONG, "Full Run Log", "Progress Log"),
        *_fields(_NUMBER, "Total Tokens Used"),
        FieldSpec("Total API Cost", _NUMBER, {"precision": 4}),
        _rate("Success Rate", "Profiles Successfully Scored", "Profiles Examined for Scoring"),
    ]


def _jobs() -> list[FieldSpec]:
    return [
        *_fields(_TEXT, "Run ID"),
        _select("Status", *RUN_STATES),
        *_fields(_NUMBER, "Stream"),
        *_fields(_MOMENT, "Start Time", "End Time"),
        _formula("Duration", _DURATION),
        *_fields(_LONG, "System Notes"),
        *_fields(_TEXT, "Last Analyzed Log ID"),
    ]


def _actor_runs() -> list[FieldSpec]:
    return [
        *_fields(_TEXT, "Apify Run ID", "Run ID", "Actor ID", "Client ID"),
        *_fields(_MOMENT, "Created At", "Completed At", "Last Updated"),
        *_fields(_TEXT, "Dataset ID"),
        *_fields(_LONG, "Error", "Target URLs"),
        _select("Mode", "webhook", "inline"),
        _select("Status", "RUNNING", "SUCCEEDED", "FAILED", "ABORTED", "TIMED-OUT"),
    ]


def _leads(*, content: bool) -> list[FieldSpec]:
    return [
        *_fields(_URL, "LinkedIn Profile URL"),
        *_fields(_TEXT, "First Name", "Last Name"),
        _select("Posts Harvest Status", "Pending", "Processing", "Done", "No Posts"),
        *_fields(_TEXT, "Posts Harvest Run ID"),
        *_fields(_MOMENT, "Last Post Check At", "Last Post Processed At", "Time Posts Added"),
        *_fields(_NUMBER, "Posts Found (Last Run)"),
        *(_fields(_LONG, "Posts Content") if content else []),
        *_fields(_TEXT, "Posts Actioned"),
        *_fields("date", "Date Posts Scored"),
        *_fields(_NUMBER, "Posts Relevance Score", "Posts Relevance Percentage"),
        _select("Posts Relevance Status", "Relevant", "Not Relevant", "Pending"),
        *_fields(_LONG, "Posts AI Evaluation", "Top Scoring Post"),
        _select("Posts JSON Status", "Parsed", "Failed"),
        *_fields(_TEXT, "Posts Skip Reason"),
        *_fields(_MOMENT, "Date Created"),
    ]


def _posts() -> list[FieldSpec]:
    return [
        *_fields(_TEXT, "Post Key"),
        FieldSpec("Lead", "multipleRecordLinks", {"linkedTable": "Leads"}),
        *_fields(_URL, "Post URL"),
        *_fields(_LONG, "Post Text"),
        *_fields(_MOMENT, "Post Date"),
        *_fields(_TEXT, "Author Name"),
        *_fields(_URL, "Author URL", "Profile URL"),
        *_fields(_NUMBER, "Like Count", "Comment Count", "Share Count"),
        *_fields(_LONG, "Image URLs"),
        *_fields(_TEXT, "Kind", "Run ID", "Client ID"),
        *_fields(_MOMENT, "First Seen At"),
    ]
