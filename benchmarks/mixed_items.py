"""Many items of mixed shapes, some of them damaged: each becomes a row, each damaged one is accounted for.

Three clients, each with another actor. Web, worker and the local Apify are processes and threads of this
machine; the datasets are made while they are read. Exit code 1 if anything is missing, or once too often.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, overload

from agency import Agency, at_work, until
from items import SHAPES, Item, made
from sqlalchemy import func, select

from harvester.ledger import actor_runs as actor_run_rows
from harvester.ledger import clients
from harvester.ledger.post_tables import companions
from harvester.ledger.tables import actor_runs, posts, rejects
from harvester.posts import CompanionKind, RejectReason

#: Items that are taken of one dataset: what is far more than was asked for is left where it is.
_MOST_OF_ONE: Final = 250_000
_LEADS: Final = 20
_WITHIN: Final = 3_600


@dataclass(frozen=True)
class Lazy(Sequence[Any]):
    """A dataset that is made each time that it is read."""

    actor: str
    begins: int
    length: int
    urls: tuple[str, ...]

    def __len__(self) -> int:
        """Say how many items there are."""
        return self.length

    @overload
    def __getitem__(self, at: int) -> Any: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Any]: ...
    def __getitem__(self, at: int | slice) -> Any:
        """Make some of them."""
        if isinstance(at, int):
            return self.all(at).item
        return [self.all(number).item for number in range(*at.indices(self.length))]

    def all(self, at: int) -> Item:
        """Make one, with what it must become."""
        return made(self.actor, self.begins + at, self.urls[at % len(self.urls)])


def main(arguments: Sequence[str] | None = None) -> int:
    """Ingest so many items, and compare what is stored with what was made."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=60_000)
    given = parser.parse_args(arguments)
    asked = {"run_seconds": 4, "max_concurrent_runs": 1_000, "max_memory_gbytes": 1_000}
    settings = {"MAX_ACTOR_RUNS": "1000", "APIFY_MAX_CHARGE_USD": "10000", "DAILY_BUDGET_USD": "1000000"}
    with at_work(len(SHAPES), _LEADS, sandbox=asked, **settings) as agency:
        with agency.ledger.write() as tx:
            for number, actor in enumerate(SHAPES):
                clients.change(tx, f"Client-{number:04d}", actor_id=actor)
        datasets = _kicked_off(agency, given.items)
        began = time.monotonic()
        until(agency, lambda: _is_over(agency), seconds=_WITHIN)
        seconds = time.monotonic() - began
        problems = _problems(agency, datasets)
    total = sum(len(one) for one in datasets.values())
    print(f"{total} items of {len(datasets)} datasets in {seconds:.0f} s, {total / seconds:.0f} a second")
    print("most memory: " + ", ".join(f"{name} {mb:.0f} MB" for name, mb in agency.most_mb.items()))
    for problem in problems:
        print(f"WRONG: {problem}")
    print("every item is accounted for" if not problems else f"{len(problems)} problems")
    return 1 if problems else 0


def _kicked_off(agency: Agency, items: int) -> dict[str, Lazy]:
    """Start everybody's actor runs, and give each its dataset before it ends."""
    agency.call("/api/apify/process", {})
    until(agency, lambda: _started(agency) and not _planned(agency), seconds=120)
    runs = _started(agency)
    each = min(_MOST_OF_ONE, -(-items // len(runs)))
    datasets = {}
    for number, run in enumerate(runs):
        with agency.ledger.read() as tx:
            targets = [target.target_url for target in _targets(tx, run.id)]
        datasets[run.apify_run_id] = Lazy(run.actor_id, number * each, each, tuple(targets))
        agency.sandbox.put_items(run.apify_run_id, datasets[run.apify_run_id])
    return datasets


def _targets(tx: Any, row_id: int) -> list[Any]:
    return actor_run_rows.targets(tx, row_id)


def _started(agency: Agency) -> list[Any]:
    with agency.ledger.read() as tx:
        return list(tx.execute(select(actor_runs).where(actor_runs.c.apify_run_id.is_not(None))))


def _planned(agency: Agency) -> int:
    with agency.ledger.read() as tx:
        which = actor_runs.c.apify_run_id.is_(None)
        return int(tx.execute(select(func.count()).select_from(actor_runs).where(which)).scalar_one())


def _is_over(agency: Agency) -> bool:
    with agency.ledger.read() as tx:
        states = set(tx.execute(select(actor_runs.c.state).distinct()).scalars())
    return states <= {"ingested", "failed"}


def _problems(agency: Agency, datasets: dict[str, Lazy]) -> list[str]:
    problems: list[str] = []
    keys: defaultdict[str, set[str]] = defaultdict(set)
    for run_id, dataset in datasets.items():
        refused: dict[int, RejectReason] = {}
        for at in range(len(dataset)):
            one = dataset.all(at)
            if one.reason is not None:
                refused[at] = one.reason
            else:
                keys[one.companion or dataset.actor].add(one.key or "")
        problems += _refused_otherwise(agency, run_id, refused)
    with agency.ledger.read() as tx:
        for kind in CompanionKind:
            which = companions.c.kind == kind
            kept = set(tx.execute(select(companions.c.companion_key).where(which)).scalars())
            if kept != keys[kind]:
                problems.append(f"{kind}: {len(kept)} stored, {len(keys[kind])} made")
        for number, actor in enumerate(SHAPES):
            which = posts.c.client_id == f"Client-{number:04d}"
            kept = set(tx.execute(select(posts.c.post_key).where(which)).scalars())
            if kept != keys[actor]:
                problems.append(f"{actor}: {len(kept)} posts stored, {len(keys[actor])} made")
    return problems


def _refused_otherwise(agency: Agency, run_id: str, refused: dict[int, RejectReason]) -> list[str]:
    with agency.ledger.read() as tx:
        this = select(actor_runs.c.id).where(actor_runs.c.apify_run_id == run_id).scalar_subquery()
        statement = select(rejects.c.position, rejects.c.reason).where(rejects.c.actor_run_id == this)
        stored = {row.position: row.reason for row in tx.execute(statement)}
    wrong = {at for at in stored.keys() | refused.keys() if stored.get(at) != refused.get(at)}
    return [
        f"item {at} of {run_id}: {stored.get(at)} stored, {refused.get(at)} made" for at in sorted(wrong)[:5]
    ]


if __name__ == "__main__":
    sys.exit(main())
