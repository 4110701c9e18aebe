"""What a start may say: run parameters and an actor's input, refused with Apify's error types."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from harvester.sandbox.apify.options import Options
from harvester.sandbox.apify.wire import ApiError, Call, Query
from harvester.sandbox.wire import loads

BUILD_NUMBER = "0.0.36"


@dataclass(frozen=True)
class RunOptions:
    """The checked run parameters: timeout in seconds (0: none), memory in megabytes, caps."""

    build: str
    timeout_secs: int
    memory_mbytes: int
    max_items: int | None
    max_total_charge_usd: float | None

    def as_json(self) -> dict[str, Any]:
        """The `options` of a run."""
        return {
            "build": self.build,
            "timeoutSecs": self.timeout_secs,
            "memoryMbytes": self.memory_mbytes,
            "diskMbytes": self.memory_mbytes * 2,
            "maxItems": self.max_items,
            "maxTotalChargeUsd": self.max_total_charge_usd,
        }


DEFAULTS = RunOptions("latest", 3600, 256, None, None)


def read_options(query: Query, options: Options, before: RunOptions = DEFAULTS) -> RunOptions:
    """Run parameters of a start or a resurrection; what is absent stays as `before`. Raises `ApiError`."""
    build = query.text("build", before.build)
    if build not in ("latest", BUILD_NUMBER):
        raise ApiError(400, "unknown-build-tag", f'Build with tag or number "{build}" was not found.')
    query.flag("restartOnError")
    permission = query.text("forcePermissionLevel", "LIMITED_PERMISSIONS")
    if permission not in ("LIMITED_PERMISSIONS", "FULL_PERMISSIONS"):
        raise ApiError(400, "invalid-input", "forcePermissionLevel is not one of the permission levels.")
    timeout = query.integer("timeout")
    return RunOptions(
        build,
        before.timeout_secs if timeout is None else timeout,
        _memory(query) or before.memory_mbytes,
        _max_items(query) or before.max_items,
        _charge_cap(query, options) or before.max_total_charge_usd,
    )


def _memory(query: Query) -> int | None:
    memory = query.integer("memory")
    if memory is not None and (memory & (memory - 1) or not 128 <= memory <= 32_768):
        raise ApiError(400, "invalid-input", "Memory must be a power of 2 between 128 and 32768 megabytes.")
    return memory


def _max_items(query: Query) -> int | None:
    most = query.number("maxItems")
    if most is not None and (most < 1 or most != int(most)):
        raise ApiError(400, "max-items-must-be-greater-than-zero", "Maximum items must be greater than zero.")
    return None if most is None else int(most)


def _charge_cap(query: Query, options: Options) -> float | None:
    cap = query.number("maxTotalChargeUsd")
    if cap is None:
        return None
    if cap <= 0:
        message = "Maximum total charge must be greater than zero."
        raise ApiError(400, "max-total-charge-usd-must-be-greater-than-zero", message)
    if cap < options.minimal_charge_usd:
        message = f"Maximum total charge must be at least {options.minimal_charge_usd} USD for this Actor."
        raise ApiError(400, "max-total-charge-usd-below-minimum", message)
    return cap


def read_input(call: Call, check: Callable[[Mapping[str, Any]], None]) -> dict[str, Any]:
    """The INPUT of a start, checked against the actor's input schema. Raises `ApiError`."""
    value = _parsed(call) if call.body else {}
    check(value)
    return value


def _parsed(call: Call) -> dict[str, Any]:
    if "json" not in call.headers.get("content-type", "application/json"):
        raise ApiError(400, "invalid-input", "Input of this Actor must be JSON.")
    try:
        value = loads(call.body)
    except (ValueError, RecursionError) as error:
        message = "The body of the request is not valid JSON."
        raise ApiError(400, "run-input-body-not-valid-json", message) from error
    if not isinstance(value, dict):
        raise ApiError(400, "invalid-input", "Input is not valid: Input must be an object.")
    return value
