"""What a person does about what went wrong: process a delivery again."""

from __future__ import annotations

from flask import Response

from routes.pages import shell
from routes.pages.actions import asking
from routes.pages.actions.asking import Question
from routes.state import services
from services.replay import NotReplayable

blueprint = shell.blueprint("do_repairs")

_ID = "int(max=9223372036854775807)"


@blueprint.get(f"/deliveries/<{_ID}:delivery_id>/replay")
def replay(delivery_id: int) -> str:
    """Say what replaying a delivery does."""
    told = (
        "It is processed again, as if it had come now: a worker asks Apify how its actor run stands, and "
        "reads what is there. Posts that are known are not stored twice, and nothing is paid for again."
    )
    return asking.ask(
        Question(f"Replay delivery {delivery_id}", [told], back=f"/deliveries/{delivery_id}", button="Replay")
    )


@blueprint.post(f"/deliveries/<{_ID}:delivery_id>/replay")
def replayed(delivery_id: int) -> Response:
    """Have it processed again."""
    try:
        services().replay(delivery_id, by=shell.who())
    except NotReplayable as error:
        return asking.refused(error, f"/deliveries/{delivery_id}")
    return asking.done(f"delivery {delivery_id} is processed again", f"/deliveries/{delivery_id}")
