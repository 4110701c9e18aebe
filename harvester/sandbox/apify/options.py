"""What a sandbox can be told: whom to let in, how fast its time runs, and what its account may do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

#: The actors that every sandbox has, unless others are named; what is named and not among these is as the
#: first of them.
KNOWN_ACTORS = (
    "harvestapi/linkedin-profile-posts",
    "apimaestro/linkedin-profile-posts",
    "supreme_coder/linkedin-post",
)


@dataclass(frozen=True, kw_only=True)
class Options:
    """Every knob of a sandbox. Seconds of Apify's own (retries, lags) are divided by `time_scale`."""

    #: The only API token that is let in.
    token: str = "sandbox-token"  # noqa: S105 - a stand-in's token protects nothing
    #: Same seed, same people and posts, and the same draws of the faults that have a probability.
    seed: int = 1
    time_scale: float = 60.0
    #: Real seconds that an actor run takes; not divided by `time_scale`.
    run_seconds: float = 2.0
    #: Actors that exist, as `user/name`.
    actors: tuple[str, ...] = KNOWN_ACTORS
    #: Least `maxTotalChargeUsd` that the actor accepts.
    minimal_charge_usd: float = 0.01
    #: How a run ends whose cap pays for no more: actors are to stop by themselves, as the default one does;
    #: the platform aborts those that go on.
    at_cap: Literal["SUCCEEDED", "ABORTED"] = "SUCCEEDED"
    #: How far a dataset's counts lag behind its items, in Apify's seconds.
    item_count_lag_seconds: float = 5.0
    #: How far charges and costs lag behind what happened, in Apify's seconds.
    cost_lag_seconds: float = 10.0
    #: Show `usageTotalUsd` in run lists; the real API leaves it out for somebody else's pay-per-event actor.
    list_usage: bool = False
    max_concurrent_runs: int = 25
    max_memory_gbytes: float = 16.0
    #: Real seconds that a webhook's receiver has; default: two minutes scaled, but at least five seconds.
    webhook_timeout_seconds: float | None = None
    #: Let an ad hoc webhook fire for a second end after a resurrection; Apify's fires once.
    ad_hoc_fires_again: bool = False
    #: The moment posts are dated back from; default: midnight UTC of the day the sandbox was made.
    anchor: datetime | None = None
    #: Exact items by a target's handle, or by any string value in INPUT (then they are the whole dataset).
    datasets: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def scaled(self, seconds: float) -> float:
        """Real seconds for that many of Apify's."""
        return seconds / self.time_scale

    @property
    def receiver_seconds(self) -> float:
        """Real seconds after which a webhook call counts as failed."""
        if self.webhook_timeout_seconds is not None:
            return self.webhook_timeout_seconds
        return max(5.0, self.scaled(120.0))
