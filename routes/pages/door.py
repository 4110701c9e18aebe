"""The way in and out of the operations page, and its static files."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask import session as cookie

from routes import callers
from routes.pages import shell
from routes.state import services
from services.sign_in import TooManyTries, WrongPassword

_STATIC = Path(__file__).parent / "static"
_YEAR = 31_536_000


def _made() -> Blueprint:
    made = shell.open_blueprint("door")
    made.static_folder = str(_STATIC)
    made.static_url_path = "/static"
    return made


blueprint = _made()


@blueprint.get("/login")
def sign_in() -> str:
    """Ask for the password."""
    return _form()


@blueprint.post("/login")
def signed_in() -> Response:
    """Let the operator in under a new session, and end the one that the browser had."""
    name, had = request.form.get("name", ""), cookie.get(shell.KEY)
    try:
        key = services().sign_in.enter(
            request.form.get("password", ""),
            name=name,
            address=str(callers.address() or "unknown"),
            instead_of=had if isinstance(had, str) else None,
        )
    except WrongPassword as error:
        return make_response(_form(str(error), name), 401)
    except TooManyTries as error:
        return make_response(_form(str(error), name), 429)
    cookie.clear()
    cookie[shell.KEY] = key
    return make_response(redirect(_there(), 303))


@blueprint.post("/logout")
def sign_out() -> Response:
    """End the session, here and wherever its cookie may have got to."""
    key = cookie.get(shell.KEY)
    if isinstance(key, str):
        services().sign_in.leave(key)
    cookie.clear()
    return make_response(redirect(url_for("door.sign_in"), 303))


@blueprint.after_request
def _kept(answer: Response) -> Response:
    """A static file's address changes with its content: the browser need not ask again."""
    if request.endpoint == "door.static" and answer.status_code == 200 and "v" in request.args:
        answer.headers["Cache-Control"] = f"public, max-age={_YEAR}, immutable"
    return answer


def _form(wrong: str | None = None, name: str = "") -> str:
    return render_template("sign_in.html", wrong=wrong, name=name, there=request.args.get("next", "/"))


def _there() -> str:
    """Give the page that was asked for before the sign-in; only ever one of ours."""
    asked = request.args.get("next", "/")
    try:
        parts = urlsplit(asked)
    except ValueError:
        return "/"
    ours = (
        not parts.scheme
        and not parts.netloc
        and asked.startswith("/")
        and not asked.startswith(("//", "/\\"))
    )
    return asked if ours and asked.isprintable() else "/"
