"""The ledger: the one SQL database that holds every state, on SQLite or PostgreSQL.

This package is the only door to SQLAlchemy. Callers take a transaction from `Ledger.read()` or
`Ledger.write()` and hand it to the functions of the modules beside this one, one module per concern.
"""

from __future__ import annotations

from harvester.ledger.database import Blocked, CannotUndo, Ledger, TookTooLong, Tx

__all__ = ["Blocked", "CannotUndo", "Ledger", "TookTooLong", "Tx"]
