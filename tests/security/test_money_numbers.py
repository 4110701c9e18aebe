"""Numbers of a request: whole, in their bounds, and of JSON's own kind; nothing else is taken for one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

import click
import pytest
from api.stocked import stocked
from factories import NOW
from pydantic import BaseModel
from web.asking import Web

from harvester.cli import main
from harvester.errors import InvalidInput
from routes.contract.endpoint import Contract, contract_of
from services import client_rows, client_values

#: What no number of ours may be, as JSON has it.
IN_JSON: tuple[Any, ...] = (
    -1,
    -(10**30),
    10**30,
    2**63,
    0.5,
    1.0,
    1e308,
    True,
    False,
    "1",
    "-1",
    "",
    [1],
    {"": 1},
)
#: The same as a query has it.
IN_QUERY = ("-1", "1e3", "1.0", "0x1", "1_0", " 1", "+1", "٣", "9" * 40, "true", "NaN", "Infinity", "")
_ORDER = {"clientId": "Guy-Wilson", "targetUrls": ["https://www.linkedin.com/in/ann"]}
_NAMED = {"client_id": "Guy-Wilson", "client_run_id": "261122-050000-Guy-Wilson", "run_id": "261122-050000"}


@pytest.fixture(scope="module")
def web(migrated_file: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """The application on a ledger with something of everything; nothing here may change it."""
    file = tmp_path_factory.mktemp("numbers") / "ledger.db"
    file.write_bytes(migrated_file.read_bytes())
    with stocked(f"sqlite:///{file}") as found:
        yield found


def numbers(model: type[BaseModel] | None) -> Iterator[str]:
    """Name the fields of a model that take whole numbers."""
    for name, field in model.model_fields.items() if model is not None else ():
        kinds = get_args(field.annotation) or (field.annotation,)
        if int in kinds:
            yield field.alias or name


def views(web: Web) -> Iterator[tuple[str, str, Contract]]:
    """Give each view with a contract: its method, a path, and what it takes."""
    for rule in web.app.url_map.iter_rules():
        contract = contract_of(web.app.view_functions[rule.endpoint])
        if contract is not None:
            values = {name: _NAMED.get(name, 1) for name in rule.arguments}
            path = web.app.url_map.bind("localhost").build(rule.endpoint, values)
            yield ("POST" if "POST" in (rule.methods or ()) else "GET"), path, contract


def test_no_number_of_a_request_is_anything_but_a_whole_one_in_its_bounds(web: Web) -> None:
    """Every number that any view takes: refused with 400, and nothing is written."""
    before = web.counts()
    tried = 0
    for method, path, contract in views(web):
        for name in numbers(contract.body):
            for number in IN_JSON:
                narrow = contract.body is not None and contract.body.model_config.get("extra") == "forbid"
                answer = web.ask(method, path, json={**({} if narrow else _ORDER), name: number})
                assert answer.status_code == 400, (path, name, number, answer.json)
                tried += 1
        for name in numbers(contract.query):
            for text in IN_QUERY:
                answer = web.ask(method, path, query_string={name: text})
                assert answer.status_code == 400, (path, name, text, answer.json)
                tried += 1
    assert tried > 200
    assert web.counts() == before


def options(command: click.Command, path: str = "") -> Iterator[tuple[str, click.Parameter]]:
    """Give each option and argument of a command and of those below it, with the command's name."""
    yield from ((path, one) for one in command.params)
    for name, below in (command.commands if isinstance(command, click.Group) else {}).items():
        yield from options(below, f"{path} {name}".strip())


def _takes(option: click.Parameter, given: str) -> bool:
    kind: Any = option.type
    try:
        kind.convert(given, option, None)
    except click.BadParameter:
        return False
    return True


def test_every_number_of_a_command_is_bounded() -> None:
    counted = 0
    for command, option in options(main):
        if not isinstance(option.type, (click.types.IntParamType, click.types.FloatParamType)):
            continue
        counted += 1
        for given in ("-1", "9" * 40, "1e400", "nan", "0x1"):
            assert not _takes(option, given), f"{command} takes {given} for {option.name}"
    assert counted > 20


@pytest.mark.parametrize("column", client_values.BOUNDS)
@pytest.mark.parametrize("given", ["-1", "0.5", "1e3", "9" * 10, "9" * 40, "٣", "NaN", "0x1", "true", ""])
def test_no_number_of_a_client_is_anything_but_a_whole_one(column: str, given: str) -> None:
    with pytest.raises(InvalidInput):
        client_values.count(given, column)


@pytest.mark.parametrize("given", ["-0.01", "1e30", "NaN", "inf", "-inf", "0x1", "9" * 40, "0.0000001"])
def test_no_budget_is_negative_endless_or_nothing_in_disguise(given: str) -> None:
    with pytest.raises(InvalidInput):
        client_values.daily_budget(given)


@dataclass(frozen=True)
class _Row:
    fields: dict[str, Any]
    id: str = "recAAAAAAAAAAAAAA"


@pytest.mark.parametrize(
    "column",
    [
        "Posts Daily Target",
        "Leads Batch Size for Post Collection",
        "Max Post Batches Per Day Guardrail",
        "Processing Stream",
    ],
)
@pytest.mark.parametrize("cell", [-1, 10**30, 1e308, True, "9" * 40, "1e3", float("nan"), [1, 2], {"a": 1}])
def test_a_number_in_airtable_that_makes_no_sense_closes_its_client(column: str, cell: object) -> None:
    """It is neither cut to fit nor left at the default: nothing is paid for until a person has mended it."""
    usual = {"Client ID": "Guy-Wilson", "Status": "Active", "Airtable Base ID": "appGuyWilson00001"}
    row = _Row({**usual, "Service Level": "2", "Posts Daily Target": 5, column: cell})
    found = client_rows.read([row], master_base="appAgencyMaster01", taken={}, now=NOW)
    assert column in str(found.clients["Guy-Wilson"].airtable_error)
