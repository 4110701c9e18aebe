"""`openapi.json`: made of the contracts of the views, and of nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final

from flask import Flask
from pydantic import BaseModel
from pydantic.alias_generators import to_camel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema
from werkzeug.routing import IntegerConverter, Rule

from harvester import __version__
from routes.contract import parameters, refusals
from routes.contract.binding import Binding
from routes.contract.endpoint import Contract, Stream, contract_of

_REF: Final = "#/components/schemas/{model}"
_JSON: Final = "application/json"
_ABOUT: Final = (
    'Harvests the LinkedIn posts of leads through Apify. A success is `{"ok": true, …}`, a failure '
    '`{"ok": false, "error": "<one sentence>", "code": "<snake_case>"}`. Lists come under their '
    "plural name with `nextCursor` beside it."
)
_SCHEMES: Final = {
    "api": {
        "type": "http",
        "scheme": "bearer",
        "description": "One of `API_TOKENS`, or a token of `harvester tokens`",
    },
    "webhook": {
        "type": "http",
        "scheme": "bearer",
        "description": "The token of the actor run that the call is about, or `APIFY_WEBHOOK_TOKEN`",
    },
}
#: What a token of one client can do at a view, by how that is bound.
_OF_ONE_CLIENT: Final[dict[Binding | None, str]] = {
    None: "Refused: this is not of one client",
    "query": "`clientId` is its client, and may be left out",
    "path": "The path must be of its client",
    "order": "The order is for its client, which may be left out",
}


class _Plain(GenerateJsonSchema):
    """Leaves out what repeats the names of fields, and the comments on our enumerations."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def enum_schema(self, schema: core_schema.EnumSchema) -> JsonSchemaValue:
        found = super().enum_schema(schema)
        found.pop("description", None)
        found.pop("title", None)
        return found


def document(app: Flask) -> dict[str, Any]:
    """Describe every view of an application that has a contract, as OpenAPI 3.1."""
    found = list(_operations(app))
    schemas = _schemas([contract for _, _, contract, _ in found])
    paths: dict[str, dict[str, Any]] = {}
    for rule, method, contract, about in found:
        paths.setdefault(path(rule), {})[method] = _operation(rule, contract, about, schemas)
    for model in {one for _, _, contract, _ in found for one in (contract.query, contract.headers) if one}:
        schemas.pop(model.__name__)
    components = {
        "schemas": dict(sorted(schemas.items())),
        "responses": refusals.SHARED,
        "securitySchemes": _SCHEMES,
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "post-harvester", "version": __version__, "description": _ABOUT},
        "servers": [{"url": "/"}],
        "paths": dict(sorted(paths.items())),
        "components": components,
    }


def _operations(app: Flask) -> Iterator[tuple[Rule, str, Contract, str]]:
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        contract = contract_of(view)
        if contract is not None:
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield rule, method.lower(), contract, view.__doc__ or ""


def _schemas(contracts: list[Contract]) -> dict[str, Any]:
    models = {model for contract in contracts for model in _models(contract)}
    wanted: list[Any] = [(model, "validation") for model in sorted(models, key=lambda one: one.__name__)]
    _, found = models_json_schema(wanted, ref_template=_REF, schema_generator=_Plain)
    defs: dict[str, Any] = found["$defs"]
    for schema in defs.values():
        schema.pop("title", None)
    return defs


def _models(contract: Contract) -> Iterator[type[BaseModel]]:
    for asked in (contract.query, contract.headers, contract.body):
        if asked is not None:
            yield asked
    for answer in contract.answers.values():
        if not isinstance(answer, Stream):
            yield from answer
        elif answer.line is not None:
            yield answer.line
    for refused in refusals.of(contract, in_path=True).values():
        yield refused.model


def _operation(rule: Rule, contract: Contract, about: str, schemas: dict[str, Any]) -> dict[str, Any]:
    summary, _, more = about.strip().partition("\n")
    operation: dict[str, Any] = {
        "operationId": to_camel(rule.endpoint.replace(".", "_")),
        "tags": [contract.topic],
        "summary": summary,
    }
    if more.strip():
        operation["description"] = re.sub(r"\s+", " ", more.strip())
    asked = [*_in_path(rule), *parameters.of(contract, schemas)]
    if asked:
        operation["parameters"] = asked
    if contract.body is not None:
        body = {"schema": {"$ref": _REF.format(model=contract.body.__name__)}}
        operation["requestBody"] = {"content": {_JSON: body}, "required": parameters.needs(contract.body)}
    operation["responses"] = _responses(rule, contract)
    operation["security"] = [] if contract.caller == "anyone" else [{contract.caller: _scopes(contract)}]
    if contract.caller == "api":
        operation["x-token-of-one-client"] = _OF_ONE_CLIENT[contract.bound]
    return operation


def _scopes(contract: Contract) -> list[str]:
    return [] if contract.scope is None else [contract.scope]


def _responses(rule: Rule, contract: Contract) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for status, answer in contract.answers.items():
        content = _streamed(answer) if isinstance(answer, Stream) else {_JSON: {"schema": _one_of(answer)}}
        found[str(status)] = {"description": HTTPStatus(status).phrase, "content": content}
    for status, refused in refusals.of(contract, in_path=bool(rule.arguments)).items():
        found[str(status)] = refusals.shown(status, refused)
    return dict(sorted(found.items()))


def _streamed(answer: Stream) -> dict[str, Any]:
    told = {"type": "string"}
    if answer.line is not None:
        told["description"] = f"A JSON object a line, each a {answer.line.__name__}"
    return {answer.media_type: {"schema": told}}


def _one_of(models: tuple[type[BaseModel], ...]) -> dict[str, Any]:
    refs = [{"$ref": _REF.format(model=model.__name__)} for model in models]
    return refs[0] if len(refs) == 1 else {"oneOf": refs}


def path(rule: Rule) -> str:
    """Give the path of a rule as OpenAPI writes it."""
    return re.sub(r"<(?:[^:>]+:)?([^>]+)>", lambda named: "{" + to_camel(named[1]) + "}", rule.rule)


def _in_path(rule: Rule) -> Iterator[dict[str, Any]]:
    for name in sorted(rule.arguments):
        converter = rule._converters[name]
        number = isinstance(converter, IntegerConverter)
        schema = (
            {"type": "integer", "minimum": 0, "maximum": converter.max}
            if isinstance(converter, IntegerConverter)
            else {"type": "string", "pattern": "^[^/]+$"}
        )
        example = (
            42 if number else "Guy-Wilson" if name == "client_id" else parameters.EXAMPLES.get(name, "x")
        )
        yield {"name": to_camel(name), "in": "path", "required": True, "schema": schema, "example": example}
