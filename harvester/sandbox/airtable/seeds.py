"""Bases from a JSON file: spelled out, or the ready-made ones of an agency.

`{"bases": […]}`, each base one of: `{"id", "name", "tables": [{"name", "fields": [{"name", "type",
"options"}], "records"}]}`; `{"master": "app…", "clients": [rows of Clients]}`; `{"client": "app…", "posts":
"table" or "content", "leads": [rows of Leads]}`. Rows are objects of field names and values.
"""

from collections.abc import Mapping
from typing import Any

from harvester.sandbox.airtable.agency import client_base, master_base
from harvester.sandbox.airtable.specs import BaseSpec, parse_base


def read_seed(given: Mapping[str, Any]) -> list[BaseSpec]:
    """The bases of a seed file. Raises `ValueError` for what is none."""
    try:
        return [_base(dict(one)) for one in given["bases"]]
    except (KeyError, TypeError) as error:
        raise ValueError(f"no bases for a sandbox: {error!r}") from error


def _base(given: dict[str, Any]) -> BaseSpec:
    if "master" in given:
        return master_base(given.pop("master"), **given)
    if "client" in given:
        return client_base(given.pop("client"), **given)
    return parse_base(given)
