"""Endpoints of the account: who am I, what may I use, what have I used."""

from datetime import timedelta
from typing import Any

from harvester.sandbox.apify.platform import Platform
from harvester.sandbox.apify.router import Route
from harvester.sandbox.apify.wire import Answer, Call, data
from harvester.sandbox.clock import iso, utc_now

_FEATURES = (
    "ACTORS", "STORAGE", "SCHEDULER", "PROXY", "PROXY_EXTERNAL_ACCESS", "PROXY_RESIDENTIAL", "PROXY_SERPS",
    "WEBHOOKS", "ACTORS_PUBLIC_ALL", "ACTORS_PUBLIC_DEVELOPER",
)  # fmt: skip
_UNUSED = (
    "monthlyActorComputeUnits", "monthlyExternalDataTransferGbytes", "monthlyProxySerps",
    "monthlyResidentialProxyGbytes", "actorCount", "actorTaskCount", "teamAccountSeatCount",
    "scheduleCount",
)  # fmt: skip
_MONTHLY_USD = 300.0


def me(platform: Platform, call: Call) -> Answer:
    """The account that the token belongs to."""
    enabled = {
        "isEnabled": True,
        "disabledReason": None,
        "disabledReasonType": None,
        "isTrial": False,
        "trialExpirationAt": None,
    }
    return data(
        {
            "id": platform.user_id,
            "username": "sandbox",
            "profile": {"name": "Sandbox"},
            "email": "sandbox@example.com",
            "proxy": {"password": "sandbox", "groups": []},
            "plan": _plan(platform),
            "effectivePlatformFeatures": dict.fromkeys(_FEATURES, enabled),
            "createdAt": iso(platform.created_at),
            "isPaying": False,
        }
    )


def _plan(platform: Platform) -> dict[str, Any]:
    return {
        "id": "SANDBOX",
        "description": "A local stand-in.",
        "isEnabled": True,
        "monthlyBasePriceUsd": 0,
        "monthlyUsageCreditsUsd": 0,
        "usageDiscountPercent": 0,
        "enabledPlatformFeatures": ["ACTORS", "STORAGE", "WEBHOOKS"],
        "maxMonthlyUsageUsd": _MONTHLY_USD,
        "maxActorMemoryGbytes": platform.options.max_memory_gbytes,
        "dataRetentionDays": 7,
        "availableProxyGroups": {},
        "tier": "FREE",
        "maxConcurrentActorRuns": platform.options.max_concurrent_runs,
    }


def limits(platform: Platform, call: Call) -> Answer:
    """What the account may use this month and at once, and what it uses."""
    today = utc_now().replace(hour=0, minute=0, second=0, microsecond=0)
    first = today.replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    active = platform.active()
    memory = sum(run.options.memory_mbytes for run in active) / 1024
    return data(
        {
            "monthlyUsageCycle": {"startAt": iso(first), "endAt": iso(following - timedelta(milliseconds=1))},
            "limits": _limits(platform),
            "current": dict.fromkeys(_UNUSED, 0)
            | {
                "monthlyUsageUsd": platform.monthly_usage_usd(),
                "actorMemoryGbytes": memory,
                "activeActorJobCount": len(active),
            },
        }
    )


def _limits(platform: Platform) -> dict[str, Any]:
    return {
        "maxMonthlyUsageUsd": _MONTHLY_USD,
        "maxMonthlyActorComputeUnits": 1000,
        "maxMonthlyExternalDataTransferGbytes": 7,
        "maxMonthlyProxySerps": 50,
        "maxMonthlyResidentialProxyGbytes": 0.5,
        "maxActorMemoryGbytes": platform.options.max_memory_gbytes,
        "maxActorCount": 100,
        "maxActorTaskCount": 1000,
        "maxConcurrentActorJobs": platform.options.max_concurrent_runs,
        "maxTeamAccountSeatCount": 1,
        "dataRetentionDays": 7,
        "maxScheduleCount": 100,
    }


ROUTES: list[Route] = [("GET", "/v2/users/me", me), ("GET", "/v2/users/me/limits", limits)]
