"""Queries and headers as OpenAPI has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from routes.contract.asked import Asked
from routes.contract.endpoint import Contract

#: Examples of what a path names.
EXAMPLES: Final = {
    "client_id": "Guy-Wilson",
    "client_run_id": "261122-050000-Guy-Wilson",
    "run_id": "261122-050000",
}


def of(contract: Contract, schemas: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give the parameters of an operation, out of the schemas of its models."""
    for where, model in (("header", contract.headers), ("query", contract.query)):
        if model is not None:
            for name, schema in schemas[model.__name__].get("properties", {}).items():
                yield _parameter(where, name, schema)


def needs(body: type[Asked]) -> bool:
    """Say whether a body cannot be left out."""
    return any(field.is_required() for field in body.model_fields.values())


def _parameter(where: str, name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Write one down. What may be left out may be null to a model; to a query that means nothing."""
    told = {key: value for key, value in schema.items() if key not in ("anyOf", "examples", "default")}
    kinds = [kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}]
    told |= kinds[0] if kinds else {}
    description = told.pop("description", None)
    if schema.get("default") is not None:
        told["default"] = schema["default"]
    found: dict[str, Any] = {"name": name, "in": where, "required": False, "schema": told}
    if description is not None:
        found["description"] = description
    if "examples" in schema:
        found["example"] = schema["examples"][0]
    return found
