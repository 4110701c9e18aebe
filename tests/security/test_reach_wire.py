"""What strangers send to a real gunicorn: odd framing, huge bodies, forged headers."""

from __future__ import annotations

import resource
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from cli.processes import group_members

from .wire import STATIC_TOKEN, Server, answers, heard, missing, serving

pytestmark = pytest.mark.slow

ALIVE = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
HOOK = f"POST /api/apify-webhook HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {STATIC_TOKEN}\r\n".encode()
POST = b"POST /healthz HTTP/1.1\r\nHost: x\r\n"
#: What two servers in a row read in two ways. After each comes a request that only one of them would see.
AMBIGUOUS = {
    "both framings": POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 0\r\nContent-Length: 44\r\n\r\n",
    "one length twice": POST + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
    "a list of lengths": POST + b"Content-Length: 0, 0\r\n\r\n",
    "a length with a sign": POST + b"Content-Length: +0\r\n\r\n",
    "a length of blanks": POST + b"Content-Length: 1 1\r\n\r\n",
    "chunked that is hidden": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "chunked, then identity": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "chunked twice": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "an unknown coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a blank before the colon": POST + b"Content-Length : 0\r\n\r\n",
    "chunked in HTTP/1.0": b"POST /healthz HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a folded header": POST + b"X-Long: a\r\n Content-Length: 44\r\n\r\n",
    "bare line feeds": b"GET /healthz HTTP/1.1\nHost: x\n\n",
    "one bare line feed": b"GET /healthz HTTP/1.1\r\nHost: x\nX-One: 1\r\n\r\n",
    "a bare return": b"GET /healthz HTTP/1.1\r\nHost: x\rX-One: 1\r\n\r\n",
    "a NUL": b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-One: \x00\r\n\r\n",
    "a header without a name": b"GET /healthz HTTP/1.1\r\nHost: x\r\n: 1\r\n\r\n",
    "two hosts": b"GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "an odd method": b"get /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    "an odd version": b"GET /healthz HTTP/3.7\r\nHost: x\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a proxy's preface": b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "a chunk's size with a sign": POST + b"Transfer-Encoding: chunked\r\n\r\n+0\r\n\r\n",
    "a chunk's size in hex of C": POST + b"Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
    "a chunk that is longer": POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
    "a length in the trailer": POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 44\r\n\r\n",
}


@pytest.fixture(scope="module")
def server(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A web process on a ledger that all tests here share: nothing of theirs is to get into it."""
    folder = tmp_path_factory.mktemp("wire")
    (folder / "ledger.db").write_bytes(migrated_file.read_bytes())
    with serving(folder, f"sqlite:///{folder}/ledger.db") as found:
        yield found


@pytest.mark.parametrize("what", AMBIGUOUS)
def test_a_request_that_can_be_read_in_two_ways_is_the_last_of_its_connection(
    server: Server, what: str
) -> None:
    """Whatever comes behind it is no request: it would be one that somebody has smuggled past a proxy."""
    found = answers(server.said(AMBIGUOUS[what] + ALIVE))
    assert len(found) == 1
    assert found[0].status in (400, 405, 501)
    assert found[0].json["ok"] is False
    assert [answer.status for answer in answers(server.said(ALIVE))] == [200]


def test_requests_in_a_row_get_their_answers_in_order(server: Server) -> None:
    """Each with its body, read or not; HTTP/1.0 ends the connection unless it asks for more."""
    four = ALIVE, POST + b"Content-Length: 4\r\n\r\nGET ", HOOK + b"Content-Length: 1\r\n\r\n{", ALIVE
    found = answers(server.said(b"".join(four * 50)))
    assert [answer.status for answer in found] == [200, 405, 400, 200] * 50
    old = ALIVE.replace(b"/1.1", b"/1.0")
    assert len(answers(server.said(old + old))) == 1
    kept = old.replace(b"Host: x", b"Connection: keep-alive")
    assert len(answers(server.said(kept + kept))) == 2


UNDERSCORED = (
    "X_Forwarded_For: 127.0.0.1",
    "Content_Length: 44",
    "SCRIPT_NAME: /healthz",
    "PATH_INFO: /metrics",
)


@pytest.mark.parametrize("header", UNDERSCORED)
def test_a_header_with_an_underscore_is_refused(server: Server, header: str) -> None:
    """The application could not tell it from the one with a hyphen, which a proxy has checked."""
    (answer,) = answers(server.said(ALIVE.replace(b"Host: x", f"Host: x\r\n{header}".encode())))
    assert (answer.status, answer.json["code"]) == (400, "bad_request")


def test_a_forwarded_scheme_is_not_believed(server: Server) -> None:
    """Two that say different things would be an error of gunicorn's, were they believed."""
    sent = ALIVE.replace(b"Host: x", b"Host: x\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Ssl: off")
    assert [answer.status for answer in answers(server.said(sent))] == [200]


@pytest.mark.parametrize("announced", [True, False], ids=["with a length", "in chunks"])
def test_a_huge_body_is_refused_and_fills_no_memory(server: Server, announced: bool) -> None:
    """100 MB to a webhook that takes 256 KiB: answered while it still comes, and no more than 5 MB larger."""
    before = _rss(server)
    framing = b"Content-Length: 100000000" if announced else b"Transfer-Encoding: chunked"
    with server.connected() as connection:
        connection.sendall(HOOK + framing + b"\r\n\r\n")
        listener = threading.Thread(target=_pour, args=(connection, announced))
        listener.start()
        found = answers(heard(connection))
        listener.join()
    assert [(answer.status, answer.json["code"]) for answer in found] == [(413, "body_too_large")]
    assert _rss(server) < before + 5_000_000


def _pour(connection: socket.socket, announced: bool) -> None:
    piece = b"x" * 100_000
    with suppress(OSError):
        for _ in range(1_000):
            connection.sendall(piece if announced else b"%x\r\n%b\r\n" % (len(piece), piece))


def _rss(server: Server) -> int:
    """Give the bytes of memory of the largest process of the server."""
    found = [int(one.split()[0]) for one in group_members(server.process.popen.pid)]
    pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in found]
    return max(pages) * resource.getpagesize()


def test_a_form_that_is_cut_off_is_no_fault_of_ours(server: Server) -> None:
    """A stranger's half a form is refused like half a JSON; it writes no stack trace."""
    login = b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    for rest in (b"Transfer-Encoding: chunked\r\n\r\n5\r\nname=", b"Content-Length: 90\r\n\r\nname="):
        (answer,) = answers(server.said(login + rest))
        assert answer.status == 400
    assert "Traceback" not in server.process.output


def test_what_gunicorn_answers_itself_has_the_headers_of_all(server: Server) -> None:
    """Also what is no HTTP, and what is too long."""
    long = b"GET /" + b"x" * 5_000 + b" HTTP/1.1\r\n\r\n"
    large = b"GET / HTTP/1.1\r\nX: " + b"x" * 9_000 + b"\r\n\r\n"
    many = b"GET / HTTP/1.1\r\n" + b"X: 1\r\n" * 200 + b"\r\n"
    for sent, status in ((b"\0\r\n\r\n", 400), (long, 414), (large, 431), (many, 431)):
        (answer,) = answers(server.said(sent))
        assert answer.status == status
        assert not missing(answer.headers), sent[:30]
    (answer,) = answers(server.said(ALIVE))
    assert not missing(answer.headers)
    assert "gunicorn" not in str(answer.headers)
