"""The dead-man ping: a URL that is asked for when all went well, for a service that alerts when it is not.

The URL is a secret, since whoever has it can keep that service quiet: nothing that comes out of here has more
of it than the host.
"""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from typing import Any, Final
from urllib.parse import urlsplit

from harvester.errors import HarvesterError

SECONDS: Final = 10.0
_AGENT: Final = "post-harvester"


class NotTaken(HarvesterError):
    """The service behind the URL did not take the ping. It names the host and no more of the URL."""

    permanent = False


class _SameHost(urllib.request.HTTPRedirectHandler):
    """Follows no redirect to another host, or to one that is not encrypted: the path is the secret."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        """Give the request to the new place, None if it is not asked."""
        if _place(newurl) != _place(req.full_url):
            return None
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def ping(url: str, *, seconds: float = SECONDS) -> None:
    """Ask for the URL. `seconds` bound each wait for the other side. Raises `NotTaken` unless it says 2xx."""
    opener = urllib.request.build_opener(_SameHost())
    try:
        request = urllib.request.Request(url, headers={"User-Agent": _AGENT})  # noqa: S310  # the settings check it
        with opener.open(request, timeout=seconds):
            return
    except urllib.error.HTTPError as error:
        error.close()
        refusal = f"HTTP {error.code}"
    except (OSError, http.client.HTTPException, ValueError) as error:
        refusal = _kind(error)
    raise NotTaken(f"{_host(url)} did not take the ping: {refusal}")


def _kind(error: Exception) -> str:
    """Name an error by what cannot hold the URL: some of urllib's texts do."""
    reason = getattr(error, "reason", error)
    if isinstance(reason, OSError) and reason.strerror:
        return reason.strerror
    return type(reason if isinstance(reason, Exception) else error).__name__


def _place(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or "its host"
    except ValueError:
        return "its host"
