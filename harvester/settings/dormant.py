"""Settings that are accepted and do nothing yet: said aloud, since silence would look like service."""

from __future__ import annotations

from harvester.settings.model import Settings


def dormant(settings: Settings) -> list[str]:
    """Say of each setting that is set, and that this version does not act on, what to expect instead."""
    told = {
        "SCORING_API_KEY": (settings.scoring_api_key, "posts are not scored"),
    }
    said = {name: instead for name, (value, instead) in told.items() if value}
    return [f"{name} is set, but not acted on yet: {instead}" for name, instead in said.items()]
