"""The API's description of itself."""

from __future__ import annotations

from typing import Final

import orjson
from flask import Blueprint, Response, current_app

from routes.contract.answers.shown import AnyAnswer
from routes.contract.document import document
from routes.contract.endpoint import Contract, documented

blueprint = Blueprint("openapi", __name__)

_KEPT: Final = "openapi"


@blueprint.get("/openapi.json")
@documented(Contract("Service", {200: (AnyAnswer,)}, caller="anyone", ledger=False))
def openapi() -> Response:
    """Describe this API as OpenAPI 3.1."""
    kept = current_app.extensions
    if _KEPT not in kept:
        kept[_KEPT] = orjson.dumps(document(current_app))
    return Response(kept[_KEPT], mimetype="application/json")
