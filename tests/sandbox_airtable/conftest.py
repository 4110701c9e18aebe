from collections.abc import Iterator

import pytest
from pyairtable import Api, Table

from harvester.sandbox.airtable import BaseSpec, FieldSpec, SandboxAirtable, TableSpec

BASE = "appTestWrapper001"
OTHER = "appTestWrapper002"
TOKEN = "pat0123456789.secret"

THINGS = TableSpec(
    "Things",
    [
        FieldSpec("Key"),
        FieldSpec("Notes", "multilineText"),
        FieldSpec("Count", "number"),
        FieldSpec("Done", "checkbox"),
        FieldSpec("At", "dateTime"),
        FieldSpec("Day", "date"),
        FieldSpec("Status", "singleSelect", {"choices": ["Open", "Shut"]}),
        FieldSpec("Tags", "multipleSelects", {"choices": ["red", "blue"]}),
        FieldSpec("Site", "url"),
        FieldSpec("Number", "autoNumber"),
        FieldSpec("Made", "createdTime"),
        FieldSpec("Twice", "formula", {"formula": "{Count} * 2"}),
    ],
)
PARTS = TableSpec(
    "Parts", [FieldSpec("Part"), FieldSpec("Thing", "multipleRecordLinks", {"linkedTable": "Things"})]
)


def specs() -> list[BaseSpec]:
    return [BaseSpec(BASE, "Wrapper", [THINGS, PARTS]), BaseSpec(OTHER, "Other", [THINGS])]


def make_api(sandbox: SandboxAirtable, token: str = TOKEN) -> Api:
    return Api(token, endpoint_url=sandbox.url, retry_strategy=None, timeout=(5, 30))


@pytest.fixture
def airtable() -> Iterator[SandboxAirtable]:
    """Two bases and no limits."""
    with SandboxAirtable(token=TOKEN, bases=specs(), base_requests=0, token_requests=0) as sandbox:
        yield sandbox


@pytest.fixture
def api(airtable: SandboxAirtable) -> Iterator[Api]:
    made = make_api(airtable)
    yield made
    made.session.close()


@pytest.fixture
def things(api: Api) -> Table:
    return api.table(BASE, "Things")


@pytest.fixture
def parts(api: Api) -> Table:
    return api.table(BASE, "Parts")
