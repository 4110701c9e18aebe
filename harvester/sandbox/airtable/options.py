"""What a sandbox can be told: whom to let in, how fast its time runs, what its limits are."""

from dataclasses import dataclass
from typing import Literal

#: The two bodies of a 429 for too many requests: the one that is documented, the one that was observed.
Shape = Literal["documented", "observed", "alternating"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """Every knob of a sandbox. Seconds of Airtable's own (windows, lock-outs) are divided by `time_scale`."""

    #: The only personal access token that is let in.
    token: str = "sandbox-airtable-token"  # noqa: S105 - a stand-in's token protects nothing
    #: Same seed, same order of lists without a sort, and same draws of the faults that have a probability.
    seed: int = 1
    time_scale: float = 1.0
    #: Requests in any second, per base; 0: no limit.
    base_requests: int = 5
    #: Requests in any second, for the token; 0: no limit.
    token_requests: int = 50
    #: How long everything is refused after too many requests, in Airtable's seconds.
    lockout_seconds: float = 30.0
    too_fast_shape: Shape = "alternating"
    #: Calls of a month, for all bases of a workspace; None: no cap. Calls of `/v0/meta/` are free.
    workspace_calls: int | None = None
    #: Records of a base, all tables together; None: no cap.
    base_records: int | None = None

    def scaled(self, seconds: float) -> float:
        """Real seconds for that many of Airtable's."""
        return seconds / self.time_scale
