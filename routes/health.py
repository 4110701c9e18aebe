"""Is it alive, is it ready."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from routes.contract.answers.failures import NotReady
from routes.contract.answers.operating import Alive, Ready
from routes.contract.endpoint import Contract, documented
from routes.state import services
from services.readiness import NEEDED, OK

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
@documented(Contract("Service", {200: (Alive,)}, caller="anyone", ledger=False))
def alive() -> Response:
    """Say that the process lives."""
    return jsonify({"ok": True})


@blueprint.get("/readyz")
@documented(Contract("Service", {200: (Ready,), 503: (NotReady,)}, caller="anyone", ledger=False))
def ready() -> Response:
    """Check each dependency by name. 503 if one is wrong without which this process cannot answer.

    Without a worker, or a queue, every webhook is still kept: that is told, and takes nobody out of service.
    """
    checks = services().readiness()
    wrong = [name for name, state in checks.items() if state != OK]
    ok = not set(wrong) & set(NEEDED)
    answer = jsonify({"ok": ok, "checks": checks, "degraded": sorted(set(wrong) - set(NEEDED))})
    answer.status_code = 200 if ok else 503
    return answer
