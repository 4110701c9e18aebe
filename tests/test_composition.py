"""What is put together, and what it costs where it is not wanted."""

from __future__ import annotations

import subprocess
import sys


def test_the_client_of_airtable_is_not_imported_where_airtable_is_off() -> None:
    """It takes half a second, in every process and at every command."""
    seen = "import sys, routes, harvester.cli; print('pyairtable' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", seen], capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == "False"
