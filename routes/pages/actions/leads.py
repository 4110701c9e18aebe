"""What a person does about a client's leads: import them from a file, ask unreachable ones again."""

from __future__ import annotations

import time
from typing import Any, Final

from flask import Response, make_response, request
from flask import session as cookie

from harvester.errors import InvalidInput, LedgerUnavailable
from harvester.wording import counted
from routes.pages import shell
from routes.pages.actions import asking
from routes.pages.actions.asking import Question
from routes.state import services
from services.lead_import import Report, import_stream
from services.reach import reach_again, unreachable

blueprint = shell.blueprint("do_leads")

#: The largest file: some 25,000 leads, five seconds' work. A larger one is for the command.
MOST_BYTES: Final = 1024 * 1024
#: What a form has besides its file.
_ROOM: Final = 64 * 1024
#: Bad lines that the page names; the others are counted.
_SHOWN: Final = 200


@blueprint.url_value_preprocessor
def _room_for_a_file(endpoint: str | None, _values: dict[str, Any] | None) -> None:
    """Let a form of somebody who was signed in be as large as a file: it is read before any view is."""
    if endpoint == "do_leads.imported" and shell.KEY in cookie:
        request.max_content_length = MOST_BYTES + _ROOM


@blueprint.get("/clients/<client_id>/import")
def import_(client_id: str) -> str:
    """Ask for a file."""
    return _form(asking.client(client_id))


@blueprint.post("/clients/<client_id>/import")
def imported(client_id: str) -> Response:
    """Import it, and name each line that was refused."""
    client, file = asking.client(client_id), request.files.get("file")
    if file is None or not file.filename:
        return make_response(_form(client, wrong="Choose a file first."), 400)
    now = services().clock()
    try:
        report = import_stream(
            services().ledger, client_id, file.stream, now=now, by=shell.who(), progress=_let_others
        )
    except InvalidInput as error:
        return make_response(_form(client, wrong=asking.sentence(str(error))), 400)
    except LedgerUnavailable:
        return make_response(_form(client, cut_off=True), 503)
    if report.errors:
        return make_response(_form(client, report=report))
    told = f"{counted(report.added, 'lead')} added, {report.known} known before"
    return asking.done(told, f"/clients/{client_id}")


def _let_others(_done: int) -> None:
    """Let the other requests of this process have their turn; a greenlet goes on until it waits."""
    time.sleep(0)


@blueprint.get("/clients/<client_id>/leads/retry")
def retry(client_id: str) -> str:
    """Say how many leads are unreachable, and what asking for them again does."""
    client, count = asking.client(client_id), unreachable(services().ledger, client_id)
    told = (
        f"{count} of its leads had no answer from three actor runs in a row, and are asked for no more. "
        "Asked for again, they are due and paid for like any others."
    )
    if not count:
        told = "None of its leads is unreachable"
    title, back = f"Ask unreachable leads of {client['clientName']} again", f"/clients/{client_id}"
    return asking.ask(Question(title, [told], back, "Ask again" if count else None))


@blueprint.post("/clients/<client_id>/leads/retry")
def retried(client_id: str) -> Response:
    """Make them due."""
    asking.client(client_id)
    again = reach_again(services().ledger, client_id, None, now=services().clock(), by=shell.who())
    there = f"/clients/{client_id}"
    if not again:
        return asking.refused("none of its leads was unreachable", there)
    told = "1 unreachable lead is" if len(again) == 1 else f"{len(again)} unreachable leads are"
    return asking.done(f"{told} due again", there)


def _form(
    client: dict[str, Any],
    *,
    wrong: str | None = None,
    report: Report | None = None,
    cut_off: bool = False,
) -> str:
    return shell.page(
        "lead_import.html",
        client=client,
        wrong=wrong,
        report=report,
        cut_off=cut_off,
        shown=_SHOWN,
        most=f"{MOST_BYTES // 1024 // 1024} MB",
    )
