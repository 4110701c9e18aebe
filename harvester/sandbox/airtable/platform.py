"""The account behind the API: its bases, its limits, what happened, what is to go wrong."""

import threading
from collections.abc import Sequence
from typing import Any

from harvester.sandbox.airtable.building import built
from harvester.sandbox.airtable.errors import no_such_model
from harvester.sandbox.airtable.faults import FaultBook
from harvester.sandbox.airtable.ids import new_id
from harvester.sandbox.airtable.limits import Limits
from harvester.sandbox.airtable.listing import Iterators
from harvester.sandbox.airtable.model import Base, Table
from harvester.sandbox.airtable.options import Options
from harvester.sandbox.airtable.oracle import Ledger, Oracle
from harvester.sandbox.airtable.specs import BaseSpec


class Platform:
    """All state, in memory. Public methods may be called from any thread."""

    def __init__(self, options: Options, bases: Sequence[BaseSpec]) -> None:
        self.options = options
        self.user_id = new_id("usr")
        self.limits = Limits(options)
        self.faults = FaultBook(options.seed)
        self.oracle = Oracle()
        self.iterators = Iterators()
        self.closing = threading.Event()
        self._specs = list(bases)
        self._lock = threading.Lock()
        self._bases: dict[str, Base] = {}
        self._build()

    def _build(self) -> None:
        for spec in self._specs:
            self.add(built(spec, self.options.seed))

    def add(self, base: Base) -> None:
        """One more base. Raises `ValueError` when its ID is taken."""
        with self._lock:
            if base.id in self._bases:
                raise ValueError(f"two bases with the ID {base.id}")
            self._bases[base.id] = base

    def reset(self) -> None:
        """As on the first day: the bases of the beginning, no faults, nothing counted."""
        with self._lock:
            self._bases = {}
        self.faults.put([])
        self.limits.reset()
        self.oracle.reset()
        self.iterators.forget()
        self._build()

    def bases(self) -> list[Base]:
        """All bases, in the order they were made."""
        with self._lock:
            return list(self._bases.values())

    def base(self, base_id: str) -> Base:
        """By ID. Raises `ApiError` 403."""
        with self._lock:
            found = self._bases.get(base_id)
        if found is None:
            raise no_such_model()
        return found

    def table(self, base_id: str, name: str) -> Table:
        """By ID or name. Raises `ApiError` 403."""
        found = self.base(base_id).table(name)
        if found is None:
            raise no_such_model()
        return found

    def ledger(self) -> Ledger:
        """Everything that happened."""
        return self.oracle.snapshot(self.bases())

    def workspaces(self) -> set[Any]:
        """The workspaces that hold bases."""
        return {base.workspace for base in self.bases()}
