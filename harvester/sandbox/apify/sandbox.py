"""The sandbox as a thing to hold: start it, look into it, break it on purpose, stop it."""

from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any

from harvester.sandbox.apify import (
    routes_account,
    routes_runs,
    routes_sandbox,
    routes_storage,
    routes_webhooks,
)
from harvester.sandbox.apify.faults import Fault, Kind
from harvester.sandbox.apify.options import Options
from harvester.sandbox.apify.oracle import Ledger
from harvester.sandbox.apify.platform import Platform
from harvester.sandbox.apify.router import Router
from harvester.sandbox.server import Server

_ROUTES = [
    *routes_runs.ROUTES,
    *routes_storage.ROUTES,
    *routes_webhooks.ROUTES,
    *routes_account.ROUTES,
    *routes_sandbox.ROUTES,
]


class SandboxApify:
    """A local Apify on loopback. Use it in a `with` statement, or `start` and `close` it.

    Keywords other than `port` (0: any free one) and `faults` are the fields of `Options`.
    """

    def __init__(self, *, port: int = 0, faults: Iterable[Fault] = (), **options: Any) -> None:
        self.options = Options(**options)
        self._platform = Platform(self.options)
        self._platform.faults.put(faults)
        self._server = Server(port, Router(self._platform, _ROUTES))
        self._platform.base_url = self._server.url

    @property
    def url(self) -> str:
        """Base URL, without `/v2`."""
        return self._server.url

    @property
    def faults(self) -> list[Fault]:
        """The faults in force; assign a list to replace them."""
        return self._platform.faults.all()

    @faults.setter
    def faults(self, faults: Iterable[Fault]) -> None:
        self._platform.faults.put(faults)

    def inject(self, kind: Kind, **how: Any) -> None:
        """Add a fault that fires once, unless `times` (None: always) says otherwise."""
        self._platform.faults.add(Fault(kind=kind, **({"times": 1} | how)))

    def ledger(self) -> Ledger:
        """What really happened so far."""
        return self._platform.ledger()

    def put_items(self, run_id: str, items: Sequence[Any]) -> None:
        """Give a run exactly these items, all of them there at once. Raises `ApiError` for an unknown run."""
        self._platform.put_items(run_id, items)

    def reset(self) -> None:
        """Forget runs, webhooks, faults and counts."""
        self._platform.reset()

    def start(self) -> "SandboxApify":
        """Serve from threads of its own."""
        self._platform.scheduler.start()
        self._server.start()
        return self

    def close(self) -> None:
        """Stop serving and delivering; returns when every thread has ended."""
        self._platform.release()
        self._server.close()
        self._platform.close()

    def __enter__(self) -> "SandboxApify":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
