"""Takes a control away in a process that a test has started; see `disarmed.py`."""

import os

if os.environ.get("WITHOUT_CONTROL"):
    import pytest
    from security.disarmed import disarm

    disarm(pytest.MonkeyPatch())
