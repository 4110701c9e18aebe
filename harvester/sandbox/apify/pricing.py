"""What the fixture actor charges, counted in units of a hundred-thousandth dollar so that sums are exact."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

UNITS_PER_USD = 100_000
#: Prices of the default actor as observed in 2026: a comment or a reaction is charged as a post.
PRICES: Mapping[str, int] = {"apify-actor-start": 5, "post": 200, "no-result": 100}
_TITLES = {"apify-actor-start": "Actor start", "post": "Post", "no-result": "Target without posts"}


def units(usd: float) -> int:
    """Whole units in an amount of dollars, rounded down."""
    return int(usd * UNITS_PER_USD + 1e-6)


def usd(counts: Mapping[str, int]) -> float:
    """Dollars for so many events of each kind."""
    return sum(PRICES[event] * count for event, count in counts.items()) / UNITS_PER_USD


def start_events(memory_mbytes: int) -> Counter[str]:
    """The start is charged once per started gigabyte of memory."""
    return Counter({"apify-actor-start": -(-memory_mbytes // 1024)})


def pricing_info(since: str, minimal_charge_usd: float) -> dict[str, Any]:
    """The `pricingInfo` of a run."""
    events = {
        name: {
            "eventTitle": _TITLES[name],
            "eventDescription": f"Charged for each: {_TITLES[name].lower()}.",
            "eventPriceUsd": price / UNITS_PER_USD,
            "isPrimaryEvent": name == "post",
            "isOneTimeEvent": name == "apify-actor-start",
        }
        for name, price in PRICES.items()
    }
    return {
        "pricingModel": "PAY_PER_EVENT",
        "apifyMarginPercentage": 0.2,
        "createdAt": since,
        "startedAt": since,
        "pricingPerEvent": {"actorChargeEvents": events},
        "minimalMaxTotalChargeUsd": minimal_charge_usd,
    }
