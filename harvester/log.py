"""Logs: one line per event, in text or JSON, with the IDs at hand, and no token in it.

structlog is the front, the standard `logging` the back: an event of ours is an ordinary record whose message
is final and whose key-values travel beside it, so gunicorn, huey, apify_client and sqlalchemy, and pytest's
`caplog`, meet on one path. Call `get_logger` anywhere; call `configure` once per process.
"""

from __future__ import annotations

import json
import logging
import math
import re
import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import TextIO, cast

import structlog
from structlog.typing import EventDict, ProcessorReturnValue, WrappedLogger

#: gunicorn gives these handlers of its own and stops them from propagating.
_OWN_HANDLERS = ("gunicorn.error", "gunicorn.access")

#: Contextvars come in no order; these stand first, in this one.
_IDS = ("runId", "clientRunId", "clientId", "actorRunId", "dispatchId")
#: A client run's ID holds two others.
_CLIENT_RUN_ID = re.compile(r"(?P<runId>\d{6}-\d{6})-(?P<clientId>[\w-]+)", re.ASCII)

#: What would end a line, colour a terminal or reorder its text: C0, DEL, C1, line and paragraph separators,
#: bidirectional controls, and lone surrogates, which no stream can encode.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

#: Keys whose values are nobody's business, whatever they look like.
_SECRET_KEY = re.compile(r"(?i)(?:token|password|secret|authorization|api_?key|cookie)$")
#: Deeper than that nothing is looked at.
_DEEPEST = 20

#: Libraries that tell of each thing they do, which our own events tell better.
_CHATTY = ("alembic", "huey")
#: What `hide` was given, for the whole process as the logging is; the longest first.
_hidden: list[str] = []
_LEAST_SECRET_CHARS = 8
_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}

#: Patterns work on rendered lines, in which a blank may be escaped or percent-encoded and a value quoted.
_SECRETS = (
    (re.compile(r"(?i)((?:\bbearer(?:\s|\\+[nrt]|%20)+)+)(?!bearer\b)[\w.~+/=%-]+"), r"\1***"),
    (re.compile(r"(apify_api_)\w+"), r"\1***"),
    (re.compile(r"\b(pat)\w{14}\.\w{16,}"), r"\1***"),
    (re.compile(r"(ph1\.)[\w.-]+"), r"\1***"),
    (re.compile(r"(ph_[a-z0-9]{12}_)[\w-]+"), r"\1***"),
    (
        re.compile(r"(?i)(token(?:=|%3D)(?:\\*[\"'])?|token\\*[\"']\s*:\s*\\*[\"'])[^&\s\"'\\;,)}\]]+"),
        r"\1***",
    ),
    (re.compile(r"(?i)(password=)[^&\s\"'\\]+"), r"\1***"),
    (re.compile(r"(://[^\s/:@\"']*:)[^\s/@\"']+@"), r"\1***@"),
)
#: One of these is in whatever one of the patterns fits: most texts have none, and one look says so.
_SUSPECT = re.compile(r"(?i)bearer|apify_api_|pat|ph1\.|ph_|token|password=|://")


def configure(format: str, level: str, stream: TextIO | None = None) -> None:
    """Send every log record of the process to `stream` (stderr) as one line of `format`: `json` or `text`.

    `level` is a level's name, such as `INFO`. Calling again replaces what the last call set.
    """
    root = logging.getLogger()
    for earlier in [handler for handler in root.handlers if isinstance(handler, _LineHandler)]:
        root.removeHandler(earlier)
    root.addHandler(_LineHandler(stream or sys.stderr, _formatter(format)))
    root.setLevel(level)
    for chatty in map(logging.getLogger, _CHATTY):
        chatty.setLevel(max(root.level, logging.WARNING))
    for logger in map(logging.getLogger, _OWN_HANDLERS):
        for handler in logger.handlers[:]:
            logger.removeHandler(handler)
            handler.close()
        logger.propagate = True


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of this name; pass %-style arguments and key-values, never a formatted text.

    An event about a client run has its `clientRunId`, among the key-values or by `bound`; the IDs of its job
    run and client come with it.
    """
    return cast(
        structlog.stdlib.BoundLogger,
        structlog.wrap_logger(
            logging.getLogger(name),
            processors=[structlog.stdlib.filter_by_level, _fill_in, _to_record],
            wrapper_class=structlog.stdlib.BoundLogger,
        ),
    )


def bound(**ids: object) -> AbstractContextManager[None]:
    """Put these IDs (`clientRunId`, `actorRunId`, `dispatchId`, …) on every event within the `with`."""
    return structlog.contextvars.bound_contextvars(**ids)


def hide(secrets: Iterable[str]) -> None:
    """Mask these very values from now on, whatever they look like. Ones too short to be secret are left."""
    for secret in secrets:
        if len(secret) >= _LEAST_SECRET_CHARS:
            written = {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
            _hidden[:] = sorted({*_hidden, *written}, key=len, reverse=True)


def redact(text: str) -> str:
    """Return `text` with hidden values, and whatever looks like a token or a password in a URL, masked."""
    for secret in _hidden:
        text = text.replace(secret, "***")
    if not _SUSPECT.search(text):
        return text
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def one_line(text: str) -> str:
    """Return `text` with every control character and line separator as an escape such as `\\n` or `\\x1b`."""
    return _UNPRINTABLE.sub(_escape, text)


class _LineHandler(logging.StreamHandler[TextIO]):
    """Writes lines in whatever encoding the stream has; a character that it lacks becomes an escape."""

    def __init__(self, stream: TextIO, formatter: logging.Formatter) -> None:
        super().__init__(stream)
        self.setFormatter(formatter)

    def format(self, record: logging.LogRecord) -> str:
        encoding = getattr(self.stream, "encoding", None) or "utf-8"
        return super().format(record).encode(encoding, "backslashreplace").decode(encoding)


def _formatter(format: str) -> logging.Formatter:
    renderers = {"json": (_render_json,), "text": (_render_text, _redact_line)}
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.contextvars.merge_contextvars,
            _key_values,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *renderers[format],
        ],
    )


def _fill_in(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Do what `event % arguments` does, but never fail the caller over a badly written log call."""
    arguments = event.pop("positional_args", ())
    if arguments:
        try:
            event["event"] = event["event"] % arguments
        except (TypeError, ValueError, KeyError):
            event["event"] = f"{event['event']} {arguments!r}"
    return event


def _to_record(_logger: WrappedLogger, _method: str, event: EventDict) -> ProcessorReturnValue:
    passed = {name: event.pop(name) for name in ("exc_info", "stack_info") if name in event}
    return (str(event.pop("event")),), {**passed, "extra": {"key_values": dict(event)}}


def _key_values(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    record: logging.LogRecord = event["_record"]
    found = {**event, **getattr(record, "key_values", {})}
    if whole := _CLIENT_RUN_ID.fullmatch(_said(found.get("clientRunId"))):
        found = {**whole.groupdict(), **found}
    ids = {name: found[name] for name in _IDS if name in found}
    return {**ids, **found, "event": event["event"], "level": record.levelname, "logger": record.name}


def _render_text(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    head = f"{event.pop('timestamp')} {event.pop('level'):<8} {event.pop('logger')} {event.pop('event')}"
    told = {name: _masked(name, value) or _said(_plain(value)) for name, value in event.items()}
    return one_line(" ".join([head, *(f"{name}={_quoted(value)}" for name, value in told.items())]))


def _render_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    """Render values that are redacted already: within the finished line it could tear a string apart."""
    first = {name: event.pop(name) for name in ("timestamp", "level", "logger")}
    message = {"message": event.pop("event")}
    line = json.dumps(_plain({**first, **message, **event} | message), allow_nan=False)
    return line.replace("\x7f", r"\u007f")


def _plain(value: object, within: tuple[int, ...] = ()) -> object:
    """Give a value as what JSON knows, with no secret in it."""
    if isinstance(value, str):
        return redact(str.__str__(value))
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, dict | list | tuple):
        if id(value) in within or len(within) > _DEEPEST:
            return "…"
        path = (*within, id(value))
        if isinstance(value, dict):
            named = ((_said(name), one) for name, one in value.items())
            return {redact(name): _masked(name, one) or _plain(one, path) for name, one in named}
        return [_plain(one, path) for one in value]
    return redact(_said(value))


def _masked(name: str, value: object) -> str:
    """Give what stands for the value of a key that names a secret; nothing where there is none to hide."""
    return "***" if _SECRET_KEY.search(name) and value and not isinstance(value, bool) else ""


def _said(value: object) -> str:
    """Do what `str` does, but never fail the caller over an object that cannot say what it is."""
    try:
        return str(value)
    except Exception as error:
        return f"<{type(value).__name__}: {type(error).__name__}>"


def _redact_line(_logger: WrappedLogger, _method: str, line: EventDict) -> str:
    return redact(str(line))


def _quoted(text: str) -> str:
    return text if re.fullmatch(r"[^\s\"'=]+", text) else json.dumps(text, ensure_ascii=False)


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    code = ord(character)
    return _SHORT.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")
