"""What people do to a base meanwhile, without a request; and the sandbox's own endpoints."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests
from pyairtable import Api, Table

from harvester.sandbox.airtable import ApiError, FieldSpec, SandboxAirtable, TableSpec
from harvester.sandbox.airtable.seeds import read_seed

from .conftest import BASE, OTHER
from .refusals import refused


def test_people_edit_and_no_request_is_counted(airtable: SandboxAirtable, things: Table) -> None:
    made = airtable.add(BASE, "Things", {"Key": "a", "Count": 1})
    airtable.edit(BASE, "Things", made, {"Count": None, "Status": "Shut"})
    assert airtable.ledger().requests == []
    assert {"Count", "Status"} & set(things.get(made)["fields"]) == {"Status"}
    with pytest.raises(ApiError, match="Count"):
        airtable.edit(BASE, "Things", made, {"Count": "many"})
    airtable.delete("Wrapper", "Things", made)
    with pytest.raises(ApiError, match=made):
        airtable.edit(BASE, "Things", made, {})
    assert airtable.records(BASE, "Things") == []


def test_a_renamed_field_keeps_its_id_and_its_cells(airtable: SandboxAirtable, things: Table) -> None:
    count = airtable.field_id(BASE, "Things", "Count")
    made = airtable.add(BASE, "Things", {"Key": "a", "Count": 1})
    airtable.rename_field(BASE, "Things", "Count", "How many")
    with refused() as told:
        things.update(made, {"Count": 2})
    assert told.type == "UNKNOWN_FIELD_NAME"
    shown = things.update(made, {count: 2})["fields"]
    assert (shown["How many"], shown["Twice"]) == (2, 4)


def test_dropped_fields_and_tables_are_gone(airtable: SandboxAirtable, api: Api, things: Table) -> None:
    made = airtable.add(BASE, "Things", {"Key": "a", "Count": 1})
    airtable.add(BASE, "Parts", {"Part": "p", "Thing": [made]})
    airtable.drop_field(BASE, "Things", "Count")
    airtable.drop_field(BASE, "Parts", "Thing")
    assert set(things.get(made)["fields"]) == {"Key", "Number", "Made", "Twice"}
    assert things.get(made)["fields"]["Twice"] == {"error": "#ERROR!"}
    with refused() as told:
        things.update(made, {"Parts": []})
    assert told.type == "UNKNOWN_FIELD_NAME"
    airtable.drop_table(BASE, "Parts")
    with refused() as told:
        api.table(BASE, "Parts").all()
    assert told.status == 403
    airtable.add_table(BASE, TableSpec("Parts", [FieldSpec("Part")], [{"Part": "again"}]))
    airtable.add_field(BASE, "Parts", FieldSpec("Size", "number"))
    assert api.table(BASE, "Parts").create({"Part": "p", "Size": 2})["fields"]["Size"] == 2


def test_the_sandbox_tells_over_http_what_happened(airtable: SandboxAirtable, things: Table) -> None:
    things.batch_create([{"Key": "a"}, {"Key": "a"}])
    ledger = requests.get(f"{airtable.url}/sandbox/ledger", timeout=5).json()
    assert ledger["requests"] == {f"POST /v0/<base>/<table> {BASE} 200": 1}
    assert ledger["rows"][BASE] == ledger["created"][BASE] == {"Things": 2, "Parts": 0}
    assert ledger["bases"] == {BASE: "Wrapper", OTHER: "Other"}
    assert list(ledger["duplicates"][BASE]["Things"]) == ["a"]
    rows = requests.get(f"{airtable.url}/sandbox/records/{BASE}/Things", timeout=5).json()
    assert rows == airtable.records(BASE, "Things")
    faults: list[Any] = [{"kind": "slow", "seconds": 0.0, "times": 3}]
    told = requests.put(f"{airtable.url}/sandbox/faults", json=faults, timeout=5).json()
    assert [(one["kind"], one["times"]) for one in told] == [("slow", 3)]
    assert requests.get(f"{airtable.url}/sandbox/faults", timeout=5).json() == told
    assert requests.post(f"{airtable.url}/sandbox/reset", timeout=5).status_code == 204
    assert (airtable.records(BASE, "Things"), airtable.faults, airtable.ledger().requests) == ([], [], [])


def test_a_seed_file_spells_bases_out_or_names_ready_made_ones() -> None:
    fields = [{"name": "A"}, {"name": "N", "type": "number"}]
    told = {
        "bases": [
            {"master": "appMaster00000001", "clients": [{"Client ID": "Ann", "Status": "Active"}]},
            {"client": "appClient00000001", "posts": "content", "leads": [{"First Name": "Bo"}]},
            {
                "id": "appOwn00000000001",
                "name": "Own",
                "tables": [{"name": "T", "fields": fields, "records": [{"N": 2}]}],
            },
        ]
    }
    sandbox = SandboxAirtable(bases=read_seed(told))
    with sandbox:
        assert sandbox.records("Own", "T")[0]["fields"] == {"N": 2}
        assert sandbox.records("appClient00000001", "Leads")[0]["fields"] == {"First Name": "Bo"}
        assert sandbox.records("appMaster00000001", "Clients")[0]["fields"]["Client ID"] == "Ann"
    for wrong in ({}, {"bases": [{"id": "appOwn00000000001"}]}, {"bases": [{"master": "app1"}]}):
        with pytest.raises(ValueError, match=r"no bases|no base ID"):
            SandboxAirtable(bases=read_seed(wrong))


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_as_a_process_it_says_where_it_is_and_ends_cleanly(how: signal.Signals, tmp_path: Path) -> None:
    seed = tmp_path / "seed.json"
    seed.write_text(json.dumps({"bases": [{"master": "appMaster00000001"}]}))
    command = [sys.executable, "-m", "harvester.sandbox.airtable", "--token", "t", "--seed-file", str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("Sandbox Airtable on http://127.0.0.1:"), line
        url = line.split()[-1]
        with requests.Session() as session:
            session.headers["Authorization"] = "Bearer t"
            bases = session.get(f"{url}/v0/meta/bases", timeout=10).json()["bases"]
            process.send_signal(how)
            rest, errors = process.communicate(timeout=10)
        assert [base["id"] for base in bases] == ["appMaster00000001"]
        assert (process.returncode, rest, errors) == (0, "", "")
