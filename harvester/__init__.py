"""The nouns and doors of post-harvester: types, settings, ledger, gateways, engine. Imports nothing above."""

__version__ = "0.1.0"
