"""Many rows in one statement that is the same however many they are: their IDs come as one value."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import orjson
from sqlalchemy import ARRAY, BigInteger, ColumnElement, any_, bindparam, func, select

from harvester.ledger.database import Tx


def among(column: ColumnElement[Any], *, on_sqlite: bool) -> ColumnElement[bool]:
    """Say that a column is one of the IDs that are given as `ids`, by `as_value`."""
    if on_sqlite:
        each = func.json_each(bindparam("ids")).table_valued("value")
        return column.in_(select(each.c.value))
    return column == any_(bindparam("ids", type_=ARRAY(BigInteger)))


def as_value(tx: Tx, ids: Collection[int]) -> Any:
    """Give IDs as the value that stands for all of them."""
    return orjson.dumps(list(ids)).decode() if tx.on_sqlite else list(ids)
