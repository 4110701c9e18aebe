"""The stages of the flows, for what was harvested before."""

from __future__ import annotations

from flow.conftest import make_any_stage as make_any_stage
from flow.conftest import make_stage as make_stage
from flow.conftest import stage as stage
