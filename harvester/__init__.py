"""The nouns and doors of post-harvester: types, run IDs, settings, ledger, gateways, engine. Imports nothing above it."""

__version__ = "0.1.0"
