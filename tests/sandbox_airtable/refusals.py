"""What a refused request said."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from requests import HTTPError


@dataclass
class Refusal:
    status: int = 0
    type: str = ""
    message: str = ""
    body: Any = None


@contextmanager
def refused() -> Iterator[Refusal]:
    """Expect an HTTP error; what it said is known afterwards."""
    told = Refusal()
    with pytest.raises(HTTPError) as caught:
        yield told
    answer = caught.value.response
    assert answer is not None
    told.status, told.body = answer.status_code, answer.json()
    error = told.body.get("error", {})
    if isinstance(error, dict):
        told.type, told.message = error.get("type", ""), error.get("message", "")
