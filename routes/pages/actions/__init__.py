"""What a person does on the pages: each is asked for once with GET, and done with POST alone.

A module per group. What is done twice by a double click or a reload is done once: the form of what would
start something carries its idempotency key, everything else leaves things as they are the second time.
"""

from __future__ import annotations

from routes.pages.actions import all_clients, clients, harvest, leads, repairs, runs, starts

MODULES = (harvest, all_clients, runs, repairs, starts, clients, leads)
