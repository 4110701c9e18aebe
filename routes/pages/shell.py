"""What every page has: the session, the CSRF token, the headers, errors as pages, and the frame around it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from flask import (
    Blueprint,
    Flask,
    Response,
    flash,
    g,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask import session as cookie
from flask_wtf.csrf import CSRFError, CSRFProtect

from harvester.errors import LedgerUnavailable
from harvester.normalise.text import one_line
from routes import bodies, errors
from routes.pages import filters
from routes.state import services
from services import pauses
from services.sign_in import Session

_HERE: Final = Path(__file__).parent
#: Under which name the browser's cookie holds the key of its session.
KEY: Final = "key"
#: Nothing but our own files, and no page of ours in a frame of somebody else's.
_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_NOTICE_CHARS: Final = 600
_csrf: Final = CSRFProtect()


def prepare(app: Flask) -> None:
    """Set the session's cookie, CSRF protection and the templates' filters up."""
    settings = app.extensions["harvester"].services.settings
    secure = settings.public_url.startswith("https://")
    app.secret_key = settings.secret_key.get_secret_value() if settings.secret_key else None
    app.config.update(
        SESSION_COOKIE_NAME="__Host-harvester" if secure else "harvester",
        SESSION_COOKIE_SECURE=secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        WTF_CSRF_CHECK_DEFAULT=False,  # the API takes no cookie, so that nothing can be forged there
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session
    )
    _csrf.init_app(app)
    filters.register(app)


def blueprint(name: str, *, prefix: str | None = None) -> Blueprint:
    """Make the blueprint of a page that only an operator who is signed in gets to see."""
    return _made(name, prefix, _configured, _signed_in, _from_our_form)


def open_blueprint(name: str, *, prefix: str | None = None) -> Blueprint:
    """Make the blueprint of a page that needs no session, as the way in does."""
    return _made(name, prefix, _configured, _from_our_form)


def _made(name: str, prefix: str | None, *guards: Callable[[], Response | None]) -> Blueprint:
    made = Blueprint(name, __name__, template_folder=str(_HERE / "templates"), url_prefix=prefix)
    for guard in guards:
        made.before_request(guard)
    made.after_request(_headers)
    made.register_error_handler(Exception, problem_page)
    return made


def page(template: str, /, **shown: Any) -> str:
    """Render a page of an operator who is signed in, with what every page tells."""
    return render_template(template, held=_held(), operator=g.operator, **shown)


def who() -> str:
    """Name the operator, as the activity log has it."""
    operator: Session = g.operator
    return f"page: {operator.name}"


def notice(sentence: str) -> str:
    """Cut a sentence to what a cookie holds well, to be flashed."""
    return one_line(sentence, _NOTICE_CHARS)


def problem_page(error: Exception) -> Response:
    """Answer an error as a page."""
    found = errors.problem(error)
    sentence = _CSRF_REMEDY if isinstance(error, CSRFError) else found.sentence
    signed_in = getattr(g, "operator", None)
    answer = make_response(
        render_template("problem.html", problem=found, sentence=sentence, operator=signed_in, held=None),
        found.status,
    )
    answer.headers.update(found.headers)
    return _headers(answer)


_CSRF_REMEDY: Final = (
    "this form was not made by the page that you are signed in to: go back, reload, try again"
)


@lru_cache
def _version(name: str) -> str:
    return hashlib.sha256((_HERE / "static" / name).read_bytes()).hexdigest()[:12]


def asset(name: str) -> str:
    """Give the address of a static file; it changes with its content."""
    return url_for("door.static", filename=name, v=_version(name))


def _configured() -> Response | None:
    settings = services().settings
    missing = [
        name
        for name, value in (
            ("OPERATOR_PASSWORD_HASH", settings.operator_password_hash),
            ("SECRET_KEY", settings.secret_key),
        )
        if value is None
    ]
    if not missing or request.endpoint == "door.static":
        return None
    return make_response(render_template("not_set_up.html", missing=missing), 503)


def _from_our_form() -> Response | None:
    if request.method == "POST":
        bodies.keep_form()
        _csrf.protect()
    return None


def _signed_in() -> Response | None:
    key = cookie.get(KEY)
    session = services().sign_in.who(key) if isinstance(key, str) else None
    if session is None:
        cookie.pop(KEY, None)  # and not the CSRF token of a sign-in form in another tab
        asked = request.method == "GET"
        if not asked:
            flash("You were signed out meanwhile, and nothing was done. Sign in, and do it again.", "warn")
        there = request.full_path.rstrip("?") if asked else request.path  # where the same is asked for
        return make_response(redirect(url_for("door.sign_in", next=there)))
    g.operator = session
    return None


def _held() -> tuple[str, str] | None:
    """Say what holds up the starts of all clients, or of an actor, and where that is ended.

    A page is shown even where that cannot be read.
    """
    try:
        standing = services().pauses.standing()
    except LedgerUnavailable:
        return None
    wide = (one for one in standing if one.client_id is None)  # that of all comes first
    return next((_banner(one) for one in wide), None)


def _banner(pause: pauses.Pause) -> tuple[str, str]:
    return pauses.in_words(pause), "/starts/resume" if pause.actor_id is None else "/actors"


def _headers(answer: Response) -> Response:
    answer.headers.update(_HEADERS)
    return answer
