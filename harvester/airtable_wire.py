"""pyairtable and requests, held to our rules: bounded answers, no redirects, no retries, our errors."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import requests
from pyairtable import Api
from requests.adapters import HTTPAdapter

from harvester.airtable_errors import AirtableError, BadAnswer, OutcomeUnknown, Unavailable, refusal

#: A page of 100 records with several full cells of 100,000 characters each still fits.
_MOST_BYTES: Final = 64 * 2**20
_PIECE_BYTES: Final = 64 * 2**10
#: urllib3's words for a connection that was never made, by the names of their classes.
_NEVER_MADE: Final = frozenset({"NewConnectionError", "ConnectTimeoutError"})


class Sessions:
    """Sessions with one token, each lent to one thread at a time: requests does not promise more."""

    def __init__(self, token: str, api_url: str, timeout: tuple[float, float]) -> None:
        self._token = token
        self._api_url = api_url
        self._timeout = timeout
        self._idle: list[Api] = []
        self._lock = threading.Lock()
        self._closed = False

    def __repr__(self) -> str:
        return f"Sessions({self._api_url!r})"

    @contextmanager
    def lent(self) -> Iterator[Api]:
        """Lend a session that nobody else uses."""
        with self._lock:
            api = self._idle.pop() if self._idle else None
        api = api or self._made()
        try:
            yield api
        finally:
            with self._lock:
                if not self._closed:
                    self._idle.append(api)
                    api = None
            if api is not None:
                api.session.close()

    def close(self) -> None:
        """Close the idle sessions now, and those that are lent when they come back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for api in idle:
            api.session.close()

    def _made(self) -> Api:
        timeout: Any = self._timeout  # pyairtable declares whole seconds; requests takes any
        api = Api(
            self._token,
            endpoint_url=self._api_url,
            timeout=timeout,
            retry_strategy=None,
            use_field_ids=True,
        )
        api.session = _Session(_Bounded(sum(self._timeout)))
        api.api_key = self._token  # which is what puts it into the session's headers
        return api


@contextmanager
def translated(*, writing: bool, sent: frozenset[str]) -> Iterator[None]:
    """Turn what requests raises, or our reading of an answer, into our errors by what may have happened.

    No cause is passed on: it would hold the request, and its headers the token.
    """
    lost = OutcomeUnknown if writing else Unavailable
    try:
        yield
    except requests.HTTPError as error:
        raise _refusal(error, writing, sent) from None
    except requests.JSONDecodeError:
        raise _unreadable("is no JSON", writing) from None
    except requests.exceptions.InvalidJSONError:
        raise ValueError("a value that JSON cannot hold was to be sent") from None
    except requests.ConnectionError as error:
        told = f"Airtable could not be reached: {type(error).__name__}"
        raise (Unavailable if _never_made(error) else lost)(told) from None
    except requests.RequestException as error:
        raise lost(f"Airtable's answer was lost: {type(error).__name__}") from None
    except RecursionError:
        raise _unreadable("is nested too deeply", writing) from None
    except BadAnswer as error:
        raise (OutcomeUnknown(str(error)) if writing else error) from None


def _unreadable(why: str, writing: bool) -> BadAnswer | OutcomeUnknown:
    return (OutcomeUnknown if writing else BadAnswer)(f"Airtable's answer {why}")


def _refusal(error: requests.HTTPError, writing: bool, sent: frozenset[str]) -> AirtableError:
    answer = error.response
    assert answer is not None
    try:
        body = answer.json()
    except (ValueError, RecursionError):
        body = None
    return refusal(answer.status_code, body, writing=writing, sent=sent)


def _never_made(error: requests.ConnectionError) -> bool:
    """Say whether it is certain that nothing was sent."""
    if isinstance(error, requests.ConnectTimeout):
        return True
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return any(kind.__name__ in _NEVER_MADE for kind in type(reason).__mro__)


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Leave a request alone: without any `auth`, one from ~/.netrc would replace the token."""
    return request


class _Session(requests.Session):
    """A session with one service, which is spared what the same requests need not have done twice.

    pyairtable has each request prepared once to see how long its URL is, and once more to send it; requests
    asks the whole environment for proxies each time, and keeps cookies. That is a third of what a request
    costs.
    """

    def __init__(self, adapter: _Bounded) -> None:
        super().__init__()
        self.headers["User-Agent"] = "post-harvester"
        self.auth = _as_it_is
        for scheme in ("https://", "http://"):
            self.mount(scheme, adapter)
        self._adapter = adapter
        self._prepared: tuple[Any, requests.PreparedRequest] | None = None
        self._environment: dict[str, Any] | None = None

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """Prepare a request, and remember it for `request`."""
        prepared = super().prepare_request(request)
        self._prepared = (request.method, request.url, request.params, request.json), prepared
        return prepared

    def request(  # type: ignore[override]  # of all that requests takes, pyairtable gives these
        self, method: str, url: str, **options: Any
    ) -> requests.Response:
        """Send a request, which was prepared a moment ago, and give its answer whatever it is."""
        asked = method, url, options.get("params"), options.get("json")
        if self._prepared is None or self._prepared[0] != asked:
            self.prepare_request(requests.Request(method, url, params=asked[2], json=asked[3]))
        assert self._prepared is not None
        (_, prepared), self._prepared = self._prepared, None
        if self._environment is None:  # of one service, and of one process
            self._environment = self.merge_environment_settings(str(prepared.url), {}, True, None, None)
        return self._adapter.send(prepared, timeout=options.get("timeout"), **self._environment)


class _Bounded(HTTPAdapter):
    """Reads an answer at once, and no more of it than fits; follows nowhere."""

    def __init__(self, seconds: float) -> None:
        super().__init__(pool_connections=1, pool_maxsize=1)
        self._seconds = seconds

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        """Send one request, once."""
        deadline = time.monotonic() + self._seconds
        response = super().send(request, *args, **{**options, "stream": True})
        try:
            if 300 <= response.status_code < 400:
                raise BadAnswer(f"Airtable's answer leads elsewhere ({response.status_code})")
            response._content = _body(response, deadline)  # what `response.content` gives from now on
        except BaseException:
            response.close()
            raise
        return response


def _body(response: requests.Response, deadline: float) -> bytes:
    body = bytearray()
    for piece in response.iter_content(_PIECE_BYTES):
        body += piece
        if len(body) > _MOST_BYTES:
            raise BadAnswer("Airtable's answer is too large")
        if time.monotonic() > deadline:
            raise requests.ReadTimeout("Airtable's answer took too long")
    return bytes(body)
