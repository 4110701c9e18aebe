"""Controls that are taken away for one run of pytest, to see that the tests which prove them fail without.

`WITHOUT_CONTROL=name pytest tests/…` runs tests without the control of that name. Processes that a test
starts lose it too if they inherit `PYTHONPATH`: `sitecustomize.py` in `without/` takes it away there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import pytest

VARIABLE: Final = "WITHOUT_CONTROL"
_HERE: Final = Path(__file__).parent


def ways() -> Mapping[str, Callable[[pytest.MonkeyPatch], None]]:
    """Give every way to take a control away, by its name."""
    from security import access, hostile_input, money, outgoing, reach, secrets, supply, tenants

    modules = (access, reach, tenants, hostile_input, money, outgoing, secrets, supply)
    found = {name: way for module in modules for name, way in module.DISARMED.items()}
    assert len(found) == sum(len(module.DISARMED) for module in modules), "two controls have one name"
    return found


def disarm(patch: pytest.MonkeyPatch) -> None:
    """Take away the control that the environment names, if it names one, here and in child processes."""
    name = os.environ.get(VARIABLE)
    if not name:
        return
    ways()[name](patch)
    paths = (
        str(_HERE / "without"),
        str(_HERE.parent),
        str(_HERE.parent.parent),
        os.environ.get("PYTHONPATH"),
    )
    patch.setenv("PYTHONPATH", os.pathsep.join(path for path in paths if path))
