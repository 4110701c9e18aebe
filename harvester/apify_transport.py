"""impit, held to our rules: one address, no redirects, one total time, and answers that fit into memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from typing import Any, Final

import impit
from apify_client.http_clients import HttpClient

from harvester import apify_json
from harvester.apify_errors import BadAnswer, Refused, TooLarge

#: What `ApifyClient` is given for an answer without a limit of its own, in bytes.
DEFAULT_BYTES: Final = 64 * 2**20
#: What all names and values of an answer's headers may have together, in bytes; impit takes some 400 kB.
_HEADER_BYTES: Final = 64 * 2**10
#: Of an answer that is an error only so much is read: it is told in a sentence.
_ERROR_BYTES: Final = 64 * 2**10
#: impit takes None for 30 seconds.
_FOREVER: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that was read to its end: what the client asks of one. Names of headers are in lower case."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """Parse the body. Raises `ValueError` if it is no JSON."""
        return apify_json.parse(self.content)

    def read(self) -> bytes:
        """Give the body, which was read already."""
        return self.content

    def close(self) -> None:
        """Do nothing: the connection was let go of."""


class Transport(HttpClient):
    """Calls Apify, and no other: each call once, with an answer of `most_bytes` unpacked at the most.

    Makes its connections when first used; they do not survive a fork.
    """

    def __init__(self, token: str, *, base_url: str, timeout: timedelta, most_bytes: int) -> None:
        super().__init__(token=token, max_retries=0, timeout_max=timeout, user_agent_suffix="post-harvester")
        self._base_url = base_url
        self._most_bytes = most_bytes
        self._impit = impit.Client(follow_redirects=False)

    def __repr__(self) -> str:
        return f"Transport({self._base_url!r})"

    def send_request(
        self,
        *,
        method: str,
        url: str,
        headers: dict[str, str],
        content: bytes | Iterator[bytes] | None,
        timeout: float | None,
        stream: bool,
    ) -> Any:
        """Make one call, and read its answer as far as it fits.

        `timeout` is for all of it, to the last byte of the answer. Raises `Refused` for another address than
        the one that is configured, with nothing sent; `BadAnswer` for an answer that leads elsewhere,
        and `TooLarge`; and impit's errors.
        """
        _require_ours(url, self._base_url)
        response = self._impit.request(
            method=method, url=url, headers=headers, content=content, timeout=_total(timeout), stream=True
        )
        try:
            return _read(response, self._most_bytes)
        finally:
            response.close()


def _require_ours(url: str, base_url: str) -> None:
    if not url.startswith(f"{base_url}/v2/"):
        raise Refused("a call to another address than APIFY_API_URL was about to be made", "foreign_address")


def _total(timeout: float | None) -> float:
    return _FOREVER if timeout is None else timeout


def _read(response: impit.Response, most: int) -> Answer:
    status = response.status_code
    if 300 <= status < 400:
        raise BadAnswer(f"Apify's answer leads elsewhere ({status})")
    headers = {name.lower(): value for name, value in response.headers.items()}
    if sum(len(name) + len(value) for name, value in headers.items()) > _HEADER_BYTES:
        raise BadAnswer("the headers of Apify's answer are too large")
    if status >= 400:
        return Answer(status, headers, _beginning(response.iter_bytes(), _ERROR_BYTES))
    return Answer(status, headers, _whole(response.iter_bytes(), most))


def _whole(pieces: Iterable[bytes], most: int) -> bytes:
    """Put a body together. impit unpacks as it goes, so that no more of a bomb exists than was asked for."""
    body = BytesIO()
    for piece in pieces:
        if body.tell() + len(piece) > most:
            raise TooLarge(f"Apify's answer has more than {most // 2**20} MB (APIFY_ANSWER_MB)")
        body.write(piece)
    return body.getvalue()


def _beginning(pieces: Iterable[bytes], most: int) -> bytes:
    body = BytesIO()
    for piece in pieces:
        body.write(piece[: most - body.tell()])
        if body.tell() >= most:
            break
    return body.getvalue()
