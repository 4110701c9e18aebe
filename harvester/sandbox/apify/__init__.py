"""A local stand-in for the Apify API: real HTTP, runs that live and die, webhooks, costs, faults."""

from harvester.sandbox.apify.faults import Fault
from harvester.sandbox.apify.oracle import Ledger
from harvester.sandbox.apify.sandbox import SandboxApify

__all__ = ["Fault", "Ledger", "SandboxApify"]
