"""What an actor charges, counted in units of a hundred-thousandth dollar so that sums are exact."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

UNITS_PER_USD = 100_000
#: The event of a start, and that of a target without posts, which not every actor charges.
START = "apify-actor-start"
NO_RESULT = "no-result"
_TITLES = {START: "Actor start", NO_RESULT: "Target without posts"}


def units(usd: float) -> int:
    """Whole units in an amount of dollars, rounded down."""
    return int(usd * UNITS_PER_USD + 1e-6)


@dataclass(frozen=True)
class Tariff:
    """One actor's prices, in units by event."""

    prices: Mapping[str, int]
    #: The event that an item is charged as.
    item: str
    #: Whether an item that was handed over is charged at all.
    is_charged: Callable[[Any], bool]
    #: Charge the start once per started gigabyte of memory, not once.
    start_per_gigabyte: bool = False

    def event_of(self, item: Any) -> str | None:
        """The event that an item is charged as; None: it is free."""
        return self.item if self.is_charged(item) else None

    def start(self, memory_mbytes: int) -> Counter[str]:
        """What a start is charged as."""
        return Counter({START: -(-memory_mbytes // 1024) if self.start_per_gigabyte else 1})

    def sum(self, counts: Mapping[str, int]) -> int:
        """Units for so many events of each kind."""
        return sum(self.prices[event] * count for event, count in counts.items())

    def usd(self, counts: Mapping[str, int]) -> float:
        """Dollars for so many events of each kind."""
        return self.sum(counts) / UNITS_PER_USD

    def payable_no_results(self, wanted: int, budget: int | None) -> int:
        """How many targets without posts are charged out of what is left of a budget; None: no bound."""
        price = self.prices.get(NO_RESULT)
        if price is None:
            return 0
        return wanted if budget is None else min(wanted, max(0, budget) // price)

    def pricing_info(self, since: str, minimal_charge_usd: float) -> dict[str, Any]:
        """The `pricingInfo` of a run."""
        return {
            "pricingModel": "PAY_PER_EVENT",
            "apifyMarginPercentage": 0.2,
            "createdAt": since,
            "startedAt": since,
            "pricingPerEvent": {"actorChargeEvents": dict(map(self._event, self.prices))},
            "minimalMaxTotalChargeUsd": minimal_charge_usd,
        }

    def _event(self, name: str) -> tuple[str, dict[str, Any]]:
        title = _TITLES.get(name, name.capitalize())
        return name, {
            "eventTitle": title,
            "eventDescription": f"Charged for each: {title.lower()}.",
            "eventPriceUsd": self.prices[name] / UNITS_PER_USD,
            "isPrimaryEvent": name == self.item,
            "isOneTimeEvent": name == START,
        }
