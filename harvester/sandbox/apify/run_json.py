"""Runs, datasets and stores as the API shows them."""

from datetime import datetime
from typing import Any

from harvester.sandbox.apify.inputs import BUILD_NUMBER
from harvester.sandbox.apify.options import Options
from harvester.sandbox.apify.runs import ActorRun
from harvester.sandbox.clock import iso, utc_now


def run_object(run: ActorRun, user_id: str, options: Options, now: float) -> dict[str, Any]:
    """The whole run, as of a moment of the monotonic clock; charges lag behind."""
    told = now - options.scaled(options.cost_lag_seconds)
    writes = run.dataset.count(now)
    return {
        **_head(run, user_id),
        "statusMessage": run.status_message,
        "isStatusMessageTerminal": run.terminal,
        "meta": _meta(run),
        "pricingInfo": run.actor.kind.tariff.pricing_info(
            iso(datetime.fromisoformat("2025-03-01T00:00Z")), options.minimal_charge_usd
        ),
        "stats": _stats(run, utc_now()),
        "chargedEventCounts": dict(run.charged(told)),
        "options": run.options.as_json(),
        "exitCode": run.exit_code,
        "generalAccess": "FOLLOW_USER_SETTING",
        "storageIds": {
            "datasets": {"default": run.dataset.id},
            "keyValueStores": {"default": run.store_id},
            "requestQueues": {"default": run.queue_id},
        },
        "containerUrl": f"https://{run.id.lower()}.runs.apify.net",
        "isContainerServerReady": run.status == "RUNNING",
        "gitBranchName": "main",
        "usage": {"ACTOR_COMPUTE_UNITS": 0.0, "DATASET_WRITES": writes},
        "usageTotalUsd": run.cost_usd(told),
        "usageUsd": None,
        "metamorphs": None,
        "platformUsageBillingModel": "DEVELOPER",
    }


def run_row(run: ActorRun, user_id: str, options: Options, now: float) -> dict[str, Any]:
    """The run in a list, where somebody else's pay-per-event actor shows no cost."""
    row = {**_head(run, user_id), "buildNumberInt": 36, "meta": {"origin": "API"}}
    if options.list_usage:
        row["usageTotalUsd"] = run.cost_usd(now - options.scaled(options.cost_lag_seconds))
    return row


def _head(run: ActorRun, user_id: str) -> dict[str, Any]:
    return {
        "id": run.id,
        "actId": run.actor.id,
        "userId": user_id,
        "actorTaskId": None,
        "startedAt": iso(run.started_at),
        "finishedAt": iso(run.finished_at) if run.finished_at else None,
        "status": run.status,
        "buildId": run.actor.build_id,
        "buildNumber": BUILD_NUMBER,
        "defaultKeyValueStoreId": run.store_id,
        "defaultDatasetId": run.dataset.id,
        "defaultRequestQueueId": run.queue_id,
    }


def _meta(run: ActorRun) -> dict[str, Any]:
    meta = {"origin": "API", "clientIp": run.client_ip, "userAgent": run.user_agent}
    return {**meta, "scheduleId": None, "scheduledAt": None}


def _stats(run: ActorRun, now: datetime) -> dict[str, Any]:
    seconds = max(0.0, ((run.finished_at or now) - run.started_at).total_seconds())
    counts = dict.fromkeys(("migrationCount", "rebootCount", "restartCount", "metamorph"), 0)
    return {
        "inputBodyLen": len(run.input_body),
        **counts,
        "resurrectCount": run.resurrections,
        "memAvgBytes": 35_914_228.4,
        "memMaxBytes": 38_244_352,
        "memCurrentBytes": 0,
        "cpuAvgUsage": 0.9,
        "cpuMaxUsage": 4.2,
        "cpuCurrentUsage": 0.0,
        "netRxBytes": 2652,
        "netTxBytes": 1338,
        "durationMillis": int(seconds * 1000),
        "runTimeSecs": round(seconds, 3),
        "computeUnits": round(seconds / 3600 * run.options.memory_mbytes / 1024, 6),
    }


def dataset_object(run: ActorRun, user_id: str, count: int, base_url: str) -> dict[str, Any]:
    """A run's default dataset with the item count that the API admits to."""
    dataset = run.dataset
    touched = iso(run.finished_at or utc_now())
    return {
        "id": dataset.id,
        "name": None,
        "userId": user_id,
        "createdAt": iso(dataset.created_at),
        "modifiedAt": touched,
        "accessedAt": touched,
        "itemCount": count,
        "cleanItemCount": count,
        "actId": run.actor.id,
        "actRunId": run.id,
        "fields": [],
        "schema": None,
        "consoleUrl": f"https://console.apify.com/storage/datasets/{dataset.id}",
        "itemsPublicUrl": f"{base_url}/v2/datasets/{dataset.id}/items",
        "generalAccess": "FOLLOW_USER_SETTING",
        "stats": {"readCount": dataset.read_count, "writeCount": count, "storageBytes": count * 4000},
    }


def store_object(run: ActorRun, user_id: str, base_url: str) -> dict[str, Any]:
    """A run's default key-value store, which holds its INPUT."""
    created = iso(run.started_at)
    return {
        "id": run.store_id,
        "name": None,
        "userId": user_id,
        "createdAt": created,
        "modifiedAt": created,
        "accessedAt": created,
        "actId": run.actor.id,
        "actRunId": run.id,
        "consoleUrl": f"https://console.apify.com/storage/key-value-stores/{run.store_id}",
        "keysPublicUrl": f"{base_url}/v2/key-value-stores/{run.store_id}/keys",
        "generalAccess": "FOLLOW_USER_SETTING",
        "stats": {"readCount": 0, "writeCount": 1, "deleteCount": 0, "listCount": 0},
    }
