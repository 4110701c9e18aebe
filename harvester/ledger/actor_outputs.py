"""How the items of actor runs looked: counted page by page, and read together by actor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, exists, func, select, update

from harvester.ledger import rows
from harvester.ledger.database import Tx
from harvester.ledger.post_tables import actor_outputs
from harvester.ledger.tables import actor_runs, lead_outcomes, rejects
from harvester.models import ActorRun

#: Of how many items that were looked at a path was there, and of how many the value was of a type:
#: `{"author.name": {"items": 20, "types": {"text": 19, "null": 1}}}`. The path `""` is the item itself.
Fields = dict[str, dict[str, Any]]
#: Paths that are kept of one actor run. Items whose keys are numbers would bring ever more of them.
MOST_PATHS: Final = 300
_COUNTS: Final = (
    "items",
    "posts",
    "companions",
    "errors",
    "misfits",
    "unattributed",
    "undated",
    "targets",
    "empty_targets",
)


@dataclass(frozen=True, slots=True)
class Look:
    """How items looked: those of a page, of an actor run, or of several.

    `errors` are error items that the actor told of itself, `misfits` all other rejects, `unattributed` those
    of them that are posts of no lead asked for; `undated` are posts without a time.
    """

    items: int = 0
    posts: int = 0
    companions: int = 0
    errors: int = 0
    misfits: int = 0
    unattributed: int = 0
    undated: int = 0
    targets: int = 0
    empty_targets: int = 0
    fields: Fields = field(default_factory=dict)

    def __add__(self, other: Look) -> Look:
        """Give the look of both together."""
        summed = {name: getattr(self, name) + getattr(other, name) for name in _COUNTS}
        return Look(**summed, fields=together(self.fields, other.fields))


@dataclass(frozen=True, slots=True)
class Output:
    """The look of one actor run, when it was judged, and when a person let it pass (`excused_at`).

    `profiles`: how many it was asked for. Of those, the look's targets are the ones that it had a word about.
    """

    actor_run_id: int
    judged_at: datetime
    excused_at: datetime | None
    look: Look
    profiles: int

    @property
    def with_posts(self) -> int:
        """How many of its profiles brought posts."""
        return self.look.targets - self.look.empty_targets


def together(one: Mapping[str, Mapping[str, Any]], other: Mapping[str, Mapping[str, Any]]) -> Fields:
    """Add up what was seen of fields; of more than `MOST_PATHS` paths the first are kept."""
    summed: Fields = {}
    for path in (*one, *(path for path in other if path not in one)):
        if len(summed) == MOST_PATHS:
            break
        seen = [fields[path] for fields in (one, other) if path in fields]
        names = dict.fromkeys(name for each in seen for name in each["types"])
        types = {name: sum(each["types"].get(name, 0) for each in seen) for name in names}
        summed[path] = {"items": sum(each["items"] for each in seen), "types": types}
    return summed


def count(tx: Tx, run: ActorRun, look: Look, *, anew: bool) -> None:
    """Add a page to what was counted of an actor run; with `anew` it is the first, of a reading of its own.

    To be called in the transaction that moves the cursor past that page.
    """
    insert = rows.upsert(tx, actor_outputs)
    known = None if anew else _of(tx, run.id)
    whole = look if known is None else known + look
    values = _values(whole) | {"actor_id": run.actor_id}
    statement = insert.on_conflict_do_update(index_elements=["actor_run_id"], set_=values)
    tx.execute(statement.values(actor_run_id=run.id, **values))


def judge(tx: Tx, run: ActorRun, *, targets: int, empty: int, now: datetime) -> Look:
    """Write down how many targets were looked at and had no posts. Returns the whole look."""
    known = replace(_of(tx, run.id) or Look(), targets=targets, empty_targets=empty)
    values = _values(known) | {"actor_id": run.actor_id, "judged_at": now}
    statement = rows.upsert(tx, actor_outputs).on_conflict_do_update(
        index_elements=["actor_run_id"], set_=values
    )
    tx.execute(statement.values(actor_run_id=run.id, **values))
    return known


def latest(
    tx: Tx,
    actor_id: str,
    *,
    limit: int,
    but: int | None = None,
    client_id: str | None = None,
    fields: bool = False,
) -> list[Output]:
    """Give the outputs of an actor that were judged last, the newest first, without those of one run.

    Their `fields` are read only if asked for: they are by far the most of it.
    """
    wanted = [one for one in actor_outputs.c if fields or one.name != "fields"]
    its_own = actor_runs.c.id == actor_outputs.c.actor_run_id
    statement = select(*wanted, actor_runs.c.profiles).join(actor_runs, its_own)
    statement = statement.where(actor_outputs.c.actor_id == actor_id, actor_outputs.c.judged_at.is_not(None))
    if but is not None:
        statement = statement.where(actor_outputs.c.actor_run_id != but)
    if client_id is not None:
        statement = statement.where(actor_outputs.c.actor_run_id.in_(_of_client(client_id)))
    in_order = statement.order_by(actor_outputs.c.judged_at.desc(), actor_outputs.c.actor_run_id.desc())
    return [
        Output(row.actor_run_id, row.judged_at, row.excused_at, _look(row._asdict()), row.profiles)
        for row in tx.execute(in_order.limit(limit))
    ]


def was_asked_again(tx: Tx, run: ActorRun) -> bool:
    """Say whether an actor run was for leads alone of which an earlier one had brought nothing.

    Those are asked for apart from the others, and prove nothing about them.
    """
    earlier = lead_outcomes.alias("earlier")
    before = exists().where(
        earlier.c.lead_id == lead_outcomes.c.lead_id,
        earlier.c.actor_run_id < run.id,
        earlier.c.decided_at.is_not(None),
        earlier.c.posts_found == 0,
    )
    anew = select(lead_outcomes.c.lead_id).where(lead_outcomes.c.actor_run_id == run.id, ~before)
    return tx.execute(anew.limit(1)).first() is None


def actors(tx: Tx) -> list[str]:
    """Name the actors of which something was judged."""
    judged = select(actor_outputs.c.actor_id).where(actor_outputs.c.judged_at.is_not(None))
    return sorted(tx.execute(judged.distinct()).scalars())


def excuse_one(tx: Tx, run: ActorRun, *, now: datetime) -> None:
    """Let what one actor run brought count for nothing when its actor is judged."""
    which = actor_outputs.c.actor_run_id == run.id
    tx.execute(update(actor_outputs).where(which).values(excused_at=now))


def excuse(tx: Tx, actor_id: str, *, now: datetime) -> None:
    """Let all that was judged of an actor until now pass: a person wants it to go on."""
    which = (actor_outputs.c.actor_id == actor_id, actor_outputs.c.judged_at.is_not(None))
    tx.execute(
        update(actor_outputs).where(*which, actor_outputs.c.excused_at.is_(None)).values(excused_at=now)
    )


def reject_reasons(tx: Tx, actor_run_ids: Iterable[int], *, samples: int) -> list[dict[str, Any]]:
    """Count the rejects of actor runs by reason, the commonest first, each with some of the newest."""
    these = rejects.c.actor_run_id.in_(list(actor_run_ids))
    counted = select(rejects.c.reason, func.count().label("items")).where(these).group_by(rejects.c.reason)
    return [
        {"reason": row.reason, "items": row.items, "samples": _samples(tx, these, row.reason, samples)}
        for row in tx.execute(counted.order_by(func.count().desc(), rejects.c.reason)).all()
    ]


def _samples(tx: Tx, these: ColumnElement[bool], reason: str, limit: int) -> list[dict[str, Any]]:
    statement = (
        select(actor_runs.c.client_run_id, rejects.c.detail, rejects.c.sample)
        .join(actor_runs, actor_runs.c.id == rejects.c.actor_run_id)
        .where(these, rejects.c.reason == reason)
        .order_by(rejects.c.sample.is_(None), rejects.c.actor_run_id.desc(), rejects.c.position)
    )
    return [dict(row._mapping) for row in tx.execute(statement.limit(limit))]


def _of_client(client_id: str) -> Any:
    return select(actor_runs.c.id).where(actor_runs.c.client_id == client_id)


def _of(tx: Tx, actor_run_id: int) -> Look | None:
    row = tx.execute(select(actor_outputs).where(actor_outputs.c.actor_run_id == actor_run_id)).one_or_none()
    return None if row is None else _look(row._asdict())


def _look(values: Mapping[str, Any]) -> Look:
    return Look(**{name: values[name] for name in _COUNTS}, fields=values.get("fields", {}))


def _values(look: Look) -> dict[str, Any]:
    return {name: getattr(look, name) for name in (*_COUNTS, "fields")}
