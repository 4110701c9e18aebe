"""Whether an answer is one that `openapi.json` tells of: status, type, headers, every field."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from flask import Flask
from openapi_schema_validator import OAS31Validator
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Rule

from routes.contract.document import document, path

_FAILURE: Final = "/components/schemas/Failure"
_JSON: Final = "application/json"
#: What no view answers, but whoever looks for one.
_OF_NO_VIEW: Final = {404: "not_found", 405: "method_not_allowed"}


def check(app: Flask, answer: Any) -> None:
    """Fail unless the answer, a `TestResponse` of the API, is documented. Pages are none of it."""
    rule = _rule(app, answer.request)
    if isinstance(rule, int):
        if answer.request.path.startswith("/api") and answer.request.method != "HEAD":
            _valid(app, _FAILURE, answer)
            assert answer.json["code"] == _OF_NO_VIEW[rule]
        return
    if not app.view_functions[rule.endpoint].__module__.startswith("routes.") or not _is_api(rule):
        return
    _check(app, answer, f"/paths/{_escaped(path(rule))}/{_method(answer)}")


def _check(app: Flask, answer: Any, operation: str) -> None:
    told = _found(app, f"{operation}/responses/{answer.status_code}")
    assert told is not None, f"{operation} answers {answer.status_code}, which is documented nowhere"
    where, response = told
    assert answer.mimetype in response["content"], f"{operation} answers {answer.mimetype}"
    for name in response.get("headers", {}):
        assert name in answer.headers, f"{operation} answers {answer.status_code} without {name}"
    if answer.mimetype == _JSON and answer.request.method != "HEAD":
        _valid(app, f"{where}/content/{_escaped(_JSON)}/schema", answer)


def _valid(app: Flask, where: str, answer: Any) -> None:
    for error in _validator(app, where).iter_errors(answer.json):
        asked = f"{answer.request.method} {answer.request.path} answers {answer.status_code}"
        raise AssertionError(f"{asked}: {error.json_path}: {error.message}")


def _rule(app: Flask, request: Any) -> Rule | int:
    """Give the rule that a request goes by; the status where it goes by none."""
    try:
        found, _ = app.url_map.bind("").match(request.path, request.method, return_rule=True)
    except HTTPException as error:
        return error.code or 500
    return found


def _is_api(rule: Rule) -> bool:
    return rule.rule.startswith("/api") or rule.rule in ("/healthz", "/readyz", "/openapi.json")


def _method(answer: Any) -> str:
    method = str(answer.request.method).lower()
    return "get" if method == "head" else method


def _found(app: Flask, pointer: str) -> tuple[str, dict[str, Any]] | None:
    """Give what the document has there, and where it really is."""
    here: Any = closed(app)
    for part in pointer.strip("/").split("/"):
        here = here.get(part.replace("~1", "/").replace("~0", "~"))
        if here is None:
            return None
    return _found(app, here["$ref"].removeprefix("#")) if "$ref" in here else (pointer, here)


def _escaped(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")


_documents: Final[dict[str, dict[str, Any]]] = {}


def closed(app: Flask) -> dict[str, Any]:
    """Give the document, of which the objects hold nothing but what is written down. It is made once."""
    if not _documents:
        found = document(app)
        for schema in found["components"]["schemas"].values():
            if "properties" in schema:
                schema.setdefault("additionalProperties", False)
        _documents["one"] = found
    return _documents["one"]


def _validator(app: Flask, where: str) -> OAS31Validator:
    closed(app)
    return _validator_at(where)


@cache
def _validator_at(where: str) -> OAS31Validator:
    return OAS31Validator({**_documents["one"], "$ref": f"#{where}"})
