"""From a raw request to an answer: faults, token, limits, endpoint, errors."""

import logging
from contextlib import AbstractContextManager, nullcontext

from harvester.sandbox.airtable import errors, routes_meta, routes_records, routes_sandbox
from harvester.sandbox.airtable.errors import ApiError
from harvester.sandbox.airtable.faults import Fault
from harvester.sandbox.airtable.ids import is_id
from harvester.sandbox.airtable.model import Base, Table
from harvester.sandbox.airtable.platform import Platform
from harvester.sandbox.airtable.wire import MAX_URL, Call, failure, json_answer
from harvester.sandbox.server import Answer, Raw

_log = logging.getLogger(__name__)
_PAGE_502 = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>Bad Gateway</body>\r\n</html>\r\n"
)


class Router:
    """The sandbox as one function of a request."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def __call__(self, raw: Raw) -> Answer:
        """Answer a request; never raises."""
        call = Call.read(raw)
        try:
            if call.parts[0] == "sandbox":
                return routes_sandbox.of_sandbox(self._platform, call)
            self._locate(call)
            answer = self._answered(raw, call)
        except ApiError as error:
            answer = failure(error)
        except Exception:
            _log.exception("the sandbox failed to answer %s %s", call.method, call.path)
            answer = json_answer({"error": {"type": "SERVER_ERROR"}}, 500)
        self._count(call, answer)
        return answer

    def _answered(self, raw: Raw, call: Call) -> Answer:
        before = self._before(call)
        if before is not None:
            return before
        answer = self._run(raw, call)
        return self._after(call, answer)

    def _before(self, call: Call) -> Answer | None:
        faults, occasion = self._platform.faults, call.occasion()
        if slow := faults.take(occasion, "slow"):
            self._platform.closing.wait(slow.seconds)
        if faults.take(occasion, "reset"):
            return Answer(cut="reset")
        fault = faults.take(
            occasion, "bad-gateway", "unavailable", "unauthorized", "forbidden", "capped", "too-fast"
        )
        return None if fault is None else self._refused(call, fault)

    def _refused(self, call: Call, fault: Fault) -> Answer:
        if fault.kind == "bad-gateway":
            return _bad_gateway()
        if fault.kind == "unavailable":
            answer = failure(errors.typed(503, "RETRIABLE_ERROR", "The service is temporarily unavailable"))
            if fault.retry_after is not None:
                answer.headers["Retry-After"] = str(fault.retry_after)
            return answer
        if fault.kind == "too-fast":
            self._platform.limits.lock_out(call.base.id if call.base else None)
        if fault.kind == "capped":
            return failure(errors.capped())
        refused = errors.unauthenticated() if fault.kind == "unauthorized" else errors.forbidden()
        return failure(refused)

    def _after(self, call: Call, answer: Answer) -> Answer:
        faults, occasion = self._platform.faults, call.occasion()
        if faults.take(occasion, "answer-lost"):
            return Answer(cut="silent")
        if faults.take(occasion, "bad-gateway-after"):
            return _bad_gateway()
        if late := faults.take(occasion, "answer-late"):
            self._platform.closing.wait(late.seconds)
        return answer

    def _run(self, raw: Raw, call: Call) -> Answer:
        self._authenticate(call)
        if len(raw.target) >= MAX_URL:
            return json_answer({"error": {"type": "URI_TOO_LONG"}}, 414)
        self._platform.limits.admit(call.base.id if call.base else None)
        of_meta = call.parts[:2] == ["v0", "meta"]
        if call.base and not of_meta:
            self._platform.limits.charge(call.base.workspace)
        try:
            with _locked(call.base):
                return self._meta(call) if of_meta else self._records(call)
        except ApiError as error:
            return failure(error)

    def _authenticate(self, call: Call) -> None:
        if call.headers.get("authorization") != f"Bearer {self._platform.options.token}":
            raise errors.unauthenticated()

    def _locate(self, call: Call) -> None:
        """Find the base and table that the path names, whether or not the request may see them."""
        of_meta = call.parts[:3] == ["v0", "meta", "bases"]
        named = call.parts[3:6:2] if of_meta else call.parts[1:3] if call.parts[0] == "v0" else []
        if call.parts[1:2] == ["meta"] and not of_meta:
            named = []
        call.route = _route(call, of_meta=of_meta, named=len(named))
        known = {base.id: base for base in self._platform.bases()} if named else {}
        call.base = known.get(named[0]) if named else None
        call.table = call.base.table(named[1]) if call.base and len(named) > 1 else None

    def _records(self, call: Call) -> Answer:
        if call.parts[0] != "v0" or not 3 <= len(call.parts) <= 4:
            raise errors.not_found()
        table = _known(call.table)
        if len(call.parts) == 3:
            return routes_records.of_table(self._platform, call, table)
        if call.parts[3] == "listRecords":
            return routes_records.of_list(self._platform, call, table)
        return routes_records.of_record(self._platform, call, table, call.parts[3])

    def _meta(self, call: Call) -> Answer:
        parts, platform = call.parts[2:], self._platform
        if parts == ["whoami"]:
            return routes_meta.whoami(platform, call)
        if parts == ["bases"]:
            return routes_meta.of_bases(platform, call)
        if len(parts) < 3 or parts[0] != "bases" or parts[2] != "tables":
            raise errors.not_found()
        if call.base is None:
            raise errors.no_such_model()
        if len(parts) == 3:
            return routes_meta.of_tables(platform, call, call.base)
        table, rest = _known(call.table), parts[4:]
        if not rest:
            return routes_meta.of_one_table(platform, call, table)
        if rest == ["fields"]:
            return routes_meta.of_fields(platform, call, table)
        if len(rest) == 2 and rest[0] == "fields":
            return routes_meta.of_one_field(platform, call, table, rest[1])
        raise errors.not_found()

    def _count(self, call: Call, answer: Answer) -> None:
        status = 0 if answer.cut else answer.status
        base = call.base.id if call.base else ""
        table = call.table.name if call.table else ""
        self._platform.oracle.answered(call.method, call.route, base, table, status, call.rows)


def _known(table: Table | None) -> Table:
    if table is None:
        raise errors.no_such_model()
    return table


def _locked(base: Base | None) -> AbstractContextManager[object]:
    return base.lock if base is not None else nullcontext()


def _route(call: Call, *, of_meta: bool, named: int) -> str:
    parts = list(call.parts)
    places = (3, 5) if of_meta else (1, 2)
    for place, label in list(zip(places, ("<base>", "<table>"), strict=True))[:named]:
        parts[place] = label
    last = parts[-1]
    if is_id("rec", last) or is_id("fld", last):
        parts[-1] = "<record>" if last.startswith("rec") else "<field>"
    return "/" + "/".join(parts)


def _bad_gateway() -> Answer:
    return Answer(502, _PAGE_502, {"Content-Type": "text/html"})
