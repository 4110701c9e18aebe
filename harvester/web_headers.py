"""Headers of every answer, whoever makes it: a view, an error, or gunicorn that could read no request."""

from __future__ import annotations

from typing import Final

#: What an answer that is not a page gives a browser: nothing to run, to load, to frame or to keep.
_SECURE: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
#: For a year; of this host alone, for others of the domain are not ours to speak for.
_ONLY_HTTPS: Final = {"Strict-Transport-Security": "max-age=31536000"}


def secure_headers(public_url: str) -> dict[str, str]:
    """Give the headers that an answer has unless it says otherwise itself."""
    return _SECURE | (_ONLY_HTTPS if public_url.startswith("https://") else {})
