"""Where a request comes from: the address of its caller, behind as many proxies as we are told of."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from flask import Flask, request
from werkzeug.middleware.proxy_fix import ProxyFix

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

#: What proxies add. One on this machine that adds none of these makes every caller look local.
_PROXIES: Final = (
    "X-Forwarded-For",
    "Forwarded",
    "X-Real-IP",
    "Via",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
)
#: `[::1]:8000`, `::1`, `10.0.0.1:443`, `localhost`: what a Host header or a proxy writes, without its port.
_HOST = re.compile(r"\[(?P<six>[^\]]*)\](:[0-9]*)?|(?P<other>[^:]*)(:[0-9]*)?|(?P<bare>[0-9A-Fa-f:.]+)")


def believe_proxies(app: Flask, proxies: int) -> None:
    """Take the caller's address from the entry of `X-Forwarded-For` that the outermost of them has added.

    Nothing else of what a proxy may tell is believed: no host, no scheme, no path.
    """
    if proxies:
        fixed = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=0, x_host=0, x_port=0, x_prefix=0)
        app.wsgi_app = fixed  # type: ignore[method-assign]  # as Flask documents it


def begin_at_the_root(app: Flask) -> None:
    """Take an address without a path (`GET http://host HTTP/1.1`) for that of the root.

    Werkzeug sends such a caller on to the root by a whole URL, which it makes of the Host header.
    """
    inner = app.wsgi_app

    def rooted(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["PATH_INFO"] = environ.get("PATH_INFO") or "/"
        return inner(environ, start_response)

    app.wsgi_app = rooted  # type: ignore[method-assign]  # as Flask documents it


def address() -> Address | None:
    """Give the caller's address; None for what is none, as of a Unix socket."""
    return _address(_without_port(request.remote_addr or ""))


def is_of(networks: tuple[str, ...]) -> bool:
    """Say whether the caller's address is in one of these networks (`10.0.0.1`, `10.0.0.0/8`)."""
    found = address()
    return found is not None and any(found in ipaddress.ip_network(one, strict=False) for one in networks)


def on_loopback() -> bool:
    """Say whether the caller is on this machine, and asked for it by name.

    One that came through a proxy is not. A browser that was led here by somebody else's DNS (whose name
    means 127.0.0.1 all of a sudden) comes from this machine too, but with that name in its Host header.
    """
    if any(request.headers.get(name) for name in _PROXIES):
        return False
    peer = address()
    return peer is not None and peer.is_loopback and _is_local(request.headers.get("Host", ""))


def _is_local(host: str) -> bool:
    name = _without_port(host)
    found = _address(name)
    return name.lower() == "localhost" if found is None else found.is_loopback


def _without_port(host: str) -> str:
    found = _HOST.fullmatch(host)
    return next((text for text in found.group("six", "other", "bare") if text), "") if found else ""


def _address(text: str) -> Address | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found
