"""The stages of the flows, of which a story is told."""

from __future__ import annotations

from flow.conftest import any_stage as any_stage
from flow.conftest import make_any_stage as make_any_stage
from flow.conftest import make_stage as make_stage
from flow.conftest import stage as stage
