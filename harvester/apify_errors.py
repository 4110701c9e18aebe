"""What can go wrong at Apify, in our words: each error says whether trying again can help."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import impit
from apify_client.errors import ApifyApiError, ApifyClientError
from pydantic import ValidationError

from harvester.errors import HarvesterError
from harvester.log import redact
from harvester.normalise.text import one_line

#: How much of what Apify says in an error is kept: it is stored, shown and logged.
_MESSAGE_CHARS: Final = 300
_TYPE_CHARS: Final = 80
#: "Not now": the account's memory or concurrency is used up. Some send 402 with these, some 400, so the
#: type decides and not the status (field reports; apify-client-python#1071).
_NOT_NOW: Final = frozenset({"actor-memory-limit-exceeded", "concurrent-runs-limit-exceeded"})


class ApifyError(HarvesterError):
    """Base of the errors of this gateway. `code` is a stable word for records and answers."""

    code = "apify_error"


class Unavailable(ApifyError):
    """Apify could not be reached, was too busy, or broke. Nothing was done; the same call may work later."""

    permanent = False
    code = "apify_unavailable"


class NotNow(ApifyError):
    """Apify refused a start for want of memory or free runs, or to slow us down. Nothing was started."""

    permanent = False
    code = "apify_busy"


class StartUnknown(ApifyError):
    """A start was sent and its answer lost: an actor run may be at work, and be charged for."""

    permanent = False
    code = "start_unknown"


class BadAnswer(ApifyError):
    """Apify answered with something that its API does not describe."""

    permanent = False
    code = "apify_bad_answer"


class TooLarge(BadAnswer):
    """Apify answered with more than `APIFY_ANSWER_MB`. Of a list, less may be asked for."""


class Gone(ApifyError):
    """Apify has no such object any more."""

    code = "data_gone"


class Refused(ApifyError):
    """Apify refused, and will refuse again until a person changes something. `code` is Apify's own type."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


@contextmanager
def translated() -> Iterator[None]:
    """Turn the client's errors into ours, for calls that read."""
    try:
        yield
    except ApifyApiError as error:
        raise _from_answer(error) from error
    except impit.HTTPError as error:  # transport errors are not among the client's own
        raise Unavailable(f"Apify could not be reached: {type(error).__name__}") from None
    except (ApifyClientError, ValidationError) as error:
        raise BadAnswer(f"Apify's answer could not be understood: {type(error).__name__}") from error


@contextmanager
def ambiguous_start() -> Iterator[None]:
    """Turn the client's errors into ours, for a start: whatever may have come after the effect is unknown.

    Only an answer of Apify's own that it refused, or a connection that was never made, proves that
    nothing was started. Transport errors are not passed on as causes: their text holds the call's URL, and
    that of a start holds the webhook's token.
    """
    try:
        yield
    except ApifyApiError as error:
        if error.status_code >= 500 or error.status_code == 408:
            raise StartUnknown(f"Apify answered a start with {error.status_code}") from error
        raise _from_answer(error, starting=True) from error
    except (impit.ConnectError, impit.ConnectTimeout) as error:
        raise Unavailable(f"Apify could not be reached: {type(error).__name__}") from None
    except (impit.HTTPError, ApifyClientError, ValidationError) as error:
        raise StartUnknown(f"the answer to a start was lost: {type(error).__name__}") from None
    except BadAnswer as error:
        raise StartUnknown(f"the answer to a start is of no use: {error}") from None


def _from_answer(error: ApifyApiError, *, starting: bool = False) -> ApifyError:
    kind = one_line(error.type or f"http-{error.status_code}", _TYPE_CHARS)
    told = one_line(redact(error.message or "no message"), _MESSAGE_CHARS)
    message = f"Apify answered {error.status_code} {kind}: {told}"
    if kind in _NOT_NOW or (starting and error.status_code == 429):
        return NotNow(message)
    if error.status_code >= 500 or error.status_code in (408, 429):
        return Unavailable(message)
    if error.status_code == 404 and not starting:
        return Gone(message)
    return Refused(message, code=kind)
