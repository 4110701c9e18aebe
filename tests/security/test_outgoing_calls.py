"""Calls to Apify: where they go, and what its answers may cost us."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from gateway import TOKEN, Answers, fixed, of, server, start
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.apify import Apify, TooLargeItem
from harvester.apify_errors import BadAnswer, Refused, StartUnknown, TooLarge, Unavailable
from harvester.apify_json import parse
from harvester.apify_transport import Transport

MEGABYTE = 2**20
#: A run as Apify tells it, with the least that it must have.
RUN = {"id": "AbC", "status": "READY", "defaultDatasetId": "d", "defaultKeyValueStoreId": "k"}
Call = Callable[[Apify], object]

READS: dict[str, Call] = {
    "user": lambda apify: apify.user(),
    "run": lambda apify: apify.run("AbC"),
    "items": lambda apify: apify.items("AbC", offset=0, limit=10),
    "abort": lambda apify: apify.abort("AbC"),
}


def heard(answers: Answers) -> tuple[list[str], Answers]:
    """Answer all the same, and keep the paths."""
    paths: list[str] = []

    def kept(path: str) -> tuple[int, dict[str, str], bytes]:
        paths.append(path)
        return answers(path)

    return paths, kept


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed_nowhere(status: int) -> None:
    """Not to another server, and not to another path; after a start nobody knows whether it took effect."""
    canary, told = heard(fixed(json.dumps({"data": RUN}).encode()))
    with server(told) as elsewhere:
        paths, answers = heard(fixed(b"", status, Location=f"{elsewhere}/v2/users/me"))
        with server(answers) as url:
            for read in READS.values():
                with pytest.raises(BadAnswer):
                    read(of(url))
            with pytest.raises(StartUnknown):
                start(of(url))
    assert canary == []
    assert len(paths) == len(READS) + 1


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_call_to_another_address_is_not_sent(data: st.DataObject) -> None:
    """Neither to another host, nor to one that only begins like ours."""
    canary, told = heard(fixed(b"{}"))
    with server(told) as url:
        transport = Transport(TOKEN, base_url=url, timeout=timedelta(seconds=0.5), most_bytes=MEGABYTE)
        host = url.removeprefix("http://")
        other = data.draw(
            st.sampled_from(
                [
                    f"{url}/",
                    f"{url}/v2",
                    f"{url}/v3/users/me",
                    f"{url}/v2evil/users/me",
                    f"http://127.0.0.1:9@{host}/v2/users/me",
                    f"{url}@127.0.0.1:9/v2/users/me",
                    f"http://localhost:{host.rpartition(':')[2]}/v2/users/me",
                    f"https://{host}/v2/users/me",
                    f"{url}1/v2/users/me",
                    url.upper() + "/v2/",
                ]
            )
            | st.text().map(lambda text: f"http://{text}/v2/users/me")
        )
        with pytest.raises(Refused):
            transport.call(method="GET", url=other, timeout=timedelta(seconds=0.5))
    assert canary == []


@pytest.mark.parametrize("name", ["id", "defaultDatasetId", "defaultKeyValueStoreId"])
@pytest.mark.parametrize(
    "evil", ["../../evil", "..", "a/b", "a%2fb", "a?x=1", "a#b", "a\nb", "é", "x" * 65, ""]
)
def test_an_id_that_is_none_is_put_into_no_path(name: str, evil: str) -> None:
    """Neither one that Apify answers with, nor one that somebody else gave us."""
    paths, answers = heard(fixed(json.dumps({"data": {**RUN, name: evil}}).encode()))
    with server(answers) as url:
        with pytest.raises(BadAnswer, match="not an ID"):
            of(url).run("AbC")
        for ask in (of(url).run, of(url).abort, lambda given: of(url).items(given, offset=0, limit=1)):
            with pytest.raises(BadAnswer, match="not an ID"):
                ask(evil)
    assert paths == ["/v2/actor-runs/AbC"]


def bomb(megabytes: int) -> bytes:
    """Give so many megabytes and more, packed to a thousandth. After a full flush a piece can be repeated."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    first, again = (packer.compress(b" " * MEGABYTE) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    return first + again * megabytes


def peak() -> int:
    """Give the most memory that this process ever had in use since `forget_peak`, in bytes."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found.group(1)) * 1024


def forget_peak() -> None:
    """Let the kernel measure the peak from now on."""
    Path("/proc/self/clear_refs").write_text("5")


@pytest.mark.parametrize("status", [200, 500])
def test_a_bomb_is_cut_off_while_it_unpacks(status: int) -> None:
    """Memory follows APIFY_ANSWER_MB, not the bomb; of an error even less is read."""
    packed = bomb(400)
    assert len(packed) < MEGABYTE / 2
    with server(fixed(packed, status, Content_Encoding="gzip")) as url:
        apify = Apify(token=TOKEN, api_url=url, timeout_seconds=20, answer_bytes=8 * MEGABYTE)
        forget_peak()
        before = peak()
        with pytest.raises(TooLarge if status == 200 else Unavailable):
            apify.items("AbC", offset=0, limit=2)
        assert peak() - before < 60 * MEGABYTE
        if status == 200:
            with pytest.raises(TooLarge):
                apify.items("AbC", offset=7, limit=1)
            with pytest.raises(StartUnknown):
                start(apify)


@pytest.mark.parametrize("there", [0, 1])
def test_only_an_item_that_there_is_can_be_too_large(there: int) -> None:
    """Of a lone one Apify is asked for nearly nothing; past the end of a dataset is none, whatever comes."""
    large, small = fixed(bomb(40), Content_Encoding="gzip"), fixed(json.dumps([{}] * there).encode())
    paths, answers = heard(lambda path: (small if "fields=id" in path else large)(path))
    with server(answers) as url:
        apify = Apify(token=TOKEN, api_url=url, timeout_seconds=20, answer_bytes=8 * MEGABYTE)
        page = apify.items("AbC", offset=7, limit=1)
    assert [type(item) for item in page.items] == [TooLargeItem] * there
    assert len(paths) == 2


@contextmanager
def dripping(head: bytes, drop: bytes) -> Iterator[str]:
    """Serve an answer of which a piece comes every 50 ms, four seconds long; lend its base URL."""
    over = threading.Event()

    def drip(listener: socket.socket) -> None:
        while not over.is_set():
            with suppress(OSError):
                peer, _ = listener.accept()
                with peer:
                    peer.recv(65_536)
                    peer.sendall(head)
                    for _ in range(80):
                        peer.sendall(drop)
                        if over.wait(0.05):
                            break

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)
        thread = threading.Thread(target=drip, args=(listener,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            over.set()
            thread.join()


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"x-a: b\r\n"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 80\r\n\r\n", b" "),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    ],
    ids=["headers", "body", "chunks"],
)
def test_an_answer_that_drips_ends_in_time(head: bytes, drop: bytes) -> None:
    """One total time, however lively the connection is: neither a pause nor a byte begins it anew."""
    with dripping(head, drop) as url:
        apify = Apify(token=TOKEN, api_url=url, timeout_seconds=0.3)
        began = time.monotonic()
        with pytest.raises(Unavailable):
            apify.items("AbC", offset=0, limit=10)
        assert time.monotonic() - began < 3


def test_headers_are_bounded() -> None:
    """So many of them as no answer of Apify's has."""
    many = {f"X-{number}": "x" * 1_024 for number in range(80)}
    with server(lambda _: (200, many, b"[]")) as url, pytest.raises(BadAnswer, match="headers"):
        of(url).items("AbC", offset=0, limit=10)


@pytest.mark.parametrize("heavy", [b"[],", b'{"a":1},', b"{},"])
def test_what_is_heavy_as_objects_is_not_parsed(heavy: bytes) -> None:
    """Of a few bytes of JSON each, CPython makes objects of many times their size."""
    body = b"[" + heavy * (9 * MEGABYTE // len(heavy)) + b"0]"
    with server(fixed(body)) as url:
        apify = Apify(token=TOKEN, api_url=url, timeout_seconds=20, answer_bytes=16 * MEGABYTE)
        with pytest.raises(TooLarge, match="memory"):
            apify.items("AbC", offset=0, limit=1_000)


def test_a_large_answer_is_the_same_as_a_small_one() -> None:
    """Another parser takes it; it must not give anything else."""
    items = [{"content": "ü\ud83d\U0001f600" * 150, "n": 2**70, "x": [None, True, 1.5]}] * 4_000
    body = json.dumps(items).encode()
    assert len(body) > 8 * MEGABYTE
    with server(fixed(body)) as url:
        apify = Apify(token=TOKEN, api_url=url, timeout_seconds=20)
        assert apify.items("AbC", offset=0, limit=4_000).items == items == parse(body)
