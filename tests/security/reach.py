"""How requests reach us: proxies, sockets, bodies, headers. Rows of the table, and how to disarm them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import pytest

from security.rows import Threat

THREATS: Final[tuple[Threat, ...]] = ()

#: Ways to take a control away, by their names in the rows.
DISARMED: Final[Mapping[str, Callable[[pytest.MonkeyPatch], None]]] = {}
