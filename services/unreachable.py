"""Whether Apify answers at all, and why it could not be asked, in words for people.

The gateway names the error of the HTTP client, and an outage is kept in the ledger under that name.
"""

from __future__ import annotations

from typing import Final

from harvester.apify import Apify
from harvester.apify_errors import ApifyError

#: How the gateway begins (`harvester/apify_errors.py`); the name of an error of impit's follows.
_BEGINNING: Final = "Apify could not be reached: "
_BROKEN_OFF: Final = ("Read", "Write", "Close", "Network", "RemoteProtocol")


def in_words(reason: str) -> str:
    """Say for people what the gateway says; what Apify itself said stays as it is."""
    if not reason.startswith(_BEGINNING):
        return reason
    kind = reason.removeprefix(_BEGINNING)
    if "Timeout" in kind:
        return "it did not answer in time"
    if kind == "ConnectError":
        return "no connection to it could be made"
    return "the connection to it broke off" if kind.startswith(_BROKEN_OFF) else reason


def answers(apify: Apify) -> bool:
    """Say whether Apify answers the simplest question that there is."""
    try:
        apify.user()
    except ApifyError:
        return False
    return True
