"""What a check reads of Airtable: everything, or by night what is worth its calls."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from typing import Final

from harvester.ledger.mirroring import Kind
from harvester.models import Client
from services.plan import ACTIVE

#: By night, the posts of a base are read once in so many days: a list of them costs a call per hundred.
POSTS_EVERY_DAYS: Final = 27
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Scope:
    """What is looked at. `night` is the last day that a check by night is for; None: a person asked.

    `days` is how many days that check is for. `deep` compares all cells of posts, and reads all leads.
    """

    client_id: str | None = None
    deep: bool = False
    night: date | None = None
    days: int = 1

    def wants(self, client: Client) -> bool:
        """Say whether a client's base is looked at: by night, of those alone that are harvested."""
        return self.is_about(client.client_id) and (self.night is None or client.status == ACTIVE)

    def is_about(self, client_id: str | None) -> bool:
        """Say whether what is a client's is looked for."""
        return self.client_id in (None, client_id)

    def reads(self, base: str, kind: Kind) -> bool:
        """Say whether a base's table of a kind is read."""
        return self.night is None or kind is not Kind.POST or is_night_of(base, self.night, self.days)


def days_of(every: timedelta) -> int:
    """Give for how many days one check is, if there is one so often."""
    return max(1, math.ceil(every / _DAY))


def is_night_of(base: str, day: date, days: int = 1) -> bool:
    """Say whether the posts of a base are read by the check of this day, which is for so many days.

    Each base has a day of its own, which stays the same; bases are spread over the days.
    """
    own = int.from_bytes(sha256(base.encode()).digest()[:8])
    return (day.toordinal() - own) % POSTS_EVERY_DAYS < days
