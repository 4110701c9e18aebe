"""The actors that are known by name."""

from types import MappingProxyType

from harvester.sandbox.apify.apimaestro import APIMAESTRO
from harvester.sandbox.apify.harvestapi import HARVESTAPI
from harvester.sandbox.apify.kind import Kind
from harvester.sandbox.apify.options import KNOWN_ACTORS
from harvester.sandbox.apify.supreme_coder import SUPREME_CODER

_KINDS = MappingProxyType(dict(zip(KNOWN_ACTORS, (HARVESTAPI, APIMAESTRO, SUPREME_CODER), strict=True)))


def kind_of(name: str) -> Kind:
    """How an actor is; one that nobody knows is as the first."""
    return _KINDS.get(name.lower(), HARVESTAPI)
