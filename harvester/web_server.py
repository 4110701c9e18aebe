"""gunicorn's configuration. Bad settings end the master before it forks: a worker that cannot start would be
started again for ever.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from typing import Any

from gunicorn import glogging
from gunicorn.errors import HaltServer

from harvester import log
from harvester.settings import EXIT_BAD_SETTINGS, Settings, SettingsError, describe, dormant, load

#: Sockets that send nothing cost a gevent worker nothing; they take a thread or a process of any other kind.
worker_class = "harvester.web_worker.JsonWorker"
worker_connections = 1_000
#: That connections are kept; for how long, and how long anything may take, is in `web_connections.py`.
keepalive = 5
timeout = 30
#: Seconds that requests at hand are given at the end. The workers look once a second, and all must end in 25.
graceful_timeout = 20
limit_request_line = 4_094
limit_request_fields = 60
limit_request_field_size = 8_190
#: Two headers that differ by `_` and `-` become one to the application: a proxy may have looked at the other.
header_map = "refuse"
#: No peer sets our scheme, path or script name; `TRUSTED_PROXIES` tells whose word on the caller counts.
forwarded_allow_ips = ""
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}
proxy_protocol = "off"
#: One protocol, and its strict reading: what two servers read in two ways smuggles requests.
http_protocols = "h1"
http2_cleartext = "off"
permit_obsolete_folding = False
strip_header_spaces = False
permit_unconventional_http_method = False
permit_unconventional_http_version = False
casefold_http_method = False
#: gevent sends files piece by piece anyway; so each piece has its time.
sendfile = False
#: Of the socket and files that gunicorn makes; of all others see `on_starting`.
umask = 0o077
accesslog = None
control_socket_disable = True

#: Where prometheus_client keeps what each worker counts, so that any of them can tell the sums.
_SHARED = "PROMETHEUS_MULTIPROC_DIR"


class Logger(glogging.Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's log, in our format from its first line.

    It is the first thing that gunicorn makes, before it looks at `PORT` itself: so it checks the settings.
    """

    def __init__(self, cfg: Any) -> None:
        try:
            settings = load()
        except SettingsError as error:
            print(describe(error), end="", file=sys.stderr)
            raise SystemExit(EXIT_BAD_SETTINGS) from None
        super().__init__(cfg)
        log.configure(settings.log_format, settings.log_level)


logger_class = Logger


def on_starting(server: Any) -> None:
    """Take from the settings how many workers to start; runs once, in the master.

    Whatever it and its workers make, the ledger first of all, is for their own user to read.
    """
    os.umask(umask)
    os.environ[_SHARED] = tempfile.mkdtemp(prefix="harvester-metrics-")  # noqa: TID251  # for its children
    _apply(load(), server)


def on_exit(server: Any) -> None:
    """Remove what the workers have counted; runs once, in the master."""
    shutil.rmtree(os.environ.pop(_SHARED, ""), ignore_errors=True)  # noqa: TID251


def on_reload(server: Any) -> None:
    """Check the settings again on SIGHUP, for the new workers will read them anew."""
    try:
        settings = load()
    except SettingsError as error:
        print(describe(error), end="", file=sys.stderr)
        raise HaltServer("the settings cannot be used", EXIT_BAD_SETTINGS) from None
    log.configure(settings.log_format, settings.log_level)
    _apply(settings, server)


def _apply(settings: Settings, server: Any) -> None:
    for warning in dormant(settings):
        log.get_logger(__name__).warning(warning)
    server.cfg.set("workers", settings.web_workers)
    server.num_workers = settings.web_workers
