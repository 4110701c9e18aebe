"""What goes over the wire: encodings, tokens, paths, methods, sizes."""

import base64
import gzip
import json
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from harvester.sandbox.apify import SandboxApify

RUNS = "/v2/actors/harvestapi~linkedin-profile-posts/runs"


def send(
    apify: SandboxApify,
    method: str,
    path: str,
    body: bytes | None = None,
    token: str | None = "t0ken",
    **headers: str,
) -> tuple[int, dict[str, str], bytes]:
    connection = HTTPConnection(urlsplit(apify.url).netloc, timeout=10)
    auth = {} if token is None else {"Authorization": f"Bearer {token}"}
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.request(method, path, body, {"Content-Type": "application/json", **auth, **given})
        response = connection.getresponse()
        return (
            response.status,
            {name.lower(): value for name, value in response.getheaders()},
            response.read(),
        )
    finally:
        connection.close()


def error_of(answer: tuple[int, dict[str, str], bytes]) -> tuple[int, str]:
    status, _, body = answer
    return status, json.loads(body)["error"]["type"]


@pytest.mark.parametrize("path", [RUNS, RUNS.replace("actors", "acts"), RUNS.replace("~", "%7E")])
def test_old_and_new_paths_start_a_run_with_its_place(apify: SandboxApify, path: str) -> None:
    status, headers, body = send(apify, "POST", path, b'{"targetUrls": []}')
    run = json.loads(body)["data"]
    assert status == 201
    assert headers["location"].endswith(f"/v2/actor-runs/{run['id']}")
    assert headers["x-ratelimit-limit"]
    by_id = send(apify, "GET", f"/v2/acts/{run['actId']}/runs")
    assert json.loads(by_id[2])["data"]["total"] == 1


@pytest.mark.parametrize(
    ("encoding", "encode"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("identity", bytes)]
)
def test_compressed_bodies_are_understood(apify: SandboxApify, encoding: str, encode: Any) -> None:
    body = encode(json.dumps({"targetUrls": [], "marker": "ü" * 2000}).encode())
    assert send(apify, "POST", RUNS, body, Content_Encoding=encoding)[0] == 201
    assert apify.ledger().starts[0].input["marker"] == "ü" * 2000


def test_bodies_that_cannot_be_taken_are_refused(apify: SandboxApify) -> None:
    large = b'{"x": "' + b"a" * 9_437_184 + b'"}'
    refused = {
        (415, "unsupported-content-encoding"): send(apify, "POST", RUNS, b"{}", Content_Encoding="bla"),
        (413, "request-too-large"): send(apify, "POST", RUNS, large),
        (400, "invalid-request"): send(apify, "POST", RUNS, b"no gzip", Content_Encoding="gzip"),
        (400, "run-input-body-not-valid-json"): send(apify, "POST", RUNS, b"{"),
        (400, "invalid-input"): send(apify, "POST", RUNS, b"null"),
    }
    for expected, answer in refused.items():
        assert error_of(answer) == expected
    bomb = gzip.compress(large)
    assert error_of(send(apify, "POST", RUNS, bomb, Content_Encoding="gzip")) == (413, "request-too-large")
    assert apify.ledger().starts == []


def test_tokens_come_by_header_or_query(apify: SandboxApify) -> None:
    assert send(apify, "GET", "/v2/users/me?token=t0ken", token=None)[0] == 200
    assert error_of(send(apify, "GET", "/v2/users/me", token=None)) == (401, "token-not-provided")
    assert error_of(send(apify, "GET", "/v2/users/me", token="wrong")) == (401, "user-or-token-not-found")
    basic = send(apify, "GET", "/v2/users/me", token=None, Authorization="Basic eHg=")
    assert error_of(basic) == (401, "invalid-token")


def test_unknown_paths_and_methods_have_their_types(apify: SandboxApify) -> None:
    assert error_of(send(apify, "GET", "/v2/nowhere")) == (404, "page-not-found")
    assert error_of(send(apify, "DELETE", "/v2/users/me")) == (405, "method-not-allowed")
    assert send(apify, "GET", f"{RUNS}?method=POST", b"{}")[0] == 201


@pytest.mark.parametrize(
    "webhooks", ["%%%", base64.b64encode(b"{}").decode(), base64.b64encode(b"not json").decode()]
)
def test_a_damaged_webhooks_parameter_is_refused(apify: SandboxApify, webhooks: str) -> None:
    assert error_of(send(apify, "POST", f"{RUNS}?webhooks={webhooks}", b"{}")) == (400, "invalid-input")
    assert apify.ledger().starts == []


@pytest.mark.parametrize(
    "query", ["limit=x", "limit=-1", "offset=1.5", "desc=perhaps", "startedAfter=2026-01-01", "status=DONE"]
)
def test_malformed_query_parameters_are_refused(apify: SandboxApify, query: str) -> None:
    assert error_of(send(apify, "GET", f"/v2/actor-runs?{query}")) == (400, "invalid-input")


def test_head_counts_items_without_sending_them(apify: SandboxApify) -> None:
    body = b'{"targetUrls": ["https://www.linkedin.com/in/bulk-1500"]}'
    run = json.loads(send(apify, "POST", f"{RUNS}?waitForFinish=10", body)[2])["data"]
    threading.Event().wait(0.05)
    status, headers, nothing = send(apify, "HEAD", f"/v2/actor-runs/{run['id']}/dataset/items?limit=7")
    assert (status, nothing) == (200, b"")
    names = ("offset", "limit", "count", "total", "desc")
    assert [headers[f"x-apify-pagination-{name}"] for name in names] == ["0", "7", "7", "1500", "false"]


def test_clean_drops_hidden_fields_and_empty_items(apify: SandboxApify) -> None:
    run = json.loads(send(apify, "POST", f"{RUNS}?waitForFinish=10", b"{}")[2])["data"]
    apify.put_items(run["id"], [{"#debug": 1, "id": "1"}, {}, {"#only": 2}, None, {"id": "2"}])
    path = f"/v2/datasets/{run['defaultDatasetId']}/items"
    assert json.loads(send(apify, "GET", f"{path}?clean=1")[2]) == [{"id": "1"}, {"id": "2"}]
    assert len(json.loads(send(apify, "GET", path)[2])) == 5
    lines = send(apify, "GET", f"{path}?format=jsonl&fields=id&limit=2")[2]
    assert lines == b'{"id":"1"}\n{}\n'


def test_items_that_orjson_cannot_write_survive(apify: SandboxApify) -> None:
    run = json.loads(send(apify, "POST", f"{RUNS}?waitForFinish=10", b"{}")[2])["data"]
    items = b'[{"id": "1", "content": "half an emoji \\ud83d and NUL \\u0000", "big": 123456789012345678901}]'
    assert send(apify, "POST", f"/sandbox/runs/{run['id']}/items", items)[0] == 201
    read = send(apify, "GET", f"/v2/datasets/{run['defaultDatasetId']}/items")[2]
    assert json.loads(read) == json.loads(items)


def test_thirty_callers_at_once_each_get_their_own_run(apify: SandboxApify) -> None:
    apify_ids = [f'{{"marker": "m{number}"}}'.encode() for number in range(25)]
    with ThreadPoolExecutor(30) as pool:
        answers = list(pool.map(lambda body: send(apify, "POST", RUNS, body), apify_ids))
        assert {answer[0] for answer in answers} == {201}
        reads = list(pool.map(lambda _: send(apify, "GET", "/v2/actor-runs")[0], range(60)))
    assert set(reads) == {200}
    assert apify.ledger().starts_by("marker") == {f"m{number}": 1 for number in range(25)}


def test_closing_leaves_no_thread_behind() -> None:
    before = set(threading.enumerate())
    with SandboxApify(token="t0ken", run_seconds=30.0) as apify:
        run = json.loads(send(apify, "POST", RUNS, b"{}")[2])["data"]
        kept = HTTPConnection(urlsplit(apify.url).netloc, timeout=10)
        kept.request("GET", "/v2/users/me?token=t0ken")
        kept.getresponse().read()
        waiter = threading.Thread(
            target=send, args=(apify, "GET", f"/v2/actor-runs/{run['id']}?waitForFinish=60")
        )
        waiter.start()
        while not any("actor-runs/<run>" in route for route in apify.ledger().calls):
            threading.Event().wait(0.01)
    waiter.join(2)
    kept.close()
    assert set(threading.enumerate()) <= before
